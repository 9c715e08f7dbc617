// SPDX-License-Identifier: EUPL-1.2
//! Messages as files (RFC 5322): header fields, bodies, attachments as children.

use mail_parser::{MessageParser, MimeHeaders, PartType};

use super::{Budget, Extract, Fault};

/// Parts of one message that are looked at.
const PARTS: usize = 5_000;

pub(super) fn read(
    bytes: &[u8],
    extract: &mut Extract,
    budget: &mut Budget,
    passwords: &[String],
) -> Result<(), Fault> {
    let message = MessageParser::default().parse(bytes).ok_or(Fault::Broken)?;
    if message.parts.len() > PARTS {
        return Err(Fault::Budget);
    }
    for (name, raw) in message.headers_raw().take(500) {
        let place = format!("/header:{name}");
        match name.to_ascii_lowercase().as_str() {
            "subject" => extract.say("/subject", message.subject().unwrap_or(raw).to_owned(), budget)?,
            "received" | "dkim-signature" | "arc-seal" | "arc-message-signature" => {}
            _ => extract.say(&place, raw.trim().replace("\r\n", ""), budget)?,
        }
    }
    for (index, part) in message.parts.iter().enumerate() {
        let name = part.attachment_name();
        let is_file = part.content_disposition().is_some_and(mail_parser::ContentType::is_attachment) || name.is_some();
        let name = name.map_or_else(|| format!("part{index}"), str::to_owned);
        match &part.body {
            PartType::Multipart(_) => {}
            PartType::Text(text) if !is_file => extract.say("/body", text.to_string(), budget)?,
            PartType::Html(html) if !is_file => {
                extract.say("/body:html", nanohtml2text::html2text(html), budget)?;
            }
            PartType::Message(inner) => {
                let raw = inner.raw_message();
                let raw = raw.get(inner.root_part().raw_header_offset() as usize..).unwrap_or(raw);
                budget.spend(raw.len())?;
                extract.child(&name, raw, budget, passwords);
            }
            PartType::Text(_) | PartType::Html(_) | PartType::Binary(_) | PartType::InlineBinary(_) => {
                budget.spend(part.contents().len())?;
                extract.child(&name, part.contents(), budget, passwords);
            }
        }
    }
    Ok(())
}
