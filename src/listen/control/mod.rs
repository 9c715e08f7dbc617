// SPDX-License-Identifier: EUPL-1.2
//! The control socket: how `octroi quarantine`, `find`, `outbox` and `audit` ask the running gateway (decision D25).
//!
//! One connection is one request: a JSON line asks, a JSON line answers; the bytes of an exported message follow
//! their answer. Who asks is known by the peer's user id, never by what it says.

mod accounts;
mod client;
mod server;

use std::future::Future;

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use accounts::{Account, Accounts, Caller, Directory, Role, User, system_users};
pub use client::{ControlError, ask};
pub use server::{bind, serve};

/// What can be asked.
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
    },
    Reject {
        id: String,
        reason: String,
    },
    Export {
        id: String,
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
}

/// Which copies to list, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldQuery {
    /// `None`: every state.
    pub state: Option<CopyState>,
    pub limit: usize,
}

/// The state of a held copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CopyState {
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
}

/// What is answered. The bytes of a message follow the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    Held(Vec<Held>),
    /// In place of a list, for those who may know how much is held but not what.
    Counts(Counts),
    Shown(Box<Shown>),
    Done(Done),
    Message {
        bytes: u64,
    },
    Found(Vec<Found>),
    Outbox(Vec<OutboxRow>),
    Retried {
        rows: u64,
    },
    Audit(AuditReport),
    Refused(Refusal),
}

/// One held copy; the names are the contract's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub id: String,
    pub recipient: String,
    /// Empty for the null reverse-path.
    pub sender: String,
    pub held_at: Timestamp,
    pub rules: Vec<String>,
    pub state: CopyState,
}

/// How many copies are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    pub pending: u64,
    pub held: u64,
    pub released: u64,
    pub rejected: u64,
    pub expired: u64,
    pub outbox: u64,
}

/// One held copy with its grounds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    #[serde(flatten)]
    pub held: Held,
    /// The mail's id in log and journal.
    pub mail: String,
    /// Bytes of the message.
    pub size: u64,
    /// Private mail is held unreadable: neither subject nor excerpts are given (decision D20).
    pub private: bool,
    pub subject: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub reasons: Vec<ShownReason>,
    pub findings: Vec<ShownFinding>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownReason {
    pub rule: String,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownFinding {
    pub kind: String,
    pub value: String,
    #[serde(rename = "where")]
    pub place: String,
    pub excerpt: Option<String>,
}

/// What a decision led to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    pub id: String,
    pub state: CopyState,
    /// What else is to be known: "a second approval is needed", "was released before".
    pub note: Option<String>,
}

/// What became of one recipient's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    pub id: String,
    /// The queue id of the MTA before us.
    pub queue_id: Option<String>,
    pub message_id: Option<String>,
    pub received: Timestamp,
    /// Empty for the null reverse-path; absent for private mail (decision D20), and for who may not see addresses.
    pub sender: Option<String>,
    /// Absent for who may not see addresses: to them an answer is counts (decision D25).
    pub recipient: Option<String>,
    pub disposition: String,
    /// What rules that only observe would have done.
    pub observed: Option<String>,
    pub rules: Vec<String>,
    /// The next hop's reply, verbatim.
    pub reply: Option<String>,
    /// The state of the held copy, where one was held.
    pub state: Option<CopyState>,
    /// How both sides of the gateway were protected: version, suite, and whether the certificate was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop_tls: Option<String>,
}

impl Found {
    /// What became of it, without who wrote to whom: the hop's reply may name them too.
    fn sealed(self) -> Found {
        let code = |reply: String| reply.split_whitespace().next().unwrap_or_default().to_owned();
        Found { sender: None, recipient: None, message_id: None, reply: self.reply.map(code), ..self }
    }
}

/// One mail of our own waiting to leave: a release, a DSN, a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    pub id: String,
    pub kind: String,
    pub sender: String,
    pub recipient: String,
    pub since: Timestamp,
    pub attempts: u32,
    pub next_attempt: Option<Timestamp>,
    pub last_reply: Option<String>,
}

/// The state of the audit chain (decision D27).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditReport {
    pub entries: u64,
    pub sound: bool,
    /// The first entry that does not fit its predecessor.
    pub broken_at: Option<u64>,
    /// Whether an anchor outside the store proved that no entries are missing at the end.
    pub tail_proven: bool,
}

/// Why an answer is not given. The texts are for the person who asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    #[error("there is no held copy and no outbox item with the id {0}")]
    NotFound(String),
    #[error("{0}")]
    NotAllowed(String),
    /// The thing is not in a state for this: already released, expired.
    #[error("{0}")]
    NotNow(String),
    /// The store or something behind it is away.
    #[error("{0}")]
    Unavailable(String),
    #[error("{0}")]
    BadRequest(String),
}

type Answered<T> = Result<T, Refusal>;

/// What stands behind the socket. Whoever implements it may trust that the caller's role allows the deed;
/// scope, four eyes, private mail and the audit entry are its own duty.
pub trait Desk: Send + Sync + 'static {
    fn counts(&self) -> impl Future<Output = Answered<Counts>> + Send;
    fn list(&self, caller: &Caller, query: &HeldQuery) -> impl Future<Output = Answered<Vec<Held>>> + Send;
    fn show(&self, caller: &Caller, id: &str) -> impl Future<Output = Answered<Shown>> + Send;
    fn release(&self, caller: &Caller, id: &str, reason: &str) -> impl Future<Output = Answered<Done>> + Send;
    fn reject(&self, caller: &Caller, id: &str, reason: &str) -> impl Future<Output = Answered<Done>> + Send;
    /// The message exactly as it was held.
    fn export(&self, caller: &Caller, id: &str) -> impl Future<Output = Answered<Bytes>> + Send;
    /// By Message-ID, the queue id before us, our id, or an address.
    fn find(&self, caller: &Caller, what: &str) -> impl Future<Output = Answered<Vec<Found>>> + Send;
    fn outbox_list(&self, caller: &Caller) -> impl Future<Output = Answered<Vec<OutboxRow>>> + Send;
    /// Tries one row, or all, now; gives how many rows that were.
    fn outbox_retry(&self, caller: &Caller, id: Option<&str>) -> impl Future<Output = Answered<u64>> + Send;
    /// `anchor` is the text of a head sealed outside the store.
    fn audit_verify(&self, caller: &Caller, anchor: Option<&str>)
    -> impl Future<Output = Answered<AuditReport>> + Send;
}
