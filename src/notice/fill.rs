// SPDX-License-Identifier: EUPL-1.2
//! Fills a text with the facts of one mail, or of one digest.

use std::collections::BTreeMap;

use super::digest::Digest;
use super::outcome::NoticeOutcome;
use super::text::{Passage, Piece, Placeholder, Text};

/// One text in the language it was found in.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    pub language: &'a str,
    pub(super) text: &'a Text,
    pub(super) outcomes: &'a BTreeMap<NoticeOutcome, Vec<String>>,
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
