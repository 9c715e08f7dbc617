// SPDX-License-Identifier: EUPL-1.2
//! Characters of composite fonts by number: collections that Adobe registered for East Asian writing, whose numbers
//! have known letters (ISO 32000-1 §9.7.3, §9.10.2), with or without a font program.

use std::cell::RefCell;
use std::rc::Rc;

use hayro_font::hayro_cmap::{BfString, CMap, CMapName, CidFamily, load_embedded};
use hayro_syntax::object::{Array, Dict, Name, Object, Stream, String as Bytes};

use super::pdf_stream;

/// What a map of a font may unpack to.
const LIMIT: usize = 16 << 20;

/// A map by its name; none where it could not be read.
type NamedMap = (Vec<u8>, Option<Rc<CMap>>);

/// Maps that were read, each once for a document.
#[derive(Default)]
pub(super) struct Collections {
    /// From numbers to letters, by collection.
    letters: RefCell<Vec<(CidFamily, Option<Rc<CMap>>)>>,
    /// From codes to numbers, by name: the predefined ones are large, and fonts share them.
    predefined: RefCell<Vec<NamedMap>>,
}

/// A font's codes as numbers of a collection, and the letters of these.
pub(super) struct Collection {
    numbers: Rc<CMap>,
    letters: Rc<CMap>,
}

impl Collections {
    /// The collection of a composite font; nothing where its numbers mean glyphs of one font only.
    pub fn of(&self, font: &Dict<'_>) -> Option<Collection> {
        let descendant = font.get::<Array<'_>>("DescendantFonts")?.iter::<Dict<'_>>().next()?;
        let system = descendant.get::<Dict<'_>>("CIDSystemInfo");
        let part = |key: &str| system.as_ref().and_then(|system| system.get::<Bytes<'_>>(key));
        let told = match (part("Registry"), part("Ordering")) {
            (Some(registry), Some(ordering)) => {
                Some(CidFamily::from_registry_ordering(registry.as_bytes(), ordering.as_bytes()))
            }
            _ => None,
        };
        let numbers = self.numbers(&font.get::<Object<'_>>("Encoding")?)?;
        let of_map = numbers.metadata().character_collection.as_ref().map(|collection| collection.family.clone());
        let letters = [of_map, told].into_iter().flatten().find_map(|family| self.letters(family))?;
        Some(Collection { numbers, letters })
    }

    /// The map from codes to numbers: one of the predefined (§9.7.5.2), or the font's own.
    fn numbers(&self, encoding: &Object<'_>) -> Option<Rc<CMap>> {
        let name = match encoding {
            Object::Name(name) => name,
            Object::Stream(stream) => return own(stream).map(Rc::new),
            _ => return None,
        };
        if let Some((_, known)) = self.predefined.borrow().iter().find(|(known, _)| known == name.as_ref()) {
            return known.clone();
        }
        let map = predefined(name).map(Rc::new);
        self.predefined.borrow_mut().push((name.as_ref().to_vec(), map.clone()));
        map
    }

    fn letters(&self, family: CidFamily) -> Option<Rc<CMap>> {
        if let Some((_, known)) = self.letters.borrow().iter().find(|(known, _)| *known == family) {
            return known.clone();
        }
        let map = family.ucs2_cmap().and_then(load_embedded).and_then(|map| CMap::parse(map, load_embedded));
        let map = map.map(Rc::new);
        self.letters.borrow_mut().push((family, map.clone()));
        map
    }
}

impl Collection {
    pub fn text(&self, code: u32) -> Option<BfString> {
        let number = (1..=4).find_map(|length| self.numbers.lookup_cid_code(code, length))?;
        self.letters.lookup_bf_string(number)
    }
}

fn predefined(name: &Name<'_>) -> Option<CMap> {
    match CMapName::from_bytes(name.as_ref()) {
        CMapName::IdentityH => Some(CMap::identity_h()),
        CMapName::IdentityV => Some(CMap::identity_v()),
        name => CMap::parse(load_embedded(name)?, load_embedded),
    }
}

fn own(stream: &Stream<'_>) -> Option<CMap> {
    CMap::parse(&pdf_stream::unpack(stream, LIMIT).ok()?, load_embedded)
}

#[cfg(test)]
mod tests {
    use hayro_syntax::object::FromBytes;

    use super::*;

    #[test]
    fn fonts_share_a_predefined_map() {
        let font = |encoding: &str| {
            format!(
                "<< /Type /Font /Subtype /Type0 /Encoding /{encoding} /DescendantFonts [<< /Subtype /CIDFontType0 \
                 /CIDSystemInfo << /Registry (Adobe) /Ordering (Japan1) /Supplement 2 >> >>] >>"
            )
        };
        let collections = Collections::default();
        let of = |encoding: &str| {
            let text = font(encoding);
            let font = Dict::from_bytes(text.as_bytes()).expect("a dictionary");
            collections.of(&font).expect("a collection")
        };
        let (one, other, third) = (of("UniJIS-UTF16-H"), of("UniJIS-UTF16-H"), of("90ms-RKSJ-H"));
        assert!(Rc::ptr_eq(&one.numbers, &other.numbers) && Rc::ptr_eq(&one.letters, &third.letters));
        assert!(!Rc::ptr_eq(&one.numbers, &third.numbers));
    }
}
