// SPDX-License-Identifier: EUPL-1.2
//! PDF (ISO 32000-1): page text, annotations, form fields, information dictionary, XMP, embedded files.

use std::collections::HashSet;

use lopdf::{Dictionary, Document, LoadOptions, Object, ObjectId};

use super::opening::Opening;
use super::paragraphs::Pages;
use super::pdf_text::{self, Canvas};
use super::xml::Node;
use super::{DocumentError, Extract, picture, properties, xml};

/// Pages read; nobody writes an official paper longer than this.
const PAGES: usize = 3_000;

/// What one stream may unpack to.
const STREAM: usize = 32 << 20;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    // Junk before the header shifts every offset (annex H lets readers cope).
    let start = memchr::memmem::find(bytes.get(..1024).unwrap_or(bytes), b"%PDF-").unwrap_or(0);
    let document = load(bytes.get(start..).unwrap_or(bytes), opening)?;
    let mut pages = Pages::new();
    information(&document, opening.extract, &mut pages);
    let xmp = metadata(&document, opening, &mut pages);
    let read = page_texts(&document, opening, &mut pages);
    fields(&document, &mut pages);
    pages.write(opening)?;
    embedded(&document, opening)?;
    read.and(xmp)
}

fn load(bytes: &[u8], opening: &mut Opening<'_>) -> Result<Document, DocumentError> {
    let options = |password| LoadOptions { password, max_decompressed_size: Some(STREAM), ..LoadOptions::default() };
    let is_encrypted = memchr::memmem::find(bytes, b"/Encrypt").is_some();
    match Document::load_mem_with_options(bytes, options(None)) {
        Ok(document) if !document.is_encrypted() => return Ok(document),
        Ok(_) => {}
        Err(_) if !is_encrypted => return Err(DocumentError::Broken),
        Err(_) => {}
    }
    opening.extract.encrypted = Some("pdf".into());
    for password in opening.passwords {
        if let Ok(document) = Document::load_mem_with_options(bytes, options(Some(password.clone())))
            && !document.is_encrypted()
        {
            opening.property("password-found", "pdf");
            return Ok(document);
        }
    }
    Err(DocumentError::Encrypted)
}

fn page_texts(document: &Document, opening: &mut Opening<'_>, pages: &mut Pages) -> Result<(), DocumentError> {
    let mut shows_image = false;
    let mut shows_text = false;
    let mut outcome = Ok(());
    let mut count = 0;
    let reached: Vec<ObjectId> = document.page_iter().take(PAGES + 1).collect();
    for page in reached.iter().copied().chain(unreached(document, &reached)) {
        count += 1;
        if count > PAGES {
            return Err(DocumentError::Budget);
        }
        let mut canvas = Canvas::new(document, STREAM.min(opening.budget.bytes as usize));
        let done = canvas.page(page);
        opening.budget.spend(canvas.unpacked)?;
        outcome = outcome.and(done);
        shows_image |= canvas.shows_image;
        let is_blank = canvas.text.trim().is_empty();
        shows_text |= !is_blank;
        let place = format!("#page{count}");
        if let Some((_, stream)) = canvas.picture.filter(|_| is_blank) {
            picture::page(document, stream, place.clone(), opening);
        }
        pages.line(&place, &canvas.text);
        pages.line(&place, &reversed_arabic(&canvas.text));
        pages.line("#hidden", &canvas.replaced);
        for annotation in document.get_page_annotations(page).unwrap_or_default() {
            annotate(document, annotation, pages);
        }
    }
    if shows_image && !shows_text {
        opening.property("image-only", "true");
    }
    if count == 0 { Err(DocumentError::Broken) } else { outcome }
}

/// Pages that the tree does not lead to: cut off from it, or deeper than the library follows.
fn unreached(document: &Document, reached: &[ObjectId]) -> impl Iterator<Item = ObjectId> {
    let reached: HashSet<ObjectId> = reached.iter().copied().collect();
    let pages = document.objects.iter().filter(|(_, object)| object.as_dict().is_ok_and(|page| page.has_type(b"Page")));
    pages.map(|(id, _)| *id).filter(move |id| !reached.contains(id))
}

/// Glyphs advance to the right, so Arabic in a PDF often stands in visual order. Both readings are given.
fn reversed_arabic(text: &str) -> String {
    let is_arabic = |c: char| matches!(c, '\u{600}'..='\u{6FF}' | '\u{FB50}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFF}');
    let lines = text.lines().filter(|line| line.contains(is_arabic));
    lines.map(|line| line.chars().rev().collect::<String>() + "\n").collect()
}

fn annotate(document: &Document, annotation: &Dictionary, pages: &mut Pages) {
    for key in [&b"Contents"[..], b"V", b"TU", b"RC", b"DA"] {
        if let Some(text) = string(document, annotation.get(key).ok())
            && key != b"DA"
        {
            let place = if key == b"Contents" || key == b"RC" { "#comment" } else { "#form" };
            pages.line(place, &text);
        }
    }
    // Stamps and free text show what their appearance draws.
    if let Ok(appearance) = annotation.get_deref(b"AP", document).and_then(Object::as_dict)
        && let Ok(Object::Stream(form)) = appearance.get_deref(b"N", document)
    {
        let mut canvas = Canvas::new(document, 1 << 20);
        let _ = canvas.form(form);
        pages.line("#comment", &canvas.text);
    }
    if let Ok(action) = annotation.get_deref(b"A", document).and_then(Object::as_dict)
        && let Some(target) = string(document, action.get(b"URI").ok())
    {
        pages.line("#link", &target);
    }
}

/// Values of form fields, wherever they hang (§12.7.3).
fn fields(document: &Document, pages: &mut Pages) {
    for object in document.objects.values() {
        let Ok(field) = object.as_dict() else { continue };
        if field.has(b"FT") && !field.has(b"Subtype") {
            for key in [&b"V"[..], b"TU"] {
                if let Some(text) = string(document, field.get(key).ok()) {
                    pages.line("#form", &text);
                }
            }
        }
    }
}

/// The information dictionary (§14.3.3), its keys in the form of other formats.
fn information(document: &Document, extract: &mut Extract, pages: &mut Pages) {
    let Ok(information) = document.trailer.get_deref(b"Info", document).and_then(Object::as_dict) else { return };
    for (key, value) in information {
        let Some(value) = string(document, Some(value)) else { continue };
        let name = match key.as_slice() {
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
}

/// The catalogue's XMP packet (§14.3.2): elements and attributes with language in them.
fn metadata(document: &Document, opening: &mut Opening<'_>, pages: &mut Pages) -> Result<(), DocumentError> {
    let stream = document.catalog().ok().and_then(|catalog| catalog.get_deref(b"Metadata", document).ok());
    let Some(Object::Stream(stream)) = stream else { return Ok(()) };
    let packet = stream.get_plain_content_with_limit(4 << 20).map_err(|_| DocumentError::Broken)?;
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

/// File specifications with an embedded file (§7.11.4), whoever points at them.
fn embedded(document: &Document, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    for object in document.objects.values() {
        let Ok(specification) = object.as_dict() else { continue };
        let Ok(files) = specification.get_deref(b"EF", document).and_then(Object::as_dict) else { continue };
        let name = string(document, specification.get(b"UF").or_else(|_| specification.get(b"F")).ok());
        let name = name.unwrap_or_else(|| "embedded".to_owned());
        let Ok(Object::Stream(stream)) = files.get_deref(b"F", document).or_else(|_| files.get_deref(b"UF", document))
        else {
            continue;
        };
        opening.room_for_a_file()?;
        match stream.get_plain_content_with_limit(opening.budget.bytes as usize) {
            Ok(content) => {
                opening.paid_child(&name, &content)?;
            }
            Err(_) => opening.closed(&name, 0, DocumentError::Broken, None),
        }
    }
    Ok(())
}

/// A text string (§7.9.2.2), references followed.
fn string(document: &Document, object: Option<&Object>) -> Option<String> {
    let (_, object) = document.dereference(object?).ok()?;
    match object {
        Object::String(bytes, _) => Some(pdf_text::text_string(bytes)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arabic_lines_are_given_in_the_other_order_too() {
        assert_eq!(reversed_arabic("plain\nادج يرس\n"), "سري جدا\n");
    }
}
