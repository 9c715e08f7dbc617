// SPDX-License-Identifier: EUPL-1.2
//! Plain text and its relatives: txt, csv, ics, vcf, html, xml.

use super::opening::Opening;
use super::{DocumentError, flat, xml};
use crate::mime::{self, charset, hidden};

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    // Text that cannot be kept need not be decoded; UTF-16 needs two bytes a character, markup more.
    let limit = opening.budget.text.saturating_mul(4);
    let cut = bytes.len() > limit;
    let bytes = bytes.get(..limit).unwrap_or(bytes);
    match opening.kind {
        "html" => {
            let text = charset::decode_markup(bytes, None);
            html("#body", "#hidden", &text, opening)?;
            files(bytes, &text, opening)?;
        }
        "xml" => {
            let text = charset::decode_markup(bytes, None);
            flat::read(&text, opening).unwrap_or_else(|| xml_text(&text, opening))?;
        }
        "ics" | "vcf" => {
            let card = mime::card::read(bytes, None);
            opening.say("#body", card.text)?;
            for (name, content) in card.files {
                opening.room_for_a_file()?;
                opening.paid_child(name.as_deref().unwrap_or("inline"), &content)?;
            }
        }
        _ => {
            let text = charset::decode(bytes, None);
            files(bytes, &text, opening)?;
            opening.say("#body", text)?;
        }
    }
    if cut { Err(DocumentError::Budget) } else { Ok(()) }
}

/// Files that stand encoded in a text.
fn files(bytes: &[u8], text: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut found: Vec<_> = hidden::encoded_twice(bytes).into_iter().collect();
    if hidden::may_hold_files(bytes) {
        found.extend(hidden::files_in(text));
        found.extend(hidden::yencoded(bytes));
    }
    for file in found {
        opening.room_for_a_file()?;
        opening.paid_child(file.name.as_deref().unwrap_or(&file.how), &file.bytes)?;
    }
    Ok(())
}

/// A document of HTML: what it shows at one place, what it sends unseen at another.
pub(super) fn html(place: &str, unseen: &str, html: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let page = mime::html::text(html);
    opening.say(place, page.shown)?;
    opening.say(unseen, page.hidden)
}

/// Elements whose text is one line, however it is cut inside: paragraphs of most vocabularies, shapes of Visio.
const LINES: &[&str] = &["p", "P", "para", "Para", "Text", "h", "li", "td", "title"];

fn xml_text(text: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut lines = String::new();
    let mut attributes = String::new();
    let mut open = 0usize;
    let outcome = xml::walk(text, &mut |node| match node {
        xml::Node::Text(text) if open > 0 => lines.push_str(text),
        xml::Node::Text(text) if !text.trim().is_empty() => {
            lines.push_str(text.trim());
            lines.push('\n');
        }
        xml::Node::Start(element) => {
            open += usize::from(LINES.contains(&element.name));
            for (name, value) in element.attributes() {
                if name == "UnicodeString" {
                    // XPS (ECMA-388 §5.1): a run of glyphs; `{}` before it escapes a brace.
                    lines.push_str(value.strip_prefix("{}").unwrap_or(&value));
                    lines.push('\n');
                } else if value.contains(' ') {
                    attributes.push_str(&value);
                    attributes.push('\n');
                }
            }
        }
        xml::Node::End(name) if LINES.contains(&name) => {
            open = open.saturating_sub(1);
            lines.push('\n');
        }
        _ => {}
    });
    opening.say("#body", lines)?;
    opening.say("#hidden", attributes)?;
    // Half the world's .xml is HTML or worse; show it as it is when it is not XML.
    if outcome.is_err() { html("#body", "#hidden", text, opening) } else { Ok(()) }
}
