// SPDX-License-Identifier: EUPL-1.2
//! The places of the digest for the security team: numbers inside sentences, and lists of numbers.

use std::collections::BTreeMap;

/// The text of the digest.
pub const DIGEST: &str = "digest";

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigestFigure {
    /// Copies that wait for a decision.
    Waiting,
    /// Since when the oldest of them waits.
    Oldest,
    /// How many expire soon.
    Expiring,
    /// How many are private mail; the digest says nothing else about them (decision D20).
    Private,
    /// Since the last digest.
    Held,
    Released,
    Rejected,
    Expired,
}

impl DigestFigure {
    const ALL: [DigestFigure; 8] = [
        DigestFigure::Waiting,
        DigestFigure::Oldest,
        DigestFigure::Expiring,
        DigestFigure::Private,
        DigestFigure::Held,
        DigestFigure::Released,
        DigestFigure::Rejected,
        DigestFigure::Expired,
    ];

    fn as_str(self) -> &'static str {
        match self {
            DigestFigure::Waiting => "waiting",
            DigestFigure::Oldest => "oldest",
            DigestFigure::Expiring => "expiring",
            DigestFigure::Private => "private",
            DigestFigure::Held => "held",
            DigestFigure::Released => "released",
            DigestFigure::Rejected => "rejected",
            DigestFigure::Expired => "expired",
        }
    }

    pub(super) fn named(name: &str) -> Option<DigestFigure> {
        DigestFigure::ALL.into_iter().find(|figure| figure.as_str() == name)
    }
}

/// A list that stands alone on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DigestList {
    /// What waits, by rule.
    Rules,
    /// What waits, by the sender's unit.
    Units,
    /// What rules that only observe would have done since the last digest.
    Observed,
}

impl DigestList {
    const ALL: [DigestList; 3] = [DigestList::Rules, DigestList::Units, DigestList::Observed];

    fn as_str(self) -> &'static str {
        match self {
            DigestList::Rules => "rules",
            DigestList::Units => "units",
            DigestList::Observed => "observed",
        }
    }

    pub(super) fn named(name: &str) -> Option<DigestList> {
        DigestList::ALL.into_iter().find(|list| list.as_str() == name)
    }
}

/// The names of a digest's own places, for errors.
pub(super) fn places() -> impl Iterator<Item = &'static str> {
    let figures = DigestFigure::ALL.into_iter().map(DigestFigure::as_str);
    figures.chain(DigestList::ALL.into_iter().map(DigestList::as_str))
}

/// The facts of one digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digest {
    pub figures: BTreeMap<DigestFigure, u64>,
    /// The date of [`DigestFigure::Oldest`], where something waits.
    pub oldest: Option<String>,
    /// Each line whole, such as `marked-leaves-house: 3`.
    pub lists: BTreeMap<DigestList, Vec<String>>,
}

impl Digest {
    pub(super) fn shown(&self, figure: DigestFigure) -> Option<String> {
        match figure {
            DigestFigure::Oldest => Some(self.oldest.clone().unwrap_or_else(|| "—".to_owned())),
            figure => self.figures.get(&figure).map(u64::to_string),
        }
    }
}
