// SPDX-License-Identifier: EUPL-1.2
//! What mail programs and people write, in each language: prefixes, lines over quoted messages, greetings, marks of
//! private mail. One reader for all files of `policies/words/`; the words of all languages count together.

mod file;
mod lines;
mod shipped;

use std::collections::{BTreeMap, HashSet};

use super::form;
use super::normal::normalise;
use super::vocabulary::{VocabularyError, fault};
use crate::directory::fold::fold;
use file::{File, List};
pub use lines::{HeaderName, Lines};
pub use shipped::SHIPPED;

/// The subject without what mail programs put before it, and whether that said "forward" or "reply".
pub struct Subject<'a> {
    pub bare: &'a str,
    /// The outermost prefix says so.
    pub forwarded: bool,
    pub replied: bool,
    /// Some prefix says "forward", also behind an answer: "RE: TR: budget".
    pub passed_on: bool,
}

/// The words of all languages, in the form of comparison (`fold`).
#[derive(Debug, Default)]
pub struct Words {
    /// For lines as [`fold`] makes them, and as [`normalise`] does.
    pub folded: Lines,
    pub normal: Lines,
    forward: HashSet<String>,
    answer: HashSet<String>,
    pub greetings: HashSet<String>,
    pub distant: HashSet<String>,
    pub titles: Vec<String>,
    pub offices: HashSet<String>,
    pub formal: Vec<String>,
    pub turns: HashSet<String>,
    pub familiar: HashSet<String>,
    pub marks: HashSet<String>,
    pub opening_marks: HashSet<String>,
    pub staff: HashSet<String>,
    pub no_mark_before: HashSet<String>,
    pub me: HashSet<String>,
    pub private: HashSet<String>,
    pub mine: Vec<String>,
    pub yours: Vec<String>,
    pub roles: HashSet<String>,
    pub relatives: HashSet<String>,
    pub endearments: HashSet<String>,
    pub automatic: Vec<String>,
    pub meeting_id: Vec<String>,
    pub meeting_code: Vec<String>,
    /// What makes a text worth reading for quoted messages, in normal form.
    pub triggers: Vec<String>,
}

impl Words {
    /// Reads the files of `policies/words/`, path and text of each. A language without a file has the shipped one.
    ///
    /// # Errors
    /// The faults of all files; of one that does not fit its form, the first.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Words, Vec<VocabularyError>> {
        let mut texts: BTreeMap<&str, &str> = SHIPPED.iter().copied().collect();
        texts.extend(files);
        let mut all: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
        let mut faults = Vec::new();
        for (path, text) in texts {
            if !is_language(path) {
                let message = "is not the name of a language: octroi would not know whose words these are".to_owned();
                faults.push(fault(path, text, 0..0, message));
                continue;
            }
            match toml::from_str::<File>(text) {
                Ok(file) => file.lists().into_iter().for_each(|(key, list)| {
                    let words = all.entry(key).or_default();
                    words.extend(list.iter().map(|word| word.get_ref().trim().to_owned()));
                    faults.extend(empty(path, text, key, list));
                    faults.extend(too_short(path, text, key, list));
                }),
                Err(error) => {
                    faults.push(fault(path, text, error.span().unwrap_or(0..0), form::humane(error.message())));
                }
            }
        }
        if faults.is_empty() { Ok(Words::of(all)) } else { Err(faults) }
    }

    /// The shipped words alone.
    pub fn shipped() -> Words {
        // They are in order, as a test shows; were one not, no word would be known.
        Words::parse([]).unwrap_or_default()
    }

    fn of(mut all: BTreeMap<&'static str, Vec<String>>) -> Words {
        let (folded, normal) = (Lines::new(&all, fold), Lines::new(&all, normalise));
        let triggers = lines::triggers(&all);
        let said = |key: &str| all.get(key).into_iter().flatten().map(|word| normalise(word)).collect();
        let meeting: (Vec<String>, Vec<String>) = (said("meeting.id"), said("meeting.code"));
        let mut list = |key: &str| -> Vec<String> {
            let mut words: Vec<String> = all.remove(key).unwrap_or_default().iter().map(|word| fold(word)).collect();
            words.sort();
            words.dedup();
            words
        };
        let mut set = |key: &str| -> HashSet<String> { list(key).into_iter().collect() };
        let sets = (set("subject.forward"), set("subject.answer"));
        Words {
            folded,
            normal,
            forward: sets.0,
            answer: sets.1,
            greetings: set("greeting.words"),
            distant: set("greeting.distant"),
            offices: set("greeting.offices"),
            turns: set("greeting.turns"),
            familiar: set("greeting.familiar"),
            marks: set("private.marks"),
            opening_marks: set("private.opening"),
            staff: set("private.staff"),
            no_mark_before: set("private.not_after"),
            me: set("mailbox.me"),
            private: set("mailbox.private"),
            roles: set("mailbox.roles"),
            relatives: set("family.relatives"),
            endearments: set("family.endearments"),
            titles: list("greeting.titles"),
            formal: list("greeting.formal"),
            mine: list("mailbox.mine"),
            yours: list("mailbox.yours"),
            automatic: list("automatic.subjects"),
            triggers,
            meeting_id: meeting.0,
            meeting_code: meeting.1,
        }
    }

    /// Splits `TR: RE: [ext] matter` into its prefixes and matter.
    pub fn subject<'t>(&self, text: &'t str) -> Subject<'t> {
        let mut subject = Subject { bare: text.trim(), forwarded: false, replied: false, passed_on: false };
        // A thread of many turns piles prefixes up; eight are enough to tell.
        for _ in 0..8 {
            let Some((prefix, rest)) = subject.bare.split_once([':', '：']) else { break };
            let prefix = prefix.trim().trim_start_matches(['[', '(']);
            let prefix = prefix.split(['[', '(']).next().unwrap_or(prefix).trim();
            if prefix.len() > 40 {
                break;
            }
            let prefix = fold(prefix.trim_end_matches('.'));
            // "VS" forwards in Danish and answers in Finnish: it passes on, and is no proof that it does not answer.
            let (forwarded, replied) = (self.forward.contains(&prefix), self.answer.contains(&prefix));
            if !forwarded && !replied {
                break;
            }
            subject.passed_on |= forwarded;
            // The outermost prefix tells what this mail is: "TR: RE: x" is a forward, "RE: TR: x" an answer.
            if !subject.forwarded && !subject.replied {
                subject.forwarded = forwarded && !replied;
                subject.replied = replied;
            }
            subject.bare = rest.trim();
        }
        subject
    }
}

/// `fr.toml`, `zh.toml`, `gsw.toml`: a code of ISO 639, with what may follow it (BCP 47).
fn is_language(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".toml");
    let mut parts = name.split('-');
    let code = parts.next().unwrap_or_default();
    (2..=3).contains(&code.len())
        && code.bytes().all(|b| b.is_ascii_lowercase())
        && parts.all(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

/// One letter of an alphabet marks nothing: every list and every initial would. One sign of Chinese is a word.
fn too_short(path: &str, text: &str, key: &str, list: &List) -> Vec<VocabularyError> {
    let is_letter = |word: &str| {
        let mut letters = word.chars().filter(|c| c.is_alphanumeric());
        letters.next().is_some_and(|first| first < '\u{2e80}') && letters.next().is_none()
    };
    let short =
        list.iter().filter(|word| is_letter(word.get_ref()) && ["private.marks", "private.opening"].contains(&key));
    short.map(|word| fault(path, text, word.span(), format!("{key}: one letter marks nothing"))).collect()
}

fn empty(path: &str, text: &str, key: &str, list: &List) -> Vec<VocabularyError> {
    let empty = list.iter().filter(|word| !word.get_ref().chars().any(char::is_alphanumeric));
    empty.map(|word| fault(path, text, word.span(), format!("{key} has a word without a letter"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shipped_words_are_in_order_and_each_language_says_forward() {
        assert_eq!(Words::parse([]).err(), None);
        for (path, text) in SHIPPED {
            let file: File = toml::from_str(text).unwrap();
            let said =
                [&file.subject.forward, &file.lines.forward, &file.lines.wrote, &file.header.from, &file.header.to];
            assert!(said.iter().all(|list| !list.is_empty()), "{path}");
        }
    }

    #[test]
    fn a_file_of_ones_own_takes_the_place_of_the_shipped_one_and_adds_languages() {
        let own = "[subject]\nforward = [\"Weiterg\"]\n";
        let words =
            Words::parse([("words/de.toml", own), ("words/eu.toml", "[subject]\nforward = [\"BRB\"]\n")]).unwrap();
        assert!(words.subject("Weiterg: Plan").forwarded && words.subject("BRB: Plan").forwarded);
        assert!(!words.subject("WG: Plan").forwarded && words.subject("TR: Plan").forwarded);
    }

    #[test]
    fn faults_name_their_place() {
        let broken = "[subject]\nforwrad = [\"TR\"]\n";
        let fault = &Words::parse([("words/fr.toml", broken)]).unwrap_err()[0];
        assert!(fault.message.starts_with("unknown field `forwrad`"), "{fault}");
        assert_eq!((fault.line, fault.column), (2, 1));
        let empty = "[header]\nfrom = [\"De\", \"\"]\n";
        let fault = &Words::parse([("words/fr.toml", empty)]).unwrap_err()[0];
        assert_eq!((fault.line, fault.message.as_str()), (2, "header.from has a word without a letter"));
    }

    #[test]
    fn a_file_of_no_language_and_a_mark_of_one_letter_are_faults() {
        let text = "[private]\nmarks = [\"P\"]\n";
        let said = |path: &str, text: &str| Words::parse([(path, text)]).err().unwrap_or_default();
        assert!(said("words/fr.toml", text)[0].message.contains("one letter"));
        assert!(said("words/francais.toml", "")[0].message.contains("name of a language"));
        assert!(said("words/FR.toml", "")[0].message.contains("name of a language"));
        let fine = "[private]\nmarks = [\"私\", \"PP\"]\n";
        assert!(said("words/gsw.toml", fine).is_empty() && said("words/pt-br.toml", fine).is_empty());
    }

    #[test]
    fn the_outermost_prefix_tells_forward_from_answer() {
        let words = Words::shipped();
        let subject = |text| words.subject(text);
        assert!(subject("TR: RE: budget").forwarded);
        assert!(!subject("RE: TR: budget").forwarded && subject("RE: TR: budget").passed_on);
        assert_eq!(subject("Fwd: [PERSO] clés").bare, "[PERSO] clés");
        assert_eq!(subject("Doorgest: lijn").bare, "lijn");
        assert_eq!(subject("Réunion : jeudi").bare, "Réunion : jeudi");
        for forwarded in ["إعادة توجيه: محضر", "İLT: plan", "Doorst.: x", "PD: plan", "转发: x", "Továbbítás: x"]
        {
            assert!(subject(forwarded).forwarded, "{forwarded}");
        }
    }
}
