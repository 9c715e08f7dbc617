// SPDX-License-Identifier: EUPL-1.2
//! Archives of iWork since 2013 (`.iwa` in Pages, Numbers, Keynote): Snappy without its frames around messages of
//! Protocol Buffers, in which text stands in UTF-8.

use super::opening::Opening;
use super::{DocumentError, letters};

/// Whether a member is one: pieces of a type and three octets of length, from the first to the last octet.
pub(super) fn is_iwa(name: &str, bytes: &[u8]) -> bool {
    name.to_ascii_lowercase().ends_with(".iwa") && pieces(bytes).is_some()
}

pub(super) fn read(bytes: &[u8], opening: &mut Opening<'_>) -> Result<(), DocumentError> {
    let mut plain = Vec::new();
    for piece in pieces(bytes).ok_or(DocumentError::Broken)? {
        let left = usize::try_from(opening.budget.bytes).unwrap_or(usize::MAX);
        let before = plain.len();
        let done = unpack(piece, left, &mut plain);
        opening.budget.spend(plain.len() - before)?;
        done.ok_or(DocumentError::Broken)?;
    }
    opening.say("#body", letters::words(&plain))
}

fn pieces(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let [0, a, b, c, after @ ..] = rest {
        let length = usize::from(*a) | usize::from(*b) << 8 | usize::from(*c) << 16;
        let (piece, next) = after.split_at_checked(length)?;
        found.push(piece);
        rest = next;
    }
    (rest.is_empty() && !found.is_empty()).then_some(found)
}

/// Snappy's raw format (google/snappy, format_description.txt): literals and copies of what came before.
fn unpack(mut rest: &[u8], limit: usize, out: &mut Vec<u8>) -> Option<()> {
    let start = out.len();
    // The length of the whole, seven bits an octet: a claim that bounds nothing here.
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if byte & 0x80 == 0 {
            break;
        }
    }
    while let Some((tag, after)) = rest.split_first() {
        rest = after;
        let (length, offset) = match tag & 3 {
            0 => {
                let short = usize::from(tag >> 2);
                let octets = short.saturating_sub(59);
                let length = if short < 60 { short } else { little(rest.get(..octets)?) };
                rest = if short < 60 { rest } else { rest.get(octets..)? };
                let (literal, next) = rest.split_at_checked(length.checked_add(1)?)?;
                if out.len() - start + literal.len() > limit {
                    return None;
                }
                out.extend_from_slice(literal);
                rest = next;
                continue;
            }
            1 => (usize::from(tag >> 2 & 7) + 4, usize::from(tag >> 5) << 8 | usize::from(*rest.first()?)),
            2 => (usize::from(tag >> 2) + 1, little(rest.get(..2)?)),
            _ => (usize::from(tag >> 2) + 1, little(rest.get(..4)?)),
        };
        rest = rest.get([0, 1, 2, 4][usize::from(tag & 3)]..)?;
        let from = out.len().checked_sub(offset).filter(|from| *from >= start && offset > 0)?;
        if out.len() - start + length > limit {
            return None;
        }
        // A copy may reach into itself.
        for at in from..from + length {
            out.push(*out.get(at)?);
        }
    }
    Some(())
}

fn little(octets: &[u8]) -> usize {
    octets.iter().rev().fold(0, |sum, b| sum << 8 | usize::from(*b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::opening::read_alone;

    #[test]
    fn literals_and_copies_become_text() {
        // "SECRET " and a copy of it.
        let snappy = [&[14, 6 << 2][..], b"SECRET ", &[3 << 2 | 1, 7]].concat();
        let archive = [&[0, snappy.len() as u8, 0, 0][..], &snappy].concat();
        assert!(is_iwa("Index/Document.iwa", &archive) && !is_iwa("a.iwa", b"texte"));
        let (extract, outcome) = read_alone("zip", b"", |opening| read(&archive, opening));
        assert_eq!(outcome, Ok(()));
        assert_eq!(extract.segments[0].text, "SECRET SECRET \n");
        for length in 0..archive.len() {
            let _ = read_alone("zip", b"", |opening| read(&archive[..length], opening));
        }
    }
}
