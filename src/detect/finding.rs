// SPDX-License-Identifier: EUPL-1.2
//! A finding: one fact that a person can check, with its place.

use serde::{Serialize, Serializer};

use crate::mail::Mailbox;

/// The kinds of finding. The names are the contract's and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingKind {
    Forward,
    SelfForward,
    /// A recipient of the sender's family name who is not the sender (family or namesake); no opinion.
    Namesake,
    Marking,
    SensitivityLabel,
    Encrypted,
    Disguised,
    Uninspectable,
    Link,
    PersonalData,
    AddressList,
    PrivateCorrespondence,
    TracedDocument,
    ListReuse,
    Political,
    /// A document is attached (value: its family, such as `office`, `pdf`, `archive`).
    Document,
    /// A meeting invitation (text/calendar).
    Invitation,
    /// The recipient's domain imitates one of the administration's (value: the imitated domain).
    Lookalike,
    /// MAIL FROM, From and login disagree (decision D18).
    SenderMismatch,
    /// A defect of the message's form (value: which). Never a reason to hold on its own.
    Malformed,
}

impl FindingKind {
    pub fn as_str(self) -> &'static str {
        match self {
            FindingKind::Forward => "forward",
            FindingKind::SelfForward => "self-forward",
            FindingKind::Namesake => "namesake",
            FindingKind::Marking => "marking",
            FindingKind::SensitivityLabel => "sensitivity-label",
            FindingKind::Encrypted => "encrypted",
            FindingKind::Disguised => "disguised",
            FindingKind::Uninspectable => "uninspectable",
            FindingKind::Link => "link",
            FindingKind::PersonalData => "personal-data",
            FindingKind::AddressList => "address-list",
            FindingKind::PrivateCorrespondence => "private-correspondence",
            FindingKind::TracedDocument => "traced-document",
            FindingKind::ListReuse => "list-reuse",
            FindingKind::Political => "political",
            FindingKind::Document => "document",
            FindingKind::Invitation => "invitation",
            FindingKind::Lookalike => "lookalike",
            FindingKind::SenderMismatch => "sender-mismatch",
            FindingKind::Malformed => "malformed",
        }
    }
}

impl Serialize for FindingKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One fact about one message, in the words of the contract's `findings`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    pub kind: FindingKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Markings and labels: 0 no restriction, 1 internal, 2 restricted, 3 confidential, 4 secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<u8>,
    /// How many distinct ones stand there (identifiers, addresses).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Rows of a registered list: their part of all addresses and keys found, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<f64>,
    /// The contract's place: `subject`, `body`, `body#quoted`, `header:NAME`, `attachment:PATH#footer`, `envelope`.
    #[serde(rename = "where")]
    pub place: String,
    /// A few words around the finding; never set for private correspondence (decision D20).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    /// The one recipient it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<Mailbox>,
    /// The one recipient it is not about: outside, he wrote it himself, and it is quoted back to him (decision D35).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub author: Option<Mailbox>,
}

impl Finding {
    pub fn new(kind: FindingKind, place: impl Into<String>) -> Finding {
        Finding {
            kind,
            value: None,
            rank: None,
            count: None,
            share: None,
            place: place.into(),
            excerpt: None,
            recipient: None,
            author: None,
        }
    }

    pub fn value(mut self, value: impl Into<String>) -> Finding {
        self.value = Some(value.into());
        self
    }

    pub fn rank(mut self, rank: u8) -> Finding {
        self.rank = Some(rank);
        self
    }

    pub fn count(mut self, count: u32) -> Finding {
        self.count = Some(count);
        self
    }

    /// Rounded to a thousandth.
    pub fn share(mut self, share: f64) -> Finding {
        self.share = Some((share * 1000.0).round() / 1000.0);
        self
    }

    pub fn excerpt(mut self, excerpt: impl Into<String>) -> Finding {
        self.excerpt = Some(excerpt.into());
        self
    }

    pub fn recipient(mut self, recipient: &Mailbox) -> Finding {
        self.recipient = Some(recipient.clone());
        self
    }

    /// Whether it says something about the copy for this recipient.
    pub fn concerns(&self, recipient: Option<&Mailbox>) -> bool {
        (self.recipient.is_none() || self.recipient.as_ref() == recipient)
            && (self.author.is_none() || self.author.as_ref() != recipient)
    }
}
