// SPDX-License-Identifier: EUPL-1.2
//! How a mail speaks to its reader: the first lines of what the sender wrote. The words stand in `policies/words/`.

use crate::detect::reading::evidence::Evidence;
use crate::detect::reading::words::Words;
use crate::directory::fold::fold;

/// Words of a greeting that are read: a title, two names, an office.
const MOST_NAMES: usize = 6;

/// The first lines, and what they say of the reader.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// Folded. A forwarded letter further down greets the agent, not the reader.
    lines: Vec<String>,
    /// A title ("Madame", "Geachte heer"), or a phrase for strangers ("votre demande").
    pub is_formal: bool,
    pub has_title: bool,
    /// It greets as one greets people outside the family.
    pub is_distant: bool,
    /// It greets, or turns to somebody. Nobody says good day to himself.
    pub speaks: bool,
    /// It opens with a greeting or a title.
    pub greets: bool,
    /// The reader is greeted by an office of the house ("Madame la préfète").
    pub names_office: bool,
    /// It speaks as people do who know each other well.
    pub is_familiar: bool,
    /// The words of the greeting behind "Bonjour", "Madame".
    pub names: Vec<String>,
}

impl Opening {
    pub(super) fn of(evidence: &Evidence<'_>, words: &Words) -> Opening {
        let lines = lines(evidence);
        let (has_title, names) = addressed(&lines, words);
        let phrase = |line: &String| words.formal.iter().any(|phrase| line.contains(phrase.as_str()));
        let tokens = || lines.iter().flat_map(|line| line.split(|c: char| !c.is_alphabetic()));
        let begins = lines.iter().take(2).any(|line| words.greetings.contains(first_word(line)));
        let is_formal = has_title || lines.iter().any(phrase);
        let greets = begins || has_title;
        Opening {
            is_formal,
            has_title,
            is_distant: is_formal || lines.iter().take(2).any(|line| words.distant.contains(first_word(line))),
            speaks: greets || is_formal || tokens().any(|word| words.turns.contains(word)),
            greets,
            names_office: has_title && names.iter().any(|name| words.offices.contains(name)),
            is_familiar: tokens().any(|word| words.familiar.contains(word)),
            names,
            lines,
        }
    }

    /// Whether the greeting names somebody: a word of it is one of these.
    pub(super) fn greets_one_of<'n>(&self, names: impl IntoIterator<Item = &'n String>) -> bool {
        let all = self.names.concat();
        names.into_iter().any(|name| name.chars().count() >= 3 && (self.names.contains(name) || all == *name))
    }

    /// Whether the greeting's words, run together, hold a surname.
    pub(super) fn greets_surname(&self, surname: &str) -> bool {
        surname.chars().count() >= 2 && self.names.concat().contains(surname)
    }

    /// The word for a relative or the endearment that the mail opens with: "Mon cœur,", "Hi love", "pour toi papa".
    pub(super) fn endearment(&self, words: &Words) -> Option<String> {
        let spoken = |line: &String| {
            // The first clause alone: "Le papa de Lucas est venu" speaks of one.
            let clause = line.split([',', '!', '.', ':', ';', '،', '…', '-', '?']).next().unwrap_or("").trim();
            let all: Vec<&str> =
                clause.split(|c: char| !c.is_alphanumeric() && c != '\'').filter(|w| !w.is_empty()).collect();
            (0..all.len().min(4)).find_map(|from| {
                let phrase = all[from..].join(" ");
                let known = words.endearments.contains(&phrase) || words.relatives.contains(&phrase);
                // "Dear Love" is somebody's name.
                let named = from > 0 && words.titles.iter().any(|title| title == all[from - 1]);
                (known && !named && all.len() <= 5).then_some(phrase)
            })
        };
        self.lines.iter().take(2).find_map(spoken)
    }

    /// Whether one of these phrases stands in the first lines.
    pub(super) fn holds(&self, phrases: &[String]) -> bool {
        self.lines.iter().any(|line| phrases.iter().any(|phrase| line.contains(phrase.as_str())))
    }
}

/// The first lines of what the sender wrote, folded.
fn lines(evidence: &Evidence<'_>) -> Vec<String> {
    let filled = |place: &str| evidence.texts.iter().find(|text| text.place == place && !text.normal.trim().is_empty());
    let Some(text) = filled("body").or_else(|| filled("body#html")) else { return Vec::new() };
    let lines = text.normal.lines().map(str::trim).filter(|line| !line.is_empty()).take(4);
    let own = |line: &&str| !["--", "__", "de :", "from:", "van:", "von:", ">"].iter().any(|end| line.starts_with(end));
    lines.take_while(own).map(|line| fold(&line[..line.floor_char_boundary(400)])).collect()
}

fn first_word(line: &str) -> &str {
    line.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty()).unwrap_or("")
}

/// Whether somebody is greeted by a title, and the words behind greeting and titles: "Bonjour Madame Le Goff," has a title
/// and `le`, `goff`; "Claire," has `claire`.
fn addressed(lines: &[String], words: &Words) -> (bool, Vec<String>) {
    let (mut titled, mut names) = (false, Vec::new());
    for (nth, line) in lines.iter().enumerate() {
        let end = line.find([',', '!', ':', ';', '،', '?']).unwrap_or(line.len());
        let (mut rest, mut greeted) = (line[..end].trim(), false);
        loop {
            rest = rest.trim_start_matches(|c: char| !c.is_alphabetic());
            let title = words.titles.iter().filter(|title| begins_word(rest, title)).max_by_key(|title| title.len());
            if let Some(title) = title {
                titled = true;
                rest = &rest[title.len()..];
            } else if words.greetings.contains(first_word(rest)) && !first_word(rest).is_empty() {
                rest = &rest[first_word(rest).len()..];
            } else {
                break;
            }
            greeted = true;
        }
        let all: Vec<&str> = rest.split(|c: char| !c.is_alphabetic()).filter(|word| !word.is_empty()).collect();
        // "Claire," alone opens a letter; without a comma, or further down, it signs one.
        let alone = nth == 0 && all.len() <= 2 && line[end..].starts_with([',', '!', '،']);
        if nth < 2 && names.is_empty() && all.len() <= MOST_NAMES && (greeted || alone) {
            names = all.into_iter().map(str::to_owned).collect();
        }
    }
    (titled, names)
}

fn begins_word(line: &str, word: &str) -> bool {
    line.strip_prefix(word).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}
