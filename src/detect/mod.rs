// SPDX-License-Identifier: EUPL-1.2
//! What we notice: detectors state facts and never opinions.

pub mod evidence;
mod finding;
pub mod normal;
pub mod people;
pub mod recipient;
pub mod text;
mod zones;

pub use finding::{Finding, Kind};
