// SPDX-License-Identifier: EUPL-1.2
//! Text of unknown charset: byte order mark, UTF-8, else a guess.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256};

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
}
