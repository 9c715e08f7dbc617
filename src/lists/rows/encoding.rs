// SPDX-License-Identifier: EUPL-1.2
//! In what letters a file is written, told from its first bytes.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252, WINDOWS_1256};

/// The letters of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Letters {
    pub encoding: &'static Encoding,
    /// Whether a byte order mark stands in front.
    pub mark: bool,
}

impl Letters {
    /// Guesses from the head of a file. UTF-8 where all is sound; a letter cut at the end is.
    pub fn guess(head: &[u8]) -> Letters {
        if let Some((encoding, _)) = Encoding::for_bom(head) {
            return Letters { encoding, mark: true };
        }
        Letters { encoding: wide(head).unwrap_or_else(|| narrow(head)), mark: false }
    }

    pub fn is_wide(self) -> bool {
        self.encoding == UTF_16LE || self.encoding == UTF_16BE
    }

    /// What bytes are that are not UTF-8.
    pub fn legacy(self) -> &'static Encoding {
        if self.encoding == WINDOWS_1256 { WINDOWS_1256 } else { WINDOWS_1252 }
    }

    pub fn name(self) -> &'static str {
        match self.encoding.name() {
            "UTF-8" => "utf-8",
            "UTF-16LE" => "utf-16le",
            "UTF-16BE" => "utf-16be",
            other => other,
        }
    }
}

/// Letters of two bytes without a mark: in western text every second byte is zero.
fn wide(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head.len() / 2;
    if pairs < 2 {
        return None;
    }
    let zeros = |from: usize| head[from..].iter().step_by(2).filter(|b| **b == 0).count();
    let (even, odd) = (zeros(0), zeros(1));
    match () {
        () if odd * 10 > pairs * 4 && even * 10 < pairs => Some(UTF_16LE),
        () if even * 10 > pairs * 4 && odd * 10 < pairs => Some(UTF_16BE),
        () => None,
    }
}

fn narrow(head: &[u8]) -> &'static Encoding {
    match std::str::from_utf8(head) {
        Ok(_) => return UTF_8,
        Err(error) if error.error_len().is_none() => return UTF_8,
        Err(_) => {}
    }
    // Arabic comes in whole words of high bytes, western letters stand alone among ASCII.
    let high = head.iter().filter(|b| **b >= 0x80).count();
    let in_words: usize = head.split(|b| *b < 0x80).filter(|run| run.len() >= 3).map(<[u8]>::len).sum();
    let arabic = WINDOWS_1256.decode_without_bom_handling(head).0;
    let arabic = arabic.chars().filter(|c| ('\u{620}'..='\u{652}').contains(c)).count();
    if in_words * 2 > high && arabic * 10 > high * 7 { WINDOWS_1256 } else { WINDOWS_1252 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_told_apart() {
        let wide = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let high = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let page = |text: &str, encoding: &'static Encoding| encoding.encode(text).0.into_owned();
        let names = "nom;prénom\nLefèvre;Zoé\nGonçalves;Inês\n";
        for (bytes, name, mark) in [
            (names.as_bytes().to_vec(), "utf-8", false),
            (names.as_bytes()[..9].to_vec(), "utf-8", false),
            ([b"\xef\xbb\xbf", names.as_bytes()].concat(), "utf-8", true),
            (wide(names), "utf-16le", false),
            (wide(&format!("\u{feff}{names}")), "utf-16le", true),
            (high(names), "utf-16be", false),
            (page(names, WINDOWS_1252), "windows-1252", false),
            (page("الاسم;البريد\nمحمد بنعلي;m@x.example\n", WINDOWS_1256), "windows-1256", false),
            (Vec::new(), "utf-8", false),
            (b"a".to_vec(), "utf-8", false),
        ] {
            let letters = Letters::guess(&bytes);
            assert_eq!((letters.name(), letters.mark), (name, mark), "{bytes:?}");
        }
    }
}
