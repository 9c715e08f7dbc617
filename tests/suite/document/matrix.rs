// SPDX-License-Identifier: EUPL-1.2
//! Every format × every place, on documents that LibreOffice, gcab, 7z and genisoimage wrote (`made/make` says how).
//! What `MATRIX` calls unread is asserted to be unread, so that the table cannot fall behind.

use std::path::PathBuf;

use octroi::document::Extract;

use super::make::read;

/// A file a paragraph: place, then the texts that stand there; `label` is a property; `inside` is the text of a file
/// inside; `unread` is text that is not found anywhere, and why.
const MATRIX: &str = "
letter.docx
    #body       in body | in insertion | in table
    #textbox    in textbox | in shape
    #deleted    in deletion
    #header     in header
    #footer     in footer
    #footnotes  in footnote
    #endnotes   in endnote
    #comment    in comment
    #link       https://in.link.example/
    #alt        in alt
    #metadata   in title | in subject | in description | in keyword
    label       MSIP_Label_9_Name = in custom

letter.odt
    #body       in body | in insertion | in table
    #textbox    in textbox | in shape
    #deleted    in deletion
    #header     in header
    #footer     in footer
    #footnotes  in footnote | in endnote
    #comment    in comment
    #link       https://in.link.example/
    #body       in alt
    unread      in hidden: the producer does not write it
    #metadata   in title | in subject | in description | in keyword
    label       MSIP_Label_9_Name = in custom

letter.doc
    #body       in body | in insertion | in table
    #other      in deletion
    #textbox    in textbox | in shape
    #header     in header | in footer
    #footnotes  in footnote
    #endnotes   in endnote
    #comment    in comment
    #metadata   in title | in subject | in description | in keyword
    label       MSIP_Label_9_Name = in custom

letter.rtf
    #body       in body | in insertion | in table
    #header     in header
    #footer     in footer
    #footnotes  in footnote | in endnote
    #comment    in comment
    #metadata   in title | in subject | in keyword

letter.pdf
    #page1      in body | in insertion | in deletion | in table | in footer | in footnote | in textbox | in shape
    #header     in header
    #page2      in endnote
    #comment    in comment
    #link       https://in.link.example/
    #metadata   in title | in subject | in keyword
    unread      in alt: the producer does not write it untagged

table.xlsx
    #sheets     in sheet name | in hidden name
    #sheet1     in cell | 185057800608436 | in cell in formula
    #sheet2     in hidden sheet
    #header     in header
    #footer     in footer
    #comment    in comment
    #textbox    in textbox
    #metadata   in title
    label       hidden-sheet = in hidden name
    label       MSIP_Label_9_Name = in custom

table.ods
    #sheets     in sheet name | in hidden name
    #sheet1     in cell | 185057800608436 | in cell in formula
    #sheet2     in hidden sheet
    #header     in header
    #footer     in footer
    #comment    in comment
    #textbox    in textbox
    #metadata   in title
    label       hidden-sheet = true
    label       MSIP_Label_9_Name = in custom

table.xls
    #body       in sheet name | in hidden name | in cell | 185057800608436 | in hidden sheet
    #body       in comment
    #other      in header | in footer | in textbox
    #metadata   in title
    label       MSIP_Label_9_Name = in custom
    unread      in cell in formula: the producer does not write it

slides.pptx
    #slide1     in textbox | in shape | in table
    #slide2     in hidden slide
    #notes1     in notes
    #comment    in comment
    #metadata   in title
    label       MSIP_Label_9_Name = in custom
    unread      in master: the producer does not write it
    unread      in alt: the producer does not write it

slides.odp
    #slide1     in textbox | in shape | in table
    #slide2     in hidden slide
    #notes1     in notes
    #comment    in comment
    #alt        in alt
    #metadata   in title
    label       MSIP_Label_9_Name = in custom
    unread      in master: the producer does not write it

slides.ppt.gz
    inside      in textbox | in shape | in table | in hidden slide | in notes | in title | in comment

files.cab
    inside      in archive | in last

files.7z
    inside      in archive

files.iso.gz
    inside      in archive | in last

plain.iso.gz
    inside      in archive | in last
";

#[test]
fn every_place_of_what_others_write() {
    let mut wrong = Vec::new();
    for paragraph in MATRIX.trim().split("\n\n") {
        let (file, rows) = paragraph.split_once('\n').expect("a file and its places");
        let extract = read(&made(file));
        let before = wrong.len();
        if !extract.faults().is_empty() {
            wrong.push(format!("{file}: {:?}", extract.faults()));
        }
        for row in rows.lines() {
            let (place, texts) = row.trim().split_once(' ').expect("a place and its texts");
            for text in texts.split(" | ") {
                if !holds(&extract, place, text.trim()) {
                    wrong.push(format!("{file} {place}: {}", text.trim()));
                }
            }
        }
        if wrong.len() > before {
            wrong.push(format!("{:#?}\n{:?}", told(&extract), extract.properties));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A document beside this file.
pub fn made(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/suite/document/made").join(file);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn holds(extract: &Extract, place: &str, text: &str) -> bool {
    match place {
        "label" => {
            let (name, value) = text.split_once(" = ").expect("name = value");
            extract.properties.iter().any(|(known, found)| known == name && found == value)
        }
        "inside" => told(extract).iter().any(|(path, told)| !path.is_empty() && told.contains(text)),
        "unread" => {
            let (text, _why) = text.split_once(": ").expect("what: why");
            !told(extract).iter().any(|(_, told)| told.contains(text))
        }
        place => extract.segments.iter().any(|segment| segment.place == place && segment.text.contains(text)),
    }
}

/// Every text with the path of its file and its place.
fn told(extract: &Extract) -> Vec<(String, String)> {
    let mut told = Vec::new();
    extract.walk("", &mut |path, extract| {
        told.extend(extract.segments.iter().map(|s| (path.to_owned() + &s.place, s.text.clone())));
    });
    told
}
