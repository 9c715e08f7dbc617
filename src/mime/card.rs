// SPDX-License-Identifier: EUPL-1.2
//! Calendars and cards (RFC 5545, RFC 6350, vCalendar 1.0, vCard 2.1): what they say, and the files inline in them.
//!
//! The order is the formats' own: lines are unfolded in octets (a fold may stand inside a letter, RFC 5545 §3.1), then
//! a value's encoding is undone, then its charset.

use super::charset;
use super::html;
use super::transfer::{lenient_base64, lenient_quoted_printable, percent_decoded};

/// Files taken out of one card.
const MOST: usize = 50;

/// A calendar or a card, read.
#[derive(Debug, Default)]
pub struct Card {
    /// The values, a line each, without the names of their properties.
    pub text: String,
    /// Values that are files: name, if it has one, and content.
    pub files: Vec<(Option<String>, Vec<u8>)>,
}

/// Reads a calendar or a card.
pub fn read(bytes: &[u8], declared: Option<&str>) -> Card {
    let bytes = if charset::is_wide(bytes) { charset::decode(bytes, None).into_bytes() } else { bytes.to_vec() };
    let text = charset::decode(&unfolded(&bytes), declared);
    let mut card = Card::default();
    for (index, line) in text.lines().enumerate() {
        if index > 0 {
            card.text.push('\n');
        }
        property(line, &mut card);
    }
    card
}

/// RFC 5545 §3.1: a line break followed by white space is none. vCard 2.1 §2.1.3: nor is one behind `=` in
/// quoted-printable.
fn unfolded(bytes: &[u8]) -> Vec<u8> {
    let mut out: Vec<u8> = Vec::with_capacity(bytes.len());
    let (mut line_start, mut soft) = (0, false);
    for line in bytes.split(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.split_first() {
            Some((b' ' | b'\t', rest)) if !out.is_empty() => out.extend_from_slice(rest),
            _ if soft => out.extend_from_slice(line),
            _ => {
                if !out.is_empty() {
                    out.push(b'\n');
                }
                line_start = out.len();
                out.extend_from_slice(line);
            }
        }
        let head = out.get(line_start..).unwrap_or_default();
        let head = head.get(..200).unwrap_or(head);
        soft = line.ends_with(b"=")
            && head.split(|b| *b == b':').next().is_some_and(|head| contains(head, b"QUOTED-PRINTABLE"));
        if soft {
            out.pop();
        }
    }
    out
}

fn contains(head: &[u8], word: &[u8]) -> bool {
    head.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
}

fn property(line: &str, card: &mut Card) {
    let (head, value) = split(line);
    let mut parameters = head.split(';').skip(1).map(|parameter| {
        let (name, value) = parameter.split_once('=').unwrap_or(("", parameter));
        (name.trim().to_ascii_uppercase(), value.trim().trim_matches('"'))
    });
    let (mut encoding, mut charset, mut name) = ("", None, None);
    for (key, word) in &mut parameters {
        match key.as_str() {
            "ENCODING" | "" if ["QUOTED-PRINTABLE", "BASE64", "B"].iter().any(|e| word.eq_ignore_ascii_case(e)) => {
                encoding = word;
            }
            "CHARSET" => charset = Some(word),
            "FILENAME" | "X-FILENAME" | "X-APPLE-FILENAME" | "X-ORACLE-FILENAME" | "X-NAME" => {
                name = Some(word.to_owned());
            }
            _ => {}
        }
    }
    if encoding.eq_ignore_ascii_case("BASE64") || encoding.eq_ignore_ascii_case("B") {
        return file(name, lenient_base64(value.as_bytes()), card);
    }
    if let Some(data) = value.trim_start().strip_prefix("data:") {
        // RFC 2397.
        let (head, data) = data.split_once(',').unwrap_or(("", data));
        let octets = percent_decoded(data.as_bytes());
        let is_base64 = head.to_ascii_lowercase().ends_with(";base64");
        return file(name, if is_base64 { lenient_base64(&octets) } else { octets }, card);
    }
    let decoded;
    let value = if encoding.is_empty() {
        value
    } else {
        decoded = charset::decode(&lenient_quoted_printable(value.as_bytes()), charset);
        &decoded
    };
    // X-ALT-DESC of Outlook.
    if value.trim_start().starts_with('<') {
        let page = html::text(value);
        card.text.push_str(page.shown.trim_end());
        card.text.push('\n');
        card.text.push_str(&page.hidden);
    } else {
        // RFC 5545 §3.3.11.
        let value = value.replace("\\n", "\n").replace("\\N", "\n").replace("\\,", ",").replace("\\;", ";");
        card.text.push_str(&value);
    }
}

fn file(name: Option<String>, content: Vec<u8>, card: &mut Card) {
    if !content.is_empty() && card.files.len() < MOST {
        card.files.push((name, content));
    }
}

/// A property's name with its parameters, and its value: a colon in quotation marks parts nothing.
fn split(line: &str) -> (&str, &str) {
    let mut quoted = false;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            ':' if !quoted => return (line.get(..at).unwrap_or_default(), line.get(at + 1..).unwrap_or_default()),
            _ => {}
        }
    }
    match line.split_once(':') {
        Some(parts) => parts,
        None => ("", line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unfolded_then_decoded() {
        for (card, text) in [
            (&b"SUMMARY;LANGUAGE=fr:Con\r\n fidentiel\\, oui"[..], "Confidentiel, oui"),
            (b"SUMMARY:TR\xC3\r\n \x88S SECRET", "TRÈS SECRET"),
            (b"NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=UTF-8:TR=C3=88S=\r\n SECRET=\r\nENCORE", "TRÈSSECRETENCORE"),
            (b"NOTE;QUOTED-PRINTABLE:caf=E9", "café"),
            (b"X-ALT-DESC;FMTTYPE=text/html:<p>SEC<!-- -->RET</p>", "SECRET\n"),
            (b"ATTENDEE;CN=\"a:b\":mailto:x@y.example", "mailto:x@y.example"),
        ] {
            assert_eq!(read(card, None).text, text);
        }
        assert_eq!(read(b"SUMMARY:caf\xC9", Some("cp850")).text, "caf╔");
    }

    #[test]
    fn files_inline_are_taken_out() {
        let card = read(
            b"BEGIN:VEVENT\nATTACH;ENCODING=BASE64;VALUE=BINARY;FILENAME=\"a.txt\":U0VD\n UkVU\nATTACH:data:text/plain;base64,U0VDUkVU\nPHOTO;ENCODING=b;TYPE=JPEG:/9j/\n",
            None,
        );
        assert_eq!(card.files.len(), 3);
        assert_eq!(card.files[0], (Some("a.txt".to_owned()), b"SECRET".to_vec()));
        assert_eq!(card.files[1].1, b"SECRET");
        assert!(!card.text.contains("U0VD"));
    }
}
