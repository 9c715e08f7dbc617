// SPDX-License-Identifier: EUPL-1.2
//! Writes the rows of a sheet, with canaries among them and references moved.

use std::collections::HashSet;
use std::io::{Read, Write};

use super::super::ExportError;
use super::super::place::Planting;
use super::super::profile::Profile;
use super::strings::{Strings, prefix_of};
use super::{column_or, is_named};
use crate::lists::rows::xlsx::{
    Piece, Scan, Shared, Sheet, attribute, attribute_place, column_of, escape, is_closed, letters_of, local_name,
};
use crate::lists::rows::{Columns, MAX_COLUMNS, MAX_RECORD, Row, Rows, RowsError};

/// Below which rows of the source canaries stand.
pub struct Moved {
    /// Row numbers, ascending, one for each canary.
    pub after: Vec<u64>,
    pub address: usize,
    /// Relations of the sheet that are links to mailboxes.
    pub links: HashSet<String>,
}

impl Moved {
    fn row(&self, number: u64) -> u64 {
        number + self.after.partition_point(|after| *after < number) as u64
    }

    /// The last row of a range grows by the canaries within it and right behind it.
    fn last(&self, number: u64) -> u64 {
        number + self.after.partition_point(|after| *after <= number) as u64
    }

    /// `A1:C20 E5` with its rows moved.
    fn references(&self, text: &str) -> String {
        let moved: Vec<String> = text
            .split(' ')
            .map(|range| match range.split_once(':') {
                Some((first, last)) => {
                    format!("{}:{}", self.reference(first, Moved::row), self.reference(last, Moved::last))
                }
                None => self.reference(range, Moved::row),
            })
            .collect();
        moved.join(" ")
    }

    fn reference(&self, place: &str, moved: fn(&Moved, u64) -> u64) -> String {
        let digits = place.rfind(|c: char| !c.is_ascii_digit()).map_or(0, |at| at + 1);
        match place[digits..].parse::<u64>() {
            Ok(number) if digits > 0 => format!("{}{}", &place[..digits], moved(self, number)),
            _ => place.to_owned(),
        }
    }
}

/// A tag whose references are moved.
pub fn moved_tag(tag: &[u8], moved: &Moved) -> Vec<u8> {
    let mut tag = tag.to_vec();
    for key in ["ref", "sqref", "activeCell", "topLeftCell"] {
        if let Some((from, to)) = attribute_place(&tag, key) {
            let text = String::from_utf8_lossy(&tag[from..to]);
            let changed = moved.references(&text);
            tag.splice(from..to, changed.into_bytes());
        }
    }
    tag
}

/// The row above: its tag, and by column the tag of its cell, or of the last cell there was.
#[derive(Default)]
struct Above {
    row: Vec<u8>,
    cells: Vec<(bool, Vec<u8>)>,
}

impl Above {
    fn learn(&mut self, raw: &[u8]) -> Result<(), ExportError> {
        self.cells.iter_mut().for_each(|(is_there, _)| *is_there = false);
        let (mut scan, mut column) = (Scan::new(raw), 0);
        while let Some(piece) = scan.piece()? {
            if piece != Piece::Open {
                continue;
            }
            if is_named(&scan.raw, b"row") {
                self.row.clone_from(&scan.raw);
            } else if is_named(&scan.raw, b"c") {
                column = column_or(&scan.raw, column);
                if self.cells.len() <= column {
                    self.cells.resize(column.min(MAX_COLUMNS) + 1, (false, Vec::new()));
                }
                if let Some((is_there, tag)) = self.cells.get_mut(column) {
                    *is_there = true;
                    // An empty cell has no kind: the last that was filled tells it.
                    if tag.is_empty() || !is_closed(&scan.raw) {
                        tag.clone_from(&scan.raw);
                    }
                }
                column += 1;
            }
        }
        Ok(())
    }
}

pub struct Writer<'w, W> {
    pub zip: &'w mut W,
    pub strings: &'w mut Strings,
    pub shared: &'w Shared,
    pub columns: &'w Columns,
    pub profile: &'w Profile,
    pub moved: &'w Moved,
    /// Whether this is the sheet that holds the list.
    pub is_list: bool,
}

impl<W: Write> Writer<'_, W> {
    pub fn sheet<R: Read>(&mut self, mut scan: Scan<R>, plantings: &[Planting]) -> Result<(), ExportError> {
        let mut plantings = plantings.iter().peekable();
        let (mut preamble, mut position, mut shift, mut number) = (self.columns.preamble, 0_u32, 0_u64, 0_u64);
        let (mut raw, mut row) = (Vec::new(), Row::default());
        let mut above = Above::default();
        let (mut skipped_link, mut frame) = (false, None::<Vec<u8>>);
        while let Some(piece) = scan.piece()? {
            if piece == Piece::Open && is_named(&scan.raw, b"row") {
                read_row(&mut scan, &mut raw)?;
                number = attribute(&raw, "r").and_then(|r| r.trim().parse().ok()).unwrap_or(number + 1);
                let mut sheet = Sheet::of(&raw[..], self.shared);
                sheet.next(&mut row)?;
                let is_member = self.is_list && preamble == 0 && !row.is_blank();
                preamble = preamble.saturating_sub(1);
                while let Some(planting) = plantings.next_if(|planting| is_member && planting.before == position) {
                    if position == 0 {
                        above.learn(&raw)?;
                    }
                    self.canary(&above, planting, number + shift)?;
                    shift += 1;
                }
                self.row(&raw, number + shift, shift, is_member)?;
                if is_member {
                    position += 1;
                    above.learn(&raw)?;
                }
                continue;
            }
            if piece == Piece::Close && is_named(&scan.raw, b"sheetData") {
                for planting in plantings.by_ref() {
                    shift += 1;
                    self.canary(&above, planting, number + shift)?;
                }
            }
            let is_link = is_named(&scan.raw, b"hyperlink");
            if piece == Piece::Open && self.is_list && is_link && self.is_address_link(&scan.raw) {
                // A canary has no link; no address has one then.
                skipped_link = !is_closed(&scan.raw);
                continue;
            }
            if piece == Piece::Close && is_link && std::mem::take(&mut skipped_link) {
                continue;
            }
            // A frame of links that is empty in the end is not written.
            if self.is_list && is_named(&scan.raw, b"hyperlinks") {
                match piece {
                    Piece::Open => frame = Some(scan.raw.clone()),
                    _ if frame.take().is_none() => self.zip.write_all(&scan.raw)?,
                    _ => {}
                }
                continue;
            }
            if is_link && let Some(frame) = frame.take() {
                self.zip.write_all(&frame)?;
            }
            match piece {
                Piece::Open if self.is_list => self.zip.write_all(&moved_tag(&scan.raw, self.moved))?,
                _ => self.zip.write_all(&scan.raw)?,
            }
        }
        Ok(())
    }

    fn is_address_link(&self, tag: &[u8]) -> bool {
        let place = attribute(tag, "ref");
        attribute(tag, "id").is_some_and(|id| self.moved.links.contains(id.as_ref()))
            || place.and_then(|place| column_of(&place)).is_some_and(|column| column == self.moved.address)
    }

    /// A row of the source, with its new number and the new numbers of its strings. Formulas of a sheet that is moved
    /// become their values.
    fn row(&mut self, raw: &[u8], number: u64, shift: u64, is_member: bool) -> Result<(), ExportError> {
        let mut scan = Scan::new(raw);
        let (mut is_string, mut in_value, mut in_formula, mut column) = (false, false, false, 0);
        let mut counter = false;
        while let Some(piece) = scan.piece()? {
            let tag = &scan.raw;
            match (piece, local_name(tag)) {
                (Piece::Open, b"f") if self.is_list => {
                    in_formula = !is_closed(tag);
                    continue;
                }
                (Piece::Close, b"f") if self.is_list => {
                    in_formula = false;
                    continue;
                }
                _ if in_formula => continue,
                (Piece::Open, b"row") if self.is_list => {
                    self.zip.write_all(&renumbered(tag, &number.to_string()))?;
                    continue;
                }
                (Piece::Open, b"c") => {
                    column = column_or(tag, column);
                    is_string = attribute(tag, "t").as_deref() == Some("s");
                    counter = is_member
                        && shift > 0
                        && !is_string
                        && self.profile.columns.get(column).is_some_and(|column| column.is_counter);
                    if self.is_list {
                        self.zip.write_all(&renumbered(tag, &format!("{}{number}", letters_of(column))))?;
                    } else {
                        self.zip.write_all(tag)?;
                    }
                    column += 1;
                    continue;
                }
                (Piece::Open, b"v") => in_value = true,
                (Piece::Close, b"v") => in_value = false,
                (Piece::Text, _) if in_value && is_string => {
                    let index = std::str::from_utf8(tag).ok().and_then(|text| text.trim().parse().ok());
                    if let Some(number) = index.and_then(|index| self.strings.old(index)) {
                        write!(self.zip, "{number}")?;
                        continue;
                    }
                }
                (Piece::Text, _) if in_value && counter => {
                    if let Some(value) = std::str::from_utf8(tag).ok().and_then(|text| text.trim().parse::<u64>().ok())
                    {
                        write!(self.zip, "{}", value + shift)?;
                        continue;
                    }
                }
                _ => {}
            }
            self.zip.write_all(tag)?;
        }
        Ok(())
    }

    /// A canary's row: the tags and styles of the row above, with its own values.
    fn canary(&mut self, above: &Above, planting: &Planting, number: u64) -> Result<(), ExportError> {
        let tag = renumbered(&above.row, &number.to_string());
        let prefix = prefix_of(&tag);
        self.zip.write_all(tag.strip_suffix(b"/>").or_else(|| tag.strip_suffix(b">")).unwrap_or(&tag))?;
        self.zip.write_all(b">")?;
        for column in 0..above.cells.len().max(planting.cells.len()) {
            let value = planting.cells.get(column).map_or("", String::as_str);
            let (is_there, tag) = match above.cells.get(column) {
                Some((is_there, tag)) if !tag.is_empty() => (*is_there, tag.clone()),
                _ => (false, format!("<{prefix}c r=\"A1\"/>").into_bytes()),
            };
            if is_there || !value.is_empty() {
                let tag = renumbered(&tag, &format!("{}{number}", letters_of(column)));
                self.cell(&tag, value, column, number)?;
            }
        }
        write!(self.zip, "</{prefix}row>")?;
        Ok(())
    }

    fn cell(&mut self, tag: &[u8], value: &str, column: usize, number: u64) -> Result<(), ExportError> {
        let prefix = prefix_of(tag);
        let kind = attribute(tag, "t").map(|kind| kind.into_owned());
        let open = tag.strip_suffix(b"/>").or_else(|| tag.strip_suffix(b">")).unwrap_or(tag);
        if value.is_empty() {
            // Without a kind: an empty cell has a style alone.
            let bare = String::from_utf8_lossy(open).replace(&format!(" t=\"{}\"", kind.unwrap_or_default()), "");
            write!(self.zip, "{bare}/>")?;
            return Ok(());
        }
        let is_number = value.bytes().all(|b| b.is_ascii_digit() || b == b'.') && value.len() < 16;
        let is_counter = self.profile.columns.get(column).is_some_and(|column| column.is_counter);
        match kind.as_deref() {
            None | Some("n") if is_number => {
                self.zip.write_all(open)?;
                let value = if is_counter { self.counted(number) } else { value.to_owned() };
                write!(self.zip, "><{prefix}v>{value}</{prefix}v></{prefix}c>")?;
            }
            Some("inlineStr") => {
                self.zip.write_all(open)?;
                write!(self.zip, "><{prefix}is><{prefix}t>{}</{prefix}t></{prefix}is></{prefix}c>", escape(value))?;
            }
            Some("str") => {
                self.zip.write_all(open)?;
                write!(self.zip, "><{prefix}v>{}</{prefix}v></{prefix}c>", escape(value))?;
            }
            // A workbook without a table of strings keeps them in their cells.
            None if self.shared.is_empty() => {
                self.zip.write_all(open)?;
                write!(
                    self.zip,
                    " t=\"inlineStr\"><{prefix}is><{prefix}t>{}</{prefix}t></{prefix}is></{prefix}c>",
                    escape(value)
                )?;
            }
            kind => {
                let index = self.strings.text(value);
                self.zip.write_all(open)?;
                if kind.is_none() {
                    self.zip.write_all(b" t=\"s\"")?;
                }
                write!(self.zip, "><{prefix}v>{index}</{prefix}v></{prefix}c>")?;
            }
        }
        Ok(())
    }

    /// What a column that counts rows has in this one: the first row below the names has its first number.
    fn counted(&self, number: u64) -> String {
        let first: u64 = self.profile.first_count.unwrap_or(1);
        (number.saturating_sub(self.columns.preamble as u64 + 1) + first).to_string()
    }
}

/// A tag with another `r`; one that has none keeps none.
fn renumbered(tag: &[u8], place: &str) -> Vec<u8> {
    let mut tag = tag.to_vec();
    if let Some((from, to)) = attribute_place(&tag, "r") {
        tag.splice(from..to, place.bytes());
    }
    tag
}

/// Reads a row to its end, as written.
fn read_row<R: Read>(scan: &mut Scan<R>, raw: &mut Vec<u8>) -> Result<(), ExportError> {
    raw.clear();
    raw.extend_from_slice(&scan.raw);
    if is_closed(raw) {
        return Ok(());
    }
    while let Some(piece) = scan.piece()? {
        raw.extend_from_slice(&scan.raw);
        if raw.len() > MAX_RECORD {
            return Err(RowsError::Workbook("a row is larger than 4 MiB").into());
        }
        if piece == Piece::Close && is_named(&scan.raw, b"row") {
            return Ok(());
        }
    }
    Err(RowsError::Workbook("a sheet is cut off").into())
}
