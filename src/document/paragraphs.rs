// SPDX-License-Identifier: EUPL-1.2
//! Paragraphs of WordprocessingML and DrawingML: joins runs, one line for each paragraph and each row of a table, keeps
//! text boxes and deleted text apart.

use std::borrow::Cow;
use std::collections::HashSet;

use super::opening::Opening;
use super::rows::Rows;
use super::xml::{Element, Node};
use super::{DocumentError, xml};

/// Lines gathered by place, before they are counted against the budget.
pub(super) struct Pages {
    places: Vec<(String, String)>,
    seen: HashSet<String>,
    /// Document variables and the like, found on the way.
    pub variables: Vec<(String, String)>,
}

impl Pages {
    pub fn new() -> Pages {
        Pages { places: Vec::new(), seen: HashSet::new(), variables: Vec::new() }
    }

    /// Adds lines at a place. Blank ones are left out.
    pub fn line(&mut self, place: &str, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        // Most lines go where the last one went.
        let at = match self.places.iter().rposition(|(known, _)| known == place) {
            Some(at) => at,
            None => {
                self.places.push((place.to_owned(), String::new()));
                self.places.len() - 1
            }
        };
        if let Some((_, lines)) = self.places.get_mut(at) {
            lines.push_str(text.trim_end());
            lines.push('\n');
        }
    }

    /// Hands all lines to the extract.
    pub fn write(self, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
        for (place, text) in self.places {
            opening.say(&place, text)?;
        }
        Ok(())
    }
}

/// A stream of paragraphs: the part's own, or a text box's inside it.
struct Flow {
    place: String,
    line: String,
    /// Alternate content for old readers repeats the new (ECMA-376 part 3): only what differs is kept.
    fallback: bool,
}

/// What character data is at the moment.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Shown,
    Deleted,
    Field,
    Unknown,
}

/// Element content that is layout, not language.
const LAYOUT: &[&str] = &[
    "posOffset",
    "align",
    "pctWidth",
    "pctHeight",
    "pctPosHOffset",
    "pctPosVOffset",
    "Anchor",
    "Row",
    "Column",
    "AutoFill",
    "MoveWithCells",
    "SizeWithCells",
    "PrintObject",
    "formatCode",
    "ptCount",
    "attrName",
    "from",
    "to",
    "col",
    "colOff",
    "row",
    "rowOff",
    "Locked",
    "LockText",
    "TextHAlign",
    "TextVAlign",
    "DefaultSize",
    "FmlaMacro",
    "binData",
    "binaryData",
];

pub(super) fn read(xml: &str, place: &str, pages: &mut Pages) -> Result<(), DocumentError> {
    let mut reading = Reading {
        pages,
        flows: vec![Flow { place: place.to_owned(), line: String::new(), fallback: false }],
        rows: Rows::default(),
        deleted: String::new(),
        field: String::new(),
        role: Role::Unknown,
        element: String::new(),
        capitals: false,
        in_settings: 0,
    };
    let outcome = xml::walk(xml, &mut |node| match node {
        Node::Start(element) => reading.start(&element),
        Node::End(name) => reading.end(name),
        Node::Text(text) => reading.text(text),
    });
    while reading.flows.len() > 1 {
        reading.close();
    }
    reading.paragraph();
    let left = reading.rows.end_all();
    left.iter().for_each(|line| reading.pages.line(place, line));
    outcome
}

struct Reading<'a> {
    pages: &'a mut Pages,
    /// Never empty: the first is the part's own flow.
    flows: Vec<Flow>,
    rows: Rows,
    deleted: String,
    field: String,
    role: Role,
    element: String,
    /// The run's letters are shown as capitals.
    capitals: bool,
    /// Inside paragraph settings, where `tab` is a tab stop and not a tab.
    in_settings: u32,
}

impl Reading<'_> {
    fn start(&mut self, element: &Element<'_>) {
        self.element.clear();
        self.element.push_str(element.name);
        self.role = Role::Unknown;
        match element.name {
            "t" => self.role = Role::Shown,
            "text" => self.role = Role::Shown,
            "delText" => self.role = Role::Deleted,
            "instrText" | "delInstrText" => self.role = Role::Field,
            "tab" if self.in_settings == 0 => self.push('\t'),
            "br" | "cr" => self.push('\n'),
            "tr" => self.rows.begin(self.flows.len()),
            "tc" => self.rows.cell(),
            "noBreakHyphen" => self.push('-'),
            "pPr" => self.in_settings += 1,
            "r" => self.capitals = false,
            // ECMA-376 part 1 §17.3.2.5 and §17.3.2.33; §21.1.2.3.9 for slides.
            "caps" | "smallCaps" if self.in_settings == 0 => {
                let off = element.attribute("val").is_some_and(|val| matches!(val.as_str(), "0" | "false" | "off"));
                self.capitals |= !off;
            }
            "rPr" => self.capitals |= element.attribute("cap").is_some_and(|cap| cap != "none"),
            "txbxContent" | "textbox" => self.open(false),
            "Fallback" => self.open(true),
            "docPr" | "cNvPr" => {
                for name in ["descr", "title"] {
                    if let Some(text) = element.attribute(name) {
                        self.pages.line("#alt", &text);
                    }
                }
            }
            "shape" | "rect" | "imagedata" => {
                if let Some(text) = element.attribute("alt") {
                    self.pages.line("#alt", &text);
                }
            }
            // A watermark is a path of text in a shape (VML).
            "textpath" => {
                if let Some(text) = element.attribute("string") {
                    let place = self.place();
                    self.pages.line(&place, &text);
                }
            }
            "docVar" => {
                if let (Some(name), Some(value)) = (element.attribute("name"), element.attribute("val")) {
                    self.pages.variables.push((name, value));
                }
            }
            "alias" | "lvlText" | "fldSimple" => {
                let text = element.attribute("val").or_else(|| element.attribute("instr")).unwrap_or_default();
                if text.chars().filter(|c| c.is_alphabetic()).count() > 3 {
                    self.pages.line("#field", &text);
                }
            }
            // Comments of old presentations carry their text in an attribute or in `text`.
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" | "text" | "si" => self.paragraph(),
            "tr" => {
                let place = self.place();
                self.rows.end().iter().for_each(|line| self.pages.line(&place, line));
            }
            "pPr" => self.in_settings = self.in_settings.saturating_sub(1),
            "txbxContent" | "textbox" | "Fallback" if self.flows.len() > 1 => self.close(),
            _ => {}
        }
        self.role = Role::Unknown;
        self.element.clear();
    }

    fn text(&mut self, text: &str) {
        match self.role {
            Role::Shown => {
                let shown = if self.capitals { Cow::Owned(text.to_uppercase()) } else { Cow::Borrowed(text) };
                if let Some(flow) = self.flows.last_mut() {
                    flow.line.push_str(&shown);
                }
            }
            Role::Deleted => self.deleted.push_str(text),
            Role::Field => self.field.push_str(text),
            Role::Unknown if text.trim().is_empty() || LAYOUT.contains(&self.element.as_str()) => {}
            Role::Unknown => {
                let place = if self.element == "v" { self.place() } else { "#other".to_owned() };
                self.pages.line(&place, text.trim());
            }
        }
    }

    fn push(&mut self, c: char) {
        if let Some(flow) = self.flows.last_mut() {
            flow.line.push(c);
        }
    }

    fn place(&self) -> String {
        self.flows.last().map_or_else(String::new, |flow| flow.place.clone())
    }

    /// A text box opens; in a header or footer it belongs to that. Nesting beyond 32 is read as one.
    fn open(&mut self, fallback: bool) {
        let outer = self.place();
        let fallback = fallback || self.flows.last().is_some_and(|flow| flow.fallback);
        let place = if outer == "#body" { "#textbox".to_owned() } else { outer };
        self.flows.push(Flow { place, line: String::new(), fallback });
    }

    fn close(&mut self) {
        self.paragraph();
        self.flows.pop();
    }

    fn paragraph(&mut self) {
        if let Some(flow) = self.flows.last_mut() {
            let line = std::mem::take(&mut flow.line);
            let repeated = if self.flows.len() > 1 { !self.pages.seen.insert(line.trim().to_owned()) } else { false };
            let depth = self.flows.len();
            if let Some(flow) = self.flows.last().filter(|flow| !(flow.fallback && repeated))
                && let Some(line) = self.rows.line(depth, line)
            {
                self.pages.line(&flow.place, &line);
            }
        }
        let (deleted, field) = (std::mem::take(&mut self.deleted), std::mem::take(&mut self.field));
        self.pages.line("#deleted", &deleted);
        if field.contains('"') {
            self.pages.line("#field", &field);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(xml: &str, place: &str) -> String {
        let mut pages = Pages::new();
        let _ = read(xml, "#body", &mut pages);
        pages.places.into_iter().find(|(known, _)| known == place).map(|(_, text)| text).unwrap_or_default()
    }

    #[test]
    fn runs_are_joined_and_paragraphs_are_lines() {
        let xml = "<w:p><w:pPr><w:tabs><w:tab/></w:tabs></w:pPr><w:r><w:t>CONFI</w:t></w:r><w:r><w:t>DEN&#84;IEL</w:t></w:r></w:p>\n<w:p><w:t>b</w:t><w:tab/><w:t>c</w:t></w:p>";
        assert_eq!(text(xml, "#body"), "CONFIDENTIEL\nb\tc\n");
    }

    #[test]
    fn a_row_of_a_table_is_a_line() {
        let cell = |text: &str| format!("<w:tc><w:tcPr/><w:p><w:r><w:t>{text}</w:t></w:r></w:p></w:tc>");
        let row = |cells: &[&str]| format!("<w:tr>{}</w:tr>", cells.iter().map(|text| cell(text)).collect::<String>());
        let xml = format!(
            "<w:body><w:p><w:t>x</w:t></w:p><w:tbl>{}{}</w:tbl></w:body>",
            row(&["Niveau", "SECRET"]),
            row(&["a", "b"])
        );
        assert_eq!(text(&xml, "#body"), "x\nNiveau\tSECRET\na\tb\n");
    }

    #[test]
    fn capitals_by_formatting_are_capitals() {
        let xml = "<w:p><w:r><w:rPr><w:caps/></w:rPr><w:t>Secret</w:t></w:r><w:r><w:rPr><w:caps w:val=\"0\"/></w:rPr><w:t>ment</w:t></w:r></w:p><a:p><a:r><a:rPr cap=\"all\"/><a:t>diffusion</a:t></a:r></a:p>";
        assert_eq!(text(xml, "#body"), "SECRETment\nDIFFUSION\n");
    }

    #[test]
    fn deleted_text_stands_apart() {
        let xml = "<w:p><w:t>kept</w:t><w:del><w:delText>gone</w:delText></w:del></w:p>";
        assert_eq!((text(xml, "#body"), text(xml, "#deleted")), ("kept\n".into(), "gone\n".into()));
    }

    #[test]
    fn a_fallback_that_repeats_is_read_once() {
        let boxed = |text: &str| format!("<w:txbxContent><w:p><w:t>{text}</w:t></w:p></w:txbxContent>");
        let xml = format!(
            "<w:p><w:t>around</w:t><mc:Choice>{}</mc:Choice><mc:Fallback>{}{}</mc:Fallback></w:p>",
            boxed("SECRET"),
            boxed("SECRET"),
            boxed("other")
        );
        assert_eq!(text(&xml, "#textbox"), "SECRET\nother\n");
        assert_eq!(text(&xml, "#body"), "around\n");
    }
}
