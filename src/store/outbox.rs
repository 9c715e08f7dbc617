// SPDX-License-Identifier: EUPL-1.2
//! The items of the outbox: what is still to be sent, with its attempts. Sending it is the work of `deliver`.

use bytes::Bytes;
use jiff::Timestamp;

use super::engine::Row;
use super::tx::FromRow;
use super::{StoreError, instant};
use crate::mail::{CopyId, ItemId, MailId};
use crate::notice::FailureReport;

/// What an item is for; decides what follows when it cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxKind {
    /// A failure report of ours (RFC 3464), from the null reverse-path.
    Failure,
    /// A notice to a sender or an officer.
    Notice,
    /// The facts of a notice that is still owed to a sender: never sent, but turned into a notice.
    Debt,
    /// A held copy, released.
    Release,
    /// A copy without the parts held back.
    Stripped,
    /// Recipients an LMTP next hop put off while it took the others (decision D2).
    Remainder,
    /// A word this version does not know, left by a newer one: it stays where it is, and nobody sends or forgets it.
    Unknown,
}

impl OutboxKind {
    pub fn as_str(self) -> &'static str {
        match self {
            OutboxKind::Failure => "failure",
            OutboxKind::Notice => "notice",
            OutboxKind::Debt => "debt",
            OutboxKind::Release => "release",
            OutboxKind::Stripped => "stripped",
            OutboxKind::Remainder => "remainder",
            OutboxKind::Unknown => "unknown",
        }
    }

    /// Those that this version sends.
    const KNOWN: [OutboxKind; 6] = [
        OutboxKind::Failure,
        OutboxKind::Notice,
        OutboxKind::Debt,
        OutboxKind::Release,
        OutboxKind::Stripped,
        OutboxKind::Remainder,
    ];

    fn parse(text: &str) -> OutboxKind {
        OutboxKind::KNOWN.into_iter().find(|kind| kind.as_str() == text).unwrap_or(OutboxKind::Unknown)
    }

    /// Whether it is a user's mail, whose failure must be reported to its sender (decision D16).
    pub(super) fn is_mail(self) -> bool {
        matches!(self, OutboxKind::Release | OutboxKind::Stripped | OutboxKind::Remainder | OutboxKind::Unknown)
    }
}

/// The state of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemState {
    /// Written before the next hop had answered.
    Pending,
    /// A debt: it becomes a notice at the end of the sender's hour (decision D16).
    Owed,
    Ready,
    Sent,
    Failed,
    /// A word this version does not know: not over, for all we know.
    Unknown,
}

impl ItemState {
    pub fn as_str(self) -> &'static str {
        match self {
            ItemState::Pending => "pending",
            ItemState::Owed => "owed",
            ItemState::Ready => "ready",
            ItemState::Sent => "sent",
            ItemState::Failed => "failed",
            ItemState::Unknown => "unknown",
        }
    }

    pub(super) fn parse(text: &str) -> ItemState {
        [ItemState::Pending, ItemState::Owed, ItemState::Ready, ItemState::Sent, ItemState::Failed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .unwrap_or(ItemState::Unknown)
    }
}

/// One line of `octroi outbox list`.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    pub id: ItemId,
    /// Decision D20.
    pub private: bool,
    /// What it is about; a digest is about no mail.
    pub mail: Option<MailId>,
    pub kind: OutboxKind,
    pub reverse_path: String,
    /// Those not yet sent or failed.
    pub recipients: Vec<String>,
    pub state: ItemState,
    pub created: Timestamp,
    pub next_attempt: Timestamp,
    pub attempts: u32,
    pub last_reply: Option<String>,
}

/// An item taken up for one attempt.
#[derive(Debug, Clone)]
pub struct DueItem {
    pub id: ItemId,
    /// What it is about; a digest is about no mail.
    pub mail: Option<MailId>,
    /// The held copy it releases.
    pub copy: Option<CopyId>,
    pub kind: OutboxKind,
    /// All that follows `MAIL FROM:`.
    pub reverse_path: String,
    /// Place and all that follows `RCPT TO:`, for each recipient still open.
    pub recipients: Vec<(i64, String)>,
    pub created: Timestamp,
    /// Attempts before this one.
    pub attempts: u32,
    pub(super) blob: String,
    pub(super) report: Option<String>,
    /// When the lease runs out; with the node it says whose the item is.
    pub(super) lease_until: i64,
}

/// What is to be sent.
pub enum Work {
    /// These bytes; a release gets its Received line in front (decision D10).
    Content(Bytes),
    /// A failure report, to be composed of the original's header.
    FailureReport { report: FailureReport, original: Bytes },
}

/// How one attempt ended for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientOutcome {
    Sent {
        n: i64,
        reply: String,
    },
    /// To be tried again.
    PutOff {
        n: i64,
        reply: String,
    },
    Failed {
        n: i64,
        reply: String,
    },
}

/// The recipients stand in a table of their own.
impl FromRow for DueItem {
    fn from_row(row: Row) -> Result<DueItem, StoreError> {
        Ok(DueItem {
            id: row.get("id")?,
            mail: mail(&row)?,
            copy: row.get("copy")?,
            kind: OutboxKind::parse(&row.get::<String>("kind")?),
            reverse_path: row.get("reverse_path")?,
            recipients: Vec::new(),
            created: instant(row.get("created")?),
            attempts: count(row.get("attempts")?),
            blob: row.get("blob")?,
            report: row.get("report")?,
            lease_until: row.get("lease_until")?,
        })
    }
}

/// The recipients stand in a table of their own.
impl FromRow for OutboxRow {
    fn from_row(row: Row) -> Result<OutboxRow, StoreError> {
        Ok(OutboxRow {
            id: row.get("id")?,
            private: row.get("private")?,
            mail: mail(&row)?,
            kind: OutboxKind::parse(&row.get::<String>("kind")?),
            reverse_path: row.get("reverse_path")?,
            recipients: Vec::new(),
            state: ItemState::parse(&row.get::<String>("state")?),
            created: instant(row.get("created")?),
            next_attempt: instant(row.get("next_attempt")?),
            attempts: count(row.get("attempts")?),
            last_reply: row.get("last_reply")?,
        })
    }
}

fn mail(row: &Row) -> Result<Option<MailId>, StoreError> {
    // A digest stands there by its own id.
    Ok(MailId::parse(&row.get::<String>("mail")?).ok())
}

fn count(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
