// SPDX-License-Identifier: EUPL-1.2
//! Remembers files by their hash: extracts (bounded by bytes and by age), and files that killed workers (bounded by number).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use zeroize::Zeroize;

use super::file::{Answer, Hash};
use crate::document::{DocumentError, Extract};

/// Files that killed two workers, remembered.
const BAD: usize = 10_000;

/// How long an extract is remembered: it is the plain text of somebody's file. A bulk send takes minutes.
const AGE: Duration = Duration::from_secs(15 * 60);

/// First in, first out: a bulk send asks for the same file within minutes, and order of use costs a lock more.
#[derive(Default)]
pub(super) struct Memory {
    extracts: HashMap<Hash, Entry>,
    order: VecDeque<Hash>,
    bytes: usize,
    bad: HashMap<Hash, DocumentError>,
    bad_order: VecDeque<Hash>,
}

struct Entry {
    answer: Answer,
    weight: usize,
    since: Instant,
}

impl Memory {
    pub fn answer(&mut self, hash: &Hash, now: Instant) -> Option<Answer> {
        self.forget_old(now);
        self.extracts.get(hash).map(|entry| entry.answer.clone())
    }

    /// What is too old goes.
    pub fn forget_old(&mut self, now: Instant) {
        let is_old = |entry: &Entry| now.saturating_duration_since(entry.since) >= AGE;
        while self.order.front().and_then(|hash| self.extracts.get(hash)).is_some_and(is_old) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.order.pop_front().and_then(|hash| self.extracts.remove(&hash));
        if let Some(Entry { mut answer, weight, .. }) = oldest {
            self.bytes -= weight;
            // A mail that is judged just now may still read it.
            if let Some(extract) = Arc::get_mut(&mut answer.extract) {
                wipe(extract);
            }
        }
    }

    /// Forgets all extracts: what could not be read for want of memory may be readable now.
    pub fn forget_extracts(&mut self) {
        while !self.order.is_empty() {
            self.forget_oldest();
        }
    }

    pub fn bad(&self, hash: &Hash) -> Option<DocumentError> {
        self.bad.get(hash).copied()
    }

    /// Keeps an extract; the oldest leave until all together weigh at most `limit` bytes.
    pub fn keep(&mut self, hash: Hash, answer: &Answer, limit: usize, now: Instant) {
        self.forget_old(now);
        let weight = answer.extract.weight();
        if weight > limit || self.extracts.contains_key(&hash) {
            return;
        }
        self.bytes += weight;
        self.extracts.insert(hash, Entry { answer: answer.clone(), weight, since: now });
        self.order.push_back(hash);
        while self.bytes > limit {
            self.forget_oldest();
        }
    }

    pub fn condemn(&mut self, hash: Hash, fault: DocumentError) {
        if self.bad.insert(hash, fault).is_none() {
            self.bad_order.push_back(hash);
        }
        if self.bad_order.len() > BAD
            && let Some(oldest) = self.bad_order.pop_front()
        {
            self.bad.remove(&oldest);
        }
    }
}

/// Leaves nothing of the text in memory.
fn wipe(extract: &mut Extract) {
    extract.name.zeroize();
    extract.segments.iter_mut().for_each(|segment| segment.text.zeroize());
    extract.properties.iter_mut().for_each(|(_, value)| value.zeroize());
    extract.children.iter_mut().for_each(wipe);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leave_first() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        let answer = Answer::default();
        for index in 0..10 {
            memory.keep([index; 32], &answer, 256 * 3, now);
        }
        assert!(memory.answer(&[6; 32], now).is_none());
        assert!(memory.answer(&[9; 32], now).is_some());
        assert!(memory.bytes <= 256 * 3);
    }

    #[test]
    fn what_is_old_is_forgotten_asked_for_or_not() {
        let (mut memory, then) = (Memory::default(), Instant::now());
        let later = then + AGE / 2;
        memory.keep([1; 32], &Answer::default(), 10_000, then);
        memory.keep([2; 32], &Answer::default(), 10_000, later);
        let end = then + AGE;
        assert!(memory.answer(&[1; 32], end - Duration::from_secs(1)).is_some());
        assert!(memory.answer(&[1; 32], end).is_none());
        assert!(memory.answer(&[2; 32], end).is_some());
        memory.forget_old(later + AGE);
        assert_eq!((memory.extracts.len(), memory.order.len(), memory.bytes), (0, 0, 0));
    }

    #[test]
    fn nothing_of_the_text_is_left() {
        let secret = || String::from("secret");
        let segments = || vec![crate::document::Segment { place: "#body".into(), text: secret() }];
        let child = Extract { name: secret(), segments: segments(), ..Extract::default() };
        let properties = vec![("title".to_owned(), secret())];
        let mut extract = Extract { segments: segments(), properties, children: vec![child], ..Extract::default() };
        wipe(&mut extract);
        assert!(!format!("{extract:?}").contains("secret"), "{extract:?}");
    }
}
