// SPDX-License-Identifier: EUPL-1.2
//! XML cut into tags and text, each as written: nothing is expanded, nothing is fetched, every piece is bounded.

use std::borrow::Cow;
use std::io::Read;

use crate::document::xml::entity;
use crate::lists::rows::{Feed, RowsError};

/// Bytes of one tag or text; a cell holds 32,767 letters at most.
const MAX_PIECE: usize = 1 << 20;

/// What stands between two borders of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// `<name …>` or `<name …/>`.
    Open,
    Close,
    /// Text with its entities.
    Text,
    /// `<![CDATA[…]]>`.
    Data,
    /// Comments, declarations, processing instructions.
    Other,
}

/// Reads pieces.
pub struct Scan<R> {
    feed: Feed<R>,
    /// The last piece, as written.
    pub raw: Vec<u8>,
}

impl<R: Read> Scan<R> {
    pub fn new(source: R) -> Scan<R> {
        Scan { feed: Feed::new(source), raw: Vec::new() }
    }

    /// Reads the next piece into `raw`; `None` at the end.
    ///
    /// # Errors
    /// Where a piece is too large or cut off.
    pub fn piece(&mut self) -> Result<Option<Piece>, RowsError> {
        self.raw.clear();
        let Some(first) = self.feed.byte()? else { return Ok(None) };
        self.raw.push(first);
        if first != b'<' {
            loop {
                let available = self.feed.available()?;
                let until = memchr::memchr(b'<', available).unwrap_or(available.len());
                self.raw.extend_from_slice(&available[..until]);
                let is_end = until == 0;
                self.feed.consume(until);
                self.check()?;
                if is_end {
                    return Ok(Some(Piece::Text));
                }
            }
        }
        let mut quote = None;
        while let Some(byte) = self.feed.byte()? {
            self.raw.push(byte);
            self.check()?;
            match self.raw.get(..4).unwrap_or(&self.raw) {
                b"<!--" => {
                    if byte == b'>' && self.raw.len() >= 7 && self.raw.ends_with(b"-->") {
                        return Ok(Some(Piece::Other));
                    }
                }
                b"<![C" => {
                    if byte == b'>' && self.raw.ends_with(b"]]>") {
                        return Ok(Some(Piece::Data));
                    }
                }
                _ => match (byte, quote) {
                    (b'"' | b'\'', None) => quote = Some(byte),
                    (_, Some(open)) if byte == open => quote = None,
                    (b'>', None) => {
                        return Ok(Some(match self.raw[1] {
                            b'/' => Piece::Close,
                            b'?' | b'!' => Piece::Other,
                            _ => Piece::Open,
                        }));
                    }
                    _ => {}
                },
            }
        }
        Err(RowsError::Workbook("a sheet is cut off"))
    }

    fn check(&self) -> Result<(), RowsError> {
        if self.raw.len() > MAX_PIECE { Err(RowsError::Workbook("a cell is larger than 1 MiB")) } else { Ok(()) }
    }
}

/// The name of a tag without its prefix.
pub fn local_name(tag: &[u8]) -> &[u8] {
    let inner = tag.trim_ascii_start();
    let inner = inner.strip_prefix(b"<").unwrap_or(inner);
    let inner = inner.strip_prefix(b"/").unwrap_or(inner);
    let end = inner.iter().position(|b| b.is_ascii_whitespace() || matches!(b, b'>' | b'/')).unwrap_or(inner.len());
    let name = &inner[..end];
    memchr::memrchr(b':', name).map_or(name, |colon| &name[colon + 1..])
}

/// Whether a tag opens and closes at once.
pub fn is_closed(tag: &[u8]) -> bool {
    tag.ends_with(b"/>")
}

/// The first attribute of this local name.
pub fn attribute<'t>(tag: &'t [u8], name: &str) -> Option<Cow<'t, str>> {
    attribute_place(tag, name).map(|(from, to)| unescape(&tag[from..to]))
}

/// Where an attribute's value stands in its tag.
pub fn attribute_place(tag: &[u8], name: &str) -> Option<(usize, usize)> {
    let mut at = tag.iter().position(u8::is_ascii_whitespace)?;
    while at < tag.len() {
        at += tag[at..].iter().position(|b| !b.is_ascii_whitespace())?;
        let equals = at + memchr::memchr(b'=', &tag[at..])?;
        let open = equals + 1 + tag[equals + 1..].iter().position(|b| matches!(b, b'"' | b'\''))?;
        let close = open + 1 + memchr::memchr(tag[open], &tag[open + 1..])?;
        let found = tag[at..equals].trim_ascii();
        let local = memchr::memrchr(b':', found).map_or(found, |colon| &found[colon + 1..]);
        if local == name.as_bytes() {
            return Some((open + 1, close));
        }
        at = close + 1;
    }
    None
}

/// Text with the predefined entities and character references resolved.
pub fn unescape(raw: &[u8]) -> Cow<'_, str> {
    let text = String::from_utf8_lossy(raw);
    if !text.contains('&') {
        return text;
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.as_ref();
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        // Entities are short: a lone `&` does not search the whole text.
        let end = after.bytes().take(12).position(|b| b == b';');
        match end.and_then(|end| Some((entity(&after[..end])?, end))) {
            Some((letter, end)) => {
                plain.push(letter);
                rest = &after[end + 1..];
            }
            None => {
                plain.push('&');
                rest = after;
            }
        }
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// Text as XML writes it.
pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(xml: &[u8]) -> Vec<(Piece, String)> {
        let mut scan = Scan::new(xml);
        let mut all = Vec::new();
        while let Ok(Some(piece)) = scan.piece() {
            all.push((piece, String::from_utf8_lossy(&scan.raw).into_owned()));
        }
        all
    }

    #[test]
    fn a_document_falls_into_its_pieces() {
        use Piece::*;
        let read = pieces(b"<?xml v='1'?><!-- <a> --><x:a r:id=\">\">t&amp;<b/><![CDATA[<]]></x:a>");
        let kinds: Vec<Piece> = read.iter().map(|(piece, _)| *piece).collect();
        assert_eq!(kinds, [Other, Other, Open, Text, Open, Data, Close]);
        assert_eq!((local_name(read[2].1.as_bytes()), local_name(b"</x:a>")), (&b"a"[..], &b"a"[..]));
        assert_eq!(attribute(read[2].1.as_bytes(), "id").unwrap(), ">");
        assert_eq!(unescape(b"t&amp;&#233;&x"), "t&é&x");
    }

    #[test]
    fn pieces_are_bounded() {
        let mut scan = Scan::new(std::io::repeat(b'x'));
        assert!(scan.piece().is_err());
        let mut scan = Scan::new(&b"<a b=\""[..]);
        assert!(scan.piece().is_err());
    }

    proptest! {
        #[test]
        fn nothing_is_lost(xml in prop::collection::vec(prop::sample::select(&b"<>a/\"'= !-[]?"[..]), 0..60)) {
            let mut scan = Scan::new(&xml[..]);
            let mut back = Vec::new();
            while let Ok(Some(piece)) = scan.piece() {
                if piece == Piece::Open {
                    attribute(&scan.raw, "a");
                    local_name(&scan.raw);
                }
                back.extend_from_slice(&scan.raw);
            }
            prop_assert!(xml.starts_with(&back));
        }
    }
}
