// SPDX-License-Identifier: EUPL-1.2
//! The words around a marking that say what it is: a label before it, a title, a definition, a lapse. They stand in
//! `policies/markings/*.toml`, under `[[around]]`, one table a language.

use std::collections::HashMap;

use serde::Deserialize;

use super::expressions::split;

/// The words of one language.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AroundRow {
    /// For people: the language of the words.
    #[allow(dead_code)]
    language: String,
    #[serde(default)]
    labels: Vec<String>,
    #[serde(default)]
    verbs: Vec<String>,
    #[serde(default)]
    works: Vec<String>,
    #[serde(default)]
    occasions: Vec<String>,
    #[serde(default)]
    units: Vec<String>,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default)]
    defines: Vec<String>,
    #[serde(default)]
    clearance: Vec<String>,
    #[serde(default)]
    lapsed: Vec<String>,
    #[serde(default)]
    not: Vec<String>,
    #[serde(default)]
    decision: Vec<String>,
    /// Where the words come from, and when they were looked at.
    #[allow(dead_code)]
    source: String,
}

/// What a word beside a marking says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::detect) enum Sense {
    /// "Classification:" announces a level.
    Label,
    /// A verb or a joint: the line is prose.
    Verb,
    /// A film, a novel, a quiz: the wording is its title.
    Work,
    /// An evening, an entrance, a price: something people go to.
    Occasion,
    /// Behind a number: an hour, a duration, a price.
    Unit,
    /// "by": what stands behind it is an author, if it is a name.
    By,
    /// "marking that": the wording is explained.
    Defines,
    /// What a person may see or must be granted, not what the paper is.
    Clearance,
    /// The marking no longer holds.
    Lapsed,
    Not,
    /// The act by which it lapsed.
    Decision,
}

/// Expressions by their first word, with what they say.
#[derive(Debug, Default)]
pub(in crate::detect) struct Around(HashMap<String, Vec<(Vec<String>, Sense)>>);

impl Around {
    pub(super) fn add(&mut self, row: &AroundRow) {
        let lists = [
            (&row.labels, Sense::Label),
            (&row.verbs, Sense::Verb),
            (&row.works, Sense::Work),
            (&row.occasions, Sense::Occasion),
            (&row.units, Sense::Unit),
            (&row.by, Sense::By),
            (&row.defines, Sense::Defines),
            (&row.clearance, Sense::Clearance),
            (&row.lapsed, Sense::Lapsed),
            (&row.not, Sense::Not),
            (&row.decision, Sense::Decision),
        ];
        for (expressions, sense) in lists {
            for words in expressions.iter().map(|expression| split(expression)) {
                if let Some(first) = words.first() {
                    self.0.entry(first.clone()).or_default().push((words, sense));
                }
            }
        }
    }

    /// How many of `words` are, from the first on, an expression of this sense; 0 for none.
    pub(in crate::detect) fn at<W: AsRef<str>>(&self, words: &[W], sense: Sense) -> usize {
        let known = words.first().and_then(|first| self.0.get(first.as_ref()));
        let fits = |expression: &[String]| {
            words.len() >= expression.len()
                && expression.iter().zip(words).all(|(expected, word)| expected == word.as_ref())
        };
        known
            .into_iter()
            .flatten()
            .filter(|(expression, said)| *said == sense && fits(expression))
            .map(|(expression, _)| expression.len())
            .max()
            .unwrap_or(0)
    }

    /// Where in `words` an expression of this sense begins.
    pub(in crate::detect) fn find<W: AsRef<str>>(&self, words: &[W], sense: Sense) -> Option<usize> {
        (0..words.len()).find(|&from| self.at(&words[from..], sense) > 0)
    }
}
