// SPDX-License-Identifier: EUPL-1.2
//! Format × place: what stands where is told so.

use super::make::{self, at, read};

/// A kind, a document, and the text expected at each place.
type Row = (&'static str, Vec<u8>, &'static [(&'static str, &'static str)]);

#[test]
fn every_place_of_every_format() {
    let pdf =
        make::pdf_bytes(&["BT /F1 12 Tf 50 700 Td (in) Tj 0 -14 Td (page) Tj ET /W Do", "BT /F1 12 Tf (two) Tj ET"]);
    let rows: &[Row] = &[
        ("docx", make::docx(), &[
            ("#body", "in body\nin table"), ("#textbox", "in textbox"), ("#deleted", "in deleted"), ("#alt", "in alt"),
            ("#header", "in header\nin watermark"), ("#footer", "in footer"), ("#footnotes", "in footnote"),
            ("#endnotes", "in endnote"), ("#comment", "in comment"), ("#link", "https://link.example/x"),
            ("#metadata", "in title"),
        ]),
        ("xlsx", make::xlsx(), &[
            ("#sheets", "Visible\nCaché"), ("#sheet1", "in shared\t185057800608436"), ("#sheet2", "in inline"),
            ("#header", "in print header"), ("#comment", "in comment"), ("#textbox", "in shape"),
        ]),
        ("pptx", make::pptx(), &[("#slide2", "in slide été"), ("#notes2", "in notes"), ("#master", "in master")]),
        ("odt", make::odt(), &[
            ("#body", "in body"), ("#footnotes", "in note"), ("#textbox", "in textbox"), ("#comment", "in comment"),
            ("#header", "in header"), ("#footer", "in footer"), ("#metadata", "in title\nin custom"),
        ]),
        ("ods", make::ods(), &[("#sheets", "Feuille"), ("#sheet1", "a\tb")]),
        ("odp", make::odp(), &[("#slide1", "in slide"), ("#notes1", "in notes")]),
        ("pdf", pdf, &[
            ("#page1", "in\npage"), ("#footer", "in form"), ("#page2", "two"), ("#form", "in field"), ("#metadata", "in title"),
            ("#comment", "in annotation\nin annotation"),
        ]),
        ("rtf", make::rtf(), &[
            ("#body", "in body\nin hidden"), ("#header", "in header"), ("#footer", "in footer"),
            ("#comment", "in comment"), ("#footnotes", "in note"),
        ]),
        ("csv", b"nom;ville\nDup\xE9;Li\xE8ge\n".to_vec(), &[("#body", "nom;ville\nDupé;Liège")]),
        ("ics", b"BEGIN:VCALENDAR\r\nSUMMARY:in sum\r\n mary\r\n".to_vec(), &[("#body", "VCALENDAR\nin summary")]),
        ("gif", b"GIF8 in text\n".to_vec(), &[("#body", "GIF8 in text")]),
        ("html", b"<html><body>in body<!-- in comment --></body></html>".to_vec(), &[("#body", "in body"), ("#hidden", "in comment")]),
        ("eml", b"From: a@b.example\r\nTo: c@d.example\r\nSubject: =?utf-8?Q?=C3=A9t=C3=A9?=\r\nMIME-Version: 1.0\r\n\r\nin body\r\n".to_vec(), &[
            ("/subject", "été"), ("/body", "in body"), ("/header:To", "c@d.example"),
        ]),
        // The closings of the mail's own reader: a boundary folded after its equals sign, an odd encoding.
        ("eml", b"From: a@b.example\r\nTo: c@d.example\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\r\n \"x\"\r\n\r\n--x\r\nContent-Transfer-Encoding: \"base64\"\r\n\r\naW4gYm9keQ==\r\n--x--\r\n".to_vec(), &[
            ("/body", "in body"),
        ]),
    ];
    for (kind, bytes, places) in rows {
        let extract = read(bytes);
        assert_eq!(extract.kind, *kind);
        assert_eq!(extract.fault, None, "{kind}");
        for (place, text) in *places {
            assert_eq!(at(&extract, place), *text, "{kind}{place} in {extract:#?}");
        }
    }
}

#[test]
fn labels_and_hidden_sheets_are_properties() {
    let has = |bytes: &[u8], name: &str, value: &str| {
        let extract = read(bytes);
        assert!(extract.properties.contains(&(name.into(), value.into())), "{name} in {:?}", extract.properties);
    };
    has(&make::docx(), "MSIP_Label_1_Name", "Secret");
    has(&make::docx(), "MSIP_Label_2_Enabled", "true");
    has(&make::docx(), "title", "in title");
    has(&make::xlsx(), "hidden-sheet", "Caché");
    has(&make::odt(), "Label", "in custom");
    has(&make::pdf_bytes(&["BT ET"]), "MSIP_Label_3_Name", "Secret");
}

#[test]
fn files_inside_documents_are_children() {
    for bytes in [make::docx(), make::pdf_bytes(&["BT ET"])] {
        let extract = read(&bytes);
        let child = extract.children.first().expect("a child");
        assert_eq!((child.kind.as_str(), at(child, "#body")), ("txt", "in embedded"));
    }
}

/// Word 97 writes a table as one run of cells.
#[test]
fn rows_of_an_old_document_are_lines() {
    let extract = read(&super::matrix::made("rows.doc"));
    let body: Vec<&str> = at(&extract, "#body").lines().filter(|line| !line.trim().is_empty()).collect();
    let expected = [
        "avant le tableau",
        "Niveau\tDIFFUSION RESTREINTE",
        "Auteur",
        "une ligne",
        "et une autre",
        "en page",
        "entre\tdeux\ttableaux",
        "haut\tun\tdeux",
        "trois\tquatre",
        "après",
    ];
    assert_eq!(body.iter().map(|line| line.trim()).collect::<Vec<_>>(), expected);
}
