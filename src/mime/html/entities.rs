// SPDX-License-Identifier: EUPL-1.2
//! Character references (WHATWG HTML §13.5).

use std::borrow::Cow;

use memchr::memchr;

/// The longest name of a reference is shorter.
const LONGEST: usize = 32;

/// The value of an attribute with its references resolved; what is none stays.
pub fn resolved(text: &str) -> Cow<'_, str> {
    resolve(text, false)
}

/// The same for text, where old names need no semicolon: `&nbspfor` is a blank and `for` (§13.2.5.73).
pub fn resolved_in_text(text: &str) -> Cow<'_, str> {
    resolve(text, true)
}

fn resolve(text: &str, in_text: bool) -> Cow<'_, str> {
    let Some(first) = memchr(b'&', text.as_bytes()) else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut at = first;
    loop {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let length = reference(&rest[1..], &mut out);
        match length.or_else(|| if in_text { old_name(&rest[1..], &mut out) } else { None }) {
            Some(length) => rest = &rest[1 + length..],
            None => {
                out.push('&');
                rest = &rest[1..];
            }
        }
        match memchr(b'&', rest.as_bytes()) {
            Some(next) => at = next,
            None => {
                out.push_str(rest);
                return Cow::Owned(out);
            }
        }
    }
}

/// Appends what the reference stands for; how many bytes after the `&` it takes.
fn reference(text: &str, out: &mut String) -> Option<usize> {
    let bytes = text.as_bytes();
    let semicolon = |end: usize| end + usize::from(bytes.get(end) == Some(&b';'));
    if bytes.first() == Some(&b'#') {
        let hexadecimal = matches!(bytes.get(1), Some(b'x' | b'X'));
        let (from, radix) = if hexadecimal { (2, 16) } else { (1, 10) };
        // Zeros before the number may be many.
        let zeros = bytes.get(from..)?.iter().take_while(|b| **b == b'0').count();
        let digits = bytes[from + zeros..].iter().take(8).take_while(|b| (**b as char).is_digit(radix)).count();
        let end = from + zeros + digits;
        if zeros + digits == 0 {
            return None;
        }
        let number = u32::from_str_radix(text.get(from + zeros..end)?, radix).unwrap_or(0);
        out.push(numbered(number));
        return Some(semicolon(end));
    }
    let end = bytes.iter().take(LONGEST).take_while(|b| b.is_ascii_alphanumeric()).count();
    let name = &text[..end];
    let known = match name {
        "nbsp" => "\u{a0}",
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        "eacute" => "é",
        "egrave" => "è",
        "agrave" => "à",
        "Tab" | "NewLine" => " ",
        "" => return None,
        _ => {
            let with = nanohtml2text::html2text(&format!("&{name};"));
            if with.starts_with('&') {
                return None;
            }
            out.push_str(&with);
            return Some(semicolon(end));
        }
    };
    out.push_str(known);
    Some(semicolon(end))
}

/// Names that stand for something without a semicolon, and with letters behind them, since before HTML 4.
#[rustfmt::skip]
const OLD_NAMES: [&str; 106] = [
    "AElig", "AMP", "Aacute", "Acirc", "Agrave", "Aring", "Atilde", "Auml", "COPY", "Ccedil", "ETH", "Eacute", "Ecirc",
    "Egrave", "Euml", "GT", "Iacute", "Icirc", "Igrave", "Iuml", "LT", "Ntilde", "Oacute", "Ocirc", "Ograve", "Oslash",
    "Otilde", "Ouml", "QUOT", "REG", "THORN", "Uacute", "Ucirc", "Ugrave", "Uuml", "Yacute", "aacute", "acirc", "acute",
    "aelig", "agrave", "amp", "aring", "atilde", "auml", "brvbar", "ccedil", "cedil", "cent", "copy", "curren", "deg",
    "divide", "eacute", "ecirc", "egrave", "eth", "euml", "frac12", "frac14", "frac34", "gt", "iacute", "icirc", "iexcl",
    "igrave", "iquest", "iuml", "laquo", "lt", "macr", "micro", "middot", "nbsp", "not", "ntilde", "oacute", "ocirc",
    "ograve", "ordf", "ordm", "oslash", "otilde", "ouml", "para", "plusmn", "pound", "quot", "raquo", "reg", "sect",
    "shy", "sup1", "sup2", "sup3", "szlig", "thorn", "times", "uacute", "ucirc", "ugrave", "uml", "uuml", "yacute",
    "yen", "yuml",
];

/// The longest of the old names with which the text begins.
fn old_name(text: &str, out: &mut String) -> Option<usize> {
    let name = OLD_NAMES.iter().filter(|name| text.starts_with(**name)).max_by_key(|name| name.len())?;
    reference(&format!("{name};"), out)?;
    Some(name.len())
}

/// Numbers of windows-1252 mean its characters (§13.2.5.80).
fn numbered(number: u32) -> char {
    match number {
        0x80..=0x9f => {
            let byte = [number as u8];
            encoding_rs::WINDOWS_1252.decode_without_bom_handling(&byte).0.chars().next().unwrap_or('\u{fffd}')
        }
        0 | 0xb..=0x1f if !matches!(number, 0xc | 0xd) => '\u{fffd}',
        _ => char::from_u32(number).unwrap_or('\u{fffd}'),
    }
}
