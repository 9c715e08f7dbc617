// SPDX-License-Identifier: EUPL-1.2
//! What a PDF page draws (ISO 32000-1 §8, §9): letters with their places, and pictures with the space they cover.

use std::collections::HashMap;

use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use hayro_syntax::page::Resources;

use super::DocumentError;
use super::pdf_content::{Content, Operand};
use super::pdf_font::{Font, Fonts, Source};
use super::pdf_line::{Stroke, is_plain};
use super::pdf_lines::{Lines, Writing};
use super::pdf_sheet::{IDENTITY, Matrix, PictureSource, Placed, at, joined};
use super::pdf_stream;
use super::pdf_tally::Tally;

/// Operators of one page, its forms included.
const OPERATORS: usize = 2_000_000;

/// Forms drawn inside forms.
const DEPTH: usize = 12;

/// Saved states of a page.
const STATES: usize = 256;

/// Pictures of a page that are remembered.
const PICTURES: usize = 4_096;

/// The fonts of one document, read once each; known by where their dictionaries stand in the file.
pub(super) struct FontShelf<'a> {
    fonts: Fonts<'a>,
    read: Vec<Font<'a>>,
    known: HashMap<(usize, usize), usize>,
}

impl<'a> FontShelf<'a> {
    pub fn new() -> FontShelf<'a> {
        FontShelf { fonts: Fonts::new(), read: Vec::new(), known: HashMap::new() }
    }

    fn font(&mut self, dictionary: &Dict<'a>) -> usize {
        let data = dictionary.data();
        let fonts = &self.fonts;
        let read = &mut self.read;
        *self.known.entry((data.as_ptr().addr(), data.len())).or_insert_with(|| {
            read.push(fonts.read(dictionary));
            read.len() - 1
        })
    }
}

pub(super) struct Canvas<'a, 'f> {
    shelf: &'f mut FontShelf<'a>,
    /// Bytes that content streams may still unpack to.
    limit: usize,
    pub unpacked: usize,
    pub lines: Lines,
    pub tally: Tally,
    /// `ActualText` of marked content (§14.9.4): what a reader copies instead of the glyphs.
    pub replaced: String,
    pub pictures: Vec<Placed<'a>>,
    /// Letters that were guessed, to tell later whether the guess makes sense.
    pub guessed: String,
    operators: usize,
    names: HashMap<(usize, Vec<u8>), Option<usize>>,
    state: State,
    text: Matrix,
    line: Matrix,
}

/// Graphics state (§8.4), as far as it moves letters.
#[derive(Clone)]
struct State {
    matrix: Matrix,
    font: Option<usize>,
    size: f32,
    leading: f32,
    letter_gap: f32,
    word_gap: f32,
    stretch: f32,
    rise: f32,
    is_visible: bool,
}

impl<'a, 'f> Canvas<'a, 'f> {
    pub fn new(shelf: &'f mut FontShelf<'a>, limit: usize, matrix: Matrix) -> Canvas<'a, 'f> {
        Canvas {
            shelf,
            limit,
            unpacked: 0,
            lines: Lines::default(),
            tally: Tally::default(),
            replaced: String::new(),
            pictures: Vec::new(),
            guessed: String::new(),
            operators: 0,
            names: HashMap::new(),
            state: State {
                matrix,
                font: None,
                size: 1.0,
                leading: 0.0,
                letter_gap: 0.0,
                word_gap: 0.0,
                stretch: 1.0,
                rise: 0.0,
                is_visible: true,
            },
            text: IDENTITY,
            line: IDENTITY,
        }
    }

    /// The content of a page: one stream, or several that make one.
    pub fn page(&mut self, page: &Dict<'a>, resources: &Resources<'a>) -> Result<(), DocumentError> {
        let mut content = Vec::new();
        let mut outcome = Ok(());
        let streams = match page.get::<Object<'_>>("Contents") {
            Some(Object::Stream(stream)) => vec![stream],
            Some(Object::Array(array)) => array.iter::<Stream<'_>>().collect(),
            _ => Vec::new(),
        };
        for stream in streams {
            match pdf_stream::unpack(&stream, self.limit.saturating_sub(content.len())) {
                Ok(part) => {
                    content.extend(part);
                    content.push(b'\n');
                }
                Err(fault) => outcome = outcome.and(Err(fault)),
            }
        }
        self.draw(&content, std::slice::from_ref(resources), DEPTH).and(outcome)
    }

    /// A form by itself: the appearance of an annotation.
    pub fn form(&mut self, form: &Stream<'a>) -> Result<(), DocumentError> {
        self.draw_form(form, &[], DEPTH)
    }

    fn draw_form(&mut self, form: &Stream<'a>, outer: &[Resources<'a>], depth: usize) -> Result<(), DocumentError> {
        let content = pdf_stream::unpack(form, self.limit.saturating_sub(self.unpacked))?;
        let dictionary = form.dict();
        let own = dictionary.get::<Dict<'a>>("Resources").map(Resources::new);
        let scopes: Vec<Resources<'a>> = own.into_iter().chain(outer.iter().cloned()).take(8).collect();
        let before = (self.state.clone(), self.text, self.line);
        if let Some(matrix) = dictionary.get::<Array<'_>>("Matrix").and_then(|array| matrix(&array)) {
            self.state.matrix = joined(&matrix, &self.state.matrix);
        }
        let done = self.draw(&content, &scopes, depth);
        (self.state, self.text, self.line) = before;
        done
    }

    fn draw(&mut self, content: &[u8], scopes: &[Resources<'a>], depth: usize) -> Result<(), DocumentError> {
        self.unpacked = self.unpacked.saturating_add(content.len());
        if self.unpacked > self.limit {
            return Err(DocumentError::Budget);
        }
        let mut saved = Vec::new();
        let mut content = Content::new(content);
        let mut outcome = Ok(());
        while let Some(operator) = content.operator() {
            self.operators += 1;
            if self.operators > OPERATORS || self.lines.length > self.limit {
                return Err(DocumentError::Budget);
            }
            match operator {
                b"q" if saved.len() < STATES => saved.push(self.state.clone()),
                b"Q" => self.state = saved.pop().unwrap_or_else(|| self.state.clone()),
                operator => match self.operate(operator, &content.operands, scopes, depth) {
                    Err(DocumentError::Budget) => return Err(DocumentError::Budget),
                    done => outcome = outcome.and(done),
                },
            }
        }
        outcome
    }

    fn operate(
        &mut self,
        operator: &[u8],
        operands: &[Operand],
        scopes: &[Resources<'a>],
        depth: usize,
    ) -> Result<(), DocumentError> {
        let number = |index: usize| operands.get(index).and_then(Operand::number).unwrap_or(0.0);
        let name = || operands.first().and_then(Operand::name);
        match operator {
            b"cm" => self.state.matrix = joined(&std::array::from_fn(number), &self.state.matrix),
            b"BT" => (self.text, self.line) = (IDENTITY, IDENTITY),
            b"Tf" => {
                self.state.size = number(1);
                self.state.font = name().and_then(|name| self.font(name, scopes));
            }
            b"gs" => {
                if let Some(state) = name().and_then(|name| find(scopes, name, |scope| &scope.ext_g_states))
                    && let Some(Object::Array(font)) = Object::into_dict(state).and_then(|state| state.get("Font"))
                {
                    let mut parts = font.iter::<Object<'_>>();
                    if let (Some(Object::Dict(font)), Some(Object::Number(size))) = (parts.next(), parts.next()) {
                        self.state.font = Some(self.shelf.font(&font));
                        self.state.size = size.as_f32();
                    }
                }
            }
            b"TL" => self.state.leading = number(0),
            b"Tc" => self.state.letter_gap = number(0),
            b"Tw" => self.state.word_gap = number(0),
            b"Tz" => self.state.stretch = number(0) / 100.0,
            b"Ts" => self.state.rise = number(0),
            b"Tr" => self.state.is_visible = !matches!(number(0) as i32, 3 | 7),
            b"Td" => self.advance(number(0), number(1)),
            b"TD" => {
                self.state.leading = -number(1);
                self.advance(number(0), number(1));
            }
            b"Tm" => {
                self.text = std::array::from_fn(number);
                self.line = self.text;
            }
            b"T*" => self.advance(0.0, -self.state.leading),
            b"Tj" => self.show(operands.first()),
            b"'" => {
                self.advance(0.0, -self.state.leading);
                self.show(operands.first());
            }
            b"\"" => {
                (self.state.word_gap, self.state.letter_gap) = (number(0), number(1));
                self.advance(0.0, -self.state.leading);
                self.show(operands.get(2));
            }
            b"TJ" => {
                let Some(Operand::Array(list)) = operands.first() else { return Ok(()) };
                for element in list {
                    match element {
                        Operand::Number(shift) => self.glide(-shift / 1000.0 * self.state.size * self.state.stretch),
                        element => self.show(Some(element)),
                    }
                }
            }
            b"BDC" => self.replace(operands.get(1), scopes),
            b"Do" if depth > 0 => {
                let Some(Object::Stream(stream)) = name().and_then(|name| find(scopes, name, |scope| &scope.x_objects))
                else {
                    return Ok(());
                };
                let subtype = stream.dict().get::<Name<'_>>("Subtype");
                match subtype.as_ref().map(Name::as_ref) {
                    Some(b"Form") => return self.draw_form(&stream, scopes, depth - 1),
                    Some(b"Image") => self.place(PictureSource::Object(stream), scopes),
                    _ => {}
                }
            }
            image if image.starts_with(b"BI") && image.len() > 2 => {
                self.place(PictureSource::Inline(image.to_vec()), scopes);
            }
            _ => {}
        }
        Ok(())
    }

    fn place(&mut self, source: PictureSource<'a>, scopes: &[Resources<'a>]) {
        if self.pictures.len() < PICTURES {
            let resources = scopes.first().cloned();
            self.pictures.push(Placed { source, matrix: self.state.matrix, resources });
        }
    }

    /// The properties stand beside the operator, or have a name in the resources (§14.6.2).
    fn replace(&mut self, properties: Option<&Operand>, scopes: &[Resources<'a>]) {
        let text = match properties {
            Some(Operand::Name(name)) => {
                let found = find(scopes, name, |scope| &scope.properties).and_then(Object::into_dict);
                let text = found.and_then(|found| found.get::<hayro_syntax::object::String<'_>>("ActualText"));
                text.map(|text| text_string(text.as_bytes()))
            }
            properties => properties.and_then(|found| found.get(b"ActualText")?.text()).map(text_string),
        };
        self.replaced.push_str(text.as_deref().unwrap_or_default());
    }

    /// A font by its name, which means the same as long as the same resources are in force.
    fn font(&mut self, name: &[u8], scopes: &[Resources<'a>]) -> Option<usize> {
        let scope = scopes.first().map_or(0, |scope| scope.fonts.data().as_ptr().addr());
        if let Some(known) = self.names.get(&(scope, name.to_vec())) {
            return *known;
        }
        let dictionary = find(scopes, name, |scope| &scope.fonts).and_then(Object::into_dict);
        let font = dictionary.map(|dictionary| self.shelf.font(&dictionary));
        self.names.insert((scope, name.to_vec()), font);
        font
    }

    /// `Td`: to the start of another line (§9.4.2).
    fn advance(&mut self, x: f32, y: f32) {
        self.line = joined(&[1.0, 0.0, 0.0, 1.0, x, y], &self.line);
        self.text = self.line;
    }

    /// Along the line of writing.
    fn glide(&mut self, x: f32) {
        let is_down = self.state.font.and_then(|at| self.shelf.read.get(at)).is_some_and(|font| !font.is_horizontal());
        let (x, y) = if is_down { (0.0, -x) } else { (x, 0.0) };
        self.text = joined(&[1.0, 0.0, 0.0, 1.0, x, y], &self.text);
    }

    fn show(&mut self, string: Option<&Operand>) {
        let Some(mut bytes) = string.and_then(Operand::text) else { return };
        let state = &self.state;
        let Some(font) = state.font.and_then(|at| self.shelf.read.get_mut(at)) else {
            return self.show_plainly(bytes);
        };
        let is_down = !font.is_horizontal();
        let is_type3 = font.is_type3();
        // The writing has one direction, baseline and size as long as a string lasts.
        let matrix = joined(&self.text, &state.matrix);
        let origin = (matrix[4] + matrix[2] * state.rise, matrix[5] + matrix[3] * state.rise);
        let scaled = writing(&matrix, is_down, state.size);
        let mut begun = None;
        let mut moved = 0.0;
        while !bytes.is_empty() {
            let (code, length) = font.next_code(bytes);
            bytes = bytes.get(length..).unwrap_or_default();
            let known = font.code(code);
            let mut step = known.advance / 1000.0 * state.size + state.letter_gap;
            if length == 1 && code == 32 {
                step += state.word_gap;
            }
            step *= if is_down { -1.0 } else { state.stretch };
            self.tally.count(known.source, known.is_blank, state.is_visible);
            if known.source == Source::Guessed && self.guessed.len() < 1 << 16 {
                self.guessed.push_str(&known.text);
            }
            if known.is_blank {
                if !known.text.is_empty() {
                    self.lines.blank();
                }
            } else if let Some(Scaled { direction, em, unit }) = scaled {
                let em = if is_type3 && known.advance > 0.0 { em * known.advance / 1000.0 * 1.8 } else { em };
                let along = *begun.get_or_insert_with(|| {
                    let (x, y) = if is_down { (matrix[2], matrix[3]) } else { (matrix[0], matrix[1]) };
                    let start = (origin.0 + x * moved, origin.1 + y * moved);
                    let writing = Writing { start, direction, em };
                    self.lines.begin(&writing, &known.text).then(|| writing.along() - moved * unit)
                });
                if along.is_none() {
                    begun = None;
                }
                if let Some(along) = along {
                    let (start, end) = (along + moved * unit, along + (moved + step) * unit);
                    self.lines.letter(&Stroke { text: &known.text, start, end, em, is_plain: known.is_plain });
                }
            }
            moved += step;
        }
        let (x, y) = if is_down { (0.0, moved) } else { (moved, 0.0) };
        self.text = joined(&[1.0, 0.0, 0.0, 1.0, x, y], &self.text);
    }

    /// Without a font, a code is taken for a letter.
    fn show_plainly(&mut self, bytes: &[u8]) {
        for letter in text_string(bytes).chars() {
            let matrix = joined(&self.text, &self.state.matrix);
            let step = (self.state.size * 0.5 + self.state.letter_gap) * self.state.stretch;
            let start = at(&matrix, 0.0, self.state.rise);
            self.tally.count(Source::Said, letter.is_whitespace(), self.state.is_visible);
            if letter.is_whitespace() {
                self.lines.blank();
            } else if let Some(Scaled { direction, em, unit }) = writing(&matrix, false, self.state.size) {
                let mut buffer = [0; 4];
                let text = &*letter.encode_utf8(&mut buffer);
                let writing = Writing { start, direction, em };
                if self.lines.begin(&writing, text) {
                    let (start, end) = (writing.along(), writing.along() + step * unit);
                    self.lines.letter(&Stroke { text, start, end, em, is_plain: is_plain(text) });
                }
            }
            self.text = joined(&[1.0, 0.0, 0.0, 1.0, step, 0.0], &self.text);
        }
    }
}

/// How text stands on the page.
#[derive(Clone, Copy)]
struct Scaled {
    direction: (f32, f32),
    em: f32,
    /// How far a step of one takes along the direction.
    unit: f32,
}

/// The direction of writing and the size of an em on the page; nothing where letters have no size.
fn writing(matrix: &Matrix, is_down: bool, size: f32) -> Option<Scaled> {
    let (x, y) = if is_down { (-matrix[2], -matrix[3]) } else { (matrix[0], matrix[1]) };
    let scale = x.hypot(y);
    if !scale.is_finite() || scale <= f32::EPSILON {
        return None;
    }
    // A mirrored size draws backwards.
    let turn = if size < 0.0 { -1.0 } else { 1.0 };
    let upright = matrix[2].hypot(matrix[3]);
    let em = size.abs() * if is_down { scale } else { upright.max(scale * 0.1) };
    let unit = scale * turn * if is_down { -1.0 } else { 1.0 };
    Some(Scaled { direction: (x / scale * turn, y / scale * turn), em, unit })
}

fn matrix(array: &Array<'_>) -> Option<Matrix> {
    let mut numbers = array.iter::<f32>();
    let mut matrix = IDENTITY;
    for number in &mut matrix {
        *number = numbers.next()?;
    }
    Some(matrix)
}

/// A named resource of the innermost scope that has it.
fn find<'a>(
    scopes: &[Resources<'a>],
    name: &[u8],
    kind: impl for<'r> Fn(&'r Resources<'a>) -> &'r Dict<'a>,
) -> Option<Object<'a>> {
    scopes.iter().find_map(|scope| kind(scope).get::<Object<'a>>(name))
}

/// A text string (§7.9.2.2): UTF-16 or UTF-8 by mark, else PDFDocEncoding, which windows-1252 resembles.
pub(super) fn text_string(bytes: &[u8]) -> String {
    match encoding_rs::Encoding::for_bom(bytes) {
        Some((encoding, _)) => encoding.decode(bytes).0.into_owned(),
        None => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    }
}
