// SPDX-License-Identifier: EUPL-1.2
//! A campaign that was flagged: what is known of it, and what people decided.

use serde::{Deserialize, Serialize};

use super::evidence::Bits;
use super::id::{CampaignId, Kind};
use super::purpose::Fit;
use super::register::ListId;
use super::seen::{MOST, Seen, Sight};
use super::verdict::Reason;
use crate::lists::Member;
use crate::lists::hashed::Set;

/// What people decided (D22, D43).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum State {
    /// Nobody has decided: deferred.
    Flagged,
    /// This content to this list may go, until then (seconds of Unix time).
    Allowed { until: i64 },
    /// 550 from here on.
    Stopped,
}

/// Senders named in a campaign.
pub(super) const NAMED: usize = 256;

/// A flagged campaign.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Case {
    pub id: CampaignId,
    pub list: ListId,
    pub kind: Kind,
    pub state: State,
    pub first: i64,
    pub last: i64,
    pub flagged_at: i64,
    /// The transaction that was the first to be stopped.
    pub digest: u64,
    /// Recipients reached before it.
    pub before: u64,
    pub bits: Bits,
    pub hits: u32,
    pub counted: u32,
    pub neighbours: f32,
    pub fit: Fit,
    pub political: Option<f32>,
    pub reasons: Vec<Reason>,
    pub senders: Vec<u64>,
    pub transactions: u64,
    pub canaries: u32,
    /// All whom it is addressed to, deferred ones included; and those of them on the list since it was flagged.
    pub addressed: Seen,
    pub on_list: Seen,
    /// Digests of deferred transactions: a retry is counted once.
    pub digests: Set,
    pub deferred: u64,
}

impl Case {
    /// One more transaction of this campaign that was stopped; whether it is not a retry.
    pub fn stop(
        &mut self,
        digest: u64,
        sender: u64,
        now: i64,
        recipients: impl Iterator<Item = (Member, bool)>,
    ) -> bool {
        self.last = now;
        if !self.digests.insert(digest) {
            return false;
        }
        if self.digests.len() > MOST {
            // Beyond this the count is of attempts; who is addressed stays right.
            self.digests.clear();
        }
        self.deferred += 1;
        self.transactions += 1;
        self.name(sender);
        for (member, listed) in recipients {
            if self.addressed.insert(member) == Sight::New && listed {
                self.on_list.insert(member);
            }
        }
        true
    }

    pub fn name(&mut self, sender: u64) {
        if self.senders.len() < NAMED && !self.senders.contains(&sender) {
            self.senders.push(sender);
        }
    }

    /// Members of the list that it is addressed to.
    pub fn members(&self) -> u64 {
        u64::from(self.hits) + self.on_list.count()
    }
}
