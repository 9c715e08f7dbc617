// SPDX-License-Identifier: EUPL-1.2
//! One text, as it was read.
//!
//! A text is a title (`# …`), paragraphs and lists (`- …`). Placeholders stand in braces. `{outcome}` stands alone on
//! its line and becomes the language's text for what became of the mail. Lines of a paragraph flow together, but a
//! line with only a label and a place, such as `Reference: {reference}`, stays a line of its own.

use super::digest::{DigestFigure, DigestList};

/// Bytes of one text at most.
pub(super) const LONGEST: usize = 64 * 1024;
/// What a notice about a mail may name.
pub(super) const PLACES: [&str; 5] = ["recipient", "date", "reference", "charter", "outcome"];

#[derive(Debug, Clone)]
pub(super) struct Text {
    pub title: String,
    pub passages: Vec<Passage>,
}

#[derive(Debug, Clone)]
pub(super) enum Passage {
    Paragraph(Vec<Piece>),
    Item(Vec<Piece>),
    Labelled(String, Placeholder),
    NoticeOutcome,
    List(DigestList),
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Words(String),
    Placeholder(Placeholder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    Recipient,
    Date,
    Reference,
    Charter,
    DigestFigure(DigestFigure),
}
