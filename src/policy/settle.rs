// SPDX-License-Identifier: EUPL-1.2
//! SMTP answers once for all recipients (RFC 5321 §4.1.1.4): only here different verdicts become one reply.

use super::verdict::{Verdict, Verdicts};
use crate::campaign::Brake;
use crate::mail::{Reply, reply};

/// What becomes of a transaction as a whole (decision D1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// Nothing is sent and nothing is kept; the client gets this 4xx or 5xx.
    Nothing(Reply),
    /// Each copy goes its own way; the client gets 2xx when every copy is with the next hop or stored durably.
    Each(Plan),
}

/// The way of each copy, by index into the envelope's recipients. Together they cover every recipient once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Go to the next hop as they came (`pass` and `notify`).
    pub onward: Vec<usize>,
    /// Stay in quarantine.
    pub held: Vec<usize>,
    /// Go on without some parts: one group for each distinct set of parts (each is a transaction of its own, D2).
    pub stripped: Vec<Stripped>,
    /// Refused while other copies are not: the sender gets a failure DSN.
    pub refused: Vec<usize>,
}

/// Copies that leave without the same parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stripped {
    /// Indices into [`crate::mime::Message::parts`].
    pub parts: Vec<usize>,
    pub copies: Vec<usize>,
}

impl Plan {
    /// Whether anything must be written before the next hop is asked.
    pub fn keeps(&self) -> bool {
        !(self.held.is_empty() && self.stripped.is_empty() && self.refused.is_empty())
    }

    /// Whether every copy goes on without the same parts: then one transaction carries them all.
    pub fn is_one_strip(&self) -> bool {
        self.onward.is_empty() && self.held.is_empty() && self.refused.is_empty() && self.stripped.len() == 1
    }
}

/// Settles the verdicts in the order of decision D1. A bulk send that is braked comes before them all: its transactions
/// wait whole in the queue that stands behind them, or have been stopped (decision D22). `bounces_reach_sender` is false where the reverse-path is
/// null or not in our own domains: then no DSN can report a refusal, and the whole mail is refused.
pub fn settle(verdicts: &Verdicts, bounces_reach_sender: bool, brake: Option<Brake>) -> Settlement {
    match brake {
        Some(Brake::Defer) => return Settlement::Nothing(reply::CAMPAIGN_WAITS.reply()),
        Some(Brake::Stop) => return Settlement::Nothing(reply::CAMPAIGN_STOPPED.reply()),
        None => {}
    }
    // (a) Any defer: nothing sent, nothing kept.
    for judgement in &verdicts.0 {
        if let Verdict::Defer { reply, .. } = &judgement.verdict {
            return Settlement::Nothing(reply.reply());
        }
    }
    // (b) All refused, and (c) one refused whose sender cannot get a report.
    let mut refusals = verdicts.0.iter().filter_map(|j| match &j.verdict {
        Verdict::Reject { reply, .. } => Some(reply),
        _ => None,
    });
    if let Some(first) = refusals.next() {
        let all = 1 + refusals.count() == verdicts.0.len();
        if all {
            return Settlement::Nothing(first.reply());
        }
        if !bounces_reach_sender {
            return Settlement::Nothing(reply::REFUSED_BY_POLICY.reply());
        }
    }
    // (d) and (e): each copy its own way.
    let mut plan = Plan::default();
    for (index, judgement) in verdicts.0.iter().enumerate() {
        match &judgement.verdict {
            Verdict::Pass | Verdict::Notify { .. } => plan.onward.push(index),
            Verdict::Quarantine { .. } => plan.held.push(index),
            Verdict::Reject { .. } => plan.refused.push(index),
            Verdict::Strip { parts, .. } => match plan.stripped.iter_mut().find(|s| s.parts == *parts) {
                Some(group) => group.copies.push(index),
                None => plan.stripped.push(Stripped { parts: parts.clone(), copies: vec![index] }),
            },
            Verdict::Defer { .. } => {} // answered above
        }
    }
    Settlement::Each(plan)
}
