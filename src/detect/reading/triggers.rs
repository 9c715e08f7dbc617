// SPDX-License-Identifier: EUPL-1.2
//! Searches all texts once for the literals of all detectors. A hit only means "look here"; the detector decides.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use crate::detect::reading::vocabulary::{Markings, Strength, is_arabic};

/// What a literal may be the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Marking,
    /// An ordinary word that marks only where it stands in capitals or after a label.
    PlainMarking,
    Forward,
    /// The name of a Moroccan identity card.
    Identity,
    /// What names the number of a meeting by telephone.
    DialIn,
}

/// A literal of `topic` ends at byte `at` of text number `text`, in its normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    pub text: usize,
    pub at: usize,
    pub topic: Topic,
}

/// Hits kept per text and topic: beyond it a text is about the word, not marked by it.
const MOST: usize = 4096;
/// Topics, as indices of their counts.
const TOPICS: usize = Topic::DialIn as usize + 1;
/// Characters that may stand between two words of one wording.
const GAP: usize = 12;

/// What a literal announces.
#[derive(Debug)]
struct Meaning {
    topic: Topic,
    /// The words around the literal, where the whole wording must stand to be worth a look.
    around: Option<Around>,
}

/// The words of a wording before and after its literal, the nearest first.
#[derive(Debug)]
struct Around {
    before: Vec<String>,
    after: Vec<String>,
}

#[derive(Debug)]
pub struct Triggers {
    automaton: Option<AhoCorasick>,
    /// By literal.
    meanings: Vec<Vec<Meaning>>,
}

impl Triggers {
    /// The literals of the vocabulary, and the `words` in normal form that a detector looks for.
    pub fn new(markings: &Markings, words: impl IntoIterator<Item = (Topic, String)>) -> Triggers {
        let mut literals: Vec<String> = Vec::new();
        let mut meanings: Vec<Vec<Meaning>> = Vec::new();
        let mut add = |literal: String, meaning: Meaning| match literals.iter().position(|known| *known == literal) {
            Some(known) => meanings[known].push(meaning),
            None => {
                literals.push(literal);
                meanings.push(vec![meaning]);
            }
        };
        for trigger in markings.triggers() {
            let topic = if trigger.strength == Strength::Plain { Topic::PlainMarking } else { Topic::Marking };
            let word = &trigger.words[trigger.rarest];
            if is_arabic(word) {
                // Ya and ta marbuta are written two ways; the stem is enough to look closer.
                add(word.trim_end_matches(['ي', 'ه']).to_owned(), Meaning { topic, around: None });
                continue;
            }
            let before = trigger.words[..trigger.rarest].iter().rev().cloned().collect();
            let after = trigger.words[trigger.rarest + 1..].to_vec();
            add(word.clone(), Meaning { topic, around: Some(Around { before, after }) });
            if trigger.words.len() > 1 {
                // Written without a blank.
                add(trigger.words.concat(), Meaning { topic, around: None });
            }
        }
        words.into_iter().for_each(|(topic, word)| add(word, Meaning { topic, around: None }));
        // Our own literals are few and short, so the automaton is far below its size limit; were it not, detectors
        // would look at every line instead.
        let automaton = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(&literals)
            .ok();
        Triggers { automaton, meanings }
    }

    /// Adds the hits in `normal` to `hits`.
    pub fn scan(&self, text: usize, normal: &str, hits: &mut Vec<Hit>) {
        let Some(automaton) = &self.automaton else { return };
        let mut counts = [0; TOPICS];
        // Overlapping, or a literal of one topic would hide a longer one of another that begins before it ends.
        for found in automaton.find_overlapping_iter(normal) {
            for meaning in &self.meanings[found.pattern().as_usize()] {
                let count = &mut counts[meaning.topic as usize];
                // Of a name it is enough to know that it stands there.
                let most = if matches!(meaning.topic, Topic::Identity | Topic::DialIn) { 1 } else { MOST };
                if *count < most
                    && meaning.around.as_ref().is_none_or(|around| around.stands(normal, found.start(), found.end()))
                {
                    *count += 1;
                    hits.push(Hit { text, at: found.end(), topic: meaning.topic });
                }
            }
        }
    }
}

impl Around {
    /// Whether the literal at `start..end` is a word by itself, with the rest of its wording around it.
    fn stands(&self, text: &str, start: usize, end: usize) -> bool {
        // A literal begins and ends on characters, being one of ours found in valid UTF-8.
        let (Some(mut before), Some(mut after)) = (text.get(..start), text.get(end..)) else { return false };
        let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        if inside(before.chars().next_back()) || inside(after.chars().next()) {
            return false;
        }
        for word in &self.before {
            let apart = before.chars().rev().take(GAP).take_while(|c| !c.is_alphanumeric()).map(char::len_utf8);
            let length = apart.sum::<usize>();
            let Some(rest) = before[..before.len() - length].strip_suffix(word.as_str()) else { return false };
            if length == 0 || inside(rest.chars().next_back()) {
                return false;
            }
            before = rest;
        }
        for word in &self.after {
            let apart = after.chars().take(GAP).take_while(|c| !c.is_alphanumeric()).map(char::len_utf8);
            let length = apart.sum::<usize>();
            let Some(rest) = after[length..].strip_prefix(word.as_str()) else { return false };
            if length == 0 || inside(rest.chars().next()) {
                return false;
            }
            after = rest;
        }
        true
    }
}
