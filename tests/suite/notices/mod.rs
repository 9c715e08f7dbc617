// SPDX-License-Identifier: EUPL-1.2
//! The sender is told, once, in words that hold nothing of the mail, and only where that helps.

mod composing;
mod digest;
mod followup;
mod naming;
mod owed;
mod sending;
mod town;
