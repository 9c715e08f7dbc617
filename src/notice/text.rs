// SPDX-License-Identifier: EUPL-1.2
//! One text, as it was read.
//!
//! A text is a title (`# …`), paragraphs and lists (`- …`). Placeholders stand in braces. `{outcome}` stands alone on
//! its line and becomes the language's text for what became of the mail. Lines of a paragraph flow together, but a
//! line with only a placeholder, or a label and one, such as `Reference: {reference}`, stays a line of its own.
//! `{recipient:one|several}` is one or the other by number.

use super::digest::{self, DigestFigure, DigestList};
use super::outcome::NoticeOutcome;

/// Bytes of one text at most.
pub(super) const LONGEST: usize = 64 * 1024;

/// What a text is for: it decides what the text may name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TextKind {
    /// A notice about one mail, or about what became of held mail.
    Notice,
    /// A notice about several mails, each a line of a list.
    Several,
    /// The digest to the security team.
    Digest,
    /// Words for an outcome, put into a notice: no title.
    Outcome,
    /// What stands under every notice: no title.
    Foot,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Text {
    pub title: String,
    pub passages: Vec<Passage>,
}

#[derive(Debug, Clone)]
pub(super) enum Passage {
    Paragraph(Vec<Piece>),
    Item(Vec<Piece>),
    /// A line of its own; the label may be empty.
    Labelled(String, Placeholder),
    Outcome,
    /// The mails that fared so.
    Mails(NoticeOutcome),
    List(DigestList),
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Words(String),
    Placeholder(Placeholder),
    /// One form or the other, by how many there are of what the place names.
    Number(Placeholder, String, String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Placeholder {
    Recipient,
    Date,
    Reference,
    Subject,
    Reason,
    Charter,
    House,
    Contact,
    Figure(DigestFigure),
}

impl Placeholder {
    /// Those that are no figures of a digest, by name.
    const NAMED: [(&str, Placeholder); 8] = [
        ("recipient", Placeholder::Recipient),
        ("date", Placeholder::Date),
        ("reference", Placeholder::Reference),
        ("subject", Placeholder::Subject),
        ("reason", Placeholder::Reason),
        ("charter", Placeholder::Charter),
        ("house", Placeholder::House),
        ("contact", Placeholder::Contact),
    ];

    /// Whether `{place:one|several}` makes sense.
    pub fn is_number(self) -> bool {
        match self {
            Placeholder::Recipient => true,
            Placeholder::Figure(figure) => figure != DigestFigure::Oldest,
            _ => false,
        }
    }
}

impl TextKind {
    pub fn place(self, name: &str) -> Option<Placeholder> {
        let named = || Placeholder::NAMED.iter().find(|(known, _)| *known == name).map(|(_, place)| *place);
        let figure = || DigestFigure::named(name).filter(|_| self == TextKind::Digest).map(Placeholder::Figure);
        named().filter(|place| self.may_name(*place)).or_else(figure)
    }

    fn may_name(self, place: Placeholder) -> bool {
        use Placeholder::{Charter, Contact, Date, House, Recipient, Reference, Subject};
        match self {
            TextKind::Notice => true,
            TextKind::Several | TextKind::Digest => matches!(place, Date | Charter | House | Contact),
            // By number only.
            TextKind::Outcome => place == Recipient,
            TextKind::Foot => matches!(place, Subject | Reference | Charter | House | Contact),
        }
    }

    /// A place that stands alone on its line and becomes more than words.
    pub fn block(self, name: &str) -> Option<Passage> {
        match self {
            TextKind::Notice if name == "outcome" => Some(Passage::Outcome),
            TextKind::Several => NoticeOutcome::named(name).map(Passage::Mails),
            TextKind::Digest => DigestList::named(name).map(Passage::List),
            _ => None,
        }
    }

    /// The names of all places, for errors.
    pub fn names(self) -> Vec<&'static str> {
        let named = Placeholder::NAMED.iter().filter(|(_, place)| self.may_name(*place)).map(|(name, _)| *name);
        let blocks: Vec<&str> = match self {
            TextKind::Notice => vec!["outcome"],
            TextKind::Several => NoticeOutcome::LISTED.iter().map(|(name, _)| *name).collect(),
            TextKind::Digest => digest::places().collect(),
            TextKind::Outcome | TextKind::Foot => Vec::new(),
        };
        named.chain(blocks).collect()
    }

    pub fn has_title(self) -> bool {
        !matches!(self, TextKind::Outcome | TextKind::Foot)
    }
}
