// SPDX-License-Identifier: EUPL-1.2
//! Notices: when they are sent, and to whom: to the sender of a mail, at once and later, and to the security team each
//! day.
//!
//! What must not live here: the words and their layout (`notice`), what is still to be sent (`store`), and the sending
//! (`deliver`): a notice is an item of the outbox.
//!
//! How it fails: a notice that cannot be sent is an error in the log, and never the client's problem. What the store
//! could not keep is tried again.
//!
//! Standards: RFC 3834 §2 and §5 (who must not get an answer); decisions D16 and D20.

mod debt;
mod digest;
mod followup;
mod letter;
mod notice;
mod notifier;
pub(super) mod report;
mod told_mail;

pub use notifier::{Addressees, House, Notifier};
