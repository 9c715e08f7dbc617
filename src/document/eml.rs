// SPDX-License-Identifier: EUPL-1.2
//! Messages as files (RFC 5322), web archives, mailboxes: read like the mail itself, header fields, bodies, attachments
//! as children.

use super::opening::Opening;
use super::{DocumentError, Extract, text};
use crate::mime::{self, AMBIGUOUS, Body, Header, Part, envelope};

/// Header fields of one message that are kept.
const FIELDS: usize = 500;

/// A message, a MIME entity, a mailbox, Apple's file.
pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    match opening.kind {
        "mbox" => {
            for (n, bytes) in envelope::messages(opening.bytes).into_iter().enumerate() {
                opening.room_for_a_file()?;
                let size = bytes.len() as u64;
                let child = Extract { name: (n + 1).to_string(), kind: "eml".to_owned(), size, ..Extract::default() };
                opening.nested(child, |opening| message(&mut opening.again("eml", bytes)));
            }
            Ok(())
        }
        "emlx" => {
            let inner = envelope::emlx(opening.bytes).unwrap_or(opening.bytes);
            message(&mut opening.again("eml", inner))
        }
        _ => message(opening),
    }
}

fn message(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let left = usize::try_from(opening.budget.bytes).unwrap_or(usize::MAX);
    let message = mime::parse(opening.bytes, &mime::ParseBudget { decoded: left, ..mime::ParseBudget::default() });
    let read = fields(&message.headers, opening).and_then(|()| contents(&message.parts, 0, opening));
    match message.exceeded {
        Some(AMBIGUOUS) => Err(DocumentError::Broken),
        Some(_) => Err(DocumentError::Budget),
        None => read,
    }
}

fn fields(headers: &[Header], opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    for Header { name, value } in headers.iter().take(FIELDS) {
        match name.to_ascii_lowercase().as_str() {
            "subject" => opening.say("/subject", value.clone())?,
            "received" | "dkim-signature" | "arc-seal" | "arc-message-signature" => {}
            _ => opening.say(&format!("/header:{name}"), value.clone())?,
        }
    }
    Ok(())
}

/// The parts of one message, `depth` messages deep; those of a message inside it become that child's.
fn contents(parts: &[Part], depth: usize, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut index = 0;
    while let Some(part) = parts.get(index) {
        let name = || part.name.clone().unwrap_or_else(|| format!("part{index}"));
        if part.declared_type == "message/partial" {
            // RFC 2046 §5.2.2: a fragment, whatever it looks like.
            opening.closed(&name(), 0, DocumentError::Opaque, None);
        }
        match &part.body {
            Body::Multipart => {}
            Body::Text { html: false, text } => opening.say("/body", text.clone())?,
            Body::Text { html: true, text } => text::html("/body:html", "/body:hidden", text, opening)?,
            Body::Attachment(bytes) => {
                opening.paid_child(&name(), bytes)?;
            }
            Body::Message(headers) => {
                let inside = &parts[index + 1..];
                let inside = &inside[..inside.iter().take_while(|part| part.depth > depth).count()];
                let size = part.range.as_ref().map_or(0, |range| range.len() as u64);
                let child = Extract { name: name(), kind: "eml".to_owned(), size, ..Extract::default() };
                opening.nested(child, |opening| {
                    fields(headers, opening)?;
                    contents(inside, depth + 1, opening)
                });
                index += inside.len();
            }
        }
        index += 1;
    }
    Ok(())
}
