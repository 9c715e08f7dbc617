// SPDX-License-Identifier: EUPL-1.2
//! The type of a file by its first bytes. It is fast and shallow; `document` uses the same table and then looks
//! deeper.

use memchr::memmem;

/// A type by content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileType {
    /// `application/pdf`; `application/octet-stream` if unknown.
    pub media_type: &'static str,
    /// `pdf`, `docx`, `exe` …; empty if unknown.
    pub extension: &'static str,
}

const fn is(extension: &'static str, media_type: &'static str) -> FileType {
    FileType { media_type, extension }
}

const UNKNOWN: FileType = is("", "application/octet-stream");

/// Leading bytes and what they mean; sources: the formats' own specifications. The one table of the program.
const MAGIC: &[(&[u8], FileType)] = &[
    (b"%PDF-", is("pdf", "application/pdf")),
    (b"\x89PNG\r\n\x1a\n", is("png", "image/png")),
    (b"\xff\xd8\xff", is("jpeg", "image/jpeg")),
    (b"GIF8", is("gif", "image/gif")),
    (b"{\\rtf", is("rtf", "application/rtf")),
    (b"7z\xbc\xaf\x27\x1c", is("7z", "application/x-7z-compressed")),
    (b"Rar!\x1a\x07", is("rar", "application/vnd.rar")),
    (b"\x1f\x8b\x08", is("gz", "application/gzip")),
    (b"\xfd7zXZ\0", is("xz", "application/x-xz")),
    (b"\x28\xb5\x2f\xfd", is("zst", "application/zstd")),
    (b"\x78\x9f\x3e\x22", is("tnef", "application/ms-tnef")),
    (b"MSCF\0\0\0\0", is("cab", "application/vnd.ms-cab-compressed")),
    (b"\x7fELF", is("elf", "application/x-elf")),
    (b"II*\0", is("tiff", "image/tiff")),
    (b"MM\0*", is("tiff", "image/tiff")),
    (b"L\0\0\0\x01\x14\x02\0", is("lnk", "application/x-ms-shortcut")),
    (b"-----BEGIN PGP", is("pgp", "application/pgp")),
    (b"ID3", is("mp3", "audio/mpeg")),
    (b"OggS", is("ogg", "audio/ogg")),
    (b"\x1aE\xdf\xa3", is("mkv", "video/x-matroska")),
];

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
    let text = textual(&bytes[..bytes.len().min(1024)]);
    if text.extension != "eml" && has_late_pdf(bytes) {
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
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Some(*kind);
    }
    // Two letters are little: text may begin so, a program holds bytes that text does not.
    if bytes.starts_with(b"MZ") && bytes.iter().take(64).any(|b| *b < 9) {
        return Some(is("exe", "application/vnd.microsoft.portable-executable"));
    }
    if bytes.starts_with(b"BZh") && matches!(bytes.get(3), Some(b'1'..=b'9')) {
        return Some(is("bz2", "application/x-bzip2"));
    }
    if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        return Some(is("webp", "image/webp"));
    }
    if bytes.get(4..8) == Some(b"ftyp") {
        return Some(is("mp4", "video/mp4"));
    }
    if bytes.get(257..262) == Some(b"ustar") {
        return Some(is("tar", "application/x-tar"));
    }
    (bytes.get(0x8001..0x8006) == Some(b"CD001")).then_some(is("iso", "application/x-iso9660-image"))
}

/// ISO 32000 annex H: readers accept the header anywhere in the first 1,024 bytes.
pub fn has_late_pdf(bytes: &[u8]) -> bool {
    memmem::find(&bytes[..bytes.len().min(1024)], b"%PDF-").is_some()
}

/// The kind of an OpenDocument package (ISO 26300-3 §3.3): its first member is `mimetype`, stored, so that its value
/// stands at byte 38.
pub fn open_document(bytes: &[u8]) -> Option<FileType> {
    let head = &bytes[..bytes.len().min(200)];
    let at = memmem::find(head, b"mimetypeapplication/vnd.oasis.opendocument.")?;
    let rest = &head[at + 43..];
    Some(match rest {
        _ if rest.starts_with(b"spreadsheet") => is("ods", "application/vnd.oasis.opendocument.spreadsheet"),
        _ if rest.starts_with(b"presentation") || rest.starts_with(b"graphics") => {
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
        if has(b"word/document.xml") {
            return is("docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document");
        }
        if has(b"xl/workbook.xml") {
            return is("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet");
        }
        if has(b"ppt/presentation.xml") {
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

fn textual(head: &[u8]) -> FileType {
    let bom = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let binary = head.iter().any(|b| *b < 9 || (14..32).contains(b) && *b != 27);
    if head.is_empty() || (binary && !bom) {
        return UNKNOWN;
    }
    let lower = head.to_ascii_lowercase();
    let lower = lower.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&lower).trim_ascii_start();
    if lower.starts_with(b"begin:vcalendar") {
        is("ics", "text/calendar")
    } else if lower.starts_with(b"begin:vcard") {
        is("vcf", "text/vcard")
    } else if lower.starts_with(b"<!doctype html") || lower.starts_with(b"<html") {
        is("html", "text/html")
    } else if lower.starts_with(b"<?xml") {
        is("xml", "application/xml")
    } else if lower.starts_with(b"<svg") {
        is("svg", "image/svg+xml")
    } else if lower.starts_with(b"#!") {
        is("sh", "text/x-shellscript")
    } else if is_message(lower) {
        is("eml", "message/rfc822")
    } else {
        is("txt", "text/plain")
    }
}

/// Begins with three known header fields (RFC 5322 §2.2), one of which nobody types by hand: a mail quoted in a text
/// begins like one too. In lower case.
pub fn is_message(lower: &[u8]) -> bool {
    const KNOWN: [&[u8]; 15] = [
        b"from",
        b"to",
        b"subject",
        b"date",
        b"message-id",
        b"received",
        b"mime-version",
        b"content-type",
        b"return-path",
        b"reply-to",
        b"cc",
        b"delivered-to",
        b"content-transfer-encoding",
        b"x-mailer",
        b"dkim-signature",
    ];
    let mut known = 0;
    let mut written_by_machine = false;
    for line in lower.split(|b| *b == b'\n') {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else { break };
        let name = &line[..colon];
        if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
            break;
        }
        known += usize::from(KNOWN.contains(&name));
        written_by_machine |= matches!(name, b"message-id" | b"mime-version" | b"received" | b"content-type");
    }
    known >= 3 && written_by_machine
}

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
