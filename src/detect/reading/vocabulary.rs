// SPDX-License-Identifier: EUPL-1.2
//! The vocabulary of markings: reads `policies/markings/*.toml` into one table of phrases.
//!
//! There are four kinds of phrases. `words` are special: nobody writes "Stg. GEHEIM" by accident. `plain` are
//! ordinary words ("secret") that count only alone and in capitals. `short` are abbreviations ("DR") that count only
//! in brackets or after a label. `homonym` are abbreviations that mean many other things ("CD"): they count only beside
//! a second sign.

use std::collections::HashMap;

use std::ops::Range;

use serde::Deserialize;

use super::form;
use thiserror::Error;

use super::around::{Around, AroundRow};
use super::expressions::{Expressions, split};
use crate::directory::fold::fold;

/// A fault in a file of markings, with its place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}:{line}:{column}: {message}")]
pub struct VocabularyError {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
    /// The bytes of the file it is about.
    pub span: Range<usize>,
    pub message: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    /// A file that only adds words around markings has no scheme.
    #[serde(default)]
    scheme: String,
    /// For people: what the vocabulary is.
    #[allow(dead_code)]
    #[serde(default)]
    title: String,
    /// Languages in which the levels are written, the usual one first.
    #[serde(default)]
    languages: Vec<String>,
    /// Labels of a sender's domain that speak for this vocabulary where two claim the same word.
    #[serde(default)]
    home: Vec<String>,
    /// Words of a text that speak for this vocabulary, such as the law it rests on.
    #[serde(default)]
    evidence: Vec<String>,
    /// Words that may stand on the line of a marking without making it prose.
    #[serde(default)]
    beside: Vec<String>,
    /// Expressions that hold a word of this vocabulary and mark nothing.
    #[serde(default)]
    friends: Vec<String>,
    #[serde(default)]
    level: Vec<LevelRow>,
    #[serde(default)]
    label: Vec<LabelRow>,
    #[serde(default)]
    around: Vec<AroundRow>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelRow {
    id: String,
    rank: u8,
    #[serde(default)]
    words: Vec<String>,
    #[serde(default)]
    plain: Vec<String>,
    #[serde(default)]
    short: Vec<String>,
    #[serde(default)]
    homonym: Vec<String>,
    /// Restricts who may read and is next to a level (SPÉCIAL FRANCE).
    #[serde(default)]
    caveat: bool,
    /// Where the wording comes from, and since or until when it is in use: for the reader of the file.
    #[allow(dead_code)]
    source: String,
    #[allow(dead_code)]
    since: Option<String>,
    #[allow(dead_code)]
    until: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct LabelRow {
    guid: Option<String>,
    name: String,
    rank: u8,
}

/// One level of one vocabulary.
#[derive(Debug)]
pub struct Level {
    pub scheme: usize,
    /// `scheme/level`.
    pub value: String,
    pub rank: u8,
    pub caveat: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Strength {
    Homonym,
    Short,
    Plain,
    Specific,
}

/// One wording of one level, as folded words.
#[derive(Debug)]
pub struct Phrase {
    pub words: Vec<String>,
    pub level: usize,
    pub strength: Strength,
    /// The wording itself holds a colon (TLP:AMBER); elsewhere a colon parts two expressions.
    pub colon: bool,
}

#[derive(Debug)]
pub struct Scheme {
    pub home: Vec<String>,
    pub evidence: Vec<String>,
    pub languages: Vec<String>,
}

/// All vocabularies, ready for look-up.
#[derive(Debug, Default)]
pub struct Markings {
    pub(in crate::detect) levels: Vec<Level>,
    pub(in crate::detect) phrases: Vec<Phrase>,
    pub(in crate::detect) schemes: Vec<Scheme>,
    /// Phrases by their first word.
    by_first: HashMap<String, Vec<usize>>,
    /// Phrases written without any separator, for letters spaced out.
    squeezed: HashMap<String, Vec<usize>>,
    /// Expressions that may stand next to a marking, as words, longest first.
    beside: Expressions,
    friends: Expressions,
    pub(in crate::detect) around: Around,
    /// Rank of a sensitivity label by GUID or folded name.
    labels: HashMap<String, u8>,
}

impl Markings {
    /// Reads the files of `policies/markings/`: name and text of each, in the order in which vocabularies claim a
    /// word that several know.
    ///
    /// # Errors
    /// The faults of all files; of one that does not fit its form, the first.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Markings, Vec<VocabularyError>> {
        let (mut markings, mut faults) = (Markings::default(), Vec::new());
        for (name, text) in files {
            match toml::from_str::<File>(text) {
                Ok(file) => markings.add(name, text, file, &mut faults),
                Err(error) => {
                    faults.push(fault(name, text, error.span().unwrap_or(0..0), form::humane(error.message())));
                }
            }
        }
        if faults.is_empty() { Ok(markings) } else { Err(faults) }
    }

    /// Every level as rules name it: `scheme/level`.
    pub fn names(&self) -> Vec<String> {
        self.levels.iter().map(|level| level.value.clone()).collect()
    }

    fn add(&mut self, name: &str, text: &str, file: File, faults: &mut Vec<VocabularyError>) {
        let scheme = self.schemes.len();
        self.schemes.push(Scheme {
            home: file.home.iter().map(|label| label.to_lowercase()).collect(),
            evidence: file.evidence.iter().map(|words| fold(words)).collect(),
            languages: file.languages,
        });
        file.around.iter().for_each(|row| self.around.add(row));
        file.beside.iter().for_each(|words| self.beside.add(split(words)));
        file.friends.iter().for_each(|words| self.friends.add(split(words)));
        for row in file.level {
            let at = quoted(text, &row.id);
            if file.scheme.is_empty() {
                faults.push(fault(
                    name,
                    text,
                    at.clone(),
                    format!("level {} stands in a file without a scheme", row.id),
                ));
            }
            if row.rank > 4 {
                let message = format!("rank {} of level {} is above 4 (secret)", row.rank, row.id);
                faults.push(fault(name, text, at.clone(), message));
            }
            let value = format!("{}/{}", file.scheme, row.id);
            if self.levels.iter().any(|level| level.value == value) {
                let message = format!("there is already a level {value}");
                faults.push(fault(name, text, at.clone(), message));
            }
            if [&row.words, &row.plain, &row.short, &row.homonym].iter().all(|words| words.is_empty()) {
                let message = format!("level {} has no words: nothing would ever be marked so", row.id);
                faults.push(fault(name, text, at.clone(), message));
            }
            let level = self.levels.len();
            self.levels.push(Level { scheme, value, rank: row.rank, caveat: row.caveat });
            let rows = [
                (row.words, Strength::Specific),
                (row.plain, Strength::Plain),
                (row.short, Strength::Short),
                (row.homonym, Strength::Homonym),
            ];
            for (wordings, strength) in rows {
                for wording in wordings {
                    let words = split(&wording);
                    if words.is_empty() {
                        let message = format!("level {} has words without a letter", row.id);
                        faults.push(fault(name, text, at.clone(), message));
                        continue;
                    }
                    self.phrase(Phrase { words, level, strength, colon: wording.contains(':') });
                }
            }
        }
        for row in file.label {
            if row.rank > 4 {
                let message = format!("rank {} of label {} is above 4 (secret)", row.rank, row.name);
                faults.push(fault(name, text, quoted(text, &row.name), message));
            }
            self.labels.insert(fold(&row.name), row.rank);
            if let Some(guid) = row.guid {
                if !form::is_guid(&guid) {
                    let message =
                        format!("`{guid}` is not the GUID of a label, such as 7b1d0c52-0000-4000-8000-0123456789ab");
                    faults.push(fault(name, text, quoted(text, &guid), message));
                }
                self.labels.insert(guid.trim_matches(['{', '}']).to_lowercase(), row.rank);
            }
        }
    }

    fn phrase(&mut self, phrase: Phrase) {
        let index = self.phrases.len();
        if let Some(first) = phrase.words.first() {
            self.by_first.entry(first.clone()).or_default().push(index);
        }
        let joined = phrase.words.concat();
        if phrase.strength >= Strength::Plain && joined.chars().count() >= 4 || is_arabic(&joined) {
            // Some producers of PDF store Arabic as it looks, from left to right.
            if is_arabic(&joined) {
                self.squeezed.entry(joined.chars().rev().collect()).or_default().push(index);
            }
            self.squeezed.entry(joined).or_default().push(index);
        }
        self.phrases.push(phrase);
    }

    /// The longest wordings that begin at the first of `words`: how many words they take, and which they are.
    /// `joined(i)` says whether nothing but a permitted separator stands between word `i` and the next.
    pub(in crate::detect) fn at(
        &self,
        words: &[&str],
        joined: impl Fn(usize, bool) -> bool,
    ) -> Option<(usize, Vec<usize>)> {
        let candidates = self.by_first.get(*words.first()?)?;
        let mut best: (usize, Vec<usize>) = (0, Vec::new());
        for &index in candidates {
            let phrase = &self.phrases[index];
            let length = phrase.words.len();
            let fits = words.len() >= length
                && length >= best.0
                && phrase.words.iter().zip(words).all(|(a, b)| a == b)
                && (0..length - 1).all(|i| joined(i, phrase.colon));
            if fits {
                if length > best.0 {
                    best = (length, Vec::new());
                }
                best.1.push(index);
            }
        }
        (best.0 > 0).then_some(best)
    }

    /// Wordings that read the same once every separator is gone.
    pub(in crate::detect) fn squeezed(&self, letters: &str) -> Option<&[usize]> {
        self.squeezed.get(letters).map(Vec::as_slice)
    }

    /// How many of `words` are an expression that may stand next to a marking.
    pub(in crate::detect) fn beside(&self, words: &[&str]) -> usize {
        self.beside.longest_at(words)
    }

    /// How many of these words are the beginning of an expression that marks nothing; 0 for none.
    pub(in crate::detect) fn friend(&self, words: &[&str]) -> usize {
        self.friends.longest_at(words)
    }

    /// Whether a wording may begin with this word: most lines hold none, and are done with.
    pub(in crate::detect) fn may_begin(&self, word: &str) -> bool {
        self.by_first.contains_key(word)
    }

    /// The rank an operator gave to a label by GUID or name.
    pub(in crate::detect) fn label(&self, name_or_guid: &str) -> Option<u8> {
        self.labels.get(&name_or_guid.to_lowercase()).or_else(|| self.labels.get(&fold(name_or_guid))).copied()
    }

    /// The wordings that betray a line worth reading, each with the longest of its words that is not everyday.
    pub(in crate::detect) fn triggers(&self) -> impl Iterator<Item = Trigger<'_>> {
        let worth = |phrase: &&Phrase| phrase.strength >= Strength::Plain && self.levels[phrase.level].rank > 0;
        self.phrases.iter().filter(worth).filter_map(|phrase| {
            let length = |at: &usize| phrase.words[*at].chars().count();
            let rare = (0..phrase.words.len()).filter(|at| !EVERYDAY.contains(&phrase.words[*at].as_str()));
            let rarest = rare.max_by_key(length).or_else(|| (0..phrase.words.len()).max_by_key(length))?;
            // Two letters stand in every line: such wordings are found in subjects, margins and beside others.
            let found = phrase.words[rarest].len() >= 3;
            found.then_some(Trigger { words: &phrase.words, rarest, strength: phrase.strength })
        })
    }
}

/// A wording, and which of its words to look for.
pub(in crate::detect) struct Trigger<'a> {
    pub words: &'a [String],
    pub rarest: usize,
    pub strength: Strength,
}

/// Words too frequent in letters to betray anything.
const EVERYDAY: &[&str] = &[
    "document",
    "diffusion",
    "usage",
    "commercial",
    "personal",
    "private",
    "staff",
    "policy",
    "eyes",
    "national",
    "nationale",
    "belgique",
    "limitee",
    "uniquement",
    "seulement",
    "exclusivement",
    "exterieur",
    "reserve",
    "niveau",
    "administrateur",
    "verspreiding",
    "gebruik",
    "alleen",
    "uitsluitend",
    "voor",
    "only",
    "internal",
    "speciale",
    "classification",
    "amtlich",
    "nur",
    "fur",
    "den",
    "loi",
    "wet",
    "van",
    "decembre",
    "december",
    "1998",
    "maroc",
    "releasable",
    "unclassified",
    "sauf",
    "classifie",
    "protege",
    "التوزيع",
    "توزيع",
    "الداخلي",
    "فقط",
];

pub fn is_arabic(text: &str) -> bool {
    text.chars().next().is_some_and(|c| ('\u{600}'..='\u{6ff}').contains(&c))
}

/// The bytes of a quoted word, where it first stands.
fn quoted(text: &str, word: &str) -> Range<usize> {
    let quoted = format!("\"{word}\"");
    text.find(&quoted).map_or(0..0, |at| at..at + quoted.len())
}

pub(super) fn fault(file: &str, text: &str, span: Range<usize>, message: String) -> VocabularyError {
    let before = text.get(..span.start).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    VocabularyError { file: file.to_owned(), line, column, span, message }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "scheme = \"xx\"\ntitle = \"test\"\n[[level]]\nid = \"deux\"\nrank = 2\nwords = [\"Diffusion Restreinte\", \"TLP:AMBER\"]\nplain = [\"Secret\"]\nsource = \"test\"\n";

    #[test]
    fn the_longest_wording_wins_and_a_colon_parts_expressions() {
        let markings = Markings::parse([("xx.toml", SMALL)]).expect("the sample is well formed");
        let words = ["diffusion", "restreinte", "otan"];
        assert_eq!(markings.at(&words, |_, _| true).map(|found| found.0), Some(2));
        assert_eq!(markings.at(&words, |_, colon| colon), None);
        assert_eq!(markings.at(&["tlp", "amber"], |_, colon| colon).map(|found| found.0), Some(2));
        assert!(markings.squeezed("diffusionrestreinte").is_some());
    }

    #[test]
    fn a_fault_names_its_line() {
        let broken = SMALL.replace("rank = 2", "rang = 2");
        let error = Markings::parse([("xx.toml", broken.as_str())]).expect_err("an unknown key").remove(0);
        assert_eq!((error.file.as_str(), error.line), ("xx.toml", 5));
        let error = Markings::parse([("xx.toml", SMALL.replace("rank = 2", "rank = 7").as_str())])
            .expect_err("a rank")
            .remove(0);
        assert_eq!(error.line, 4);
    }

    #[test]
    fn what_would_never_be_found_or_stands_twice_is_a_fault() {
        let level = "[[level]]\nid = \"deux\"\nrank = 1\nwords = [\"Autre\"]\nsource = \"test\"\n";
        let label = "[[label]]\nname = \"Secret\"\nrank = 2\nguid = \"7b1d0c52\"\n";
        for (text, part) in [
            (format!("{SMALL}{level}"), "already a level xx/deux"),
            (
                SMALL.replace("[\"Diffusion Restreinte\", \"TLP:AMBER\"]", "[]").replace("[\"Secret\"]", "[]"),
                "has no words",
            ),
            (SMALL.replace("source = \"test\"\n", ""), "the key `source` is missing"),
            (SMALL.replace("rank = 2", "rank = \"2\""), "a whole number"),
            (format!("{SMALL}{label}"), "not the GUID"),
        ] {
            let faults = Markings::parse([("xx.toml", text.as_str())]).expect_err(part);
            assert!(faults.iter().any(|fault| fault.message.contains(part)), "{part}: {faults:?}");
        }
        let again = [("a.toml", SMALL), ("b.toml", SMALL)];
        assert!(Markings::parse(again).expect_err("a level twice")[0].message.contains("already a level"));
    }
}
