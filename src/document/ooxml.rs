// SPDX-License-Identifier: EUPL-1.2
//! Office Open XML packages (ECMA-376): docx, xlsx, pptx. Every part is read; its path says what it is.

use super::opening::Opening;
use super::paragraphs::{self, Pages};
use super::{DocumentError, properties, sheet, xml, zip};

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
    /// Binary workbooks (xlsb): strings only.
    Binary,
    File,
    Nothing,
}

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut parts: Vec<(String, Part, String)> = Vec::new();
    let mut damage = None;
    let outcome = zip::members(opening, &mut |member, opening| {
        if member.encrypted {
            opening.extract.encrypted = Some("zip".into());
        }
        damage = damage.or(member.fault);
        let path = member.name.trim_start_matches('/').to_owned();
        match part(&path) {
            Part::Nothing => {}
            Part::File => opening.child(&path, &member.bytes),
            kind @ Part::Binary => parts.push((path, kind, super::ole::strings(&member.bytes))),
            kind => parts.push((path, kind, xml::decode(&member.bytes))),
        }
    });
    let mut pages = Pages::new();
    let mut broken = Ok(());
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
            Part::Binary => {
                pages.line("#body", xml);
                Ok(())
            }
            Part::Workbook | Part::SharedStrings | Part::File | Part::Nothing => Ok(()),
        };
        broken = broken.and(done);
        for (name, value) in pages.variables.drain(..) {
            opening.property(name, &value);
        }
    }
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
        "bin" if lower.starts_with("xl/") && matches!(word, "sharedstrings" | "sheet" | "comments") => {
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
        (_, "[content_types]" | "styles" | "fonttable" | "theme" | "themeoverride" | "websettings" | "tablestyles") => {
            Part::Nothing
        }
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
