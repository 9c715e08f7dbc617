// SPDX-License-Identifier: EUPL-1.2
//! Header fields: unfolded, with encoded words decoded, for any bytes.

use std::borrow::Cow;

use memchr::memchr;

use super::transfer::{lenient_base64, lenient_quoted_printable, percent_decoded};
use super::{Header, charset};

/// The value of the first field of that name.
pub fn first<'a>(headers: &'a [Header], name: &str) -> Option<&'a str> {
    headers.iter().find(|h| h.name.eq_ignore_ascii_case(name)).map(|h| h.value.as_str())
}

/// Reads one field from its raw value (all after the colon, folding included).
pub fn read(name: &str, raw: &[u8]) -> Header {
    Header { name: name.to_owned(), value: value(raw) }
}

/// Unfolds (RFC 5322 §2.2.3), decodes encoded words (RFC 2047) and raw 8-bit.
pub fn value(raw: &[u8]) -> String {
    let text = decode_bytes(raw);
    let text = unfold(&text);
    if text.contains("=?") { words(&text) } else { text }
}

/// Encoded words that follow one another in one charset.
struct Run<'a> {
    charset: &'a str,
    octets: Vec<u8>,
    /// Base64 as written: cut between two words it is whole again.
    base64: String,
}

impl Run<'_> {
    fn add(&mut self, is_base64: bool, encoded: &str) {
        if is_base64 {
            return self.base64.push_str(encoded);
        }
        self.end_base64();
        self.octets.extend(lenient_quoted_printable(encoded.replace('_', " ").as_bytes()));
    }

    fn end_base64(&mut self) {
        self.octets.extend(lenient_base64(std::mem::take(&mut self.base64).as_bytes()));
    }

    fn end(mut self, out: &mut String) {
        self.end_base64();
        out.push_str(&charset::decode(&self.octets, Some(self.charset)));
    }
}

/// RFC 2047 §6.2, leniently: words that follow one another are joined before their octets are decoded, since many
/// programs cut them inside a letter (which §5 forbids).
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut run: Option<Run<'_>> = None;
    let mut rest = text;
    while let Some(at) = rest.find("=?") {
        let (before, from) = rest.split_at(at);
        let Some((charset, is_base64, encoded, after)) = word(from) else {
            if let Some(run) = run.take() {
                run.end(&mut out);
            }
            out.push_str(before);
            out.push_str("=?");
            rest = from.get(2..).unwrap_or_default();
            continue;
        };
        let follows =
            run.as_ref().is_some_and(|run| before.trim().is_empty() && run.charset.eq_ignore_ascii_case(charset));
        if let Some(run) = run.as_mut().filter(|_| follows) {
            run.add(is_base64, encoded);
        } else {
            let between_words = run.is_some() && before.trim().is_empty();
            if let Some(run) = run.take() {
                run.end(&mut out);
            }
            if !between_words {
                out.push_str(before);
            }
            let mut next = Run { charset, octets: Vec::new(), base64: String::new() };
            next.add(is_base64, encoded);
            run = Some(next);
        }
        rest = after;
    }
    if let Some(run) = run.take() {
        run.end(&mut out);
    }
    out.push_str(rest);
    // A fold is white space, whichever (RFC 5322 §2.2.3).
    out.trim().replace('\t', " ")
}

/// `=?charset*language?encoding?text?=` at the head of a text, and what follows it.
fn word(text: &str) -> Option<(&str, bool, &str, &str)> {
    let (charset, rest) = text.get(2..)?.split_once('?')?;
    let (encoding, rest) = rest.split_once('?')?;
    // In Q the text itself may end in `=`, and `?=` ends the word all the same.
    let (encoded, after) = rest.split_once("?=")?;
    let is_base64 = match encoding.trim() {
        "B" | "b" => true,
        "Q" | "q" => false,
        _ => return None,
    };
    let charset = charset.split('*').next().unwrap_or(charset).trim();
    let plausible = !charset.is_empty() && charset.len() < 60 && !charset.contains(char::is_whitespace);
    (plausible && (!encoded.contains('?') || !is_base64)).then_some((charset, is_base64, encoded, after))
}

/// A parameter of a field such as Content-Type (RFC 2045 §5.1), its pieces put together in octets before they are
/// decoded (RFC 2231 §3, §4).
pub fn parameter(value: &str, name: &str) -> Option<String> {
    let mut pieces: Vec<(u32, bool, String)> = Vec::new();
    for (key, text) in parameters(value) {
        let key = key.to_ascii_lowercase();
        let Some(rest) = key.strip_prefix(name) else { continue };
        if rest.is_empty() {
            return Some(if text.contains("=?") { words(&text) } else { text });
        }
        let Some(rest) = rest.strip_prefix('*') else { continue };
        let (number, extended) = match rest.strip_suffix('*') {
            Some(number) => (number, true),
            None => (rest, rest.is_empty()),
        };
        if let Ok(number) = if number.is_empty() { Ok(0) } else { number.parse() } {
            pieces.push((number, extended, text));
        }
    }
    pieces.sort_by_key(|(number, ..)| *number);
    let mut charset = None;
    let mut octets = Vec::new();
    for (number, extended, text) in pieces {
        let mut text = text.as_str();
        if number == 0 && extended {
            let mut parts = text.splitn(3, '\'');
            if let (Some(name), Some(_), Some(rest)) = (parts.next(), parts.next(), parts.next()) {
                charset = Some(name.to_owned());
                text = rest;
            }
        }
        octets.extend(if extended { percent_decoded(text.as_bytes()) } else { text.as_bytes().to_vec() });
    }
    let text = charset::decode(&octets, charset.as_deref().filter(|name| !name.is_empty()));
    (!text.is_empty()).then_some(text)
}

/// The parameters as written, without their quotation marks.
fn parameters(value: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    while found.len() < 100
        && let Some((key, after)) = rest.split_once('=')
    {
        let key = key.trim_start_matches(|c: char| c == ';' || c.is_whitespace()).trim().to_owned();
        let after = after.trim_start();
        let mut text = String::new();
        if let Some(quoted) = after.strip_prefix('"') {
            let mut end = quoted.len();
            let mut escaped = false;
            for (at, c) in quoted.char_indices() {
                match c {
                    '\\' if !escaped => escaped = true,
                    '"' if !escaped => {
                        end = at + 1;
                        break;
                    }
                    c => {
                        text.push(c);
                        escaped = false;
                    }
                }
            }
            rest = quoted.get(end..).unwrap_or_default();
            rest = rest.find(';').and_then(|at| rest.get(at..)).unwrap_or_default();
        } else {
            let end = after.find(';').unwrap_or(after.len());
            text.push_str(after.get(..end).unwrap_or_default().trim());
            rest = after.get(end..).unwrap_or_default();
        }
        found.push((key, text));
    }
    found
}

fn unfold(text: &str) -> String {
    let text = text.trim();
    if memchr(b'\n', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    text.replace("\r\n", "").replace('\n', "")
}

/// Raw 8-bit in a header or around the parts, of no declared charset.
pub fn decode_bytes(raw: &[u8]) -> Cow<'_, str> {
    charset::decode_borrowed(raw)
}

/// Where a header section ends for Postfix and others: at the first line that is neither a field nor the continuation
/// of one (mime_state.c, is_header.c); the offset of that line. What follows it is the body that everybody sees.
pub fn broken_at(section: &[u8]) -> Option<usize> {
    let mut at = 0;
    for line in section.split_inclusive(|b| *b == b'\n') {
        let is_continuation = at > 0 && matches!(line.first(), Some(b' ' | b'\t'));
        // A separator of mailboxes is passed over at the head.
        let is_separator = at == 0 && (line.starts_with(b"From ") || line.starts_with(b">From "));
        if matches!(line, b"\n" | b"\r\n") {
            return None;
        }
        let name = memchr(b':', line).and_then(|colon| line.get(..colon)).unwrap_or_default().trim_ascii_end();
        let is_field = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
        if !is_field && !is_continuation && !is_separator {
            return Some(at);
        }
        at += line.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_words_are_joined_before_they_are_decoded() {
        for (raw, text) in [
            ("Note =?UTF-8?Q?TR=C3?= =?utf-8?Q?=88S_SECRET?=", "Note TRÈS SECRET"),
            ("=?utf-8?B?VFLD?=\r\n =?utf-8?B?iFM=?= fin", "TRÈS fin"),
            ("=?utf-8?B?VFL?= =?utf-8?B?DiFM=?=", "TRÈS"),
            ("=?iso-8859-1?Q?=C9t=E9?= =?utf-8?Q?_=C3=A9?=", "Été é"),
            ("=?UTF-8?Q?D=C3?=\r\n =?utf-8?b?iUZFTlNF?=", "DÉFENSE"),
            ("=?utf-8*fr?q? a b ?=", "a b"),
            ("a =? b", "a =? b"),
            ("=?windows-1256?Q?=D3=D1=ED?=", "سري"),
            ("=?x?Z?a?= b", "=?x?Z?a?= b"),
        ] {
            assert_eq!(value(raw.as_bytes()), text, "{raw}");
        }
    }

    #[test]
    fn parameters_in_pieces_are_joined_in_octets() {
        let split = "attachment; filename*0*=utf-8''TR%C3; filename*1*=%88S%20SECRET; filename*2=\".pdf\"";
        assert_eq!(parameter(split, "filename").as_deref(), Some("TRÈS SECRET.pdf"));
        let plain = "text/plain; charset = \"us;ascii\" ; Name=a\\b; x";
        assert_eq!(parameter(plain, "charset").as_deref(), Some("us;ascii"));
        assert_eq!(parameter(plain, "name").as_deref(), Some("a\\b"));
        assert_eq!(parameter("inline", "filename"), None);
    }

    #[test]
    fn a_line_that_is_no_field_ends_the_header() {
        assert_eq!(broken_at(b"A: b\r\n c\r\nB : d\r\n\r\nx"), None);
        assert_eq!(broken_at(b"From a@b\r\nA: b\r\n"), None);
        assert_eq!(broken_at(b"A: b\r\nSECRET\r\n\r\n"), Some(6));
        assert_eq!(broken_at(b"A: b\r\n \r\nSECRET\r\n"), Some(9));
        assert_eq!(broken_at(b"SECRET\r\n"), Some(0));
    }
}
