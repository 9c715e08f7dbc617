// SPDX-License-Identifier: EUPL-1.2
//! Header fields: unfolded, with encoded words decoded, for any bytes.

use std::borrow::Cow;

use mail_parser::parsers::MessageStream;
use memchr::memchr;

use super::Header;

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
    let plain = !text.contains("=?");
    if plain {
        return unfold(&text);
    }
    // The stream wants a line end of its own, and takes folding as part of the field.
    let line = format!("{}\r\n", unfold(&text));
    let mut stream = MessageStream::new(line.as_bytes());
    match stream.parse_unstructured() {
        mail_parser::HeaderValue::Text(value) => value.trim().to_owned(),
        _ => unfold(&text),
    }
}

fn unfold(text: &str) -> String {
    let text = text.trim();
    if memchr(b'\n', text.as_bytes()).is_none() {
        return text.to_owned();
    }
    text.replace("\r\n", "").replace('\n', "")
}

/// UTF-8 where it is, windows-1252 where it is not: what mail programs send as raw 8-bit.
pub fn decode_bytes(raw: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(raw) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(raw).0,
    }
}
