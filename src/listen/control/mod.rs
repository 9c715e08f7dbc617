// SPDX-License-Identifier: EUPL-1.2
//! The control socket: `octroi quarantine`, `find`, `outbox`, `audit`, `lists` and `campaigns` use it to ask the running gateway (decision
//! D25).
//!
//! One connection carries one request: a JSON line asks, a JSON line answers, and the bytes of an exported message
//! follow the answer. Files that the gateway is to read or write are opened by the caller, with the caller's rights, and
//! handed over with the request (SCM_RIGHTS, unix(7)). The gateway identifies the caller by the user id of the peer, never by what the peer writes.

mod client;
mod files;
mod server;
mod users;

use serde::{Deserialize, Serialize};

pub use client::{ControlError, ask, ask_with};
pub use server::{bind, serve};
pub use users::system_users;

use crate::desk::{
    AuditLine, AuditQuery, AuditReport, BulkSend, BulkSends, BulkState, Canaries, Counts, DecidedBulkSend, Done,
    ExportList, FoundRows, Held, HeldQuery, ImportList, Imported, Matched, OutboxRow, Refusal, Shown,
};

/// What can be asked. Ids are texts here, and read where the request is answered: a malformed one is refused in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    List(HeldQuery),
    Show {
        id: String,
    },
    Release {
        id: String,
        reason: String,
        #[serde(default)]
        ground: Option<String>,
    },
    Reject {
        id: String,
        reason: String,
        #[serde(default)]
        ground: Option<String>,
    },
    Export {
        id: String,
        #[serde(default)]
        reason: String,
    },
    Find {
        what: String,
    },
    OutboxList,
    OutboxRetry {
        id: Option<String>,
    },
    /// `anchor` is the text of a head sealed outside the store.
    AuditVerify {
        anchor: Option<String>,
    },
    AuditList(AuditQuery),
    ListsShow {
        #[serde(default)]
        name: Option<String>,
    },
    ListsMatch {
        addresses: Vec<String>,
        reason: String,
    },
    /// With the owner's file, open for reading.
    ListsImport(ImportList),
    /// With the owner's file, and the new one, open for reading and writing.
    ListsExport(ExportList),
    ListsCanaries {
        name: String,
        #[serde(default)]
        reason: Option<String>,
    },
    CampaignsList {
        #[serde(default)]
        state: Option<BulkState>,
    },
    CampaignsShow {
        id: String,
    },
    CampaignsAllow {
        id: String,
        reason: String,
        #[serde(default)]
        ground: Option<String>,
    },
    CampaignsStop {
        id: String,
        reason: String,
        #[serde(default)]
        ground: Option<String>,
    },
}

/// What is answered. The bytes of a message follow the line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Held(Vec<Held>),
    /// Instead of a list, for roles that may know how many copies are held but not which.
    Counts(Counts),
    Shown(Box<Shown>),
    /// Every copy of a mail, where its id was asked for.
    AllShown(Vec<Shown>),
    Done(Done),
    /// The same.
    AllDone(Vec<Done>),
    Message {
        bytes: u64,
    },
    Found(FoundRows),
    Outbox(Vec<OutboxRow>),
    Retried {
        rows: u64,
    },
    Audit(AuditReport),
    AuditEntries(Vec<AuditLine>),
    /// Each as the contract has it.
    Lists(Vec<serde_json::Value>),
    Matched(Vec<Matched>),
    Imported(Box<Imported>),
    Canaries(Vec<Canaries>),
    Campaigns(BulkSends),
    Campaign(Box<BulkSend>),
    CampaignDecided(DecidedBulkSend),
    Refused(Refusal),
}
