// SPDX-License-Identifier: EUPL-1.2
//! What a file is, as a media type and a short name.

/// A type by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileType {
    /// `application/pdf`; `application/octet-stream` if unknown.
    pub media_type: &'static str,
    /// `pdf`, `docx`, `exe` …; empty if unknown.
    pub extension: &'static str,
}

pub(super) const fn is(extension: &'static str, media_type: &'static str) -> FileType {
    FileType { media_type, extension }
}
