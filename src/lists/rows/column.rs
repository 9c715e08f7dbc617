// SPDX-License-Identifier: EUPL-1.2
//! Which column holds the addresses, and what the columns are called.

use super::{Row, Rows, RowsError, addresses, key_of};
use crate::diagnostic::nearest;

/// Rows above the names of the columns: titles, dates, blank lines.
const MAX_PREAMBLE: usize = 10;

/// The columns of a source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// Their names; empty where the file has none.
    pub names: Vec<String>,
    /// Rows in front of the first that is a member's, that of the names included.
    pub preamble: usize,
    /// Where the addresses stand.
    pub address: usize,
    /// Other columns with addresses in nine of ten of their filled cells.
    pub others: Vec<usize>,
}

impl Columns {
    /// Finds the names, and the column: the one that is named, else the only one with addresses in nine of ten cells. Reads
    /// the whole source where the column is not named.
    ///
    /// # Errors
    /// Where no column, or more than one, can be meant.
    pub fn find(rows: &mut dyn Rows, wanted: Option<&str>) -> Result<Columns, RowsError> {
        let (mut row, mut head) = (Row::default(), Vec::new());
        while head.len() < MAX_PREAMBLE && rows.next(&mut row)? {
            head.push(row.clone());
        }
        let mut columns = match rows.names() {
            Some(names) => Columns { names: names.to_vec(), ..Columns::default() },
            None => Columns::from_head(&head, wanted),
        };
        // Where names come with the rows, only the last row knows them all.
        if let Some(wanted) = wanted
            && rows.names().is_none()
            && let Some(column) = columns.named(wanted)
        {
            columns.address = column;
            return Ok(columns);
        }
        let mut tally = Tally::default();
        head.iter().skip(columns.preamble).for_each(|row| tally.add(row));
        while rows.next(&mut row)? {
            tally.add(&row);
        }
        // Names may have been found on the way.
        if let Some(names) = rows.names() {
            columns.names = names.to_vec();
        }
        columns.address = match wanted {
            Some(wanted) => columns.named(wanted).ok_or_else(|| columns.unknown(wanted))?,
            None => tally.choose(&columns)?,
        };
        columns.others = tally.dense().into_iter().filter(|column| *column != columns.address).collect();
        Ok(columns)
    }

    /// A column by name, without case and accents, or by number from 1.
    pub fn named(&self, wanted: &str) -> Option<usize> {
        let wanted = wanted.trim();
        let exact = self.names.iter().position(|name| name.trim() == wanted);
        let alike = || self.names.iter().position(|name| !wanted.is_empty() && plain(name) == plain(wanted));
        let number = || wanted.parse::<usize>().ok()?.checked_sub(1).filter(|n| *n < super::MAX_COLUMNS);
        exact.or_else(alike).or_else(number)
    }

    /// What to say about a column that is not there.
    pub fn unknown(&self, wanted: &str) -> RowsError {
        let help = match nearest(wanted, self.names.iter().map(String::as_str)) {
            Some(near) => format!(" (did you mean `{near}`?)"),
            None if self.names.is_empty() => ": the columns have no names here, write a number from 1".into(),
            None => String::new(),
        };
        RowsError::UnknownColumn { wrong: wanted.to_owned(), help }
    }

    /// A column as people call it.
    pub fn shown(&self, column: usize) -> String {
        match self.names.get(column).map(|name| name.trim()).filter(|name| !name.is_empty()) {
            Some(name) => format!("`{name}`"),
            None => format!("column {}", column + 1),
        }
    }

    fn from_head(head: &[Row], wanted: Option<&str>) -> Columns {
        let has_address = |row: &Row| row.cells().any(|cell| addresses(&cell).is_some());
        let is_named = |row: &Row| {
            wanted
                .is_some_and(|wanted| row.cells().any(|cell| !cell.trim().is_empty() && plain(&cell) == plain(wanted)))
        };
        let filled = |row: &Row| row.cells().filter(|cell| !cell.trim().is_empty()).count();
        let widest = head.iter().map(filled).max().unwrap_or_default();
        let before = head.iter().position(has_address).unwrap_or(head.len());
        let names = head[..before]
            .iter()
            .position(is_named)
            .or_else(|| head[..before].iter().position(|row| filled(row) * 2 > widest));
        match names {
            Some(at) => {
                let names = head[at].cells().map(|name| name.trim_matches(['\u{feff}', ' ']).to_owned()).collect();
                Columns { names, preamble: at + 1, ..Columns::default() }
            }
            None => {
                // `sep=;`, a title: nothing that a row of two cells would be.
                let preamble = head[..before].iter().take_while(|row| filled(row) * 2 <= widest).count();
                Columns { preamble: if before < head.len() { preamble } else { 0 }, ..Columns::default() }
            }
        }
    }
}

fn plain(name: &str) -> String {
    key_of(name).unwrap_or_else(|| name.trim().to_lowercase())
}

/// How many cells of each column are filled, and hold addresses.
#[derive(Default)]
struct Tally {
    rows: u64,
    columns: Vec<(u64, u64)>,
}

impl Tally {
    fn add(&mut self, row: &Row) {
        if row.is_blank() {
            return;
        }
        self.rows += 1;
        if self.columns.len() < row.len() {
            self.columns.resize(row.len(), (0, 0));
        }
        for (index, (filled, held)) in self.columns.iter_mut().enumerate().take(row.len()) {
            let bytes = row.bytes(index);
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                *filled += 1;
                // A full-width sign is three bytes of which the first is 0xEF.
                let may_hold = bytes.contains(&b'@') || bytes.contains(&0xef);
                *held += u64::from(may_hold && addresses(&row.cell(index)).is_some());
            }
        }
    }

    /// Columns whose filled cells are addresses in nine of ten.
    fn dense(&self) -> Vec<usize> {
        let dense = |(filled, held): &(u64, u64)| *held > 0 && held * 10 >= filled * 9;
        (0..self.columns.len()).filter(|column| dense(&self.columns[*column])).collect()
    }

    fn choose(&self, columns: &Columns) -> Result<usize, RowsError> {
        let dense = self.dense();
        // Of all rows before of the filled ones: a second address that few people gave does not make it doubtful.
        let full: Vec<usize> =
            dense.iter().copied().filter(|column| self.columns[*column].1 * 10 >= self.rows * 9).collect();
        let candidates = if full.is_empty() { dense } else { full };
        match candidates.as_slice() {
            [] => Err(RowsError::NoColumn),
            [only] => Ok(*only),
            several => {
                let shown: Vec<String> = several.iter().take(5).map(|column| columns.shown(*column)).collect();
                Err(RowsError::SeveralColumns(shown.join(" and ")))
            }
        }
    }
}
