// SPDX-License-Identifier: EUPL-1.2
//! Reads the file that an administration keeps a list in, row by row: CSV and its kin, LDIF, xlsx.
//!
//! What must not live here: what is kept of a row (the caller's), opinions about a list (`entry`), any file, clock or
//! random number. A row's text is never part of an error, a count or a log.
//!
//! How it fails: a row without a usable address is counted and passed over; a file that is none of these, that has no
//! column of addresses, or that is larger than a bound is a [`RowsError`] in words for people.
//!
//! Standards: RFC 4180 (CSV, read leniently), RFC 2849 (LDIF), ECMA-376 part 1 §18 (SpreadsheetML).

mod cell;
mod column;
mod delimited;
mod dialect;
mod encoding;
mod feed;
mod import;
mod ldif;
mod open;
mod record;
pub mod xlsx;

pub use cell::{addresses, key_of};
pub use column::Columns;
pub use delimited::{Delimited, Dialect};
pub use encoding::Letters;
pub use feed::{Feed, Wide};
pub use import::{Imported, Options, Person, Report, choose, import, members};
pub use ldif::{Attribute, Ldif, unfold};
pub use open::{Format, detect, open};
pub use record::Row;

/// Bytes of one record; beyond it a quote is missing, or the file is no list.
pub const MAX_RECORD: usize = 4 << 20;
/// Columns of one record: as many as a sheet of a workbook has (ECMA-376 part 1 §18.3.1.13).
pub const MAX_COLUMNS: usize = 16_384;

/// Why a file cannot be read as a list.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    #[error("the file cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("the file is empty")]
    Empty,
    #[error("the file is not CSV, TSV, LDIF or xlsx: {0}")]
    Format(&'static str),
    #[error("line {0}: a row is larger than 4 MiB: is a quote missing?")]
    RecordTooLarge(u64),
    #[error("line {0}: a row has more than 16,384 columns")]
    TooManyColumns(u64),
    #[error(
        "quotes are opened and not closed in more than a thousand rows: write the file again with its quotes doubled"
    )]
    LoneQuotes,
    #[error("the workbook cannot be read: {0}")]
    Workbook(&'static str),
    #[error("no column has addresses in nine of ten cells: name the column with --column")]
    NoColumn,
    #[error("{0} have addresses in nine of ten cells: name one with --column")]
    SeveralColumns(String),
    #[error("there is no column `{wrong}`{help}")]
    UnknownColumn { wrong: String, help: String },
    #[error("the list has more than 4,294,967,295 rows")]
    TooManyRows,
}

/// A source of rows.
pub trait Rows {
    /// Reads the next row; `false` at the end.
    ///
    /// # Errors
    /// Where a bound is broken or the source fails.
    fn next(&mut self, row: &mut Row) -> Result<bool, RowsError>;

    /// The columns' names, where the format has them apart from the rows. May grow while rows are read.
    fn names(&self) -> Option<&[String]> {
        None
    }
}

#[cfg(test)]
mod tests;
