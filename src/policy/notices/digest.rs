// SPDX-License-Identifier: EUPL-1.2
//! What the digest to the security team may name: figures inside sentences, and lists of figures.

use std::collections::BTreeMap;

/// The text of the digest.
pub const DIGEST: &str = "digest";

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Figure {
    /// Copies that wait for a decision.
    Waiting,
    /// Since when the oldest of them waits.
    Oldest,
    /// How many expire soon.
    Expiring,
    /// How many are private mail, of which nothing else is told (decision D20).
    Private,
    /// Since the last digest.
    Held,
    Released,
    Rejected,
    Expired,
}

impl Figure {
    const ALL: [Figure; 8] = [
        Figure::Waiting,
        Figure::Oldest,
        Figure::Expiring,
        Figure::Private,
        Figure::Held,
        Figure::Released,
        Figure::Rejected,
        Figure::Expired,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Figure::Waiting => "waiting",
            Figure::Oldest => "oldest",
            Figure::Expiring => "expiring",
            Figure::Private => "private",
            Figure::Held => "held",
            Figure::Released => "released",
            Figure::Rejected => "rejected",
            Figure::Expired => "expired",
        }
    }

    pub(super) fn named(name: &str) -> Option<Figure> {
        Figure::ALL.into_iter().find(|figure| figure.as_str() == name)
    }
}

/// A list that stands alone on its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// What waits, by rule.
    Rules,
    /// What waits, by the sender's unit.
    Units,
    /// What rules that only observe would have done since the last digest.
    Observed,
}

impl List {
    const ALL: [List; 3] = [List::Rules, List::Units, List::Observed];

    fn as_str(self) -> &'static str {
        match self {
            List::Rules => "rules",
            List::Units => "units",
            List::Observed => "observed",
        }
    }

    pub(super) fn named(name: &str) -> Option<List> {
        List::ALL.into_iter().find(|list| list.as_str() == name)
    }
}

/// The names of all places of a digest, for faults.
pub(super) fn places() -> impl Iterator<Item = &'static str> {
    let figures = Figure::ALL.into_iter().map(Figure::as_str);
    ["date", "charter"].into_iter().chain(figures).chain(List::ALL.into_iter().map(List::as_str))
}

/// The facts of one digest.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Digest {
    pub figures: BTreeMap<Figure, String>,
    /// Each line whole, such as `marked-leaves-house: 3`.
    pub lists: BTreeMap<List, Vec<String>>,
}
