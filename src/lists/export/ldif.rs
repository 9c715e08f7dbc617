// SPDX-License-Identifier: EUPL-1.2
//! Writes LDIF: the source's entries, and between them entries with the attributes of the one above.

use std::collections::HashSet;
use std::io::{Read, Seek, SeekFrom, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::ExportError;
use super::delimited::Letterer;
use super::place::Planting;
use super::profile::Profile;
use crate::lists::rows::{Attribute, Columns, Ldif, Letters, Row, Rows, Wide, unfold};

/// Where programs fold lines.
const WIDTH: usize = 76;

pub fn write<S: Read + Seek, W: Write>(
    source: &mut S,
    out: &mut W,
    letters: Letters,
    columns: &Columns,
    profile: &Profile,
    plantings: &[Planting],
) -> Result<(), ExportError> {
    source.seek(SeekFrom::Start(0))?;
    let mut rows: Box<dyn Rows> = match letters.is_wide() {
        true => Box::new(Ldif::new(Wide::new(source, letters.encoding))),
        false => Box::new(Ldif::new(source)),
    };
    let mut out = Letterer { out, letters };
    if letters.mark {
        out.text("\u{feff}")?;
    }
    let mut plantings = plantings.iter().peekable();
    let (mut row, mut above, mut position) = (Row::default(), Row::default(), 0_u32);
    while rows.next(&mut row)? {
        let is_member = !row.is_blank();
        if is_member {
            while let Some(planting) = plantings.next_if(|planting| planting.before == position) {
                let neighbour = if position == 0 { &row } else { &above };
                out.raw(&entry(planting, &neighbour.raw, columns, profile))?;
            }
        }
        out.raw(&row.raw)?;
        if is_member {
            position += 1;
            std::mem::swap(&mut above, &mut row);
        }
    }
    for planting in plantings {
        let line_end = if above.raw.ends_with(b"\r\n") { "\r\n" } else { "\n" };
        let blank = if above.raw.ends_with(b"\n\n") || above.raw.ends_with(b"\n\r\n") {
            0
        } else {
            1 + usize::from(!above.raw.ends_with(b"\n"))
        };
        out.text(&line_end.repeat(blank))?;
        let written = entry(planting, &above.raw, columns, profile);
        out.raw(&written)?;
        above.raw = written;
    }
    Ok(())
}

/// A canary's entry: the neighbour's lines, each with the canary's value.
fn entry(planting: &Planting, above: &[u8], columns: &Columns, profile: &Profile) -> Vec<u8> {
    let line_end: &[u8] = if above.windows(2).any(|two| two == b"\r\n") { b"\r\n" } else { b"\n" };
    let is_folded = above.windows(2).any(|two| two == b"\n ");
    let value_of = |name: &str| {
        let column = columns.names.iter().position(|known| known == name)?;
        Some((column, planting.cells.get(column).map_or("", String::as_str)))
    };
    let (mut written, mut done) = (Vec::new(), HashSet::new());
    for line in unfold(above) {
        let Some(attribute) = Attribute::parse(&line) else { continue };
        let name = attribute.column();
        if name == "version" {
            continue;
        }
        let Some((column, value)) = value_of(&name) else { continue };
        let is_first = done.insert(name.clone());
        let value = match name.as_str() {
            "dn" => dn(attribute.text().unwrap_or_default(), &|name| value_of(name).map(|(_, value)| value.to_owned())),
            // Values that all entries share, such as `objectClass`, line by line as they are.
            _ if column != columns.address
                && profile.columns.get(column).is_some_and(|known| known.is_common)
                && attribute.text().is_some_and(|text| value.split('\n').any(|one| one == text)) =>
            {
                attribute.text().unwrap_or_default()
            }
            _ if is_first => value.split('\n').next().unwrap_or_default().to_owned(),
            _ => continue,
        };
        // What is no text, such as a photograph, a canary does not have.
        if !value.is_empty() && attribute.text().is_some() {
            write_line(&mut written, attribute.name, &value, is_folded, line_end);
        }
    }
    written.extend_from_slice(line_end);
    written
}

/// The neighbour's name with the canary's first part.
fn dn(above: String, value_of: &dyn Fn(&str) -> Option<String>) -> String {
    let mut escaped = false;
    let end = above.char_indices().find(|(_, c)| {
        let ends = *c == ',' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    let (first, rest) = above.split_at(end.map_or(above.len(), |(at, _)| at));
    match first.split_once('=') {
        Some((name, _)) => {
            let value = value_of(&name.trim().to_ascii_lowercase()).unwrap_or_default();
            let value = value
                .split('\n')
                .next()
                .unwrap_or_default()
                .replace('\\', "\\\\")
                .replace(',', "\\,")
                .replace('+', "\\+");
            format!("{name}={value}{rest}")
        }
        None => above,
    }
}

/// RFC 2849: what is no safe string is written in base64.
fn write_line(written: &mut Vec<u8>, name: &str, value: &str, is_folded: bool, line_end: &[u8]) {
    let safe = value.bytes().all(|b| b.is_ascii() && !matches!(b, 0 | b'\r' | b'\n'))
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ');
    let line = if safe { format!("{name}: {value}") } else { format!("{name}:: {}", STANDARD.encode(value)) };
    let width = if is_folded { WIDTH } else { usize::MAX };
    let (first, rest) = line.as_bytes().split_at(line.len().min(width));
    written.extend_from_slice(first);
    for piece in rest.chunks(WIDTH - 1) {
        written.extend_from_slice(line_end);
        written.push(b' ');
        written.extend_from_slice(piece);
    }
    written.extend_from_slice(line_end);
}
