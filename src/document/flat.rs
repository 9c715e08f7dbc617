// SPDX-License-Identifier: EUPL-1.2
//! Office documents in one file of XML: Word 2003, flat OPC (ECMA-376 part 2 as Word saves it), SpreadsheetML 2003, flat
//! OpenDocument. The namespace of the root tells, whatever the name says.

use super::opening::Opening;
use super::paragraphs::{self, Pages};
use super::xml::Node;
use super::{DocumentError, odf, ooxml, sheet, xml};
use crate::mime::transfer::lenient_base64;

/// What a document of XML is; `None` where it is none of these.
pub(super) fn read(text: &str, opening: &mut Opening<'_>) -> Option<Result<(), DocumentError>> {
    let head = text.get(..text.floor_char_boundary(8_192)).unwrap_or(text);
    let has = |namespace: &str| head.contains(namespace);
    let outcome = if has("schemas.microsoft.com/office/2006/xmlPackage") {
        package(text, opening)
    } else if has("schemas.microsoft.com/office/word/2003/wordml") {
        let mut pages = Pages::new();
        let outcome = paragraphs::read(text, "#body", &mut pages);
        pages.write(opening).and(outcome).and(pictures(text, "binData", opening))
    } else if has("urn:schemas-microsoft-com:office:spreadsheet") {
        workbook(text, opening)
    } else if has("urn:oasis:names:tc:opendocument:xmlns:office") || has("openoffice.org/2000/office") {
        odf::flat(text, opening).and(pictures(text, "binary-data", opening))
    } else {
        return None;
    };
    Some(outcome)
}

/// The parts of a package, each in an element of its own.
fn package(text: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut pages = Pages::new();
    let mut outcome = Ok(());
    for part in text.split("<pkg:part ").skip(1) {
        let (head, inner) = part.split_once('>').unwrap_or((part, ""));
        let name = head.split_once("pkg:name=\"").and_then(|(_, rest)| rest.split('"').next()).unwrap_or_default();
        let name = name.trim_start_matches('/');
        if let Some((_, data)) = inner.split_once("<pkg:binaryData>") {
            let data = data.split('<').next().unwrap_or_default();
            opening.paid_child(name, &lenient_base64(data.as_bytes()))?;
        } else if let Some(place) = ooxml::place(name) {
            outcome = outcome.and(paragraphs::read(inner, &place, &mut pages));
        }
    }
    pages.write(opening)?;
    // A part's own end is not the end of the document it was cut from.
    outcome.or(Ok(()))
}

/// SpreadsheetML 2003: rows of cells, headers in attributes.
fn workbook(text: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut pages = Pages::new();
    let (mut row, mut sheets, mut place) = (String::new(), 0, "#body".to_owned());
    let (mut in_data, mut in_comment) = (false, false);
    let outcome = xml::walk(text, &mut |node| match node {
        Node::Start(element) => match element.name {
            "Worksheet" => {
                sheets += 1;
                place = format!("#sheet{sheets}");
                pages.line("#sheets", &element.attribute("Name").unwrap_or_default());
            }
            "Header" | "Footer" => {
                let codes = element.attribute("Data").unwrap_or_default();
                let place = if element.name == "Header" { "#header" } else { "#footer" };
                pages.line(place, &sheet::print_text(&codes));
            }
            "Data" => in_data = true,
            "Comment" => in_comment = true,
            _ => {}
        },
        Node::Text(text) if in_comment => pages.line("#comment", text),
        Node::Text(text) if in_data => row.push_str(text),
        Node::Text(text) if !text.trim().is_empty() => pages.line("#other", text.trim()),
        Node::Text(_) => {}
        Node::End(name) => match name {
            "Data" => in_data = false,
            "Comment" => in_comment = false,
            "Cell" => row.push('\t'),
            "Row" => {
                pages.line(&place, row.trim_end());
                row.clear();
            }
            _ => {}
        },
    });
    pages.write(opening).and(outcome)
}

/// Pictures and objects inside, in base64.
fn pictures(text: &str, element: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut found = Vec::new();
    let mut data: Option<String> = None;
    let _ = xml::walk(text, &mut |node| match node {
        Node::Start(start) if start.name == element => data = Some(String::new()),
        Node::Text(text) => data.iter_mut().for_each(|data| data.push_str(text)),
        Node::End(name) if name == element => found.extend(data.take()),
        _ => {}
    });
    for (n, data) in found.into_iter().enumerate() {
        opening.room_for_a_file()?;
        opening.paid_child(&format!("object{}", n + 1), &lenient_base64(data.as_bytes()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    #[test]
    fn each_kind_joins_what_its_program_joins() {
        let rows = [
            (
                "<?xml version='1.0'?><w:wordDocument xmlns:w='http://schemas.microsoft.com/office/word/2003/wordml'><w:p><w:r><w:t>DIFF</w:t></w:r><w:r><w:t>USION</w:t></w:r></w:p></w:wordDocument>",
                "#body",
                "DIFFUSION\n",
            ),
            (
                "<pkg:package xmlns:pkg='http://schemas.microsoft.com/office/2006/xmlPackage'><pkg:part pkg:name=\"/word/header1.xml\"><pkg:xmlData><w:hdr><w:p><w:t>DIFF</w:t><w:t>USION</w:t></w:p></w:hdr></pkg:xmlData></pkg:part></pkg:package>",
                "#header",
                "DIFFUSION\n",
            ),
            (
                "<Workbook xmlns='urn:schemas-microsoft-com:office:spreadsheet'><Worksheet><Table><Row><Cell><Data>a</Data></Cell><Cell><Data>b</Data></Cell></Row></Table><Header x:Data='&amp;CDIFFUSION'/></Worksheet></Workbook>",
                "#header",
                "DIFFUSION\n",
            ),
            (
                "<office:document xmlns:office='urn:oasis:names:tc:opendocument:xmlns:office:1.0'><office:body><text:p>DIFF<text:span>USION</text:span></text:p></office:body></office:document>",
                "#body",
                "DIFFUSION\n",
            ),
        ];
        for (xml, place, text) in rows {
            let (extract, outcome) = read_alone("xml", b"", |opening| read(xml, opening).expect("known"));
            assert_eq!(outcome, Ok(()), "{xml}");
            let found = extract.segments.iter().find(|s| s.place == place).map(|s| s.text.as_str());
            assert_eq!(found, Some(text), "{xml}");
        }
    }
}
