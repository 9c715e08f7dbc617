// SPDX-License-Identifier: EUPL-1.2
//! Workbooks for tests, written as office programs write them.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::{escape, letters_of};

/// A package of these parts.
pub fn package(parts: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    for (name, xml) in parts {
        zip.start_file(*name, options).unwrap();
        zip.write_all(xml.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// A workbook of one sheet whose texts are shared strings.
pub fn workbook(rows: &[Vec<String>]) -> Vec<u8> {
    let mut strings: Vec<&str> = Vec::new();
    let mut body = String::new();
    for (number, row) in (1..).zip(rows) {
        body.push_str(&format!("<row r=\"{number}\" spans=\"1:{}\">", row.len()));
        for (column, cell) in row.iter().enumerate() {
            let place = format!("{}{number}", letters_of(column));
            if cell.is_empty() {
            } else if cell.bytes().all(|b| b.is_ascii_digit()) && cell.len() < 10 {
                body.push_str(&format!("<c r=\"{place}\"><v>{cell}</v></c>"));
            } else {
                let index = strings.iter().position(|known| known == cell).unwrap_or_else(|| {
                    strings.push(cell);
                    strings.len() - 1
                });
                body.push_str(&format!("<c r=\"{place}\" t=\"s\"><v>{index}</v></c>"));
            }
        }
        body.push_str("</row>");
    }
    let width = letters_of(rows.iter().map(Vec::len).max().unwrap_or(1) - 1);
    let last = format!("{width}{}", rows.len());
    let shared: String = strings.iter().map(|text| format!("<si><t>{}</t></si>", escape(text))).collect();
    let count = strings.len();
    package(&[
        (
            "[Content_Types].xml",
            "<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Default Extension=\"xml\" ContentType=\"application/xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/><Override PartName=\"/xl/worksheets/sheet1.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/><Override PartName=\"/xl/sharedStrings.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml\"/></Types>",
        ),
        (
            "_rels/.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>",
        ),
        (
            "xl/workbook.xml",
            "<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets><sheet name=\"Liste\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>",
        ),
        (
            "xl/_rels/workbook.xml.rels",
            "<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"rId1\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet1.xml\"/><Relationship Id=\"rId2\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings\" Target=\"sharedStrings.xml\"/></Relationships>",
        ),
        (
            "xl/worksheets/sheet1.xml",
            &format!(
                "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><dimension ref=\"A1:{last}\"/><sheetData>{body}</sheetData><autoFilter ref=\"A1:{last}\"/></worksheet>"
            ),
        ),
        (
            "xl/sharedStrings.xml",
            &format!(
                "<sst xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" count=\"{count}\" uniqueCount=\"{count}\">{shared}</sst>"
            ),
        ),
    ])
}
