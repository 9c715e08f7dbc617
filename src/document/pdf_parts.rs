// SPDX-License-Identifier: EUPL-1.2
//! What a PDF says beside its pages: annotations, form fields, the information dictionary, XMP, XFA, bookmarks,
//! embedded files.

use hayro_syntax::Pdf;
use hayro_syntax::object::{Array, Dict, MaybeRef, Object, ObjectIdentifier, Stream, String as Bytes};

use super::opening::Opening;
use super::paragraphs::Pages;
use super::pdf_text::{Canvas, FontShelf, text_string};
use super::xml::Node;
use super::{DocumentError, Extract, pdf_stream, properties, xml};

/// Entries of one list of choices.
const CHOICES: usize = 2_000;

/// Bookmarks read.
const BOOKMARKS: usize = 20_000;

pub(super) fn read(pdf: &Pdf, bytes: &[u8], opening: &mut Opening<'_>, pages: &mut Pages) -> Result<(), DocumentError> {
    let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id()).unwrap_or_default();
    information(pdf, bytes, opening.extract, pages);
    let xmp = metadata(&catalog, opening, pages);
    let xfa = forms(&catalog, opening, pages);
    bookmarks(&catalog, pages);
    let objects = objects(pdf, opening, pages);
    xmp.and(xfa).and(objects)
}

/// A text string, references followed.
fn text(dictionary: &Dict<'_>, key: &str) -> Option<String> {
    dictionary.get::<Bytes<'_>>(key).map(|bytes| text_string(bytes.as_bytes()))
}

pub(super) fn annotate<'a>(annotation: &Dict<'a>, shelf: &mut FontShelf<'a>, pages: &mut Pages) {
    for key in ["Contents", "V", "TU", "RC"] {
        if let Some(text) = text(annotation, key) {
            let place = if matches!(key, "Contents" | "RC") { "#comment" } else { "#form" };
            pages.line(place, &text);
        }
    }
    choices(annotation, pages);
    // Stamps and free text show what their appearance draws; of several states, all are read.
    let appearance = annotation.get::<Dict<'_>>("AP").and_then(|appearance| appearance.get::<Object<'_>>("N"));
    let forms = match appearance {
        Some(Object::Stream(form)) => vec![form],
        Some(Object::Dict(states)) => {
            states.keys().take(8).filter_map(|state| states.get::<Stream<'_>>(state)).collect()
        }
        _ => Vec::new(),
    };
    for form in forms {
        let mut canvas = Canvas::new(shelf, 1 << 20, [1.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
        let _ = canvas.form(&form);
        for (_, line) in std::mem::take(&mut canvas.lines).finish(f32::MAX) {
            pages.line("#comment", &line);
        }
    }
    if let Some(target) = annotation.get::<Dict<'_>>("A").and_then(|action| text(&action, "URI")) {
        pages.line("#link", &target);
    }
}

/// What a list box or a combination box offers (§12.7.4.4), and what is chosen of it.
fn choices(field: &Dict<'_>, pages: &mut Pages) {
    for key in ["Opt", "V"] {
        for choice in field.get::<Array<'_>>(key).iter().flat_map(Array::iter::<Object<'_>>).take(CHOICES) {
            let shown = match choice {
                Object::String(text) => Some(text_string(text.as_bytes())),
                // What is sent, and what is shown.
                Object::Array(pair) => pair.iter::<Bytes<'_>>().last().map(|text| text_string(text.as_bytes())),
                _ => None,
            };
            pages.line("#form", shown.as_deref().unwrap_or_default());
        }
    }
}

/// Form fields (§12.7.3) and file specifications (§7.11.4), wherever they hang.
fn objects(pdf: &Pdf, opening: &mut Opening<'_>, pages: &mut Pages) -> Result<(), DocumentError> {
    for object in pdf.objects() {
        let Object::Dict(dictionary) = object else { continue };
        if dictionary.contains_key("FT") && !dictionary.contains_key("Subtype") {
            for key in ["V", "TU"] {
                pages.line("#form", text(&dictionary, key).as_deref().unwrap_or_default());
            }
            choices(&dictionary, pages);
        }
        if let Some(files) = dictionary.get::<Dict<'_>>("EF") {
            embedded(&dictionary, &files, opening)?;
        }
    }
    Ok(())
}

fn embedded(specification: &Dict<'_>, files: &Dict<'_>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let name = text(specification, "UF").or_else(|| text(specification, "F")).unwrap_or_else(|| "embedded".to_owned());
    let Some(stream) = files.get::<Stream<'_>>("F").or_else(|| files.get::<Stream<'_>>("UF")) else { return Ok(()) };
    opening.room_for_a_file()?;
    match pdf_stream::unpack(&stream, opening.budget.bytes as usize) {
        Ok(content) => opening.paid_child(&name, &content)?,
        Err(fault) => opening.closed(&name, 0, fault, None),
    }
    Ok(())
}

/// The information dictionary (§14.3.3), its keys in the form of other formats. The library keeps the trailer to
/// itself; what it points to stands in the clear in any version of the file.
fn information(pdf: &Pdf, bytes: &[u8], extract: &mut Extract, pages: &mut Pages) {
    for at in memchr::memmem::rfind_iter(bytes, b"/Info").take(8) {
        let after = bytes.get(at + 5..at + 40).unwrap_or_default();
        let mut words = after.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let mut number = || std::str::from_utf8(words.next()?).ok()?.parse::<u32>().ok();
        let (Some(object), Some(generation)) = (number(), number()) else { continue };
        let id = ObjectIdentifier::new(object, generation as i32);
        let Some(found) = pdf.xref().get::<Dict<'_>>(id) else { continue };
        for (key, value) in found.entries() {
            if !matches!(value, MaybeRef::NotRef(Object::String(_)) | MaybeRef::Ref(_)) {
                continue;
            }
            let Some(value) = found.get::<Bytes<'_>>(&*key).map(|bytes| text_string(bytes.as_bytes())) else {
                continue;
            };
            let name = match key.as_ref() {
                b"Title" => "title".to_owned(),
                b"Subject" => "subject".to_owned(),
                b"Keywords" => "keywords".to_owned(),
                b"Author" => "author".to_owned(),
                b"CreationDate" | b"ModDate" | b"Producer" | b"Creator" | b"Trapped" => continue,
                key => String::from_utf8_lossy(key).into_owned(),
            };
            match name.as_str() {
                "author" => extract.property(name, &value),
                _ => properties::note(&name, &value, extract, pages),
            }
        }
        return;
    }
}

/// The catalogue's XMP packet (§14.3.2): elements and attributes with language in them.
fn metadata(catalog: &Dict<'_>, opening: &mut Opening<'_>, pages: &mut Pages) -> Result<(), DocumentError> {
    let Some(stream) = catalog.get::<Stream<'_>>("Metadata") else { return Ok(()) };
    let packet = pdf_stream::unpack(&stream, 4 << 20)?;
    opening.budget.spend(packet.len())?;
    let mut path: Vec<String> = Vec::new();
    // A packet that is not XML is a fault of the packet only.
    let _ = xml::walk(&xml::decode(&packet), &mut |node| match node {
        Node::Start(element) => {
            for (name, value) in element.attributes() {
                if name.starts_with("MSIP_Label") || matches!(name.as_str(), "Keywords" | "title" | "description") {
                    properties::note(&name, &value, opening.extract, pages);
                }
            }
            path.push(element.name.to_owned());
        }
        Node::Text(text) if !text.trim().is_empty() => {
            let known = path.iter().rev().find(|name| !matches!(name.as_str(), "li" | "Alt" | "Bag" | "Seq"));
            if let Some(name) = known
                && !name.ends_with("Date")
                && !matches!(
                    name.as_str(),
                    "Producer" | "CreatorTool" | "DocumentID" | "InstanceID" | "format" | "creator"
                )
            {
                properties::note(name, text, opening.extract, pages);
            }
        }
        Node::End(_) => {
            path.pop();
        }
        Node::Text(_) => {}
    });
    Ok(())
}

/// The packets of an XFA form (§12.7.8): where there are any, they are what a viewer shows.
fn forms(catalog: &Dict<'_>, opening: &mut Opening<'_>, pages: &mut Pages) -> Result<(), DocumentError> {
    let Some(form) = catalog.get::<Dict<'_>>("AcroForm") else { return Ok(()) };
    let packets = match form.get::<Object<'_>>("XFA") {
        Some(Object::Stream(stream)) => vec![stream],
        Some(Object::Array(parts)) => parts.iter::<Object<'_>>().filter_map(Object::into_stream).take(64).collect(),
        _ => Vec::new(),
    };
    // An array cuts one document into pieces.
    let mut whole = Vec::new();
    for packet in packets {
        whole.extend(pdf_stream::unpack(&packet, 8 << 20)?);
        opening.budget.spend(whole.len())?;
        if whole.len() > 16 << 20 {
            return Err(DocumentError::Budget);
        }
    }
    let mut element = String::new();
    let _ = xml::walk(&xml::decode(&whole), &mut |node| match node {
        Node::Start(start) => start.name.clone_into(&mut element),
        Node::Text(text) if !matches!(element.as_str(), "script" | "instanceID" | "documentID") => {
            pages.line("#form", text.trim());
        }
        _ => {}
    });
    Ok(())
}

/// The outline (§12.3.3): titles, in order.
fn bookmarks(catalog: &Dict<'_>, pages: &mut Pages) {
    let first = catalog.get::<Dict<'_>>("Outlines").and_then(|outline| outline.get::<Dict<'_>>("First"));
    let mut ahead: Vec<Dict<'_>> = first.into_iter().collect();
    for _ in 0..BOOKMARKS {
        let Some(item) = ahead.pop() else { return };
        pages.line("#outline", text(&item, "Title").as_deref().unwrap_or_default());
        if ahead.len() < 64 {
            ahead.extend(item.get::<Dict<'_>>("Next"));
            ahead.extend(item.get::<Dict<'_>>("First"));
        }
    }
}
