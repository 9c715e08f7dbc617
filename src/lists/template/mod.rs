// SPDX-License-Identifier: EUPL-1.2
//! A text that a purpose allows, and what a mail says beyond it.
//!
//! What must not live here: which templates a purpose has (`entry`), what follows from likeness (`campaign`).
//!
//! How it fails: it does not. A template without fixed words is like every text, and `check` refuses it.
//!
//! Standards: none. Shingles of two words of normalised text; templates and mail are read by the same [`Text`].

mod text;
mod words;

use serde::{Deserialize, Serialize};

pub use text::{Host, Text, shingles};

use crate::lists::hashed::{Set, mix};

/// Words that may stand where a template says `{…}`: a name, a date, a reference; a sentence does not fit.
const FILLING: usize = 4;
/// A mail has to say this much of the template; less is another text.
const ALIKE: f32 = 0.8;

/// A template, as shingles; `{…}` stands for what varies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Template {
    shingles: Set,
    /// Before and after each `{…}`: the two words, mixed.
    gaps: Set,
    /// Where its links lead, in small letters, without `www.`
    pub hosts: Vec<String>,
    words: usize,
}

/// What a mail says beyond a template.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Residue {
    /// Shingles that stand neither in the template nor in a place for what varies.
    pub foreign: Vec<u64>,
    /// The part of the template that the mail says.
    pub said: f32,
    /// Shingles of the mail.
    pub of: usize,
}

/// The word before the first and after the last.
const EDGE: u64 = 0;

impl Template {
    pub fn new(text: &str) -> Template {
        let literal = fixed(text);
        let mut template = Template { shingles: Set::default(), gaps: Set::default(), hosts: Vec::new(), words: 0 };
        let mut before = EDGE;
        let last = literal.len() - 1;
        for (at, text) in literal.into_iter().enumerate() {
            let text = Text::new("", text, &[]);
            template.words += text.words.len();
            template.shingles.extend(shingles(&text.words).filter(|_| text.words.len() > 1));
            template.hosts.extend(text.hosts.iter().map(|host| host.name.clone()));
            let first = match text.words.first() {
                Some(first) => *first,
                None if at == last => EDGE,
                // `{name} {surname}`: one place.
                None => continue,
            };
            if at > 0 {
                template.gaps.insert(gap(before, first));
            }
            before = text.words.last().copied().unwrap_or(EDGE);
        }
        template
    }

    /// The provisional template that a sender's first text is.
    pub fn of(text: &Text) -> Template {
        Template {
            shingles: shingles(&text.words).collect(),
            gaps: Set::default(),
            hosts: text.hosts.iter().map(|host| host.name.clone()).collect(),
            words: text.words.len(),
        }
    }

    /// Words that do not vary.
    pub fn fixed_words(&self) -> usize {
        self.words
    }

    pub fn residue(&self, text: &Text) -> Residue {
        let words = &text.words;
        let all: Vec<u64> = shingles(words).collect();
        let known: Vec<bool> = all.iter().map(|shingle| self.shingles.contains(shingle)).collect();
        let mut said: Vec<u64> = all.iter().copied().filter(|shingle| self.shingles.contains(shingle)).collect();
        said.sort_unstable();
        said.dedup();
        let mut foreign = Vec::new();
        let mut at = 0;
        while at < all.len() {
            let run = known[at..].iter().take_while(|next| **next == known[at]).count();
            let end = at + run;
            if !known[at] && !self.fills(words, at, end) {
                foreign.extend_from_slice(&all[at..end]);
            }
            at = end;
        }
        let said = if self.shingles.is_empty() { 1.0 } else { said.len() as f32 / self.shingles.len() as f32 };
        Residue { foreign, said, of: all.len() }
    }

    /// Whether the words between shingles `start` and `end` only fill places for what varies.
    fn fills(&self, words: &[u64], start: usize, end: usize) -> bool {
        // Word numbers are shifted by one: 0 is the edge before the text, words.len() + 1 the one behind it.
        let word = |at: usize| at.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or(EDGE);
        let ends = words.len() + 1;
        let goal = if end + 1 == words.len() { ends } else { end + 1 };
        let mut starts = vec![start + 1];
        if start == 0 {
            starts.push(0);
        }
        starts.into_iter().any(|mut at| {
            while at < goal {
                let next = (at + 1..=(at + 1 + FILLING).min(ends))
                    .find(|next| self.gaps.contains(&gap(word(at), word(*next))));
                match next {
                    Some(next) => at = next,
                    // The last word may be the template's own.
                    None => return goal == ends && at + 1 == ends,
                }
            }
            true
        })
    }
}

/// The pieces between the places that vary. A brace that nothing closes on its line is a letter.
fn fixed(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    let mut from = 0;
    while let Some(open) = rest[from..].find('{').map(|at| at + from) {
        match rest[open..].find(['}', '\n']).map(|at| at + open) {
            Some(close) if rest.as_bytes()[close] == b'}' => {
                pieces.push(&rest[..open]);
                (rest, from) = (&rest[close + 1..], 0);
            }
            _ => from = open + 1,
        }
    }
    pieces.push(rest);
    pieces
}

fn gap(before: u64, after: u64) -> u64 {
    mix(before.rotate_left(7) ^ mix(after ^ 3))
}

impl Residue {
    pub fn alike(&self) -> bool {
        self.said >= ALIKE
    }

    /// Of the mail's shingles, the part that is not the template's.
    pub fn share(&self) -> f32 {
        if self.of == 0 { 0.0 } else { self.foreign.len() as f32 / self.of as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Bonjour {prénom} {nom},\nvotre bulletin de paie du mois de {mois} est disponible dans votre \
        espace, merci de le télécharger avant le {date}.\nRéférence {référence} et {numéro} du service des paies\n{signature}";

    fn residue(text: &str) -> Residue {
        Template::new(TEXT).residue(&Text::new("", text, &[]))
    }

    fn mail(name: &str, month: &str, more: &str) -> String {
        format!(
            "Bonjour {name}, votre bulletin de paie du mois de {month} est disponible dans votre espace, merci de le \
            télécharger avant le 12 mars 2026. {more} Référence AB et 17 du service des paies Le directeur"
        )
    }

    #[test]
    fn what_varies_is_no_residue() {
        for (name, month) in [("Anne Petit", "mars"), ("Jean de la Tour", "décembre"), ("", "mars 2026")] {
            let residue = residue(&mail(name, month, ""));
            assert_eq!(residue.foreign.len(), 0, "{name} {month} {residue:?}");
            assert!(residue.alike());
        }
    }

    #[test]
    fn a_sentence_is_residue_wherever_it_stands() {
        let plea = "soutenez la réforme et votez avec nous";
        for text in [
            mail("Anne", "mars", plea),
            mail(&format!("Anne {plea}"), "mars", ""),
            mail("Anne", &format!("mars {plea}"), ""),
            format!("{plea} {}", mail("Anne", "mars", "")),
            format!("{} {plea}", mail("Anne", "mars", "")),
        ] {
            let residue = residue(&text);
            assert!(residue.foreign.len() > 5, "{text} {residue:?}");
        }
        let part = residue("Bonjour Anne, votre bulletin de paie");
        assert!(!part.alike());
    }

    #[test]
    fn a_text_without_places_is_compared_whole() {
        let template = Template::new("La cantine est fermée lundi {");
        let same = template.residue(&Text::new("", "La cantine est fermée lundi", &[]));
        assert_eq!((same.foreign.len(), same.alike()), (0, true));
        let other = template.residue(&Text::new("", "La cantine est ouverte lundi", &[]));
        assert_eq!(other.foreign.len(), 2);
    }

    #[test]
    fn braces_are_places_only_on_their_line() {
        assert_eq!(fixed("a {b} c{d}"), ["a ", " c", ""]);
        assert_eq!(fixed("a {b\nc} d"), ["a {b\nc} d"]);
        assert_eq!(fixed("{x {y} z"), ["", " z"]);
        assert_eq!(Template::new("{a} {b}").fixed_words(), 0);
        assert_eq!(Template::new("deux mots {a} un").fixed_words(), 3);
    }
}
