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

/// Maps from numbers to letters that were read, by collection.
#[derive(Default)]
pub(super) struct Collections {
    read: RefCell<Vec<(CidFamily, Option<Rc<CMap>>)>>,
}

/// A font's codes as numbers of a collection, and the letters of these.
pub(super) struct Collection {
    numbers: CMap,
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
        let numbers = numbers(&font.get::<Object<'_>>("Encoding")?)?;
        let of_map = numbers.metadata().character_collection.as_ref().map(|collection| collection.family.clone());
        let letters = [of_map, told].into_iter().flatten().find_map(|family| self.letters(family))?;
        Some(Collection { numbers, letters })
    }

    fn letters(&self, family: CidFamily) -> Option<Rc<CMap>> {
        if let Some((_, known)) = self.read.borrow().iter().find(|(known, _)| *known == family) {
            return known.clone();
        }
        let map = family.ucs2_cmap().and_then(load_embedded).and_then(|map| CMap::parse(map, load_embedded));
        let map = map.map(Rc::new);
        self.read.borrow_mut().push((family, map.clone()));
        map
    }
}

impl Collection {
    pub fn text(&self, code: u32) -> Option<BfString> {
        let number = (1..=4).find_map(|length| self.numbers.lookup_cid_code(code, length))?;
        self.letters.lookup_bf_string(number)
    }
}

/// The map from codes to numbers: one of the predefined (§9.7.5.2), or the font's own.
fn numbers(encoding: &Object<'_>) -> Option<CMap> {
    match encoding {
        Object::Name(name) => predefined(name),
        Object::Stream(stream) => own(stream),
        _ => None,
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
