// SPDX-License-Identifier: EUPL-1.2
//! Outlook messages (MS-OXMSG): subject, bodies, people, headers, attachments and attached messages.

use std::io::Cursor;

use super::opening::Opening;
use super::property_set::le32;
use super::{Budget, DocumentError, Extract, lzfu, ole, text};
use crate::mime::charset;

type File<'a> = cfb::CompoundFile<Cursor<&'a [u8]>>;

/// Message properties that are text: property id (MS-OXPROPS), place.
const TEXTS: &[(u16, &str)] = &[
    (0x0037, "/subject"),
    (0x1000, "/body"),
    (0x0C1A, "/header:From"),
    (0x5D01, "/header:From"),
    (0x0C1F, "/header:From"),
    (0x0E04, "/header:To"),
    (0x0E03, "/header:Cc"),
    (0x007D, "/header"),
];

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut file = cfb::CompoundFile::open(Cursor::new(opening.bytes)).map_err(|_| DocumentError::Broken)?;
    message(&mut file, "", opening)
}

/// Reads the message stored under `storage` (empty for the file's own).
fn message(file: &mut File<'_>, storage: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    for (id, place) in TEXTS {
        if let Some(value) = string(file, storage, *id, opening.budget)? {
            opening.say(place, value)?;
        }
    }
    if let Some(html) = binary(file, storage, 0x1013, opening.budget)? {
        text::html("/body:html", "/body:hidden", &charset::decode_markup(&html, None), opening)?;
    } else if let Some(html) = string(file, storage, 0x1013, opening.budget)? {
        text::html("/body:html", "/body:hidden", &html, opening)?;
    }
    if let Some(packed) = binary(file, storage, 0x1009, opening.budget)?
        && let Some(rtf) = lzfu::unpack(&packed, opening.budget.bytes as usize)
    {
        opening.paid_child("body.rtf", &rtf)?;
    }
    if let Some(level) = sensitivity(file, storage, opening.budget)? {
        opening.property("sensitivity", level);
    }
    let below: Vec<String> = match file.read_storage(if storage.is_empty() { "/" } else { storage }) {
        Ok(entries) => entries
            .filter(|entry| entry.is_storage())
            .map(|entry| entry.path().to_string_lossy().into_owned())
            .collect(),
        Err(_) => return Err(DocumentError::Broken),
    };
    for path in below {
        let name = path.rsplit('/').next().unwrap_or_default();
        if name.starts_with("__recip_version1.0_") {
            for id in [0x3001, 0x39FE, 0x3003] {
                if let Some(value) = string(file, &path, id, opening.budget)? {
                    opening.say("/header:To", value)?;
                }
            }
        } else if name.starts_with("__attach_version1.0_") {
            attachment(file, &path, opening)?;
        }
    }
    Ok(())
}

fn attachment(file: &mut File<'_>, path: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut name = None;
    for id in [0x3707, 0x3704, 0x3001] {
        if name.is_none() {
            name = string(file, path, id, opening.budget)?;
        }
    }
    let name = name.unwrap_or_else(|| "attachment".to_owned());
    if let Some(content) = binary(file, path, 0x3701, opening.budget)? {
        opening.child(&name, &content);
        return Ok(());
    }
    let inner = format!("{path}/__substg1.0_3701000D");
    if file.is_storage(&inner) {
        let child = Extract { name, kind: "msg".into(), ..Extract::default() };
        opening.nested(child, |opening| message(file, &inner, opening));
    }
    Ok(())
}

/// A string property: UTF-16 (`001F`) or in the message's code page (`001E`).
fn string(file: &mut File<'_>, storage: &str, id: u16, budget: &mut Budget) -> Result<Option<String>, DocumentError> {
    let wide = format!("{storage}/__substg1.0_{id:04X}001F");
    if file.is_stream(&wide) {
        let raw = ole::stream(file, &wide, budget)?;
        return Ok(Some(encoding_rs::UTF_16LE.decode_without_bom_handling(&raw).0.into_owned()));
    }
    let narrow = format!("{storage}/__substg1.0_{id:04X}001E");
    if file.is_stream(&narrow) {
        return Ok(Some(charset::decode(&ole::stream(file, &narrow, budget)?, None)));
    }
    Ok(None)
}

fn binary(file: &mut File<'_>, storage: &str, id: u16, budget: &mut Budget) -> Result<Option<Vec<u8>>, DocumentError> {
    let path = format!("{storage}/__substg1.0_{id:04X}0102");
    if file.is_stream(&path) { ole::stream(file, &path, budget).map(Some) } else { Ok(None) }
}

/// PidTagSensitivity (0x0036): in the table of fixed-size properties, 16 bytes each.
fn sensitivity(file: &mut File<'_>, storage: &str, budget: &mut Budget) -> Result<Option<&'static str>, DocumentError> {
    let path = format!("{storage}/__properties_version1.0");
    if !file.is_stream(&path) {
        return Ok(None);
    }
    let table = ole::stream(file, &path, budget)?;
    let header = if storage.is_empty() { 32 } else { 24 };
    let rows = table.get(header..).unwrap_or_default().chunks_exact(16);
    let value = rows.into_iter().find(|row| le32(row, 0) == Some(0x0036_0003)).and_then(|row| le32(row, 8));
    Ok(match value {
        Some(1) => Some("personal"),
        Some(2) => Some("private"),
        Some(3) => Some("company-confidential"),
        _ => None,
    })
}
