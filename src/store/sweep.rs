// SPDX-License-Identifier: EUPL-1.2
//! Deletes what has reached its age: held copies, pending rows without an owner, keys, blobs, retry keys, journal, audit.

use std::collections::HashSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::copy::{Change, CopyState};
use super::decide::Decide;
use super::expiry::{Stale, clear_pending};
use super::journal_hours::Hours;
use super::tx::{Statement, args, statements};
use super::{Store, StoreError, earlier, later, micros};
use crate::access::Entry;
use crate::mail::CopyId;

/// Decision D12: the age at which pending rows that were not confirmed are removed.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// Decision D13: a blob is deleted only after this time without a reference to it.
const UNREFERENCED: Duration = Duration::from_secs(60 * 60);
/// Decision D16 counts in hours: the memory of notices reaches back at least one.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// Held copies that expire in one sweep; more wait for the next.
const AT_ONCE: i64 = 500;
/// Rows of one write: a few milliseconds, between which holds and decisions have their turn.
const PIECE: u64 = 100;
/// Decisions of one write: each changes a dozen rows.
const DECISIONS: usize = 10;
/// Pieces of one kind in one sweep; more wait for the next.
const PIECES: usize = 500;
/// Names of contents read at once.
const PAGE: usize = 1000;

statements! {
    PENDING_BEFORE = "SELECT id FROM held WHERE state = 'pending' AND held_at < $1 \
        UNION ALL SELECT id FROM outbox WHERE state = 'pending' AND created < $1";
    RETRY_KEYS_OVER = "DELETE FROM retry WHERE key IN (SELECT key FROM retry WHERE until <= $1 LIMIT $2)";
    TOLD_OVER = "DELETE FROM told WHERE (tell, event) IN (SELECT tell, event FROM told WHERE at <= $1 LIMIT $2)";
    JOURNAL_OVER = "DELETE FROM journal WHERE id IN (SELECT id FROM journal WHERE at < $1 LIMIT $2)";
    JOURNALED_COPIES_OVER = "DELETE FROM journaled_copy WHERE id IN (SELECT id FROM journaled_copy WHERE id < $1 LIMIT $2)";
    JOURNALED_HOURS_OVER = "DELETE FROM journaled_hour WHERE first IN (SELECT first FROM journaled_hour WHERE first < $1 LIMIT $2)";
    JOURNALED_MAILS_OVER = "DELETE FROM journaled_mail WHERE id IN (SELECT id FROM journaled_mail WHERE id < $1 LIMIT $2)";
    WARNED = "UPDATE held SET warned = TRUE, \
        untold = (SELECT CASE WHEN mail.tell IS NULL THEN NULL ELSE 'expiring' END FROM mail WHERE mail.id = held.mail) \
        WHERE id IN (SELECT id FROM held WHERE state = 'held' AND NOT warned AND expires <= $1 LIMIT $2) \
        AND state = 'held' AND NOT warned RETURNING id, recipient";
    EXPIRED = "SELECT id FROM held WHERE state = 'held' AND expires <= $1 ORDER BY expires LIMIT $2";
    FREED_BLOBS_OVER = "DELETE FROM blob WHERE name IN (SELECT name FROM blob WHERE freed <= $1 LIMIT $2) \
        RETURNING name";
    BLOBS_AFTER = "SELECT name FROM blob WHERE name > $1 ORDER BY name LIMIT $2";
    BLOB_KNOWN = "SELECT name FROM blob WHERE name = $1";
    RULES_OVER = "DELETE FROM held_rule WHERE copy IN (SELECT id FROM held WHERE decided_at < $1 LIMIT $2)";
    // Never before what belongs to them, so that no row is left to which nothing leads.
    DECIDED_COPIES_OVER = "DELETE FROM held WHERE id IN (SELECT id FROM held WHERE decided_at < $1 LIMIT $2) \
        AND NOT EXISTS (SELECT 1 FROM held_rule WHERE held_rule.copy = held.id)";
    MAILS_OVER = "DELETE FROM mail WHERE id IN (SELECT id FROM mail WHERE received < $1 \
        AND NOT EXISTS (SELECT 1 FROM held WHERE held.mail = mail.id) LIMIT $2)";
    RECIPIENTS_OVER = "DELETE FROM outbox_recipient WHERE item IN (SELECT id FROM outbox WHERE ended < $1 LIMIT $2)";
    ITEMS_OVER = "DELETE FROM outbox WHERE id IN (SELECT id FROM outbox WHERE ended < $1 LIMIT $2) \
        AND NOT EXISTS (SELECT 1 FROM outbox_recipient r WHERE r.item = outbox.id)";
}

/// What one sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    pub expired: u64,
    /// Copies that will expire soon and were not reported before: id and recipient.
    pub expiring: Vec<(CopyId, String)>,
    pub pending_cleared: u64,
    pub blobs_deleted: u64,
    pub journal_deleted: u64,
    pub audit_deleted: u64,
}

impl Store {
    /// Lets expire what is over, in pieces between which others write. To be called every few minutes; idempotent, and
    /// several gateways may do it at once.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let retention = self.retention();
        let mut swept = Swept { expired: self.expire_held(now).await?, ..Swept::default() };
        swept.pending_cleared = self.clear_stale(now).await?;
        self.delete_over(&[RETRY_KEYS_OVER], micros(now)).await?;
        self.delete_over(&[TOLD_OVER], earlier(now, retention.told.max(HOUR))).await?;
        // Decided copies and ended items are remembered as long as the journal remembers the mail.
        let forgotten = earlier(now, retention.journal);
        swept.journal_deleted = self.delete_over(&[JOURNAL_OVER], forgotten).await?;
        let over = Hours::read(self.reader()).await?.written_since(forgotten, micros(now));
        swept.journal_deleted += self.delete_over(&[JOURNALED_COPIES_OVER], over).await?;
        self.delete_over(&[JOURNALED_MAILS_OVER, JOURNALED_HOURS_OVER], over).await?;
        self.seal_private_again().await?;
        self.delete_over(&[RULES_OVER, DECIDED_COPIES_OVER], forgotten).await?;
        self.delete_over(&[MAILS_OVER], forgotten).await?;
        self.delete_over(&[RECIPIENTS_OVER, ITEMS_OVER], forgotten).await?;
        swept.audit_deleted = self.expire_audit(earlier(now, retention.audit)).await?;
        swept.expiring = self.warn(later(now, retention.warning)).await?;
        swept.blobs_deleted = self.delete_freed(now).await? + self.delete_unknown(now).await?;
        self.forget_log().await?;
        self.count_bytes().await?;
        let figures = self.figures().await?;
        if let (true, Some(quota)) = (figures.quota_warning, figures.quota) {
            tracing::warn!(
                used = figures.bytes,
                quota,
                "held mail has almost reached [store] quota; at 95 % octroi defers mail that must be held"
            );
        }
        if self.is_disk_filling() {
            tracing::warn!(
                free = figures.free,
                keep_free = self.keep_free(),
                "the disk of the store is almost full; below [store] keep_free octroi defers mail that must be held"
            );
        }
        Ok(swept)
    }

    async fn expire_held(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due: Vec<(CopyId,)> = self.reader().fetch_readable(EXPIRED, args![micros(now), AT_ONCE]).await?;
        let mut expired = 0;
        for piece in due.chunks(DECISIONS) {
            let (piece, chain, owner) = (piece.to_vec(), self.chain(), self.own_epoch());
            let decide = move |id: CopyId| Decide {
                entries: vec![Entry::expired(&id)],
                id,
                confirms: None,
                now,
                to: CopyState::Expired,
                chain: chain.clone(),
                owner: owner.clone(),
            };
            let written = self.write(move |mut tx| async move {
                let mut expired = 0;
                for (id,) in piece {
                    match decide(id).write(&mut tx).await {
                        Ok(Change::Done) => expired += 1,
                        // A reviewer was faster, or another gateway.
                        Ok(Change::Already | Change::Proposed)
                        | Err(StoreError::WrongState { .. } | StoreError::Unknown { .. }) => {}
                        Err(other) => return Err(other),
                    }
                }
                Ok(expired)
            });
            expired += written.await?;
            self.inner.outbox.notify_one();
        }
        Ok(expired)
    }

    /// Decision D12.
    async fn clear_stale(&self, now: Timestamp) -> Result<u64, StoreError> {
        let stale: Vec<(String,)> = self.reader().fetch_all(PENDING_BEFORE, args![earlier(now, LEASE)]).await?;
        let mut cleared = 0;
        for piece in stale.chunks(DECISIONS) {
            let piece = piece.to_vec();
            let written = self.write(move |mut tx| async move {
                let mut cleared = 0;
                for (id,) in &piece {
                    cleared += clear_pending(&mut tx, Stale::Thing(id), now).await?;
                }
                Ok(cleared)
            });
            cleared += written.await?;
        }
        Ok(cleared)
    }

    /// Runs deletes that take an instant and a limit until there is nothing more to delete, each round one write. Gives
    /// how many rows the last of them deleted.
    async fn delete_over(&self, deletes: &'static [Statement], before: i64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for _ in 0..PIECES {
            let round = self.write(move |mut tx| async move {
                let (mut rows, mut more) = (0, false);
                for sql in deletes {
                    rows = tx.execute(*sql, args![before, PIECE.cast_signed()]).await?;
                    more |= rows >= PIECE;
                }
                Ok((rows, more))
            });
            let (rows, more) = round.await?;
            deleted += rows;
            if !more {
                break;
            }
        }
        Ok(deleted)
    }

    async fn expire_audit(&self, before: i64) -> Result<u64, StoreError> {
        let mut deleted = 0;
        for _ in 0..PIECES {
            let chain = self.chain();
            let round =
                self.write(move |mut tx| async move { chain.expire(&mut tx, before, PIECE.cast_signed()).await });
            let rows = round.await?;
            deleted += rows;
            if rows == 0 {
                break;
            }
        }
        Ok(deleted)
    }

    async fn warn(&self, before: i64) -> Result<Vec<(CopyId, String)>, StoreError> {
        let mut warned = Vec::new();
        for _ in 0..PIECES {
            let round =
                self.write(
                    move |mut tx| async move { tx.fetch_readable(WARNED, args![before, PIECE.cast_signed()]).await },
                );
            let rows: Vec<(CopyId, String)> = round.await?;
            let more = rows.len() as u64 >= PIECE;
            warned.extend(rows);
            if !more {
                break;
            }
        }
        Ok(warned)
    }

    /// Deletes contents whose key was destroyed an hour ago, first the rows, then the files: after a crash between the two
    /// they are files that no row names.
    async fn delete_freed(&self, now: Timestamp) -> Result<u64, StoreError> {
        let before = earlier(now, UNREFERENCED);
        let mut deleted = 0;
        for _ in 0..PIECES {
            let round = self.write(move |mut tx| async move {
                tx.fetch_all(FREED_BLOBS_OVER, args![before, PIECE.cast_signed()]).await
            });
            let names: Vec<(String,)> = round.await?;
            let rows = names.len() as u64;
            self.inner.blobs.delete_all(names.into_iter().map(|(name,)| name).collect()).await?;
            deleted += rows;
            if rows < PIECE {
                break;
            }
        }
        Ok(deleted)
    }

    /// Deletes files an hour old that no row ever named: a crash left them. Once an hour is enough, since it means to look
    /// at every file.
    async fn delete_unknown(&self, now: Timestamp) -> Result<u64, StoreError> {
        let last = self.inner.unknown_sought.load(Ordering::Relaxed);
        if earlier(now, UNREFERENCED) < last {
            return Ok(0);
        }
        let unknown = self.unknown_files().await?;
        let mut deleted = 0;
        for piece in unknown.chunks(DECISIONS) {
            let (piece, blobs) = (piece.to_vec(), self.inner.blobs.clone());
            let written = self.write(move |mut tx| async move {
                let mut deleted = 0;
                // Decision D13: checked in the deleting transaction.
                for name in &piece {
                    let known: Option<(String,)> = tx.fetch_optional(BLOB_KNOWN, args![name]).await?;
                    if known.is_none() {
                        blobs.delete(name)?;
                        deleted += 1;
                    }
                }
                Ok(deleted)
            });
            deleted += written.await?;
        }
        self.inner.unknown_sought.store(micros(now), Ordering::Relaxed);
        Ok(deleted)
    }

    /// The same files as far as a reader sees, page beside page of names in order: the writer has better things to do.
    async fn unknown_files(&self) -> Result<Vec<String>, StoreError> {
        let mut old = self.inner.blobs.older_than(UNREFERENCED).await?;
        old.sort_unstable();
        let mut old = old.into_iter().peekable();
        let (mut unknown, mut after) = (Vec::new(), String::new());
        while old.peek().is_some() {
            let page: Vec<(String,)> = self.reader().fetch_all(BLOBS_AFTER, args![&after, PAGE as i64]).await?;
            let known: HashSet<&str> = page.iter().map(|(name,)| name.as_str()).collect();
            // Up to its last name the page says which are known; behind the last page none is.
            let end = page.last().filter(|_| page.len() == PAGE).map(|(name,)| name.clone());
            while let Some(name) = old.next_if(|name| end.as_ref().is_none_or(|end| name <= end)) {
                if !known.contains(name.as_str()) {
                    unknown.push(name);
                }
            }
            after = end.unwrap_or_default();
        }
        Ok(unknown)
    }

    /// What was deleted and destroyed is gone from the write-ahead log too (decision D14). Most of the log is brought to
    /// its place beside the writer. Where somebody still reads from it, the next sweep tries again.
    async fn forget_log(&self) -> Result<(), StoreError> {
        self.reader().settle_log().await?;
        if !self.inner.writer.empty_log().await? {
            tracing::debug!("the write-ahead log is still read and is emptied later");
        }
        Ok(())
    }

    /// What all gateways of a store keep and delete, only the database knows.
    async fn count_bytes(&self) -> Result<(), StoreError> {
        let before = self.inner.used.load(Ordering::Relaxed);
        let stored = super::schema::bytes_stored(self.reader()).await?;
        let added_meanwhile = |used: u64| Some(stored + used.saturating_sub(before));
        // Never refused, since it always gives a number.
        let _ = self.inner.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, added_meanwhile);
        Ok(())
    }
}
