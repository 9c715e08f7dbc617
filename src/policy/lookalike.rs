// SPDX-License-Identifier: EUPL-1.2
//! Domains that imitate one of the administration's or of its partners.
//!
//! Four tricks are known: letters that look alike (`justicе`, `f1nances`), dots and dashes exchanged
//! (`finances-gouv.example`), the true name in front of a foreign one (`finances.gouv.example.com`), and one letter
//! doubled, lost or exchanged with its neighbour. Another letter in the same place is no trick: `ville-laon`
//! and `ville-lyon` are two towns.

use std::collections::HashMap;

use unicode_normalization::UnicodeNormalization;

use crate::mail::Domain;

/// Names shorter than this are not compared by a lost or doubled letter.
const SHORTEST: usize = 8;

/// The domains worth imitating, indexed by every form an imitation may take.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lookalikes {
    domains: Vec<String>,
    /// By skeleton.
    same: HashMap<String, usize>,
    /// By skeleton with one character taken out.
    shorter: HashMap<String, Vec<usize>>,
    /// By skeleton up to a first label: used to find a true name in front of a foreign one.
    longest: usize,
}

impl Lookalikes {
    pub(crate) fn add(&mut self, domain: &str) {
        if !domain.contains('.') || self.domains.iter().any(|known| known == domain) {
            return;
        }
        let skeleton = skeleton(domain);
        let index = self.domains.len();
        self.domains.push(domain.to_owned());
        self.longest = self.longest.max(skeleton.matches('.').count() + 1);
        if skeleton.len() >= SHORTEST {
            for shorter in deletions(&skeleton) {
                self.shorter.entry(shorter).or_default().push(index);
            }
        }
        self.same.entry(skeleton).or_insert(index);
    }

    /// The domain that `domain` imitates. The caller has made sure that `domain` itself is not known.
    pub(crate) fn imitated(&self, domain: &Domain) -> Option<&str> {
        if self.domains.is_empty() || domain.is_literal() {
            return None;
        }
        let readable = if domain.as_str().contains("xn--") { domain.to_unicode() } else { domain.as_str().to_owned() };
        let skeleton = skeleton(&readable);
        let index = self.same.get(&skeleton).copied().filter(|i| !self.is_below(*i, domain));
        let index = index.or_else(|| self.in_front(&skeleton, domain)).or_else(|| self.one_letter(&skeleton, domain));
        index.and_then(|i| self.domains.get(i)).map(String::as_str)
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
        if skeleton.len() < SHORTEST {
            return None;
        }
        let near = |key: &str| self.shorter.get(key).into_iter().flatten().copied();
        // A letter lost: the known name without one is ours. A letter too many: ours without one is the known name.
        let lost = near(skeleton).next();
        let found = lost.or_else(|| {
            deletions(skeleton).find_map(|shorter| {
                let doubled = self.same.get(&shorter).copied();
                doubled.or_else(|| near(&shorter).find(|i| exchanged(skeleton, &self.skeleton_of(*i))))
            })
        });
        found.filter(|i| !self.is_below(*i, domain))
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

/// Whether two texts differ by two neighbours exchanged.
fn exchanged(a: &str, b: &str) -> bool {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() != b.len() {
        return false;
    }
    let differing: Vec<usize> = (0..a.len()).filter(|i| a[*i] != b[*i]).collect();
    matches!(differing[..], [i, j] if j == i + 1 && a[i] == b[j] && a[j] == b[i])
}

/// What the eye sees: accents off, look-alike letters folded, dashes as dots.
fn skeleton(domain: &str) -> String {
    let plain: Vec<char> = domain
        .nfkd()
        .filter(|c| !unicode_normalization::char::is_combining_mark(*c))
        .flat_map(char::to_lowercase)
        .collect();
    // A digit inside a word plays a letter; one at a word's end, as in `dept01`, is a number.
    let inside = |at: usize| {
        let before = at.checked_sub(1).and_then(|at| plain.get(at));
        before.is_none_or(|c| !c.is_numeric()) && plain.get(at + 1).is_some_and(|c| c.is_alphabetic())
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
        let mut known = Lookalikes::default();
        for domain in ["finances.gouv.example", "justice.gouv.example", "ville-lyon.example", "dept01.example"] {
            known.add(domain);
        }
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
            "gmail.com",
            "mel.finances.gouv.example",
            "[192.0.2.1]",
        ] {
            assert_eq!(imitated(domain), None, "{domain}");
        }
    }
}
