// SPDX-License-Identifier: EUPL-1.2
//! By what character the cells of a text are parted, told from its first lines.

use encoding_rs::WINDOWS_1252;

use super::{Delimited, Dialect, Row, Rows, addresses};

/// What is tried, the likeliest first. A space last: it parts words too.
const DELIMITERS: &[u8] = b",;\t|\x1f\x1e\x01^~:#!$%*&=/\\_ ";
/// Rows looked at.
const SAMPLE: usize = 200;

impl Dialect {
    /// The likeliest dialect of a head in an encoding that keeps ASCII. `whole`: nothing follows the head.
    pub fn guess(head: &[u8], whole: bool) -> Dialect {
        // Excel's own word for it: a first line `sep=;`.
        if let [b's' | b'S', b'e' | b'E', b'p' | b'P', b'=', delimiter, b'\r' | b'\n', ..] = head {
            return Dialect { delimiter: *delimiter, quote: b'"' };
        }
        let end = if whole { head.len() } else { memchr::memrchr2(b'\n', b'\r', head).map_or(head.len(), |at| at + 1) };
        let head = &head[..end];
        let present = |delimiter: &u8| head.contains(delimiter);
        let mut best = (Score::default(), Dialect { delimiter: b',', quote: b'"' });
        for delimiter in DELIMITERS.iter().copied().filter(present) {
            let double = Dialect { delimiter, quote: b'"' };
            let single = Dialect { delimiter, quote: b'\'' };
            // A quote of the other kind shows itself at both ends of cells.
            let opens = [delimiter, b'\''];
            let closes = [b'\'', delimiter];
            let is_single = memchr::memmem::find_iter(head, &opens).count() > 1
                && memchr::memmem::find_iter(head, &closes).count() > 1
                && !head.contains(&b'"');
            let dialect = if is_single { single } else { double };
            let score = Score::of(head, dialect);
            if score > best.0 {
                best = (score, dialect);
            }
        }
        best.1
    }
}

/// How well a dialect explains a text: rows with an address in a cell of its own, then rows of the usual width, then
/// the width; in hundredths, so that a row that differs does not decide.
#[derive(Debug, Default, PartialEq, PartialOrd)]
struct Score {
    addresses: u32,
    alike: u32,
    is_parted: bool,
}

impl Score {
    fn of(head: &[u8], dialect: Dialect) -> Score {
        let mut rows = Delimited::new(head, dialect, WINDOWS_1252);
        let (mut row, mut widths, mut found, mut asked) = (Row::default(), Vec::new(), 0, 0);
        while widths.len() < SAMPLE && matches!(rows.next(&mut row), Ok(true)) {
            if row.is_blank() {
                continue;
            }
            widths.push(row.len());
            if row.raw.contains(&b'@') {
                asked += 1;
                found += u32::from(row.cells().take(1000).any(|cell| addresses(&cell).is_some()));
            }
        }
        widths.sort_unstable();
        let usual = widths.get(widths.len() / 2).copied().unwrap_or_default();
        let alike = widths.iter().filter(|width| **width == usual).count() as u32;
        let share = |part: u32, whole: u32| (part * 20).checked_div(whole).unwrap_or_default();
        Score { addresses: share(found, asked), alike: share(alike, widths.len() as u32), is_parted: usual > 1 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_delimiter_is_told_from_the_text() {
        for (text, delimiter) in [
            ("nom,mail\nMartin,a@x.example\n", b','),
            ("nom;mail\nMartin, Anne;a@x.example\nPetit, Bo;b@x.example\n", b';'),
            ("nom\tmail\nMartin; Anne\ta@x.example\n", b'\t'),
            ("a@x.example|Martin\nb@x.example|Petit\n", b'|'),
            ("sep=^\na^b\n", b'^'),
            ("a@x.example:Martin:12\nb@x.example:Petit:13\n", b':'),
            ("Anne a@x.example\nBo b@x.example\n", b' '),
            ("a@x.example\nb@x.example\n", b','),
            ("", b','),
        ] {
            assert_eq!(Dialect::guess(text.as_bytes(), true).delimiter, delimiter, "{text:?}");
        }
        let single = "'a@x.example';'Martin; A'\n'b@x.example';'Petit; B'\n";
        assert_eq!(Dialect::guess(single.as_bytes(), true), Dialect { delimiter: b';', quote: b'\'' });
    }

    proptest! {
        #[test]
        fn any_delimiter_is_found(
            delimiter in prop::sample::select(&b",;\t|^~:"[..]),
            rows in prop::collection::vec(("[A-Z][a-z]{2,9}", "[a-z]{2,9}", 1u32..99), 3..40),
            quoted in any::<bool>(),
        ) {
            let d = char::from(delimiter);
            let q = if quoted { "\"" } else { "" };
            let mut text = format!("name{d}mail{d}number\n");
            for (name, local, number) in rows {
                text.push_str(&format!("{q}{name}{q}{d}{q}{local}@town.example{q}{d}{q}{number}{q}\n"));
            }
            prop_assert_eq!(Dialect::guess(text.as_bytes(), true).delimiter, delimiter);
        }
    }
}
