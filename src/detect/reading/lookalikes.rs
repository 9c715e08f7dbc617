// SPDX-License-Identifier: EUPL-1.2
//! The domains that somebody may imitate, and whether another domain imitates one of them.
//!
//! octroi knows five tricks: letters that look alike (`justicе`, `f1nances`), dots and dashes exchanged
//! (`finances-gouv.example`), the true name in front of another one (`finances.gouv.example.com`), one letter doubled,
//! lost or exchanged with its neighbour, and one letter replaced in a long word. In a short word another letter is not
//! a trick: `ville-laon` and `ville-lyon` are two towns. Webmail names are mistyped more often than imitated:
//! `gmial.com`.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::mail::Domain;

/// Words shorter than this are not compared by a lost, doubled or replaced letter: `dge` and `dgi` are two offices,
/// `ville` and `villes` two hosts.
const LONG: usize = 7;
/// The same for the few names of webmail services, which nobody else bears.
const LONG_WEBMAIL: usize = 5;
/// Mail services whose names are mistyped or imitated most.
pub const WEBMAIL: &[&str] = &[
    "gmail.com",
    "outlook.com",
    "outlook.fr",
    "hotmail.com",
    "hotmail.fr",
    "hotmail.be",
    "hotmail.nl",
    "yahoo.com",
    "yahoo.fr",
    "icloud.com",
    "orange.fr",
    "wanadoo.fr",
    "laposte.net",
    "proton.me",
    "protonmail.com",
    "telenet.be",
    "skynet.be",
    "proximus.be",
    "ziggo.nl",
    "xs4all.nl",
    "kpnmail.nl",
    "btinternet.com",
    "t-online.de",
    "menara.ma",
];
/// What fingers make of `.com`.
const MISTYPED_COM: &[&str] = &["co", "cm", "con", "om", "comm", "cmo", "ocm", "vom", "xom", "cim", "coml"];

/// The domains worth imitating, indexed by every form an imitation may take.
#[derive(Debug, Clone, Default)]
pub struct Lookalikes {
    domains: Vec<String>,
    /// By skeleton.
    same: HashMap<String, usize>,
    /// By skeleton with one character taken out.
    shorter: HashMap<String, Vec<usize>>,
    /// Labels of the longest domain: bounds the search for a true name in front of a foreign one.
    longest: usize,
}

impl Lookalikes {
    /// Own and partner domains, and the webmail services.
    pub fn new(domains: impl IntoIterator<Item = String>) -> Lookalikes {
        let mut lookalikes = Lookalikes::default();
        domains.into_iter().for_each(|domain| lookalikes.add(&domain));
        WEBMAIL.iter().for_each(|domain| lookalikes.add(domain));
        lookalikes
    }

    fn add(&mut self, domain: &str) {
        if !domain.contains('.') || self.domains.iter().any(|known| known == domain) {
            return;
        }
        let skeleton = skeleton(domain);
        let index = self.domains.len();
        self.domains.push(domain.to_owned());
        self.longest = self.longest.max(skeleton.matches('.').count() + 1);
        for shorter in deletions(&skeleton) {
            self.shorter.entry(shorter).or_default().push(index);
        }
        self.same.entry(skeleton).or_insert(index);
    }

    /// The domain that `domain` imitates. The caller has made sure that `domain` itself is not known.
    pub fn imitated(&self, domain: &Domain) -> Option<&str> {
        if self.domains.is_empty() || domain.is_literal() {
            return None;
        }
        let readable = if domain.as_str().contains("xn--") { domain.to_unicode() } else { domain.as_str().to_owned() };
        let skeleton = skeleton(&readable);
        let index = self.same.get(&skeleton).copied().filter(|i| !self.is_below(*i, domain));
        let index = index
            .or_else(|| self.in_front(&skeleton, domain))
            .or_else(|| self.one_letter(&skeleton, domain))
            .or_else(|| self.mistyped_webmail(&skeleton));
        index.and_then(|i| self.domains.get(i)).map(String::as_str)
    }

    /// `hotmail.con`, `gmai1.com`.
    fn mistyped_webmail(&self, skeleton: &str) -> Option<usize> {
        let (name, end) = skeleton.split_once('.')?;
        let com = if MISTYPED_COM.contains(&end) { "com" } else { end };
        let known = format!("{}.{com}", name.replace('1', "l").replace('0', "o"));
        self.same.get(&known).copied().filter(|i| self.is_webmail(*i))
    }

    fn is_webmail(&self, index: usize) -> bool {
        self.domains.get(index).is_some_and(|domain| WEBMAIL.contains(&domain.as_str()))
    }

    /// `finances.gouv.example.com`: a known name, and foreign labels after it.
    fn in_front(&self, skeleton: &str, domain: &Domain) -> Option<usize> {
        let starts = std::iter::once(0).chain(skeleton.match_indices('.').map(|(at, _)| at + 1));
        for start in starts.take(16) {
            let rest = &skeleton[start..];
            for (end, _) in rest.match_indices('.').take(self.longest + 1) {
                if let Some(index) = self.same.get(&rest[..end])
                    && !self.is_below(*index, domain)
                {
                    return Some(*index);
                }
            }
        }
        None
    }

    fn one_letter(&self, skeleton: &str, domain: &Domain) -> Option<usize> {
        let near = |key: &str| self.shorter.get(key).into_iter().flatten().copied();
        // A letter lost: the known name without one is ours. A letter too many: ours without one is the known name.
        // One exchanged or replaced: both without one are the same.
        let candidates = near(skeleton).chain(deletions(skeleton).flat_map(|shorter| {
            let doubled = self.same.get(&shorter).copied();
            doubled.into_iter().chain(near(&shorter).collect::<Vec<_>>())
        }));
        candidates.take(64).find(|&index| {
            !self.is_below(index, domain) && slip(skeleton, &self.skeleton_of(index), self.is_webmail(index))
        })
    }

    fn skeleton_of(&self, index: usize) -> String {
        self.domains.get(index).map(|d| skeleton(d)).unwrap_or_default()
    }

    /// A sub-domain of a known domain is the known administration's own affair.
    fn is_below(&self, index: usize, domain: &Domain) -> bool {
        self.domains.get(index).is_some_and(|known| domain.is_within(known))
    }
}

/// All forms with one letter taken out; a digit is never taken, for `dept01` and `dept1` are two places.
fn deletions(text: &str) -> impl Iterator<Item = String> + '_ {
    text.char_indices().filter(|(_, c)| c.is_alphabetic()).map(|(at, c)| {
        let mut shorter = String::with_capacity(text.len());
        shorter.push_str(&text[..at]);
        shorter.push_str(&text[at + c.len_utf8()..]);
        shorter
    })
}

/// Whether one word of a domain is a slip for the same word of `known`, all others equal: a letter lost, doubled,
/// exchanged with its neighbour or replaced.
fn slip(domain: &str, known: &str, webmail: bool) -> bool {
    let (a, b): (Vec<&str>, Vec<&str>) = (domain.split('.').collect(), known.split('.').collect());
    let mut differing = a.iter().zip(&b).filter(|(x, y)| x != y);
    let (Some((x, y)), None, true) = (differing.next(), differing.next(), a.len() == b.len()) else { return false };
    let long = if webmail { LONG_WEBMAIL } else { LONG };
    let (x, y): (Vec<char>, Vec<char>) = (x.chars().collect(), y.chars().collect());
    if y.len() < long {
        return false;
    }
    let same = x.iter().zip(&y).take_while(|(a, b)| a == b).count();
    match x.len() as isize - y.len() as isize {
        -1 => x[same..] == y[same + 1..],
        // In a short name of a service only a doubled letter is a slip: `oranges.fr` sells fruit.
        1 => x[same + 1..] == y[same..] && (y.len() >= LONG || same > 0 && x[same] == x[same - 1]),
        0 => {
            let swapped = x.get(same + 1) == y.get(same) && x.get(same) == y.get(same + 1);
            swapped && x.get(same + 2..) == y.get(same + 2..) || y.len() >= LONG && x[same + 1..] == y[same + 1..]
        }
        _ => false,
    }
}

/// What the eye sees: accents off, look-alike letters folded, dashes as dots.
fn skeleton(domain: &str) -> String {
    let plain: Vec<char> = domain
        .nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect();
    // Digits inside a word play letters; at a word's end, as in `dept01`, they are a number.
    let digit = |c: &&char| matches!(c, '0' | '1');
    let inside = |at: usize| {
        let before = plain[..at].iter().rev().find(|c| !digit(c));
        let after = plain[at..].iter().find(|c| !digit(c));
        before.is_none_or(|c| !c.is_numeric()) && after.is_some_and(|c| c.is_alphabetic())
    };
    let folded: String = plain
        .iter()
        .enumerate()
        .map(|(at, c)| match c {
            '-' | '_' => '.',
            '1' if inside(at) => 'l',
            '0' if inside(at) => 'o',
            'l' | 'і' | 'ı' | 'ι' | 'i' => 'l',
            'о' | 'ο' => 'o',
            'а' | 'α' | 'ɑ' => 'a',
            'е' | 'ҽ' | 'ε' => 'e',
            'с' | 'ϲ' => 'c',
            'р' | 'ρ' => 'p',
            'ѕ' => 's',
            'у' | 'γ' => 'y',
            'х' | 'χ' => 'x',
            'ј' => 'j',
            'ԁ' => 'd',
            'һ' => 'h',
            'ո' | 'п' => 'n',
            'ν' | 'ѵ' => 'v',
            'т' | 'τ' => 't',
            'к' | 'κ' => 'k',
            'м' => 'm',
            'ɡ' => 'g',
            'ԛ' => 'q',
            'ԝ' | 'ω' => 'w',
            'ь' => 'b',
            other => *other,
        })
        .collect();
    folded.replace("rn", "m").replace("vv", "w")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imitated(domain: &str) -> Option<String> {
        let known = ["finances.gouv.example", "justice.gouv.example", "ville-lyon.example", "dept01.example"];
        let known = Lookalikes::new(known.map(str::to_owned));
        known.imitated(&Domain::parse(domain).unwrap()).map(str::to_owned)
    }

    #[test]
    fn every_trick_is_seen() {
        for (domain, of) in [
            ("finances-gouv.example", "finances.gouv.example"),
            ("finances.gouv.example.com", "finances.gouv.example"),
            ("portail.finances-gouv-example.com", "finances.gouv.example"),
            ("f1nances.gouv.example", "finances.gouv.example"),
            ("finnances.gouv.example", "finances.gouv.example"),
            ("finaces.gouv.example", "finances.gouv.example"),
            ("fiannces.gouv.example", "finances.gouv.example"),
            ("justicе.gouv.example", "justice.gouv.example"),
            ("ville-lyon.example.net", "ville-lyon.example"),
            ("finanzes.gouv.example", "finances.gouv.example"),
            ("gmial.com", "gmail.com"),
            ("gmal.com", "gmail.com"),
            ("gmaill.com", "gmail.com"),
            ("gmai1.com", "gmail.com"),
            ("hotmail.con", "hotmail.com"),
            ("outlok.fr", "outlook.fr"),
            ("gmail.com.mail-secure.example", "gmail.com"),
        ] {
            assert_eq!(imitated(domain).as_deref(), Some(of), "{domain}");
        }
    }

    #[test]
    fn neighbours_and_namesakes_are_no_imitation() {
        for domain in [
            "ville-laon.example",
            "dept02.example",
            "dept1.example",
            "agriculture.gouv.example",
            "opera-lyon.example",
            "finances.example",
            "oranges.fr",
            "grange.fr",
            "email.example",
            "ville-lyons.example",
            "mel.finances.gouv.example",
            "[192.0.2.1]",
        ] {
            assert_eq!(imitated(domain), None, "{domain}");
        }
    }
}
