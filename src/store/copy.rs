// SPDX-License-Identifier: EUPL-1.2
//! The state of a held copy, and whether an action changed it.

use serde::{Deserialize, Serialize};

/// The state of a held copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyState {
    /// Written before the next hop had answered; nobody sees it yet.
    Pending,
    Held,
    Released,
    Rejected,
    Expired,
}

impl CopyState {
    pub const ALL: [CopyState; 5] =
        [CopyState::Pending, CopyState::Held, CopyState::Released, CopyState::Rejected, CopyState::Expired];

    pub fn as_str(self) -> &'static str {
        match self {
            CopyState::Pending => "pending",
            CopyState::Held => "held",
            CopyState::Released => "released",
            CopyState::Rejected => "rejected",
            CopyState::Expired => "expired",
        }
    }

    /// Reads the word; `None` where it is none.
    pub fn parse(text: &str) -> Option<CopyState> {
        CopyState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

/// Whether an action changed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Done,
    /// It had been done before.
    Already,
    /// The first of two persons said so: a second one confirms (decision D43).
    Proposed,
}
