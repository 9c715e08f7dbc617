// SPDX-License-Identifier: EUPL-1.2
//! Office Open XML packages (ECMA-376): docx, xlsx, pptx. Every part is read; its path says what it is.

use super::opening::Opening;
use super::paragraphs::{self, Pages};
use super::{DocumentError, properties, sheet, unread, xlsb, xml, zip};

/// What a part is read as.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    /// Paragraphs at this place.
    Text(String),
    Workbook,
    SharedStrings,
    Sheet,
    Core,
    Custom,
    Label,
    Relations,
    /// Values kept aside by a spreadsheet: pivot caches, links to other workbooks.
    Cache,
    /// A part of a binary workbook (xlsb).
    Binary,
    /// The content types of all parts.
    Types,
    File,
    Nothing,
}

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut parts: Vec<(String, Part, String)> = Vec::new();
    let mut binary: Vec<(String, Vec<u8>)> = Vec::new();
    let mut damage = None;
    let outcome = zip::members(opening, &mut |member, opening| {
        if member.encrypted {
            opening.extract.encrypted = Some("zip".into());
        }
        damage = damage.or(member.fault);
        let path = member.name.trim_start_matches('/').to_owned();
        match part(&path) {
            Part::Nothing => {}
            Part::File if unread::is_machinery(&path) => opening.piece(&path, &member.bytes),
            Part::File => {
                opening.child(&path, &member.bytes);
                // The data model of a workbook: tables, packed as nobody else packs.
                if let Some(child) = opening.extract.children.last_mut().filter(|_| path.starts_with("xl/model/")) {
                    child.fault = child.fault.map(|_| DocumentError::Unread);
                }
            }
            Part::Binary => binary.push((path, member.bytes)),
            kind => parts.push((path, kind, xml::decode(&member.bytes))),
        }
    });
    let mut pages = Pages::new();
    let mut broken = Ok(());
    named_by_type(&mut parts);
    let notes = notes_of_slides(&parts);
    let shared = parts.iter().find(|(_, part, _)| *part == Part::SharedStrings);
    let shared = shared.map(|(_, _, xml)| sheet::shared_strings(xml)).unwrap_or_default();
    let sheets =
        sheet::Sheets::read(&parts.iter().map(|(path, _, xml)| (path.as_str(), xml.as_str())).collect::<Vec<_>>());
    sheets.describe(opening)?;
    parts.sort_by_key(|(path, _, _)| natural(path));
    for (path, part, xml) in &parts {
        let done = match part {
            Part::Text(place) => {
                let place = notes.iter().find(|(part, _)| part == path).map_or(place, |(_, place)| place);
                paragraphs::read(xml, place, &mut pages)
            }
            Part::Sheet => sheet::read(xml, &sheets.place(path), &shared, &mut pages, opening.budget.text),
            Part::Core => properties::core(xml, opening.extract, &mut pages),
            Part::Custom => properties::custom(xml, opening.extract, &mut pages),
            Part::Label => properties::label(xml, opening.extract),
            Part::Relations => relations(xml, &mut pages),
            Part::Cache => sheet::cache(xml, &mut pages),
            Part::Workbook | Part::SharedStrings | Part::File | Part::Nothing | Part::Binary | Part::Types => Ok(()),
        };
        broken = broken.and(done);
        for (name, value) in pages.variables.drain(..) {
            opening.property(name, &value);
        }
    }
    broken = broken.and(binary_parts(&binary, &sheets, &mut pages, opening.budget.text));
    // Strings that no cell shows are still in the file.
    if !sheets.found {
        pages.line("#body", &shared.join("\n"));
    }
    pages.write(opening)?;
    if let Ok(irregular) = &outcome {
        irregular.iter().for_each(|what| opening.property("irregular", what));
    }
    if let Some(fault) = damage {
        return Err(fault);
    }
    outcome.map(|_| ()).and(broken)
}

/// The parts of a binary workbook. Strings that no cell shows stand behind the cells.
fn binary_parts(
    binary: &[(String, Vec<u8>)],
    sheets: &sheet::Sheets,
    pages: &mut Pages,
    limit: usize,
) -> Result<(), DocumentError> {
    let mut whole = Ok(());
    let is_strings = |path: &str| path.to_ascii_lowercase().ends_with("sharedstrings.bin");
    let shared = binary.iter().find(|(path, _)| is_strings(path));
    let shared = shared.map(|(_, bytes)| xlsb::shared_strings(bytes)).unwrap_or_default();
    for (path, bytes) in binary.iter().filter(|(path, _)| !is_strings(path)) {
        let is_sheet = path.to_ascii_lowercase().contains("sheets/");
        let place = if is_sheet { sheets.place(path) } else { "#other".to_owned() };
        whole = whole.and(xlsb::read(bytes, &place, &shared, pages, limit));
    }
    pages.line("#hidden", &shared.join("\n"));
    whole
}

/// Where a part's text stands, by its path.
pub(super) fn place(path: &str) -> Option<String> {
    match part(path) {
        Part::Text(place) => Some(place),
        _ => None,
    }
}

/// Parts whose path says nothing are known by their content type.
fn named_by_type(parts: &mut [(String, Part, String)]) {
    let Some(types) = parts.iter().find(|(_, part, _)| *part == Part::Types).map(|(_, _, xml)| xml.clone()) else {
        return;
    };
    let mut known: Vec<(String, &str)> = Vec::new();
    let _ = xml::walk(&types, &mut |node| {
        let xml::Node::Start(element) = node else { return };
        let (Some(path), Some(kind)) = (element.attribute("PartName"), element.attribute("ContentType")) else {
            return;
        };
        let is = |word: &str| kind.ends_with(word);
        let place = match () {
            _ if is("document.main+xml") => "#body",
            _ if is("wordprocessingml.header+xml") => "#header",
            _ if is("wordprocessingml.footer+xml") => "#footer",
            _ if is("footnotes+xml") => "#footnotes",
            _ if is("endnotes+xml") => "#endnotes",
            _ if is("comments+xml") => "#comment",
            _ => return,
        };
        known.push((path.trim_start_matches('/').to_ascii_lowercase(), place));
    });
    for (path, part, _) in parts.iter_mut().filter(|(_, part, _)| *part == Part::Text("#other".into())) {
        if let Some((_, place)) = known.iter().find(|(known, _)| *known == path.to_ascii_lowercase()) {
            *part = Part::Text((*place).to_owned());
        }
    }
}

/// Which part is what (ECMA-376 part 1, §11 to §15; names are Office's, the standard leaves them free).
fn part(path: &str) -> Part {
    let lower = path.to_ascii_lowercase();
    let file = lower.rsplit('/').next().unwrap_or(&lower);
    let (stem, extension) = file.rsplit_once('.').unwrap_or((file, ""));
    let word = stem.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = stem.get(word.len()..).unwrap_or_default();
    let text = |place: &str| Part::Text(place.to_owned());
    match extension {
        "rels" => return Part::Relations,
        "xml" | "vml" => {}
        "bin" if lower.starts_with("xl/") && matches!(word, "styles" | "calcchain" | "metadata" | "theme") => {
            return Part::Nothing;
        }
        "bin" if lower.starts_with("xl/") && !lower.contains("embeddings/") && !unread::is_machinery(path) => {
            return Part::Binary;
        }
        "odttf" | "fntdata" => return Part::Nothing,
        _ if lower.contains("printersettings") || word == "thumbnail" || path.ends_with('/') => return Part::Nothing,
        _ => return Part::File,
    }
    if lower.contains("/charts/") {
        return if word == "chart" || word == "chartex" { text("#chart") } else { Part::Nothing };
    }
    if lower.contains("/diagrams/") {
        return if word == "data" { text("#textbox") } else { Part::Nothing };
    }
    match (lower.split('/').next().unwrap_or_default(), word) {
        ("docprops", "core" | "app") => Part::Core,
        ("docprops", _) => Part::Custom,
        ("docmetadata", _) => Part::Label,
        ("customxml", "item") => text("#custom"),
        ("customxml", _) => Part::Nothing,
        (_, "[content_types]") => Part::Types,
        (_, "styles" | "fonttable" | "theme" | "themeoverride" | "websettings" | "tablestyles") => Part::Nothing,
        (_, "styleswitheffects" | "viewprops" | "presprops" | "calcchain" | "metadata" | "people") => Part::Nothing,
        ("word", "document") => text("#body"),
        ("word", "header") => text("#header"),
        ("word", "footer") => text("#footer"),
        ("word", "footnotes") => text("#footnotes"),
        ("word", "endnotes") => text("#endnotes"),
        ("word", "comments") => text("#comment"),
        ("word", "commentsextended" | "commentsids" | "commentsextensible") => Part::Nothing,
        ("xl", "workbook") => Part::Workbook,
        ("xl", "sharedstrings") => Part::SharedStrings,
        ("xl", "sheet") => Part::Sheet,
        ("xl", "comments" | "threadedcomment") => text("#comment"),
        ("xl", "drawing" | "vmldrawing") => text("#textbox"),
        (
            "xl",
            "pivotcachedefinition" | "pivotcacherecords" | "externallink" | "table" | "querytable" | "connections",
        ) => Part::Cache,
        ("xl", _) if lower.contains("sheets/") => Part::Sheet,
        ("xl", "pivottable" | "person" | "slicer" | "slicercache") => Part::Nothing,
        ("ppt", "slide") => Part::Text(format!("#slide{number}")),
        ("ppt", "notesslide") => Part::Text(format!("#notes{number}")),
        ("ppt", "slidemaster" | "slidelayout" | "notesmaster" | "handoutmaster") => text("#master"),
        ("ppt", "comment" | "moderncomment") => text("#comment"),
        ("ppt", "presentation" | "commentauthors" | "authors" | "revisioninfo" | "changesinfo") => Part::Nothing,
        _ => text("#other"),
    }
}

/// Notes are numbered by their slide, not by their file.
fn notes_of_slides(parts: &[(String, Part, String)]) -> Vec<(String, String)> {
    let mut notes = Vec::new();
    for (path, part, xml) in parts {
        let Some(slide) = path.strip_prefix("ppt/slides/_rels/slide") else { continue };
        let number = slide.trim_end_matches(".xml.rels");
        if *part == Part::Relations {
            let _ = xml::walk(xml, &mut |node| {
                if let xml::Node::Start(element) = node
                    && let Some(target) = element.attribute("Target")
                    && let Some(file) = target.strip_prefix("../notesSlides/")
                {
                    notes.push((format!("ppt/notesSlides/{file}"), format!("#notes{number}")));
                }
            });
        }
    }
    notes
}

/// Links that lead out of the package (hyperlinks, remote templates).
fn relations(xml: &str, pages: &mut Pages) -> Result<(), DocumentError> {
    xml::walk(xml, &mut |node| {
        if let xml::Node::Start(element) = node
            && element.attribute("TargetMode").as_deref() == Some("External")
            && let Some(target) = element.attribute("Target")
        {
            pages.line("#link", &target);
        }
    })
}

/// `slide10` after `slide2`.
fn natural(path: &str) -> (String, u64) {
    let digits: String = path.chars().filter(char::is_ascii_digit).take(9).collect();
    (path.chars().filter(|c| !c.is_ascii_digit()).collect(), digits.parse().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_known_by_their_path() {
        let rows = [
            ("word/document.xml", Part::Text("#body".into())),
            ("word/header2.xml", Part::Text("#header".into())),
            ("ppt/slides/slide12.xml", Part::Text("#slide12".into())),
            ("xl/worksheets/sheet1.xml", Part::Sheet),
            ("xl/worksheets/_rels/sheet1.xml.rels", Part::Relations),
            ("docMetadata/LabelInfo.xml", Part::Label),
            ("word/embeddings/oleObject1.bin", Part::File),
            ("word/unheard.xml", Part::Text("#other".into())),
            ("word/theme/theme1.xml", Part::Nothing),
        ];
        for (path, expected) in rows {
            assert_eq!(part(path), expected, "{path}");
        }
    }
}
