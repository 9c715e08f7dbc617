// SPDX-License-Identifier: EUPL-1.2
//! What makes transactions one bulk send: a text, a sender, a link host, an attachment. Each is weighed apart, so that a
//! misuse has to hide in all.

use serde::{Deserialize, Serialize};

use super::evidence::{Counted, Evidence};
use super::id::{CampaignId, Kind};
use super::register::ListId;
use super::seen::Seen;
use super::signature::Sketch;
use crate::lists::hashed::Map;

/// Senders that one scope knows apart.
const SENDERS: usize = 1024;

/// One scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Scope {
    pub kind: Kind,
    pub id: CampaignId,
    pub first: i64,
    pub last: i64,
    pub transactions: u64,
    /// Who was reached and could be counted.
    pub seen: Seen,
    /// Who was reached within a list's purpose or a sender's circle; in scopes of texts only.
    pub apart: Seen,
    pub counted: Counted,
    pub senders: Map<Correspondent>,
    pub evidence: Vec<Evidence>,
    /// The campaigns for which it is flagged, or allowed.
    pub flags: Vec<(ListId, CampaignId)>,
    /// A campaign whose text this is, though another scope was flagged.
    pub linked: Option<CampaignId>,
    /// The list within whose purpose its last transaction was.
    pub explained: Option<ListId>,
    /// The most bits there ever were.
    pub peak: f32,
    /// What its texts are recognised by, in the order in which all scopes came by theirs.
    pub sketches: Vec<(u64, Sketch)>,
    /// Found idle once; the second time it ends.
    pub idle: bool,
}

/// What one sender did in a scope.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Correspondent {
    pub proven: bool,
    /// Recipients who were not counted because everybody may have a few.
    pub free: u8,
    pub counted: u32,
    pub hits: Vec<(ListId, u32)>,
}

impl Correspondent {
    pub fn hit(&mut self, list: ListId) {
        match self.hits.iter_mut().find(|(known, _)| *known == list) {
            Some((_, hits)) => *hits = hits.saturating_add(1),
            None => self.hits.push((list, 1)),
        }
    }

    pub fn hits(&self, list: ListId) -> u32 {
        self.hits.iter().find(|(known, _)| *known == list).map_or(0, |(_, hits)| *hits)
    }
}

impl Scope {
    pub fn new(kind: Kind, key: u64, now: i64) -> Scope {
        Scope {
            kind,
            id: CampaignId::new(key, now),
            first: now,
            last: now,
            transactions: 0,
            seen: Seen::default(),
            apart: Seen::default(),
            counted: Counted::default(),
            senders: Map::default(),
            evidence: Vec::new(),
            flags: Vec::new(),
            linked: None,
            explained: None,
            peak: 0.0,
            sketches: Vec::new(),
            idle: false,
        }
    }

    pub fn touch(&mut self, now: i64) {
        // A clock that was set back makes nothing older than it is.
        self.first = self.first.min(now);
        self.last = now;
        self.idle = false;
    }

    /// The correspondent with this key; where there are too many, those who hit nothing make room.
    pub fn sender(&mut self, key: u64) -> &mut Correspondent {
        if self.senders.len() >= SENDERS && !self.senders.contains_key(&key) {
            let most = self.senders.values().map(|sender| sender.counted).max().unwrap_or(0);
            let mut least = 0;
            while self.senders.len() >= SENDERS && least <= most {
                self.senders.retain(|_, sender| sender.counted > least);
                least = least * 2 + 1;
            }
        }
        self.senders.entry(key).or_default()
    }

    /// Distinct recipients reached.
    pub fn reached(&self) -> u64 {
        self.seen.count() + self.apart.count()
    }

    /// What it takes in memory, in recipients.
    pub fn weight(&self) -> usize {
        self.seen.held() + self.apart.held() + self.senders.len() * 8 + self.evidence.len() * 64
    }

    pub fn evidence(&self, list: ListId) -> Option<&Evidence> {
        self.evidence.iter().find(|evidence| evidence.list == list)
    }
}
