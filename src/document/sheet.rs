// SPDX-License-Identifier: EUPL-1.2
//! SpreadsheetML (ECMA-376 part 1 §18): cell rows as lines, shared and inline strings, headers, hidden sheets.

use super::opening::Opening;
use super::paragraphs::Pages;
use super::xml::Node;
use super::{DocumentError, xml};

/// The sheets of a workbook in its order.
#[derive(Default)]
pub(super) struct Sheets {
    /// Name, state (`visible`, `hidden`, `veryHidden`), part.
    list: Vec<(String, String, String)>,
    names: Vec<String>,
    /// Whether the package holds a workbook.
    pub found: bool,
}

impl Sheets {
    pub fn read(parts: &[(&str, &str)]) -> Sheets {
        let find = |path: &str| parts.iter().find(|(known, _)| known.eq_ignore_ascii_case(path)).map(|(_, xml)| *xml);
        let mut sheets = Sheets::default();
        let Some(workbook) = find("xl/workbook.xml") else {
            sheets.found = !parts.iter().any(|(path, _)| path.starts_with("xl/"));
            return sheets;
        };
        sheets.found = true;
        let mut targets = Vec::new();
        let _ = xml::walk(find("xl/_rels/workbook.xml.rels").unwrap_or_default(), &mut |node| {
            if let Node::Start(element) = node
                && let (Some(id), Some(target)) = (element.attribute("Id"), element.attribute("Target"))
            {
                let target = target.trim_start_matches('/');
                let target = if target.starts_with("xl/") { target.to_owned() } else { format!("xl/{target}") };
                targets.push((id, target));
            }
        });
        let mut defined = false;
        let _ = xml::walk(workbook, &mut |node| match node {
            Node::Start(element) if element.name == "sheet" => {
                let id = element.attributes().find(|(name, _)| name == "id").map(|(_, id)| id).unwrap_or_default();
                let part = targets.iter().find(|(known, _)| *known == id).map(|(_, part)| part.clone());
                sheets.list.push((
                    element.attribute("name").unwrap_or_default(),
                    element.attribute("state").unwrap_or_default(),
                    part.unwrap_or_default(),
                ));
            }
            Node::Start(element) => defined = element.name == "definedName",
            // A constant in a name is text that no cell shows.
            Node::Text(text) if defined && text.contains('"') => sheets.names.push(text.to_owned()),
            _ => {}
        });
        sheets
    }

    /// `#sheet2` by the workbook's order, else by the part's number.
    pub fn place(&self, part: &str) -> String {
        let position = self.list.iter().position(|(_, _, known)| known == part);
        match position {
            Some(position) => format!("#sheet{}", position + 1),
            None => {
                let number: String = part.chars().filter(char::is_ascii_digit).collect();
                format!("#sheet{number}")
            }
        }
    }

    /// The names of the sheets, and which are hidden.
    pub fn describe(&self, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
        for (name, state, _) in &self.list {
            if state.to_ascii_lowercase().contains("hidden") {
                opening.property("hidden-sheet", name);
            }
        }
        let names: Vec<&str> = self.list.iter().map(|(name, _, _)| name.as_str()).collect();
        opening.say("#sheets", names.join("\n"))?;
        opening.say("#hidden", self.names.join("\n"))
    }
}

/// The table of shared strings; phonetic runs are left out.
pub(super) fn shared_strings(xml: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut current = String::new();
    let (mut in_text, mut phonetic) = (false, false);
    let _ = xml::walk(xml, &mut |node| match node {
        Node::Start(element) => match element.name {
            "t" => in_text = !phonetic,
            "rPh" => phonetic = true,
            _ => {}
        },
        Node::Text(text) if in_text => current.push_str(text),
        Node::Text(_) => {}
        Node::End("si") => strings.push(std::mem::take(&mut current)),
        Node::End("t") => in_text = false,
        Node::End("rPh") => phonetic = false,
        Node::End(_) => {}
    });
    strings
}

/// One cell while it is read.
#[derive(Default)]
struct Cell {
    kind: String,
    value: String,
}

/// Reads a worksheet. `limit` bounds the text: one shared string may stand in a million cells.
pub(super) fn read(
    xml: &str,
    place: &str,
    shared: &[String],
    pages: &mut Pages,
    limit: usize,
) -> Result<(), DocumentError> {
    let mut row = String::new();
    let mut cell = Cell::default();
    let mut element = String::new();
    // Text comes in pieces, parted at entities such as `&amp;C`: only the whole is a header.
    let mut print = String::new();
    let mut written = 0;
    xml::walk(xml, &mut |node| match node {
        Node::Start(start) => {
            element.clear();
            element.push_str(start.name);
            match start.name {
                "row" => row.clear(),
                "c" => cell = Cell { kind: start.attribute("t").unwrap_or_default(), value: String::new() },
                "dataValidation" | "hyperlink" => {
                    for name in ["prompt", "promptTitle", "error", "location", "tooltip"] {
                        if let Some(text) = start.attribute(name) {
                            pages.line("#hidden", &text);
                        }
                    }
                }
                _ => {}
            }
        }
        Node::Text(text) => match element.as_str() {
            "v" | "t" => cell.value.push_str(text),
            "f" if text.contains('"') => pages.line("#hidden", text),
            name if print_place(name).is_some() => print.push_str(text),
            _ => {}
        },
        Node::End(name) if print_place(name).is_some() => {
            let text = print_text(&std::mem::take(&mut print));
            if let Some(place) = print_place(name).filter(|_| !text.trim().is_empty()) {
                pages.line(place, &text);
            }
            element.clear();
        }
        Node::End("c") => {
            let value = cell_text(&cell, shared);
            written += value.len();
            if written <= limit.saturating_add(1) {
                row.push_str(value.trim());
            }
            row.push('\t');
        }
        Node::End("row") => {
            pages.line(place, row.trim_end());
            row.clear();
        }
        Node::End(name) if name == element => element.clear(),
        Node::End(_) => {}
    })?;
    if written > limit { Err(DocumentError::Budget) } else { Ok(()) }
}

/// Where the headers and footers of printed pages stand.
fn print_place(element: &str) -> Option<&'static str> {
    match element {
        "oddHeader" | "evenHeader" | "firstHeader" => Some("#header"),
        "oddFooter" | "evenFooter" | "firstFooter" => Some("#footer"),
        _ => None,
    }
}

fn cell_text(cell: &Cell, shared: &[String]) -> String {
    match cell.kind.as_str() {
        "s" => cell.value.trim().parse().ok().and_then(|index: usize| shared.get(index)).cloned().unwrap_or_default(),
        "b" | "e" => String::new(),
        "" | "n" => number(&cell.value),
        _ => cell.value.clone(),
    }
}

/// Numbers of many digits are stored as `1.85057800608436E14`; identifiers must read as they were typed.
fn number(value: &str) -> String {
    if value.contains(['E', 'e'])
        && let Ok(number) = value.trim().parse::<f64>()
        && number.fract() == 0.0
        && number.abs() < 1e18
    {
        return format!("{number:.0}");
    }
    value.to_owned()
}

/// `&L`, `&C`, `&R`, fonts and sizes are codes of the page header (ECMA-376 part 1 §18.3.1.46).
pub(super) fn print_text(codes: &str) -> String {
    let mut text = String::new();
    let mut rest = codes.chars().peekable();
    while let Some(c) = rest.next() {
        if c != '&' {
            text.push(c);
            continue;
        }
        match rest.next() {
            Some('&') => text.push('&'),
            Some('"') => while rest.next().is_some_and(|c| c != '"') {},
            Some('L' | 'C' | 'R') => text.push('\n'),
            Some('K') => {
                for _ in 0..6 {
                    rest.next_if(char::is_ascii_hexdigit);
                }
            }
            Some(digit) if digit.is_ascii_digit() => while rest.next_if(char::is_ascii_digit).is_some() {},
            _ => {}
        }
    }
    text.trim_matches('\n').to_owned()
}

/// Values that other parts keep: attributes `v`, `name`, `caption` and texts of pivot caches, external links, tables.
pub(super) fn cache(xml: &str, pages: &mut Pages) -> Result<(), DocumentError> {
    let mut row = String::new();
    xml::walk(xml, &mut |node| match node {
        Node::Start(element) => {
            let name = match element.name {
                "s" | "n" => "v",
                "cacheField" | "tableColumn" => "name",
                "sheetName" => "val",
                "connection" => "description",
                _ => return,
            };
            if let Some(value) = element.attribute(name) {
                row.push_str(&value);
                row.push('\t');
            }
        }
        Node::Text(text) if !text.trim().is_empty() => {
            row.push_str(text.trim());
            row.push('\t');
        }
        Node::End("r" | "sharedItems" | "row" | "tableColumns" | "sheetNames" | "connection") => {
            pages.line("#hidden", row.trim_end());
            row.clear();
        }
        _ => {}
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_codes_are_no_text() {
        assert_eq!(print_text("&L&\"Arial,Bold\"&14CONFIDENTIEL&C&P / &N&R&KFF0000R&&D"), "CONFIDENTIEL\n / \nR&D");
    }

    #[test]
    fn long_numbers_read_as_typed() {
        assert_eq!(number("1.85057800608436E14"), "185057800608436");
        assert_eq!(number("3.5"), "3.5");
    }

    #[test]
    fn a_string_in_many_cells_meets_the_limit() {
        let mut pages = Pages::new();
        let cells = "<c t=\"s\"><v>0</v></c>".repeat(1000);
        let xml = format!("<sheetData><row>{cells}</row></sheetData>");
        let outcome = read(&xml, "#sheet1", &["x".repeat(1000)], &mut pages, 10_000);
        assert_eq!(outcome, Err(DocumentError::Budget));
    }
}
