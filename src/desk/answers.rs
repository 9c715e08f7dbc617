// SPDX-License-Identifier: EUPL-1.2
//! What the desk answers: one type for every driver, with the contract's names as JSON.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::mail::{CopyId, ItemId, MailId, MailOrCopy};
use crate::store::CopyState;

/// Which copies to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldQuery {
    /// `None`: every state.
    pub state: Option<CopyState>,
    pub limit: usize,
    #[serde(default)]
    pub sender: Option<String>,
    #[serde(default)]
    pub recipient: Option<String>,
    #[serde(default)]
    pub rule: Option<String>,
    /// A unit and those below it.
    #[serde(default)]
    pub unit: Option<String>,
    #[serde(default)]
    pub since: Option<Timestamp>,
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// A list; only counts for accounts that may know how many copies are held, but not which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    Copies(Vec<Held>),
    Counts(Counts),
}

/// The outbox; only counts for accounts that may know how many items wait, but not which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Queued {
    Items(Vec<OutboxRow>),
    Counts(Counts),
}

/// One held copy; the names are the contract's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub id: CopyId,
    /// Absent for private mail (decision D20).
    pub recipient: Option<String>,
    /// Empty for the null reverse-path; absent for private mail.
    pub sender: Option<String>,
    pub held_at: Timestamp,
    pub rules: Vec<String>,
    pub state: CopyState,
    /// The sender's unit; absent where it is not known, and for private mail.
    #[serde(default)]
    pub unit: Option<String>,
    /// How many persons it takes to decide.
    #[serde(default)]
    pub eyes: u8,
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
    pub mail: MailId,
    /// Bytes of the message; absent for private mail.
    pub size: Option<u64>,
    /// Private mail is held unreadable: neither subject nor excerpts are given (decision D20).
    pub private: bool,
    pub subject: Option<String>,
    pub expires_at: Option<Timestamp>,
    pub reasons: Vec<ShownReason>,
    pub findings: Vec<ShownFinding>,
    #[serde(default)]
    pub decision: Option<Decision>,
    #[serde(default)]
    pub proposal: Option<Proposed>,
}

/// What the first of two persons said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposed {
    pub action: String,
    pub actor: String,
    pub at: Timestamp,
    pub ground: String,
    /// The person's own words.
    pub note: String,
}

/// Who decided, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub action: String,
    pub actor: String,
    pub at: Timestamp,
    pub ground: Option<String>,
    /// The person's own words.
    pub note: Option<String>,
    /// Who confirmed, where two decided.
    #[serde(default)]
    pub second: Option<String>,
}

/// Which entries of the audit to list, newest first. What is `None` does not restrict.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditQuery {
    #[serde(default)]
    pub since: Option<Timestamp>,
    #[serde(default)]
    pub until: Option<Timestamp>,
    #[serde(default)]
    pub actor: Option<String>,
    /// An id, where a mail's means its copies too; or an address, for the searches by it.
    #[serde(default)]
    pub object: Option<String>,
    #[serde(default)]
    pub action: Option<String>,
    /// The last entry of the page before.
    #[serde(default)]
    pub after: Option<(Timestamp, String, i64)>,
}

/// One entry of the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    pub node: String,
    pub seq: i64,
    pub at: Timestamp,
    pub actor: String,
    /// By which role; absent where the gateway itself acted.
    #[serde(default)]
    pub role: Option<String>,
    pub action: String,
    pub object: String,
    /// What was proposed, where this is about a proposal.
    #[serde(default)]
    pub about: Option<String>,
    pub ground: Option<String>,
    /// The person's own words.
    pub note: Option<String>,
    /// Who confirmed, where two decided.
    #[serde(default)]
    pub second: Option<String>,
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
    pub id: CopyId,
    pub state: CopyState,
    /// What else is to be known: "a second approval is needed", "was released before".
    pub note: Option<String>,
}

/// What is known about what was looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundRows {
    pub rows: Vec<Found>,
    /// Rows that the gateway cannot read any more and that are left out.
    #[serde(default)]
    pub damaged: u64,
    /// There are older ones, which one answer does not hold.
    #[serde(default)]
    pub more: bool,
}

/// What became of one recipient's copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The held copy's, where one was held; else the mail's.
    pub id: MailOrCopy,
    /// The queue id of the MTA before us.
    pub queue_id: Option<String>,
    pub message_id: Option<String>,
    pub received: Timestamp,
    /// Empty for the null reverse-path; absent for private mail (decision D20) and for roles that may not see addresses.
    pub sender: Option<String>,
    /// Absent for roles that may not see addresses: they get only numbers (decision D25).
    pub recipient: Option<String>,
    pub disposition: String,
    /// What rules that only observe would have done.
    pub observed: Option<String>,
    pub rules: Vec<String>,
    /// The next hop's reply, verbatim.
    pub reply: Option<String>,
    /// The state of the held copy, where one was held.
    pub state: Option<CopyState>,
    /// Why it was put off, in a word; how often, and when last.
    #[serde(default)]
    pub cause: Option<String>,
    #[serde(default = "once")]
    pub times: u64,
    #[serde(default)]
    pub last: Option<Timestamp>,
    /// Who decided about it, when and why, as long as the audit knows it (decision D40).
    #[serde(default)]
    pub decision: Option<Decision>,
    /// How both sides of the gateway were protected: version, suite, and whether the certificate was verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_tls: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_hop_tls: Option<String>,
}

fn once() -> u64 {
    1
}

impl Found {
    /// What became of it, without who wrote to whom: the hop's reply may name them too.
    pub(super) fn sealed(self) -> Found {
        let code = |reply: String| reply.split_whitespace().next().unwrap_or_default().to_owned();
        // The reason is in a person's own words, and may name who wrote to whom.
        let decision = self.decision.map(|decision| Decision { note: None, ..decision });
        Found { sender: None, recipient: None, message_id: None, reply: self.reply.map(code), decision, ..self }
    }
}

/// One mail of our own waiting to leave: a release, a DSN, a notice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxRow {
    pub id: ItemId,
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
    pub broken_at: Option<i64>,
    /// Up to which entry an anchor outside the store proves that nothing was changed or removed.
    #[serde(default)]
    pub proven_to: Option<i64>,
    /// Whether an anchor outside the store proved that no entries are missing at the end.
    pub tail_proven: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sees_no_copies_hears_the_code_of_a_reply_and_nobodys_name() {
        let found = Found {
            id: MailOrCopy::parse("M1").unwrap(),
            queue_id: Some("4QZ".into()),
            message_id: Some("m@town.example".into()),
            received: Timestamp::UNIX_EPOCH,
            sender: Some("clerk@town.example".into()),
            recipient: Some("b@gmail.com".into()),
            disposition: "pass".into(),
            observed: Some("quarantine".into()),
            rules: Vec::new(),
            reply: Some("250 2.0.0 queued for <b@gmail.com>".into()),
            state: None,
            cause: None,
            times: 1,
            last: None,
            decision: None,
            client_tls: None,
            next_hop_tls: None,
        };
        let sealed = found.clone().sealed();
        assert_eq!((sealed.sender, sealed.recipient, sealed.message_id), (None, None, None));
        assert_eq!((sealed.reply.as_deref(), sealed.queue_id.as_deref()), (Some("250"), Some("4QZ")));
        assert_eq!((sealed.observed, sealed.id), (found.observed, found.id));
    }
}
