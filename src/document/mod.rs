// SPDX-License-Identifier: EUPL-1.2
//! Documents: text, properties and labels out of attachments, within a budget of bytes, depth, files and text. One
//! file for each format.
//!
//! What must not live here: opinions (`detect`), processes and limits of the machine (`worker`).
//!
//! How it fails: it does not. What cannot be read is a [`DocumentError`] in the extract and becomes the finding
//! `uninspectable` or `encrypted` (decisions D17, D34); what was read before the error is kept. Libraries below may still
//! abort or hang on hostile input, so only a worker process calls [`open`].
//!
//! Standards: ECMA-376 (OOXML), ISO 26300 (ODF), ISO 32000 (PDF), APPNOTE (zip), ECMA-119 (iso), MS-CAB, MS-CFB,
//! MS-OXMSG, MS-OXTNEF, RTF 1.9, MS-XLSB, MS-ODRAW, RFC 5652 (CMS), RFC 9580 (OpenPGP).

mod agile;
mod budget;
mod cab;
mod drawing;
mod eml;
mod flat;
mod iso;
mod iwa;
mod kind;
mod letters;
mod lzfu;
mod lzw;
mod msg;
mod odf;
mod ole;
mod ooxml;
mod opening;
mod pack;
mod paragraphs;
mod properties;
mod property_set;
mod pdf;
mod pdf_collection;
mod pdf_content;
mod pdf_font;
mod pdf_line;
mod pdf_lines;
mod pdf_parts;
mod pdf_raster;
mod pdf_sheet;
mod pdf_stream;
mod pdf_tally;
mod pdf_text;
mod pgp;
mod picture;
mod rar;
mod rows;
mod rtf;
mod sevenz;
mod sheet;
mod smime;
mod standard;
mod tar;
mod text;
mod tnef;
mod unread;
mod word_rows;
mod xlsb;
pub(crate) mod xml;
mod zip;

pub use budget::Budget;
pub use kind::kind_of;
pub use picture::Picture;

use crate::mime::charset;
use opening::Opening;
use serde::{Deserialize, Serialize};

/// A piece of text with its place inside the document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// `#body`, `#header`, `#footer`, `#textbox`, `#footnotes`, `#comment`, `#deleted`, `#sheet1`, `#sheets` (their
    /// names), `#slide2`, `#notes2`, `#page3`, `#form`, `#outline`, `#alt`, `#link`, `#metadata`, `#hidden` …; in a nested message
    /// `/subject`, `/body`, `/header:NAME`.
    pub place: String,
    /// One paragraph, cell row or heading a line; cells of a row are parted by tabs.
    pub text: String,
}

/// Why something inside could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentError {
    Encrypted,
    Broken,
    Budget,
    Crashed,
    /// Text that is there and could not be told: a kind without a reader, letters of fonts that say nothing, pages that are
    /// pictures (decision D34).
    Unread,
    /// A container or fragment that nobody here opens, bytes of no known kind (decision D34).
    Opaque,
}

/// What was read out of one file; children are the files inside it (members of an archive, attached messages).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extract {
    /// The member's name inside its container; empty for the outermost file.
    pub name: String,
    /// Short name of the true type by content: `pdf`, `zip`, `docx`, `exe`, `png`, `ole`, `7z` …; empty if unknown.
    pub kind: String,
    /// Bytes, uncompressed.
    pub size: u64,
    pub segments: Vec<Segment>,
    /// Document properties by name: `title`, `MSIP_Label_…_Name`, `keywords` … Our own observations are
    /// `hidden-sheet`, `image-only`, `irregular`, `password-found`, `polyglot`, and `ocr` (`read`, `unread`, `missing`,
    /// `off`).
    pub properties: Vec<(String, String)>,
    pub fault: Option<DocumentError>,
    /// The container's type where it is encrypted: `zip`, `7z`, `rar`, `pdf`, `ooxml`, `ole`, `odf`. With a known
    /// password it was opened all the same, and `fault` is `None`.
    pub encrypted: Option<String>,
    pub children: Vec<Extract>,
    /// Pictures of pages, to be read by whoever can; empty once that was tried.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pictures: Vec<Picture>,
}

/// Reads one file and everything inside it. `name` is only repeated in the result, the content decides what it is.
/// `passwords` are tried, in order, on what is encrypted.
pub fn open(name: &str, bytes: &[u8], budget: &mut Budget, passwords: &[String]) -> Extract {
    let kind = kind_of(bytes);
    let mut extract =
        Extract { name: name.to_owned(), kind: kind.to_owned(), size: bytes.len() as u64, ..Extract::default() };
    Opening { kind, bytes, extract: &mut extract, budget, passwords }.deeper(|opening| {
        let outcome = read(opening);
        opening.fail(outcome);
        // A file that is also a zip (a picture, a program, a PDF with an archive behind it) is read as both.
        if !kind::is_zipped(kind) && kind != "ole" && zip::ends_as_zip(bytes) {
            opening.extract.properties.push(("polyglot".into(), "zip".into()));
            zip::read(opening)?;
        }
        Ok(())
    });
    extract
}

fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let head = opening.bytes.get(..1024).unwrap_or(opening.bytes);
    match opening.kind {
        "docx" | "xlsx" | "pptx" => ooxml::read(opening),
        "odt" | "ods" | "odp" => odf::read(opening),
        "zip" => zip::read(opening),
        "7z" => sevenz::read(opening),
        "rar" => rar::read(opening),
        "tar" => tar::read(opening),
        "gz" | "bz2" | "xz" | "zst" | "z" => pack::read(opening),
        "pdf" => pdf::read(opening),
        "rtf" => rtf::read(opening),
        "tnef" => tnef::read(opening),
        "msg" => msg::read(opening),
        "doc" | "xls" | "ppt" | "ooxml" | "ole" | "vsd" | "pub" | "mpp" | "wps" | "wpd" | "hwp"
            if crate::mime::filetype::is_compound(opening.bytes) =>
        {
            ole::read(opening)
        }
        "eml" | "mht" | "mbox" | "emlx" => eml::read(opening),
        "p7m" => smime::read(opening),
        "pgp" => pgp::read(opening),
        "html" | "xml" | "txt" | "csv" | "ics" | "vcf" => text::read(opening),
        "cab" => cab::read(opening),
        "iso" => iso::read(opening),
        "png" | "jpeg" | "tiff" | "bmp" | "gif" | "webp" if charset::is_binary(head) => {
            picture::file(opening);
            Ok(())
        }
        // "GIF8" can be typed: what is text all the same is read as text.
        "gif" if !charset::is_binary(head) => text::read(&mut opening.again("txt", opening.bytes)),
        _ => unread::read(opening),
    }
}

impl Extract {
    /// The files that could not be read, outermost first: path inside this file (empty for itself) and why.
    pub fn faults(&self) -> Vec<(String, DocumentError)> {
        let mut found = Vec::new();
        self.walk("", &mut |path, extract| {
            if let Some(fault) = extract.fault {
                found.push((path.to_owned(), fault));
            }
        });
        found
    }

    /// Visits this extract and all below it, with the path of names that leads there.
    pub fn walk<'a>(&'a self, path: &str, visit: &mut dyn FnMut(&str, &'a Extract)) {
        visit(path, self);
        for child in &self.children {
            let below = if path.is_empty() { child.name.clone() } else { format!("{path}/{}", child.name) };
            child.walk(&below, visit);
        }
    }

    /// Bytes it holds, roughly, but for its pictures.
    pub fn weight(&self) -> usize {
        let texts: usize = self.segments.iter().map(|segment| segment.text.len() + segment.place.len() + 64).sum();
        let properties: usize = self.properties.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
        256 + self.name.len() + texts + properties + self.children.iter().map(Extract::weight).sum::<usize>()
    }

    /// Bytes of text in it.
    pub fn text(&self) -> usize {
        let own: usize = self.segments.iter().map(|segment| segment.text.len()).sum();
        own + self.children.iter().map(Extract::text).sum::<usize>()
    }

    /// Notes why it was not read, or not whole. That there is no reader says less than any other fault.
    fn blame(&mut self, fault: DocumentError) {
        if matches!(self.fault, None | Some(DocumentError::Unread | DocumentError::Opaque)) {
            self.fault = Some(fault);
        }
    }

    /// Adds text at a place, within the budget; blank text is left out.
    fn say(&mut self, place: &str, text: String, budget: &mut Budget) -> Result<(), DocumentError> {
        if text.trim().is_empty() {
            return Ok(());
        }
        let (text, fault) = budget.text(text);
        match self.segments.iter_mut().find(|segment| segment.place == place) {
            Some(segment) => {
                if !segment.text.ends_with('\n') {
                    segment.text.push('\n');
                }
                segment.text.push_str(&text);
            }
            None => self.segments.push(Segment { place: place.to_owned(), text }),
        }
        fault.map_or(Ok(()), Err)
    }

    /// Adds a property (at most 2,000 a file, 4,000 characters a value).
    fn property(&mut self, name: impl Into<String>, value: &str) {
        let value = value.trim();
        if !value.is_empty() && self.properties.len() < 2_000 {
            self.properties.push((name.into(), value.chars().take(4_000).collect()));
        }
    }

    /// Puts the text read from a picture where it stood (at most 1 MB).
    pub(crate) fn see(&mut self, place: &str, text: String) {
        self.property("ocr", "read");
        // The budget bounds this text alone: pictures are few, and nothing can be told once it is spent.
        let _ = self.say(place, text, &mut Budget { text: 1 << 20, ..Budget::default() });
    }

    /// Says once why a picture of this file was not read. A page of a document is text that is missing; a picture by
    /// itself is no document.
    pub(crate) fn note_unseen(&mut self, why: &str) {
        if matches!(self.kind.as_str(), "pdf" | "tiff") {
            self.fault.get_or_insert(DocumentError::Unread);
        }
        if !self.properties.iter().any(|(name, value)| name == "ocr" && value != "read") {
            self.property("ocr", why);
        }
    }
}
