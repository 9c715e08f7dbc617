// SPDX-License-Identifier: EUPL-1.2
//! Plants canaries into a copy of the owner's own file: rows that look like their neighbours, at places nobody can guess.
//!
//! What must not live here: the stock's file, the clock and randomness (the caller gives a seed and a stock), the
//! registration of what was planted (the caller imports the new file, as any other).
//!
//! How it fails: a file that cannot be read or written is an [`ExportError`]; what was written until then is to be thrown
//! away. What makes canaries easier to tell is said in [`Exported::warnings`].
//!
//! Standards: those of `rows`. The copy has the source's letters, delimiter, quotes and line ends; a workbook keeps its
//! other sheets and styles.

mod compose;
mod delimited;
mod digits;
mod draw;
mod ldif;
mod person;
mod place;
mod profile;
mod stock;
mod xlsx;

use std::fmt;
use std::io::{Read, Seek, Write};

use crate::lists::rows::{self, Columns, Format, Options, RowsError};
use crate::mail::Mailbox;

pub use draw::Draw;
pub use stock::Stock;

use place::{Planting, plan};
use profile::Profile;

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Rows(#[from] RowsError),
    #[error("the new file cannot be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("the list has {rows} rows: plant {most} canaries at most (--canaries)")]
    TooManyCanaries { rows: u64, most: u64 },
    #[error("the workbook cannot be written: {0}")]
    Workbook(&'static str),
}

/// A canary and where it is in the new file.
#[derive(Clone, PartialEq, Eq)]
pub struct Planted {
    pub mailbox: Mailbox,
    /// As an import of the new file will count it.
    pub position: u32,
}

/// Neither mailbox nor place: canaries are in no log.
impl fmt::Debug for Planted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Planted")
    }
}

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exported {
    pub format: Format,
    pub columns: Columns,
    /// Rows of the new file, canaries among them.
    pub rows: u64,
    /// In the order of the new file.
    pub planted: Vec<Planted>,
    pub warnings: Vec<String>,
}

/// Rows for each canary that the source must have at least: more of them are no longer few.
const ROWS_PER_CANARY: u64 = 4;

/// Writes a copy of `source` with `canaries` planted. Each export takes canaries and a seed of its own.
///
/// # Errors
/// Where the source is no list, has too few rows, or the copy cannot be written.
pub fn export<S: Read + Seek, W: Write + Seek>(
    source: &mut S,
    out: &mut W,
    options: &Options,
    canaries: &[Mailbox],
    seed: &[u8; 32],
) -> Result<Exported, ExportError> {
    let (format, columns) = rows::choose(source, options)?;
    let mut draw = Draw::new(seed);
    let profile = Profile::read(rows::open(source, &format)?.as_mut(), &columns, &mut draw.branch("profile"))?;
    let most = profile.rows / ROWS_PER_CANARY;
    if canaries.len() as u64 > most {
        return Err(ExportError::TooManyCanaries { rows: profile.rows, most });
    }
    let plantings = plan(rows::open(source, &format)?.as_mut(), &columns, &profile, canaries, &mut draw)?;
    match &format {
        Format::Delimited { letters, dialect } => {
            delimited::write(source, out, *letters, *dialect, &columns, &profile, &plantings)?;
        }
        Format::Ldif(letters) => ldif::write(source, out, *letters, &columns, &profile, &plantings)?,
        Format::Xlsx { sheet } => xlsx::write(source, out, sheet, &columns, &profile, &plantings)?,
    }
    out.flush()?;
    let planted = plantings
        .iter()
        .zip(0..)
        .map(|(planting, before)| Planted { mailbox: planting.canary.clone(), position: planting.before + before });
    Ok(Exported {
        rows: profile.rows + plantings.len() as u64,
        planted: planted.collect(),
        warnings: warnings(&profile, &columns, &plantings),
        format,
        columns,
    })
}

/// What makes canaries easier to tell from their neighbours.
fn warnings(profile: &Profile, columns: &Columns, plantings: &[Planting]) -> Vec<String> {
    let mut warnings = Vec::new();
    let rare = plantings.iter().filter(|planting| !profile.has_domain(planting.canary.domain())).count();
    if rare > 0 {
        warnings.push(format!("{rare} canaries are at domains that are rare on this list: add mailboxes at its usual providers to the stock"));
    }
    if profile.columns.get(columns.address).is_some_and(|column| column.is_counter) {
        warnings.push("the column of addresses counts the rows".into());
    }
    if plantings.iter().any(|planting| planting.is_squeezed) {
        warnings.push("a column is sorted without gaps, so some canaries break its order".into());
    }
    warnings
}

#[cfg(test)]
mod tests;
