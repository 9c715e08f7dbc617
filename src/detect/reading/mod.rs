// SPDX-License-Identifier: EUPL-1.2
//! Reading for the detectors: the texts of a mail and their zones, one normal form, words, names and languages, and
//! questions that several detectors ask. A file next to this folder is a detector; a file in it is not.
//!
//! What must not live here: findings. Each detector decides what counts, and nothing here uses a detector.
//!
//! How it fails: it does not. Only the vocabulary of markings and the words of languages can contain errors when they
//! are loaded.
//!
//! Standards: Unicode normal forms and confusables (UAX 15, UTS 39) for the normal form; otherwise the habits of mail
//! programs and people.

pub(super) mod around;
mod capitals;
pub mod evidence;
pub(super) mod expressions;
mod form;
pub(super) mod inspection;
pub mod language;
pub(super) mod lines;
pub(super) mod link_hosts;
pub(super) mod lookalikes;
pub(super) mod names;
pub mod normal;
pub mod opened;
pub(super) mod quotations;
pub(super) mod stance;
pub mod text;
pub(super) mod triggers;
pub(super) mod vocabulary;
pub mod words;
mod zones;
