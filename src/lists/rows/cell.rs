// SPDX-License-Identifier: EUPL-1.2
//! What a cell means: the addresses in it, or the key that a row is known by.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::mail::Mailbox;

/// Addresses that one cell may hold.
const MAX_ADDRESSES: usize = 16;
/// Letters of a cell that is looked at: longer ones are prose.
const MAX_CELL: usize = 4096;

/// The addresses in a cell: one, or several parted by `;`, `,`, `|`, `/` or white space; bare, in angle brackets behind
/// a name, behind `mailto:`. `None` where something in it is no address.
pub fn addresses(cell: &str) -> Option<Vec<Mailbox>> {
    let cell = cell.trim_matches(is_blank);
    if !cell.contains(['@', '\u{ff20}']) || cell.len() > MAX_CELL {
        return None;
    }
    if let Ok(mailbox) = Mailbox::parse(cell)
        && is_plain(&mailbox)
    {
        return Some(vec![mailbox]);
    }
    let mut found = Vec::new();
    if cell.contains('<') {
        // Names may hold anything: only what stands in brackets counts.
        for part in cell.split('<').skip(1) {
            found.push(one(part.split_once('>')?.0)?);
        }
    } else {
        for part in cell.split(|c: char| ";,|".contains(c) || is_blank(c)).filter(|part| !part.is_empty()) {
            match one(part) {
                Some(mailbox) => found.push(mailbox),
                None => found.extend(part.split('/').map(one).collect::<Option<Vec<_>>>()?),
            }
        }
    }
    (!found.is_empty() && found.len() <= MAX_ADDRESSES).then_some(found)
}

fn one(text: &str) -> Option<Mailbox> {
    let text: String = text.nfkc().filter(|c| !is_blank(*c)).collect();
    let text = text.trim_matches(['<', '>', '\'', '.', ',', ';', ':', '(', ')', '[']);
    // `proxyAddresses` of a directory says which protocol; the rest is for links.
    let text = ["mailto:", "smtp:", "email:", "mail:"]
        .iter()
        .find_map(|word| {
            text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word)).map(|_| &text[word.len()..])
        })
        .unwrap_or(text);
    Mailbox::parse(text).ok().filter(is_plain)
}

/// Whether an address is one that a list of people holds: a domain with a dot, no rest of other punctuation.
fn is_plain(mailbox: &Mailbox) -> bool {
    let domain = mailbox.domain();
    let odd = |c: char| c == '@' || c == '|' || is_blank(c) || c.is_control();
    !domain.is_literal()
        && domain.as_str().contains('.')
        && !mailbox.local().contains(odd)
        && !mailbox.local().to_ascii_lowercase().starts_with("mailto:")
        && mailbox.domain().as_str().rsplit('.').next().is_some_and(|top| !top.bytes().all(|b| b.is_ascii_digit()))
}

/// White space, also what only looks like nothing.
fn is_blank(c: char) -> bool {
    c.is_whitespace()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' | '\u{ad}')
}

/// What a row is known by in a column other than the addresses': without case, accents, spaces and punctuation. `None`
/// where too little is left to tell rows apart.
pub fn key_of(cell: &str) -> Option<String> {
    if cell.len() > MAX_CELL {
        return None;
    }
    let key: String = cell
        .nfkd()
        .filter(|c| !is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .filter(|c| c.is_alphanumeric())
        .collect();
    (key.chars().count() >= 5).then_some(key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(cell: &str) -> Option<Vec<String>> {
        addresses(cell).map(|all| all.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn cells_of_real_lists_are_understood() {
        let anne = Some(vec!["anne@town.example".to_owned()]);
        for cell in [
            "anne@town.example",
            "  anne@town.example\u{a0}",
            "\u{feff}anne@town.example",
            "<anne@town.example>",
            "Anne Martin <anne@town.example>",
            "\"Martin, Anne\" <anne@town.example>",
            "mailto:anne@town.example",
            "SMTP:anne@town.example",
            "'anne@town.example'",
            "anne@town.example;",
            "anne＠town.example",
        ] {
            assert_eq!(read(cell), anne, "{cell:?}");
        }
        assert_eq!(read("a@x.example; b@x.example").unwrap(), ["a@x.example", "b@x.example"]);
        assert_eq!(read("a@x.example/b@x.example").unwrap(), ["a@x.example", "b@x.example"]);
        assert_eq!(read("A <a@x.example>, B <b@x.example>").unwrap(), ["a@x.example", "b@x.example"]);
        for cell in [
            "",
            "anne",
            "anne@",
            "@town.example",
            "anne@town",
            "write to anne@town.example",
            "a@b@c.example",
            "anne@10.0.0.1",
            "<anne@town.example",
            "a b@x.example",
        ] {
            assert_eq!(read(cell), None, "{cell:?}");
        }
    }

    #[test]
    fn a_key_is_the_same_however_it_is_written() {
        assert_eq!(key_of("2 85 05 78 006 084 36"), key_of("285057800608436"));
        assert_eq!(key_of("Élise-LEFÈVRE"), key_of("elise lefevre"));
        assert_eq!(key_of("12"), None);
        assert_eq!(key_of("- - - - - - "), None);
    }

    proptest! {
        #[test]
        fn no_cell_is_a_surprise(cell in any::<String>()) {
            addresses(&cell);
            key_of(&cell);
        }

        #[test]
        fn an_address_is_found_in_every_dress(local in "[a-z]{1,9}(\\.[a-z]{1,9})?", name in "[A-Z][a-z]{1,9}") {
            let bare = format!("{local}@town.example");
            for cell in [bare.clone(), format!(" {bare} "), format!("{name} <{bare}>"), format!("mailto:{bare}")] {
                prop_assert_eq!(read(&cell), Some(vec![bare.clone()]));
            }
        }
    }
}
