// SPDX-License-Identifier: EUPL-1.2
//! How a mail is read for the detectors: its texts and their zones, one normal form, words, names and languages, and
//! what several detectors ask of them. A file beside this folder is a detector; a file in it is none.
//!
//! What must not live here: a finding. What stands where is each detector's word, and none of them is used here.
//!
//! How it fails: it does not; only the vocabulary of markings can be wrong when it is loaded.
//!
//! Standards: Unicode normal forms and confusables (UAX 15, UTS 39) for the normal form; the rest is how mail programs
//! and people write.

pub mod evidence;
pub(super) mod inspection;
pub mod language;
pub(super) mod link_hosts;
pub(super) mod lookalikes;
pub(super) mod names;
pub mod normal;
pub mod opened;
pub(super) mod stance;
pub mod text;
pub(super) mod triggers;
pub(super) mod vocabulary;
mod zones;
