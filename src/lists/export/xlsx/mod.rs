// SPDX-License-Identifier: EUPL-1.2
//! Writes a workbook: rows pushed into one sheet, what lies below moved down, the table of strings laid anew.

mod cells;
mod strings;

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Write};

use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

use super::ExportError;
use super::place::Planting;
use super::profile::Profile;
use crate::lists::rows::xlsx::{Piece, Scan, Shared, Sheet, attribute, column_of, local_name, part};
use crate::lists::rows::{Columns, Row, Rows};

use cells::{Moved, moved_tag};
use strings::Strings;

const STRINGS: &str = "xl/sharedStrings.xml";
const CHAIN: &str = "calcChain.xml";

pub fn write<S: Read + Seek, W: Write + Seek>(
    source: &mut S,
    out: &mut W,
    sheet: &str,
    columns: &Columns,
    profile: &Profile,
    plantings: &[Planting],
) -> Result<(), ExportError> {
    let shared = match part(source, STRINGS)? {
        Some(part) => Shared::read(part)?,
        None => Shared::default(),
    };
    let mut strings = Strings::new(&shared, plantings);
    source.seek(SeekFrom::Start(0))?;
    let names: Vec<String> = {
        let archive = ZipArchive::new(&mut *source).map_err(|_| ExportError::Workbook("its package is broken"))?;
        archive.file_names().filter_map(Result::ok).map(|name| name.into_owned()).collect()
    };
    let mut moved = moves(source, sheet, columns, plantings)?;
    let relations = relations(&names, sheet);
    if let Some(relations) = &relations {
        moved.links = mail_links(source, relations)?;
    }
    let mut zip = ZipWriter::new(out);
    let packed = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let is_sheet = |name: &str| name.starts_with("xl/worksheets/") && name.ends_with(".xml");
    let is_linked = |name: &str| name.starts_with("xl/tables/") && relations.is_some();
    let is_relations = |name: &str| relations.as_deref() == Some(name);
    let fail = |_| ExportError::Workbook("its package cannot be written");
    for name in &names {
        if is_sheet(name) || name == STRINGS || name.ends_with(CHAIN) {
            continue;
        }
        let is_rewritten = name == "[Content_Types].xml"
            || name == "xl/_rels/workbook.xml.rels"
            || is_linked(name)
            || is_relations(name);
        if !is_rewritten {
            let mut archive =
                ZipArchive::new(&mut *source).map_err(|_| ExportError::Workbook("its package is broken"))?;
            let file = archive.by_name(name).map_err(|_| ExportError::Workbook("its package is broken"))?;
            zip.raw_copy_file(file).map_err(fail)?;
            continue;
        }
        let Some(part) = part(source, name)? else { continue };
        zip.start_file(name.as_str(), packed).map_err(fail)?;
        let mut scan = Scan::new(part);
        while let Some(piece) = scan.piece()? {
            let raw = &scan.raw;
            let names_chain = ["PartName", "Target"]
                .iter()
                .any(|key| attribute(raw, key).is_some_and(|value| value.ends_with(CHAIN)));
            match piece {
                Piece::Open if names_chain || is_relations(name) && is_mail(raw) => {}
                Piece::Open if is_linked(name) => zip.write_all(&moved_tag(raw, &moved))?,
                _ => zip.write_all(raw)?,
            }
        }
    }
    for name in names.iter().filter(|name| is_sheet(name)) {
        let Some(part) = part(source, name)? else { continue };
        zip.start_file(name.as_str(), packed).map_err(fail)?;
        let plantings = if name == sheet { plantings } else { &[] };
        let mut writer = cells::Writer {
            zip: &mut zip,
            strings: &mut strings,
            shared: &shared,
            columns,
            profile,
            moved: &moved,
            is_list: name == sheet,
        };
        writer.sheet(Scan::new(part), plantings)?;
    }
    if names.iter().any(|name| name == STRINGS) {
        zip.start_file(STRINGS, packed).map_err(fail)?;
        let raw = part(source, STRINGS)?.map(Shared::read_raw).transpose()?.unwrap_or_default();
        let head = part(source, STRINGS)?.ok_or(ExportError::Workbook("its strings are missing"))?;
        strings.write(&mut zip, head, &raw)?;
    }
    zip.finish().map_err(fail)?;
    Ok(())
}

/// The part that holds the sheet's relations: its tables, its links.
fn relations(names: &[String], sheet: &str) -> Option<String> {
    let (folder, file) = sheet.rsplit_once('/')?;
    let relations = format!("{folder}/_rels/{file}.rels");
    names.contains(&relations).then_some(relations)
}

/// The relations that are links to mailboxes. Each row but a canary's would have one: so none has.
fn mail_links<S: Read + Seek>(source: &mut S, relations: &str) -> Result<HashSet<String>, ExportError> {
    let mut links = HashSet::new();
    let Some(part) = part(source, relations)? else { return Ok(links) };
    let mut scan = Scan::new(part);
    while let Some(piece) = scan.piece()? {
        if piece == Piece::Open && is_mail(&scan.raw) {
            links.extend(attribute(&scan.raw, "Id").map(|id| id.into_owned()));
        }
    }
    Ok(links)
}

fn is_mail(tag: &[u8]) -> bool {
    attribute(tag, "Target").is_some_and(|target| target.to_ascii_lowercase().starts_with("mailto:"))
}

/// The numbers of the rows below which each canary stands.
fn moves<S: Read + Seek>(
    source: &mut S,
    sheet: &str,
    columns: &Columns,
    plantings: &[Planting],
) -> Result<Moved, ExportError> {
    let mut rows = Sheet::open(source, sheet)?;
    let (mut row, mut preamble, mut position) = (Row::default(), columns.preamble, 0_u32);
    let (mut after, mut last, mut next) = (Vec::new(), 0, 0);
    while rows.next(&mut row)? {
        if preamble > 0 {
            preamble -= 1;
        } else if !row.is_blank() {
            while plantings.get(next).is_some_and(|planting| planting.before == position) {
                after.push(row.line.saturating_sub(1));
                next += 1;
            }
            position += 1;
            last = row.line;
        }
    }
    after.resize(plantings.len(), last);
    Ok(Moved { after, address: columns.address, links: HashSet::new() })
}

/// The column that a cell's tag names, else the next.
fn column_or(tag: &[u8], next: usize) -> usize {
    attribute(tag, "r").and_then(|place| column_of(&place)).unwrap_or(next)
}

fn is_named(tag: &[u8], name: &[u8]) -> bool {
    local_name(tag) == name
}
