// SPDX-License-Identifier: EUPL-1.2
//! Property sets of compound files (MS-OLEPS): title, keywords …, and custom properties such as sensitivity labels.

use crate::mime::charset;

/// Names and values of one stream (`SummaryInformation`, `DocumentSummaryInformation`). Damage ends the list.
pub(super) fn read(stream: &[u8]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let sets = le32(stream, 24).unwrap_or(0).min(4) as usize;
    for index in 0..sets {
        let at = 28 + index * 20;
        let Some(offset) = le32(stream, at + 16) else { break };
        // {F29F85E0-…} is SummaryInformation, {D5CDD502-…} the document's, {D5CDD505-…} the custom one.
        let is_summary = stream.get(at) == Some(&0xE0);
        let is_custom = stream.get(at) == Some(&0x05);
        if let Some(set) = stream.get(offset as usize..) {
            section(set, is_summary, is_custom, &mut found);
        }
    }
    found
}

fn section(set: &[u8], is_summary: bool, is_custom: bool, found: &mut Vec<(String, String)>) {
    let count = le32(set, 4).unwrap_or(0).min(1_000) as usize;
    let entry = |index: usize| Some((le32(set, 8 + index * 8)?, le32(set, 12 + index * 8)? as usize));
    let entries: Vec<(u32, usize)> = (0..count).map_while(entry).collect();
    let codepage = entries.iter().find(|(id, _)| *id == 1).and_then(|(_, at)| le32(set, at + 4)).unwrap_or(1252);
    let wide = codepage & 0xFFFF == 1200;
    let names = entries.iter().find(|(id, _)| *id == 0).filter(|_| is_custom);
    let names = names.map(|(_, at)| dictionary(set, *at, wide)).unwrap_or_default();
    for (id, at) in entries {
        let name = match (is_custom, is_summary, id) {
            (true, _, id) => names.iter().find(|(known, _)| *known == id).map(|(_, name)| name.clone()),
            (_, true, 2) => Some("title".into()),
            (_, true, 3) => Some("subject".into()),
            (_, true, 4) => Some("author".into()),
            (_, true, 5) => Some("keywords".into()),
            (_, true, 6) => Some("description".into()),
            (_, true, 8) => Some("lastModifiedBy".into()),
            (_, false, 2) => Some("category".into()),
            (_, false, 14) => Some("Manager".into()),
            (_, false, 15) => Some("Company".into()),
            (_, false, 26) => Some("contentType".into()),
            (_, false, 27) => Some("contentStatus".into()),
            _ => None,
        };
        if let (Some(name), Some(value)) = (name, value(set, at, wide)) {
            found.push((name, value));
        }
    }
}

/// Property 0: the names of custom properties by id.
fn dictionary(set: &[u8], at: usize, wide: bool) -> Vec<(u32, String)> {
    let mut names = Vec::new();
    let count = le32(set, at).unwrap_or(0).min(1_000);
    let mut at = at + 4;
    for _ in 0..count {
        let (Some(id), Some(length)) = (le32(set, at), le32(set, at + 4)) else { break };
        let bytes = (length as usize).saturating_mul(if wide { 2 } else { 1 });
        let Some(raw) = set.get(at + 8..).and_then(|rest| rest.get(..bytes)) else { break };
        names.push((id, string(raw, wide)));
        at += 8 + bytes;
        if wide {
            at = at.next_multiple_of(4);
        }
    }
    names
}

fn value(set: &[u8], at: usize, wide: bool) -> Option<String> {
    let length = le32(set, at + 4)? as usize;
    match le32(set, at)? & 0xFFFF {
        // VT_LPSTR in the set's code page, VT_LPWSTR in characters, VT_I4, VT_BOOL.
        0x1E => Some(string(set.get(at + 8..)?.get(..length)?, wide)),
        0x1F => Some(string(set.get(at + 8..)?.get(..length.checked_mul(2)?)?, true)),
        0x03 => Some(length.to_string()),
        0x0B => Some((length & 0xFFFF != 0).to_string()),
        _ => None,
    }
}

fn string(raw: &[u8], wide: bool) -> String {
    let text = if wide {
        encoding_rs::UTF_16LE.decode_without_bom_handling(raw).0.into_owned()
    } else {
        charset::decode(raw, None)
    };
    text.trim_end_matches('\0').to_owned()
}

pub(super) fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}
