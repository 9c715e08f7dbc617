// SPDX-License-Identifier: EUPL-1.2
//! Small files that want to become large.

use octroi::document::{Budget, Fault, open};

use super::make::{self, read};

fn small() -> Budget {
    Budget { bytes: 4 << 20, depth: 6, files: 50, text: 1 << 20 }
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
        assert!(faults.iter().any(|(_, fault)| *fault == Fault::Budget), "{faults:?}");
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
        assert_eq!(extract.fault, Some(Fault::Budget));
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
    assert_eq!(faults[0].1, Fault::Budget);
}

#[test]
fn text_stops_at_the_budget() {
    let extract = open("text", "é".repeat(2 << 20).as_bytes(), &mut small(), &[]);
    assert_eq!(extract.fault, Some(Fault::Budget));
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
