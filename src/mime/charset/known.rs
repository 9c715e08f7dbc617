// SPDX-License-Identifier: EUPL-1.2
//! Charsets and the names they go by.

use encoding_rs::{Encoding, ISO_8859_6, MACINTOSH, UTF_16BE, UTF_16LE};
use mail_parser::decoders::charsets::map::charset_decoder;

use super::pages::PAGES;

/// A way to turn bytes into letters.
#[derive(Clone, Copy)]
pub(super) enum Charset {
    Known(&'static Encoding),
    /// UTF-32, little or big end first.
    Wide32(bool),
    /// The upper half of a code page.
    Page(&'static str),
    /// What only mail-parser knows: UTF-7, HZ.
    Seldom(fn(&[u8]) -> String),
}

impl Charset {
    pub fn decode(self, bytes: &[u8]) -> String {
        match self {
            Charset::Known(encoding) => encoding.decode(bytes).0.into_owned(),
            Charset::Wide32(little) => wide32(bytes, little),
            Charset::Page(half) => {
                let half: Vec<char> = half.chars().collect();
                let letter = |b: &u8| half.get(usize::from(*b).wrapping_sub(128)).copied();
                bytes.iter().map(|b| if *b < 128 { char::from(*b) } else { letter(b).unwrap_or('\u{fffd}') }).collect()
            }
            Charset::Seldom(decode) => decode(bytes),
        }
    }
}

fn wide32(bytes: &[u8], little: bool) -> String {
    let letter = |four: &[u8]| {
        let four = <[u8; 4]>::try_from(four).unwrap_or_default();
        let code = if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) };
        char::from_u32(code).unwrap_or('\u{fffd}')
    };
    bytes.chunks_exact(4).map(letter).filter(|c| *c != '\u{feff}').collect()
}

/// A charset by any name that is met: registered ones, with and without separators, `x-`, `cs`, `cp`, `ibm`.
pub(super) fn named(name: &str) -> Option<Charset> {
    let name = name.trim().trim_matches(['"', '\'']);
    if let Some(encoding) = Encoding::for_label_no_replacement(name.as_bytes()) {
        // RFC 2781 §4.3: without a mark the big end is first; programs write the little one. The bytes tell.
        return Some(Charset::Known(encoding));
    }
    let plain = plain(name);
    let bare = ["cp", "ibm", "dos", "oem", "pc", "codepage", "windows", "ms"]
        .iter()
        .find_map(|head| plain.strip_prefix(head))
        .unwrap_or(&plain);
    match plain.as_str() {
        "unicode11utf7" | "utf7" | "unicode20utf7" => return charset_decoder(b"utf-7").map(Charset::Seldom),
        "utf32" | "utf32be" | "ucs4" | "ucs4be" | "iso10646ucs4" => return Some(Charset::Wide32(false)),
        "utf32le" | "ucs4le" => return Some(Charset::Wide32(true)),
        "ucs2" | "iso10646ucs2" | "unicode" | "ucs2le" => return Some(Charset::Known(UTF_16LE)),
        "ucs2be" | "unicodebig" => return Some(Charset::Known(UTF_16BE)),
        "pcmultilingual850+euro" | "pcmultilingual850euro" => return page("858"),
        "asmo708" | "arabic" | "asmo449" => return Some(Charset::Known(ISO_8859_6)),
        "mac" | "macroman" | "macosroman" => return Some(Charset::Known(MACINTOSH)),
        "roman8" | "r8" => return page("hproman8"),
        "maccentraleurope" | "macce" => return page("maclatin2"),
        _ => {}
    }
    if let Some(found) = page(bare).or_else(|| page(&plain)) {
        return Some(found);
    }
    let digits = || bare.bytes().all(|b| b.is_ascii_digit()) && !bare.is_empty();
    let spelt = match bare {
        "65001" | "utf8mb4" | "utf8mb3" => "utf-8".to_owned(),
        "1200" => "utf-16le".to_owned(),
        "1201" => "utf-16be".to_owned(),
        "819" | "28591" => "iso-8859-1".to_owned(),
        "20127" | "646" => "us-ascii".to_owned(),
        "936" | "54936" => "gb18030".to_owned(),
        "932" | "943" => "shift_jis".to_owned(),
        "949" => "euc-kr".to_owned(),
        "950" => "big5".to_owned(),
        "20866" => "koi8-r".to_owned(),
        "21866" => "koi8-u".to_owned(),
        n if digits() && n.starts_with("285") && n.len() == 5 => format!("iso-8859-{}", n[3..].trim_start_matches('9')),
        n if digits() && (n.starts_with("125") && n.len() == 4 || n == "874") => format!("windows-{n}"),
        n if n.strip_prefix("iso8859").is_some_and(|part| !part.is_empty()) => format!("iso-8859-{}", &n[7..]),
        n if n.strip_prefix("8859").is_some_and(|part| !part.is_empty()) => format!("iso-8859-{}", &n[4..]),
        _ => String::new(),
    };
    if let Some(encoding) = Encoding::for_label_no_replacement(spelt.as_bytes()) {
        return Some(Charset::Known(encoding));
    }
    // The same names without their separators.
    let same = |label: &&&str| self::plain(label) == plain;
    if let Some(label) = SPELT.iter().find(same) {
        return Encoding::for_label_no_replacement(label.as_bytes()).map(Charset::Known);
    }
    charset_decoder(name.to_ascii_lowercase().as_bytes()).map(Charset::Seldom)
}

/// Labels of encoding_rs whose separators are left out or written otherwise.
const SPELT: &[&str] = &[
    "utf-8",
    "utf-16le",
    "utf-16be",
    "us-ascii",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "windows-874",
    "iso-8859-1",
    "iso-8859-15",
    "koi8-r",
    "koi8-u",
    "x-mac-cyrillic",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "big5",
    "iso-2022-jp",
    "hz-gb-2312",
];

/// Lower case letters and digits of a name, without `x-` and `cs` before them.
pub(super) fn plain(name: &str) -> String {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    let without = plain.strip_prefix('x').or_else(|| plain.strip_prefix("cs")).unwrap_or(&plain);
    without.to_owned()
}

pub(super) fn page(name: &str) -> Option<Charset> {
    PAGES.iter().find(|(known, _)| *known == name).map(|(_, half)| Charset::Page(half))
}

/// Whether bytes below 128 mean something else in it.
pub(super) fn matters_for_ascii(hint: Option<Charset>) -> bool {
    match hint {
        Some(Charset::Known(encoding)) => {
            !encoding.is_ascii_compatible() && encoding != UTF_16LE && encoding != UTF_16BE
        }
        Some(Charset::Seldom(_)) => true,
        _ => false,
    }
}
