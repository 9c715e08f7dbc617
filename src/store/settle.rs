// SPDX-License-Identifier: EUPL-1.2
//! How an attempt of the outbox ended, written down; what failed becomes a report to its sender (decision D16).

use jiff::Timestamp;

use super::audit::Chain;
use super::engine::Row;
use super::tx::{Tx, args, statements};
use super::{DueItem, ItemState, OutboxKind, RecipientOutcome, StoreError, instant, micros};
use crate::access::Entry;
use crate::mail::{CopyId, ItemId, MailId, Verbatim};
use crate::notice::{Cause, FailureReport, ReportedRecipient};

statements! {
    RECIPIENT_TRIED = "UPDATE outbox_recipient SET state = $1, reply = $2 WHERE item = $3 AND n = $4 AND state = 'open'";
    STILL_OPEN = "SELECT verbatim, reply FROM outbox_recipient WHERE item = $1 AND state = 'open' ORDER BY n";
    GIVEN_UP = "UPDATE outbox_recipient SET state = 'failed' WHERE item = $1 AND state = 'open'";
    // Changes nothing: whether the lease is ours, and it stays so until the commit.
    LEASE_HELD = "UPDATE outbox SET lease_until = lease_until \
        WHERE id = $1 AND state = 'ready' AND lease_node = $2 AND lease_until = $3";
    STATE = "SELECT state FROM outbox WHERE id = $1";
    PUT_OFF = "UPDATE outbox SET attempts = attempts + 1, next_attempt = $1, last_reply = $2, lease_node = NULL, \
        lease_until = 0 WHERE id = $3 AND lease_node = $4";
    SENT = "SELECT COUNT(*) FROM outbox_recipient WHERE item = $1 AND state = 'sent'";
    ENDED = "UPDATE outbox SET attempts = attempts + 1, state = $1, last_reply = $2, ended = $3, lease_node = NULL, \
        lease_until = 0 WHERE id = $4 AND lease_node = $5";
    REPORTED = "SELECT origin, private, created FROM outbox WHERE id = $1";
    ITEM_ADDED = "INSERT INTO outbox (id, mail, copy, kind, reverse_path, origin, blob, report, private, state, created, \
        next_attempt, attempts, lease_until, node, epoch) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, 0, $13, $14)";
    RECIPIENT_ADDED = "INSERT INTO outbox_recipient (item, n, verbatim, address, state) VALUES ($1, $2, $3, $4, 'open')";
}

/// One attempt's end, on its way to the writer.
pub(super) struct Settle {
    pub item: DueItem,
    pub outcomes: Vec<RecipientOutcome>,
    pub next_attempt: i64,
    pub over: bool,
    pub now: Timestamp,
    pub chain: Chain,
    pub owner: (String, i64),
}

impl Settle {
    pub async fn write(self, tx: &mut Tx) -> Result<ItemState, StoreError> {
        let lease = args![&self.item.id, &self.owner.0, self.item.lease_until];
        if tx.execute(LEASE_HELD, lease).await? == 0 {
            return self.write_late(tx).await;
        }
        let mut last = None;
        let mut failed: Vec<ReportedRecipient> = Vec::new();
        for outcome in &self.outcomes {
            let (n, state, reply) = match outcome {
                RecipientOutcome::Sent { n, reply } => (*n, "sent", reply),
                RecipientOutcome::PutOff { n, reply } => (*n, "open", reply),
                RecipientOutcome::Failed { n, reply } => (*n, "failed", reply),
            };
            let tried = tx.execute(RECIPIENT_TRIED, args![state, reply, &self.item.id, n]).await?;
            last = Some(reply.clone());
            failed.extend(
                self.recipient(n)
                    .filter(|_| tried == 1 && state == "failed")
                    .map(|verbatim| ReportedRecipient { verbatim, reply: Some(reply.clone()) }),
            );
        }
        self.report(tx, Cause::Undeliverable, failed, "failed").await?;
        let open: Vec<(String, Option<String>)> = tx.fetch_all(STILL_OPEN, args![&self.item.id]).await?;
        if !open.is_empty() && !self.over {
            return self.put_off(tx, last).await;
        }
        tx.execute(GIVEN_UP, args![&self.item.id]).await?;
        let given_up = open.into_iter().map(|(verbatim, reply)| ReportedRecipient { verbatim, reply }).collect();
        self.report(tx, Cause::TimedOut, given_up, "timed out").await?;
        self.end(tx, last).await
    }

    /// The lease ran out meanwhile, so another gateway may have taken or ended the item. What was sent is marked, so that
    /// it is not sent again; everything else is left to that gateway.
    async fn write_late(&self, tx: &mut Tx) -> Result<ItemState, StoreError> {
        for outcome in &self.outcomes {
            if let RecipientOutcome::Sent { n, reply } = outcome {
                tx.execute(RECIPIENT_TRIED, args!["sent", reply, &self.item.id, *n]).await?;
            }
        }
        let state: Option<(String,)> = tx.fetch_optional(STATE, args![&self.item.id]).await?;
        Ok(state.map_or(ItemState::Failed, |(state,)| ItemState::parse(&state)))
    }

    fn recipient(&self, n: i64) -> Option<String> {
        self.item.recipients.iter().find(|(at, _)| *at == n).map(|(_, verbatim)| verbatim.clone())
    }

    async fn put_off(&self, tx: &mut Tx, last: Option<String>) -> Result<ItemState, StoreError> {
        tx.execute(PUT_OFF, args![self.next_attempt, &last, &self.item.id, &self.owner.0]).await?;
        Ok(ItemState::Ready)
    }

    async fn end(&self, tx: &mut Tx, last: Option<String>) -> Result<ItemState, StoreError> {
        let (sent,): (i64,) = tx.fetch_one(SENT, args![&self.item.id]).await?;
        let state = if sent > 0 { ItemState::Sent } else { ItemState::Failed };
        tx.execute(ENDED, args![state.as_str(), &last, micros(self.now), &self.item.id, &self.owner.0]).await?;
        super::expiry::free_unneeded(tx, &self.item.blob, self.now).await?;
        Ok(state)
    }

    /// Queues a failure report to the sender about these recipients, and adds an audit entry.
    async fn report(
        &self,
        tx: &mut Tx,
        cause: Cause,
        failed: Vec<ReportedRecipient>,
        why: &'static str,
    ) -> Result<(), StoreError> {
        if failed.is_empty() {
            return Ok(());
        }
        self.chain.add(tx, self.now, &Entry::given_up(&self.item.id, why)).await?;
        if !self.item.kind.is_mail() {
            return Ok(());
        }
        let row: Row = tx.fetch_one(REPORTED, args![&self.item.id]).await?;
        let report = FailureReport {
            cause,
            mail: self.item.mail.as_ref().map_or(self.item.id.as_str(), MailId::as_str).to_owned(),
            reverse_path: row.get("origin")?,
            received: instant(row.get("created")?),
            private: row.get("private")?,
            recipients: failed,
        };
        let id = ItemId::failure(&self.item.id, cause == Cause::TimedOut, self.item.attempts + 1);
        let (mail, owner) = (self.item.mail.as_ref(), (self.owner.0.as_str(), self.owner.1));
        queue_report(tx, (&id, mail, None), &self.item.blob, report, self.now, owner).await?;
        Ok(())
    }
}

/// Puts a failure report into the outbox; not for the null reverse-path, not where NOTIFY wants none (RFC 3461 §4.1,
/// RFC 5321 §4.5.5). Says whether one is sent.
pub(super) async fn queue_report(
    tx: &mut Tx,
    (id, mail, copy): (&ItemId, Option<&MailId>, Option<&CopyId>),
    blob: &str,
    mut report: FailureReport,
    now: Timestamp,
    owner: (&str, i64),
) -> Result<bool, StoreError> {
    report.recipients.retain(|r| Verbatim::read(&r.verbatim).wants_failure());
    let origin = report.reverse_path.clone();
    let sender = Verbatim::read(&origin);
    if sender.path.is_empty() || report.recipients.is_empty() {
        return Ok(false);
    }
    // RFC 6531 §3.4: an address beyond ASCII needs the extension on the way back too.
    let reverse_path = if sender.path.is_ascii() { "<>" } else { "<> SMTPUTF8" };
    let item = NewItem {
        id,
        mail,
        copy,
        kind: OutboxKind::Failure,
        reverse_path,
        origin: &origin,
        recipients: &[format!("<{}>", sender.path)],
        blob,
        // Invariant: a report is texts and numbers, which become JSON.
        report: Some(serde_json::to_string(&report).expect("a report becomes JSON")),
        private: report.private,
        pending: false,
        created: micros(now),
        next_attempt: micros(now),
        owner,
    };
    item.insert(tx).await?;
    Ok(true)
}

/// A new row of the outbox.
pub(super) struct NewItem<'a> {
    pub id: &'a ItemId,
    /// What it is about; a digest is about no mail, and stands by its own id.
    pub mail: Option<&'a MailId>,
    pub copy: Option<&'a CopyId>,
    pub kind: OutboxKind,
    pub reverse_path: &'a str,
    /// The reverse-path of the mail it comes from, for a report.
    pub origin: &'a str,
    pub recipients: &'a [String],
    pub blob: &'a str,
    pub report: Option<String>,
    pub private: bool,
    pub pending: bool,
    pub created: i64,
    pub next_attempt: i64,
    pub owner: (&'a str, i64),
}

impl NewItem<'_> {
    pub async fn insert(self, tx: &mut Tx) -> Result<(), StoreError> {
        let state = match self.kind {
            _ if self.pending => ItemState::Pending,
            OutboxKind::Debt => ItemState::Owed,
            _ => ItemState::Ready,
        };
        let values = args![
            self.id,
            self.mail.map_or(self.id.as_str(), MailId::as_str),
            self.copy,
            self.kind.as_str(),
            self.reverse_path,
            self.origin,
            self.blob,
            &self.report,
            self.private,
            state.as_str(),
            self.created,
            self.next_attempt,
            self.owner.0,
            self.owner.1,
        ];
        tx.execute(ITEM_ADDED, values).await?;
        for (n, verbatim) in (1i64..).zip(self.recipients) {
            tx.execute(RECIPIENT_ADDED, args![self.id, n, verbatim, &Verbatim::read(verbatim).key()]).await?;
        }
        Ok(())
    }
}
