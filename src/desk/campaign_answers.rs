// SPDX-License-Identifier: EUPL-1.2
//! What is answered about bulk sends: the contract's JSON of `campaigns`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Decision, Proposed};

/// One bulk send.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BulkSend {
    pub campaign: String,
    pub state: BulkState,
    /// Of a flagged one, as far as they are known.
    pub senders: Vec<String>,
    pub first: Timestamp,
    pub last: Timestamp,
    pub transactions: u64,
    pub recipients: u64,
    /// Transactions that were braked, a retry counted once.
    pub deferred: u64,
    pub list: Option<String>,
    pub export: Option<String>,
    /// The part of the list that it is addressed to.
    pub coverage: f32,
    /// The part of its recipients that are on the list.
    pub share: f32,
    pub bits: f32,
    pub canaries: u32,
    pub in_order: f32,
    pub purpose_ok: bool,
    pub purpose: Option<ShownPurpose>,
    /// Decision D21.
    pub political: Option<f32>,
    pub flagged: bool,
    pub flagged_at: Option<FlaggedAt>,
    pub decision: Option<Decision>,
    pub proposal: Option<Proposed>,
    pub reasons: Vec<String>,
}

/// How a bulk send stands to the list's purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShownPurpose {
    pub in_force: bool,
    pub sender: bool,
    /// The part of the text that is in a template.
    pub template: f32,
    pub links: bool,
    pub content: bool,
}

/// The first transaction that was braked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlaggedAt {
    /// Its digest.
    pub tx: String,
    pub at: Timestamp,
    pub recipients_before: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkState {
    /// Nothing brakes it.
    Open,
    Flagged,
    Allowed,
    Stopped,
    /// It was allowed, and the time for that is over.
    Lapsed,
}

impl BulkState {
    pub const ALL: [BulkState; 5] =
        [BulkState::Open, BulkState::Flagged, BulkState::Allowed, BulkState::Stopped, BulkState::Lapsed];

    pub fn as_str(self) -> &'static str {
        match self {
            BulkState::Open => "open",
            BulkState::Flagged => "flagged",
            BulkState::Allowed => "allowed",
            BulkState::Stopped => "stopped",
            BulkState::Lapsed => "lapsed",
        }
    }

    pub fn parse(text: &str) -> Option<BulkState> {
        BulkState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// What is listed: bulk sends, or only their number where the caller may not see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BulkSends {
    Rows(Vec<BulkSend>),
    Counts { open: u64, flagged: u64, allowed: u64, stopped: u64, lapsed: u64 },
}

/// What a decision came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DecidedBulkSend {
    pub campaign: String,
    pub state: BulkState,
    pub note: Option<String>,
}
