// SPDX-License-Identifier: EUPL-1.2
//! Detects files whose name does not match their content.

use crate::detect::document::{extension, family};
use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;
use crate::mime::Body;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    for (place, extract) in inspection.files() {
        // The outermost file's name stands in its part, an inner one's in the extract.
        let name = place.rsplit('/').next().unwrap_or(&place);
        let name = if extract.name.is_empty() { name.trim_start_matches("attachment:") } else { extract.name.as_str() };
        if let Some(value) = disguise(name, &extract.kind) {
            findings.push(
                Finding::new(FindingKind::Disguised, place.clone())
                    .value(value)
                    .excerpt(crate::detect::reading::inspection::excerpt(name)),
            );
        }
    }
    let unopened = inspection
        .evidence
        .message
        .parts
        .iter()
        .enumerate()
        .filter(|(index, _)| !inspection.evidence.opened.iter().any(|opened| opened.part == *index));
    for (_, part) in unopened.filter(|(_, part)| matches!(part.body, Body::Attachment(_))) {
        let name = part.name.as_deref().unwrap_or("");
        if let Some(value) = disguise(name, &part.extension) {
            findings.push(Finding::new(FindingKind::Disguised, format!("attachment:{name}")).value(value));
        }
    }
}

/// The true kind, where a name hides it.
fn disguise(name: &str, kind: &str) -> Option<String> {
    // Override and isolate characters turn "fdp.exe" around on the screen; no honest name needs them.
    if name.contains(['\u{202d}', '\u{202e}', '\u{2066}', '\u{2067}', '\u{2068}']) {
        let shown = if kind.is_empty() { extension(Some(name)) } else { kind.to_owned() };
        return Some(shown);
    }
    let said = extension(Some(name));
    if is_program(&said) {
        // "rapport.pdf.exe": the name says program only to those who see its end.
        let stem = name.rsplit_once('.').map_or("", |(stem, _)| stem).trim_end();
        let inner = extension(Some(stem));
        let double = matches!(family(&inner), "office" | "pdf" | "text" | "image" | "media") && inner != "js";
        return double.then(|| if kind.is_empty() { said.clone() } else { kind.to_owned() });
    }
    if kind.is_empty() || said.is_empty() || said == kind || family(&said) == "other" {
        return (is_program(kind) && !said.is_empty() && family(&said) != "other").then(|| kind.to_owned());
    }
    (!compatible(&said, kind)).then(|| kind.to_owned())
}

/// Programs by content or by extension.
fn is_program(kind: &str) -> bool {
    matches!(
        kind,
        "exe"
            | "dll"
            | "msi"
            | "elf"
            | "com"
            | "scr"
            | "bat"
            | "cmd"
            | "ps1"
            | "vbs"
            | "vbe"
            | "hta"
            | "lnk"
            | "pif"
            | "macho"
            | "jse"
            | "wsf"
            | "cpl"
    )
}

/// Pairs that honest programs produce: office files in any office format, text under any text name, images under
/// another image's name, packages that are zip inside.
fn compatible(said: &str, kind: &str) -> bool {
    let (a, b) = (family(said), family(kind));
    let zipped = [
        "zip", "docx", "xlsx", "pptx", "odt", "ods", "odp", "jar", "epub", "ooxml", "odf", "vsdx", "xps", "kmz", "apk",
    ];
    match (a, b) {
        _ if is_program(kind) => false,
        ("text", "text") | ("image", "image") | ("media", "media") | ("office", "office") | ("archive", "archive") => {
            true
        }
        // A spreadsheet may really be csv or HTML with an office name; a text file is not an office file.
        ("office", "text") => true,
        ("office" | "archive" | "pdf", _) if zipped.contains(&kind) && said != "pdf" => true,
        ("pdf", "pdf") => true,
        // Outlook's winmail.dat and .msg are compound files, as are .doc and .xls; unknown content proves nothing.
        ("text", "office") if matches!(said, "msg" | "dat") => true,
        ("image", "text") if said == "svg" => true,
        (_, "other") => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn honest_names_stay_quiet() {
        for (name, kind) in [
            ("a.docx", "docx"),
            ("a.doc", "rtf"),
            ("a.xls", "csv"),
            ("a.xls", "html"),
            ("a.jpg", "png"),
            ("a.docx", "zip"),
            ("data.csv", "txt"),
            ("", "docx"),
            ("charte", "pdf"),
            ("a.dat", "tnef"),
            ("a.msg", "ole"),
            ("a.jpeg", "jpg"),
            ("a.pdf", ""),
            ("setup.exe", "exe"),
            ("v1.2", "pdf"),
            ("a.svg", "xml"),
            ("a.pages", "zip"),
            ("a.docx", "ole"),
        ] {
            assert_eq!(disguise(name, kind), None, "{name} {kind}");
        }
    }

    #[test]
    fn false_names_tell_the_true_kind() {
        for (name, kind, value) in [
            ("vacances.jpg", "docx", "docx"),
            ("notes.txt", "zip", "zip"),
            ("plaatje.png", "pdf", "pdf"),
            ("notice.pdf", "exe", "exe"),
            ("rapport.docx.gif", "docx", "docx"),
            ("rapport.pdf.exe", "exe", "exe"),
            ("rapport.pdf.scr", "", "scr"),
            ("é.pdf.exe\u{a0}\u{a0}", "", "exe"),
            ("an\u{202e}fdp.exe", "exe", "exe"),
            ("plan.pdf", "docx", "docx"),
        ] {
            assert_eq!(disguise(name, kind).as_deref(), Some(value), "{name} {kind}");
        }
    }
}
