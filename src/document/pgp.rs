// SPDX-License-Identifier: EUPL-1.2
//! OpenPGP messages (RFC 9580): what is only signed or compressed is read, what is encrypted is said to be. Signatures
//! and keys hold nothing; nothing is verified.

use super::DocumentError;
use super::opening::Opening;
use crate::mime::transfer::lenient_base64;

/// Packets of one message.
const PACKETS: usize = 1_000;

pub(super) fn read(opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let bytes = opening.bytes;
    if !is_message(bytes) {
        let text = crate::mime::charset::decode(bytes, None);
        let body = armoured(bytes);
        // A signature in clear (§7) is the text itself; blocks of keys and signatures are left out.
        return match body {
            Some((label, packets)) if label == "MESSAGE" => message(&packets, opening),
            _ => opening.say("#body", text),
        };
    }
    message(bytes, opening)
}

/// Whether bytes begin as an encrypted, compressed or signed message does: the first packet and its version.
pub(super) fn is_message(bytes: &[u8]) -> bool {
    let Some(packet) = Packet::first(bytes) else { return false };
    let whole = packet.is_partial
        || packet.rest.is_some_and(|rest| rest.is_empty() || rest.first().is_some_and(|b| b & 0x80 != 0));
    whole
        && match packet.tag {
            1 => matches!(packet.body.first(), Some(3 | 6)) && packet.body.len() > 10,
            3 => matches!(packet.body.first(), Some(4..=6)) && matches!(packet.body.get(1), Some(1..=13)),
            4 => matches!(packet.body.first(), Some(3 | 6)) && packet.body.len() >= 13,
            _ => false,
        }
}

fn message(packets: &[u8], opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut rest = packets;
    for _ in 0..PACKETS {
        let Some(packet) = Packet::first(rest) else { break };
        match packet.tag {
            // Session keys and encrypted data (§5.1, §5.3, §5.7, §5.13; the last of GnuPG).
            1 | 3 | 9 | 18 | 20 => {
                opening.extract.encrypted = Some("pgp".into());
                return Err(DocumentError::Encrypted);
            }
            8 => return compressed(&packet.body, opening),
            11 => {
                // §5.9: a format, a name, a date, the data.
                let length = usize::from(packet.body.get(1).copied().unwrap_or(0));
                let name = String::from_utf8_lossy(packet.body.get(2..2 + length).unwrap_or_default()).into_owned();
                let name = if name.is_empty() { "content".to_owned() } else { name };
                return opening.paid_child(&name, packet.body.get(6 + length..).unwrap_or_default());
            }
            _ => {}
        }
        match packet.rest {
            Some(next) if !next.is_empty() => rest = next,
            _ => break,
        }
    }
    Ok(())
}

/// §5.6.
fn compressed(body: &[u8], opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let (algorithm, stream) = body.split_first().ok_or(DocumentError::Broken)?;
    let (packets, fault) = match algorithm {
        0 => (stream.to_vec(), None),
        1 => opening.inflate(&mut flate2::read::DeflateDecoder::new(stream)),
        2 => opening.inflate(&mut flate2::read::ZlibDecoder::new(stream)),
        3 => opening.inflate(&mut bzip2::read::BzDecoder::new(stream)),
        _ => return Err(DocumentError::Broken),
    };
    let mut outcome = Ok(());
    opening.deeper(|opening| {
        outcome = message(&packets, opening);
        outcome
    });
    fault.map_or(outcome, Err)
}

struct Packet<'a> {
    tag: u8,
    body: std::borrow::Cow<'a, [u8]>,
    is_partial: bool,
    /// What follows; `None` where the length is not told.
    rest: Option<&'a [u8]>,
}

impl<'a> Packet<'a> {
    /// §4.2.
    fn first(bytes: &'a [u8]) -> Option<Packet<'a>> {
        let (head, mut rest) = bytes.split_first()?;
        if head & 0x80 == 0 {
            return None;
        }
        if head & 0x40 == 0 {
            let tag = head >> 2 & 0x0F;
            let octets = match head & 3 {
                3 => return Some(Packet { tag, body: rest.into(), is_partial: true, rest: None }),
                n => 1usize << n,
            };
            let (length, after) = rest.split_at_checked(octets)?;
            let length = length.iter().fold(0usize, |sum, b| sum << 8 | usize::from(*b));
            let body = after.get(..length).unwrap_or(after);
            return Some(Packet { tag, body: body.into(), is_partial: false, rest: after.get(length..) });
        }
        let tag = head & 0x3F;
        let mut pieces: Vec<u8> = Vec::new();
        let mut is_partial = false;
        loop {
            let (length, after, goes_on) = length(rest)?;
            let piece = after.get(..length).unwrap_or(after);
            if !goes_on && !is_partial {
                return Some(Packet { tag, body: piece.into(), is_partial, rest: after.get(length..) });
            }
            is_partial = true;
            pieces.extend_from_slice(piece);
            match after.get(length..) {
                Some(next) if goes_on => rest = next,
                next => return Some(Packet { tag, body: pieces.into(), is_partial, rest: next }),
            }
        }
    }
}

/// §4.2.1: the length, the bytes after it, whether another piece follows.
fn length(bytes: &[u8]) -> Option<(usize, &[u8], bool)> {
    match bytes {
        [one @ 0..=191, rest @ ..] => Some((usize::from(*one), rest, false)),
        [one @ 192..=223, two, rest @ ..] => {
            Some(((usize::from(*one) - 192) * 256 + usize::from(*two) + 192, rest, false))
        }
        [255, a, b, c, d, rest @ ..] => Some((u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest, false)),
        [one @ 224..=254, rest @ ..] => Some((1usize << (one & 0x1F), rest, true)),
        _ => None,
    }
}

/// §6.2: the label of an armour and the octets in it.
fn armoured(bytes: &[u8]) -> Option<(String, Vec<u8>)> {
    let text = String::from_utf8_lossy(bytes);
    let (_, from) = text.split_once("-----BEGIN PGP ")?;
    let (label, body) = from.split_once("-----")?;
    let body = body.split("-----END").next().unwrap_or(body);
    // Fields of the armour, an empty line, base64, a checksum.
    let mut lines = body.lines().skip(1).peekable();
    if lines.clone().any(|line| line.trim().is_empty()) {
        lines.by_ref().find(|line| line.trim().is_empty());
    }
    let base64: String = lines.filter(|line| !line.starts_with('=')).collect();
    Some((label.to_owned(), lenient_base64(base64.as_bytes())))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::document::opening::read_alone;

    fn packet(tag: u8, body: &[u8]) -> Vec<u8> {
        [&[0xC0 | tag, 255][..], &(body.len() as u32).to_be_bytes(), body].concat()
    }

    fn literal(text: &[u8]) -> Vec<u8> {
        packet(11, &[&b"b\x05a.txt\0\0\0\0"[..], text].concat())
    }

    fn armour(packets: &[u8]) -> String {
        use base64::Engine;
        let body = base64::engine::general_purpose::STANDARD.encode(packets);
        format!("-----BEGIN PGP MESSAGE-----\nVersion: x\n\n{body}\n=abcd\n-----END PGP MESSAGE-----\n")
    }

    #[test]
    fn what_is_only_signed_or_compressed_is_read() {
        let mut zlib = flate2::write::ZlibEncoder::new(vec![2], flate2::Compression::fast());
        zlib.write_all(&literal(b"in literal")).expect("write");
        let packed = packet(8, &zlib.finish().expect("finish"));
        for packets in [literal(b"in literal"), packed] {
            let (extract, outcome) = read_alone("pgp", armour(&packets).as_bytes(), read);
            assert_eq!(outcome, Ok(()));
            let child = extract.children.first().expect("child");
            assert_eq!((child.name.as_str(), child.segments[0].text.as_str()), ("a.txt", "in literal"));
        }
    }

    #[test]
    fn what_is_encrypted_is_said() {
        let session = packet(1, &[&[3][..], &[7; 20]].concat());
        assert!(is_message(&session) && !is_message(b"\x85 texte"));
        for bytes in [session.clone(), armour(&session).into_bytes()] {
            let (extract, outcome) = read_alone("pgp", &bytes, read);
            assert_eq!((extract.encrypted.as_deref(), outcome), (Some("pgp"), Err(DocumentError::Encrypted)));
        }
        let partial = [&[0xC0 | 18, 0xE0, 1, 0][..]].concat();
        assert_eq!(read_alone("pgp", &armour(&partial).into_bytes(), read).1, Err(DocumentError::Encrypted));
    }
}
