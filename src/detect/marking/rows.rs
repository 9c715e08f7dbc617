// SPDX-License-Identifier: EUPL-1.2
//! Parts the rows of a text into cells: at tabs and wide gaps, at lines drawn between columns, at the sign of a file of
//! values.

/// Lines drawn between the cells of a row.
const LINES: &[char] = &['|', '│', '┃', '║', '¦'];
/// Blanks in a row that are a wide gap.
const WIDE: usize = 3;

/// A filled line or a cell, as read and as written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row<'t> {
    pub normal: &'t str,
    /// `None` where lines do not correspond.
    pub written: Option<&'t str>,
}

impl<'t> Row<'t> {
    pub(super) fn text(&self) -> &'t str {
        self.written.unwrap_or(self.normal)
    }
}

/// The cells of a row; none where it is an ordinary line.
pub(super) fn cells<'t>(row: Row<'t>, separator: Option<char>) -> Vec<Row<'t>> {
    let normal = parts(row.normal, separator);
    if normal.len() < 2 {
        return Vec::new();
    }
    let written = row.written.map(|line| parts(line, separator)).filter(|written| written.len() == normal.len());
    let cell = |i: usize| Row { normal: normal[i], written: written.as_ref().map(|w| w[i]).or(row.written) };
    (0..normal.len()).map(cell).collect()
}

/// What stands between the ends of columns.
fn parts(line: &str, separator: Option<char>) -> Vec<&str> {
    let line = line.trim();
    let mut parts = Vec::new();
    let (mut from, mut blanks) = (0, 0);
    // Where the run of blanks began, whether it is wide, and how many there are.
    let (mut run, mut wide) = (0, false);
    for (at, c) in line.char_indices() {
        if c.is_whitespace() {
            run = if blanks == 0 { at } else { run };
            blanks += 1;
            wide |= c == '\t' || blanks >= WIDE;
            continue;
        }
        if wide {
            parts.push(&line[from..run]);
            from = at;
        }
        (blanks, wide) = (0, false);
        if LINES.contains(&c) || Some(c) == separator {
            parts.push(&line[from..at]);
            from = at + c.len_utf8();
        }
    }
    parts.push(&line[from..]);
    let quotes = |c: char| c.is_whitespace() || separator.is_some() && c == '"';
    parts.iter().map(|part| part.trim_matches(quotes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_and_lines_part_cells_and_words_do_not() {
        for (line, separator, expected) in [
            ("Réf. 12\tSECRET\t1/2", None, vec!["Réf. 12", "SECRET", "1/2"]),
            ("Cabinet   SECRET \u{a0} 1/2", None, vec!["Cabinet", "SECRET", "1/2"]),
            ("| Note | SECRET |", None, vec!["", "Note", "SECRET", ""]),
            ("\"B1\";\"TRÈS SECRET\";3", Some(';'), vec!["B1", "TRÈS SECRET", "3"]),
            ("une  phrase ; deux mots", None, vec![]),
        ] {
            let row = Row { normal: line, written: Some(line) };
            let found: Vec<&str> = cells(row, separator).iter().map(Row::text).collect();
            assert_eq!(found, expected, "{line:?}");
        }
    }
}
