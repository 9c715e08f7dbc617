// SPDX-License-Identifier: EUPL-1.2
//! Plain text and its relatives: txt, csv, ics, vcf, html, xml. Charset: byte order mark, UTF-8, else a guess.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256};

use super::{Budget, DocumentError, Extract, xml};
use crate::mime;

pub(super) fn read(kind: &str, bytes: &[u8], extract: &mut Extract, budget: &mut Budget) -> Result<(), DocumentError> {
    // Text that cannot be kept need not be decoded; UTF-16 needs two bytes a character, markup more.
    let limit = budget.text.saturating_mul(4);
    let cut = bytes.len() > limit;
    let text = decode(bytes.get(..limit).unwrap_or(bytes));
    match kind {
        "html" => html("#body", "#hidden", &text, extract, budget)?,
        "xml" => xml_text(&text, extract, budget)?,
        "ics" | "vcf" => extract.say("#body", card_values(&text), budget)?,
        _ => extract.say("#body", text, budget)?,
    }
    if cut { Err(DocumentError::Budget) } else { Ok(()) }
}

/// Whether bytes are not text: control characters other than white space, unless they are UTF-16.
pub(super) fn looks_binary(head: &[u8]) -> bool {
    if utf16(head).is_some() {
        return false;
    }
    head.iter().any(|b| matches!(b, 0..=6 | 14..=26 | 28..=31))
}

/// Decodes text of unknown charset.
pub(super) fn decode(bytes: &[u8]) -> String {
    charset(bytes).decode(bytes).0.into_owned()
}

fn charset(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    if let Some(encoding) = utf16(bytes) {
        return encoding;
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => return UTF_8,
        // Cut within a character: still UTF-8.
        Err(error) if error.error_len().is_none() => return UTF_8,
        Err(error) if error.valid_up_to() > 512 && bytes.get(..error.valid_up_to()).is_some_and(|b| !b.is_ascii()) => {
            return UTF_8;
        }
        Err(_) => {}
    }
    // Latin text has few letters above ASCII; where most are, it is another script, here Arabic.
    let high = bytes.iter().filter(|b| **b >= 0xC0).count();
    let low = bytes.iter().filter(|b| b.is_ascii_alphabetic()).count();
    if high > low { WINDOWS_1256 } else { WINDOWS_1252 }
}

/// UTF-16 without a mark: nearly every other byte of western text is zero.
fn utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding != UTF_8).then_some(encoding);
    }
    let head = bytes.get(..512).unwrap_or(bytes);
    if head.len() < 8 {
        return None;
    }
    let zeros = |from: usize| head.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), head.len() / 2);
    if odd * 10 > half * 7 && even * 10 < half {
        Some(UTF_16LE)
    } else if even * 10 > half * 7 && odd * 10 < half {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// What a calendar or a card says, a line each, without the names of its properties: RFC 5545 §3.1 (a line break
/// followed by white space is no break) and §3.3.11 (escapes).
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
pub(super) fn html(
    place: &str,
    unseen: &str,
    html: &str,
    extract: &mut Extract,
    budget: &mut Budget,
) -> Result<(), DocumentError> {
    let page = mime::html::text(html);
    extract.say(place, page.shown, budget)?;
    extract.say(unseen, page.hidden, budget)
}

fn xml_text(text: &str, extract: &mut Extract, budget: &mut Budget) -> Result<(), DocumentError> {
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
    extract.say("#body", lines, budget)?;
    extract.say("#hidden", attributes, budget)?;
    // Half the world's .xml is HTML or worse; show it as it is when it is no XML.
    if outcome.is_err() { html("#body", "#hidden", text, extract, budget) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn charsets() {
        let rows: &[(&[u8], &str)] = &[
            ("é".as_bytes(), "é"),
            (b"\xEF\xBB\xBFabc", "abc"),
            (b"caf\xE9 noir", "café noir"),
            (b"\xFF\xFEh\x00\xE9\x00", "hé"),
            (b"h\x00e\x00l\x00l\x00o\x00", "hello"),
            (b"\xD3\xD1\xED \xCC\xCF\xC7", "سري جدا"),
        ];
        for (bytes, text) in rows {
            assert_eq!(decode(bytes), *text);
        }
    }

    #[test]
    fn folded_calendar_lines_are_joined() {
        assert_eq!(card_values("SUMMARY;LANGUAGE=fr:Con\r\n fidentiel\\, oui"), "Confidentiel, oui");
        assert_eq!(card_values("X-ALT-DESC;FMTTYPE=text/html:<p>SEC<!-- -->RET</p>"), "SECRET\n");
    }
}
