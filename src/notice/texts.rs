// SPDX-License-Identifier: EUPL-1.2
//! All texts to people, `notices/LANGUAGE/NAME.md`: read and checked together, chosen by name and language.

use std::collections::BTreeMap;

use super::digest::DIGEST;
use super::fill::Chosen;
use super::outcome::NoticeOutcome;
use super::read::Reader;
use super::text::{Text, TextKind};
use crate::diagnostic::{Diagnostic, Source, nearest, utf8};
use crate::policy::rules::Rules;

/// The text for a held copy whose rule names none, and for private mail (decision D20).
pub const HELD: &str = "held";
/// The text for a delivered copy whose rule names none.
pub const ADVICE: &str = "advice";
/// The text about several mails at once (decision D16).
pub const SEVERAL: &str = "several";
/// What stands under every notice.
const FOOT: &str = "foot";

/// All texts, by language and name.
#[derive(Debug, Clone, Default)]
pub struct Notices {
    languages: BTreeMap<String, Language>,
}

#[derive(Debug, Clone, Default)]
struct Language {
    texts: BTreeMap<String, Text>,
    outcomes: BTreeMap<NoticeOutcome, Text>,
    foot: Option<Text>,
}

impl Notices {
    /// Reads the texts of a policy folder, and looks whether the text that each of the rules names is there.
    ///
    /// # Errors
    /// All faults of all files at once.
    pub fn load(files: &BTreeMap<String, Vec<u8>>, rules: Option<&Rules>) -> Result<Notices, Vec<Diagnostic>> {
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
    fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Notices, Vec<Diagnostic>) {
        let (mut notices, mut faults) = (Notices::default(), Vec::new());
        for (path, text) in files {
            let Some((language, name)) = path.strip_prefix("notices/").and_then(|rest| rest.split_once('/')) else {
                continue;
            };
            let Some(name) = name.strip_suffix(".md").filter(|name| !name.contains('/')) else {
                faults.push(Diagnostic::of_file(path, "is not a notice").help("name it notices/LANGUAGE/NAME.md"));
                continue;
            };
            if !(2..=3).contains(&language.len()) || !language.bytes().all(|b| b.is_ascii_lowercase()) {
                let fault = Diagnostic::of_file(path, format!("`{language}` is not a language code"));
                faults.push(fault.help("use two letters as the name of the folder, such as `fr`"));
                continue;
            }
            let whole = notices.languages.entry(language.to_owned()).or_default();
            let outcome = NoticeOutcome::ALL.into_iter().find(|outcome| outcome.file() == name);
            let kind = match name {
                _ if outcome.is_some() => TextKind::Outcome,
                DIGEST => TextKind::Digest,
                SEVERAL => TextKind::Several,
                FOOT => TextKind::Foot,
                _ => TextKind::Notice,
            };
            let text = Reader { source: Source::new(path, text), kind, faults: &mut faults }.text();
            match outcome {
                Some(outcome) => drop(whole.outcomes.insert(outcome, text)),
                None if kind == TextKind::Foot => whole.foot = Some(text),
                None => drop(whole.texts.insert(name.to_owned(), text)),
            }
        }
        for (language, whole) in &notices.languages {
            let texts = [HELD, ADVICE].into_iter().filter(|name| !whole.texts.contains_key(*name));
            let outcomes = NoticeOutcome::ALL.into_iter().filter(|outcome| !whole.outcomes.contains_key(outcome));
            faults.extend(texts.chain(outcomes.map(NoticeOutcome::file)).map(|name| {
                Diagnostic::of_file(
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
            let foot = whole.foot.as_ref().filter(|_| name != DIGEST);
            Some(Chosen { language, text, outcomes: &whole.outcomes, foot })
        })
    }

    /// An error for each rule whose `@notice` exists in no language. `files` are the rules' `(path, text)`.
    fn missing<'a>(&self, rules: &Rules, files: impl Iterator<Item = (&'a str, &'a str)> + Clone) -> Vec<Diagnostic> {
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
                Some(at) => Diagnostic::at(&Source::new(&rule.path, text), at..at + words.len(), message),
                None => Diagnostic::of_file(&rule.path, message),
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
    use super::super::fill::{Block, HouseFacts, NoticeFacts};
    use super::*;

    /// A whole language, with one text replaced.
    fn with(name: &str, text: &str) -> (Notices, Vec<Diagnostic>) {
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

    const HOUSE: HouseFacts<'static> =
        HouseFacts { name: Some("The Town"), contact: None, charter: Some("https://charter.example") };
    const FACTS: NoticeFacts<'static> = NoticeFacts {
        recipients: Some("b@home.example{date}"),
        count: 1,
        date: "noon",
        reference: Some("M1"),
        subject: None,
        reason: None,
        outcome: Some(NoticeOutcome::Held),
        apart: &[],
        mails: None,
        digest: None,
        house: HOUSE,
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
                Block::Link("Charter:".into(), "https://charter.example".into()),
                paragraph("See https://charter.example."),
            ]
        );
        let blocks = chosen.fill(&NoticeFacts { house: HouseFacts::default(), ..FACTS }).blocks;
        assert_eq!(blocks.last(), Some(&Block::Labelled("Reference :".into(), "M1".into())), "no charter, no line");
    }

    #[test]
    fn what_is_wrong_has_its_place_and_remedy() {
        for (text, place, message, help) in [
            ("Hello\n", Some((1, 1)), "the notice has no title", "# "),
            ("", None, "the notice is empty", "# "),
            ("# For {recipient}\n", Some((1, 1)), "a title cannot contain places", "only the subject"),
            ("# T\n\nOn {dat} you\n", Some((3, 4)), "`{dat}` is not a place", "did you mean `date`?"),
            ("# T\n\n  So {waiting} it\n", Some((3, 6)), "`{waiting}` is not a place", "{recipient}"),
            ("# T\n\n- é {date\n", Some((3, 5)), "the closing brace is missing", "{recipient}"),
            ("# T\n\nA {date:day|days}\n", Some((3, 3)), "`{date:…}` chooses by number", "write {date}"),
            ("# T\n\nA {recipient:one}\n", Some((3, 3)), "`{recipient:…}` has two forms", "{recipient:one|several}"),
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
            figures: [(DigestFigure::Waiting, 7), (DigestFigure::Private, 2)].into(),
            oldest: None,
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
            ("several", "# T\n\nSo {reference}\n", "`{reference}` is not a place", "{held}"),
            ("foot", "So {date}\n", "`{date}` is not a place", "{subject}"),
        ] {
            let (_, faults) = with(name, text);
            assert!(faults[0].message.starts_with(message), "{}", faults[0].message);
            assert!(faults[0].help.as_ref().is_some_and(|h| h.contains(help)), "{:?}", faults[0].help);
        }
    }

    #[test]
    fn words_are_right_for_the_number_of_recipients() {
        let (notices, faults) =
            with("outcome-held", "It has not gone to {recipient:the recipient|the recipients} above.");
        assert!(faults.is_empty(), "{faults:?}");
        let (more, faults) = with("a", "# T\n\n{outcome}\n\nFor {recipient:you|you all}\n");
        assert!(faults.is_empty(), "{faults:?}");
        let said = |notices: &Notices, name: &str, count| {
            let filled = notices.choose(name, &["en"]).unwrap().fill(&NoticeFacts { count, ..FACTS });
            let Some(Block::Paragraph(last)) = filled.blocks.into_iter().next_back() else { panic!("no words") };
            last
        };
        assert_eq!((said(&more, "a", 1), said(&more, "a", 31)), ("For you".into(), "For you all".into()));
        assert_eq!(said(&more, "a", 0), "For you all", "none are many in English");
        let (whole, _) = with("a", "# T\n\n{outcome}\n");
        assert_eq!(said(&whole, "a", 1), "Really.", "an outcome may be said in several paragraphs");
        let held = |count| {
            let foot = Text::default();
            let whole = notices.languages.get("en").unwrap();
            let text = Text { passages: vec![super::super::text::Passage::Outcome], ..Text::default() };
            let chosen = Chosen { language: "en", text: &text, outcomes: &whole.outcomes, foot: Some(&foot) };
            chosen.fill(&NoticeFacts { count, ..FACTS }).blocks
        };
        assert_eq!(held(1), [Block::Paragraph("It has not gone to the recipient above.".into())]);
        assert_eq!(held(2), [Block::Paragraph("It has not gone to the recipients above.".into())]);
    }

    #[test]
    fn a_foot_stands_under_every_notice_but_the_digest() {
        let foot = "Subject: {subject}\nReference: {reference}\n\n{house}\n{contact}\n";
        let (notices, faults) = with("foot", foot);
        assert!(faults.is_empty(), "{faults:?}");
        let blocks = notices.choose(HELD, &["en"]).unwrap().fill(&FACTS).blocks;
        let reference = Block::Labelled("Reference:".into(), "M1".into());
        let house = Block::Labelled(String::new(), "The Town".into());
        assert_eq!(blocks, [Block::Paragraph("Text.".into()), reference.clone(), house.clone()]);
        let facts = NoticeFacts { subject: Some("Plan"), ..FACTS };
        let subject = Block::Labelled("Subject:".into(), "Plan".into());
        let blocks = notices.choose(HELD, &["en"]).unwrap().fill(&facts).blocks;
        assert_eq!(blocks, [Block::Paragraph("Text.".into()), subject, reference, house]);
    }

    #[test]
    fn several_mails_are_lists_and_an_empty_list_takes_its_words_along() {
        let (notices, faults) =
            with("several", "# More\n\nSo:\n\nHeld:\n\n{held}\n\nRefused:\n\n{refused}\n\nThat is all.\n");
        assert!(faults.is_empty(), "{faults:?}");
        let mails = BTreeMap::from([(NoticeOutcome::Refused, vec!["one".to_owned(), "two".to_owned()])]);
        let facts = NoticeFacts { mails: Some(&mails), ..NoticeFacts::default() };
        let paragraph = |text: &str| Block::Paragraph(text.into());
        assert_eq!(
            notices.choose(SEVERAL, &["en"]).unwrap().fill(&facts).blocks,
            [
                paragraph("So:"),
                paragraph("Refused:"),
                Block::Items(vec!["one".into(), "two".into()]),
                paragraph("That is all."),
            ]
        );
    }

    #[test]
    fn a_language_is_whole_or_a_fault() {
        let (_, faults) = Notices::parse([("notices/fr/held.md", "# T\n"), ("notices/README.md", "read me")]);
        let missing: Vec<&str> = faults.iter().map(|fault| fault.path()).collect();
        assert_eq!(missing.len(), 5, "{missing:?}");
        assert!(missing.contains(&"notices/fr/advice.md") && missing.contains(&"notices/fr/outcome-stripped.md"));
        let (_, faults) = Notices::parse([("notices/french/held.md", "# T\n"), ("notices/fr/held.txt", "# T\n")]);
        assert_eq!(faults.iter().filter(|f| f.message.contains("is not a")).count(), 2, "{faults:?}");
    }
}
