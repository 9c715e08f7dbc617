// SPDX-License-Identifier: EUPL-1.2
//! A text as the words that copies of one mail share: no case, accents, numbers, tags of HTML, or paths of links.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::document::xml;
use crate::lists::hashed::mix;

/// What reads a text.
pub trait Reader {
    /// A word, by its hash.
    fn word(&mut self, hash: u64);
    /// The host of a link, as it stands there, in small letters.
    fn host(&mut self, host: &str);
}

/// The word that each number, date and reference becomes.
const NUMBER: u64 = 0x9ae1_6a3b_2f90_404f;

/// Octets of a link in front of its path: a host has 253 (RFC 1035 §2.3.4), a user's name some more.
const MAX_AUTHORITY: usize = 1024;

/// What was looked for and stands nowhere behind: nobody looks for it again, so that a text is read once, whatever is in it.
#[derive(Default)]
struct Missing {
    comment_end: bool,
    tag_end: bool,
}

#[derive(Clone, Copy)]
struct Word {
    hash: u64,
    length: u32,
    digit: bool,
}

impl Word {
    const NONE: Word = Word { hash: 0xcbf2_9ce4_8422_2325, length: 0, digit: false };

    fn push(&mut self, byte: u8) {
        self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        self.length += 1;
        self.digit |= byte.is_ascii_digit();
    }

    fn end(&mut self, reader: &mut impl Reader) {
        if self.length > 0 {
            reader.word(if self.digit { NUMBER } else { mix(self.hash) });
        }
        *self = Word::NONE;
    }
}

/// Reads plain text or HTML; both give the same words where they say the same.
pub fn read(text: &str, reader: &mut impl Reader) {
    let mut word = Word::NONE;
    let (mut rest, mut missing) = (text, Missing::default());
    while let Some(first) = rest.as_bytes().first() {
        match first {
            b'a'..=b'z' | b'A'..=b'Z' => {
                if word.length == 0
                    && matches!(first | 32, b'h' | b'w')
                    && let Some((host, after)) = link(rest)
                {
                    reader.host(&host);
                    reader.word(mix(host_key(&host)));
                    rest = after;
                    continue;
                }
                word.push(first | 32);
                rest = &rest[1..];
            }
            b'0'..=b'9' => {
                word.push(*first);
                rest = &rest[1..];
            }
            b'<' => {
                word.end(reader);
                rest = after_tag(rest, &mut missing, reader).unwrap_or(&rest[1..]);
            }
            b'&' => {
                let (letter, after) = entity(rest);
                match letter {
                    Some(letter) => fold(letter, &mut word, reader),
                    None => word.end(reader),
                }
                rest = after;
            }
            0..=127 => {
                word.end(reader);
                rest = &rest[1..];
            }
            128.. => {
                let mut chars = rest.chars();
                if let Some(letter) = chars.next() {
                    fold(letter, &mut word, reader);
                }
                rest = chars.as_str();
            }
        }
    }
    word.end(reader);
}

/// The host as scopes and shingles know it: a label with a digit, of which each copy may have its own, is a number.
pub fn host_key(host: &str) -> u64 {
    let mut hash = Word::NONE;
    for label in host.split('.') {
        hash.push(b'.');
        if label.bytes().any(|byte| byte.is_ascii_digit()) {
            hash.push(b'#');
        } else {
            label.bytes().for_each(|byte| hash.push(byte));
        }
    }
    mix(hash.hash ^ 1)
}

fn fold(letter: char, word: &mut Word, reader: &mut impl Reader) {
    for part in std::iter::once(letter).nfkd() {
        if is_combining_mark(part) {
            continue;
        }
        if !part.is_alphanumeric() {
            word.end(reader);
            continue;
        }
        for small in part.to_lowercase() {
            let mut buffer = [0; 4];
            small.encode_utf8(&mut buffer).bytes().for_each(|byte| word.push(byte));
        }
        word.digit |= part.is_numeric();
    }
}

/// The host of a link at the beginning of `text`, and what follows the link.
fn link(text: &str) -> Option<(String, &str)> {
    let (host, path) = host(text)?;
    Some((host, &path[path.find(ends_link).unwrap_or(path.len())..]))
}

fn ends_link(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '<' | '>' | ')' | ']' | '}' | '|' | '«' | '»' | '“' | '”')
}

/// The host of a link at the beginning of `text`, and what follows the host.
fn host(text: &str) -> Option<(String, &str)> {
    let starts = |scheme: &str| text.get(..scheme.len()).is_some_and(|head| head.eq_ignore_ascii_case(scheme));
    let scheme = ["https://", "http://", "www."].into_iter().find(|scheme| starts(scheme))?;
    let begin = if scheme == "www." { 0 } else { scheme.len() };
    let head = &text[begin..text.floor_char_boundary(begin + MAX_AUTHORITY)];
    let authority = match head.find(|c| ends_link(c) || matches!(c, '/' | '?' | '#' | '\\')) {
        Some(end) => &head[..end],
        None if begin + head.len() == text.len() => head,
        None => return None,
    };
    let after = &text[begin + authority.len()..];
    let host = authority.rsplit('@').next()?.split(':').next()?.trim_matches(|c: char| !c.is_alphanumeric());
    let host = host.strip_prefix("www.").unwrap_or(host);
    let host = if host.is_ascii() { host.to_ascii_lowercase() } else { idna::domain_to_ascii(host).ok()? };
    host.contains('.').then_some((host, after))
}

/// What follows a tag, a comment, a style or a script; links in its attributes are read.
fn after_tag<'a>(text: &'a str, missing: &mut Missing, reader: &mut impl Reader) -> Option<&'a str> {
    let second = *text.as_bytes().get(1)?;
    if !(second.is_ascii_alphabetic() || matches!(second, b'/' | b'!' | b'?')) || host(&text[1..]).is_some() {
        return None;
    }
    if text.starts_with("<!--") {
        return behind(text, "-->", &mut missing.comment_end);
    }
    let after = behind(text, ">", &mut missing.tag_end)?;
    let end = text.len() - after.len() - 1;
    let tag = &text[1..end];
    for (at, _) in tag.match_indices("http") {
        if let Some((host, _)) = host(&tag[at..]) {
            reader.host(&host);
            reader.word(mix(host_key(&host)));
        }
    }
    for hidden in ["style", "script"] {
        if tag.get(..hidden.len()).is_some_and(|name| name.eq_ignore_ascii_case(hidden)) {
            return Some(closing(after, hidden));
        }
    }
    Some(after)
}

/// What follows a mark; `None`, and no more searching, where it stands nowhere.
fn behind<'a>(text: &'a str, mark: &str, missing: &mut bool) -> Option<&'a str> {
    if *missing {
        return None;
    }
    let found = text.find(mark);
    *missing = found.is_none();
    found.map(|at| &text[at + mark.len()..])
}

/// From the closing tag of this name on; nothing where there is none.
fn closing<'a>(text: &'a str, name: &str) -> &'a str {
    let is_close = |at: &usize| {
        let tag = text[*at..].strip_prefix("</").and_then(|tag| tag.get(..name.len()));
        tag.is_some_and(|tag| tag.eq_ignore_ascii_case(name))
    };
    memchr::memchr_iter(b'<', text.as_bytes()).find(is_close).map_or("", |at| &text[at..])
}

/// The letter that a character reference means, and what follows it.
fn entity(text: &str) -> (Option<char>, &str) {
    let body = text[1..].bytes().take(10).position(|byte| byte == b';').map(|end| &text[1..=end]);
    let Some(name) = body else { return (None, &text[1..]) };
    let after = &text[name.len() + 2..];
    if let Some(letter) = xml::entity(name) {
        return (Some(letter), after);
    }
    // HTML 4 §24.2: the names of Latin letters begin with the letter without its accent, which is all we keep of it.
    let letter = ["acute", "grave", "circ", "uml", "cedil", "tilde", "ring", "slash", "caron"]
        .iter()
        .find_map(|accent| name.strip_suffix(accent))
        .and_then(|letter| letter.parse().ok());
    let letter = letter.or(match name {
        "oelig" => Some('œ'),
        "aelig" => Some('æ'),
        "szlig" => Some('ß'),
        "rsquo" | "lsquo" => Some('’'),
        _ => None,
    });
    (letter, after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Default, Debug, PartialEq)]
    struct Heard(Vec<u64>, Vec<String>);

    impl Reader for Heard {
        fn word(&mut self, hash: u64) {
            self.0.push(hash);
        }
        fn host(&mut self, host: &str) {
            self.1.push(host.to_owned());
        }
    }

    fn heard(text: &str) -> Heard {
        let mut heard = Heard::default();
        read(text, &mut heard);
        heard
    }

    #[test]
    fn what_copies_differ_in_is_left_out() {
        for (one, other) in [
            ("Votre BULLETIN du 12 mars", "votre bulletin du 7 Mars"),
            ("préfecture d’été", "Prefecture d'ete"),
            ("réf. AB-2024-17b", "réf. ab 9 3"),
            ("<p style=\"x\">L&eacute;gende&nbsp;: <b>gras</b></p>", "Légende : gras"),
            ("<style>p { color: red }</style>fin", "fin"),
            ("<!-- a <b> --> fin", "fin"),
            ("ﬁn", "fin"),
            ("voir https://a.example/x/1?u=2 ici", "voir http://www.A.example ici"),
            ("https://k3x9.track.example/a", "https://z7.track.example/b"),
        ] {
            assert_eq!(
                heard(one).0.iter().filter(|w| **w != NUMBER).count(),
                heard(other).0.iter().filter(|w| **w != NUMBER).count(),
                "{one}"
            );
            let words = |text| heard(text).0.into_iter().filter(|w| *w != NUMBER).collect::<Vec<_>>();
            assert_eq!(words(one), words(other), "{one} | {other}");
        }
        assert_ne!(heard("oui").0, heard("non").0);
    }

    #[test]
    fn hosts_are_found_in_text_and_in_tags() {
        for text in [
            "lien <https://Video.Example/x>.",
            "<a href=\"https://video.example/x\">lien</a>",
            "lien (www.video.example)",
            "lien https://anne@video.example:8080",
        ] {
            assert_eq!(heard(text).1, ["video.example"], "{text}");
        }
        assert_eq!(heard("<https://a.example>").1, ["a.example"]);
        assert!(heard("https:// rien, http://seul www.").1.is_empty());
    }

    #[test]
    fn hostile_texts_are_read_once() {
        let megabytes = |piece: &str| piece.repeat((2 << 20) / piece.len());
        for (piece, words, hosts) in [
            ("<!-- ", 0, 0),
            ("<a ", 1, 0),
            ("<style></style>", 0, 0),
            ("<script>x</SCRIPT>", 0, 0),
            ("http://", 1, 0),
            ("<p http://", 2, 0),
            ("http://http.http", 1, 1),
        ] {
            let text = megabytes(piece);
            let heard = heard(&text);
            let count = text.len() / piece.len();
            let at_most = |heard: usize, each: usize| heard <= each * count;
            assert!(at_most(heard.0.len(), words + hosts) && at_most(heard.1.len(), hosts), "{piece}");
        }
        // Open to its end: the whole tail is one tag.
        let links = format!("<a {}>", megabytes("http://"));
        assert_eq!(heard(&links), Heard::default());
    }

    #[test]
    fn what_closes_nowhere_is_no_tag() {
        for (text, expected) in [
            ("<!-- a <!-- b", "a b"),
            ("<!-- a --> b <!-- c", "b c"),
            ("<p>a</p> <b c <i d", "a b c i d"),
            ("<STYLE>x<b></Style>a", "a"),
            ("<style>x</styl", ""),
            ("<script>x</style></script>a", "a"),
            ("&amp;a&#233;&eacute;&apos;b", "aéé b"),
        ] {
            assert_eq!(heard(text), heard(expected), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn any_text_can_be_read(text in "(<|>|&|;|#|x|http://|www\\.|<style|<!--|é|\u{301}|[a-z0-9 .]|\\PC){0,40}") {
            heard(&text);
        }
    }
}
