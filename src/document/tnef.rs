// SPDX-License-Identifier: EUPL-1.2
//! winmail.dat (MS-OXTNEF): bodies, subject, attachments, nested messages. Skips unknown attributes.

use super::opening::Opening;
use super::property_set::{le16, le32};
use super::{Budget, DocumentError, lzfu, text};
use crate::mime::charset;

const SUBJECT: u32 = 0x0001_8004;
const BODY: u32 = 0x0002_800C;
const PROPERTIES: u32 = 0x0006_9003;
const RENDERING: u32 = 0x0006_9002;
const TITLE: u32 = 0x0001_8010;
const DATA: u32 = 0x0006_800F;
const ATTACHMENT: u32 = 0x0006_9005;

/// The attachment being read; it ends where the next begins.
#[derive(Default)]
struct Attachment {
    name: Option<String>,
    data: Option<Vec<u8>>,
}

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut rest = opening.bytes.get(6..).ok_or(DocumentError::Broken)?;
    let mut attachment = Attachment::default();
    let mut outcome = Ok(());
    while !rest.is_empty() {
        let (Some(id), Some(length)) = (le32(rest, 1), le32(rest, 5)) else {
            outcome = Err(DocumentError::Broken);
            break;
        };
        let after = rest.get(9..).unwrap_or_default();
        let Some(value) = after.get(..length as usize) else {
            outcome = Err(DocumentError::Broken);
            break;
        };
        match id {
            SUBJECT => opening.say("/subject", plain(value))?,
            BODY => opening.say("/body", plain(value))?,
            PROPERTIES => message(value, opening)?,
            RENDERING => finish(std::mem::take(&mut attachment), opening)?,
            TITLE => attachment.name = Some(plain(value)),
            DATA => {
                opening.budget.spend(value.len())?;
                attachment.data = Some(value.to_vec());
            }
            ATTACHMENT => attached(value, &mut attachment, opening.budget)?,
            _ => {}
        }
        // A checksum of two bytes follows; wrong ones are common and read over by every program.
        rest = after.get(length as usize + 2..).unwrap_or_default();
    }
    finish(attachment, opening)?;
    outcome
}

fn finish(attachment: Attachment, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    if let Some(data) = attachment.data {
        opening.room_for_a_file()?;
        let name = attachment.name.unwrap_or_else(|| "attachment".to_owned());
        opening.child(&name, &data);
    }
    Ok(())
}

/// Properties of the message: bodies in HTML or compressed RTF, subject, sender.
fn message(value: &[u8], opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    for property in properties(value) {
        match property.id {
            0x0037 => opening.say("/subject", property.string())?,
            0x1000 => opening.say("/body", property.string())?,
            0x1013 => text::html("/body:html", "/body:hidden", &property.string(), opening)?,
            0x0C1A | 0x0C1F | 0x5D01 => opening.say("/header:From", property.string())?,
            0x0E04 => opening.say("/header:To", property.string())?,
            0x1009 => {
                if let Some(rtf) = lzfu::unpack(property.bytes, opening.budget.bytes as usize) {
                    opening.paid_child("body.rtf", &rtf)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn attached(value: &[u8], attachment: &mut Attachment, budget: &mut Budget) -> Result<(), DocumentError> {
    for property in properties(value) {
        match property.id {
            0x3707 => attachment.name = Some(property.string()),
            0x3001 | 0x3704 if attachment.name.is_none() => attachment.name = Some(property.string()),
            0x3701 => {
                // An object begins with the identifier of its interface: a message is TNEF after it.
                let skip = if property.kind == 0x000D { 16 } else { 0 };
                let data = property.bytes.get(skip..).unwrap_or_default();
                budget.spend(data.len())?;
                attachment.data = Some(data.to_vec());
            }
            _ => {}
        }
    }
    Ok(())
}

struct Property<'a> {
    kind: u16,
    id: u16,
    bytes: &'a [u8],
}

impl Property<'_> {
    fn string(&self) -> String {
        match self.kind {
            0x001F => encoding_rs::UTF_16LE.decode_without_bom_handling(self.bytes).0.trim_end_matches('\0').to_owned(),
            _ => plain(self.bytes),
        }
    }
}

/// The list of MAPI properties (MS-OXTNEF §2.1.3.4). Damage ends it.
fn properties(value: &[u8]) -> Vec<Property<'_>> {
    let mut found = Vec::new();
    let count = le32(value, 0).unwrap_or(0).min(10_000);
    let mut at = 4;
    for _ in 0..count {
        if read_property(value, &mut at, &mut found).is_none() {
            break;
        }
    }
    found
}

fn read_property<'a>(value: &'a [u8], at: &mut usize, found: &mut Vec<Property<'a>>) -> Option<()> {
    let (kind, id) = (le16(value, *at)?, le16(value, *at + 2)?);
    *at += 4;
    if id >= 0x8000 {
        // A named property: GUID, then a number or a name.
        *at = match le32(value, *at + 16)? {
            0 => at.checked_add(24)?,
            _ => {
                let length = (le32(value, *at + 20)? as usize).next_multiple_of(4);
                at.checked_add(24)?.checked_add(length)?
            }
        };
    }
    let is_many = kind & 0x1000 != 0;
    let kind = kind & 0x0FFF;
    let fixed = match kind {
        0x0002 | 0x0003 | 0x0004 | 0x000A | 0x000B => Some(4),
        0x0005..=0x0007 | 0x0014 | 0x0040 => Some(8),
        0x0048 => Some(16),
        _ => None,
    };
    let count = match fixed {
        Some(_) if !is_many => 1,
        _ => {
            let count = le32(value, *at)?;
            *at += 4;
            count
        }
    };
    for _ in 0..count.min(10_000) {
        let length = match fixed {
            Some(length) => length,
            None => {
                let length = le32(value, *at)? as usize;
                *at += 4;
                length
            }
        };
        let bytes = value.get(*at..at.checked_add(length)?)?;
        *at = at.checked_add(length.checked_next_multiple_of(4)?)?;
        found.push(Property { kind, id, bytes });
    }
    Some(())
}

fn plain(bytes: &[u8]) -> String {
    charset::decode(bytes, None).trim_end_matches('\0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    fn attribute(id: u32, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![2];
        bytes.extend(id.to_le_bytes());
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend(value);
        bytes.extend([0, 0]);
        bytes
    }

    #[test]
    fn attachments_and_unknown_attributes() {
        let mut tnef = b"\x78\x9F\x3E\x22\x01\x00".to_vec();
        tnef.extend(attribute(0x0009_9999, b"unheard of"));
        tnef.extend(attribute(SUBJECT, b"Objet\0"));
        tnef.extend(attribute(RENDERING, &[0; 14]));
        tnef.extend(attribute(TITLE, b"note.txt\0"));
        tnef.extend(attribute(DATA, b"CONFIDENTIEL"));
        let (extract, outcome) = read_alone("tnef", &tnef, read);
        assert_eq!(outcome, Ok(()));
        assert_eq!(extract.segments.first().map(|s| s.text.as_str()), Some("Objet"));
        let child = extract.children.first();
        assert_eq!(child.map(|c| (c.name.as_str(), c.kind.as_str())), Some(("note.txt", "txt")));
    }
}
