// SPDX-License-Identifier: EUPL-1.2
//! What senders are still to be told of their held copies: that one will expire, was released, rejected, or has
//! expired. The notice and the mark that it was told are one commit, so that a crash tells neither twice nor never.

use std::time::Duration;

use jiff::Timestamp;

use super::engine::Row;
use super::rows::insert_blob;
use super::settle::NewItem;
use super::told::take_turn;
use super::tx::{FromRow, Tx, args, statements};
use super::{CopyState, OutboxContent, OutboxItem, Store, StoreError, earlier, instant, micros};
use crate::mail::{CopyId, ItemId, MailId};

/// Decision D16: of what time does, a sender hears at most once an hour; what comes meanwhile waits for the next. What a
/// person decides is never limited.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Copies looked at in one round.
const AT_ONCE: i64 = 1000;

statements! {
    UNTOLD = "SELECT held.id, held.mail, held.recipient, held.untold, mail.tell, mail.language, mail.private, \
        mail.received, mail.message_id FROM held JOIN mail ON mail.id = held.mail \
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

/// One copy of which its sender is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingFollowup {
    pub copy: CopyId,
    pub mail: MailId,
    pub event: FollowupEvent,
    /// Who is told.
    pub to: String,
    /// The language the sender wrote in, where it is known; never of private mail.
    pub language: Option<String>,
    pub private: bool,
    pub received: Timestamp,
    pub recipient: String,
    /// Without angle brackets.
    pub message_id: Option<String>,
}

impl Store {
    /// What may be told now, oldest mail first.
    pub async fn pending_followups(&self, now: Timestamp) -> Result<Vec<PendingFollowup>, StoreError> {
        self.reader().fetch_readable(UNTOLD, args![earlier(now, HOUR), AT_ONCE]).await
    }

    /// Queues one notice for these copies and marks them as told. Where one of them has meanwhile come to another end,
    /// or another gateway has told the sender within the hour, nothing is done: the next round tells that.
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

    /// Marks copies as told of which nobody is to be told after all.
    pub async fn drop_followups(&self, copies: &[PendingFollowup]) -> Result<(), StoreError> {
        let copies: Vec<(CopyId, FollowupEvent)> = copies.iter().map(|copy| (copy.copy.clone(), copy.event)).collect();
        self.write(move |mut tx| async move {
            for (id, event) in &copies {
                forget(&mut tx, id, *event).await?;
            }
            Ok(())
        })
        .await
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
            message_id: row.get("message_id")?,
        })
    }
}
