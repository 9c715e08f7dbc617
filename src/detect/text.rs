// SPDX-License-Identifier: EUPL-1.2
//! One readable text, with its place and its normal form.

/// A text that detectors read: part of the message or of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// The contract's place: `subject`, `body`, `body#quoted`, `body#html`, `attachment:a.zip/b.docx#footer`.
    pub place: String,
    /// As decoded; HTML already turned to visible text.
    pub original: String,
    /// NFKC, zero-width characters removed, confusables folded, lower case, accents stripped.
    pub normal: String,
}
