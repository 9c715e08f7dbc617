// SPDX-License-Identifier: EUPL-1.2
//! Later notices to senders about their held copies: that one will expire, was released, was rejected, or has expired. The
//! notice and the mark that it was sent are one commit, so that after a crash it goes out once.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::engine::Row;
use super::expiry::free_unneeded;
use super::rows::insert_blob;
use super::settle::{NewItem, queue_report};
use super::told::take_turn;
use super::tx::{FromRow, Tx, args, statements};
use super::{CopyState, OutboxContent, OutboxItem, Store, StoreError, earlier, instant, micros};
use crate::mail::{CopyId, ItemId, MailId, Verbatim, address_key};
use crate::notice::{Cause, FailureReport, ReportedRecipient};

/// Decision D16: of what time does, a sender hears at most once an hour; what comes meanwhile waits for the next. What a
/// person decides is never limited.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Copies looked at in one round.
const AT_ONCE: i64 = 1000;

statements! {
    UNTOLD = "SELECT held.id, held.mail, held.recipient, held.verbatim, held.untold, mail.tell, mail.language, \
        mail.private, mail.received, mail.reverse_path, mail.message_id FROM held JOIN mail ON mail.id = held.mail \
        WHERE held.untold IS NOT NULL AND mail.tell IS NOT NULL AND (held.untold IN ('released', 'rejected') \
        OR NOT EXISTS (SELECT 1 FROM told WHERE told.tell = mail.tell AND told.event = held.untold AND told.at > $1)) \
        ORDER BY mail.received, held.id LIMIT $2";
    MARKED_TOLD = "UPDATE held SET untold = NULL WHERE id = $1 AND untold = $2";
}

/// What became, or will soon become, of a held copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FollowupEvent {
    Expiring,
    Released,
    Rejected,
    Expired,
}

impl FollowupEvent {
    pub const ALL: [FollowupEvent; 4] =
        [FollowupEvent::Expiring, FollowupEvent::Released, FollowupEvent::Rejected, FollowupEvent::Expired];

    /// The word in the store, which is the name of the text in `policies/notices`.
    pub fn as_str(self) -> &'static str {
        match self {
            FollowupEvent::Expiring => "expiring",
            FollowupEvent::Released => "released",
            FollowupEvent::Rejected => "rejected",
            FollowupEvent::Expired => "expired",
        }
    }

    fn parse(text: &str) -> Option<FollowupEvent> {
        FollowupEvent::ALL.into_iter().find(|event| event.as_str() == text)
    }

    /// What a failure report says of it; nothing where the copy may still arrive.
    pub fn cause(self) -> Option<Cause> {
        match self {
            FollowupEvent::Rejected => Some(Cause::Rejected),
            FollowupEvent::Expired => Some(Cause::Expired),
            FollowupEvent::Expiring | FollowupEvent::Released => None,
        }
    }

    /// Whether a person did it.
    pub fn is_decision(self) -> bool {
        matches!(self, FollowupEvent::Released | FollowupEvent::Rejected)
    }

    /// What there is to tell of a copy that has come to this state.
    pub(super) fn of(state: CopyState) -> Option<FollowupEvent> {
        match state {
            CopyState::Pending | CopyState::Held => None,
            CopyState::Released => Some(FollowupEvent::Released),
            CopyState::Rejected => Some(FollowupEvent::Rejected),
            CopyState::Expired => Some(FollowupEvent::Expired),
        }
    }
}

/// Whether the notice to `tell` carries the failure report, since both are to one person. Who sends by login for another
/// hears by notice, and that other by the report.
pub(super) fn carries_report(tell: &str, reverse_path: &str) -> bool {
    address_key(tell) == Verbatim::read(reverse_path).key()
}

/// One copy about which its sender is owed a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingFollowup {
    pub copy: CopyId,
    pub mail: MailId,
    pub event: FollowupEvent,
    /// The address of the sender.
    pub to: String,
    /// The language the sender wrote in, where it is known; never of private mail.
    pub language: Option<String>,
    pub private: bool,
    pub received: Timestamp,
    pub recipient: String,
    /// All that followed `MAIL FROM:` and `RCPT TO:`, for a failure report.
    pub reverse_path: String,
    pub verbatim: String,
    /// Without angle brackets.
    pub message_id: Option<String>,
}

impl PendingFollowup {
    /// The failure reports that the notice of these copies carries, one for each mail. The sender's NOTIFY is obeyed (RFC
    /// 3461 §4.1).
    pub fn reports(copies: &[PendingFollowup]) -> Vec<FailureReport> {
        let mut reports: Vec<FailureReport> = Vec::new();
        for copy in copies {
            let Some(cause) = copy.event.cause().filter(|_| carries_report(&copy.to, &copy.reverse_path)) else {
                continue;
            };
            if !Verbatim::read(&copy.verbatim).wants_failure() {
                continue;
            }
            let recipient = ReportedRecipient { verbatim: copy.verbatim.clone(), reply: None };
            match reports.iter_mut().find(|report| copy.mail == *report.mail.as_str()) {
                Some(report) => report.recipients.push(recipient),
                None => reports.push(FailureReport {
                    cause,
                    mail: copy.mail.to_string(),
                    reverse_path: copy.reverse_path.clone(),
                    received: copy.received,
                    private: copy.private,
                    recipients: vec![recipient],
                }),
            }
        }
        reports
    }
}

impl Store {
    /// The copies whose notices are due, oldest mail first.
    pub async fn pending_followups(&self, now: Timestamp) -> Result<Vec<PendingFollowup>, StoreError> {
        self.reader().fetch_readable(UNTOLD, args![earlier(now, HOUR), AT_ONCE]).await
    }

    /// Queues one notice for these copies and marks them as told. If one of them has meanwhile another state, or another
    /// gateway has sent a notice within the hour, nothing is changed: the next round does it.
    pub async fn keep_followup(
        &self,
        copies: &[PendingFollowup],
        notice: OutboxItem,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (Some(first), OutboxContent::Own(content)) = (copies.first().cloned(), notice.content) else {
            return Ok(false);
        };
        let sealed = self.inner.blobs.put_small(content).await?;
        let stored = sealed.stored;
        let ids: Vec<CopyId> = copies.iter().map(|copy| copy.copy.clone()).collect();
        let owner = self.own_epoch();
        let (to, reverse_path) = (notice.recipients, notice.reverse_path);
        let written = self.write_after_blobs(move |mut tx| async move {
            let mut marked = 0;
            for id in &ids {
                marked += forget(&mut tx, id, first.event).await?;
            }
            let expected = ids.len() as u64;
            if marked != expected {
                return Err(StoreError::Confirm { changed: marked, expected });
            }
            insert_blob(&mut tx, &sealed, micros(now)).await?;
            let item = NewItem {
                id: &ItemId::followup(&first.copy, first.event.as_str()),
                mail: Some(&first.mail),
                copy: None,
                kind: super::OutboxKind::Notice,
                reverse_path: &reverse_path,
                origin: "<>",
                recipients: &to,
                blob: &sealed.name,
                report: None,
                private: first.private,
                pending: false,
                created: micros(now),
                next_attempt: micros(now),
                owner: (&owner.0, owner.1),
            };
            item.insert(&mut tx).await?;
            if !first.event.is_decision() {
                take_turn(&mut tx, &first.to, first.event.as_str(), micros(now), earlier(now, HOUR)).await?;
            }
            Ok(())
        });
        self.took_turn(written.await.map(|()| true), stored)
    }

    /// Marks copies as told for which there is no notice after all. What such a notice would have carried becomes a failure
    /// report of its own: nothing that was accepted vanishes (decision D16).
    pub async fn drop_followups(&self, copies: &[PendingFollowup], now: Timestamp) -> Result<(), StoreError> {
        let (copies, owner) = (copies.to_vec(), self.own_epoch());
        // The content is erased by now, so that nothing of it is returned.
        let nothing = self.inner.blobs.put_small(Bytes::new()).await?;
        self.write_after_blobs(move |mut tx| async move {
            insert_blob(&mut tx, &nothing, micros(now)).await?;
            for copy in &copies {
                let told = forget(&mut tx, &copy.copy, copy.event).await?;
                for report in PendingFollowup::reports(std::slice::from_ref(copy)).into_iter().filter(|_| told == 1) {
                    let id = ItemId::report(&copy.copy, copy.event.as_str());
                    let of = (&id, Some(&copy.mail), Some(&copy.copy));
                    queue_report(&mut tx, of, &nothing.name, report, now, (&owner.0, owner.1)).await?;
                }
            }
            free_unneeded(&mut tx, &nothing.name, now).await
        })
        .await?;
        self.inner.outbox.notify_one();
        Ok(())
    }
}

async fn forget(tx: &mut Tx, id: &CopyId, event: FollowupEvent) -> Result<u64, StoreError> {
    tx.execute(MARKED_TOLD, args![id, event.as_str()]).await
}

impl FromRow for PendingFollowup {
    fn from_row(row: Row) -> Result<PendingFollowup, StoreError> {
        let event: String = row.get("untold")?;
        Ok(PendingFollowup {
            copy: row.get("id")?,
            mail: row.get("mail")?,
            event: FollowupEvent::parse(&event)
                .ok_or(StoreError::Damaged { what: format!("a held copy is to be told as {event}") })?,
            to: row.get("tell")?,
            language: row.get("language")?,
            private: row.get("private")?,
            received: instant(row.get("received")?),
            recipient: row.get("recipient")?,
            reverse_path: row.get("reverse_path")?,
            verbatim: row.get("verbatim")?,
            message_id: row.get("message_id")?,
        })
    }
}
