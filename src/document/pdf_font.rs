// SPDX-License-Identifier: EUPL-1.2
//! Fonts of a PDF (ISO 32000-1 §9.6 to §9.10): which text a code stands for, how wide it is, and how sure that is.

use std::collections::HashMap;
use std::sync::Arc;

use hayro_font::hayro_cmap::{BfString, CMap, load_embedded};
use hayro_font::{CMapResolverFn, Font as Program, FontCache, FontGlyph, FontQuery, FontResolverFn};
use hayro_syntax::object::{Array, Dict, Name, Object, Stream};
use skrifa::MetadataProvider;

use super::pdf_collection::{Collection, Collections};
use super::{pdf_line, pdf_stream};

/// What a font program or a character map may unpack to.
const LIMIT: usize = 16 << 20;

/// Codes remembered for one font.
const CODES: usize = 70_000;

/// Where the text of a code comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The font says it.
    Said,
    /// The code is taken for a letter of a usual encoding, and nothing says so.
    Guessed,
    /// Nothing tells.
    Unknown,
}

#[derive(Debug, Clone)]
pub(super) struct Code {
    pub text: Box<str>,
    /// White space, or no text at all.
    pub is_blank: bool,
    /// Stands where it is drawn, and in the order it is drawn.
    pub is_plain: bool,
    /// Thousandths of an em.
    pub advance: f32,
    pub source: Source,
}

pub(super) struct Font<'a> {
    program: Option<Program<'a>>,
    to_unicode: Option<CMap>,
    collection: Option<Collection>,
    is_composite: bool,
    is_type3: bool,
    /// A code of an embedded program means a glyph, and no encoding says which letter that is.
    is_bare: bool,
    /// Letters of an embedded program by glyph, once they were asked for.
    letters: Option<HashMap<u32, char>>,
    codes: Vec<Code>,
    /// Where a code stands in `codes`, plus one.
    places: Vec<u32>,
    rare: HashMap<u32, u32>,
}

/// What reading fonts needs from outside, made once for a document.
pub(super) struct Fonts<'a> {
    cache: FontCache<'a>,
    fonts: FontResolverFn,
    maps: CMapResolverFn,
    collections: Collections,
}

impl<'a> Fonts<'a> {
    pub fn new() -> Fonts<'a> {
        let standard = |query: &FontQuery| match query {
            FontQuery::Standard(font) => Some(font.get_font_data()),
            FontQuery::Fallback(font) => Some(font.pick_standard_font().get_font_data()),
        };
        Fonts {
            cache: FontCache::new(),
            fonts: Arc::new(standard),
            maps: Arc::new(load_embedded),
            collections: Collections::default(),
        }
    }

    pub fn read(&self, dictionary: &Dict<'a>) -> Font<'a> {
        let subtype = dictionary.get::<Name<'_>>("Subtype");
        let is = |name: &[u8]| subtype.as_ref().is_some_and(|subtype| subtype.as_ref() == name);
        let is_composite = is(b"Type0");
        let program = admits(dictionary).then(|| self.cache.font(dictionary, &self.fonts, &self.maps)).flatten();
        // The library gives the text of its fonts; the map is read here for those it does not know.
        let map = dictionary.get::<Stream<'_>>("ToUnicode").filter(|_| program.is_none());
        let to_unicode = map.and_then(|map| pdf_stream::unpack(&map, LIMIT).ok()).and_then(|map| {
            let maps = self.maps.clone();
            CMap::parse(&map, move |name| maps(name))
        });
        let encoding = dictionary.get::<Object<'_>>("Encoding");
        let collection = is_composite.then(|| self.collections.of(dictionary)).flatten();
        Font {
            program,
            to_unicode,
            collection,
            is_composite,
            is_type3: is(b"Type3"),
            is_bare: is(b"TrueType") && encoding.is_none() && is_embedded(dictionary),
            letters: None,
            codes: Vec::new(),
            places: Vec::new(),
            rare: HashMap::new(),
        }
    }
}

/// What the library unpacks of a font stays within limits.
fn admits(dictionary: &Dict<'_>) -> bool {
    let descendant = dictionary.get::<Array<'_>>("DescendantFonts").and_then(|fonts| fonts.iter::<Dict<'_>>().next());
    let owners = [Some(dictionary), descendant.as_ref()];
    let within = |owner: &Dict<'_>, key: &str| {
        owner.get::<Stream<'_>>(key).is_none_or(|stream| pdf_stream::admit(&stream, LIMIT).is_ok())
    };
    owners.into_iter().flatten().all(|owner| {
        let descriptor = owner.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
        ["ToUnicode", "Encoding", "CIDToGIDMap"].iter().all(|key| within(owner, key))
            && ["FontFile", "FontFile2", "FontFile3"].iter().all(|key| within(&descriptor, key))
    })
}

fn is_embedded(dictionary: &Dict<'_>) -> bool {
    let descriptor = dictionary.get::<Dict<'_>>("FontDescriptor").unwrap_or_default();
    ["FontFile", "FontFile2", "FontFile3"].iter().any(|key| descriptor.contains_key(key))
}

impl Font<'_> {
    /// Type 3 glyphs are drawn in a space of the font's own, whose size says nothing.
    pub fn is_type3(&self) -> bool {
        self.is_type3
    }

    pub fn is_horizontal(&self) -> bool {
        self.program.as_ref().is_none_or(Program::is_horizontal)
    }

    /// The code at the front of a string, and its length.
    pub fn next_code(&self, bytes: &[u8]) -> (u32, usize) {
        match &self.program {
            Some(program) if !bytes.is_empty() => {
                let (code, length) = program.read_code(bytes, 0);
                (code, length.max(1))
            }
            _ if self.is_composite => match *bytes {
                [high, low, ..] => (u32::from(high) << 8 | u32::from(low), 2),
                [only] => (only.into(), 1),
                [] => (0, 1),
            },
            _ => (bytes.first().copied().unwrap_or(0).into(), 1),
        }
    }

    pub fn code(&mut self, code: u32) -> &Code {
        let short = usize::try_from(code).unwrap_or(usize::MAX);
        let known = match self.places.get(short) {
            Some(place) => *place,
            None => self.rare.get(&code).copied().unwrap_or(0),
        };
        let place = if known > 0 { known } else { self.remember(code) };
        // A place names a code that was pushed; the first is there from then on.
        let last = self.codes.len().saturating_sub(1);
        &self.codes[(place as usize).saturating_sub(1).min(last)]
    }

    fn remember(&mut self, code: u32) -> u32 {
        let read = self.look_up(code);
        if self.codes.len() > CODES {
            self.codes.clear();
            self.places.clear();
            self.rare.clear();
        }
        self.codes.push(read);
        let place = self.codes.len() as u32;
        match usize::try_from(code) {
            Ok(short) if short < 1 << 16 => {
                if self.places.len() <= short {
                    self.places.resize((short + 1).next_power_of_two().max(256), 0);
                }
                self.places[short] = place;
            }
            _ => {
                self.rare.insert(code, place);
            }
        }
        place
    }

    fn look_up(&mut self, code: u32) -> Code {
        let advance = self.program.as_ref().map_or(500.0, |program| {
            let advance = program.code_advance(code);
            if program.is_horizontal() { advance.x } else { advance.y.abs() }
        });
        let (text, source) = self.text(code);
        // Without widths, letters would stand on each other.
        let advance = if advance <= 0.0 && text.chars().any(char::is_alphanumeric) { 500.0 } else { advance };
        Code {
            is_blank: text.trim().is_empty(),
            is_plain: pdf_line::is_plain(&text),
            text: text.into(),
            advance: advance as f32,
            source,
        }
    }

    fn text(&mut self, code: u32) -> (String, Source) {
        let said = match &self.program {
            Some(program) => match program.glyph(program.map_code(code), code) {
                FontGlyph::Outline(glyph) => glyph.as_unicode(),
                FontGlyph::Type3(glyph) => glyph.as_unicode(),
            },
            None => self.to_unicode.as_ref().and_then(|map| map.lookup_bf_string(code)),
        };
        let is_said = |text: &String| !text.is_empty() && is_text(text);
        let told = |text: BfString| match text {
            BfString::Char(c) => c.to_string(),
            BfString::String(text) => text.replace('\0', ""),
        };
        let said = said.map(told).filter(is_said);
        let said = said.or_else(|| self.collection.as_ref()?.text(code).map(told).filter(is_said));
        let has_map = self.to_unicode.is_some();
        match said {
            Some(text) if !self.is_bare => (text, Source::Said),
            // The library took the code for a letter of the standard encoding.
            Some(text) => match self.letter(code) {
                Some(letter) => (letter.into(), Source::Said),
                None => (text, Source::Guessed),
            },
            None => match self.letter(code) {
                Some(letter) => (letter.into(), Source::Said),
                None if self.is_composite || has_map => (String::new(), Source::Unknown),
                None => match char::from_u32(code).filter(|c| matches!(c, ' '..='~' | 'À'..='ÿ')) {
                    Some(letter) => (letter.into(), Source::Guessed),
                    None => (String::new(), Source::Unknown),
                },
            },
        }
    }

    /// The letter that an embedded program's own table has for the glyph of a code.
    fn letter(&mut self, code: u32) -> Option<char> {
        let program = self.program.as_ref()?;
        let glyph = program.map_code(code);
        let letters = self.letters.get_or_insert_with(|| {
            let FontGlyph::Outline(outline) = program.glyph(glyph, code) else { return HashMap::new() };
            let Some(data) = outline.font_data() else { return HashMap::new() };
            let Ok(font) = skrifa::FontRef::from_index((*data.data).as_ref(), 0) else { return HashMap::new() };
            let mut letters = HashMap::new();
            for (code, glyph) in font.charmap().mappings().take(CODES) {
                if let Some(letter) = char::from_u32(code).filter(|c| is_text(c.encode_utf8(&mut [0; 4]))) {
                    letters.entry(glyph.to_u32()).or_insert(letter);
                }
            }
            letters
        });
        letters.get(&glyph.to_u32()).copied()
    }
}

/// Letters that mean something: none of a private use area, no control, no replacement.
fn is_text(text: &str) -> bool {
    text.chars().all(|c| !matches!(u32::from(c), 0..=8 | 14..=31 | 0x7F..=0x9F | 0xE000..=0xF8FF | 0xFFFD | 0xF0000..))
}
