// SPDX-License-Identifier: EUPL-1.2
//! Finds the true type of a file by its content; the name never decides. `mime::filetype` knows fixed bytes, this file
//! opens containers.

use std::io::{Cursor, Read};

use crate::mime::{charset, filetype};

/// Short name of the type (`pdf`, `docx`, `exe`, `txt` …), empty if unknown.
pub fn kind_of(bytes: &[u8]) -> &'static str {
    if filetype::is_zip(bytes) {
        return zipped(bytes);
    }
    if filetype::is_compound(bytes) {
        return compound(bytes);
    }
    match filetype::sniff(bytes).extension {
        "" if super::zip::ends_as_zip(bytes) => zipped(bytes),
        "" if super::pgp::is_message(bytes) => "pgp",
        "txt" | "xml" => textual(bytes),
        "svg" => "xml",
        "sh" => "txt",
        kind => kind,
    }
}

/// Whether a kind is read as a zip already.
pub(super) fn is_zipped(kind: &str) -> bool {
    matches!(kind, "zip" | "docx" | "xlsx" | "pptx" | "odt" | "ods" | "odp")
}

/// What a zip is: an office package says so by its parts.
fn zipped(bytes: &[u8]) -> &'static str {
    let Ok(mut archive) = ::zip::ZipArchive::new(Cursor::new(bytes)) else {
        return zipped_without_directory(bytes);
    };
    let (mut is_office, mut is_open, mut content) = (false, false, false);
    let mut kind = "zip";
    let names: Vec<Vec<u8>> = archive.file_names_raw().take(5_000).map(<[u8]>::to_vec).collect();
    for mut name in names {
        // Older .NET and others write the separators of Windows (APPNOTE §4.4.17.1 forbids it); Office opens them.
        name.iter_mut().filter(|b| **b == b'\\').for_each(|b| *b = b'/');
        let name = name.strip_prefix(b"/").unwrap_or(&name);
        is_office |= name.eq_ignore_ascii_case(b"[Content_Types].xml");
        content |= name == b"content.xml";
        is_open |= matches!(name, b"META-INF/manifest.xml" | b"styles.xml" | b"meta.xml");
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
        (true, _) if kind == "zip" => by_content_types(&mut archive),
        (true, _) => kind,
        (false, Some(kind)) => kind.extension,
        // OpenOffice 1 and programs that leave the type out.
        (false, None) if content && is_open => "odt",
        (false, None) => "zip",
    }
}

/// ECMA-376 part 2 §9.3: the main part may stand anywhere; its content type says what it is.
fn by_content_types(archive: &mut ::zip::ZipArchive<Cursor<&[u8]>>) -> &'static str {
    let is_types = |name: &[u8]| name.strip_prefix(b"/").unwrap_or(name).eq_ignore_ascii_case(b"[Content_Types].xml");
    let Some(index) = archive.file_names_raw().position(is_types) else { return "zip" };
    let mut types = Vec::new();
    if let Ok(file) = archive.by_index(index) {
        let _ = file.take(256 << 10).read_to_end(&mut types);
    }
    let has = |word: &[u8]| memchr::memmem::find(&types, word).is_some();
    if has(b"wordprocessingml.document.main") || has(b"wordprocessingml.template.main") || has(b"word.document.macro") {
        "docx"
    } else if has(b"spreadsheetml.sheet.main") || has(b"excel.sheet.") {
        "xlsx"
    } else if has(b"presentationml.presentation.main") || has(b"presentationml.slideshow.main") {
        "pptx"
    } else {
        "zip"
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

/// What a compound file is, by its streams (MS-CFB): `doc`, `xls`, `ppt`, `msg`, `ooxml` (encrypted), `vsd`, `pub` …,
/// `ole`.
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
    } else if has("VisioDocument") {
        "vsd"
    } else if has("Quill/QuillSub/CONTENTS") || has("Contents") && file.is_storage("Escher") {
        "pub"
    } else if has("MatOST") {
        "wps"
    } else if has("PerfectOffice_MAIN") {
        "wpd"
    } else if has("HwpSummaryInformation") || has("\u{5}HwpSummaryInformation") {
        "hwp"
    } else if file.walk().take(200).any(|entry| entry.name().starts_with("Props") && entry.name().len() <= 8) {
        "mpp"
    } else {
        "ole"
    }
}

/// What plain text is: pages that do not begin as pages do, tables.
fn textual(bytes: &[u8]) -> &'static str {
    let text = charset::decode(bytes.get(..4096).unwrap_or(bytes), None).to_ascii_lowercase();
    let is_xml = filetype::sniff(bytes).extension == "xml";
    if text.contains("<html") || !is_xml && text.contains("<body") {
        "html"
    } else if is_xml {
        "xml"
    } else if is_table(text.trim_start()) {
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
