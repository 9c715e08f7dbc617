// SPDX-License-Identifier: EUPL-1.2
//! How many letters of a PDF are known, guessed or unknown, and whether what its fonts say can be writing at all.

use super::pdf_font::Source;

/// Letters that are enough to judge a page by.
const ENOUGH: usize = 300;

/// Octets of a page that are looked at.
const LOOKED: usize = 3_000;

/// How many letters a page showed, by how they are known.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    pub visible: usize,
    pub said: usize,
    pub guessed: usize,
    pub unknown: usize,
}

impl Tally {
    pub fn letters(&self) -> usize {
        self.said + self.guessed + self.unknown
    }

    pub fn count(&mut self, source: Source, is_blank: bool, is_visible: bool) {
        match source {
            Source::Said if is_blank => return,
            Source::Said => self.said += 1,
            Source::Guessed => self.guessed += 1,
            Source::Unknown => self.unknown += 1,
        }
        self.visible += usize::from(is_visible);
    }

    /// Adds a page's letters. Guesses that read like writing are as good as said.
    pub fn add(&mut self, page: &Tally, guessed: &str) {
        let is_writing = reads_like_writing(guessed);
        self.visible += page.visible;
        self.said += page.said + if is_writing { page.guessed } else { 0 };
        self.guessed += if is_writing { 0 } else { page.guessed };
        self.unknown += page.unknown;
    }

    /// Takes what was said for unknown.
    pub fn doubt(&mut self) {
        self.unknown += std::mem::take(&mut self.said);
    }

    /// Whether more than a tenth of the letters, and more than a few words, could not be told.
    pub fn is_garbled(&self) -> bool {
        let lost = self.guessed + self.unknown;
        lost > 40 && lost * 10 > self.letters()
    }
}

/// Whether letters are those of a language that is written in Latin letters: mostly letters, and vowels among them as
/// often as languages have them. Codes of another order have few small letters, or none of the vowels.
fn reads_like_writing(text: &str) -> bool {
    let (mut letters, mut vowels, mut others) = (0_usize, 0_usize, 0_usize);
    for c in text.chars() {
        match c.to_ascii_lowercase() {
            'a' | 'e' | 'i' | 'o' | 'u' | 'y' => (letters, vowels) = (letters + 1, vowels + 1),
            c if c.is_alphabetic() => letters += 1,
            ' ' | ',' | '.' | '-' | '\'' | ':' | '0'..='9' => {}
            _ => others += 1,
        }
    }
    letters > 0 && others * 6 < letters && (25..=60).contains(&(vowels * 100 / letters))
}

/// Whether a page is not to be believed: no language has such letters so often. A map that shifts or mixes letters
/// gives words of the rare ones; the octets of East Asian text taken for Latin letters give those with accents.
/// Formulas have no words.
pub(super) fn is_doubtful<'t>(lines: impl Iterator<Item = &'t str>) -> bool {
    let (mut plain, mut common, mut accented, mut looked) = (0_usize, 0_usize, 0_usize, 0_usize);
    for line in lines.filter(|line| !is_encoded(line)) {
        for word in line.split(|c: char| !c.is_ascii_alphabetic()).filter(|word| word.len() >= 4) {
            plain += word.len();
            common += word.bytes().filter(|b| b"esaitnruloESAITNRULO".contains(b)).count();
        }
        accented += line.chars().filter(|c| ('\u{A1}'..='\u{FF}').contains(c)).count();
        looked += line.len();
        if looked > LOOKED {
            break;
        }
    }
    plain >= ENOUGH && common * 100 < plain * 45 || accented >= ENOUGH && accented > plain
}

/// Whether a line is of a key, a certificate or another block in base64: no language at all, and rightly so.
fn is_encoded(line: &str) -> bool {
    let has = |is: fn(&u8) -> bool| line.bytes().any(|b| is(&b));
    line.len() >= 40
        && line.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'='))
        && has(u8::is_ascii_digit)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_a_key_is_no_page_that_no_language_fits() {
        let key = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAu1SU1LfVLPHCozMxH2Mo";
        assert!(!is_doubtful([key; 12].into_iter()));
        assert!(is_doubtful([key.replace(|c: char| c.is_ascii_digit(), " ").as_str(); 12].into_iter()));
    }

    #[test]
    fn guesses_are_judged_by_their_letters() {
        for text in ["Boot from a openSuSE 10.3 DVD", "Le préfet a décidé", "DIFFUSION RESTREINTE"] {
            assert!(reads_like_writing(text), "{text}");
        }
        // Shifted by one, and codes in the order in which they were first used.
        for text in ["ÄOHFMQJEJCMFTLJWFSZVOCVGCPVSHVJHOPO", "!\"#$%&'()*+,!\"#$%", "DHGG7KXJ"] {
            assert!(!reads_like_writing(text), "{text}");
        }
        let page = Tally { visible: 100, said: 0, guessed: 100, unknown: 0 };
        for (guessed, is_garbled) in [("une lettre", false), ("#$%", true)] {
            let mut tally = Tally::default();
            tally.add(&page, guessed);
            assert_eq!(tally.is_garbled(), is_garbled);
        }
    }

    #[test]
    fn a_page_that_says_what_nobody_writes_is_doubted() {
        let of = |text: &str| is_doubtful(std::iter::repeat_n(text, 20));
        for text in [
            "Le présent document décrit les étapes du marché.",
            "Der Bericht über die Sitzung ist den Ländern zu übersenden.",
            "Przedłożony projekt ustawy został przyjęty przez komisję.",
            "A jelentést a bizottság elfogadta és közzétette.",
            "LE PRÉFET DE LA RÉGION",
            "I(X; Y |Z) = H(X|Z) − H(X|Y, Z) ≤ H(X|Z) ≤ H(X)",
        ] {
            assert!(!of(text), "{text}");
        }
        for text in [
            "Mf qsëtfou epdvnfou eëdsju mft ëubqft ev nbsdië fu mft eëmbjt ef mjwsbjtpo qpvs mb sëhjpo",
            "¹ØÓÚºì¾ü×÷Õ½µÄÔ-ÔòÒ»¾ÅÈýÆßÄê°ËÔÂÒ»ÈÕ",
        ] {
            assert!(of(text), "{text}");
        }
        // Too little to say.
        assert!(!is_doubtful(std::iter::repeat_n("qwxz", 10)));
    }
}
