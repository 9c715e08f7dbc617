// SPDX-License-Identifier: EUPL-1.2
//! LDIF (RFC 2849): an entry is a row, an attribute a column; values of one attribute stand in one cell, a line each.

use std::collections::HashMap;
use std::io::Read;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{Feed, MAX_RECORD, Row, Rows, RowsError};

/// Attributes that become columns; a directory has some hundreds.
const MAX_ATTRIBUTES: usize = 1024;
/// A longer value is a photograph or a certificate, and no cell.
const MAX_VALUE: usize = 64 << 10;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Reads entries.
pub struct Ldif<R> {
    feed: Feed<R>,
    line: u64,
    at_start: bool,
    names: Vec<String>,
    columns: HashMap<String, usize>,
}

/// One attribute of an entry, folding undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attribute<'a> {
    pub name: &'a str,
    /// What parts name and value: `:`, `::` (base64) or `:<` (a place to read it from).
    pub separator: &'a str,
    pub value: &'a [u8],
}

impl<'a> Attribute<'a> {
    /// Reads a line without its line end.
    pub fn parse(line: &'a [u8]) -> Option<Attribute<'a>> {
        let colon = memchr::memchr(b':', line)?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        let separator = match line.get(colon + 1) {
            Some(b':') => "::",
            Some(b'<') => ":<",
            _ => ":",
        };
        let value = line[colon + separator.len()..].trim_ascii_start();
        let attribute = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-;._".contains(&b));
        attribute.then_some(Attribute { name, separator, value })
    }

    /// The column: the name without options (`cn;lang-fr`), in small letters.
    pub fn column(&self) -> String {
        self.name.split(';').next().unwrap_or_default().to_ascii_lowercase()
    }

    /// The value as text; `None` where it is none or lies elsewhere.
    pub fn text(&self) -> Option<String> {
        match self.separator {
            _ if self.value.len() > MAX_VALUE => None,
            ":" => Some(String::from_utf8_lossy(self.value).into_owned()),
            "::" => String::from_utf8(BASE64.decode(self.value).ok()?).ok(),
            _ => None,
        }
    }
}

/// The lines of an entry as written, joined where they were folded; comments are left out.
pub fn unfold(raw: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for line in raw.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match (line.split_first(), lines.last_mut()) {
            (Some((b' ', rest)), Some(last)) => last.extend_from_slice(rest),
            (None, _) => {}
            _ => lines.push(line.to_vec()),
        }
    }
    lines.retain(|line| line.first() != Some(&b'#'));
    lines
}

impl<R: Read> Ldif<R> {
    pub fn new(source: R) -> Ldif<R> {
        Ldif { feed: Feed::new(source), line: 1, at_start: true, names: Vec::new(), columns: HashMap::new() }
    }

    /// Reads the lines of one entry and the blank ones behind it.
    fn entry(&mut self, row: &mut Row) -> Result<bool, RowsError> {
        row.clear();
        row.line = self.line;
        let (mut line_start, mut seen_text, mut blank_behind) = (0, false, false);
        while let Some(byte) = self.feed.peek()? {
            let at_line_start = row.raw.len() == line_start;
            if at_line_start && blank_behind && byte != b'\n' && byte != b'\r' {
                break;
            }
            row.raw.extend(self.feed.byte()?);
            if row.raw.len() > MAX_RECORD {
                return Err(RowsError::RecordTooLarge(row.line));
            }
            if byte == b'\n' {
                let is_blank = row.raw[line_start..].iter().all(|b| matches!(b, b'\r' | b'\n'));
                blank_behind = seen_text && is_blank;
                seen_text |= !is_blank;
                line_start = row.raw.len();
                self.line += 1;
            }
        }
        Ok(!row.raw.is_empty())
    }

    fn column(&mut self, name: String) -> Option<usize> {
        if let Some(column) = self.columns.get(&name) {
            return Some(*column);
        }
        let column = self.names.len();
        (column < MAX_ATTRIBUTES).then(|| {
            self.names.push(name.clone());
            self.columns.insert(name, column);
            column
        })
    }
}

impl<R: Read> Rows for Ldif<R> {
    /// Entries only: what a search says of itself, and changes to entries, are passed over with no cells.
    fn next(&mut self, row: &mut Row) -> Result<bool, RowsError> {
        if std::mem::take(&mut self.at_start) {
            self.feed.skip_mark()?;
        }
        if !self.entry(row)? {
            return Ok(false);
        }
        let lines = unfold(&row.raw);
        let (mut cells, mut is_entry) = (Vec::<(String, String)>::new(), false);
        for attribute in lines.iter().filter_map(|line| Attribute::parse(line)) {
            let name = attribute.column();
            match name.as_str() {
                "dn" => is_entry = true,
                "changetype" if !attribute.value.eq_ignore_ascii_case(b"add") => {
                    is_entry = false;
                    break;
                }
                "version" if !is_entry => continue,
                _ => {}
            }
            cells.extend(attribute.text().map(|text| (name, text)));
        }
        if !is_entry {
            return Ok(true);
        }
        let mut cells: Vec<(usize, String)> =
            cells.into_iter().filter_map(|(name, text)| Some((self.column(name)?, text))).collect();
        cells.sort_by_key(|(column, _)| *column);
        let width = cells.last().map_or(0, |(column, _)| column + 1);
        let mut cells = cells.into_iter().peekable();
        for column in 0..width {
            let mut is_first = true;
            while let Some((_, text)) = cells.next_if(|(at, _)| *at == column) {
                if !is_first {
                    row.push(b'\n');
                }
                row.extend(text.as_bytes());
                is_first = false;
            }
            row.end_cell(false);
        }
        Ok(true)
    }

    fn names(&self) -> Option<&[String]> {
        Some(&self.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(text: &str) -> (Vec<String>, Vec<Vec<String>>) {
        let mut reader = Ldif::new(text.as_bytes());
        let (mut row, mut all, mut raw) = (Row::default(), Vec::new(), Vec::new());
        while reader.next(&mut row).unwrap() {
            raw.extend_from_slice(&row.raw);
            if !row.is_empty() {
                all.push(row.cells().map(String::from).collect());
            }
        }
        assert_eq!(raw, text.trim_start_matches('\u{feff}').as_bytes());
        (reader.names.clone(), all)
    }

    #[test]
    fn entries_become_rows() {
        let text = "version: 1\n\n# people\n#  of the town\ndn: cn=Anne,dc=x\ncn;lang-fr:: w4lsaXNl\nmail: anne@town.exa\n mple\n\
                    mail: a@town.example\n\n\ndn: cn=Bo\r\nmail:bo@town.example\r\nsn: Petit\r\n\r\n\
                    dn: cn=Old\nchangetype: delete\n\n# search result\nsearch: 2\nresult: 0 Success\n";
        let (names, rows) = entries(text);
        assert_eq!(names, ["dn", "cn", "mail", "sn"]);
        assert_eq!(
            rows,
            [
                vec!["cn=Anne,dc=x", "Élise", "anne@town.example\na@town.example"],
                vec!["cn=Bo", "", "bo@town.example", "Petit"],
            ]
        );
    }

    #[test]
    fn a_mark_belongs_to_no_entry() {
        for head in ["", "version: 1\n", "# people\n"] {
            let text = format!("{head}dn: cn=Anne\nmail: anne@town.example\n\ndn: cn=Bo\n");
            assert_eq!(entries(&format!("\u{feff}{text}")), entries(&text), "{head:?}");
            assert_eq!(entries(&text).1.len(), 2, "{head:?}");
        }
    }

    #[test]
    fn hostile_entries_are_bounded() {
        let many: String = (0..5_000).map(|n| format!("a{n}: x\n")).collect();
        let (names, _) = entries(&format!("dn: x\n{many}"));
        assert_eq!(names.len(), MAX_ATTRIBUTES);
        let photo = format!("dn: x\njpegPhoto:: {}\nmail: a@x.example\n", "QUJD".repeat(100_000));
        assert_eq!(entries(&photo).0, ["dn", "mail"]);
        let endless = "x".repeat(5 << 20);
        assert!(matches!(Ldif::new(endless.as_bytes()).next(&mut Row::default()), Err(RowsError::RecordTooLarge(1))));
    }
}
