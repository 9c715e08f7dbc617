// SPDX-License-Identifier: EUPL-1.2
//! OpenDocument (ISO 26300): odt, ods, odp. Text of content and styles (headers, footers, masters), metadata.

use super::opening::Opening;
use super::paragraphs::Pages;
use super::rows::Rows;
use super::xml::{Element, Node};
use super::{DocumentError, Extract, properties, xml, zip};

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut pages = Pages::new();
    let mut parts = Vec::new();
    let mut damage = None;
    let mut is_encrypted = false;
    let outcome = zip::members(opening, &mut |member, opening| {
        damage = damage.or(member.fault);
        let file = member.name.rsplit('/').next().unwrap_or(&member.name);
        match file {
            "manifest.xml" => {
                // ODF 1.3 part 2 §4.8: encryption is declared file by file.
                is_encrypted |= memchr::memmem::find(&member.bytes, b"encryption-data").is_some();
            }
            "content.xml" | "styles.xml" | "meta.xml" => parts.push((member.name.clone(), xml::decode(&member.bytes))),
            "mimetype" | "settings.xml" | "layout-cache" | "thumbnail.png" | "manifest.rdf" | "current.xml" => {}
            _ if member.name.ends_with('/') || member.name.starts_with("Configurations2/") => {}
            _ => opening.child(&member.name, &member.bytes),
        }
    });
    if is_encrypted {
        opening.extract.children.clear();
        opening.extract.encrypted = Some("odf".into());
        return Err(DocumentError::Encrypted);
    }
    let mut broken = Ok(());
    parts.sort();
    for (name, xml) in &parts {
        let done = match name.as_str() {
            "meta.xml" => metadata(xml, opening.extract, &mut pages),
            _ if name.ends_with("meta.xml") => Ok(()),
            _ => content(xml, opening.extract, &mut pages),
        };
        broken = broken.and(done);
    }
    pages.write(opening)?;
    damage.map_or(outcome.map(|_| ()), Err).and(broken)
}

/// A document in one file: content, styles and metadata in one tree.
pub(super) fn flat(xml: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut pages = Pages::new();
    let described = match (xml.find("<office:meta>"), xml.find("</office:meta>")) {
        (Some(from), Some(to)) => metadata(xml.get(from..to).unwrap_or_default(), opening.extract, &mut pages),
        _ => Ok(()),
    };
    let outcome = content(xml, opening.extract, &mut pages);
    pages.write(opening).and(described).and(outcome)
}

fn metadata(xml: &str, extract: &mut Extract, pages: &mut Pages) -> Result<(), DocumentError> {
    let mut name = None;
    let mut value = String::new();
    xml::walk(xml, &mut |node| match node {
        Node::Start(element) => {
            if element.name == "user-defined" {
                name = element.attribute("name");
            }
            value.clear();
        }
        Node::Text(text) => value.push_str(text),
        Node::End("user-defined") => {
            if let Some(name) = name.take() {
                properties::note(&name, &value, extract, pages);
            }
            value.clear();
        }
        Node::End(local) => {
            match local {
                "title" | "subject" | "description" | "keyword" => properties::note(local, &value, extract, pages),
                "creator" | "initial-creator" | "generator" | "printed-by" => extract.property(local, &value),
                _ => {}
            }
            value.clear();
        }
    })
}

/// Where text goes while inside an element.
struct Flow {
    /// The element whose end closes it.
    element: String,
    place: String,
    line: String,
}

struct Reading<'a> {
    extract: &'a mut Extract,
    pages: &'a mut Pages,
    flows: Vec<Flow>,
    sheet: u32,
    slide: u32,
    is_spreadsheet: bool,
    /// Cells of the current row, in spreadsheets.
    row: String,
    /// Rows of tables, elsewhere.
    rows: Rows,
    /// In text fields that repeat what metadata says, and in styles, nothing is language.
    paragraph: u32,
    element: String,
}

fn content(xml: &str, extract: &mut Extract, pages: &mut Pages) -> Result<(), DocumentError> {
    let body = Flow { element: String::new(), place: "#body".into(), line: String::new() };
    let mut reading = Reading {
        extract,
        pages,
        flows: vec![body],
        sheet: 0,
        slide: 0,
        is_spreadsheet: false,
        row: String::new(),
        rows: Rows::default(),
        paragraph: 0,
        element: String::new(),
    };
    let outcome = xml::walk(xml, &mut |node| match node {
        Node::Start(element) => reading.start(&element),
        Node::End(name) => reading.end(name),
        Node::Text(text) => reading.text(text),
    });
    while reading.flows.len() > 1 {
        reading.close();
    }
    reading.flush();
    let left = reading.rows.end_all();
    left.iter().for_each(|line| reading.pages.line("#body", line));
    outcome
}

impl Reading<'_> {
    fn start(&mut self, element: &Element<'_>) {
        self.element.clear();
        self.element.push_str(element.name);
        match element.name {
            "spreadsheet" => self.is_spreadsheet = true,
            "table" if self.is_spreadsheet && self.flows.len() == 1 => {
                self.sheet += 1;
                let name = element.attribute("name").unwrap_or_default();
                self.pages.line("#sheets", &name);
                self.open(element.name, format!("#sheet{}", self.sheet));
            }
            "page" => {
                self.slide += 1;
                self.open(element.name, format!("#slide{}", self.slide));
            }
            "notes" => self.open(element.name, format!("#notes{}", self.slide)),
            "header" | "header-left" | "header-first" | "footer" | "footer-left" | "footer-first" => {
                let place = if element.name.starts_with("header") { "#header" } else { "#footer" };
                self.open(element.name, place.into());
            }
            "note" => self.open(element.name, "#footnotes".into()),
            "annotation" => self.open(element.name, "#comment".into()),
            "tracked-changes" => self.open(element.name, "#deleted".into()),
            "master-page" => self.open(element.name, "#master".into()),
            "text-box" | "custom-shape" if self.place() == "#body" || self.place().starts_with("#sheet") => {
                self.open(element.name, "#textbox".into());
            }
            "title" | "desc" if self.paragraph == 0 || self.flows.len() > 1 => self.open(element.name, "#alt".into()),
            "p" | "h" => self.paragraph += 1,
            "s" => {
                let count = element.attribute("c").and_then(|count| count.parse().ok()).unwrap_or(1);
                (0..std::cmp::min(count, 200)).for_each(|_| self.push(' '));
            }
            "tab" => self.push('\t'),
            "line-break" => self.push('\n'),
            "hidden-text" | "conditional-text" | "placeholder" => {
                for name in ["string-value", "string-value-if-true", "string-value-if-false", "description"] {
                    if let Some(text) = element.attribute(name) {
                        self.pages.line("#hidden", &text);
                    }
                }
            }
            "a" => {
                if let Some(target) = element.attribute("href").filter(|target| target.contains("://")) {
                    self.pages.line("#link", &target);
                }
            }
            "table-properties" if element.attribute("display").as_deref() == Some("false") => {
                self.extract.property("hidden-sheet", "true");
            }
            "table-cell" | "covered-table-cell" if self.is_spreadsheet => self.cell(element),
            "table-row" if !self.is_spreadsheet => self.rows.begin(self.flows.len()),
            "table-cell" if !self.is_spreadsheet => self.rows.cell(),
            _ => {}
        }
    }

    /// Numbers that the cell shows rounded are stored whole in its attributes.
    fn cell(&mut self, element: &Element<'_>) {
        if let Some(value) = element.attribute("value").filter(|value| value.len() > 9) {
            self.row.push_str(&value);
            self.row.push('\t');
        }
    }

    fn end(&mut self, name: &str) {
        match name {
            "p" | "h" => {
                self.paragraph = self.paragraph.saturating_sub(1);
                if self.is_spreadsheet && self.place().starts_with("#sheet") {
                    let line = self.flows.last_mut().map(|flow| std::mem::take(&mut flow.line)).unwrap_or_default();
                    self.row.push_str(line.trim());
                    self.row.push('\t');
                } else {
                    self.flush();
                }
            }
            "table-row" if self.is_spreadsheet => {
                let place = self.place().to_owned();
                let row = std::mem::take(&mut self.row);
                self.pages.line(&place, row.trim_end());
            }
            "table-row" => {
                let place = self.place().to_owned();
                self.rows.end().iter().for_each(|line| self.pages.line(&place, line));
            }
            _ => {}
        }
        if self.flows.len() > 1 && self.flows.last().is_some_and(|flow| flow.element == name) {
            self.close();
        }
        self.element.clear();
    }

    fn text(&mut self, text: &str) {
        // Who and when of a comment, and the number of a note, are not words of it.
        let is_label = matches!(self.element.as_str(), "creator" | "creator-initials" | "date" | "note-citation");
        let is_language = !is_label && (self.paragraph > 0 || self.place() == "#alt");
        if is_language && let Some(flow) = self.flows.last_mut() {
            flow.line.push_str(text);
        }
    }

    fn push(&mut self, c: char) {
        if let Some(flow) = self.flows.last_mut() {
            flow.line.push(c);
        }
    }

    fn place(&self) -> &str {
        self.flows.last().map_or("", |flow| &flow.place)
    }

    fn open(&mut self, element: &str, place: String) {
        self.flows.push(Flow { element: element.to_owned(), place, line: String::new() });
    }

    fn close(&mut self) {
        self.flush();
        self.flows.pop();
    }

    fn flush(&mut self) {
        let depth = self.flows.len();
        if let Some(flow) = self.flows.last_mut()
            && let Some(line) = self.rows.line(depth, std::mem::take(&mut flow.line))
        {
            self.pages.line(&flow.place, &line);
        }
    }
}
