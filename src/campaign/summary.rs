// SPDX-License-Identifier: EUPL-1.2
//! A campaign as people see it: counts, the list, why.

use std::collections::BTreeSet;

use super::Campaigns;
use super::case::{Case, State};
use super::evidence::Bits;
use super::id::CampaignId;
use super::id::Kind;
use super::purpose::Fit;
use super::register::ListId;
use super::scope::Scope;
use super::verdict::Reason;
use super::weigh::LEAST;
use crate::lists::Member;

/// One campaign, flagged or of at least thirty recipients.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    pub campaign: CampaignId,
    pub kind: Kind,
    pub state: Option<State>,
    pub senders: Vec<Member>,
    /// Seconds of Unix time.
    pub first: i64,
    pub last: i64,
    pub transactions: u64,
    /// Distinct recipients it is addressed to, deferred ones included.
    pub recipients: u64,
    pub deferred: u64,
    pub list: Option<ListId>,
    /// Members of the list it is addressed to.
    pub members: u64,
    pub canaries: u32,
    /// The part of the hits that stand beside another one on the list.
    pub in_order: f32,
    pub bits: Bits,
    pub fit: Option<Fit>,
    pub political: Option<f32>,
    pub flagged_at: Option<FlaggedAt>,
    pub reasons: Vec<Reason>,
}

/// The first transaction that was stopped.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlaggedAt {
    pub digest: u64,
    pub at: i64,
    pub recipients_before: u64,
}

/// A flagged campaign that nobody has decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waiting {
    pub campaign: CampaignId,
    /// When it was flagged, in seconds of Unix time.
    pub since: i64,
    /// Transactions put off.
    pub deferred: u64,
}

impl Campaigns {
    /// Flagged campaigns that nobody has decided.
    pub fn waiting(&self) -> Vec<Waiting> {
        let waits = self.cases.keys_where(|case| case.state == State::Flagged);
        let cases = waits.into_iter().filter_map(|key| self.cases.get(key));
        cases.map(|case| Waiting { campaign: case.id, since: case.flagged_at, deferred: case.deferred }).collect()
    }

    /// Campaigns that ended since this was last asked.
    pub fn ended(&mut self) -> Vec<Summary> {
        self.ended.drain(..).collect()
    }

    /// Open campaigns, those that were flagged first.
    pub fn open(&self) -> Vec<Summary> {
        let cases = self.cases.keys_where(|_| true).into_iter().filter_map(|key| self.summary_of_case(key));
        let texts = self.scopes.keys_where(|_| true).into_iter().filter_map(|key| self.summary_of_scope(key));
        cases.chain(texts).collect()
    }

    /// The senders of flagged campaigns.
    pub fn named(&self) -> BTreeSet<Member> {
        self.cases.iter().flat_map(|(_, case)| case.senders.iter().map(|sender| Member(*sender))).collect()
    }

    /// One open campaign.
    pub fn show(&self, campaign: CampaignId) -> Option<Summary> {
        self.summary_of_case(campaign.0).or_else(|| {
            let key = self.scopes.keys_where(|scope| scope.id == campaign).first().copied()?;
            self.summary_of_scope(key)
        })
    }

    /// Open scopes of all kinds, and what they, circles and flags hold, in recipients.
    pub fn size(&self) -> (usize, usize) {
        let circles: usize = self.circles.iter().map(|(_, circle)| circle.held()).sum();
        (self.scopes.len(), circles + self.scopes.iter().map(|(_, scope)| scope.weight()).sum::<usize>())
    }

    pub(super) fn summary_of_case(&self, key: u64) -> Option<Summary> {
        let case: &Case = self.cases.get(key)?;
        Some(Summary {
            campaign: case.id,
            kind: case.kind,
            state: Some(case.state),
            senders: case.senders.iter().map(|sender| Member(*sender)).collect(),
            first: case.first,
            last: case.last,
            transactions: case.transactions,
            recipients: case.addressed.count(),
            deferred: case.deferred,
            list: Some(case.list),
            members: case.members(),
            canaries: case.canaries,
            in_order: case.neighbours,
            bits: case.bits,
            fit: Some(case.fit),
            political: case.political,
            flagged_at: Some(FlaggedAt { digest: case.digest, at: case.flagged_at, recipients_before: case.before }),
            reasons: case.reasons.clone(),
        })
    }

    /// The campaign of a text that was not flagged, if it is one.
    pub(super) fn summary_of_scope(&self, key: u64) -> Option<Summary> {
        let scope: &Scope = self.scopes.get(key)?;
        let flagged = scope.linked.is_some() || !scope.flags.is_empty();
        if scope.kind != Kind::Text || flagged || scope.reached() < u64::from(LEAST) {
            return None;
        }
        let mut senders: Vec<Member> = scope.senders.keys().map(|sender| Member(*sender)).collect();
        senders.sort_unstable();
        senders.truncate(super::case::NAMED);
        let fit =
            scope.explained.map(|_| Fit { in_force: true, sender: true, links: true, content: true, foreign: 0.0 });
        Some(Summary {
            campaign: scope.id,
            kind: scope.kind,
            state: None,
            senders,
            first: scope.first,
            last: scope.last,
            transactions: scope.transactions,
            recipients: scope.reached(),
            deferred: 0,
            list: scope.explained,
            members: if scope.explained.is_some() { scope.apart.count() } else { 0 },
            canaries: 0,
            in_order: 0.0,
            bits: Bits::default(),
            fit,
            political: None,
            flagged_at: None,
            reasons: Vec::new(),
        })
    }
}
