// SPDX-License-Identifier: EUPL-1.2
//! One pass over every text for the literals of all detectors. A hit says only "look here"; the detector decides.

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, AhoCorasickKind, MatchKind};

use crate::detect::vocabulary::Markings;
use crate::detect::{forward, names};

/// What a literal may be the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    Marking,
    Forward,
}

/// A literal of `topic` ends at byte `at` of text number `text`, in its normal form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hit {
    pub text: usize,
    pub at: usize,
    pub topic: Topic,
}

/// Hits kept per text: beyond it a text is about the word, not marked by it.
const MOST: usize = 4096;

#[derive(Debug)]
pub struct Triggers {
    automaton: Option<AhoCorasick>,
    topics: Vec<Topic>,
}

impl Triggers {
    pub fn new(markings: &Markings) -> Triggers {
        let mut literals: Vec<(String, Topic)> = Vec::new();
        let words = markings.triggers().map(|word| (word.to_owned(), Topic::Marking));
        let forwards = forward::TRIGGERS.iter().map(|word| (names::fold(word), Topic::Forward));
        for (literal, topic) in words.chain(forwards) {
            if !literals.iter().any(|(known, _)| *known == literal) {
                literals.push((literal, topic));
            }
        }
        let topics = literals.iter().map(|(_, topic)| *topic).collect();
        // Our own literals are few and short, so the automaton is far below its size limit; were it not, detectors
        // would look at every line instead.
        let automaton = AhoCorasickBuilder::new()
            .match_kind(MatchKind::Standard)
            .kind(Some(AhoCorasickKind::DFA))
            .build(literals.iter().map(|(literal, _)| literal))
            .ok();
        Triggers { automaton, topics }
    }

    /// Adds the hits in `normal` to `hits`.
    pub fn scan(&self, text: usize, normal: &str, hits: &mut Vec<Hit>) {
        let Some(automaton) = &self.automaton else { return };
        // Overlapping, or a literal of one topic would hide a longer one of another that begins before it ends.
        for found in automaton.find_overlapping_iter(normal).take(MOST) {
            hits.push(Hit { text, at: found.end(), topic: self.topics[found.pattern().as_usize()] });
        }
    }
}
