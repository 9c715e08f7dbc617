// SPDX-License-Identifier: EUPL-1.2
//! The entry of one mail in the journal, and the rows of a search over it.

use std::net::IpAddr;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::{CopyState, StoreError};
use crate::directory::Class;
use crate::mail::{CopyId, MailId};
use crate::policy::verdict::Disposition;

/// What became of one mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub mail: MailId,
    pub time: Timestamp,
    pub client: Option<IpAddr>,
    pub queue_id: Option<String>,
    pub message_id: Option<String>,
    /// Empty for the null reverse-path.
    pub reverse_path: String,
    /// All of the envelope, in its order.
    pub recipients: Vec<String>,
    /// Nothing of it is kept that says who wrote to whom (decision D20).
    pub private: bool,
    pub size: u64,
    /// The reply to the client.
    pub reply: String,
    pub maybe_duplicate: bool,
    /// How the client's side and the next hop's were protected, as `mail::Tls` writes it; `None` in clear.
    pub client_tls: Option<String>,
    pub next_hop_tls: Option<String>,
    /// Absent where the mail was put off before anybody judged it.
    pub judged: Option<EntryFacts>,
    /// Those recipients that have a row; not those of an earlier attempt (decision D11).
    pub copies: Vec<EntryCopy>,
}

/// The facts judged, never content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryFacts {
    /// The sender, also where the reverse-path names another; `None` is no known sender.
    pub sender: Option<String>,
    pub unit: String,
    /// What it was judged by, as JSON.
    pub sources: Arc<str>,
    /// The facts of the mail, as `policy` writes them.
    pub bytes: Vec<u8>,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryCopy {
    /// Its place in the envelope's recipients.
    pub recipient: usize,
    pub class: Option<Class>,
    /// What happened, which the next hop may have made another than the verdict.
    pub disposition: Disposition,
    /// What was judged.
    pub verdict: Option<Disposition>,
    /// What rules in observe mode would have said.
    pub observed: Option<Disposition>,
    pub rules: Vec<String>,
    /// It is held, under the mail's id with the number of the recipient.
    pub held: bool,
    /// The reply about this copy, where it differs from the reply to the client.
    pub reply: Option<String>,
    /// The facts of the copy, as `policy` writes them.
    pub facts: Vec<u8>,
    /// Why it was put off, in a word.
    pub cause: Option<String>,
    /// Recognises a put-off copy when it comes again: [`retry_digest`](super::retry_digest) of the content.
    pub put_off: Option<[u8; 32]>,
    /// The held copy that an earlier attempt led to (decision D11). Of it no row is added: where that attempt was put off,
    /// since it was held too late for the reply, its row changes.
    pub kept_as: Option<CopyId>,
}

/// What is known about what was looked for, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FindRows {
    pub rows: Vec<FindRow>,
    /// Rows that cannot be read and are left out.
    pub damaged: u64,
    /// There are older ones, which one answer does not hold.
    pub more: bool,
}

/// What became of one recipient of one mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindRow {
    pub mail: MailId,
    pub time: Timestamp,
    pub queue_id: Option<String>,
    pub message_id: Option<String>,
    /// Empty for the null reverse-path; absent for private mail (decision D20).
    pub sender: Option<String>,
    /// Absent for private mail, and where none was named yet.
    pub recipient: Option<String>,
    /// The sender's unit, where the journal knows it.
    pub unit: Option<String>,
    pub disposition: String,
    pub observed: Option<String>,
    pub rules: Vec<String>,
    pub copy: Option<CopyId>,
    /// The current state of the held copy.
    pub state: Option<CopyState>,
    /// The outbox item for this recipient, in words: `ready`, `sent`, `failed`, with its last reply.
    pub outbox: Option<String>,
    /// The next hop's reply when the mail came by.
    pub reply: Option<String>,
    /// Why it was put off, how often, and when last.
    pub cause: Option<String>,
    pub times: u64,
    pub last: Option<Timestamp>,
    pub maybe_duplicate: bool,
    /// How both sides of us were protected; `None` in clear, or where the journal does not know.
    pub client_tls: Option<String>,
    pub next_hop_tls: Option<String>,
}

/// The number of a disposition in the journal: its place in the contract's order, which never changes.
pub(super) fn number_of(disposition: Disposition) -> i64 {
    disposition as i64
}

/// The disposition of a number; never invented where the number is none.
pub(super) fn disposition_of(number: i64) -> Result<Disposition, StoreError> {
    let known = Disposition::ALL.into_iter().find(|disposition| number_of(*disposition) == number);
    known.ok_or_else(|| StoreError::row("what became of a copy in the journal"))
}
