// SPDX-License-Identifier: EUPL-1.2
//! Text, properties and labels out of attachments, within a budget of bytes, depth and time.
//!
//! What must not live here: opinions (that is `detect`), processes and limits (that is `worker`).
//!
//! How it fails: it does not. What cannot be read is a [`Fault`] in the extract, which becomes the finding
//! `uninspectable` or `encrypted` (decision D17).

use serde::{Deserialize, Serialize};

/// A piece of text with its place inside the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// `#body`, `#header`, `#footer`, `#notes1`, `#sheet:Name`, `#page2`, `#comment`, `#metadata`, `#hidden` …
    pub place: String,
    pub text: String,
}

/// Why something inside could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    Encrypted,
    Broken,
    Budget,
    Crashed,
}

/// What was read out of one file; children are the files inside it (members of an archive, attached messages).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// The member's name inside its container; empty for the outermost file.
    pub name: String,
    /// Short name of the true type by content: `pdf`, `zip`, `docx`, `exe`, `png`, `ole`, `7z` …; empty where unknown.
    pub kind: String,
    /// Bytes, uncompressed.
    pub size: u64,
    pub segments: Vec<Segment>,
    /// Document properties by name: `title`, `MSIP_Label_…_Name`, `keywords` …
    pub properties: Vec<(String, String)>,
    pub fault: Option<Fault>,
    /// The container's type where it is encrypted: `zip`, `7z`, `pdf`, `ooxml`, `ole`, `odf`.
    pub encrypted: Option<String>,
    pub children: Vec<Extract>,
}
