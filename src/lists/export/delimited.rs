// SPDX-License-Identifier: EUPL-1.2
//! Writes CSV and its kin: the source's bytes, and between them rows in the same letters and quotes.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};

use super::ExportError;
use super::place::Planting;
use super::profile::{Column, Profile};
use crate::lists::rows::{Columns, Delimited, Dialect, Letters, Row, Rows, Wide};

pub fn write<S: Read + Seek, W: Write>(
    source: &mut S,
    out: &mut W,
    letters: Letters,
    dialect: Dialect,
    columns: &Columns,
    profile: &Profile,
    plantings: &[Planting],
) -> Result<(), ExportError> {
    source.seek(SeekFrom::Start(0))?;
    let mut rows: Box<dyn Rows> = match letters.is_wide() {
        true => Box::new(Delimited::new(Wide::new(source, letters.encoding), dialect, letters.legacy())),
        false => Box::new(Delimited::new(source, dialect, letters.legacy())),
    };
    let mut out = Letterer { out, letters };
    if letters.mark {
        out.text("\u{feff}")?;
    }
    let counter = profile.columns.iter().position(|column| column.is_counter);
    let writer = Writer { dialect, profile, letters, is_legacy: letters.encoding != UTF_8 || profile.legacy_rows > 0 };
    let mut plantings = plantings.iter().peekable();
    let (mut row, mut above, mut line_end) = (Row::default(), Row::default(), None::<Vec<u8>>);
    let (mut preamble, mut position, mut shift) = (columns.preamble, 0_u32, 0_u64);
    while rows.next(&mut row)? {
        let is_member = preamble == 0 && !row.is_blank();
        preamble = preamble.saturating_sub(1);
        if is_member {
            while let Some(planting) = plantings.next_if(|planting| planting.before == position) {
                let number = counter.map(|column| (column, &row));
                let neighbour = if position == 0 { &row } else { &above };
                let planted = writer.row(planting, neighbour, number, shift, end_of(&neighbour.raw))?;
                out.raw(&planted)?;
                shift += 1;
            }
        }
        match counter.filter(|_| is_member && shift > 0).and_then(|column| renumbered(&row, column, dialect, shift)) {
            Some(changed) => out.raw(&changed)?,
            None => out.raw(&row.raw)?,
        }
        line_end.get_or_insert_with(|| end_of(&row.raw).to_vec());
        if is_member {
            position += 1;
            std::mem::swap(&mut above, &mut row);
        }
    }
    // Behind the last row: what ended the file ends it again.
    let line_end = line_end.filter(|end| !end.is_empty()).unwrap_or_else(|| b"\r\n".to_vec());
    let is_open = end_of(&above.raw).is_empty();
    for planting in plantings {
        shift += 1;
        let number = counter.map(|column| (column, &above));
        let planted = writer.row(planting, &above, number, shift, if is_open { b"" } else { &line_end })?;
        if is_open {
            out.raw(&line_end)?;
        }
        out.raw(&planted)?;
    }
    Ok(())
}

struct Writer<'w> {
    dialect: Dialect,
    profile: &'w Profile,
    letters: Letters,
    is_legacy: bool,
}

impl Writer<'_> {
    /// A canary's row, in the letters that the source is read in.
    fn row(
        &self,
        planting: &Planting,
        above: &Row,
        number: Option<(usize, &Row)>,
        shift: u64,
        line_end: &[u8],
    ) -> Result<Vec<u8>, ExportError> {
        let mut written = Vec::new();
        for (index, cell) in planting.cells.iter().enumerate() {
            if index > 0 {
                written.push(self.dialect.delimiter);
            }
            let numbered = number
                .filter(|(column, _)| *column == index)
                .and_then(|(column, row)| Some((row.cell(column).trim().parse::<u64>().ok()? + shift).to_string()));
            let cell = numbered.as_deref().unwrap_or(cell);
            let bytes = match self.is_legacy && !self.letters.is_wide() {
                true => self.letters.legacy().encode(cell).0.into_owned(),
                false => cell.as_bytes().to_vec(),
            };
            let Dialect { delimiter, quote } = self.dialect;
            let needs =
                bytes.iter().any(|b| *b == delimiter || matches!(b, b'\r' | b'\n')) || bytes.first() == Some(&quote);
            let column = self.profile.columns.get(index);
            if needs || column.is_some_and(|column| is_quoted(column, cell, above, index)) {
                written.push(quote);
                for byte in bytes {
                    written.extend(std::iter::repeat_n(byte, 1 + usize::from(byte == quote)));
                }
                written.push(quote);
            } else {
                written.extend(bytes);
            }
        }
        written.extend_from_slice(line_end);
        Ok(written)
    }
}

/// Whether a cell that needs no quotes has them in this column.
fn is_quoted(column: &Column, cell: &str, above: &Row, index: usize) -> bool {
    let quotes = column.quoted;
    match () {
        () if cell.trim().is_empty() => quotes.empty > 0 && quotes.empty * 2 >= column.empty,
        () if quotes.needless == 0 => false,
        () if quotes.without == 0 => true,
        () => above.is_quoted(index),
    }
}

fn end_of(raw: &[u8]) -> &[u8] {
    let text = raw.iter().rposition(|b| !matches!(b, b'\r' | b'\n')).map_or(0, |at| at + 1);
    &raw[text..]
}

/// A row with a larger number in the column that counts.
fn renumbered(row: &Row, column: usize, dialect: Dialect, shift: u64) -> Option<Vec<u8>> {
    let place = cell_place(&row.raw, column, dialect)?;
    let cell = &row.raw[place.clone()];
    let digits = cell.iter().position(u8::is_ascii_digit)?..cell.iter().rposition(u8::is_ascii_digit)? + 1;
    let number: u64 = std::str::from_utf8(&cell[digits.clone()]).ok()?.parse().ok()?;
    let (from, to) = (place.start + digits.start, place.start + digits.end);
    Some([&row.raw[..from], (number + shift).to_string().as_bytes(), &row.raw[to..]].concat())
}

/// Where a cell stands in its row, quotes included.
fn cell_place(raw: &[u8], column: usize, dialect: Dialect) -> Option<Range<usize>> {
    let (mut index, mut start, mut quoted) = (0, 0, false);
    for (at, byte) in raw.iter().enumerate() {
        match *byte {
            byte if byte == dialect.quote && (quoted || at == start) => quoted = !quoted,
            byte if byte == dialect.delimiter && !quoted => {
                if index == column {
                    return Some(start..at);
                }
                (index, start) = (index + 1, at + 1);
            }
            _ => {}
        }
    }
    (index == column).then_some(start..raw.len())
}

/// Writes what was read as UTF-8 in the letters of the source.
pub struct Letterer<'o, W> {
    pub out: &'o mut W,
    pub letters: Letters,
}

impl<W: Write> Letterer<'_, W> {
    pub fn text(&mut self, text: &str) -> io::Result<()> {
        self.raw(text.as_bytes())
    }

    /// Bytes as a reader gave them: UTF-8 where letters are wide, else the source's own.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        if !self.letters.is_wide() {
            return self.out.write_all(bytes);
        }
        let units = String::from_utf8_lossy(bytes);
        let wide: Vec<u8> = match self.letters.encoding {
            encoding if encoding == UTF_16BE => units.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            encoding => {
                debug_assert_eq!(encoding, UTF_16LE);
                units.encode_utf16().flat_map(u16::to_le_bytes).collect()
            }
        };
        self.out.write_all(&wide)
    }
}
