// SPDX-License-Identifier: EUPL-1.2
//! Runs of letters in bytes that nobody reads as a document: UTF-8, single bytes, UTF-16.

/// A run shorter than this is chance.
const SHORTEST: usize = 6;
/// Bytes searched in a file without a reader.
const SEARCHED: usize = 64 << 20;

/// Every run of text, a run a line.
pub(super) fn runs(bytes: &[u8]) -> String {
    let mut text = String::new();
    narrow(bytes, &mut text);
    wide(bytes, &mut text);
    text
}

/// Runs that look like words: what is compressed or encrypted gives few of them.
pub(super) fn words(bytes: &[u8]) -> String {
    let all = runs(bytes.get(..SEARCHED).unwrap_or(bytes));
    let mut text = String::new();
    for line in all.lines() {
        let (mut letters, mut foreign, mut count) = (0usize, 0usize, 0usize);
        for c in line.chars() {
            count += 1;
            letters += usize::from(c.is_alphanumeric() || c.is_whitespace() || "@.,-_'’()".contains(c));
            foreign += usize::from(!c.is_ascii() && u32::from(c) < 0x100);
        }
        if letters * 10 >= count * 8 && foreign * 5 <= count && has_words(line) {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// Whether most words of a line are written as people write: small letters, capitals, or small behind one capital.
fn has_words(line: &str) -> bool {
    let (mut written, mut mixed) = (0usize, 0usize);
    for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| word.chars().any(char::is_alphabetic)) {
        let digits = word.chars().filter(char::is_ascii_digit).count();
        let tail = || word.chars().skip(1).filter(|c| c.is_alphabetic());
        let odd = tail().any(char::is_uppercase) && tail().any(char::is_lowercase)
            || word.chars().next().is_some_and(char::is_lowercase) && tail().any(char::is_uppercase)
            || digits > 0 && digits < word.chars().count() && word.chars().count() < SHORTEST;
        if odd { mixed += 1 } else { written += 1 }
    }
    written > mixed
}

/// Letters of one octet and of UTF-8.
fn narrow(bytes: &[u8], text: &mut String) {
    for run in bytes.split(|b| !matches!(b, 9 | 32..=126 | 128..)).filter(|run| run.len() >= SHORTEST) {
        if let Ok(run) = std::str::from_utf8(run) {
            text.push_str(run);
            text.push('\n');
            continue;
        }
        for run in run.split(|b| matches!(b, 0x80..0xC0)).filter(|run| run.len() >= SHORTEST) {
            text.push_str(&encoding_rs::WINDOWS_1252.decode_without_bom_handling(run).0);
            text.push('\n');
        }
    }
}

/// Letters of two octets, at either alignment.
pub(super) fn wide(bytes: &[u8], text: &mut String) {
    let mut run = String::new();
    for start in [0, 1] {
        for pair in bytes.get(start..).unwrap_or_default().chunks_exact(2) {
            let unit = u16::from_le_bytes([pair.first().copied().unwrap_or(0), pair.last().copied().unwrap_or(0)]);
            match char::from_u32(u32::from(unit)) {
                Some(c) if matches!(unit, 9 | 32..=0x24F | 0x600..=0x6FF | 0x2010..=0x20AC) => run.push(c),
                _ => end(&mut run, text),
            }
        }
        end(&mut run, text);
    }
}

fn end(run: &mut String, text: &mut String) {
    if run.chars().count() >= SHORTEST {
        text.push_str(run);
        text.push('\n');
    }
    run.clear();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_every_width_are_found() {
        let mut bytes = b"\0\x01".to_vec();
        bytes.extend("TRÈS SECRET".as_bytes());
        bytes.push(0);
        bytes.extend(b"r\xE9union de l'\xE9quipe\x02");
        bytes.extend("DIFFUSION RESTREINTE".encode_utf16().flat_map(u16::to_le_bytes));
        let found = words(&bytes);
        for text in ["TRÈS SECRET", "réunion de l'équipe", "DIFFUSION RESTREINTE"] {
            assert!(found.lines().any(|line| line == text), "{found}");
        }
    }

    #[test]
    fn noise_gives_few_words() {
        let mut state = 7u64;
        let noise: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as u8
        })
        .take(200_000)
        .collect();
        assert!(words(&noise).len() < 4_000, "{}", words(&noise).len());
    }
}
