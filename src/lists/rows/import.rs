// SPDX-License-Identifier: EUPL-1.2
//! Reads a whole list: who is on it and where, and what was wrong with it.

use std::io::{Read, Seek};

use serde::{Deserialize, Serialize};

use super::{Columns, Format, MAX_COLUMNS, Row, Rows, RowsError, addresses, detect, key_of, open};
use crate::lists::ListKey;
use crate::lists::hashed::Set;
use crate::mail::Identity;

/// Lines that are named; what stands on them is never shown.
const SHOWN_LINES: usize = 5;

/// What the operator asks for.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The column of addresses, by name or number.
    pub column: Option<String>,
    /// Columns whose values are kept as keys of their rows.
    pub keys: Vec<String>,
}

/// One person on a list.
#[derive(Debug)]
pub struct Person<'a> {
    pub identity: &'a Identity,
    /// The row in the file's order, from 0; names and titles above the rows do not count.
    pub position: u32,
    /// The row's keys, with the number of their option.
    pub keys: &'a [(u16, String)],
}

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    pub format: Format,
    pub columns: Columns,
    pub rows: u64,
    pub members: u64,
    /// Addresses met again.
    pub duplicates: u64,
    pub without_address: u64,
    /// Rows whose address is none.
    pub invalid: u64,
    /// The first lines with an invalid address.
    pub bad_lines: Vec<u64>,
}

/// Reads a list and hands each member over once, at the first row that names it. `key` makes the hashes by which
/// duplicates are known: the key of the register.
///
/// # Errors
/// Where the file is no list; what was handed over until then is to be thrown away.
pub fn import<S: Read + Seek>(
    source: &mut S,
    options: &Options,
    key: &ListKey,
    each: &mut dyn FnMut(Person<'_>),
) -> Result<Imported, RowsError> {
    let (format, columns) = choose(source, options)?;
    let keys = options
        .keys
        .iter()
        .map(|name| columns.named(name).filter(|column| *column < MAX_COLUMNS).ok_or_else(|| columns.unknown(name)))
        .collect::<Result<Vec<usize>, _>>()?;
    let mut imported = Imported {
        format,
        columns,
        rows: 0,
        members: 0,
        duplicates: 0,
        without_address: 0,
        invalid: 0,
        bad_lines: Vec::new(),
    };
    let mut seen = Set::default();
    let mut rows = open(source, &imported.format.clone())?;
    let (mut row, mut row_keys) = (Row::default(), Vec::new());
    members(rows.as_mut(), &imported.columns.clone(), &mut row, &mut |row, position| {
        imported.rows += 1;
        let cell = row.cell(imported.columns.address);
        if cell.trim().is_empty() {
            imported.without_address += 1;
            return;
        }
        let Some(found) = addresses(&cell) else {
            imported.invalid += 1;
            if imported.bad_lines.len() < SHOWN_LINES {
                imported.bad_lines.push(row.line);
            }
            return;
        };
        row_keys.clear();
        for (number, column) in keys.iter().enumerate() {
            row_keys.extend(key_of(&row.cell(*column)).map(|key| (number as u16, key)));
        }
        for mailbox in found {
            let identity = mailbox.identity();
            // Among 2.3 million, two hashes of 64 bits are one with chance 1 in 7 million.
            if seen.insert(key.member(&identity).0) {
                imported.members += 1;
                each(Person { identity: &identity, position, keys: &row_keys });
            } else {
                imported.duplicates += 1;
            }
        }
    })?;
    if imported.rows == 0 { Err(RowsError::Empty) } else { Ok(imported) }
}

/// The format and columns of a file: of a workbook, the first sheet that has addresses.
///
/// # Errors
/// Where there are none.
pub fn choose<S: Read + Seek>(source: &mut S, options: &Options) -> Result<(Format, Columns), RowsError> {
    let mut first = None;
    for format in detect(source)? {
        let found = Columns::find(open(source, &format)?.as_mut(), options.column.as_deref());
        match found {
            Ok(columns) => return Ok((format, columns)),
            Err(error @ (RowsError::NoColumn | RowsError::UnknownColumn { .. })) => _ = first.get_or_insert(error),
            Err(error) => return Err(error),
        }
    }
    Err(first.unwrap_or(RowsError::Empty))
}

/// Visits the rows that are somebody's, each with its position.
pub fn members(
    rows: &mut dyn Rows,
    columns: &Columns,
    row: &mut Row,
    visit: &mut dyn FnMut(&Row, u32),
) -> Result<(), RowsError> {
    let (mut preamble, mut position) = (columns.preamble, 0_u32);
    while rows.next(row)? {
        if preamble > 0 {
            preamble -= 1;
            continue;
        }
        if row.is_blank() {
            continue;
        }
        visit(row, position);
        position = position.checked_add(1).ok_or(RowsError::TooManyRows)?;
    }
    Ok(())
}

/// What `lists import --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub list: String,
    pub export: Option<String>,
    pub rows: u64,
    pub members: u64,
    pub duplicates: u64,
    pub without_address: u64,
    pub invalid: u64,
    /// Canaries of known exports that the file carries.
    pub canaries: u64,
    pub bytes: u64,
    pub seconds: f64,
    pub digest: String,
    /// The format and the column that was read, as people call them.
    pub format: String,
    pub column: String,
    /// Columns that hold addresses too, and were not read.
    pub other_columns: Vec<String>,
    pub bad_lines: Vec<u64>,
}

impl Imported {
    /// The report; what the caller alone knows is still nought.
    pub fn report(&self, list: &str, export: Option<&str>) -> Report {
        Report {
            list: list.to_owned(),
            export: export.map(str::to_owned),
            rows: self.rows,
            members: self.members,
            duplicates: self.duplicates,
            without_address: self.without_address,
            invalid: self.invalid,
            canaries: 0,
            bytes: 0,
            seconds: 0.0,
            digest: String::new(),
            format: self.format.shown(),
            column: self.columns.shown(self.columns.address),
            other_columns: self.columns.others.iter().map(|column| self.columns.shown(*column)).collect(),
            bad_lines: self.bad_lines.clone(),
        }
    }
}
