// SPDX-License-Identifier: EUPL-1.2
//! What a campaign is known by, and what makes transactions one.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::lists::hashed::mix;

/// A campaign, flagged or not: of its scope and its first instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CampaignId(pub u64);

impl CampaignId {
    pub(super) fn new(scope: u64, first: i64) -> CampaignId {
        CampaignId(mix(scope ^ mix(first as u64)))
    }
}

impl CampaignId {
    /// Reads what `Display` wrote.
    pub fn parse(text: &str) -> Option<CampaignId> {
        let sound = text.len() == 16 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        sound.then(|| u64::from_str_radix(text, 16).ok().map(CampaignId)).flatten()
    }
}

impl fmt::Display for CampaignId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// What transactions have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    Text,
    Sender,
    Host,
    Attachment,
}

impl Kind {
    /// The scope's key: of its text's cluster, its sender, its host's or its attachment's hash.
    pub(super) fn key(self, of: u64) -> u64 {
        mix(of ^ mix(self as u64 + 1))
    }
}
