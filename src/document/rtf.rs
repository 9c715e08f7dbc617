// SPDX-License-Identifier: EUPL-1.2
//! Rich Text Format 1.9: body, headers, footers, notes, hidden and deleted text, watermarks, properties, objects.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::opening::Opening;
use super::paragraphs::Pages;
use super::{DocumentError, ole, properties};

/// Where the text of a group goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Goes {
    Place(&'static str),
    /// A document property.
    Property(&'static str),
    PropertyName,
    PropertyValue,
    ShapeName,
    ShapeValue,
    Object,
    Fonts,
    Nowhere,
}

#[derive(Clone, Copy)]
struct State {
    goes: Goes,
    /// Characters that follow `\u` for old readers.
    skip: usize,
    encoding: &'static Encoding,
    deleted: bool,
    /// `\*` was read: an unknown destination is to be left out.
    optional: bool,
}

/// Groups deeper than this are read as if at this depth.
const DEPTH: usize = 1_000;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut pages = Pages::new();
    let mut reading = Reading::new(opening.bytes);
    let outcome = reading.run(&mut pages);
    for (name, value) in std::mem::take(&mut reading.properties) {
        properties::note(&name, &value, opening.extract, &mut pages);
    }
    pages.write(opening)?;
    for (index, object) in std::mem::take(&mut reading.objects).into_iter().enumerate() {
        opening.budget.spend(object.len())?;
        let (name, content) = ole::object(&object);
        let name = name.unwrap_or_else(|| format!("object{}", index + 1));
        opening.child(&name, content);
    }
    outcome
}

struct Reading<'a> {
    rest: &'a [u8],
    state: State,
    stack: Vec<State>,
    /// Line being written, by place: a header may open in the middle of a paragraph.
    lines: Vec<(&'static str, String)>,
    pending: Vec<u8>,
    fonts: Vec<(i32, &'static Encoding)>,
    font: i32,
    word: String,
    property_name: String,
    shape_name: String,
    properties: Vec<(String, String)>,
    objects: Vec<Vec<u8>>,
    high: Option<u16>,
    to_skip: usize,
    /// A group was opened and nothing read in it yet: only here `\\*` begins a destination.
    is_fresh: bool,
}

impl<'a> Reading<'a> {
    fn new(rest: &'a [u8]) -> Reading<'a> {
        let state =
            State { goes: Goes::Place("#body"), skip: 1, encoding: WINDOWS_1252, deleted: false, optional: false };
        Reading {
            rest,
            state,
            stack: Vec::new(),
            lines: Vec::new(),
            pending: Vec::new(),
            fonts: Vec::new(),
            font: 0,
            word: String::new(),
            property_name: String::new(),
            shape_name: String::new(),
            properties: Vec::new(),
            objects: Vec::new(),
            high: None,
            to_skip: 0,
            is_fresh: false,
        }
    }

    fn run(&mut self, pages: &mut Pages) -> Result<(), DocumentError> {
        while let Some((byte, after)) = self.rest.split_first() {
            self.rest = after;
            let was_fresh = std::mem::replace(&mut self.is_fresh, *byte == b'{');
            match byte {
                b'{' => {
                    self.flush();
                    if self.stack.len() < DEPTH {
                        self.stack.push(self.state);
                    }
                    self.state.optional = false;
                    self.to_skip = 0;
                }
                b'}' => {
                    self.flush();
                    // RTF 1.9, "Unicode RTF": a brace ends what is skipped.
                    self.to_skip = 0;
                    self.close(pages);
                    if self.stack.is_empty() {
                        break;
                    }
                }
                b'\\' => self.control(was_fresh, pages),
                b'\r' | b'\n' => self.is_fresh = was_fresh,
                byte => self.byte(*byte),
            }
        }
        self.flush();
        for (place, line) in std::mem::take(&mut self.lines) {
            pages.line(place, &line);
        }
        if self.stack.is_empty() { Ok(()) } else { Err(DocumentError::Broken) }
    }

    fn close(&mut self, pages: &mut Pages) {
        let Some(outer) = self.stack.pop() else { return };
        let inner = std::mem::replace(&mut self.state, outer);
        if inner.goes == outer.goes {
            return;
        }
        let word = std::mem::take(&mut self.word);
        match inner.goes {
            Goes::Place(place) => self.end_line(place, pages),
            Goes::Property(name) => self.properties.push((name.to_owned(), word)),
            Goes::PropertyName => self.property_name = word,
            Goes::PropertyValue => self.properties.push((std::mem::take(&mut self.property_name), word)),
            Goes::ShapeName => self.shape_name = word.trim().to_owned(),
            Goes::ShapeValue => match self.shape_name.as_str() {
                // The text of a watermark, and the alternative text of a picture.
                "gtextUNICODE" => pages.line("#header", &word),
                "wzDescription" | "pihlShape" => pages.line("#alt", &word),
                _ => {}
            },
            Goes::Object if !word.is_empty() => self.objects.push(unhex(&word)),
            Goes::Object | Goes::Fonts | Goes::Nowhere => {}
        }
    }

    fn control(&mut self, is_fresh: bool, pages: &mut Pages) {
        let Some((first, after)) = self.rest.split_first() else { return };
        if !first.is_ascii_alphabetic() {
            self.rest = after;
            if *first == b'*' {
                self.state.optional |= is_fresh;
            } else {
                self.symbol(*first);
            }
            return;
        }
        let length = self.rest.iter().take(32).take_while(|b| b.is_ascii_alphabetic()).count();
        let word = self.rest.get(..length).unwrap_or_default();
        let mut rest = self.rest.get(length..).unwrap_or_default();
        let digits =
            rest.iter().take(11).enumerate().take_while(|(i, b)| b.is_ascii_digit() || (*i == 0 && **b == b'-'));
        let digits = digits.count();
        let number = rest.get(..digits).and_then(|d| std::str::from_utf8(d).ok()).and_then(|d| d.parse::<i32>().ok());
        rest = rest.get(digits..).unwrap_or_default();
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        // There, too: a control word counts as one character.
        if self.to_skip > 0 && !matches!(word, b"u" | b"uc" | b"bin") {
            self.to_skip -= 1;
            return;
        }
        self.word_control(word, number, pages);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let hex = self.rest.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
                if let Some(byte) = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
                    self.rest = self.rest.get(2..).unwrap_or_default();
                    self.byte(byte);
                }
            }
            b'\\' | b'{' | b'}' => self.byte(symbol),
            b'~' => self.char('\u{a0}'),
            b'_' => self.char('-'),
            b'\r' | b'\n' => self.char('\n'),
            _ => {}
        }
    }

    fn word_control(&mut self, word: &[u8], number: Option<i32>, pages: &mut Pages) {
        if word != b"u" {
            self.flush();
        }
        match word {
            b"u" => {
                if let Some(number) = number {
                    self.unicode((number & 0xFFFF) as u16);
                    self.to_skip = self.state.skip;
                }
            }
            b"uc" => self.state.skip = number.unwrap_or(1).clamp(0, 16) as usize,
            b"bin" => {
                let length = number.unwrap_or(0).max(0) as usize;
                self.rest = self.rest.get(length..).unwrap_or_default();
            }
            b"ansicpg" => self.state.encoding = codepage(number.unwrap_or(1252)),
            b"f" => {
                self.font = number.unwrap_or(0);
                if self.state.goes != Goes::Fonts
                    && let Some((_, encoding)) = self.fonts.iter().find(|(font, _)| *font == self.font)
                {
                    self.state.encoding = encoding;
                }
            }
            b"fcharset" if self.state.goes == Goes::Fonts && self.fonts.len() < 1_000 => {
                self.fonts.push((self.font, charset(number.unwrap_or(0))));
            }
            b"par" | b"sect" | b"page" | b"line" | b"row" | b"nestrow" => match self.state.goes {
                Goes::Place(place) => self.end_line(place, pages),
                _ => self.char('\n'),
            },
            b"tab" | b"cell" | b"nestcell" => self.char('\t'),
            b"emdash" | b"endash" => self.char('-'),
            b"lquote" | b"rquote" => self.char('\''),
            b"ldblquote" | b"rdblquote" => self.char('"'),
            b"emspace" | b"enspace" => self.char(' '),
            b"bullet" => self.char('•'),
            b"deleted" => self.state.deleted = number != Some(0),
            b"plain" => self.state.deleted = false,
            _ => self.destination(word),
        }
    }

    fn destination(&mut self, word: &[u8]) {
        let goes = match word {
            b"header" | b"headerl" | b"headerr" | b"headerf" => Goes::Place("#header"),
            b"footer" | b"footerl" | b"footerr" | b"footerf" => Goes::Place("#footer"),
            b"footnote" => Goes::Place("#footnotes"),
            b"annotation" => Goes::Place("#comment"),
            b"shptxt" | b"dptxbxtext" => Goes::Place("#textbox"),
            b"fldinst" => Goes::Place("#field"),
            b"title" => Goes::Property("title"),
            b"subject" => Goes::Property("subject"),
            b"keywords" => Goes::Property("keywords"),
            b"doccomm" => Goes::Property("description"),
            b"category" => Goes::Property("category"),
            b"company" => Goes::Property("company"),
            b"manager" => Goes::Property("manager"),
            b"author" => Goes::Property("author"),
            b"propname" => Goes::PropertyName,
            b"staticval" => Goes::PropertyValue,
            b"sn" => Goes::ShapeName,
            b"sv" => Goes::ShapeValue,
            b"objdata" => Goes::Object,
            b"fonttbl" => Goes::Fonts,
            b"fldrslt" | b"result" | b"shpinst" | b"shp" | b"userprops" | b"info" | b"object" | b"sp" => {
                self.state.optional = false;
                return;
            }
            b"colortbl"
            | b"stylesheet"
            | b"listtable"
            | b"listoverridetable"
            | b"rsidtbl"
            | b"themedata"
            | b"colorschememapping"
            | b"datastore"
            | b"latentstyles"
            | b"xmlnstbl"
            | b"generator"
            | b"pict"
            | b"nonshppict"
            | b"revtbl"
            | b"operator"
            | b"objclass"
            | b"objname"
            | b"atnid"
            | b"atnauthor"
            | b"creatim"
            | b"revtim"
            | b"printim"
            | b"bkmkstart"
            | b"bkmkend"
            | b"htmltag"
            | b"passwordhash" => Goes::Nowhere,
            _ if self.state.optional => Goes::Nowhere,
            _ => return,
        };
        self.state.optional = false;
        if goes != Goes::Nowhere && !matches!(goes, Goes::Place(_)) {
            self.word.clear();
        }
        self.state.goes = goes;
    }

    fn unicode(&mut self, unit: u16) {
        self.flush();
        match (self.high.take(), unit) {
            (Some(high), 0xDC00..=0xDFFF) => {
                if let Some(Ok(c)) = char::decode_utf16([high, unit]).next() {
                    self.char(c);
                }
            }
            (_, 0xD800..=0xDBFF) => self.high = Some(unit),
            (_, unit) => {
                if let Some(c) = char::from_u32(u32::from(unit)) {
                    self.char(c);
                }
            }
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.to_skip > 0 {
            self.to_skip -= 1;
        } else if !matches!(self.state.goes, Goes::Nowhere | Goes::Fonts) {
            self.pending.push(byte);
        }
    }

    fn flush(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let bytes = std::mem::take(&mut self.pending);
        let text = self.state.encoding.decode_without_bom_handling(&bytes).0;
        self.write(&text);
    }

    fn char(&mut self, c: char) {
        self.flush();
        self.write(c.encode_utf8(&mut [0; 4]));
    }

    fn write(&mut self, text: &str) {
        match self.state.goes {
            Goes::Place(place) => {
                let place = if self.state.deleted { "#deleted" } else { place };
                match self.lines.iter_mut().find(|(known, _)| *known == place) {
                    Some((_, line)) => line.push_str(text),
                    None => self.lines.push((place, text.to_owned())),
                }
            }
            Goes::Nowhere | Goes::Fonts => {}
            _ => self.word.push_str(text),
        }
    }

    fn end_line(&mut self, place: &'static str, pages: &mut Pages) {
        for wanted in [place, "#deleted"] {
            if let Some((_, line)) = self.lines.iter_mut().find(|(known, _)| *known == wanted) {
                pages.line(wanted, line);
                line.clear();
            }
        }
    }
}

fn unhex(text: &str) -> Vec<u8> {
    let mut digits = text.chars().filter_map(|c| c.to_digit(16));
    let mut bytes = Vec::with_capacity(text.len() / 2);
    while let (Some(high), Some(low)) = (digits.next(), digits.next()) {
        bytes.push((high << 4 | low) as u8);
    }
    bytes
}

fn codepage(number: i32) -> &'static Encoding {
    let label = match number {
        932 => "shift_jis".to_owned(),
        936 => "gbk".to_owned(),
        949 => "euc-kr".to_owned(),
        950 => "big5".to_owned(),
        65001 => "utf-8".to_owned(),
        number => format!("windows-{number}"),
    };
    Encoding::for_label(label.as_bytes()).unwrap_or(WINDOWS_1252)
}

/// Windows character sets of fonts.
fn charset(number: i32) -> &'static Encoding {
    codepage(match number {
        128 => 932,
        129 => 949,
        134 => 936,
        136 => 950,
        161 => 1253,
        162 => 1254,
        163 => 1258,
        177 => 1255,
        178..=180 => 1256,
        186 => 1257,
        204 => 1251,
        222 => 874,
        238 => 1250,
        _ => 1252,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::Extract;
    use crate::document::opening::read_alone;

    fn extract(rtf: &str) -> Extract {
        let (mut extract, outcome) = read_alone("rtf", rtf.as_bytes(), read);
        extract.fault = outcome.err();
        extract
    }

    fn at<'a>(extract: &'a Extract, place: &str) -> &'a str {
        extract.segments.iter().find(|s| s.place == place).map_or("", |s| s.text.as_str())
    }

    #[test]
    fn places_of_text() {
        let rtf = r"{\rtf1\ansi\ansicpg1252\uc1{\fonttbl{\f0\fcharset0 Arial;}{\f1\fcharset178 Arabic;}}{\info{\title Le titre}}{\header\pard EN-T\'caTE\par}{\footer pied\par}Corps \v cach\'e9\v0  ici\par\f1 \'d3\'d1\'ed\par\f0 \u8364?{\footnote note}\par{\*\unknown secret}{\deleted parti}}";
        let extract = extract(rtf);
        assert_eq!(at(&extract, "#header"), "EN-TÊTE\n");
        assert_eq!(at(&extract, "#footer"), "pied\n");
        assert_eq!(at(&extract, "#body"), "Corps caché ici\nسري\n€\n");
        assert_eq!(at(&extract, "#footnotes"), "note\n");
        assert_eq!(at(&extract, "#deleted"), "parti\n");
        assert!(extract.properties.contains(&("title".into(), "Le titre".into())));
        assert_eq!(extract.fault, None);
    }

    #[test]
    fn what_stands_in_for_a_letter_ends_with_its_group() {
        let rtf = r"{\rtf1{\listtext\tab \u8226 \tab}DIFFUSION\par{\f2\b0\*\cs7 RESTREINTE}\par \u233?t\u233\'e9}";
        assert_eq!(at(&extract(rtf), "#body"), "\t•DIFFUSION\nRESTREINTE\nété\n");
    }

    #[test]
    fn custom_properties_and_watermarks() {
        let rtf = r"{\rtf1{\*\userprops{\propname MSIP_Label_x_Name}\proptype30{\staticval Secret}}{\shp{\*\shpinst{\sp{\sn gtextUNICODE}{\sv BROUILLON}}}}}";
        let extract = extract(rtf);
        assert!(extract.properties.contains(&("MSIP_Label_x_Name".into(), "Secret".into())));
        assert_eq!(at(&extract, "#header"), "BROUILLON\n");
    }
}
