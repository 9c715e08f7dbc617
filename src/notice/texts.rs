// SPDX-License-Identifier: EUPL-1.2
//! Texts to people: `notices/LANGUAGE/NAME.md`, read, checked, and filled with the facts of one mail.
//!
//! A text is a title (`# …`), paragraphs and lists (`- …`). Placeholders are named in braces. `{outcome}` stands alone on its
//! line and becomes the language's own words for what became of the mail. Lines flow together, but for a line that is
//! only a label and a place, such as `Reference: {reference}`.

use std::collections::BTreeMap;

use super::digest::{DIGEST, Digest, DigestFigure, DigestList};
use super::read::Reader;
use crate::policy::error::{PolicyError, nearest, source, utf8};
use crate::policy::rules::Rules;
use crate::policy::verdict::Disposition;

/// The text for a held copy whose rule names none, and for private mail (decision D20).
pub const HELD: &str = "held";
/// The text for a delivered copy whose rule names none.
pub const ADVICE: &str = "advice";
/// Bytes of one text at most.
pub(super) const LONGEST: usize = 64 * 1024;
pub(super) const PLACES: [&str; 5] = ["recipient", "date", "reference", "charter", "outcome"];

/// What became of the copies a notice speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NoticeOutcome {
    Delivered,
    Stripped,
    Held,
    Refused,
}

impl NoticeOutcome {
    const ALL: [NoticeOutcome; 4] =
        [NoticeOutcome::Delivered, NoticeOutcome::Stripped, NoticeOutcome::Held, NoticeOutcome::Refused];

    /// `None` where there is nothing to tell, or where the whole mail was answered with a 4xx.
    pub fn of(disposition: Disposition) -> Option<NoticeOutcome> {
        match disposition {
            Disposition::Pass | Disposition::Defer => None,
            Disposition::Notify => Some(NoticeOutcome::Delivered),
            Disposition::Strip => Some(NoticeOutcome::Stripped),
            Disposition::Quarantine => Some(NoticeOutcome::Held),
            Disposition::Reject => Some(NoticeOutcome::Refused),
        }
    }

    /// The file whose words stand for it.
    fn file(self) -> &'static str {
        match self {
            NoticeOutcome::Delivered => "outcome-delivered",
            NoticeOutcome::Stripped => "outcome-stripped",
            NoticeOutcome::Held => "outcome-held",
            NoticeOutcome::Refused => "outcome-refused",
        }
    }
}

/// All texts, by language and name.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    languages: BTreeMap<String, Language>,
}

#[derive(Debug, Clone, Default)]
struct Language {
    texts: BTreeMap<String, Text>,
    outcomes: BTreeMap<NoticeOutcome, Vec<String>>,
}

#[derive(Debug, Clone)]
pub(super) struct Text {
    pub title: String,
    pub passages: Vec<Passage>,
}

#[derive(Debug, Clone)]
pub(super) enum Passage {
    Paragraph(Vec<Piece>),
    Item(Vec<Piece>),
    Labelled(String, Placeholder),
    NoticeOutcome,
    List(DigestList),
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Words(String),
    Placeholder(Placeholder),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    Recipient,
    Date,
    Reference,
    Charter,
    DigestFigure(DigestFigure),
}

/// One text in the language it was found in.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    pub language: &'a str,
    text: &'a Text,
    outcomes: &'a BTreeMap<NoticeOutcome, Vec<String>>,
}

/// What stands in the places of a text. Nothing in it is read for places again.
/// Where a fact is missing, what would name it is left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoticeFacts<'a> {
    /// Addresses, or how many there are.
    pub recipients: Option<&'a str>,
    pub date: &'a str,
    pub reference: Option<&'a str>,
    pub charter: Option<&'a str>,
    /// None in a notice about what became of a copy later, and in a digest.
    pub outcome: Option<NoticeOutcome>,
    pub digest: Option<&'a Digest>,
}

/// A text filled in, ready to be laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled<'a> {
    pub language: &'a str,
    pub title: &'a str,
    pub blocks: Vec<Block>,
}

/// One block of a filled text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    Paragraph(String),
    Items(Vec<String>),
    /// A label with its colon, and what it names.
    Labelled(String, String),
}

impl Notices {
    /// Reads the texts of a policy folder, and looks whether the text that each of the rules names is there.
    ///
    /// # Errors
    /// All faults of all files at once.
    pub fn load(files: &BTreeMap<String, Vec<u8>>, rules: Option<&Rules>) -> Result<Notices, Vec<PolicyError>> {
        let (mut texts, mut faults) = (Vec::new(), Vec::new());
        for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("notices/")) {
            match utf8(path, bytes) {
                Ok(text) => texts.push((path.as_str(), text)),
                Err(fault) => faults.push(fault),
            }
        }
        let (notices, more) = Notices::parse(texts);
        faults.extend(more);
        if let Some(rules) = rules {
            faults.extend(notices.missing(rules, Rules::texts(files)));
        }
        if faults.is_empty() { Ok(notices) } else { Err(faults) }
    }

    /// Reads all texts from `(path, text)`; paths begin with `notices/`. Files directly in `notices/` are notes to
    /// readers. Errors of all files come at once.
    fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Notices, Vec<PolicyError>) {
        let (mut notices, mut faults) = (Notices::default(), Vec::new());
        for (path, text) in files {
            let Some((language, name)) = path.strip_prefix("notices/").and_then(|rest| rest.split_once('/')) else {
                continue;
            };
            let Some(name) = name.strip_suffix(".md").filter(|name| !name.contains('/')) else {
                faults.push(PolicyError::of_file(path, "is no notice").help("name it notices/LANGUAGE/NAME.md"));
                continue;
            };
            if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_lowercase()) {
                let fault = PolicyError::of_file(path, format!("`{language}` is no language"));
                faults.push(fault.help("name the folder by the language's two letters, such as `fr`"));
                continue;
            }
            let whole = notices.languages.entry(language.to_owned()).or_default();
            let reader = Reader { source: source(path, text), digest: name == DIGEST, faults: &mut faults };
            match NoticeOutcome::ALL.into_iter().find(|outcome| outcome.file() == name) {
                Some(outcome) => {
                    whole.outcomes.insert(outcome, reader.outcome());
                }
                None => {
                    whole.texts.insert(name.to_owned(), reader.text());
                }
            }
        }
        for (language, whole) in &notices.languages {
            let texts = [HELD, ADVICE].into_iter().filter(|name| !whole.texts.contains_key(*name));
            let outcomes = NoticeOutcome::ALL.into_iter().filter(|outcome| !whole.outcomes.contains_key(outcome));
            faults.extend(texts.chain(outcomes.map(NoticeOutcome::file)).map(|name| {
                PolicyError::of_file(
                    format!("notices/{language}/{name}.md"),
                    "is missing: every language needs this text",
                )
                .help("translate it from another language")
            }));
        }
        (notices, faults)
    }

    /// The languages there are texts in.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// The text of that name: in the first of the wanted languages that has it, else in any.
    pub fn choose(&self, name: &str, wanted: &[&str]) -> Option<Chosen<'_>> {
        let wanted = wanted.iter().filter_map(|language| self.languages.get_key_value(*language));
        wanted.chain(&self.languages).find_map(|(language, whole)| {
            let text = whole.texts.get(name)?;
            Some(Chosen { language, text, outcomes: &whole.outcomes })
        })
    }

    /// A fault for each rule whose `@notice` stands in no language. `files` are the rules' `(path, text)`.
    fn missing<'a>(&self, rules: &Rules, files: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<PolicyError> {
        let known = || self.languages.values().flat_map(|whole| whole.texts.keys()).map(String::as_str);
        let mut faults = Vec::new();
        for rule in rules.iter() {
            let Some(name) = rule.notice.as_deref().filter(|name| !known().any(|known| known == *name)) else {
                continue;
            };
            let message = format!("the notice `{name}` stands in no language");
            let text = files.clone().find(|(path, _)| *path == rule.path).map_or("", |(_, text)| text);
            // Rules of one file may share a text: the one meant stands behind this rule's id, as annotations are written.
            let id = text.find(&format!("@id(\"{}\")", rule.id)).unwrap_or(0);
            let words = format!("@notice(\"{name}\")");
            let behind = text.get(id..).and_then(|rest| rest.find(&words)).map(|at| id + at);
            let fault = match behind.or_else(|| text.find(&words)) {
                Some(at) => PolicyError::at(&source(&rule.path, text), at..at + words.len(), message),
                None => PolicyError::of_file(&rule.path, message),
            };
            let fault = fault.help(format!("write notices/fr/{name}.md, or leave `@notice` out"));
            faults.push(match nearest(name, known()) {
                Some(_) => fault.nearest(name, known()),
                None => fault,
            });
        }
        faults
    }
}

impl<'a> Chosen<'a> {
    /// Puts the facts into their places.
    pub fn fill(&self, facts: &NoticeFacts<'_>) -> Filled<'a> {
        let mut blocks = Vec::new();
        for passage in &self.text.passages {
            match passage {
                Passage::Paragraph(pieces) => blocks.extend(filled(pieces, facts).map(Block::Paragraph)),
                Passage::Item(pieces) => match (filled(pieces, facts), blocks.last_mut()) {
                    (Some(item), Some(Block::Items(items))) => items.push(item),
                    (Some(item), _) => blocks.push(Block::Items(vec![item])),
                    (None, _) => {}
                },
                Passage::Labelled(label, place) => {
                    blocks.extend(place.fact(facts).map(|fact| Block::Labelled(label.clone(), fact.to_owned())));
                }
                Passage::NoticeOutcome => {
                    let words = facts.outcome.and_then(|outcome| self.outcomes.get(&outcome)).into_iter().flatten();
                    blocks.extend(words.cloned().map(Block::Paragraph));
                }
                Passage::List(list) => {
                    let items =
                        facts.digest.and_then(|digest| digest.lists.get(list)).filter(|items| !items.is_empty());
                    blocks.push(Block::Items(items.cloned().unwrap_or_else(|| vec!["—".to_owned()])));
                }
            }
        }
        Filled { language: self.language, title: &self.text.title, blocks }
    }
}

impl Placeholder {
    fn fact<'a>(self, facts: &NoticeFacts<'a>) -> Option<&'a str> {
        match self {
            Placeholder::Recipient => facts.recipients,
            Placeholder::Date => Some(facts.date),
            Placeholder::Reference => facts.reference,
            Placeholder::Charter => facts.charter,
            Placeholder::DigestFigure(figure) => facts.digest?.figures.get(&figure).map(String::as_str),
        }
    }
}

/// `None` where a place in it has no fact.
fn filled(pieces: &[Piece], facts: &NoticeFacts<'_>) -> Option<String> {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Words(words) => Some(words.as_str()),
        Piece::Placeholder(place) => place.fact(facts),
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A whole language, with one text replaced.
    fn with(name: &str, text: &str) -> (Notices, Vec<PolicyError>) {
        let mut files: BTreeMap<String, &str> = BTreeMap::new();
        for outcome in NoticeOutcome::ALL {
            files.insert(format!("notices/en/{}.md", outcome.file()), "It is\nso.\n\nReally.");
        }
        for needed in [HELD, ADVICE] {
            files.insert(format!("notices/en/{needed}.md"), "# Title\n\nText.\n");
        }
        files.insert(format!("notices/en/{name}.md"), text);
        Notices::parse(files.iter().map(|(path, text)| (path.as_str(), *text)))
    }

    const FACTS: NoticeFacts<'static> = NoticeFacts {
        recipients: Some("b@home.example{date}"),
        date: "noon",
        reference: Some("M1"),
        charter: Some("https://charter.example"),
        outcome: Some(NoticeOutcome::Held),
        digest: None,
    };

    #[test]
    fn a_text_flows_keeps_labels_and_lists_and_is_filled_once() {
        let text = "# A title\n\nOn {date} you\nwrote to {recipient}.\n\n{outcome}\n\n- one,\n  still one;\n- two.\n\nReference : {reference}\nCharter: {charter}\nSee {charter}.\n";
        let (notices, faults) = with("a", text);
        assert!(faults.is_empty(), "{faults:?}");
        let chosen = notices.choose("a", &["fr", "en"]).unwrap();
        let paragraph = |text: &str| Block::Paragraph(text.into());
        let filled = chosen.fill(&FACTS);
        assert_eq!((filled.language, filled.title), ("en", "A title"));
        assert_eq!(
            filled.blocks,
            [
                paragraph("On noon you wrote to b@home.example{date}."),
                paragraph("It is so."),
                paragraph("Really."),
                Block::Items(vec!["one, still one;".into(), "two.".into()]),
                Block::Labelled("Reference :".into(), "M1".into()),
                Block::Labelled("Charter:".into(), "https://charter.example".into()),
                paragraph("See https://charter.example."),
            ]
        );
        let blocks = chosen.fill(&NoticeFacts { charter: None, ..FACTS }).blocks;
        assert_eq!(blocks.last(), Some(&Block::Labelled("Reference :".into(), "M1".into())), "no charter, no line");
    }

    #[test]
    fn what_is_wrong_has_its_place_and_remedy() {
        for (text, place, message, help) in [
            ("Hello\n", Some((1, 1)), "the notice has no title", "# "),
            ("", None, "the notice is empty", "# "),
            ("# For {recipient}\n", Some((1, 1)), "a title has no places", "alone"),
            ("# T\n\nOn {dat} you\n", Some((3, 4)), "`{dat}` is no place", "did you mean `date`?"),
            ("# T\n\n  So {subject} it\n", Some((3, 6)), "`{subject}` is no place", "{recipient}"),
            ("# T\n\n- é {date\n", Some((3, 5)), "this brace is not closed", "{recipient}"),
            ("# T\n\nSo: {outcome}\n", Some((3, 5)), "`{outcome}` becomes whole sentences", "alone on its line"),
        ] {
            let (_, faults) = with("a", text);
            assert_eq!(faults.len(), 1, "{text:?}: {faults:?}");
            assert_eq!(faults[0].line_column(), place, "{text:?}");
            assert!(faults[0].message.starts_with(message), "{}", faults[0].message);
            assert!(faults[0].help.as_ref().is_some_and(|h| h.contains(help)), "{:?}", faults[0].help);
        }
        let (_, faults) = with("outcome-held", "To {recipient}.");
        assert_eq!(faults[0].message, "the words for an outcome have no places");
    }

    #[test]
    fn a_digest_has_places_of_its_own() {
        let text =
            "# Day\n\nOn {date} {waiting} wait.\n\nBy rule:\n{rules}\n\nBy unit:\n{units}\n\nPrivate: {private}\n";
        let (notices, faults) = with("digest", text);
        assert!(faults.is_empty(), "{faults:?}");
        let digest = Digest {
            figures: [(DigestFigure::Waiting, "7".into()), (DigestFigure::Private, "2".into())].into(),
            lists: [(DigestList::Rules, vec!["marked: 7".into()])].into(),
        };
        let facts = NoticeFacts { date: "noon", digest: Some(&digest), ..NoticeFacts::default() };
        let blocks = notices.choose("digest", &["en"]).unwrap().fill(&facts).blocks;
        assert_eq!(
            blocks,
            [
                Block::Paragraph("On noon 7 wait.".into()),
                Block::Paragraph("By rule:".into()),
                Block::Items(vec!["marked: 7".into()]),
                Block::Paragraph("By unit:".into()),
                Block::Items(vec!["—".into()]),
                Block::Labelled("Private:".into(), "2".into()),
            ]
        );
        for (name, text, message, help) in [
            ("digest", "# T\n\nTo {recipient}\n", "`{recipient}` is no place", "{waiting}"),
            ("digest", "# T\n\nSo {waitin}\n", "`{waitin}` is no place", "did you mean `waiting`?"),
            ("digest", "# T\n\nSo {rules}\n", "`{rules}` becomes a list", "alone on its line"),
            ("held", "# T\n\nSo {waiting}\n", "`{waiting}` is no place", "{recipient}"),
        ] {
            let (_, faults) = with(name, text);
            assert!(faults[0].message.starts_with(message), "{}", faults[0].message);
            assert!(faults[0].help.as_ref().is_some_and(|h| h.contains(help)), "{:?}", faults[0].help);
        }
    }

    #[test]
    fn a_language_is_whole_or_a_fault() {
        let (_, faults) = Notices::parse([("notices/fr/held.md", "# T\n"), ("notices/README.md", "read me")]);
        let missing: Vec<&str> = faults.iter().map(|fault| fault.path.as_str()).collect();
        assert_eq!(missing.len(), 5, "{missing:?}");
        assert!(missing.contains(&"notices/fr/advice.md") && missing.contains(&"notices/fr/outcome-stripped.md"));
        let (_, faults) = Notices::parse([("notices/french/held.md", "# T\n"), ("notices/fr/held.txt", "# T\n")]);
        assert_eq!(faults.iter().filter(|f| f.message.contains("is no")).count(), 2, "{faults:?}");
    }
}
