// SPDX-License-Identifier: EUPL-1.2
//! Detects attached documents, by family. Parts of the letter itself (logos, signatures, invitations) do not count.

use std::collections::HashSet;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;
use crate::mime::{Body, Part, percent_decoded};

/// An image below this size in bytes is a logo or a tracking dot.
const SMALLEST_IMAGE: usize = 8 * 1024;
/// Pictures of pages that are looked at.
const MOST_DRAWN: usize = 2_000;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let mut drawn: Option<HashSet<String>> = None;
    for (index, part) in inspection.evidence.message.parts.iter().enumerate() {
        let Body::Attachment(bytes) = &part.body else { continue };
        if part.depth > 0 || is_machinery(part) {
            continue;
        }
        let opened = inspection.evidence.opened.iter().find(|opened| opened.part == index);
        let kind = opened
            .map(|opened| opened.extract.kind.as_str())
            .filter(|kind| !kind.is_empty())
            .unwrap_or(&part.extension);
        let kind = if kind.is_empty() { extension(part.name.as_deref()) } else { kind.to_owned() };
        // A drawing is XML that is looked at.
        let is_drawing = kind == "xml" && (part.declared_type == "image/svg+xml" || part.extension == "svg");
        let family = if is_drawing { "image" } else { family(&kind) };
        let in_text =
            part.parent.is_some_and(|p| matches!(inspection.evidence.message.parts[p].body, Body::Text { .. }));
        let is_page = in_text && (is_drawing || is_within_page(part));
        let mut decorates = || {
            // Phones send every photograph "inline": only what the page draws is part of it.
            content_id(part).is_some_and(|id| drawn.get_or_insert_with(|| content_ids(inspection)).contains(&id))
        };
        if family == "image" && (is_page || bytes.len() < SMALLEST_IMAGE || decorates()) {
            continue;
        }
        let place = opened.map_or_else(
            || format!("attachment:{}", part.name.as_deref().unwrap_or("")),
            |opened| opened.place.clone(),
        );
        findings.push(Finding::new(FindingKind::Document, place).value(family));
    }
}

/// Whether the page draws it from within itself (a data: URI): it is part of the page, as what it draws by `cid:`.
fn is_within_page(part: &Part) -> bool {
    part.name.as_deref() == Some("data") && (part.path == "data" || part.path.ends_with(".data"))
}

/// Families of file kinds.
pub fn family(kind: &str) -> &'static str {
    match kind {
        "doc" | "docx" | "docm" | "dot" | "dotx" | "xls" | "xlsx" | "xlsm" | "xlsb" | "xlt" | "ppt" | "pptx"
        | "pptm" | "pps" | "ppsx" | "odt" | "ods" | "odp" | "odg" | "ott" | "rtf" | "ole" | "cfb" | "ooxml" | "odf"
        | "vsd" | "vsdx" | "pub" | "one" | "pages" | "numbers" | "key" | "wpd" | "abw" | "mdb" | "accdb" | "mpp"
        | "wps" | "hwp" | "doc2" | "wri" | "xls4" | "wk1" | "123" | "indd" | "qxd" | "dwg" | "iwa" => "office",
        "pdf" | "ps" | "eps" | "xps" | "djvu" | "epub" | "mobi" | "dvi" => "pdf",
        "zip" | "7z" | "rar" | "tar" | "gz" | "tgz" | "bz2" | "xz" | "zst" | "cab" | "iso" | "lz" | "lzma" | "arj"
        | "ace" | "dmg" | "wim" | "lzh" | "z" | "sit" | "lz4" | "zoo" | "alz" | "egg" | "ar" | "cpio" | "rpm"
        | "xar" | "vhd" | "vhdx" | "vmdk" => "archive",
        "txt" | "csv" | "tsv" | "html" | "htm" | "xml" | "json" | "md" | "log" | "yaml" | "sql" | "vcf" | "eml"
        | "msg" | "tnef" | "mbox" | "emlx" | "mht" | "mhtml" | "ics" | "pst" | "dat" => "text",
        "png" | "jpg" | "jpeg" | "gif" | "bmp" | "tif" | "tiff" | "webp" | "heic" | "heif" | "svg" | "avif" | "ico"
        | "jp2" | "jxl" | "psd" | "emf" | "wmf" | "raw" => "image",
        "mp3" | "mp4" | "m4a" | "wav" | "ogg" | "avi" | "mov" | "mkv" | "webm" | "flac" | "opus" | "asf" | "wma"
        | "wmv" | "flv" | "swf" | "amr" | "aiff" | "midi" | "mpeg" | "mpg" | "m2ts" | "caf" | "au" => "media",
        "exe" | "dll" | "msi" | "elf" | "com" | "scr" | "bat" | "cmd" | "ps1" | "vbs" | "js" | "jar" | "apk"
        | "lnk" | "hta" => "program",
        _ => "other",
    }
}

/// The extension of a name, lower case.
pub fn extension(name: Option<&str>) -> String {
    let name = name.unwrap_or("");
    name.rsplit_once('.')
        .map(|(_, extension)| extension.trim().to_lowercase())
        .filter(|e| e.len() <= 8)
        .unwrap_or_default()
}

/// The name by which a page of the same message draws this part (RFC 2392).
fn content_id(part: &Part) -> Option<String> {
    let header = part.headers.iter().find(|header| header.name.eq_ignore_ascii_case("Content-ID"))?;
    Some(header.value.trim().trim_matches(['<', '>']).to_lowercase()).filter(|id| !id.is_empty())
}

/// What the pages of the message draw: the names behind `cid:`.
fn content_ids(inspection: &Inspection<'_>) -> HashSet<String> {
    let mut found = HashSet::new();
    for part in &inspection.evidence.message.parts {
        let Body::Text { html: true, text } = &part.body else { continue };
        let lower = text.to_ascii_lowercase();
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '>' | ')' | '<' | '&');
        for at in memchr::memmem::find_iter(lower.as_bytes(), "cid:").take(MOST_DRAWN) {
            let id = lower[at + 4..].split(ends).next().unwrap_or("");
            found.insert(String::from_utf8_lossy(&percent_decoded(id.as_bytes())).to_lowercase());
        }
    }
    found
}

/// Parts that programs add: signatures, keys, invitations, reports.
fn is_machinery(part: &Part) -> bool {
    let kind = part.declared_type.as_str();
    matches!(
        kind,
        "application/pkcs7-signature"
            | "application/x-pkcs7-signature"
            | "application/pgp-signature"
            | "application/pgp-keys"
            | "application/pgp-encrypted"
            | "text/calendar"
            | "application/ics"
            | "message/delivery-status"
            | "message/disposition-notification"
            | "text/rfc822-headers"
            | "message/rfc822"
            | "message/global"
    ) || part.name.as_deref().is_some_and(|name| {
        let name = name.to_lowercase();
        name.ends_with(".ics") || name.ends_with(".p7s") || name == "signature.asc"
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use super::*;

    #[test]
    fn a_picture_of_the_page_itself_is_told_from_a_pasted_one() {
        let picture = [b"\x89PNG\r\n\x1a\n".as_slice(), &[7; 9_000]].concat();
        let drawn = base64::engine::general_purpose::STANDARD.encode(&picture);
        let mail = |body: &str| {
            let raw = format!("Content-Type: text/html\r\n\r\n{body}\r\n");
            let message = crate::mime::parse(raw.as_bytes(), &crate::mime::ParseBudget::default());
            let found = message.parts.iter().find(|part| matches!(part.body, Body::Attachment(_))).cloned();
            found.map(|part| is_within_page(&part))
        };
        assert_eq!(mail(&format!("<img src=\"data:image/png;base64,{drawn}\">")), Some(true));
        assert_eq!(mail(&format!("<p>voir\r\nbegin-base64 644 x.data\r\n{drawn}\r\n====\r\n")), Some(false));
        assert_eq!(mail("<p>rien"), None);
    }

    #[test]
    fn families_and_extensions() {
        assert_eq!(family(&extension(Some("Rapport.DOCX"))), "office");
        assert_eq!(extension(Some("sans extension")), "");
        assert_eq!(family("7z"), "archive");
    }
}
