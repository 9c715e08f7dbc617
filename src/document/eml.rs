// SPDX-License-Identifier: EUPL-1.2
//! Messages as files (RFC 5322), read by the reader of the mail itself: header fields, bodies, attachments as children.

use super::{Budget, DocumentError, Extract, text};
use crate::mime::{self, AMBIGUOUS, Body, Header, Part};

/// Header fields of one message that are kept.
const FIELDS: usize = 500;

pub(super) fn read(
    bytes: &[u8],
    extract: &mut Extract,
    budget: &mut Budget,
    passwords: &[String],
) -> Result<(), DocumentError> {
    let left = usize::try_from(budget.bytes).unwrap_or(usize::MAX);
    let message = mime::parse(bytes, &mime::ParseBudget { decoded: left, ..mime::ParseBudget::default() });
    let read = fields(&message.headers, extract, budget)
        .and_then(|()| contents(&message.parts, 0, extract, budget, passwords));
    match message.exceeded {
        Some(AMBIGUOUS) => Err(DocumentError::Broken),
        Some(_) => Err(DocumentError::Budget),
        None => read,
    }
}

fn fields(headers: &[Header], extract: &mut Extract, budget: &mut Budget) -> Result<(), DocumentError> {
    for Header { name, value } in headers.iter().take(FIELDS) {
        match name.to_ascii_lowercase().as_str() {
            "subject" => extract.say("/subject", value.clone(), budget)?,
            "received" | "dkim-signature" | "arc-seal" | "arc-message-signature" => {}
            _ => extract.say(&format!("/header:{name}"), value.clone(), budget)?,
        }
    }
    Ok(())
}

/// The parts of one message, `depth` messages deep; those of a message inside it become that child's.
fn contents(
    parts: &[Part],
    depth: usize,
    extract: &mut Extract,
    budget: &mut Budget,
    passwords: &[String],
) -> Result<(), DocumentError> {
    let mut index = 0;
    while let Some(part) = parts.get(index) {
        let name = || part.name.clone().unwrap_or_else(|| format!("part{index}"));
        match &part.body {
            Body::Multipart => {}
            Body::Text { html: false, text } => extract.say("/body", text.clone(), budget)?,
            Body::Text { html: true, text } => text::html("/body:html", "/body:hidden", text, extract, budget)?,
            Body::Attachment(bytes) => {
                budget.spend(bytes.len())?;
                extract.child(&name(), bytes, budget, passwords);
            }
            Body::Message(headers) => {
                let inside = &parts[index + 1..];
                let inside = &inside[..inside.iter().take_while(|part| part.depth > depth).count()];
                let size = part.range.as_ref().map_or(0, |range| range.len() as u64);
                let mut child = Extract { name: name(), kind: "eml".to_owned(), size, ..Extract::default() };
                child.fault = nested(headers, inside, depth + 1, &mut child, budget, passwords).err();
                extract.children.push(child);
                index += inside.len();
            }
        }
        index += 1;
    }
    Ok(())
}

fn nested(
    headers: &[Header],
    parts: &[Part],
    depth: usize,
    child: &mut Extract,
    budget: &mut Budget,
    passwords: &[String],
) -> Result<(), DocumentError> {
    budget.enter()?;
    let read = fields(headers, child, budget).and_then(|()| contents(parts, depth, child, budget, passwords));
    budget.leave();
    read
}
