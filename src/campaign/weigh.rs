// SPDX-License-Identifier: EUPL-1.2
//! Weighing a transaction's recipients in one scope, and finding the list that explains them.

use super::evidence::{Asked, Bits, CONVICTS, Evidence};
use super::id::Kind;
use super::register::{ListId, Register};
use super::scope::Scope;
use super::seen::Sight;
use super::transaction::{Recipient, Transaction};
use super::which::description;
use crate::lists::entry::Kind as ListKind;

/// Recipients that a campaign has to have before it is judged (D21).
pub(super) const LEAST: u32 = 30;
/// Recipients of each sender that are not counted: three hundred people who forward a note home are no campaign.
pub(super) const FREE: u8 = 3;
/// What a sender's scope needs beyond the others: it holds unlike mails.
const SENDER: f32 = 5.0;
/// With more recipients than this a sender is judged by his own, with fewer by all of the scope.
const OWN: u32 = 20;
/// A campaign that never came above this was lawful, and teaches its senders' circles.
pub(super) const LAWFUL_PEAK: f32 = 12.0;
/// From this score on a text is political.
const POLITICAL: f32 = 0.5;

/// How a recipient stands to this mail before it is weighed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Within a list's purpose, or allowed by a reviewer.
    Explained,
    /// The sender lawfully writes to him in bulk.
    Circle,
    Open,
}

/// A list that the scope convicts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Convicted {
    pub list: ListId,
    pub bits: Bits,
    pub political: bool,
}

/// What weighing found.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Weighed {
    pub convicted: Option<Convicted>,
    pub score_wanted: bool,
}

impl Scope {
    /// Counts the recipients that are new here, and weighs what they say.
    pub fn weigh(
        &mut self,
        tx: &Transaction,
        register: &Register,
        standing: &[Standing],
        now: i64,
        score: bool,
    ) -> Weighed {
        self.touch(now);
        self.transactions += 1;
        let mut heard = false;
        let key = tx.sender.member.0;
        let mut sender = std::mem::take(self.sender(key));
        sender.proven |= tx.sender.proven;
        // Whoever only claims to be somebody else's sender has no free ones: he may claim a thousand names.
        let free = if tx.sender.proven || tx.sender.own { FREE } else { 0 };
        for (recipient, standing) in tx.recipients.iter().zip(standing) {
            if *standing != Standing::Open {
                if self.kind == Kind::Text {
                    self.apart.insert(recipient.member);
                }
                continue;
            }
            if self.seen.insert(recipient.member) != Sight::New {
                continue;
            }
            if sender.free < free {
                sender.free += 1;
                continue;
            }
            sender.counted = sender.counted.saturating_add(1);
            recipient.lists(register).for_each(|(list, _)| sender.hit(list));
            heard |= self.hear(&recipient, register);
        }
        self.senders.insert(key, sender);
        if heard && self.counted.all >= LEAST { self.judge(tx, register, score) } else { Weighed::default() }
    }

    /// One counted recipient; whether a list was hit.
    fn hear(&mut self, recipient: &Recipient, register: &Register) -> bool {
        let mut hit = false;
        for (list, _) in recipient.lists(register) {
            hit = true;
            if self.evidence(list).is_none()
                && let Some(source) = register.by_id(list)
                && !source.bets.closed
            {
                self.evidence.push(Evidence::after_misses(source, &self.counted));
            }
        }
        let asked: Asked = recipient.asked;
        self.evidence.retain_mut(|evidence| {
            // A list that has left the register takes its evidence with it.
            let Some(source) = register.by_id(evidence.list) else { return false };
            let at = recipient.listed.iter().find(|listed| register.source(listed.source).id == evidence.list);
            evidence.hear(source, asked, at.map(|listed| listed.place.position));
            true
        });
        self.counted.count(asked);
        hit
    }

    fn judge(&mut self, tx: &Transaction, register: &Register, score: bool) -> Weighed {
        let threshold = if self.kind == Kind::Sender { CONVICTS + SENDER } else { CONVICTS };
        let mut weighed = Weighed::default();
        let mut best: Option<(f64, Convicted)> = None;
        let own = self.senders.get(&tx.sender.member.0).filter(|sender| sender.counted >= OWN);
        for evidence in &self.evidence {
            if !evidence.may_reach(LAWFUL_PEAK, score) {
                continue;
            }
            let Some(source) = register.by_id(evidence.list) else { continue };
            let bits = evidence.bits(&source.bets);
            self.peak = self.peak.max(bits.all);
            let gray = score && source.kind != Some(ListKind::Union) && evidence.gray(&source.bets) >= threshold;
            weighed.score_wanted |= gray;
            let political = gray && tx.political.is_some_and(|score| score >= POLITICAL);
            if bits.all < threshold && !political {
                continue;
            }
            let (recipients, hits) = match own {
                Some(sender) => (sender.counted, sender.hits(source.id)),
                None => (self.counted.all, evidence.hits),
            };
            let length = description(recipients, hits, source.size, bits.order);
            let convicted = Convicted { list: source.id, bits, political: political && bits.all < threshold };
            if best.as_ref().is_none_or(|(shortest, _)| length < *shortest) {
                best = Some((length, convicted));
            }
        }
        weighed.convicted = best.map(|(_, convicted)| convicted);
        weighed
    }
}
