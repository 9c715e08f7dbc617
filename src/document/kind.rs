// SPDX-License-Identifier: EUPL-1.2
//! Finds the true type of a file by its content; the name never decides. `mime::filetype` knows fixed bytes, this file
//! opens containers.

use std::io::Cursor;

use crate::mime::filetype;

/// Short name of the type (`pdf`, `docx`, `exe`, `txt` …), empty if unknown.
pub fn kind_of(bytes: &[u8]) -> &'static str {
    if filetype::is_zip(bytes) {
        return zipped(bytes);
    }
    if filetype::is_compound(bytes) {
        return compound(bytes);
    }
    // An armour is text that is read as it stands.
    if let Some(kind) = filetype::by_magic(bytes).filter(|kind| kind.extension != "pgp") {
        return kind.extension;
    }
    let head = bytes.get(..1024).unwrap_or(bytes);
    if filetype::has_late_pdf(bytes) && textual(head) != "eml" {
        return "pdf";
    }
    if super::zip::ends_as_zip(bytes) && super::charset::looks_binary(head) {
        return zipped(bytes);
    }
    textual(bytes)
}

/// Whether a kind is read as a zip already.
pub(super) fn is_zipped(kind: &str) -> bool {
    matches!(kind, "zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "odp")
}

/// What a zip is: an office package says so by its parts.
fn zipped(bytes: &[u8]) -> &'static str {
    let Ok(archive) = ::zip::ZipArchive::new(Cursor::new(bytes)) else {
        return zipped_without_directory(bytes);
    };
    let mut is_office = false;
    let mut kind = "zip";
    for name in archive.file_names_raw().take(5_000) {
        let name = name.strip_prefix(b"/").unwrap_or(name);
        if name.eq_ignore_ascii_case(b"[Content_Types].xml") {
            is_office = true;
        }
        kind = match name {
            b"word/document.xml" => "docx",
            b"xl/workbook.xml" | b"xl/workbook.bin" => "xlsx",
            b"ppt/presentation.xml" => "pptx",
            _ if kind != "zip" => kind,
            _ if name.starts_with(b"word/") => "docx",
            _ if name.starts_with(b"xl/") => "xlsx",
            _ if name.starts_with(b"ppt/") => "pptx",
            _ => kind,
        };
    }
    match (is_office, filetype::open_document(bytes)) {
        (true, _) => kind,
        (false, Some(kind)) => kind.extension,
        (false, None) => "zip",
    }
}

/// A damaged zip: the names in local headers must do.
fn zipped_without_directory(bytes: &[u8]) -> &'static str {
    let contains = |name: &[u8]| memchr::memmem::find(bytes, name).is_some();
    if let Some(kind) = filetype::open_document(bytes) {
        return kind.extension;
    }
    if !contains(b"[Content_Types].xml") {
        return "zip";
    }
    let parts: [(&[u8], &str); 3] = [(b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx")];
    parts.iter().find(|(part, _)| contains(part)).map_or("zip", |(_, kind)| kind)
}

/// What a compound file is, by its streams (MS-CFB): `doc`, `xls`, `ppt`, `msg`, `ooxml` (encrypted), `ole`.
fn compound(bytes: &[u8]) -> &'static str {
    let Ok(file) = cfb::CompoundFile::open(Cursor::new(bytes)) else {
        return "ole";
    };
    let has = |name: &str| file.is_stream(name);
    if has("EncryptedPackage") {
        "ooxml"
    } else if has("__properties_version1.0") {
        "msg"
    } else if has("WordDocument") {
        "doc"
    } else if has("Workbook") || has("Book") {
        "xls"
    } else if has("PowerPoint Document") {
        "ppt"
    } else {
        "ole"
    }
}

fn textual(bytes: &[u8]) -> &'static str {
    let head = bytes.get(..4096).unwrap_or(bytes);
    if head.is_empty() || super::charset::looks_binary(head) {
        return "";
    }
    let text = super::charset::decode(head).to_ascii_lowercase();
    let text = text.trim_start();
    if text.starts_with("begin:vcalendar") {
        "ics"
    } else if text.starts_with("begin:vcard") {
        "vcf"
    } else if text.starts_with("<!doctype html") || text.starts_with("<html") || text.contains("<body") {
        "html"
    } else if text.starts_with("<?xml") || text.starts_with("<svg") {
        if text.contains("<html") { "html" } else { "xml" }
    } else if filetype::is_message(text.as_bytes()) {
        "eml"
    } else if is_table(text) {
        "csv"
    } else {
        "txt"
    }
}

/// Separated values: the first lines hold the same number of the same separator.
fn is_table(text: &str) -> bool {
    [(';', 1), ('\t', 1), (',', 2)].iter().any(|(separator, least)| {
        let mut lines = text.lines().filter(|line| !line.trim().is_empty()).take(4);
        let count = |line: &str| line.chars().filter(|c| c == separator).count();
        let first = lines.next().map_or(0, count);
        let mut others = lines.peekable();
        first >= *least && others.peek().is_some() && others.all(|line| count(line) == first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides() {
        let rows: &[(&[u8], &str)] = &[
            (b"", ""),
            (b"%PDF-1.7", "pdf"),
            (b"junk\n%PDF-1.4", "pdf"),
            (b"{\\rtf1", "rtf"),
            (b"MZ\x90\x00", "exe"),
            (b"BZhello there", "txt"),
            (b"<!DOCTYPE html><p>x", "html"),
            (b"<?xml version='1.0'?><a/>", "xml"),
            (b"BEGIN:VCALENDAR\r\n", "ics"),
            (b"nom;prenom\na;b\nc;d\n", "csv"),
            (b"Bonjour, merci.\nA bientot\n", "txt"),
            (b"From: a@b.example\nTo: c@d.example\nSubject: x\nMIME-Version: 1.0\n\nbody", "eml"),
            (b"From: me\nTo: you\nSubject: minutes\n\nplain quote", "txt"),
            (b"\x00\x01\x02\x03\x04", ""),
        ];
        for (bytes, kind) in rows {
            assert_eq!(kind_of(bytes), *kind, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
