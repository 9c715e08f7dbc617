// SPDX-License-Identifier: EUPL-1.2
//! PDF as people see it: columns, margins, fonts of many makers, places beside the page, and what cannot be told.

use std::fmt::Write as _;
use std::io::Write as _;

use octroi::document::{DocumentError, Extract};

use super::make::{all, at, read};

/// A file of these objects, numbered from 1; the first is the catalogue, the third the page's resources. There is no
/// table of objects: readers find them.
pub fn raw(objects: &[&[u8]]) -> Vec<u8> {
    let mut file = b"%PDF-1.7\n".to_vec();
    for (n, object) in objects.iter().enumerate() {
        file.extend(format!("{} 0 obj\n", n + 1).bytes());
        file.extend(*object);
        file.extend(b"\nendobj\n");
    }
    file.extend(b"trailer\n<< /Root 1 0 R >>\n%%EOF\n");
    file
}

/// A stream with these entries.
pub fn stream(entries: &str, content: &[u8]) -> Vec<u8> {
    let head = format!("<< {entries} /Length {} >>\nstream\n", content.len());
    [head.as_bytes(), content, b"\nendstream"].concat()
}

/// One page of A4: its content, what else stands in its dictionary, its resources, and further objects from 5 on.
pub fn page(content: &[u8], entries: &str, resources: &str, more: &[&[u8]]) -> Vec<u8> {
    let page = format!(
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << {resources} >> {entries} >>"
    );
    let content = stream("", content);
    let mut objects: Vec<&[u8]> = vec![
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        page.as_bytes(),
        &content,
    ];
    objects.extend(more);
    raw(&objects)
}

const HELVETICA: &str =
    "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >> >>";

#[test]
fn columns_are_parted_and_margins_are_margins() {
    let mut content = String::from("BT /F 10 Tf 1 0 0 1 50 30 Tm (Ref. 2026-114/SG) Tj 1 0 0 1 230 30 Tm ");
    content += "[(DIFFU) -10 (SION) -300 (RESTREINTE)] TJ 1 0 0 1 480 30 Tm (Page 1 sur 3) Tj ";
    content += "1 0 0 1 50 800 Tm (Cabinet) Tj 1 0 0 1 480 800 Tm (le 2 mars) Tj ";
    for line in 0..40 {
        write!(content, "1 0 0 1 50 {} Tm (ligne {line} du texte) Tj ", 700 - line * 14).expect("memory");
    }
    let extract = read(&page((content + "ET").as_bytes(), "", HELVETICA, &[]));
    assert_eq!(at(&extract, "#footer"), "Ref. 2026-114/SG\tDIFFUSION RESTREINTE\tPage 1 sur 3");
    assert_eq!(at(&extract, "#header"), "Cabinet\tle 2 mars");
    assert!(at(&extract, "#page1").starts_with("ligne 0 du texte\nligne 1 du texte\n"), "{extract:?}");
    assert_eq!(extract.fault, None);
}

/// A character map: its head, its ranges of codes, its letters.
fn map(head: &str, codes: &str, letters: &str) -> Vec<u8> {
    let map = format!(
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap {head} /CMapType 2 def 1 begincodespacerange \
         {codes} endcodespacerange {letters} endcmap end end"
    );
    stream("", map.as_bytes())
}

#[test]
fn fonts_of_many_makers_are_read() {
    let simple = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /ABCDEF+Any /ToUnicode 5 0 R \
                  /Encoding << /Differences [1 /uni0053 /E /C /R /T] >> >> >>";
    let composite = "/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H /ToUnicode 5 0 R \
                     /DescendantFonts [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /CIDSystemInfo \
                     << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >> >>] >> >>";
    let letters = "5 beginbfchar <01> <0053> <02> <0045> <03> <0043> <04> <0052> <05> <0054> endbfchar";
    let wide = "5 beginbfchar <0001> <0053> <0002> <0045> <0003> <0043> <0004> <0052> <0005> <0054> endbfchar";
    let rows: &[(&str, &str, Vec<u8>, &str)] = &[
        ("one byte a code, two said (Adobe)", simple, map("", "<0000> <FFFF>", letters), "<010203040205>"),
        (
            "a map of one letter beside an encoding (TeX)",
            simple,
            map("", "<00> <FF>", "1 beginbfchar <03> <0043> endbfchar"),
            "<010203040205>",
        ),
        ("no map at all, names of letters", simple, b"null".to_vec(), "<010203040205>"),
        ("two bytes a code", composite, map("", "<0000> <FFFF>", wide), "<000100020003000400020005>"),
        (
            "odd grammar (InDesign)",
            composite,
            map("CIDSystemInfo << /Registry (A) >> def /CMapName //usr/x def", "<0000> <FFFF>", wide),
            "<000100020003000400020005>",
        ),
    ];
    for (what, resources, map, codes) in rows {
        let content = format!("BT /F 10 Tf 50 400 Td {codes} Tj ET");
        let extract = read(&page(content.as_bytes(), "", resources, &[map]));
        assert_eq!((at(&extract, "#page1"), extract.fault), ("SECRET", None), "{what}");
    }
}

/// Bold without a bold font: a word, or each of its letters, drawn a second time a little beside.
#[test]
fn what_is_drawn_twice_is_read_once() {
    let font = "/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>";
    let rows = [
        ("(conseil) Tj 0.3 0 Td (conseil) Tj", "conseil"),
        ("(Oui !) Tj 0.25 0 Td (Oui !) Tj", "Oui !"),
        ("(SECRET I) Tj 0.3 0 Td (SECRET I) Tj 0.3 0 Td (SECRET I) Tj", "SECRET I"),
        ("(i) Tj 0.3 0 Td (i) Tj 1.92 0 Td (l) Tj 0.3 0 Td (l) Tj", "il"),
        // Letters that are there twice.
        ("(villa) Tj", "villa"),
        ("(l) Tj 2.22 0 Td (l) Tj 2.22 0 Td (l) Tj", "lll"),
    ];
    for (drawn, expected) in rows {
        let content = format!("BT /F 10 Tf 50 400 Td {drawn} ET");
        assert_eq!(at(&read(&page(content.as_bytes(), "", font, &[])), "#page1"), expected, "{drawn}");
    }
}

#[test]
fn letters_that_nobody_can_tell_are_said_to_be_unread() {
    let font = "/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /Identity-H /DescendantFonts \
                [<< /Type /Font /Subtype /CIDFontType2 /BaseFont /Any /CIDSystemInfo << /Registry (Adobe) \
                /Ordering (Identity) /Supplement 0 >> >>] >> >>";
    let codes: String = (1..120).fold(String::new(), |codes, code| codes + &format!("{:04X}", 3 + code % 40));
    let content = format!("BT /F 10 Tf 50 400 Td <{codes}> Tj ET");
    let extract = read(&page(content.as_bytes(), "", font, &[]));
    assert_eq!((extract.fault, all(&extract).trim()), (Some(DocumentError::Unread), ""));
    // A drawing with two symbols in it is no such thing.
    let extract = read(&page(b"BT /F 10 Tf 50 400 Td <00030004> Tj ET", "", font, &[]));
    assert_eq!(extract.fault, None);
}

#[test]
fn numbers_of_registered_collections_are_letters() {
    let rows = [
        ("UniJIS-UTF16-H", "Japan1", "6A5F5BC6", "機密"),
        ("90ms-RKSJ-H", "Japan1", "8B4096A7", "機密"),
        ("GBK-EUC-H", "GB1", "BBFAC3DC", "机密"),
        ("KSCms-UHC-H", "Korea1", "B1E2B9D0", "기밀"),
        ("Identity-H", "Japan1", "003400260024003300260035", "SECRET"),
    ];
    for (encoding, ordering, codes, expected) in rows {
        let font = format!(
            "/Font << /F << /Type /Font /Subtype /Type0 /BaseFont /Any /Encoding /{encoding} /DescendantFonts [<< \
             /Type /Font /Subtype /CIDFontType0 /BaseFont /Any /CIDSystemInfo << /Registry (Adobe) \
             /Ordering ({ordering}) /Supplement 2 >> >>] >> >>"
        );
        let content = format!("BT /F 10 Tf 50 400 Td <{codes}> Tj ET");
        let extract = read(&page(content.as_bytes(), "", &font, &[]));
        assert_eq!((at(&extract, "#page1"), extract.fault), (expected, None), "{encoding}");
    }
}

#[test]
fn a_map_that_lies_is_said_to_be_unread() {
    // What the page shows is French; what its font says is each letter's neighbour in the alphabet.
    let line = "Mf qsftfou epdvnfou efdsju mft fubqft ev nbsdif fu mft efmbjt ef mjwsbjtpo qpvs mb sfhjpo";
    let lines: String = (0..8).map(|n| format!("1 0 0 1 50 {} Tm ({line}) Tj ", 700 - n * 14)).collect();
    let extract = read(&page(format!("BT /F 10 Tf {lines} ET").as_bytes(), "", HELVETICA, &[]));
    assert_eq!(extract.fault, Some(DocumentError::Unread));
}

#[test]
fn noise_and_layers_hide_nothing() {
    for noise in [")", ">", "]", "}", "1.2.3 --4 x", "/P << /MCID 0 >> BDC", "/OC /Hidden BDC", "3 Tr"] {
        let content = format!("BT /F 10 Tf 50 400 Td {noise} (in page) Tj ET");
        assert_eq!(at(&read(&page(content.as_bytes(), "", HELVETICA, &[])), "#page1"), "in page", "{noise}");
    }
    let replaced = b"BT /F 10 Tf 50 400 Td /Span << /ActualText (in stead) >> BDC (x) Tj EMC ET";
    assert_eq!(at(&read(&page(replaced, "", HELVETICA, &[])), "#hidden"), "in stead");
}

#[test]
fn what_stands_beside_the_page_is_read() {
    let catalog = b"<< /Type /Catalog /Pages 2 0 R /AcroForm << /Fields [] /XFA [(template) 6 0 R] >> \
                    /Outlines << /First << /Title (in bookmark) >> >> >>";
    let leaf = format!(
        "<< /Type /Page /Parent 2 0 R /Contents 4 0 R /Resources << {HELVETICA} >> /Annots [ \
         << /Subtype /Stamp /AS /On /AP << /N << /On 5 0 R >> >> >> \
         << /Subtype /Widget /FT /Ch /V (chosen) /Opt [[(a) (first choice)] (second choice)] >> ] >>"
    );
    let stamp = stream(&format!("/Subtype /Form /Resources << {HELVETICA} >>"), b"BT /F 10 Tf (in stamp) Tj ET");
    let form = stream("", b"<template><draw><value><text>in dynamic form</text></value></draw></template>");
    let content = stream("", b"");
    let extract =
        read(&raw(&[catalog, b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>", leaf.as_bytes(), &content, &stamp, &form]));
    assert_eq!(at(&extract, "#comment"), "in stamp");
    assert_eq!(at(&extract, "#outline"), "in bookmark");
    let form = at(&extract, "#form");
    for text in ["chosen", "first choice", "second choice", "in dynamic form"] {
        assert!(form.contains(text), "{text} in {form}");
    }
}

fn packed(size: usize) -> Vec<u8> {
    let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    let zeros = vec![b' '; 1 << 20];
    (0..size >> 20).for_each(|_| packer.write_all(&zeros).expect("memory"));
    packer.finish().expect("memory")
}

#[test]
fn streams_that_grow_without_end_are_stopped() {
    let bomb = stream("/Filter /FlateDecode", &packed(100 << 20));
    let pages = raw(&[
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /Contents 4 0 R >>",
        &bomb,
    ]);
    let objects = stream("/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode", &packed(100 << 20));
    let hidden = raw(&[b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] >>", &objects]);
    for file in [pages, hidden] {
        let fault = read(&file).fault;
        assert_eq!(fault, Some(DocumentError::Budget), "{} bytes", file.len());
    }
}

/// What the picture of a page looks like: its size and its points.
fn picture(extract: &Extract) -> (usize, usize, Vec<u8>) {
    let [picture] = extract.pictures.as_slice() else { panic!("one picture in {extract:?}") };
    let head: Vec<&[u8]> = picture.content.splitn(4, |byte| *byte == b'\n').collect();
    assert_eq!((head[0], head[2]), (b"P5".as_slice(), b"255".as_slice()));
    let size = String::from_utf8_lossy(head[1]).into_owned();
    let (width, height) = size.split_once(' ').expect("two numbers");
    (width.parse().expect("a number"), height.parse().expect("a number"), head[3].to_vec())
}

#[test]
fn pages_that_are_pictures_are_handed_out_upright() {
    // 400 by 500 points, the upper left quarter dark, packed in every way.
    let dark = |x: usize, y: usize| x < 200 && y < 250;
    let points = |of: &dyn Fn(usize, usize) -> u8, step: usize| -> Vec<u8> {
        (0..500).flat_map(|y| (0..400).step_by(step).map(move |x| (x, y))).map(|(x, y)| of(x, y)).collect()
    };
    let grey = points(&|x, y| if dark(x, y) { 0 } else { 255 }, 1);
    let bits = points(&|x, y| if dark(x, y) { 0 } else { 0xFF }, 8);
    let four = points(&|x, y| if dark(x, y) { 0x22 } else { 0x11 }, 2);
    let zip = |bytes: &[u8]| {
        let mut packer = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).expect("memory");
        packer.finish().expect("memory")
    };
    let hexadecimal = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() + ">";
    let size = "/Subtype /Image /Width 400 /Height 500";
    let whole = "q 595 0 0 842 0 0 cm /P Do Q";
    let strips: String = (0..50)
        .map(|strip| format!("q 595 0 0 16.84 0 {} cm /P{strip} Do Q ", 842.0 - 16.84 * (strip + 1) as f32))
        .collect();
    let stripped: Vec<Vec<u8>> = (0..50)
        .map(|strip| {
            let entries = "/Subtype /Image /Width 400 /Height 10 /BitsPerComponent 8 /ColorSpace /DeviceGray";
            stream(entries, &grey[strip * 4_000..(strip + 1) * 4_000])
        })
        .collect();
    let mut names = String::new();
    (0..50).for_each(|strip| write!(names, "/P{strip} {} 0 R ", strip + 5).expect("memory"));
    let inline = [
        b"q 595 0 0 842 0 0 cm BI /W 400 /H 500 /BPC 8 /CS /G /F /AHx ID ".as_slice(),
        hexadecimal(&grey).as_bytes(),
        b" EI Q",
    ]
    .concat();
    let one = "/P 5 0 R ".to_owned();
    let chain = stream(
        &format!("{size} /BitsPerComponent 8 /ColorSpace /DeviceGray /Filter [/ASCIIHexDecode /FlateDecode]"),
        hexadecimal(&zip(&grey)).as_bytes(),
    );
    let plain = stream(&format!("{size} /BitsPerComponent 8 /ColorSpace /DeviceGray"), &grey);
    let bit = stream(&format!("{size} /BitsPerComponent 1 /ColorSpace /DeviceGray"), &bits);
    let mask = stream(&format!("{size} /BitsPerComponent 1 /ImageMask true"), &bits);
    let indexed =
        stream(&format!("{size} /BitsPerComponent 4 /ColorSpace [/Indexed /DeviceRGB 2 <808080ffffff000000>]"), &four);
    type Row<'a> = (&'a str, Vec<u8>, &'a str, String, Vec<Vec<u8>>, [u8; 4]);
    let rows: Vec<Row<'_>> = vec![
        ("grey", whole.into(), "", one.clone(), vec![plain.clone()], [0, 255, 255, 255]),
        ("a chain of filters", whole.into(), "", one.clone(), vec![chain], [0, 255, 255, 255]),
        ("one bit", whole.into(), "", one.clone(), vec![bit], [0, 255, 255, 255]),
        ("a mask", whole.into(), "", one.clone(), vec![mask], [0, 255, 255, 255]),
        ("indexed, four bits", whole.into(), "", one.clone(), vec![indexed], [0, 255, 255, 255]),
        ("in the content", inline, "", String::new(), vec![], [0, 255, 255, 255]),
        ("in fifty strips", strips.into(), "", names, stripped, [0, 255, 255, 255]),
        ("a page turned right", whole.into(), "/Rotate 90", one.clone(), vec![plain.clone()], [255, 0, 255, 255]),
        ("a page turned around", whole.into(), "/Rotate 180", one.clone(), vec![plain.clone()], [255, 255, 255, 0]),
        ("drawn upside down", "q -595 0 0 -842 595 842 cm /P Do Q".into(), "", one, vec![plain], [255, 255, 255, 0]),
    ];
    for (what, content, entries, names, more, quarters) in rows {
        // A number stamped on a scan is no reason to leave it unread.
        let content = [content.as_slice(), b" BT /F 8 Tf 500 20 Td (Page 1) Tj ET"].concat();
        let resources = format!("{HELVETICA} /XObject << {names} >>");
        let more: Vec<&[u8]> = more.iter().map(Vec::as_slice).collect();
        let extract = read(&page(&content, entries, &resources, &more));
        assert!(all(&extract).contains("Page 1"), "{what}");
        let (width, height, points) = picture(&extract);
        let quarter = |x: usize, y: usize| points[height * y / 4 * width + width * x / 4];
        assert_eq!([quarter(1, 1), quarter(3, 1), quarter(1, 3), quarter(3, 3)], quarters, "{what}");
    }
}

#[test]
fn a_page_of_text_on_a_picture_is_no_scan() {
    let size = "/Subtype /Image /Width 40 /Height 50 /BitsPerComponent 8 /ColorSpace /DeviceGray";
    let plain = stream(size, &[200; 2_000]);
    let resources = format!("{HELVETICA} /XObject << /P 5 0 R >>");
    let content = b"q 595 0 0 842 0 0 cm /P Do Q BT /F 8 Tf 500 400 Td (a) Tj ET";
    // Too coarse for letters: nothing to read.
    let extract = read(&page(content, "", &resources, &[&plain]));
    assert_eq!((extract.pictures.len(), extract.fault), (0, None));
    // What cannot be decoded was not read.
    let rare = stream("/Subtype /Image /Width 800 /Height 1000 /Filter /JBIG2Decode", b"no such thing");
    let extract = read(&page(content, "", &resources, &[&rare]));
    assert_eq!((extract.pictures.len(), extract.fault), (0, Some(DocumentError::Unread)));
    let text = "un texte assez long pour une page ".repeat(12);
    let content = format!("q 595 0 0 842 0 0 cm /P Do Q BT /F 8 Tf 20 400 Td ({text}) Tj ET");
    let extract = read(&page(content.as_bytes(), "", &resources, &[&rare]));
    assert_eq!((extract.pictures.len(), extract.fault), (0, None));
}
