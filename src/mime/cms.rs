// SPDX-License-Identifier: EUPL-1.2
//! The Cryptographic Message Syntax (RFC 5652) as far as a reader without keys gets: what kind of content it is, told
//! by the object identifier in the bytes, and the content itself where it stands in clear (RFC 8551 §3.4.2, §3.6).
//!
//! Own code and no crate: of the whole syntax three fields are read, and the crates for DER refuse the indefinite
//! lengths of BER that mail programs write for long contents (RFC 5652 §5.2). Nothing is verified.

use std::borrow::Cow;

use memchr::memmem;

use super::transfer::lenient_base64;

/// What stands inside.
#[derive(Debug, PartialEq, Eq)]
pub enum Cms {
    /// Signed, digested or time-stamped: the content is in clear.
    Clear(Vec<u8>),
    /// Compressed with ZLIB (RFC 3274): the stream.
    Compressed(Vec<u8>),
    /// For the holders of a key only.
    Encrypted,
    /// A signature or certificates without a content.
    Bare,
}

/// Levels of constructed strings; writers need one, BER allows any number.
const DEPTH: u32 = 8;
/// Elements walked over: more than any content cut in pieces of a kilobyte within the largest mail.
const ELEMENTS: u32 = 200_000;

/// Whether bytes are a CMS object, in BER, PEM or bare base64.
pub fn is_cms(bytes: &[u8]) -> bool {
    let head = bytes.get(..512).unwrap_or(bytes);
    if head.first() == Some(&0x30) {
        return content_type(head).is_some();
    }
    armoured(head, head.len()).is_some_and(|plain| content_type(&plain).is_some())
}

/// Reads an object; `None` where it is none.
pub fn read(bytes: &[u8]) -> Option<Cms> {
    let plain = match bytes.first()? {
        0x30 => Cow::Borrowed(bytes),
        _ => Cow::Owned(armoured(bytes, bytes.len())?),
    };
    let (kind, content) = content_type(&plain)?;
    let mut walk = Walk { left: ELEMENTS };
    Some(match kind {
        Kind::Encrypted => Cms::Encrypted,
        Kind::Clear | Kind::Compressed => {
            let inner = walk.encapsulated(content).filter(|inner| !inner.is_empty());
            match (inner, kind) {
                (Some(inner), Kind::Compressed) => Cms::Compressed(inner),
                (Some(inner), _) => Cms::Clear(inner),
                (None, _) => Cms::Bare,
            }
        }
    })
}

#[derive(Clone, Copy)]
enum Kind {
    Clear,
    Compressed,
    Encrypted,
}

/// The arcs 1.2.840.113549.1.7 (PKCS #7) and 1.2.840.113549.1.9.16.1 (S/MIME content types).
const PKCS7: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07];
const SMIME: &[u8] = &[0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x10, 0x01];

/// The kind by the identifier, and the bytes from the content's own element on.
fn content_type(bytes: &[u8]) -> Option<(Kind, &[u8])> {
    let outer = Element::read(bytes)?;
    let identifier = (outer.tag == 0x30).then(|| Element::read(outer.rest)).flatten().filter(|id| id.tag == 0x06)?;
    let length = identifier.length.filter(|length| *length <= 16)?;
    let (name, after) = identifier.rest.split_at_checked(length)?;
    let kind = match (name.strip_prefix(PKCS7), name.strip_prefix(SMIME)) {
        (Some([2 | 5]), _) => Kind::Clear,
        (Some([3 | 4 | 6]), _) => Kind::Encrypted,
        // id-ct-authData (in clear), id-ct-timestampedData, id-ct-compressedData, id-ct-authEnvelopedData.
        (_, Some([2 | 31])) => Kind::Clear,
        (_, Some([9])) => Kind::Compressed,
        (_, Some([23])) => Kind::Encrypted,
        _ => return None,
    };
    let explicit = Element::read(after).filter(|element| element.tag == 0xA0)?;
    Some((kind, explicit.rest))
}

/// One element's head: its tag, its length (`None`: up to the end mark) and all bytes after the head.
struct Element<'a> {
    tag: u8,
    length: Option<usize>,
    rest: &'a [u8],
}

impl<'a> Element<'a> {
    /// X.690 §8.1. Tags of several octets do not occur in CMS.
    fn read(bytes: &'a [u8]) -> Option<Element<'a>> {
        let (tag, rest) = bytes.split_first()?;
        let (first, rest) = rest.split_first()?;
        if tag & 0x1F == 0x1F {
            return None;
        }
        let octets = usize::from(first & 0x7F);
        let (length, rest) = match first {
            0x80 => (None, rest),
            length if length & 0x80 == 0 => (Some(usize::from(*length)), rest),
            _ if octets > 8 => return None,
            _ => {
                let (length, rest) = rest.split_at_checked(octets)?;
                let length =
                    length.iter().try_fold(0usize, |sum, b| sum.checked_mul(256)?.checked_add(usize::from(*b)))?;
                (Some(length), rest)
            }
        };
        Some(Element { tag: *tag, length, rest })
    }

    /// The content where its length is told; as much of it as came.
    fn content(&self) -> &'a [u8] {
        self.length.and_then(|length| self.rest.get(..length)).unwrap_or(self.rest)
    }
}

struct Walk {
    left: u32,
}

impl Walk {
    /// The encapsulated content of a signed, digested, compressed or time-stamped structure. It is the first octet
    /// string inside, directly or behind the identifier of its type.
    fn encapsulated(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut rest = Element::read(bytes).filter(|element| element.tag == 0x30)?.rest;
        // version, then algorithms or a URI, then the content: certificates stand behind it.
        for _ in 0..6 {
            let element = Element::read(rest)?;
            match element.tag {
                0x04 | 0x24 => return self.octets(&element),
                0x30 => {
                    let inner = Element::read(element.content())?;
                    if let Some(identifier) = inner.length.filter(|_| inner.tag == 0x06) {
                        let after = inner.rest.get(identifier..)?;
                        match Element::read(after) {
                            // An algorithm's parameters are never [0].
                            Some(explicit) if explicit.tag == 0xA0 => {
                                let content = Element::read(explicit.rest)?;
                                return match content.tag {
                                    0x04 | 0x24 => self.octets(&content),
                                    // PKCS #7 version 1.5 §7: any type.
                                    _ => Some(content.content().to_vec()),
                                };
                            }
                            _ if is_content_type(inner.content()) => return None,
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
            rest = self.after(&element)?;
        }
        None
    }

    /// The octets of a string, which BER may cut in pieces (X.690 §8.7).
    fn octets(&mut self, element: &Element<'_>) -> Option<Vec<u8>> {
        let mut all = Vec::new();
        self.pieces(element, &mut all, 0);
        Some(all)
    }

    /// Adds the pieces of a string; gives the bytes after it.
    fn pieces<'a>(&mut self, element: &Element<'a>, all: &mut Vec<u8>, depth: u32) -> Option<&'a [u8]> {
        self.left = self.left.checked_sub(1)?;
        if element.tag == 0x04 {
            all.extend_from_slice(element.content());
            return element.rest.get(element.length?..);
        }
        if depth >= DEPTH {
            return None;
        }
        let mut rest = element.content();
        while !rest.is_empty() {
            let piece = Element::read(rest)?;
            match piece.tag {
                0x00 if element.length.is_none() => return Some(piece.rest),
                0x04 | 0x24 => rest = self.pieces(&piece, all, depth + 1)?,
                _ => return None,
            }
        }
        element.rest.get(element.length?..)
    }

    /// The bytes after an element. One without a told length ends with the mark that closes it.
    fn after<'a>(&mut self, element: &Element<'a>) -> Option<&'a [u8]> {
        if let Some(length) = element.length {
            return element.rest.get(length..);
        }
        let (mut rest, mut open) = (element.rest, 1u32);
        loop {
            self.left = self.left.checked_sub(1)?;
            let inner = Element::read(rest)?;
            rest = match (inner.tag, inner.length) {
                (0x00, Some(0)) => {
                    open -= 1;
                    if open == 0 {
                        return Some(inner.rest);
                    }
                    inner.rest
                }
                (_, None) => {
                    open += 1;
                    inner.rest
                }
                (_, Some(length)) => inner.rest.get(length..)?,
            };
        }
    }
}

fn is_content_type(identifier: &[u8]) -> bool {
    identifier.starts_with(PKCS7) || identifier.starts_with(SMIME)
}

/// PEM (RFC 7468 §8, §9), or base64 without a frame as signature programs store it.
fn armoured(bytes: &[u8], limit: usize) -> Option<Vec<u8>> {
    let bytes = bytes.get(..limit)?.trim_ascii_start();
    let body = if bytes.starts_with(b"-----BEGIN ") {
        let line = bytes.split(|b| *b == b'\n').next()?;
        let label = [&b"PKCS7"[..], b"PKCS #7", b"CMS"].iter().any(|label| memmem::find(line, label).is_some());
        let body = label.then(|| bytes.get(line.len()..)).flatten()?;
        memmem::find(body, b"-----END").map_or(body, |end| &body[..end])
    } else {
        // A sequence whose length takes octets of its own, or is not told.
        let begins = bytes.starts_with(b"MI");
        let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'\r' | b'\n' | b' ');
        (begins && bytes.iter().all(is_base64)).then_some(bytes)?
    };
    Some(lenient_base64(body))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use base64::Engine;

    /// Elements in DER.
    pub fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = content.len();
        let mut bytes = vec![tag];
        match length {
            0..=127 => bytes.push(length as u8),
            _ => {
                bytes.push(0x83);
                bytes.extend(&(length as u32).to_be_bytes()[1..]);
            }
        }
        bytes.extend(content);
        bytes
    }

    /// The same without a told length.
    fn ber(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, 0x80][..], content, &[0, 0]].concat()
    }

    fn identifier(arc: &[u8], last: u8) -> Vec<u8> {
        der(0x06, &[arc, &[last]].concat())
    }

    /// A signed content, with certificates behind it.
    pub fn signed(content: Option<&[u8]>) -> Vec<u8> {
        let explicit = content.map_or_else(Vec::new, |content| der(0xA0, &der(0x04, content)));
        let encapsulated = der(0x30, &[identifier(PKCS7, 1), explicit].concat());
        let digests = der(0x31, &der(0x30, &identifier(PKCS7, 1)));
        let data =
            der(0x30, &[der(0x02, &[1]), digests, encapsulated, der(0xA0, b"certificates"), der(0x31, b"")].concat());
        der(0x30, &[identifier(PKCS7, 2), der(0xA0, &data)].concat())
    }

    #[test]
    fn the_content_of_a_signature_stands_in_clear() {
        assert_eq!(read(&signed(Some(b"in signature"))), Some(Cms::Clear(b"in signature".to_vec())));
        assert_eq!(read(&signed(None)), Some(Cms::Bare));
        let text = base64::engine::general_purpose::STANDARD.encode(signed(Some(&[b'x'; 200])));
        for armoured in [text.clone(), format!("-----BEGIN PKCS7-----\n{text}\n-----END PKCS7-----\n")] {
            assert!(is_cms(armoured.as_bytes()));
            assert_eq!(read(armoured.as_bytes()), Some(Cms::Clear(vec![b'x'; 200])));
        }
    }

    #[test]
    fn lengths_that_are_not_told_and_strings_in_pieces_are_read() {
        let string = ber(0x24, &[der(0x04, b"in "), ber(0x24, &der(0x04, b"sig")), der(0x04, b"nature")].concat());
        let encapsulated = ber(0x30, &[identifier(PKCS7, 1), ber(0xA0, &string)].concat());
        let digests = ber(0x31, &ber(0x30, &identifier(PKCS7, 1)));
        let data = ber(0x30, &[der(0x02, &[1]), digests, encapsulated].concat());
        let whole = ber(0x30, &[identifier(PKCS7, 2), ber(0xA0, &data)].concat());
        assert_eq!(read(&whole), Some(Cms::Clear(b"in signature".to_vec())));
        // What was cut off on the way is read as far as it came.
        let cut = &whole[..whole.len() - 20];
        assert!(matches!(read(cut), Some(Cms::Clear(text)) if text.starts_with(b"in sig")));
        for length in 0..whole.len() {
            let _ = read(&whole[..length]);
        }
    }

    #[test]
    fn the_identifier_tells_the_kind() {
        let object = |arc: &[u8], last: u8, data: &[u8]| der(0x30, &[identifier(arc, last), der(0xA0, data)].concat());
        for (arc, last) in [(PKCS7, 3), (PKCS7, 6), (SMIME, 23)] {
            assert_eq!(read(&object(arc, last, &der(0x30, &der(0x02, &[0])))), Some(Cms::Encrypted));
        }
        let encapsulated = der(0x30, &[identifier(PKCS7, 1), der(0xA0, &der(0x04, b"zlib"))].concat());
        let algorithm = der(0x30, &identifier(&SMIME[..9], 3));
        let compressed = der(0x30, &[der(0x02, &[0]), algorithm, encapsulated].concat());
        assert_eq!(read(&object(SMIME, 9, &compressed)), Some(Cms::Compressed(b"zlib".to_vec())));
        assert_eq!(read(&object(&[0x55, 4], 3, b"")), None);
        assert!(!is_cms(b"0\x82 texte"));
    }
}
