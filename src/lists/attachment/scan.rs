// SPDX-License-Identifier: EUPL-1.2
//! Every address in a text, quickly: from each `@` outwards.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::mail::Mailbox;

/// Letters on either side of an `@` that may belong to it (RFC 5321 §4.5.3.1).
const MAX_LOCAL: usize = 255;
const MAX_DOMAIN: usize = 255;

/// Visits the addresses of a text in their order.
pub fn addresses(text: &str, visit: &mut dyn FnMut(Mailbox)) {
    if text.contains(['\u{ff20}', '\u{fe6b}']) || text.contains("[at]") || text.contains("(at)") {
        let plain = text.replace(['\u{ff20}', '\u{fe6b}'], "@");
        let plain = plain.replace(" [at] ", "@").replace("[at]", "@").replace(" (at) ", "@").replace("(at)", "@");
        return plainly(&plain, visit);
    }
    plainly(text, visit);
}

fn plainly(text: &str, visit: &mut dyn FnMut(Mailbox)) {
    let bytes = text.as_bytes();
    for at in memchr::memchr_iter(b'@', bytes) {
        let from = start(text, at);
        let to = end(text, at);
        // A full stop behind an address ends a sentence; quotes and marks around it are somebody else's.
        let word = text[from..to].trim_matches(['.', '\'', '-', '`', '*', '_', '{', '}', '|', '/', '=', '#']);
        if !word.ends_with('@')
            && let Ok(mailbox) = Mailbox::parse(word)
            && mailbox.domain().as_str().contains('.')
        {
            visit(mailbox);
        }
    }
}

/// Where the local part before an `@` begins.
fn start(text: &str, at: usize) -> usize {
    let floor = at.saturating_sub(MAX_LOCAL);
    let mut from = at;
    for (index, letter) in text[..at].char_indices().rev() {
        if index < floor
            || !(letter.is_alphanumeric() || is_combining_mark(letter) || "!#$%&'*+-/=?^_`{|}~.".contains(letter))
        {
            break;
        }
        from = index;
    }
    from
}

/// Where the domain behind an `@` ends.
fn end(text: &str, at: usize) -> usize {
    let mut to = at + 1;
    for (index, letter) in text[at + 1..].char_indices() {
        if index > MAX_DOMAIN
            || !(letter.is_alphanumeric() || is_combining_mark(letter) || letter == '-' || letter == '.')
        {
            break;
        }
        to = at + 1 + index + letter.len_utf8();
    }
    to
}

/// The same address without accents, where it has some.
pub fn without_accents(mailbox: &Mailbox) -> Option<Mailbox> {
    if mailbox.local().is_ascii() {
        return None;
    }
    let local: String = mailbox.local().nfkd().filter(|c| !is_combining_mark(*c)).collect();
    Mailbox::parse(&format!("{local}@{}", mailbox.domain())).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        addresses(text, &mut |mailbox| all.push(mailbox.to_string()));
        all
    }

    #[test]
    fn addresses_are_found_wherever_they_stand() {
        let text = "Martin\tZoé\tzoe@town.example\n<a@x.example>;b@x.example,\"c@x.example\" mailto:d@x.example. (e@x.example) \
                    f＠x.example g [at] x.example @x.example h@ i@local 'j@x.example'";
        let expected = [
            "zoe@town.example",
            "a@x.example",
            "b@x.example",
            "c@x.example",
            "d@x.example",
            "e@x.example",
            "f@x.example",
            "g@x.example",
            "j@x.example",
        ];
        assert_eq!(found(text), expected);
    }

    #[test]
    fn accents_can_be_left_out() {
        let with = Mailbox::parse("hélène@x.example").unwrap();
        assert_eq!(without_accents(&with).unwrap().to_string(), "helene@x.example");
        assert_eq!(without_accents(&Mailbox::parse("a@x.example").unwrap()), None);
    }

    proptest! {
        #[test]
        fn no_text_is_a_surprise(text in any::<String>(), more in "[a@.\u{e9} -]{0,60}") {
            found(&text);
            found(&more);
        }
    }
}
