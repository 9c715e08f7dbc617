// SPDX-License-Identifier: EUPL-1.2
//! The rows of a worksheet (ECMA-376 part 1 §18.3.1.73).

use std::borrow::Borrow;
use std::io::{Read, Seek};

use super::package::{Part, part};
use super::scan::{Piece, Scan, attribute, is_closed, local_name, unescape};
use super::shared::Shared;
use crate::lists::rows::{MAX_COLUMNS, MAX_RECORD, Row, Rows, RowsError};

/// Reads the rows of one sheet.
pub struct Sheet<R, B = Shared> {
    scan: Scan<R>,
    shared: B,
    row: u64,
}

impl<'s, S: Read + Seek> Sheet<Part<&'s mut S>> {
    /// # Errors
    /// Where the workbook is broken or its strings are too many.
    pub fn open(source: &'s mut S, name: &str) -> Result<Self, RowsError> {
        let shared = match part(source, "xl/sharedStrings.xml")? {
            Some(part) => Shared::read(part)?,
            None => Shared::default(),
        };
        let part = part(source, name)?.ok_or(RowsError::Workbook("a sheet is missing"))?;
        Ok(Sheet { scan: Scan::new(part), shared, row: 0 })
    }
}

impl<'s, R: Read> Sheet<R, &'s Shared> {
    /// The rows of a piece of a sheet.
    pub fn of(source: R, shared: &'s Shared) -> Self {
        Sheet { scan: Scan::new(source), shared, row: 0 }
    }
}

impl<R: Read, B: Borrow<Shared>> Rows for Sheet<R, B> {
    fn next(&mut self, row: &mut Row) -> Result<bool, RowsError> {
        row.clear();
        loop {
            match self.scan.piece()? {
                None => return Ok(false),
                Some(Piece::Open) if local_name(&self.scan.raw) == b"row" => break,
                Some(_) => {}
            }
        }
        let number = attribute(&self.scan.raw, "r").and_then(|r| r.trim().parse().ok());
        self.row = number.unwrap_or(self.row + 1);
        row.line = self.row;
        if is_closed(&self.scan.raw) {
            return Ok(true);
        }
        self.cells(row)?;
        Ok(true)
    }
}

impl<R: Read, B: Borrow<Shared>> Sheet<R, B> {
    /// Reads the cells up to the row's end.
    fn cells(&mut self, row: &mut Row) -> Result<(), RowsError> {
        let (mut kind, mut value) = (Kind::Number, Vec::new());
        let (mut wanted, mut phonetic, mut pending) = (false, false, None);
        while let Some(piece) = self.scan.piece()? {
            let raw = &self.scan.raw;
            match (piece, local_name(raw)) {
                (Piece::Open, b"c") => {
                    let column = attribute(raw, "r").and_then(|r| column_of(&r)).unwrap_or(row.len());
                    if column >= MAX_COLUMNS {
                        return Err(RowsError::TooManyColumns(row.line));
                    }
                    while row.len() < column {
                        row.end_cell(false);
                    }
                    kind = Kind::of(attribute(raw, "t").as_deref());
                    value.clear();
                    // A cell to the left of one that was read is none that a program writes.
                    pending = (!is_closed(raw) && row.len() == column).then_some(column);
                    if is_closed(raw) && row.len() == column {
                        row.end_cell(false);
                    }
                }
                (Piece::Open, b"v" | b"t") => wanted = !phonetic && !is_closed(raw),
                (Piece::Close, b"v" | b"t") => wanted = false,
                (Piece::Open, b"rPh") => phonetic = !is_closed(raw),
                (Piece::Close, b"rPh") => phonetic = false,
                (Piece::Text, _) if wanted => value.extend_from_slice(unescape(raw).as_bytes()),
                (Piece::Data, _) if wanted => {
                    value.extend_from_slice(raw.get(9..raw.len().saturating_sub(3)).unwrap_or_default());
                }
                (Piece::Close, b"c") if pending.take().is_some() => {
                    match kind {
                        Kind::Shared => row.extend(self.shared_string(&value)),
                        Kind::Nothing => {}
                        Kind::Number => row.extend(number(&value).as_deref().map_or(&value[..], str::as_bytes)),
                        Kind::Text => row.extend(&value),
                    }
                    row.end_cell(kind != Kind::Number);
                }
                (Piece::Close, b"row") => return Ok(()),
                _ => {}
            }
            if row.text_len() + value.len() > MAX_RECORD {
                return Err(RowsError::RecordTooLarge(row.line));
            }
        }
        Err(RowsError::Workbook("a sheet is cut off"))
    }

    fn shared_string(&self, value: &[u8]) -> &[u8] {
        let index = std::str::from_utf8(value).ok().and_then(|text| text.trim().parse().ok());
        index.and_then(|index: usize| self.shared.borrow().get(index)).unwrap_or_default()
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Shared,
    Number,
    Text,
    /// Truth values and errors.
    Nothing,
}

impl Kind {
    fn of(kind: Option<&str>) -> Kind {
        match kind {
            Some("s") => Kind::Shared,
            Some("b" | "e") => Kind::Nothing,
            None | Some("n") => Kind::Number,
            Some(_) => Kind::Text,
        }
    }
}

/// Numbers of many digits are stored as `1.85057800608436E14`; a key must read as it was typed.
fn number(value: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    if !text.contains(['E', 'e']) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    (number.fract() == 0.0 && number.abs() < 1e18).then(|| format!("{number:.0}"))
}

/// The column of a reference such as `AB12`, from 0.
pub fn column_of(reference: &str) -> Option<usize> {
    let mut column = 0_usize;
    for letter in reference.bytes().take_while(u8::is_ascii_alphabetic) {
        column = column.checked_mul(26)?.checked_add(usize::from(letter.to_ascii_uppercase() - b'A') + 1)?;
    }
    column.checked_sub(1)
}

/// The letters of a column.
pub fn letters_of(column: usize) -> String {
    let (mut rest, mut letters) = (column + 1, Vec::new());
    while rest > 0 {
        rest -= 1;
        letters.push(b'A' + (rest % 26) as u8);
        rest /= 26;
    }
    letters.iter().rev().map(|b| char::from(*b)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_have_letters() {
        for (letters, column) in [("A1", 0), ("Z9", 25), ("AA1", 26), ("XFD1", 16_383)] {
            assert_eq!(column_of(letters), Some(column));
            assert!(letters.starts_with(&letters_of(column)));
        }
        assert_eq!(column_of("ZZZZZZZZZZZZZZZZZZZZ1"), None);
        assert_eq!(column_of("1"), None);
    }

    #[test]
    fn cells_stand_in_their_columns() {
        let xml = "<sheetData><row r=\"3\"><c r=\"B3\" t=\"inlineStr\"><is><t>a&amp;b</t><rPh><t>x</t></rPh></is></c>\
                   <c r=\"D3\"><v>1.85057800608436E14</v></c><c r=\"E3\" t=\"str\"><f>1</f><v>f</v></c><c r=\"F3\" s=\"1\"/></row><row/></sheetData>";
        let mut sheet = Sheet { scan: Scan::new(xml.as_bytes()), shared: Shared::default(), row: 0 };
        let mut row = Row::default();
        assert!(sheet.next(&mut row).unwrap());
        assert_eq!(row.cells().collect::<Vec<_>>(), ["", "a&b", "", "185057800608436", "f", ""]);
        assert_eq!(row.line, 3);
        assert!(sheet.next(&mut row).unwrap() && row.is_empty() && row.line == 4);
        assert!(!sheet.next(&mut row).unwrap());
    }
}
