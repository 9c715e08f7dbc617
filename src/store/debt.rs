// SPDX-License-Identifier: EUPL-1.2
//! Notices that are still owed to senders, about mail that was held, refused or stripped (decision D16).
//!
//! A debt is an item of the outbox in state `owed`: written with what is kept of the mail, sealed like it, and withdrawn
//! with it. Paying it turns it into a notice in one commit, so that a crash tells neither twice nor never. The first of
//! a sender is due at once, and opens an hour; those of that hour are due together at its end.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::engine::Row;
use super::expiry::{forget_recipients, free_unneeded};
use super::rows::insert_blob;
use super::settle::NewItem;
use super::told::take_turn;
use super::tx::{FromRow, Tx, args, statements};
use super::{OutboxContent, OutboxItem, OutboxKind, Store, StoreError, earlier, instant, later, micros};
use crate::mail::{ItemId, MailId, Mailbox, Verbatim};

const HOUR: Duration = Duration::from_secs(60 * 60);
/// The event that marks a sender's hour in the table `told`.
const HELD: &str = "held";
/// Debts looked at in one round.
const AT_ONCE: i64 = 1000;

statements! {
    OWED = "SELECT o.id, o.mail, o.blob, o.private, o.created, r.address, r.verbatim, told.at AS opened, \
        EXISTS (SELECT 1 FROM held WHERE held.mail = o.mail AND held.state = 'held') AS waits \
        FROM outbox o JOIN outbox_recipient r ON r.item = o.id \
        LEFT JOIN told ON told.tell = r.address AND told.event = 'held' \
        WHERE o.state = 'owed' AND (told.at IS NULL OR told.at <= $1) ORDER BY o.created, o.id LIMIT $2";
    OWED_TO = "SELECT o.id, o.mail, o.blob, o.private, o.created, r.address, r.verbatim, told.at AS opened, \
        EXISTS (SELECT 1 FROM held WHERE held.mail = o.mail AND held.state = 'held') AS waits \
        FROM outbox o JOIN outbox_recipient r ON r.item = o.id \
        LEFT JOIN told ON told.tell = r.address AND told.event = 'held' \
        WHERE o.state = 'owed' AND r.address = $3 AND (told.at IS NULL OR told.at <= $1) \
        ORDER BY o.created, o.id LIMIT $2";
    PAID = "DELETE FROM outbox WHERE id = $1 AND state = 'owed'";
}

/// One mail about which its sender is owed a notice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    id: ItemId,
    pub mail: MailId,
    /// The address of the sender.
    pub to: String,
    /// What of: as it was given to be kept; empty where it can no longer be read.
    pub facts: Bytes,
    /// Whether a copy of that mail still waits for a decision.
    pub waits: bool,
    key: String,
    blob: String,
    private: bool,
    created: i64,
    /// When the sender's last hour was opened.
    opened: Option<i64>,
}

impl Store {
    /// The debts that may be paid now, oldest mail first: all of them, or those to one person.
    pub async fn debts(&self, to: Option<&Mailbox>, now: Timestamp) -> Result<Vec<Debt>, StoreError> {
        let over = earlier(now, HOUR);
        let mut debts: Vec<Debt> = match to {
            Some(to) => self.reader().fetch_readable(OWED_TO, args![over, AT_ONCE, &to.key()]).await?,
            None => self.reader().fetch_readable(OWED, args![over, AT_ONCE]).await?,
        };
        for debt in &mut debts {
            debt.facts = match self.blob_content(&debt.blob).await {
                Err(StoreError::Gone { .. } | StoreError::Damaged { .. }) => Bytes::new(),
                facts => facts?,
            };
        }
        Ok(debts)
    }

    /// Queues one notice in place of these debts, all to one person. Returns whether it did: another may have been faster,
    /// and where one of them is paid already, or an hour was opened meanwhile, nothing is done.
    pub async fn pay_debts(&self, debts: &[Debt], notice: OutboxItem, now: Timestamp) -> Result<bool, StoreError> {
        let (Some(first), OutboxContent::Own(content)) = (debts.first().cloned(), notice.content) else {
            return Ok(false);
        };
        let sealed = self.inner.blobs.put_small(content).await?;
        let stored = sealed.stored;
        let (debts, owner) = (debts.to_vec(), self.own_epoch());
        let (to, reverse_path) = (notice.recipients, notice.reverse_path);
        let written = self.write_after_blobs(move |mut tx| async move {
            let changed = strike(&mut tx, &debts, now).await?;
            let expected = debts.len() as u64;
            if changed != expected {
                return Err(StoreError::Confirm { changed, expected });
            }
            if debts.iter().any(Debt::opens_an_hour) {
                take_turn(&mut tx, &first.key, HELD, micros(now), earlier(now, HOUR)).await?;
            }
            insert_blob(&mut tx, &sealed, micros(now)).await?;
            let item = NewItem {
                // The notice takes the debt's place, also for those who know it by name.
                id: &first.id,
                mail: Some(&first.mail),
                copy: None,
                kind: OutboxKind::Notice,
                reverse_path: &reverse_path,
                origin: "<>",
                recipients: &to,
                blob: &sealed.name,
                report: None,
                private: debts.iter().any(|debt| debt.private),
                pending: false,
                created: micros(now),
                next_attempt: micros(now),
                owner: (&owner.0, owner.1),
            };
            item.insert(&mut tx).await
        });
        self.took_turn(written.await.map(|()| true), stored)
    }

    /// Deletes debts without a notice.
    pub async fn forgive_debts(&self, debts: &[Debt], now: Timestamp) -> Result<(), StoreError> {
        let debts = debts.to_vec();
        self.write(move |mut tx| async move { strike(&mut tx, &debts, now).await.map(drop) }).await
    }
}

impl Debt {
    /// Whether it came after the sender's last hour, so that the notice goes out at once.
    fn opens_an_hour(&self) -> bool {
        self.opened.is_none_or(|opened| self.created >= later(instant(opened), HOUR))
    }
}

/// Deletes the debts; returns how many there were.
async fn strike(tx: &mut Tx, debts: &[Debt], now: Timestamp) -> Result<u64, StoreError> {
    let mut struck = 0;
    for debt in debts {
        if tx.execute(PAID, args![&debt.id]).await? == 0 {
            continue;
        }
        struck += 1;
        forget_recipients(tx, debt.id.as_str()).await?;
        free_unneeded(tx, &debt.blob, now).await?;
    }
    Ok(struck)
}

impl FromRow for Debt {
    fn from_row(row: Row) -> Result<Debt, StoreError> {
        let verbatim: String = row.get("verbatim")?;
        Ok(Debt {
            id: row.get("id")?,
            mail: row.get("mail")?,
            to: Verbatim::read(&verbatim).path.to_owned(),
            facts: Bytes::new(),
            waits: row.get("waits")?,
            key: row.get("address")?,
            blob: row.get("blob")?,
            private: row.get("private")?,
            created: row.get("created")?,
            opened: row.get("opened")?,
        })
    }
}
