// SPDX-License-Identifier: EUPL-1.2
//! The type of a file by its first bytes. It is fast and shallow; `document` uses the same table and then looks
//! deeper.

use memchr::memmem;

use super::kind::{FileType, is};
use super::{charset, cms, envelope, magic};

const UNKNOWN: FileType = is("", "application/octet-stream");

/// Looks at the content; never at the name.
pub fn sniff(bytes: &[u8]) -> FileType {
    if is_zip(bytes) {
        return zip_kind(bytes);
    }
    if is_compound(bytes) {
        return compound_kind(bytes);
    }
    if let Some(kind) = by_magic(bytes) {
        return kind;
    }
    if cms::is_cms(bytes) {
        return is("p7m", "application/pkcs7-mime");
    }
    let text = textual(bytes);
    if !matches!(text.extension, "eml" | "mht" | "mbox" | "emlx") && has_late_pdf(bytes) {
        return is("pdf", "application/pdf");
    }
    text
}

/// A zip by its first member, its end, or the first of its parts (APPNOTE §4.3.7, §4.3.16, §8.5.4).
pub fn is_zip(bytes: &[u8]) -> bool {
    [b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| bytes.starts_with(*magic))
}

/// A compound file (MS-CFB §2.2).
pub fn is_compound(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
}

/// What fixed bytes at fixed places tell, zip and compound files apart.
pub fn by_magic(bytes: &[u8]) -> Option<FileType> {
    magic::find(bytes)
}

/// ISO 32000 annex H: readers accept the header anywhere in the first 1,024 bytes.
pub fn has_late_pdf(bytes: &[u8]) -> bool {
    memmem::find(&bytes[..bytes.len().min(1024)], b"%PDF-").is_some()
}

/// The kind of an OpenDocument package (ISO 26300-3 §3.3): its first member is `mimetype`, stored, so that its value
/// stands at byte 38.
pub fn open_document(bytes: &[u8]) -> Option<FileType> {
    let head = &bytes[..bytes.len().min(200)];
    let after = |name: &[u8]| memmem::find(head, name).map(|at| &head[at + name.len()..]);
    // OpenOffice 1 called the same `sun.xml`.
    let rest =
        after(b"mimetypeapplication/vnd.oasis.opendocument.").or_else(|| after(b"mimetypeapplication/vnd.sun.xml."))?;
    Some(match rest {
        _ if rest.starts_with(b"spreadsheet") || rest.starts_with(b"calc") => {
            is("ods", "application/vnd.oasis.opendocument.spreadsheet")
        }
        _ if [&b"presentation"[..], b"graphics", b"impress", b"draw"].iter().any(|kind| rest.starts_with(kind)) => {
            is("odp", "application/vnd.oasis.opendocument.presentation")
        }
        _ => is("odt", "application/vnd.oasis.opendocument.text"),
    })
}

fn zip_kind(bytes: &[u8]) -> FileType {
    let has = |name: &[u8]| memmem::find(bytes, name).is_some();
    if let Some(kind) = open_document(bytes) {
        return kind;
    }
    if has(b"[Content_Types].xml") {
        if has(b"word/document.xml") || has(b"word\\document.xml") {
            return is("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
        }
        if has(b"xl/workbook.xml") || has(b"xl\\workbook.xml") {
            return is("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
        }
        if has(b"ppt/presentation.xml") || has(b"ppt\\presentation.xml") {
            return is("pptx", "application/vnd.openxmlformats-officedocument.presentationml.presentation");
        }
    }
    is("zip", "application/zip")
}

/// Stream names of a compound file (MS-CFB) stand in its directory as UTF-16.
fn compound_kind(bytes: &[u8]) -> FileType {
    let has = |name: &str| {
        let wide: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        memmem::find(bytes, &wide).is_some()
    };
    if has("EncryptedPackage") {
        is("ooxml", "application/vnd.ms-office.encrypted")
    } else if has("__properties_version1.0") {
        is("msg", "application/vnd.ms-outlook")
    } else if has("WordDocument") {
        is("doc", "application/msword")
    } else if has("Workbook") || has("Book") {
        is("xls", "application/vnd.ms-excel")
    } else if has("PowerPoint Document") {
        is("ppt", "application/vnd.ms-powerpoint")
    } else {
        is("ole", "application/x-ole-storage")
    }
}

fn textual(bytes: &[u8]) -> FileType {
    if bytes.is_empty() || charset::is_binary(bytes) {
        return UNKNOWN;
    }
    if let Some(kind) = envelope::kind_of(bytes) {
        return kind;
    }
    let head = charset::decode(&bytes[..bytes.len().min(HEAD)], None).to_ascii_lowercase();
    let head = head.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    let begins = |words: &[&str]| words.iter().any(|word| head.starts_with(word));
    if begins(&["begin:vcalendar"]) {
        is("ics", "text/calendar")
    } else if begins(&["begin:vcard"]) {
        is("vcf", "text/vcard")
    } else if begins(&["<!doctype html", "<html"]) {
        is("html", "text/html")
    } else if begins(&["<svg"]) {
        is("svg", "image/svg+xml")
    } else if begins(&["<?xml"]) || begins(&["<"]) && head.contains("xmlns") && !head.contains("<body") {
        is("xml", "application/xml")
    } else if begins(&["{\\rt"]) {
        is("rtf", "application/rtf")
    } else if begins(&["#!"]) {
        is("sh", "text/x-shellscript")
    } else if begins(&["-----begin pgp"]) {
        is("pgp", "application/pgp")
    } else {
        is("txt", "text/plain")
    }
}

/// How much of a text is decoded to tell its type.
const HEAD: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let rows: &[(&[u8], &str)] = &[
            (b"%PDF-1.7", "pdf"),
            (b"junk\n%PDF-1.4", "pdf"),
            (b"{\\rtf1", "rtf"),
            (b"BZhello", "txt"),
            (b"<!DOCTYPE html>", "html"),
            (b"BEGIN:VCALENDAR", "ics"),
            (b"From: a\nTo: b\nSubject: c\nMIME-Version: 1.0\n\n", "eml"),
            (b"From: a\nTo: b\nSubject: c\n\n", "txt"),
            (b"S\0E\0C\0R\0E\0T\0 \0", "txt"),
            (b"<w:document xmlns:w='x'/>", "xml"),
            (b" \r\n{\\rt1", "rtf"),
            (b"note\x1a", "txt"),
            (b"\0\x01\x02", ""),
            (b"", ""),
            (b"MZ\x90\0", "exe"),
            (b"MZ est un sigle.", "txt"),
            (b"PK\x07\x08PK\x03\x04", "zip"),
        ];
        for (bytes, extension) in rows {
            assert_eq!(sniff(bytes).extension, *extension);
        }
    }
}
