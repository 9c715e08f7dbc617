// SPDX-License-Identifier: EUPL-1.2
//! In what letters a file is written, told from its first bytes.

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::mime::charset;

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
        Letters { encoding: charset::encoding_of(head), mark: false }
    }

    pub fn is_wide(self) -> bool {
        self.encoding == UTF_16LE || self.encoding == UTF_16BE
    }

    /// What bytes are that are not UTF-8.
    pub fn legacy(self) -> &'static Encoding {
        if self.encoding == UTF_8 || self.is_wide() { WINDOWS_1252 } else { self.encoding }
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

#[cfg(test)]
mod tests {
    use encoding_rs::WINDOWS_1256;

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
