// SPDX-License-Identifier: EUPL-1.2
//! Expressions of several words, as the files of markings write them.

use std::collections::HashMap;

use crate::directory::fold::fold;

/// Expressions of several words, found by their first.
#[derive(Debug, Default)]
pub(super) struct Expressions(HashMap<String, Vec<Vec<String>>>);

impl Expressions {
    pub(super) fn add(&mut self, words: Vec<String>) {
        if let Some(first) = words.first() {
            self.0.entry(first.clone()).or_default().push(words);
        }
    }

    /// How many words the longest expression has that these words begin with; 0 for none.
    pub(super) fn longest_at(&self, words: &[&str]) -> usize {
        let known = words.first().and_then(|first| self.0.get(*first));
        let fits = |known: &&Vec<String>| words.len() >= known.len() && known.iter().zip(words).all(|(a, b)| a == b);
        known.into_iter().flatten().filter(fits).map(Vec::len).max().unwrap_or(0)
    }
}

/// The folded words of an expression.
pub fn split(text: &str) -> Vec<String> {
    fold(text).split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
