// SPDX-License-Identifier: EUPL-1.2
//! Words and names, without the differences that spelling may have.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// The form in which words are compared: compatibility forms undone, accents, vowel signs, tatweel and invisible
/// characters gone, lower case, the two Arabic writings of ya and ta marbuta made one.
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase(); // nothing else is done to ASCII
    }
    let mut out = String::with_capacity(text.len());
    for c in text.nfkd().filter(|c| !is_combining_mark(*c)) {
        match c {
            '\u{640}'
            | '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}' => {}
            'ى' => out.push('ي'),
            'ة' => out.push('ه'),
            'ß' => out.push_str("ss"),
            'æ' | 'Æ' => out.push_str("ae"),
            'œ' | 'Œ' => out.push_str("oe"),
            'ø' | 'Ø' => out.push('o'),
            'ł' | 'Ł' => out.push('l'),
            'đ' | 'Đ' => out.push('d'),
            'ı' => out.push('i'),
            _ => out.extend(c.to_lowercase()),
        }
    }
    out
}

/// The letters of a name run together, folded: `de l'Estang` is `delestang`.
pub fn letters(name: &str) -> String {
    fold(name).chars().filter(|c| c.is_alphabetic()).collect()
}

/// The folded words of a name: `Marie-Odile` is `marie`, `odile`.
pub fn words(name: &str) -> Vec<String> {
    fold(name).split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_makes_writings_agree() {
        assert_eq!(fold("Ｔrès É\u{200b}té ﬁn"), "tres ete fin");
        assert_eq!(fold("سِـرّي"), fold("سرى"));
        assert_eq!(letters("de l'Estang"), "delestang");
    }
}
