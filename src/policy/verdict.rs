// SPDX-License-Identifier: EUPL-1.2
//! The verdict for one recipient, and its reasons.

use serde::Serialize;

use crate::mail::reply::{Deferral, Refusal};

/// What happens to one copy, weakest first: the order is the contract's and decides which rule wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Disposition {
    Pass,
    Notify,
    Strip,
    Quarantine,
    Defer,
    Reject,
}

impl Disposition {
    pub const ALL: [Disposition; 6] = [
        Disposition::Pass,
        Disposition::Notify,
        Disposition::Strip,
        Disposition::Quarantine,
        Disposition::Defer,
        Disposition::Reject,
    ];

    /// The contract's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Disposition::Pass => "pass",
            Disposition::Notify => "notify",
            Disposition::Strip => "strip",
            Disposition::Quarantine => "quarantine",
            Disposition::Defer => "defer",
            Disposition::Reject => "reject",
        }
    }

    /// What a person means who writes a word of prose and help in place of the contract's: `held` is `quarantine`.
    pub fn meant_by(word: &str) -> Option<Disposition> {
        Some(match word.trim().to_lowercase().as_str() {
            "passed" | "deliver" | "delivered" | "allow" | "allowed" => Disposition::Pass,
            "note" | "noted" | "notified" => Disposition::Notify,
            "stripped" => Disposition::Strip,
            "hold" | "held" | "quarantined" => Disposition::Quarantine,
            "put off" | "deferred" => Disposition::Defer,
            "refuse" | "refused" | "rejected" => Disposition::Reject,
            _ => return None,
        })
    }
}

/// One rule that spoke about one copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The rule's `@id`.
    pub rule: String,
    /// The rule's `@reason`: words a lawyer can read aloud.
    pub text: String,
    pub disposition: Disposition,
    /// The rule's `@notice`, if it has one.
    pub notice: Option<String>,
}

/// Why: never empty, the strictest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reasons(Vec<Reason>);

impl Reasons {
    /// Sorts by strictness; `None` where no rule spoke.
    pub fn new(mut reasons: Vec<Reason>) -> Option<Reasons> {
        reasons.sort_by(|a, b| b.disposition.cmp(&a.disposition).then_with(|| a.rule.cmp(&b.rule)));
        if reasons.is_empty() { None } else { Some(Reasons(reasons)) }
    }

    pub fn first(&self) -> &Reason {
        &self.0[0] // never empty, by construction
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Reason> {
        self.0.iter()
    }

    pub fn rules(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|r| r.rule.as_str())
    }
}

/// The verdict on one recipient's copy. It cannot exist without a reason, except for a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Notify {
        because: Reasons,
    },
    /// Delivered without the parts held back; `parts` are indices into [`crate::mime::Message::parts`], never empty.
    Strip {
        because: Reasons,
        parts: Vec<usize>,
    },
    Quarantine {
        because: Reasons,
    },
    Defer {
        because: Reasons,
        reply: Deferral,
    },
    Reject {
        because: Reasons,
        reply: Refusal,
    },
}

impl Verdict {
    pub fn disposition(&self) -> Disposition {
        match self {
            Verdict::Pass => Disposition::Pass,
            Verdict::Notify { .. } => Disposition::Notify,
            Verdict::Strip { .. } => Disposition::Strip,
            Verdict::Quarantine { .. } => Disposition::Quarantine,
            Verdict::Defer { .. } => Disposition::Defer,
            Verdict::Reject { .. } => Disposition::Reject,
        }
    }

    pub fn because(&self) -> Option<&Reasons> {
        match self {
            Verdict::Pass => None,
            Verdict::Notify { because }
            | Verdict::Strip { because, .. }
            | Verdict::Quarantine { because }
            | Verdict::Defer { because, .. }
            | Verdict::Reject { because, .. } => Some(because),
        }
    }
}

/// What was judged about one recipient: the verdict that binds, and what rules in observe mode would have said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    pub verdict: Verdict,
    /// Rules in `@mode("observe")`, or every rule while the whole policy only observes (decision D24).
    pub observed: Option<Reasons>,
}

/// One judgement for each recipient of the envelope, in its order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdicts(pub Vec<Judgement>);

impl Verdicts {
    /// The message's own disposition: the strongest of its recipients' (contract, `scan`).
    pub fn strongest(&self) -> Disposition {
        self.0.iter().map(|j| j.verdict.disposition()).max().unwrap_or(Disposition::Pass)
    }
}
