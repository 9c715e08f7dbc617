// SPDX-License-Identifier: EUPL-1.2
//! The reasons why the desk refuses a request.

use serde::{Deserialize, Serialize};

use crate::access::Denied;
use crate::mail::IdError;
use crate::store::StoreError;

/// Why an answer is not given. The texts are for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    #[error("there is no held copy and no outbox item with the id {0}")]
    NotFound(String),
    #[error("no bulk send is known by the id {0}; `octroi campaigns list` shows those that are")]
    UnknownCampaign(String),
    #[error("{0}")]
    NotAllowed(String),
    /// The state does not allow it: already released, expired.
    #[error("{0}")]
    NotNow(String),
    /// The store, or something behind it, fails.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    BadRequest(String),
    /// A file that was handed over is not what it should be.
    #[error("{0}")]
    Unreadable(String),
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Refusal {
        match denied {
            Denied::OutOfScope { id } => Refusal::NotFound(id),
            Denied::Ground(_) => Refusal::BadRequest(denied.to_string()),
            _ => Refusal::NotAllowed(denied.to_string()),
        }
    }
}

impl From<IdError> for Refusal {
    fn from(error: IdError) -> Refusal {
        Refusal::BadRequest(error.to_string())
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Refusal {
        match error {
            StoreError::Unknown { id } => Refusal::NotFound(id),
            StoreError::Private { .. } => Refusal::NotAllowed(error.to_string()),
            StoreError::WrongState { .. } | StoreError::Gone { .. } | StoreError::Superseded { .. } => {
                Refusal::NotNow(error.to_string())
            }
            error => Refusal::Unavailable(error.to_string()),
        }
    }
}
