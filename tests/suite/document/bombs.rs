// SPDX-License-Identifier: EUPL-1.2
//! Small files that want to become large.

use octroi::document::{Budget, DocumentError, open};

use super::make::{self, read};

fn small() -> Budget {
    Budget { bytes: 4 << 20, depth: 6, files: 50, text: 1 << 20, ..Budget::default() }
}

#[test]
fn zeros_stop_at_the_budget() {
    let zeros = vec![0; 16 << 20];
    for bytes in [
        make::gz(&zeros),
        make::zip(&[("z", &zeros)]),
        make::zip(&[("word/document.xml", &zeros), ("[Content_Types].xml", b"")]),
    ] {
        let extract = open("bomb", &bytes, &mut small(), &[]);
        let faults = extract.faults();
        assert!(faults.iter().any(|(_, fault)| *fault == DocumentError::Budget), "{faults:?}");
        let mut bytes = 0;
        extract.walk("", &mut |path, extract| bytes += if path.is_empty() { 0 } else { extract.size });
        assert!(bytes <= 4 << 20);
    }
}

#[test]
fn many_members_stop_at_the_count() {
    let names: Vec<String> = (0..200).map(|index| format!("{index}.txt")).collect();
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b"text"[..])).collect();
    for bytes in [make::zip(&members), make::tar(&members)] {
        let extract = open("bomb", &bytes, &mut small(), &[]);
        assert_eq!(extract.fault, Some(DocumentError::Budget));
        assert_eq!(extract.children.len(), 49, "what was read before stays");
    }
}

#[test]
fn nesting_stops_at_the_depth() {
    let mut bytes = make::zip(&[("a.txt", b"deepest")]);
    for _ in 0..20 {
        bytes = make::zip(&[("inner.zip", &bytes)]);
    }
    let faults = read(&bytes).faults();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].1, DocumentError::Budget);
}

/// Members that share one stream: each central record points at the same local header (zip bombs of this century).
#[test]
fn members_that_share_their_bytes_stop_at_the_budget() {
    let zeros = vec![0; 1 << 20];
    let one = make::zip(&[("a", &zeros)]);
    let central = memchr::memmem::rfind(&one, b"PK\x01\x02").expect("a record");
    let end = memchr::memmem::rfind(&one, b"PK\x05\x06").expect("an end");
    let mut bomb = one[..end].to_vec();
    for number in 1..2_000_u32 {
        let at = bomb.len();
        bomb.extend_from_slice(&one[central..end]);
        // Names differ, or a library would take them for one.
        bomb[at + 46] = b'b' + (number % 20) as u8;
    }
    let size = (bomb.len() - central) as u32;
    let mut last = one[end..].to_vec();
    last[8..10].copy_from_slice(&2_000_u16.to_le_bytes());
    last[10..12].copy_from_slice(&2_000_u16.to_le_bytes());
    last[12..16].copy_from_slice(&size.to_le_bytes());
    bomb.extend(last);
    let extract = open("bomb", &bomb, &mut small(), &[]);
    let mut unpacked = 0;
    extract.walk("", &mut |path, extract| unpacked += if path.is_empty() { 0 } else { extract.size });
    assert!(unpacked <= 4 << 20, "{unpacked}");
    assert!(extract.children.len() < 50);
}

/// Wide and deep: sixteen archives in each of five layers, zeros at the bottom, as in 42.zip.
#[test]
fn archives_of_archives_stop_at_the_budget() {
    let mut layer = make::zip(&[("0.dll", &vec![0; 1 << 20])]);
    for _ in 0..5 {
        let names: Vec<String> = (0..16).map(|number| format!("lib {number:x}.zip")).collect();
        let members: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), layer.as_slice())).collect();
        layer = make::zip(&members);
    }
    let mut budget = small();
    budget.depth = 12;
    let extract = open("42.zip", &layer, &mut budget, &[]);
    let faults = extract.faults();
    assert!(faults.iter().any(|(_, fault)| *fault == DocumentError::Budget), "{faults:?}");
}

#[test]
fn text_stops_at_the_budget() {
    let extract = open("text", "é".repeat(2 << 20).as_bytes(), &mut small(), &[]);
    assert_eq!(extract.fault, Some(DocumentError::Budget));
    assert!(extract.segments[0].text.len() <= 1 << 20);
}

#[test]
fn entities_are_not_expanded() {
    let mut dtd = String::from("<?xml version=\"1.0\"?><!DOCTYPE l [<!ENTITY a0 \"ha\">");
    for level in 1..30 {
        dtd += &format!("<!ENTITY a{level} \"&a{0};&a{0};\">", level - 1);
    }
    dtd += "]><w:document><w:p><w:t>kept &a29;</w:t></w:p></w:document>";
    for bytes in
        [dtd.clone().into_bytes(), make::zip(&[("[Content_Types].xml", b""), ("word/document.xml", dtd.as_bytes())])]
    {
        let extract = read(&bytes);
        let text = make::all(&extract);
        assert!(text.contains("kept") && text.len() < 10_000);
    }
}

#[test]
fn forms_that_draw_each_other_end() {
    let mut document = make::pdf(&["/W Do"]);
    // Each form draws the next twice: 2^n without a bound.
    let mut next = None;
    for _ in 0..40 {
        let content = next.map_or("BT /F1 9 Tf (x) Tj ET", |_| "/N Do /N Do");
        let mut dictionary = lopdf::dictionary! { "Subtype" => "Form" };
        if let Some(next) = next {
            dictionary.set(
                "Resources",
                lopdf::dictionary! { "XObject" => lopdf::dictionary! { "N" => lopdf::Object::Reference(next) } },
            );
        }
        next = Some(document.add_object(lopdf::Stream::new(dictionary, content.as_bytes().to_vec())));
    }
    for object in document.objects.values_mut() {
        if let Ok(dictionary) = object.as_dict_mut()
            && dictionary.has(b"XObject")
            && dictionary.has(b"Font")
        {
            let first: lopdf::ObjectId = next.expect("a form");
            dictionary.set("XObject", lopdf::dictionary! { "W" => lopdf::Object::Reference(first) });
        }
    }
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("save");
    let extract = read(&bytes);
    assert!(make::all(&extract).len() < 1 << 20);
}

#[test]
fn pages_deep_in_the_tree_are_read() {
    let mut document = lopdf::Document::with_version("1.5");
    let page = |document: &mut lopdf::Document, text: &str| {
        let content = lopdf::Stream::new(lopdf::dictionary! {}, format!("BT /F1 9 Tf ({text}) Tj ET").into_bytes());
        let content = document.add_object(content);
        lopdf::Object::from(document.add_object(lopdf::dictionary! { "Type" => "Page", "Contents" => content }))
    };
    let mut node = page(&mut document, "in the deepest");
    for _ in 0..1_000 {
        let sibling = page(&mut document, "beside");
        let kids = lopdf::dictionary! { "Type" => "Pages", "Kids" => vec![node, sibling], "Count" => 2 };
        node = document.add_object(kids).into();
    }
    let catalog = document.add_object(lopdf::dictionary! { "Type" => "Catalog", "Pages" => node });
    document.trailer.set("Root", catalog);
    let mut bytes = Vec::new();
    document.save_to(&mut bytes).expect("save");
    assert!(make::all(&read(&bytes)).contains("in the deepest"));
}
