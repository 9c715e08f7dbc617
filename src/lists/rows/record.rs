// SPDX-License-Identifier: EUPL-1.2
//! One row of a source: its cells, and the bytes it was written in.

use std::borrow::Cow;

use encoding_rs::{Encoding, WINDOWS_1252};

/// One row; used again for the next, so that reading allocates nothing.
#[derive(Debug, Clone)]
pub struct Row {
    /// The line it begins on, from 1; in a sheet the row's number.
    pub line: u64,
    /// As written, line end included.
    pub raw: Vec<u8>,
    text: Vec<u8>,
    /// Where each cell ends in `text`, and whether it was quoted.
    cells: Vec<(u32, bool)>,
    /// What bytes are that are not UTF-8.
    pub legacy: &'static Encoding,
}

impl Default for Row {
    fn default() -> Row {
        Row { line: 0, raw: Vec::new(), text: Vec::new(), cells: Vec::new(), legacy: WINDOWS_1252 }
    }
}

impl Row {
    pub fn clear(&mut self) {
        self.raw.clear();
        self.text.clear();
        self.cells.clear();
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Whether no cell has a letter.
    pub fn is_blank(&self) -> bool {
        self.text.iter().all(|b| b.is_ascii_whitespace())
    }

    pub fn bytes(&self, index: usize) -> &[u8] {
        let Some((end, _)) = self.cells.get(index) else { return &[] };
        let start = index.checked_sub(1).map_or(0, |before| self.cells[before].0);
        &self.text[start as usize..*end as usize]
    }

    /// A cell's text; empty where the row has no such cell.
    pub fn cell(&self, index: usize) -> Cow<'_, str> {
        let bytes = self.bytes(index);
        match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => self.legacy.decode_without_bom_handling(bytes).0,
        }
    }

    pub fn cells(&self) -> impl Iterator<Item = Cow<'_, str>> {
        (0..self.len()).map(|index| self.cell(index))
    }

    pub fn is_quoted(&self, index: usize) -> bool {
        self.cells.get(index).is_some_and(|(_, quoted)| *quoted)
    }

    /// Appends to the cell that is being read.
    pub(super) fn push(&mut self, byte: u8) {
        self.text.push(byte);
    }

    pub(super) fn extend(&mut self, bytes: &[u8]) {
        self.text.extend_from_slice(bytes);
    }

    /// Ends the cell that is being read. The readers' bounds keep the text far below 4 GiB.
    pub(super) fn end_cell(&mut self, quoted: bool) {
        self.cells.push((self.text.len() as u32, quoted));
    }

    pub(super) fn text_len(&self) -> usize {
        self.text.len()
    }
}
