// SPDX-License-Identifier: EUPL-1.2
//! Plain text and its relatives: txt, csv, ics, vcf, html, xml.

use super::opening::Opening;
use super::{DocumentError, charset, xml};
use crate::mime;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    // Text that cannot be kept need not be decoded; UTF-16 needs two bytes a character, markup more.
    let limit = opening.budget.text.saturating_mul(4);
    let cut = bytes.len() > limit;
    let text = charset::decode(bytes.get(..limit).unwrap_or(bytes));
    match opening.kind {
        "html" => html("#body", "#hidden", &text, opening)?,
        "xml" => xml_text(&text, opening)?,
        "ics" | "vcf" => opening.say("#body", card_values(&text))?,
        _ => opening.say("#body", text)?,
    }
    if cut { Err(DocumentError::Budget) } else { Ok(()) }
}

/// What a calendar or a card says, a line each, without the names of its properties: RFC 5545 §3.1 (a line break
/// followed by white space is not a break) and §3.3.11 (escapes).
pub fn card_values(text: &str) -> String {
    let text = text.replace("\r\n", "\n").replace("\n ", "").replace("\n\t", "");
    let value = |line: &str| {
        let value = line.split_once(':').map_or(line, |(_, value)| value);
        // X-ALT-DESC of Outlook.
        if value.trim_start().starts_with('<') {
            let page = mime::html::text(value);
            return format!("{}\n{}", page.shown.trim_end(), page.hidden);
        }
        value.replace("\\n", "\n").replace("\\N", "\n").replace("\\,", ",").replace("\\;", ";")
    };
    text.lines().map(value).collect::<Vec<_>>().join("\n")
}

/// A document of HTML: what it shows at one place, what it sends unseen at another.
pub(super) fn html(place: &str, unseen: &str, html: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let page = mime::html::text(html);
    opening.say(place, page.shown)?;
    opening.say(unseen, page.hidden)
}

fn xml_text(text: &str, opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut lines = String::new();
    let mut attributes = String::new();
    let outcome = xml::walk(text, &mut |node| match node {
        xml::Node::Text(text) if !text.trim().is_empty() => {
            lines.push_str(text.trim());
            lines.push('\n');
        }
        xml::Node::Start(element) => {
            for (_, value) in element.attributes() {
                if value.contains(' ') {
                    attributes.push_str(&value);
                    attributes.push('\n');
                }
            }
        }
        _ => {}
    });
    opening.say("#body", lines)?;
    opening.say("#hidden", attributes)?;
    // Half the world's .xml is HTML or worse; show it as it is when it is not XML.
    if outcome.is_err() { html("#body", "#hidden", text, opening) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folded_calendar_lines_are_joined() {
        assert_eq!(card_values("SUMMARY;LANGUAGE=fr:Con\r\n fidentiel\\, oui"), "Confidentiel, oui");
        assert_eq!(card_values("X-ALT-DESC;FMTTYPE=text/html:<p>SEC<!-- -->RET</p>"), "SECRET\n");
    }
}
