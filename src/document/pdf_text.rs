// SPDX-License-Identifier: EUPL-1.2
//! The text that a PDF page draws (ISO 32000-1 §9): decodes fonts, and finds lines and words from the positions of
//! glyphs.

use std::collections::HashMap;

use lopdf::content::Content;
use lopdf::{Dictionary, Document, Encoding, Object, ObjectId, Stream};

use super::{DocumentError, picture};

/// Operators of one page, its forms included.
const OPERATORS: usize = 2_000_000;

/// Forms drawn inside forms.
const DEPTH: usize = 12;

/// Draws a page onto a string.
pub(super) struct Canvas<'a> {
    document: &'a Document,
    /// Bytes that content streams may still unpack to.
    limit: usize,
    pub unpacked: usize,
    pub text: String,
    /// `ActualText` of marked content (§14.9.4): what a reader copies instead of the glyphs.
    pub replaced: String,
    pub shows_image: bool,
    /// The largest picture that may be a page, and its points.
    pub picture: Option<(u64, &'a Stream)>,
    operators: usize,
    fonts: HashMap<usize, Option<Font<'a>>>,
    pen: Pen,
}

struct Font<'a> {
    encoding: Option<Encoding<'a>>,
    /// Thousandths of an em by code.
    widths: HashMap<u32, f32>,
    default_width: f32,
    is_composite: bool,
}

/// Text state (§9.3) and where the last glyph ended.
#[derive(Clone)]
struct Pen {
    matrix: [f32; 6],
    line: [f32; 6],
    size: f32,
    leading: f32,
    spacing: f32,
    font: Option<usize>,
    start: (f32, f32),
    end: Option<(f32, f32)>,
}

impl<'a> Canvas<'a> {
    pub fn new(document: &'a Document, limit: usize) -> Canvas<'a> {
        let identity = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
        Canvas {
            document,
            limit,
            unpacked: 0,
            text: String::new(),
            replaced: String::new(),
            shows_image: false,
            picture: None,
            operators: 0,
            fonts: HashMap::new(),
            pen: Pen {
                matrix: identity,
                line: identity,
                size: 1.0,
                leading: 0.0,
                spacing: 0.0,
                font: None,
                start: (0.0, 0.0),
                end: None,
            },
        }
    }

    pub fn page(&mut self, page: ObjectId) -> Result<(), DocumentError> {
        let content = self.document.get_page_content_with_limit(page, self.limit).map_err(|_| DocumentError::Broken)?;
        let mut resources = Vec::new();
        if let Ok((own, inherited)) = self.document.get_page_resources(page) {
            resources.extend(own);
            resources.extend(inherited.iter().filter_map(|id| self.document.get_dictionary(*id).ok()));
        }
        self.draw(&content, &resources, DEPTH)
    }

    /// A form by itself: the appearance of an annotation.
    pub fn form(&mut self, form: &'a Stream) -> Result<(), DocumentError> {
        self.draw_form(form, &[], DEPTH)
    }

    fn draw_form(&mut self, form: &'a Stream, outer: &[&'a Dictionary], depth: usize) -> Result<(), DocumentError> {
        let left = self.limit.saturating_sub(self.unpacked);
        let content = form.get_plain_content_with_limit(left).map_err(|_| DocumentError::Broken)?;
        let own = form.dict.get_deref(b"Resources", self.document).and_then(Object::as_dict).ok();
        let resources: Vec<&Dictionary> = own.into_iter().chain(outer.iter().copied()).take(8).collect();
        let before = self.pen.clone();
        let done = self.draw(&content, &resources, depth);
        self.pen = Pen { start: self.pen.start, end: self.pen.end, ..before };
        done
    }

    fn draw(&mut self, content: &[u8], resources: &[&'a Dictionary], depth: usize) -> Result<(), DocumentError> {
        self.unpacked = self.unpacked.saturating_add(content.len());
        if self.unpacked > self.limit {
            return Err(DocumentError::Budget);
        }
        for operation in Content::decode_iter(content) {
            let operation = operation.map_err(|_| DocumentError::Broken)?;
            self.operators += 1;
            if self.operators > OPERATORS || self.text.len() > self.limit {
                return Err(DocumentError::Budget);
            }
            self.operate(&operation.operator, &operation.operands, resources, depth)?;
        }
        Ok(())
    }

    fn operate(
        &mut self,
        operator: &str,
        operands: &[Object],
        resources: &[&'a Dictionary],
        depth: usize,
    ) -> Result<(), DocumentError> {
        let number = |index: usize| operands.get(index).and_then(|o| o.as_float().ok()).unwrap_or(0.0);
        match operator {
            "BT" => {
                self.pen.matrix = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];
                self.pen.line = self.pen.matrix;
            }
            "ET" => {}
            "Tf" => {
                self.pen.size = number(1);
                self.pen.font =
                    operands.first().and_then(|o| o.as_name().ok()).and_then(|name| self.font(name, resources));
            }
            "TL" => self.pen.leading = number(0),
            "Tc" => self.pen.spacing = number(0),
            "Td" => self.pen.advance(number(0), number(1)),
            "TD" => {
                self.pen.leading = -number(1);
                self.pen.advance(number(0), number(1));
            }
            "Tm" => {
                self.pen.matrix = std::array::from_fn(number);
                self.pen.line = self.pen.matrix;
            }
            "T*" => self.pen.advance(0.0, -self.pen.leading),
            "Tj" => self.show(operands.first()),
            "'" => {
                self.pen.advance(0.0, -self.pen.leading);
                self.show(operands.first());
            }
            "\"" => {
                self.pen.advance(0.0, -self.pen.leading);
                self.show(operands.get(2));
            }
            "TJ" => {
                for element in operands.first().and_then(|o| o.as_array().ok()).into_iter().flatten() {
                    match element.as_float() {
                        Ok(shift) => self.pen.glide(-shift / 1000.0 * self.pen.size),
                        Err(_) => self.show(Some(element)),
                    }
                }
            }
            "BDC" => {
                if let Some(Ok(text)) = operands.get(1).and_then(|o| o.as_dict().ok()).map(|d| d.get(b"ActualText"))
                    && let Ok(bytes) = text.as_str()
                {
                    self.replaced.push_str(&text_string(bytes));
                }
            }
            "EMC" if !self.replaced.is_empty() && !self.replaced.ends_with('\n') => {}
            "BI" | "EI" | "ID" => self.shows_image = true,
            "Do" if depth > 0 => {
                let name = operands.first().and_then(|o| o.as_name().ok()).unwrap_or_default();
                let Some(Object::Stream(stream)) = self.resource(resources, b"XObject", name) else { return Ok(()) };
                match stream.dict.get(b"Subtype").and_then(Object::as_name) {
                    Ok(b"Form") => return self.draw_form(stream, resources, depth - 1),
                    Ok(b"Image") => {
                        self.shows_image = true;
                        let points = picture::points(stream, self.document);
                        if points > self.picture.map(|(points, _)| points) {
                            self.picture = points.map(|points| (points, stream));
                        }
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn resource(&self, resources: &[&'a Dictionary], kind: &[u8], name: &[u8]) -> Option<&'a Object> {
        resources.iter().find_map(|dictionary| {
            let named = dictionary.get_deref(kind, self.document).and_then(Object::as_dict).ok()?;
            named.get_deref(name, self.document).ok()
        })
    }

    /// Loads a font once; it is known by its address in the document.
    fn font(&mut self, name: &[u8], resources: &[&'a Dictionary]) -> Option<usize> {
        let dictionary = self.resource(resources, b"Font", name)?.as_dict().ok()?;
        let key = std::ptr::from_ref(dictionary).addr();
        let document = self.document;
        self.fonts.entry(key).or_insert_with(|| Some(Font::read(dictionary, document)));
        Some(key)
    }

    fn show(&mut self, string: Option<&Object>) {
        let Some(Ok(bytes)) = string.map(Object::as_str) else { return };
        let font = self.pen.font.and_then(|key| self.fonts.get(&key)).and_then(Option::as_ref);
        let (text, width) = match font {
            Some(font) => (font.decode(bytes), font.width(bytes)),
            None => (text_string(bytes), bytes.len() as f32 * 500.0),
        };
        let codes = if font.is_some_and(|font| font.is_composite) { bytes.len() / 2 } else { bytes.len() };
        let advance = width / 1000.0 * self.pen.size + self.pen.spacing * codes as f32;
        match self.pen.gap(advance) {
            Gap::None => {}
            Gap::Word if self.text.ends_with([' ', '\n']) || text.starts_with(' ') => {}
            Gap::Word => self.text.push(' '),
            Gap::Line if self.text.is_empty() || self.text.ends_with('\n') => {}
            Gap::Line => self.text.push('\n'),
        }
        self.text.push_str(&text);
        self.pen.start = self.pen.position();
        self.pen.glide(advance);
        self.pen.end = Some(self.pen.position());
    }
}

enum Gap {
    None,
    Word,
    Line,
}

impl Pen {
    fn position(&self) -> (f32, f32) {
        (self.matrix[4], self.matrix[5])
    }

    /// `Td`: to the start of another line (§9.4.2).
    fn advance(&mut self, x: f32, y: f32) {
        let [a, b, c, d, e, f] = self.line;
        self.line = [a, b, c, d, x * a + y * c + e, x * b + y * d + f];
        self.matrix = self.line;
    }

    /// Along the line of writing.
    fn glide(&mut self, x: f32) {
        self.matrix[4] += x * self.matrix[0];
        self.matrix[5] += x * self.matrix[1];
    }

    /// What lies between the last glyph and the next: judged along and across the direction of writing, in ems.
    fn gap(&self, advance: f32) -> Gap {
        let Some(end) = self.end else { return Gap::None };
        let (a, b) = (self.matrix[0], self.matrix[1]);
        let scale = (a * a + b * b).sqrt();
        let em = (scale * self.size).abs();
        if em < f32::EPSILON || !em.is_finite() {
            return Gap::Word;
        }
        let (x, y) = self.position();
        let along = |from: (f32, f32)| ((x - from.0) * a + (y - from.1) * b) / scale / em;
        let across = ((x - end.0) * b - (y - end.1) * a) / scale / em;
        let right = along(end);
        // Right-to-left writers place each glyph before the last one.
        let left = along(self.start) + advance * scale / em;
        if across.abs() > 0.5 {
            Gap::Line
        } else if right.abs() < 0.18 || left.abs() < 0.18 {
            Gap::None
        } else {
            Gap::Word
        }
    }
}

impl<'a> Font<'a> {
    fn read(dictionary: &'a Dictionary, document: &'a Document) -> Font<'a> {
        let is_composite = dictionary.get(b"Subtype").and_then(Object::as_name).is_ok_and(|name| name == b"Type0");
        let mut font = Font {
            encoding: to_unicode(dictionary, document)
                .or_else(|| dictionary.get_font_encoding_with_limit(document, 4 << 20).ok()),
            widths: HashMap::new(),
            default_width: if is_composite { 1000.0 } else { 500.0 },
            is_composite,
        };
        if is_composite {
            font.composite_widths(dictionary, document);
        } else {
            let first = dictionary.get_deref(b"FirstChar", document).and_then(Object::as_i64).unwrap_or(0);
            let widths = dictionary.get_deref(b"Widths", document).and_then(Object::as_array);
            for (index, width) in widths.into_iter().flatten().take(256).enumerate() {
                let width = document.dereference(width).ok().and_then(|(_, width)| width.as_float().ok());
                font.widths.insert((first as u32).wrapping_add(index as u32), width.unwrap_or(500.0));
            }
        }
        font
    }

    /// `W` of the descendant (§9.7.4.3): `first [w …]` or `first last w`.
    fn composite_widths(&mut self, dictionary: &Dictionary, document: &Document) {
        let descendant = dictionary.get_deref(b"DescendantFonts", document).and_then(Object::as_array).ok();
        let Some(first) = descendant.and_then(|fonts| fonts.first()) else { return };
        let Ok(descendant) = document.dereference(first).and_then(|(_, font)| font.as_dict()) else { return };
        if let Ok(width) = descendant.get_deref(b"DW", document).and_then(Object::as_float) {
            self.default_width = width;
        }
        let Ok(list) = descendant.get_deref(b"W", document).and_then(Object::as_array) else { return };
        let mut list = list.iter();
        while let (Some(first), Some(second)) = (list.next(), list.next()) {
            let first = first.as_i64().unwrap_or(0) as u32;
            let second = document.dereference(second).map_or(second, |(_, second)| second);
            if let Ok(widths) = second.as_array() {
                for (index, width) in widths.iter().take(65_536).enumerate() {
                    self.widths.insert(first.wrapping_add(index as u32), width.as_float().unwrap_or(1000.0));
                }
            } else {
                let last = second.as_i64().unwrap_or(0) as u32;
                let width = list.next().and_then(|width| width.as_float().ok()).unwrap_or(1000.0);
                for code in (first..=last).take(4_096) {
                    self.widths.insert(code, width);
                }
            }
            if self.widths.len() > 100_000 {
                return;
            }
        }
    }

    fn decode(&self, bytes: &[u8]) -> String {
        let text = self.encoding.as_ref().and_then(|encoding| Document::decode_text(encoding, bytes).ok());
        match text {
            Some(text) => text.chars().filter(|c| *c != '\0').collect(),
            None if self.is_composite => String::new(),
            None => text_string(bytes),
        }
    }

    fn width(&self, bytes: &[u8]) -> f32 {
        let width = |code: u32| self.widths.get(&code).copied().unwrap_or(self.default_width);
        if self.is_composite {
            bytes.chunks(2).map(|pair| width(pair.iter().fold(0, |code, byte| code << 8 | u32::from(*byte)))).sum()
        } else {
            bytes.iter().map(|byte| width(u32::from(*byte))).sum()
        }
    }
}

/// `ToUnicode` (§9.10.3) comes before any encoding; the library asks it only where `Encoding` is missing.
fn to_unicode<'a>(dictionary: &Dictionary, document: &Document) -> Option<Encoding<'a>> {
    if !dictionary.has(b"ToUnicode") {
        return None;
    }
    let mut bare = dictionary.clone();
    bare.remove(b"Encoding");
    match bare.get_font_encoding_with_limit(document, 4 << 20) {
        Ok(Encoding::UnicodeMapEncoding(map)) => Some(Encoding::UnicodeMapEncoding(map)),
        _ => None,
    }
}

/// A text string (§7.9.2.2): UTF-16 or UTF-8 by mark, else PDFDocEncoding, which windows-1252 resembles.
pub(super) fn text_string(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode(bytes).0.into_owned(),
        None => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}
