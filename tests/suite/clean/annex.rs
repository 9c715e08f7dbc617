// SPDX-License-Identifier: EUPL-1.2
//! What is attached to ordinary mail, made as office programs make it.

use std::io::{Cursor, Write};

use zip::write::SimpleFileOptions;

/// One attachment.
pub struct Annex {
    pub name: String,
    pub kind: &'static str,
    pub content: Vec<u8>,
}

/// An annex of that kind, about that subject.
pub fn annex(kind: &str, subject: &str, number: u64) -> Annex {
    let name = |stem: &str, end: &str| format!("{stem}_{number}.{end}");
    match kind {
        "pdf" => Annex { name: name("Courrier", "pdf"), kind: "application/pdf", content: pdf(subject) },
        "docx" => Annex {
            name: name("Formulaire", "docx"),
            kind: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            content: docx(subject),
        },
        "odt" => Annex {
            name: name("modele", "odt"),
            kind: "application/vnd.oasis.opendocument.text",
            content: odt(subject),
        },
        "xlsx" => Annex {
            name: name("suivi", "xlsx"),
            kind: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            content: xlsx(),
        },
        "csv" => Annex { name: name("releve", "csv"), kind: "text/csv", content: csv(number) },
        "png" => Annex { name: name("image", "png"), kind: "image/png", content: PNG.to_vec() },
        "ics" => Annex { name: "invitation.ics".into(), kind: "text/calendar", content: ics(subject, number) },
        "vcf" => Annex { name: "contact.vcf".into(), kind: "text/vcard", content: VCF.into() },
        "zip" => Annex {
            name: name("photos", "zip"),
            kind: "application/zip",
            content: zip(&[
                ("IMG_0001.png", PNG),
                ("IMG_0002.png", PNG),
                ("lisez-moi.txt", b"Photos libres de droits.\r\n"),
            ]),
        },
        other => panic!("no annex `{other}`"),
    }
}

/// The smallest picture.
pub const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x06\0\0\0\x1f\x15\xc4\x89\0\0\0\rIDATx\x9cc\xf8\xcf\xc0P\x0f\0\x04\x85\x01\x80\x84\xa9\x8c!\0\0\0\0IEND\xaeB`\x82";

const VCF: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nN:Accueil;Service;;;\r\nFN:Service accueil\r\nTEL;TYPE=WORK:+33 1 99 00 12 34\r\nEMAIL:accueil@justice.gouv.example\r\nEND:VCARD\r\n";

fn zip(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in members {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// What a letter says below its subject.
const LINES: [&str; 6] = [
    "Affaire suivie par le bureau des usagers, porte 214.",
    "Vous trouverez ci-dessous les informations relatives à votre demande.",
    "Les agents sont tenus au secret professionnel (article L. 121-6 du code général de la fonction publique).",
    "Ce document est confidentiel et réservé à son destinataire ; il n'est pas classifié.",
    "Les informations recueillies font l'objet d'un traitement conforme au règlement général sur la protection des données.",
    "Fait pour servir et valoir ce que de droit.",
];

fn xml(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn docx(subject: &str) -> Vec<u8> {
    const W: &str = "xmlns:w=\"http://schemas.openxmlformats.org/wordprocessingml/2006/main\"";
    let paragraph = |text: &str| format!("<w:p><w:r><w:t xml:space=\"preserve\">{}</w:t></w:r></w:p>", xml(text));
    let body: String = std::iter::once(subject).chain(LINES).map(paragraph).collect();
    let document =
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?><w:document {W}><w:body>{body}</w:body></w:document>");
    let header =
        format!("<w:hdr {W}>{}</w:hdr>", paragraph("Ministère de la justice – Direction des services judiciaires"));
    let footer =
        format!("<w:ftr {W}>{}</w:ftr>", paragraph("13, place de l'Exemple – Page 1/2 – Document non contractuel"));
    zip(&[
        ("[Content_Types].xml", b"<?xml version=\"1.0\"?><Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"xml\" ContentType=\"application/xml\"/></Types>"),
        ("word/document.xml", document.as_bytes()),
        ("word/header1.xml", header.as_bytes()),
        ("word/footer1.xml", footer.as_bytes()),
        ("docProps/core.xml", b"<cp:coreProperties xmlns:cp=\"http://schemas.openxmlformats.org/package/2006/metadata/core-properties\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\"><dc:title>Courrier</dc:title><dc:creator>Bureau des usagers</dc:creator></cp:coreProperties>"),
    ])
}

fn odt(subject: &str) -> Vec<u8> {
    let lines: String =
        std::iter::once(subject).chain(LINES).map(|line| format!("<text:p>{}</text:p>", xml(line))).collect();
    let content = format!(
        "<office:document-content xmlns:office=\"urn:oasis:names:tc:opendocument:xmlns:office:1.0\" xmlns:text=\"urn:oasis:names:tc:opendocument:xmlns:text:1.0\"><office:body><office:text>{lines}</office:text></office:body></office:document-content>"
    );
    zip(&[("mimetype", b"application/vnd.oasis.opendocument.text"), ("content.xml", content.as_bytes())])
}

fn xlsx() -> Vec<u8> {
    let rows: String = (1..=12)
        .map(|n| format!("<row r=\"{n}\"><c r=\"A{n}\" t=\"inlineStr\"><is><t>Ressort {n}</t></is></c><c r=\"B{n}\"><v>{}</v></c></row>", n * 137))
        .collect();
    let sheet = format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{rows}</sheetData></worksheet>"
    );
    zip(&[
        ("[Content_Types].xml", b"<Types/>"),
        ("xl/workbook.xml", b"<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheets><sheet name=\"Suivi\" sheetId=\"1\"/></sheets></workbook>"),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
    ])
}

fn csv(number: u64) -> Vec<u8> {
    let rows: String =
        (1..=12).map(|month| format!("2026-{month:02};{};kWh\r\n", 200 + number % 90 + month * 3)).collect();
    format!("mois;consommation;unite\r\n{rows}total;3120;kWh\r\n").into_bytes()
}

fn ics(subject: &str, number: u64) -> Vec<u8> {
    format!(
        "BEGIN:VCALENDAR\r\nPRODID:-//Exemple//Agenda 1.0//FR\r\nVERSION:2.0\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nUID:{number}@justice.gouv.example\r\nDTSTAMP:20261120T080000Z\r\nDTSTART:20261204T130000Z\r\nDTEND:20261204T140000Z\r\nSUMMARY:{subject}\r\nLOCATION:Salle 12\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    .into_bytes()
}

/// One page of text in Latin letters, as a printer driver writes it.
fn pdf(subject: &str) -> Vec<u8> {
    let latin = |text: &str| -> Vec<u8> {
        let letter = |c: char| u8::try_from(u32::from(c)).unwrap_or(b'-');
        text.chars().map(letter).flat_map(|b| if b"()\\".contains(&b) { vec![b'\\', b] } else { vec![b] }).collect()
    };
    let mut content = b"BT /F1 11 Tf 72 760 Td 14 TL\n".to_vec();
    for line in std::iter::once(subject).chain(LINES) {
        content.extend(b"(");
        content.extend(latin(line));
        content.extend(b") Tj T*\n");
    }
    content.extend(b"ET\n");
    let objects: [Vec<u8>; 5] = [
        b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>".to_vec(),
        [format!("<< /Length {} >>\nstream\n", content.len()).into_bytes(), content, b"endstream".to_vec()].concat(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
    ];
    let mut file = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
    let mut places = Vec::new();
    for (n, object) in (1..).zip(&objects) {
        places.push(file.len());
        file.extend(format!("{n} 0 obj\n").into_bytes());
        file.extend(object);
        file.extend(b"\nendobj\n");
    }
    let start = file.len();
    file.extend(format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1).into_bytes());
    for place in places {
        file.extend(format!("{place:010} 00000 n \n").into_bytes());
    }
    file.extend(
        format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1).into_bytes(),
    );
    file
}
