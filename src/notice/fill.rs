// SPDX-License-Identifier: EUPL-1.2
//! A text filled with the facts of one mail, of several, or of one digest.

use std::collections::BTreeMap;

use super::digest::Digest;
use super::outcome::NoticeOutcome;
use super::text::{Passage, Piece, Placeholder, Text};
use crate::mail::Mailbox;

/// One text in the language it was found in.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    pub language: &'a str,
    pub(super) text: &'a Text,
    pub(super) outcomes: &'a BTreeMap<NoticeOutcome, Text>,
    /// What stands under the text.
    pub(super) foot: Option<&'a Text>,
}

/// What stands in the places of a text. Nothing in it is read for places again.
/// Where a fact is missing, what would name it is left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoticeFacts<'a> {
    /// Addresses, or how many there are.
    pub recipients: Option<&'a str>,
    /// How many recipients those are.
    pub count: u64,
    pub date: &'a str,
    pub reference: Option<&'a str>,
    /// The subject of the mail; none of private mail (decision D20).
    pub subject: Option<&'a str>,
    /// Why, in the rule's own words; none of private mail.
    pub reason: Option<&'a str>,
    /// None in a notice about what became of a copy later, and in a digest.
    pub outcome: Option<NoticeOutcome>,
    /// Where copies of the mail fared differently, each group in its turn instead of the one outcome.
    pub apart: &'a [OutcomeGroup<'a>],
    /// The same for each mail of a notice about several: a line each, by outcome.
    pub mails: Option<&'a BTreeMap<NoticeOutcome, Vec<String>>>,
    pub digest: Option<&'a Digest>,
    pub house: HouseFacts<'a>,
}

/// Copies of one mail that fared alike.
#[derive(Debug, Clone)]
pub struct OutcomeGroup<'a> {
    pub outcome: NoticeOutcome,
    /// Addresses, or how many there are.
    pub recipients: &'a str,
    pub count: u64,
}

/// Who writes: the same in every notice.
#[derive(Debug, Clone, Copy, Default)]
pub struct HouseFacts<'a> {
    pub name: Option<&'a str>,
    /// Who answers questions.
    pub contact: Option<&'a Mailbox>,
    pub charter: Option<&'a str>,
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
    /// A label with its colon (or none), and what it names.
    Labelled(String, String),
    /// A label with its colon, and the address of a page.
    Link(String, String),
}

impl<'a> Chosen<'a> {
    /// The text's own title, which is the subject of the mail it becomes.
    pub fn title(&self) -> &'a str {
        &self.text.title
    }

    /// Puts the facts into their places.
    pub fn fill(&self, facts: &NoticeFacts<'_>) -> Filled<'a> {
        let mut blocks = Vec::new();
        let filling = Filling { facts, language: self.language };
        for passage in self.text.passages.iter().chain(self.foot.iter().flat_map(|foot| &foot.passages)) {
            let Passage::Outcome = passage else {
                filling.passage(passage, &mut blocks);
                continue;
            };
            if facts.apart.is_empty() {
                self.outcome(facts.outcome, &filling, &mut blocks);
            }
            for group in facts.apart {
                let colon = if self.language == "fr" { " :" } else { ":" };
                blocks.push(Block::Paragraph(format!("{}{colon}", group.recipients)));
                let facts = NoticeFacts { recipients: Some(group.recipients), count: group.count, ..*facts };
                self.outcome(Some(group.outcome), &Filling { facts: &facts, ..filling }, &mut blocks);
            }
        }
        Filled { language: self.language, title: &self.text.title, blocks }
    }

    /// The words for an outcome.
    fn outcome(&self, outcome: Option<NoticeOutcome>, filling: &Filling<'_>, blocks: &mut Vec<Block>) {
        let words = outcome.and_then(|outcome| self.outcomes.get(&outcome));
        words.iter().flat_map(|text| &text.passages).for_each(|passage| filling.passage(passage, blocks));
    }
}

#[derive(Clone, Copy)]
struct Filling<'f> {
    facts: &'f NoticeFacts<'f>,
    language: &'f str,
}

impl Filling<'_> {
    fn passage(&self, passage: &Passage, blocks: &mut Vec<Block>) {
        match passage {
            Passage::Paragraph(pieces) => blocks.extend(self.words(pieces).map(Block::Paragraph)),
            Passage::Item(pieces) => match (self.words(pieces), blocks.last_mut()) {
                (Some(item), Some(Block::Items(items))) => items.push(item),
                (Some(item), _) => blocks.push(Block::Items(vec![item])),
                (None, _) => {}
            },
            Passage::Labelled(label, place) => blocks.extend(self.fact(*place).map(|fact| match place {
                Placeholder::Charter => Block::Link(label.clone(), fact),
                _ => Block::Labelled(label.clone(), fact),
            })),
            Passage::Mails(outcome) => match self.facts.mails.and_then(|mails| mails.get(outcome)) {
                Some(mails) => blocks.push(Block::Items(mails.clone())),
                // What leads up to a list goes with it.
                None => drop(blocks.pop_if(|last| matches!(last, Block::Paragraph(text) if text.ends_with(':')))),
            },
            Passage::List(list) => {
                let items =
                    self.facts.digest.and_then(|digest| digest.lists.get(list)).filter(|items| !items.is_empty());
                blocks.push(Block::Items(items.cloned().unwrap_or_else(|| vec!["—".to_owned()])));
            }
            // An outcome's words have no outcome themselves.
            Passage::Outcome => {}
        }
    }

    /// `None` where a place in it has no fact.
    fn words(&self, pieces: &[Piece]) -> Option<String> {
        let texts = pieces.iter().map(|piece| match piece {
            Piece::Words(words) => Some(words.clone()),
            Piece::Placeholder(place) => self.fact(*place),
            Piece::Number(place, one, several) => {
                let form = if is_one(self.language, self.number(*place)?) { one } else { several };
                Some(form.clone())
            }
        });
        texts.collect()
    }

    fn fact(&self, place: Placeholder) -> Option<String> {
        let facts = self.facts;
        match place {
            Placeholder::Recipient => facts.recipients.map(str::to_owned),
            Placeholder::Date => Some(facts.date.to_owned()),
            Placeholder::Reference => facts.reference.map(str::to_owned),
            Placeholder::Subject => facts.subject.map(str::to_owned),
            Placeholder::Reason => facts.reason.map(str::to_owned),
            Placeholder::Charter => facts.house.charter.map(str::to_owned),
            Placeholder::House => facts.house.name.map(str::to_owned),
            Placeholder::Contact => facts.house.contact.map(Mailbox::to_string),
            Placeholder::Figure(figure) => facts.digest?.shown(figure),
        }
    }

    fn number(&self, place: Placeholder) -> Option<u64> {
        match place {
            Placeholder::Recipient => Some(self.facts.count),
            Placeholder::Figure(figure) => self.facts.digest?.figures.get(&figure).copied(),
            _ => None,
        }
    }
}

/// Whether a language speaks of so many in the singular.
fn is_one(language: &str, count: u64) -> bool {
    count == 1 || (count == 0 && language == "fr")
}
