// SPDX-License-Identifier: EUPL-1.2
//! The true type by content. A name never decides.

use std::io::Cursor;

/// Leading bytes that name a type. Longest and most certain first.
const MAGIC: &[(&[u8], &str)] = &[
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"7z\xBC\xAF\x27\x1C", "7z"),
    (b"Rar!\x1A\x07", "rar"),
    (b"\x1F\x8B", "gz"),
    (b"BZh", "bz2"),
    (b"\xFD7zXZ\x00", "xz"),
    (b"\x28\xB5\x2F\xFD", "zst"),
    (b"\x78\x9F\x3E\x22", "tnef"),
    (b"\x89PNG\r\n\x1A\n", "png"),
    (b"\xFF\xD8\xFF", "jpeg"),
    (b"GIF8", "gif"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"MSCF\x00\x00\x00\x00", "cab"),
    (b"\x7FELF", "elf"),
    (b"MZ", "exe"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "lnk"),
];

/// Short name of the type (`pdf`, `docx`, `exe`, `txt` …), empty where unknown.
pub fn kind_of(bytes: &[u8]) -> &'static str {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"PK\x05\x06") || bytes.starts_with(b"PK\x07\x08") {
        return zipped(bytes);
    }
    if bytes.starts_with(b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1") {
        return compound(bytes);
    }
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        if *kind == "bz2" && !matches!(bytes.get(3), Some(b'1'..=b'9')) {
            return textual(bytes);
        }
        return kind;
    }
    let head = bytes.get(..1024).unwrap_or(bytes);
    // ISO 32000 annex H: readers accept the header anywhere in the first 1,024 bytes.
    if memchr::memmem::find(head, b"%PDF-").is_some() {
        return "pdf";
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return "tar";
    }
    if bytes.get(0x8001..0x8006) == Some(b"CD001") {
        return "iso";
    }
    if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        return "webp";
    }
    if super::zip::ends_as_zip(bytes) && super::text::looks_binary(head) {
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
    match (is_office, open_document(bytes)) {
        (true, _) => kind,
        (false, Some(kind)) => kind,
        (false, None) => "zip",
    }
}

/// A damaged zip: the names in local headers must do.
fn zipped_without_directory(bytes: &[u8]) -> &'static str {
    let contains = |name: &[u8]| memchr::memmem::find(bytes, name).is_some();
    if let Some(kind) = open_document(bytes) {
        return kind;
    }
    if !contains(b"[Content_Types].xml") {
        return "zip";
    }
    let parts: [(&[u8], &str); 3] = [(b"word/", "docx"), (b"xl/", "xlsx"), (b"ppt/", "pptx")];
    parts.iter().find(|(part, _)| contains(part)).map_or("zip", |(_, kind)| kind)
}

/// ISO 26300-3 §3.3: the first member is `mimetype`, stored, without extra field: its value stands at byte 38.
fn open_document(bytes: &[u8]) -> Option<&'static str> {
    let head = bytes.get(..200).unwrap_or(bytes);
    let at = memchr::memmem::find(head, b"mimetypeapplication/vnd.oasis.opendocument.")?;
    let rest = head.get(at + 43..).unwrap_or_default();
    Some(match rest {
        _ if rest.starts_with(b"spreadsheet") => "ods",
        _ if rest.starts_with(b"presentation") || rest.starts_with(b"graphics") => "odp",
        _ => "odt",
    })
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
    if head.is_empty() || super::text::looks_binary(head) {
        return "";
    }
    let text = super::text::decode(head).to_ascii_lowercase();
    let text = text.trim_start();
    if text.starts_with("begin:vcalendar") {
        "ics"
    } else if text.starts_with("begin:vcard") {
        "vcf"
    } else if text.starts_with("<!doctype html") || text.starts_with("<html") || text.contains("<body") {
        "html"
    } else if text.starts_with("<?xml") || text.starts_with("<svg") {
        if text.contains("<html") { "html" } else { "xml" }
    } else if is_message(text) {
        "eml"
    } else if is_table(text) {
        "csv"
    } else {
        "txt"
    }
}

/// RFC 5322 §2.2: header fields stand at the very beginning; three known ones are enough.
fn is_message(lower: &str) -> bool {
    const FIELDS: &[&str] = &[
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "received",
        "mime-version",
        "content-type",
        "return-path",
        "reply-to",
        "cc",
        "x-mailer",
        "content-transfer-encoding",
        "delivered-to",
        "dkim-signature",
    ];
    let mut known = 0;
    for line in lower.lines() {
        if line.starts_with([' ', '\t']) {
            continue;
        }
        let Some((name, _)) = line.split_once(':') else { break };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_graphic()) {
            break;
        }
        known += usize::from(FIELDS.contains(&name));
    }
    // A mail quoted in a text begins like one too; Message-ID, MIME-Version or Received are not typed by hand.
    known >= 3 && ["message-id:", "mime-version:", "received:"].iter().any(|field| lower.contains(field))
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
