// SPDX-License-Identifier: EUPL-1.2
//! Small writers of documents.

use std::io::{Cursor, Write};

use lopdf::{Document, Object, Stream, dictionary};
use octroi::document::{Budget, Extract, open};
use zip::write::SimpleFileOptions;

pub fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    zip_with(members, SimpleFileOptions::default())
}

pub fn zip_with(members: &[(&str, &[u8])], options: SimpleFileOptions) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, options).expect("start");
        writer.write_all(content).expect("write");
    }
    writer.finish().expect("finish").into_inner()
}

fn paragraph(text: &str) -> String {
    // Broken over runs, as word processors do.
    let middle = text.floor_char_boundary(text.len() / 2);
    let (first, second) = text.split_at(middle);
    format!("<w:p><w:r><w:t>{first}</w:t></w:r><w:r><w:t xml:space=\"preserve\">{second}</w:t></w:r></w:p>")
}

pub fn docx() -> Vec<u8> {
    let textbox = format!("<w:p><w:r><w:txbxContent>{}</w:txbxContent></w:r></w:p>", paragraph("in textbox"));
    let body = format!(
        "<w:document><w:body>{}{textbox}<w:tbl><w:tr><w:tc>{}</w:tc></w:tr></w:tbl>\
         <w:p><w:del><w:r><w:delText>in deleted</w:delText></w:r></w:del></w:p>\
         <w:p><w:r><wp:docPr descr=\"in alt\"/></w:r></w:p></w:body></w:document>",
        paragraph("in body"),
        paragraph("in table")
    );
    let header = format!(
        "<w:hdr>{}<w:p><w:pict><v:shape><v:textpath string=\"in watermark\"/></v:shape></w:pict></w:p></w:hdr>",
        paragraph("in header")
    );
    let part = |element: &str, text: &str| format!("<w:{element}>{}</w:{element}>", paragraph(text));
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("word/document.xml", body.as_bytes()),
        ("word/header1.xml", header.as_bytes()),
        ("word/footer1.xml", part("ftr", "in footer").as_bytes()),
        ("word/footnotes.xml", part("footnotes", "in footnote").as_bytes()),
        ("word/endnotes.xml", part("endnotes", "in endnote").as_bytes()),
        ("word/comments.xml", part("comments", "in comment").as_bytes()),
        (
            "word/_rels/document.xml.rels",
            b"<Relationships><Relationship Target=\"https://link.example/x\" TargetMode=\"External\"/></Relationships>",
        ),
        ("word/embeddings/note.txt", b"in embedded"),
        ("docProps/core.xml", b"<cp:coreProperties><dc:title>in title</dc:title></cp:coreProperties>"),
        (
            "docProps/custom.xml",
            b"<Properties><property name=\"MSIP_Label_1_Name\"><vt:lpwstr>Secret</vt:lpwstr></property></Properties>",
        ),
        ("docMetadata/LabelInfo.xml", b"<clbl:labelList><clbl:label id=\"{2}\" enabled=\"1\"/></clbl:labelList>"),
    ])
}

pub fn xlsx() -> Vec<u8> {
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", b"<workbook><sheets><sheet name=\"Visible\" r:id=\"r1\"/><sheet name=\"Cach&#233;\" state=\"veryHidden\" r:id=\"r2\"/></sheets></workbook>"),
        ("xl/_rels/workbook.xml.rels", b"<Relationships><Relationship Id=\"r1\" Target=\"worksheets/sheet7.xml\"/><Relationship Id=\"r2\" Target=\"/xl/worksheets/sheet3.xml\"/></Relationships>"),
        ("xl/sharedStrings.xml", b"<sst><si><t>in sh</t><r><t>ared</t></r></si></sst>"),
        ("xl/worksheets/sheet7.xml", b"<worksheet><sheetData><row><c t=\"s\"><v>0</v></c><c><v>1.85057800608436E14</v></c></row></sheetData><headerFooter><oddHeader>&amp;C&amp;14in print header</oddHeader></headerFooter></worksheet>"),
        ("xl/worksheets/sheet3.xml", b"<worksheet><sheetData><row><c t=\"inlineStr\"><is><t>in inline</t></is></c></row></sheetData></worksheet>"),
        ("xl/comments1.xml", b"<comments><commentList><comment><text><r><t>in comment</t></r></text></comment></commentList></comments>"),
        ("xl/drawings/drawing1.xml", b"<xdr:wsDr><a:p><a:r><a:t>in shape</a:t></a:r></a:p></xdr:wsDr>"),
    ])
}

pub fn pptx() -> Vec<u8> {
    let wide: Vec<u8> =
        "\u{feff}<p:sld><a:p><a:t>in slide été</a:t></a:p></p:sld>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("ppt/presentation.xml", b"<p:presentation/>"),
        ("ppt/slides/slide2.xml", &wide),
        (
            "ppt/slides/_rels/slide2.xml.rels",
            b"<Relationships><Relationship Target=\"../notesSlides/notesSlide1.xml\"/></Relationships>",
        ),
        ("ppt/notesSlides/notesSlide1.xml", b"<p:notes><a:p><a:t>in notes</a:t></a:p></p:notes>"),
        ("ppt/slideMasters/slideMaster1.xml", b"<p:sldMaster><a:p><a:t>in master</a:t></a:p></p:sldMaster>"),
    ])
}

pub fn odf(kind: &str, content: &str) -> Vec<u8> {
    let mimetype = format!("application/vnd.oasis.opendocument.{kind}");
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    zip_with(
        &[
            ("mimetype", mimetype.as_bytes()),
            ("content.xml", content.as_bytes()),
            ("styles.xml", b"<s><style:header><text:p>in header</text:p></style:header><style:footer><text:p>in footer</text:p></style:footer></s>"),
            ("meta.xml", b"<office:meta><dc:title>in title</dc:title><meta:user-defined meta:name=\"Label\">in custom</meta:user-defined></office:meta>"),
        ],
        stored,
    )
}

pub fn odt() -> Vec<u8> {
    odf(
        "text",
        "<office:text><text:p>in<text:s text:c=\"1\"/><text:span>body</text:span><text:note><text:p>in note</text:p></text:note></text:p><draw:text-box><text:p>in textbox</text:p></draw:text-box><office:annotation><text:p>in comment</text:p></office:annotation></office:text>",
    )
}

pub fn ods() -> Vec<u8> {
    odf(
        "spreadsheet",
        "<office:spreadsheet><table:table table:name=\"Feuille\"><table:table-row><table:table-cell><text:p>a</text:p></table:table-cell><table:table-cell><text:p>b</text:p></table:table-cell></table:table-row></table:table></office:spreadsheet>",
    )
}

pub fn odp() -> Vec<u8> {
    odf(
        "presentation",
        "<office:presentation><draw:page><draw:text-box><text:p>in slide</text:p></draw:text-box><presentation:notes><text:p>in notes</text:p></presentation:notes></draw:page></office:presentation>",
    )
}

/// A document whose pages draw these content streams.
pub fn pdf(pages: &[&str]) -> Document {
    let mut document = Document::with_version("1.5");
    let tree = document.new_object_id();
    let font = document.add_object(dictionary! { "Type" => "Font", "Subtype" => "Type1", "BaseFont" => "Courier", "Encoding" => "WinAnsiEncoding" });
    let form =
        Stream::new(dictionary! { "Type" => "XObject", "Subtype" => "Form" }, b"BT /F1 12 Tf (in form) Tj ET".to_vec());
    let form = document.add_object(form);
    let note = document.add_object(
        dictionary! { "Type" => "Annot", "Subtype" => "Text", "Contents" => Object::string_literal("in annotation") },
    );
    let resources = document
        .add_object(dictionary! { "Font" => dictionary! { "F1" => font }, "XObject" => dictionary! { "W" => form } });
    let mut kids = Vec::new();
    for content in pages {
        let content = document.add_object(Stream::new(dictionary! {}, content.as_bytes().to_vec()));
        kids.push(Object::from(document.add_object(dictionary! {
            "Type" => "Page", "Parent" => tree, "Contents" => content, "Resources" => resources,
            "Annots" => vec![note.into()],
        })));
    }
    let count = kids.len() as i64;
    document.objects.insert(tree, dictionary! { "Type" => "Pages", "Kids" => kids, "Count" => count }.into());
    let file = document.add_object(Stream::new(dictionary! { "Type" => "EmbeddedFile" }, b"in embedded".to_vec()));
    document.add_object(dictionary! { "Type" => "Filespec", "F" => Object::string_literal("e.txt"), "EF" => dictionary! { "F" => file } });
    document.add_object(dictionary! { "FT" => "Tx", "V" => Object::string_literal("in field") });
    let xmp = b"<x:xmpmeta><rdf:Description><pdfx:MSIP_Label_3_Name>Secret</pdfx:MSIP_Label_3_Name></rdf:Description></x:xmpmeta>";
    let xmp = document.add_object(Stream::new(dictionary! { "Type" => "Metadata" }, xmp.to_vec()));
    let catalog = document.add_object(dictionary! { "Type" => "Catalog", "Pages" => tree, "Metadata" => xmp });
    let info = document.add_object(dictionary! { "Title" => Object::string_literal("in title") });
    document.trailer.set("Root", catalog);
    document.trailer.set("Info", info);
    document
}

pub fn pdf_bytes(pages: &[&str]) -> Vec<u8> {
    let mut bytes = Vec::new();
    pdf(pages).save_to(&mut bytes).expect("a PDF in memory");
    bytes
}

pub fn rtf() -> Vec<u8> {
    br"{\rtf1\ansi{\header in header\par}{\footer in footer\par}in b\'6fdy\par{\v in hidden}\par{\*\annotation in comment}{\footnote in note}}".to_vec()
}

pub fn tar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        builder.append_data(&mut header, name, *content).expect("append");
    }
    builder.into_inner().expect("finish")
}

pub fn gz(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(content).expect("write");
    encoder.finish().expect("finish")
}

pub fn sevenz(password: Option<&str>) -> Vec<u8> {
    let mut writer = sevenz_rust2::ArchiveWriter::new(Cursor::new(Vec::new())).expect("writer");
    if let Some(password) = password {
        let key = sevenz_rust2::encoder_options::AesEncoderOptions::new(password.into());
        writer.set_content_methods(vec![key.into(), sevenz_rust2::EncoderMethod::LZMA2.into()]);
    }
    writer.push_archive_entry(sevenz_rust2::ArchiveEntry::new_file("a.txt"), Some(&b"in archive"[..])).expect("push");
    writer.finish().expect("finish").into_inner()
}

pub fn read(bytes: &[u8]) -> Extract {
    open("file", bytes, &mut Budget::default(), &[])
}

pub fn read_with(bytes: &[u8], password: &str) -> Extract {
    open("file", bytes, &mut Budget::default(), &[password.to_owned()])
}

/// Text at a place, empty where there is none.
pub fn at<'a>(extract: &'a Extract, place: &str) -> &'a str {
    extract.segments.iter().find(|segment| segment.place == place).map_or("", |segment| segment.text.trim_end())
}

/// Every text of the file and of what is inside it.
pub fn all(extract: &Extract) -> String {
    let mut text = String::new();
    extract.walk("", &mut |_, extract| {
        extract.segments.iter().for_each(|segment| text += &segment.text);
    });
    text
}

/// An element of DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len() as u32;
    [&[tag, 0x84][..], &length.to_be_bytes(), content].concat()
}

const PKCS7: [u8; 8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07];

fn identifier(last: u8) -> Vec<u8> {
    [&[0x06, 9][..], &PKCS7, &[last]].concat()
}

/// A content signed so that it stands in clear (RFC 5652 §5), without a signer.
pub fn signed(content: &[u8]) -> Vec<u8> {
    let encapsulated = der(0x30, &[identifier(1), der(0xA0, &der(0x04, content))].concat());
    let data = der(0x30, &[vec![0x02, 1, 1], der(0x31, b""), encapsulated, der(0x31, b"")].concat());
    der(0x30, &[identifier(2), der(0xA0, &data)].concat())
}

/// Enveloped data (RFC 5652 §6): nobody opens it.
pub fn enveloped() -> Vec<u8> {
    der(0x30, &[identifier(3), der(0xA0, &der(0x30, &[0x02, 1, 0]))].concat())
}

/// A document of Pages: one archive of one literal.
pub fn iwork() -> Vec<u8> {
    let text = b"\x0a\x09in iwork\x00";
    let snappy = [&[text.len() as u8, (text.len() as u8 - 1) << 2][..], text].concat();
    let archive = [&[0, snappy.len() as u8, 0, 0][..], &snappy].concat();
    zip(&[
        ("Index/Document.iwa", &archive),
        ("Metadata/Properties.plist", b"bplist00\xd0"),
        ("preview.jpg", b"\xff\xd8\xff"),
    ])
}

/// A binary workbook: two shared strings in one row.
pub fn xlsb() -> Vec<u8> {
    let wide = |text: &str| {
        let units: Vec<u16> = text.encode_utf16().collect();
        [(units.len() as u32).to_le_bytes().to_vec(), units.iter().flat_map(|u| u.to_le_bytes()).collect()].concat()
    };
    let record = |id: u8, data: &[u8]| [&[id, data.len() as u8][..], data].concat();
    let item = |text: &str| record(19, &[vec![0], wide(text)].concat());
    let strings = [item("in first"), item("in last"), vec![0xA0, 0x01, 0]].concat();
    let cell = |index: u8| record(7, &[&[0; 8][..], &[index, 0, 0, 0]].concat());
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.bin", b""),
        ("xl/sharedStrings.bin", &strings),
        ("xl/worksheets/sheet1.bin", &[record(0, &[0; 8]), cell(0), cell(1)].concat()),
    ])
}

/// A compound file with these streams.
pub fn compound(streams: &[(&str, &[u8])]) -> Vec<u8> {
    let mut file = cfb::CompoundFile::create(Cursor::new(Vec::new())).expect("create");
    for (name, content) in streams {
        if let Some((storage, _)) = name.trim_start_matches('/').rsplit_once('/') {
            file.create_storage_all(format!("/{storage}")).expect("storage");
        }
        file.create_stream(name).expect("stream").write_all(content).expect("write");
    }
    file.into_inner().into_inner()
}
