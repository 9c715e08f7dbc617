// SPDX-License-Identifier: EUPL-1.2
//! Compound files (MS-CFB): legacy Word, Excel and PowerPoint, encrypted OOXML, embedded objects.

use std::collections::HashSet;
use std::io::{Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};

use office_oxide::DocumentFormat;
use office_oxide::doc::SubDocumentKind;

use super::opening::Opening;
use super::property_set::{self, le16, le32};
use super::{Budget, DocumentError, agile, drawing, kind_of, letters, open, sheet, standard, word_rows};
use crate::mime::charset;

/// Office's own password, with which it opens a file without asking (MS-OFFCRYPTO, Excel's read-only workbooks).
const DEFAULT_PASSWORD: &str = "VelvetSweatshop";
/// Bytes of a text that is parted into rows of tables.
const TABLES: usize = 4 << 20;
/// Bytes searched for lines already told, about a tenth of a second.
const SEARCH: usize = 500_000_000;

type File<'a> = cfb::CompoundFile<Cursor<&'a [u8]>>;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let (kind, bytes) = (opening.kind, opening.bytes);
    let Ok(mut file) = cfb::CompoundFile::open(Cursor::new(bytes)) else {
        opening.say("#body", letters::runs(bytes))?;
        return Err(DocumentError::Broken);
    };
    if let Some(container) = encryption(kind, &mut file, opening.budget) {
        opening.extract.encrypted = Some(container.into());
        return if kind == "ooxml" { unlock(&mut file, opening) } else { Err(DocumentError::Encrypted) };
    }
    describe(&mut file, opening)?;
    let mut outcome = Ok(());
    if matches!(kind, "doc" | "xls" | "ppt") {
        outcome = body(opening);
        if outcome == Err(DocumentError::Broken) {
            // Better raw strings than silence; the fault stays.
            opening.say("#body", letters::runs(bytes))?;
        } else {
            left_over(&mut file, opening)?;
        }
    }
    objects(&mut file, opening)?;
    if matches!(kind, "doc" | "xls" | "ppt") { outcome } else { unread(&mut file, opening) }
}

/// A compound file without a reader: the words of each stream, and that it was not read. Formulas of Equation Editor
/// and the storages of macros are no documents.
fn unread(file: &mut File<'_>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let streams: Vec<String> = file
        .walk()
        .filter(|entry| entry.is_stream())
        .take(2_000)
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .collect();
    let is = |name: &str| streams.iter().any(|path| path.ends_with(name));
    if is("/Equation Native")
        || is("/_VBA_PROJECT") && !is("/VisioDocument")
        || is("/\u{1}Ole10Native")
        || is("/Package")
    {
        return Ok(());
    }
    // What an object wraps was read.
    if opening.kind == "ole" && opening.extract.children.iter().any(|child| !child.kind.is_empty()) {
        return Ok(());
    }
    for path in &streams {
        let bytes = stream(file, path, opening.budget)?;
        opening.say("#letters", letters::words(&bytes))?;
    }
    Err(DocumentError::Unread)
}

/// One stream, paid from the budget.
pub(super) fn stream(file: &mut File<'_>, path: &str, budget: &mut Budget) -> Result<Vec<u8>, DocumentError> {
    let mut stream = file.open_stream(path).map_err(|_| DocumentError::Broken)?;
    let (bytes, fault) = budget.inflate(&mut stream);
    fault.map_or(Ok(bytes), Err)
}

/// The container's name where the content is encrypted.
fn encryption(kind: &str, file: &mut File<'_>, budget: &mut Budget) -> Option<&'static str> {
    let mut head = |path: &str, length: u64| {
        let mut bytes = Vec::new();
        let _ = file.open_stream(path).ok()?.take(length).read_to_end(&mut bytes);
        Some(bytes)
    };
    match kind {
        "ooxml" => Some("ooxml"),
        // MS-DOC §2.5.1: fEncrypted is bit 8 of the flags at offset 10.
        "doc" => (le16(&head("WordDocument", 12)?, 10)? & 0x0100 != 0).then_some("ole"),
        "ppt" => file.exists("EncryptedSummary").then_some("ole"),
        "xls" => {
            let book = head("Workbook", 4096).or_else(|| head("Book", 4096))?;
            budget.spend(book.len()).ok()?;
            let mut at = 0;
            // MS-XLS §2.4.117: FilePass among the first records.
            while let (Some(record), Some(length)) = (le16(&book, at), le16(&book, at + 2)) {
                match record {
                    0x002F => return Some("ole"),
                    0x000A => return None,
                    _ => at += 4 + usize::from(length),
                }
            }
            None
        }
        _ => None,
    }
}

/// Tries the passwords on an encrypted package; the package opened is a child.
fn unlock(file: &mut File<'_>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let information = stream(file, "EncryptionInfo", opening.budget)?;
    let package = stream(file, "EncryptedPackage", opening.budget)?;
    let open_with = |password: &str| {
        agile::open(&information, &package, password).or_else(|| standard::open(&information, &package, password))
    };
    let mut tried = opening.passwords.iter().map(String::as_str).chain([DEFAULT_PASSWORD]);
    let Some(plain) = tried.find_map(open_with) else {
        return Err(DocumentError::Encrypted);
    };
    opening.budget.spend(plain.len())?;
    opening.property("password-found", "ooxml");
    let inner = open("", &plain, opening.budget, opening.passwords);
    // For the reader it is the same file, so its inside counts as its own content.
    opening.extract.kind = inner.kind;
    opening.extract.segments.extend(inner.segments);
    opening.extract.properties.extend(inner.properties);
    opening.extract.children.extend(inner.children);
    inner.fault.map_or(Ok(()), Err)
}

/// Properties of both summary streams.
fn describe(file: &mut File<'_>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    for path in ["\u{5}SummaryInformation", "\u{5}DocumentSummaryInformation"] {
        if !file.is_stream(path) {
            continue;
        }
        for (name, value) in property_set::read(&stream(file, path, opening.budget)?) {
            let is_name = matches!(name.as_str(), "author" | "lastModifiedBy") || name.starts_with("MSIP_Label");
            if !is_name && value.chars().any(char::is_alphabetic) {
                opening.say("#metadata", value.clone())?;
            }
            opening.property(name, &value);
        }
    }
    Ok(())
}

/// Text by the library. It may panic on damaged files; that is the file's fault.
fn body(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let format = match opening.kind {
        "doc" => DocumentFormat::Doc,
        "xls" => DocumentFormat::Xls,
        _ => DocumentFormat::Ppt,
    };
    let owned = opening.bytes.to_vec();
    let read = catch_unwind(AssertUnwindSafe(move || {
        let document = office_oxide::Document::from_reader(Cursor::new(owned), format).ok()?;
        let mut texts = Vec::new();
        for part in document.as_doc().map(|doc| doc.subdocuments()).unwrap_or_default() {
            texts.push((place(part.kind), part.text.clone()));
        }
        let mut body = document.plain_text();
        // Where a table ends a row, two marks follow each other.
        if format == DocumentFormat::Doc && body.len() <= TABLES && body.contains("\t\t") {
            body = word_rows::in_rows(&body, &document.to_ir());
        }
        texts.push(("#body", body));
        Some(texts)
    }));
    let texts = read.ok().flatten().ok_or(DocumentError::Broken)?;
    texts.into_iter().try_for_each(|(place, text)| opening.say(place, text))
}

/// What the library passes over: deletions of tracked changes, headers and text boxes of sheets, notes and comments of
/// slides. Lines of the main stream that look like words and were not told yet.
fn left_over(file: &mut File<'_>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let kind = opening.kind;
    let path = match kind {
        "doc" => "/WordDocument",
        "xls" if file.is_stream("/Book") => "/Book",
        "xls" => "/Workbook",
        _ => "/PowerPoint Document",
    };
    let found = letters::runs(&stream(file, path, opening.budget)?);
    let told: String = opening.extract.segments.iter().flat_map(|segment| [segment.text.as_str(), "\n"]).collect();
    let lines: HashSet<&str> = told.split(['\n', '\t']).map(str::trim).collect();
    let mut text = String::new();
    let mut asked = 0;
    for line in found.lines() {
        let line = if kind == "xls" && line.starts_with('&') { sheet::print_text(line) } else { line.to_owned() };
        let line = line.trim();
        let letters = line.chars().filter(|c| c.is_alphabetic() || *c == ' ').count();
        if line.len() < 6 || letters * 10 < line.chars().count() * 8 || lines.contains(line) {
            continue;
        }
        asked += 1;
        // The search costs the product of both; in a long document a line may come twice, which is better than a slow search.
        if asked * told.len() < SEARCH && told.contains(line) {
            continue;
        }
        text.push_str(line);
        text.push('\n');
    }
    opening.say("#other", text)?;
    drawn(file, opening)
}

/// Watermarks of letters, and objects that presentations keep in their main stream.
fn drawn(file: &mut File<'_>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    match opening.kind {
        "doc" => {
            for path in ["/0Table", "/1Table"] {
                if file.is_stream(path) {
                    let table = stream(file, path, opening.budget)?;
                    opening.say("#header", drawing::watermarks(&table).join("\n"))?;
                }
            }
        }
        "ppt" => {
            let main = stream(file, "/PowerPoint Document", opening.budget)?;
            for (is_deflated, bytes) in drawing::objects(&main) {
                opening.room_for_a_file()?;
                if is_deflated {
                    let (object, _) = opening.inflate(&mut flate2::read::ZlibDecoder::new(bytes));
                    opening.child("object", &object);
                } else {
                    opening.paid_child("object", bytes)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

fn place(kind: SubDocumentKind) -> &'static str {
    match kind {
        SubDocumentKind::Footnotes => "#footnotes",
        SubDocumentKind::HeadersFooters => "#header",
        SubDocumentKind::Endnotes => "#endnotes",
        SubDocumentKind::TextBoxes | SubDocumentKind::HeaderTextBoxes => "#textbox",
        _ => "#comment",
    }
}

/// Files embedded as objects, wherever they hang.
fn objects(file: &mut File<'_>, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let paths: Vec<String> = file
        .walk()
        .filter(|entry| entry.is_stream())
        .take(5_000)
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .collect();
    for path in paths {
        let (storage, name) = path.rsplit_once('/').unwrap_or(("", &path));
        let is_inner = !storage.is_empty();
        match name {
            "\u{1}Ole10Native" => {
                let bytes = stream(file, &path, opening.budget)?;
                let (name, content) = native(bytes.get(4..).unwrap_or_default());
                opening.child(&name.unwrap_or_else(|| "object".into()), content);
            }
            "Package" | "CONTENTS" | "EmbeddedOdf" => {
                let bytes = stream(file, &path, opening.budget)?;
                opening.piece(name, &bytes);
            }
            // A legacy document inside another: its text as strings.
            "WordDocument" | "Workbook" | "Book" | "PowerPoint Document" if is_inner => {
                let bytes = stream(file, &path, opening.budget)?;
                opening.say("#embedded", letters::runs(&bytes))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// An OLE 1 object of RTF (MS-OLEDS §2.2.5): the name and bytes inside; the whole where it is none.
pub(super) fn object(bytes: &[u8]) -> (Option<String>, &[u8]) {
    let parse = || {
        let mut at = 8;
        for _ in 0..3 {
            at = at + 4 + le32(bytes, at)? as usize;
        }
        let length = le32(bytes, at)? as usize;
        let content = bytes.get(at + 4..)?;
        Some(content.get(..length).unwrap_or(content))
    };
    match parse() {
        Some(content) if kind_of(content).is_empty() => native(content),
        Some(content) => (None, content),
        None => (None, bytes),
    }
}

/// `Package` data: a flag, label, path, two numbers, temporary path, length, content.
fn native(bytes: &[u8]) -> (Option<String>, &[u8]) {
    let parse = || {
        let rest = bytes.get(2..)?;
        let (label, rest) = split_zero(rest)?;
        let (_, rest) = split_zero(rest)?;
        let length = le32(rest, 4)? as usize;
        let rest = rest.get(8 + length..)?;
        let size = le32(rest, 0)? as usize;
        Some((charset::decode(label, None), rest.get(4..)?.get(..size)?))
    };
    parse().map_or((None, bytes), |(name, content)| (Some(name), content))
}

fn split_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(0, bytes)?;
    Some((bytes.get(..end)?, bytes.get(end + 1..)?))
}
