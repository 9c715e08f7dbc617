// SPDX-License-Identifier: EUPL-1.2
//! Writes what a transaction leaves behind, held copies and outbox items, in one commit before the client gets its 250.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::copy::CopyState;
use super::keeping::{Keeping, Kept, Prepared};
use super::rows::Rows;
use super::tx::{Statement, Tx, args, statements};
use super::{Store, StoreError};
use crate::mail::{CopyId, ItemId};

/// A write that is under way; it goes on only while it is awaited.
pub type Writing<T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send>>;

impl Store {
    /// Holds and queues in state pending, durably: what must be written before the next hop gets DATA (decision D2). A copy
    /// known from an earlier attempt yields that attempt's id and writes nothing, also after its release or
    /// rejection. `InFlight` where that attempt is itself still pending.
    pub async fn prepare(&self, keeping: &Keeping<'_>) -> Result<Prepared, StoreError> {
        self.preparing(keeping).await?.await
    }

    /// The same in two steps: once the contents are sealed, the write that remains needs nothing of the mail. Whoever
    /// stops waiting for it can still let it end, and withdraw what it wrote.
    pub async fn preparing(&self, keeping: &Keeping<'_>) -> Result<Writing<Prepared>, StoreError> {
        self.write_keeping(keeping, CopyState::Pending).await
    }

    /// Holds and queues at once: where nothing goes to the next hop.
    pub async fn keep(&self, keeping: &Keeping<'_>) -> Result<Kept, StoreError> {
        self.keeping(keeping).await?.await
    }

    /// The same in two steps, as [`Store::preparing`].
    pub async fn keeping(&self, keeping: &Keeping<'_>) -> Result<Writing<Kept>, StoreError> {
        let (writing, this) = (self.write_keeping(keeping, CopyState::Held).await?, self.clone());
        Ok(Box::pin(async move {
            let written = writing.await?;
            this.inner.outbox.notify_one();
            Ok(written.kept)
        }))
    }

    /// The next hop has said yes: what was prepared is held, and the outbox may send. Exactly what was written must
    /// still be pending (decision D12), else nothing is changed and the answer to the client is 451.
    pub async fn confirm(&self, prepared: Prepared) -> Result<(), StoreError> {
        let expected = (prepared.written.len() + prepared.items.len()) as u64;
        if expected == 0 {
            return Ok(());
        }
        let node = self.own_epoch();
        self.write(move |mut tx| async move {
            let mut changed = 0;
            for id in &prepared.written {
                changed += set_state(&mut tx, HELD_CONFIRMED, id.as_str(), &node).await?;
            }
            for id in &prepared.items {
                changed += set_state(&mut tx, ITEM_CONFIRMED, id.as_str(), &node).await?;
            }
            if changed == expected { Ok(()) } else { Err(StoreError::Confirm { changed, expected }) }
        })
        .await?;
        self.inner.outbox.notify_one();
        Ok(())
    }

    /// The next hop has said no: nothing stays, and the client's next attempt is a first one.
    pub async fn withdraw(&self, prepared: Prepared) -> Result<(), StoreError> {
        if prepared.written.is_empty() && prepared.items.is_empty() {
            return Ok(());
        }
        let now = Timestamp::UNIX_EPOCH;
        self.write(move |mut tx| async move {
            let things = prepared.written.iter().map(CopyId::as_str).chain(prepared.items.iter().map(ItemId::as_str));
            for id in things {
                super::expiry::clear_pending(&mut tx, super::expiry::Stale::Thing(id), now).await?;
            }
            Ok(())
        })
        .await
    }

    async fn write_keeping(&self, keeping: &Keeping<'_>, state: CopyState) -> Result<Writing<Prepared>, StoreError> {
        let (rows, this) = (self.rows_of(keeping, state).await?, self.clone());
        Ok(Box::pin(async move {
            let stored = rows.stored();
            let written = this.write_after_blobs(move |mut tx| async move { rows.insert(&mut tx).await }).await?;
            this.inner.used.fetch_add(stored, Ordering::Relaxed);
            Ok(written)
        }))
    }

    /// The rows to be written, with their contents sealed and on the disk.
    pub(super) async fn rows_of(&self, keeping: &Keeping<'_>, state: CopyState) -> Result<Rows, StoreError> {
        let mut rows = Rows::of(keeping, state, &self.retention(), self.own_epoch())?;
        self.look_for_repeats(&mut rows).await?;
        if rows.wants_mail() {
            self.check_quota(keeping.mail.content.len() as u64)?;
            rows.seal_mail(self.inner.blobs.put(keeping.mail.content.0.clone()).await?, keeping)?;
        }
        for item in rows.items.iter_mut().filter(|i| !i.is_repeat) {
            if let Some(own) = item.own.take() {
                self.check_quota(own.len() as u64)?;
                item.sealed = Some(self.inner.blobs.put_small(own).await?);
            }
        }
        Ok(rows)
    }

    /// A first look without the writer, so that a repeat costs no blob. The unique key decides in the commit.
    async fn look_for_repeats(&self, rows: &mut Rows) -> Result<(), StoreError> {
        let now = rows.now;
        let things = rows.copies.iter_mut().map(|c| (&c.key, &mut c.is_repeat));
        let things = things.chain(rows.items.iter_mut().map(|i| (&i.key, &mut i.is_repeat)));
        for (key, is_repeat) in things {
            let known: Option<(String,)> = self.reader().fetch_optional(KEPT_BEFORE, args![key, now]).await?;
            *is_repeat = known.is_some();
        }
        Ok(())
    }

    // Decision D15. The size before compression stands in for the size after it.
    fn check_quota(&self, more: u64) -> Result<(), StoreError> {
        self.check_room(more)?;
        let Some(quota) = self.quota() else { return Ok(()) };
        let used = self.inner.used.load(Ordering::Relaxed);
        if used.saturating_add(more) > quota / 100 * 95 {
            return Err(StoreError::QuotaUsed { used, quota });
        }
        Ok(())
    }
}

statements! {
    KEPT_BEFORE = "SELECT thing FROM retry WHERE key = $1 AND until > $2";
    HELD_CONFIRMED = "UPDATE held SET state = 'held' \
        WHERE id = $1 AND state = 'pending' AND node = $2 AND epoch = $3";
    ITEM_CONFIRMED = "UPDATE outbox SET state = CASE WHEN kind = 'debt' THEN 'owed' ELSE 'ready' END \
        WHERE id = $1 AND state = 'pending' AND node = $2 AND epoch = $3";
}

async fn set_state(tx: &mut Tx, sql: Statement, id: &str, owner: &(String, i64)) -> Result<u64, StoreError> {
    tx.execute(sql, args![id, &owner.0, owner.1]).await
}
