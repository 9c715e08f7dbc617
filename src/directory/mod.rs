// SPDX-License-Identifier: EUPL-1.2
//! Who there is: the administration's people, units and applications, and of which class a recipient is.
//!
//! What must not live here: what is decided about anybody (that is `policy`), what a mail says (that is `detect`), and
//! reading of files: texts come in.
//!
//! How it fails: reading gives every [`PolicyError`](crate::diagnostic::PolicyError) of a file with its place, and keeps
//! the rows without a fault. Asking never fails: who is not known is nobody.
//!
//! Standards: RFC 4180 for `people.csv`, TOML 1.0 for `units.toml`; decision D18.

pub mod fold;
mod people;
mod people_csv;
mod recipient;
mod units;

pub use people::{People, Person};
pub use recipient::{Class, ClassifiedRecipient};
pub use units::{Units, upwards};
