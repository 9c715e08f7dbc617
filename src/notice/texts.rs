// SPDX-License-Identifier: EUPL-1.2
//! All texts to people, `notices/LANGUAGE/NAME.md`: read and checked together, chosen by name and language.

use std::collections::BTreeMap;

use super::digest::DIGEST;
use super::fill::Chosen;
use super::outcome::NoticeOutcome;
use super::read::Reader;
use super::text::Text;
use crate::diagnostic::{PolicyError, nearest, source, utf8};
use crate::policy::rules::Rules;

/// The text for a held copy whose rule names none, and for private mail (decision D20).
pub const HELD: &str = "held";
/// The text for a delivered copy whose rule names none.
pub const ADVICE: &str = "advice";
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
                faults.push(PolicyError::of_file(path, "is not a notice").help("name it notices/LANGUAGE/NAME.md"));
                continue;
            };
            if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_lowercase()) {
                let fault = PolicyError::of_file(path, format!("`{language}` is not a language code"));
                faults.push(fault.help("use two letters as the name of the folder, such as `fr`"));
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

    /// An error for each rule whose `@notice` exists in no language. `files` are the rules' `(path, text)`.
    fn missing<'a>(&self, rules: &Rules, files: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<PolicyError> {
        let known = || self.languages.values().flat_map(|whole| whole.texts.keys()).map(String::as_str);
        let mut faults = Vec::new();
        for rule in rules.iter() {
            let Some(name) = rule.notice.as_deref().filter(|name| !known().any(|known| known == *name)) else {
                continue;
            };
            let message = format!("there is no notice `{name}`");
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

#[cfg(test)]
mod tests {
    use super::super::digest::{Digest, DigestFigure, DigestList};
    use super::super::fill::{Block, NoticeFacts};
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
            ("# For {recipient}\n", Some((1, 1)), "a title cannot contain places", "only the subject"),
            ("# T\n\nOn {dat} you\n", Some((3, 4)), "`{dat}` is not a place", "did you mean `date`?"),
            ("# T\n\n  So {subject} it\n", Some((3, 6)), "`{subject}` is not a place", "{recipient}"),
            ("# T\n\n- é {date\n", Some((3, 5)), "the closing brace is missing", "{recipient}"),
            ("# T\n\nSo: {outcome}\n", Some((3, 5)), "`{outcome}` becomes whole sentences", "alone on its line"),
        ] {
            let (_, faults) = with("a", text);
            assert_eq!(faults.len(), 1, "{text:?}: {faults:?}");
            assert_eq!(faults[0].line_column(), place, "{text:?}");
            assert!(faults[0].message.starts_with(message), "{}", faults[0].message);
            assert!(faults[0].help.as_ref().is_some_and(|h| h.contains(help)), "{:?}", faults[0].help);
        }
        let (_, faults) = with("outcome-held", "To {recipient}.");
        assert_eq!(faults[0].message, "the text of an outcome cannot contain places");
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
            ("digest", "# T\n\nTo {recipient}\n", "`{recipient}` is not a place", "{waiting}"),
            ("digest", "# T\n\nSo {waitin}\n", "`{waitin}` is not a place", "did you mean `waiting`?"),
            ("digest", "# T\n\nSo {rules}\n", "`{rules}` becomes a list", "alone on its line"),
            ("held", "# T\n\nSo {waiting}\n", "`{waiting}` is not a place", "{recipient}"),
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
        assert_eq!(faults.iter().filter(|f| f.message.contains("is not a")).count(), 2, "{faults:?}");
    }
}
