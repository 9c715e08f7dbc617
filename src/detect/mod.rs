// SPDX-License-Identifier: EUPL-1.2
//! What we notice: detectors state facts and never opinions.

pub mod evidence;
mod finding;
pub mod people;
pub mod recipient;
pub mod text;

pub use finding::{Finding, Kind};
