// SPDX-License-Identifier: EUPL-1.2
//! What the outbox's courier and its operator do with items: list, take, settle, retry.

use bytes::Bytes;
use jiff::Timestamp;

use super::blob::BlobRow;
use super::copy::Change;
use super::engine::Row;
use super::outbox::{DueItem, ItemState, OutboxKind, OutboxRow, RecipientOutcome, Work};
use super::settle::Settle;
use super::tx::{FromRow, Tx, args, statements};
use super::{Store, StoreError, earlier, instant, later, micros};
use crate::access::{Permit, Retry};

/// How long a deliverer may keep an item to itself; after a crash elsewhere another takes it up then.
const LEASE: std::time::Duration = std::time::Duration::from_secs(30 * 60);

statements! {
    LISTED = "SELECT * FROM outbox WHERE state IN ('ready', 'pending') ORDER BY created, id LIMIT $1";
    ALL_LISTED = "SELECT * FROM outbox ORDER BY created, id LIMIT $1";
    OPEN_RECIPIENTS = "SELECT n, verbatim FROM outbox_recipient WHERE item = $1 AND state = 'open' ORDER BY n";
    MADE_DUE = "UPDATE outbox SET next_attempt = $1 WHERE id = $2 AND state = 'ready'";
    NEXT_DUE = "SELECT MIN(CASE WHEN lease_until > next_attempt THEN lease_until ELSE next_attempt END) \
        FROM outbox WHERE state = 'ready'";
    // The condition twice: an engine that lets two take at once looks at the outer one again before it writes.
    TAKEN = "UPDATE outbox SET lease_node = $1, lease_until = $2 WHERE id IN (SELECT id FROM outbox \
        WHERE state = 'ready' AND next_attempt <= $3 AND lease_until <= $3 ORDER BY next_attempt LIMIT $4) \
        AND state = 'ready' AND lease_until <= $3 RETURNING *";
    BLOB = "SELECT name, wrapped, size, inline FROM blob WHERE name = $1";
}

impl Store {
    /// Items in state ready or pending (all of them where `all`), oldest first.
    pub async fn outbox_list(&self, all: bool, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let listed = if all { ALL_LISTED } else { LISTED };
        let mut rows: Vec<OutboxRow> = self.reader().fetch_readable(listed, args![i64::from(limit)]).await?;
        for row in &mut rows {
            let open: Vec<(i64, String)> = self.reader().fetch_all(OPEN_RECIPIENTS, args![&row.id]).await?;
            row.recipients = open.into_iter().map(|(_, verbatim)| verbatim).collect();
        }
        Ok(rows)
    }

    /// Makes an item due at once (`octroi outbox retry`).
    pub async fn outbox_retry(&self, permit: &Permit<Retry>, now: Timestamp) -> Result<Change, StoreError> {
        let (entry, chain) = (permit.entry().clone(), self.chain());
        let written = self.write(move |mut tx| async move {
            if tx.execute(MADE_DUE, args![micros(now), entry.object()]).await? == 0 {
                return Err(StoreError::unknown(entry.object()));
            }
            chain.add(&mut tx, now, &entry).await?;
            Ok(Change::Done)
        });
        let change = written.await?;
        self.inner.outbox.notify_one();
        Ok(change)
    }

    /// When the next item is due, as far as it is known now.
    pub async fn outbox_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let (next,): (Option<i64>,) = self.reader().fetch_one(NEXT_DUE, args![]).await?;
        Ok(next.map(instant))
    }

    /// Takes up to `limit` due items for this node; nobody else takes them until they are settled or half an hour passed.
    pub async fn outbox_take(&self, now: Timestamp, limit: u32) -> Result<Vec<DueItem>, StoreError> {
        if self.outbox_next().await?.is_none_or(|next| next > now) {
            return Ok(Vec::new());
        }
        let node = self.inner.node.clone();
        let mut due = self.write(move |mut tx| async move { take(&mut tx, &node, now, limit).await }).await?;
        // A courier whose lease had run out sent the last of these and could not say that this is the end.
        for item in due.extract_if(.., |item| item.recipients.is_empty()) {
            self.outbox_settle(&item, Vec::new(), now, now).await?;
        }
        Ok(due)
    }

    /// What a due item sends.
    pub async fn outbox_work(&self, item: &DueItem) -> Result<Work, StoreError> {
        if item.kind == OutboxKind::Unknown {
            let what = format!("outbox item {} is of a kind that this version does not know", item.id);
            return Err(StoreError::Damaged { what });
        }
        let original = self.blob_content(&item.blob).await?;
        match &item.report {
            None => Ok(Work::Content(original)),
            Some(text) => {
                let report = serde_json::from_str(text)
                    .map_err(|e| StoreError::Damaged { what: format!("the report {}: {e}", item.id) })?;
                Ok(Work::FailureReport { report, original })
            }
        }
    }

    /// Writes down how an attempt ended. Recipients not named stay open. What failed is reported to the sender where it
    /// was somebody's mail, else noted in the audit; so are recipients still open when the outbox's time is over.
    pub async fn outbox_settle(
        &self,
        item: &DueItem,
        outcomes: Vec<RecipientOutcome>,
        next_attempt: Timestamp,
        now: Timestamp,
    ) -> Result<ItemState, StoreError> {
        let settle = Settle {
            item: item.clone(),
            outcomes,
            next_attempt: micros(next_attempt),
            over: micros(item.created) <= earlier(now, self.retention().outbox),
            now,
            chain: self.chain(),
            owner: self.own_epoch(),
        };
        let state = self.write(move |mut tx| async move { settle.write(&mut tx).await }).await?;
        self.inner.outbox.notify_one();
        Ok(state)
    }

    pub(super) async fn blob_content(&self, name: &str) -> Result<Bytes, StoreError> {
        let row: Option<BlobRow> = self.reader().fetch_optional(BLOB, args![name]).await?;
        self.inner.blobs.get(row.ok_or_else(|| StoreError::Gone { id: name.to_owned() })?).await
    }
}

async fn take(tx: &mut Tx, node: &str, now: Timestamp, limit: u32) -> Result<Vec<DueItem>, StoreError> {
    let values = args![node, later(now, LEASE), micros(now), i64::from(limit)];
    let mut due: Vec<DueItem> = tx.fetch_readable(TAKEN, values).await?;
    for item in &mut due {
        item.recipients = tx.fetch_all(OPEN_RECIPIENTS, args![&item.id]).await?;
    }
    Ok(due)
}

impl FromRow for BlobRow {
    fn from_row(row: Row) -> Result<BlobRow, StoreError> {
        Ok(BlobRow {
            name: row.get("name")?,
            wrapped: row.get("wrapped")?,
            size: row.get("size")?,
            inline: row.get("inline")?,
        })
    }
}
