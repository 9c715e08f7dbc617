// SPDX-License-Identifier: EUPL-1.2
//! The one decoder of charsets: bodies, header fields, attachments, members of archives.
//!
//! A declared charset is a hint, which the bytes may refute: marks, the pattern of UTF-16 and UTF-32, and UTF-8 that
//! is sound speak louder (decision D34). Without a hint, or against a false one, the letters are guessed from what
//! each candidate would make of them.

mod guess;
mod known;
mod pages;

use std::borrow::Cow;

use encoding_rs::{Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use guess::{SAMPLE, guess, is_mostly_utf8, wide};
use known::{Charset, matters_for_ascii, named, plain};

/// Bytes looked at for the pattern of wide letters and for declarations.
const HEAD: usize = 4096;

/// Text of a charset that is declared, perhaps wrongly, or not at all.
pub fn decode(bytes: &[u8], declared: Option<&str>) -> String {
    let hint = declared.and_then(named);
    if bytes.is_ascii() && !bytes.contains(&0) && !matters_for_ascii(hint) {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    choose(bytes, hint).decode(bytes)
}

/// The same for what may already be what it should be.
pub fn decode_borrowed(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains('\0') && !text.starts_with('\u{feff}') => Cow::Borrowed(text),
        _ => Cow::Owned(decode(bytes, None)),
    }
}

/// Text of markup, which may name its charset itself: `<?xml encoding="…"`, `<meta charset=…>` (HTML §13.2.3.2). What
/// the carrier declares goes first, unless it is a name that everybody writes without thinking.
pub fn decode_markup(bytes: &[u8], declared: Option<&str>) -> String {
    let thoughtless = declared.is_none_or(|name| {
        matches!(plain(name).as_str(), "usascii" | "ascii" | "iso88591" | "windows1252" | "latin1" | "cp1252")
    });
    let own = if thoughtless { declared_inside(bytes) } else { None };
    decode(bytes, own.as_deref().or(declared))
}

/// In what letters a text is written, told from its first bytes, for who reads the rest piece by piece. What encoding_rs
/// does not know is taken for the most frequent one.
pub fn encoding_of(head: &[u8]) -> &'static Encoding {
    match choose(head, None) {
        Charset::Known(encoding) => encoding,
        _ => WINDOWS_1252,
    }
}

/// Whether letters take more than one octet each by their mark or pattern.
pub fn is_wide(bytes: &[u8]) -> bool {
    wide(bytes).is_some()
}

/// Whether bytes are no text: too many control characters, unless they are wide letters. A few are met in honest
/// text: form feeds, the end sign of MS-DOS, a stray NUL.
pub fn is_binary(head: &[u8]) -> bool {
    let head = head.get(..HEAD).unwrap_or(head);
    if head.is_empty() || wide(head).is_some() {
        return false;
    }
    let control = head.iter().filter(|b| matches!(b, 0..=6 | 14..=25 | 28..=31)).count();
    control * 20 > head.len()
}

fn choose(bytes: &[u8], hint: Option<Charset>) -> Charset {
    if let Some(wide) = wide(bytes) {
        return wide;
    }
    if is_mostly_utf8(bytes) && !matters_for_ascii(hint) {
        return Charset::Known(UTF_8);
    }
    match hint {
        Some(Charset::Known(encoding)) if encoding == UTF_8 => guess(bytes),
        Some(Charset::Known(encoding)) if encoding == UTF_16LE || encoding == UTF_16BE => {
            // Letters of one octet each under the name of UTF-16: real ones without zeros are ideographs.
            let head = bytes.get(..HEAD).unwrap_or(bytes);
            let written = head.iter().filter(|b| (b' '..=b'~').contains(b) || b.is_ascii_whitespace()).count();
            if written * 10 > head.len() * 6 { guess(bytes) } else { Charset::Known(encoding) }
        }
        Some(Charset::Wide32(_)) => guess(bytes),
        // A Latin name on letters that are hardly ever Latin.
        Some(Charset::Known(encoding)) if is_latin(encoding) => match guess(bytes) {
            Charset::Known(other) if !is_latin(other) && other != MACINTOSH => Charset::Known(other),
            _ => Charset::Known(encoding),
        },
        Some(Charset::Known(encoding)) if !encoding.is_single_byte() => {
            if encoding.decode(bytes.get(..SAMPLE).unwrap_or(bytes)).2 && bytes.len() <= SAMPLE {
                guess(bytes)
            } else {
                Charset::Known(encoding)
            }
        }
        Some(hint) => hint,
        None => guess(bytes),
    }
}

fn is_latin(encoding: &'static Encoding) -> bool {
    encoding == WINDOWS_1252 || matches!(encoding.name(), "ISO-8859-15" | "ISO-8859-2" | "windows-1250")
}

/// What a document of markup says of itself in its first bytes.
fn declared_inside(bytes: &[u8]) -> Option<String> {
    let head = bytes.get(..HEAD).unwrap_or(bytes).to_ascii_lowercase();
    let head = String::from_utf8_lossy(&head);
    let after = |word: &str| {
        let at = head.find(word)? + word.len();
        let value = head.get(at..)?.trim_start().strip_prefix('=')?.trim_start().trim_start_matches(['"', '\'']);
        let name: String = value.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_.:+".contains(*c)).collect();
        (!name.is_empty()).then_some(name)
    };
    let declared = if head.trim_start().starts_with("<?xml") { after("encoding") } else { None };
    let declared = declared.or_else(|| head.contains("<meta").then(|| after("charset")).flatten())?;
    // HTML §13.2.3.2: who reads "UTF-16" here has read no UTF-16.
    (!declared.starts_with("utf-16") && !declared.starts_with("utf-32")).then_some(declared)
}

#[cfg(test)]
mod tests {
    use encoding_rs::{ISO_8859_6, KOI8_R, WINDOWS_1251, WINDOWS_1256};
    use pages::PAGES;

    use super::*;

    fn page(name: &str, text: &str) -> Vec<u8> {
        let half: Vec<char> = PAGES.iter().find(|(known, _)| *known == name).unwrap().1.chars().collect();
        let octet =
            |c: char| if c.is_ascii() { c as u8 } else { 128 + half.iter().position(|h| *h == c).unwrap() as u8 };
        text.chars().map(octet).collect()
    }

    #[test]
    fn every_page_has_its_upper_half() {
        for (name, half) in PAGES {
            assert_eq!(half.chars().count(), 128, "{name}");
        }
    }

    #[test]
    fn text_without_a_name_is_guessed() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
        let utf16be = |text: &str| text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>();
        let utf32 = |text: &str| text.chars().flat_map(|c| (c as u32).to_be_bytes()).collect::<Vec<u8>>();
        let french = "Réunion à l'école : procès-verbal arrêté";
        let arabic = "سري للغاية";
        let rows: Vec<(Vec<u8>, &str)> = vec![
            ("é".into(), "é"),
            (b"\xEF\xBB\xBFabc".to_vec(), "abc"),
            (b"caf\xE9 noir".to_vec(), "café noir"),
            (b"\xFF\xFEh\x00\xE9\x00".to_vec(), "hé"),
            (b"h\x00e\x00l\x00l\x00o\x00".to_vec(), "hello"),
            (b"\xD3\xD1\xED \xCC\xCF\xC7".to_vec(), "سري جدا"),
            (utf16(french), french),
            (utf16be(french), french),
            (utf16(arabic), arabic),
            (utf16be(arabic), arabic),
            (utf32(arabic), arabic),
            (utf32(french), french),
            (page("850", french), french),
            (page("720", arabic), arabic),
            (MACINTOSH.encode(french).0.into_owned(), french),
            (ISO_8859_6.encode(arabic).0.into_owned(), arabic),
            (WINDOWS_1251.encode("совершенно секретно").0.into_owned(), "совершенно секретно"),
            (KOI8_R.encode("совершенно секретно").0.into_owned(), "совершенно секретно"),
            (b"\xC9t\xE9 l\x92\xE9cole \x96 d\xE9j\xE0".to_vec(), "Été l’école – déjà"),
        ];
        for (bytes, text) in rows {
            assert_eq!(decode(&bytes, None), text);
        }
    }

    #[test]
    fn a_declared_name_is_a_hint_that_bytes_refute() {
        let arabic = WINDOWS_1256.encode("سري للغاية").0.into_owned();
        let rows: Vec<(Vec<u8>, &str, &str)> = vec![
            (page("850", "É"), "CP-850", "É"),
            (page("858", "É €"), "PC-Multilingual-850+euro", "É €"),
            (arabic.clone(), "windows1256", "سري للغاية"),
            (arabic.clone(), "x-cp1256", "سري للغاية"),
            (arabic, "iso-8859-1", "سري للغاية"),
            (b"+BkUGNQ- a".to_vec(), "UNICODE-1-1-UTF-7", "مص a"),
            ("été".into(), "iso-8859-1", "été"),
            ("été".into(), "utf-16", "été"),
            (b"\xE9t\xE9 en ville".to_vec(), "utf-16le", "été en ville"),
            (b"\xE9t\xE9".to_vec(), "utf-8", "été"),
            (b"\xE9t\xE9".to_vec(), "x-unheard-of", "été"),
            (b"plain".to_vec(), "utf-16", "plain"),
            (b"\x00\x00\x00E\x00\x00\x00\xC9\x00\x00\x00t\x00\x00\x00a".to_vec(), "utf-32", "EÉta"),
            (b"\x1b$B$\"\x1b(B".to_vec(), "iso-2022-jp", "あ"),
        ];
        for (bytes, name, text) in rows {
            assert_eq!(decode(&bytes, Some(name)), text, "{name}");
        }
    }

    #[test]
    fn markup_names_its_own_charset() {
        let arabic = WINDOWS_1256.encode("سر").0.into_owned();
        let html = [b"<html><meta charset=windows-1256><p>".to_vec(), arabic.clone()].concat();
        assert!(decode_markup(&html, None).ends_with("سر"));
        assert!(decode_markup(&html, Some("us-ascii")).ends_with("سر"));
        let xml = [b"<?xml version='1.0' encoding='windows-1256'?><p>".to_vec(), arabic].concat();
        assert!(decode_markup(&xml, None).ends_with("سر"));
    }

    #[test]
    fn a_few_control_characters_make_no_binary() {
        let text = "Une note ordinaire, assez longue.\r\n".repeat(3);
        for fine in [format!("{text}\x1a"), format!("\x1f{text}"), text.replacen(' ', "\0", 1)] {
            assert!(!is_binary(fine.as_bytes()), "{fine:?}");
        }
        for binary in [&b"\0\x01\x02"[..], b"PK\x03\x04\x14\0\0\0\x08\0", b"\x01\x02ab"] {
            assert!(is_binary(binary));
        }
    }
}
