// SPDX-License-Identifier: EUPL-1.2
//! The directory: the administration's people, units and applications, and the class of each recipient.
//!
//! What must not live here: decisions about anybody (`policy`), the content of a mail (`detect`), and reading of
//! files: texts are passed in.
//!
//! How it fails: reading reports every [`Diagnostic`](crate::diagnostic::Diagnostic) of a file with its place, and
//! keeps the rows without an error. Asking never fails: an unknown person is nobody.
//!
//! Standards: RFC 4180 for `people.csv`, TOML 1.0 for `units.toml`; decision D18.

pub mod fold;
mod people;
mod people_csv;
mod recipient;
mod units;
mod upwards;

pub use people::{Called, People, Person, day};
pub use recipient::{Class, ClassifiedRecipient};
pub use units::Units;
pub use upwards::upwards;
