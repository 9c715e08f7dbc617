// SPDX-License-Identifier: EUPL-1.2
//! When people are told, and who: the sender of a mail, at once and later on, and the security
//! team each day.
//!
//! What must not live here: the words and their layout (that is `notice`), what is still to be told (that is `store`),
//! and the sending (that is `deliver`): what is told is an item of the outbox.
//!
//! How it fails: what cannot be told is an error in the log and never the client's; what the store could not keep is
//! tried again.
//!
//! Standards: RFC 3834 §2 and §5 (who must not be answered); decisions D16 and D20.

mod digest;
mod followup;
mod letter;
mod notice;
mod notifier;
mod rate;
pub(super) mod report;

pub use notifier::{Addressees, Notifier};
