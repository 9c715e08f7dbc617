// SPDX-License-Identifier: EUPL-1.2
//! Workbooks (ECMA-376 part 1 §18, part 2 for the package): the rows of a sheet as a stream, within bounds.
//!
//! An own reader of the few elements that matter, since an export must write back, byte for byte, what it does not change.

mod package;
mod scan;
mod shared;
#[cfg(test)]
pub mod sample;
mod sheet;

pub use package::{part, sheets};
pub use scan::{Piece, Scan, attribute, attribute_place, escape, is_closed, local_name, unescape};
pub use shared::Shared;
pub use sheet::{Sheet, column_of, letters_of};
