// SPDX-License-Identifier: EUPL-1.2
//! Everything expires: held copies, pending rows nobody owns, keys, blobs, retry keys, journal and audit.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::quarantine::Decide;
use super::{Actor, Change, CopyState, Store, StoreError, earlier, later, micros};

/// Decision D12: pending rows nobody confirmed for so long belong to nobody.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// Decision D13: a blob goes only when nothing has referred to it for so long.
const UNREFERENCED: Duration = Duration::from_secs(60 * 60);
/// Held copies that expire in one sweep; more wait for the next.
const AT_ONCE: i64 = 500;

/// What one sweep did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Swept {
    pub expired: u64,
    /// Copies that will expire soon and were not reported before: id and recipient.
    pub expiring: Vec<(String, String)>,
    pub pending_cleared: u64,
    pub blobs_deleted: u64,
    pub journal_deleted: u64,
    pub audit_deleted: u64,
}

/// Whose pending rows are cleared.
pub(super) enum Stale<'a> {
    /// This node's, of older process epochs.
    Epoch { node: &'a str, below: i64 },
    /// Anybody's, older than the lease.
    Before(i64),
    /// One held copy or outbox item.
    Thing(&'a str),
}

impl Store {
    /// Lets expire what is over. To be called every few minutes; idempotent.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let mut swept = Swept { expired: self.expire_held(now).await?, ..Swept::default() };
        let (chain, retention) = (self.chain(), self.inner.retention.clone());
        let rows = self.inner.writer.run(move |c| {
            Box::pin(async move {
                let pending_cleared = clear_pending(c, Stale::Before(earlier(now, LEASE)), now).await?;
                let mut swept = Swept { pending_cleared, ..Swept::default() };
                let retry = sqlx::query("DELETE FROM retry WHERE until <= $1").bind(micros(now));
                retry.execute(&mut *c).await?;
                let journal = sqlx::query("DELETE FROM journal WHERE at < $1").bind(earlier(now, retention.journal));
                swept.journal_deleted = journal.execute(&mut *c).await?.rows_affected();
                swept.audit_deleted = chain.expire(c, now, retention.audit).await?;
                swept.expiring = sqlx::query_as(
                    "UPDATE held SET warned = TRUE, untold = (SELECT CASE WHEN mail.tell IS NULL THEN NULL ELSE 'expiring' END \
                     FROM mail WHERE mail.id = held.mail) \
                     WHERE state = 'held' AND NOT warned AND expires <= $1 RETURNING id, recipient",
                )
                .bind(later(now, retention.warning))
                .fetch_all(&mut *c)
                .await?;
                forget_decided(c, earlier(now, retention.journal)).await?;
                Ok(swept)
            })
        });
        let rows = rows.await?;
        swept = Swept { expired: swept.expired, ..rows };
        swept.blobs_deleted = self.delete_blobs(now).await?;
        let figures = self.figures().await?;
        if let (true, Some(quota)) = (figures.quota_warning, figures.quota) {
            tracing::warn!(
                used = figures.bytes,
                quota,
                "held mail fills the quota; at 95 % no more is held and mail is deferred"
            );
        }
        Ok(swept)
    }

    async fn expire_held(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due: Vec<(String,)> =
            sqlx::query_as("SELECT id FROM held WHERE state = 'held' AND expires <= $1 ORDER BY expires LIMIT $2")
                .bind(micros(now))
                .bind(AT_ONCE)
                .fetch_all(&self.inner.readers)
                .await?;
        if due.is_empty() {
            return Ok(0);
        }
        let (chain, owner) = (self.chain(), (self.inner.node.clone(), self.inner.epoch));
        let expired = self
            .inner
            .writer
            .run(move |c| {
                Box::pin(async move {
                    let mut expired = 0;
                    for (id,) in due {
                        let decide = Decide {
                            id,
                            actor: Actor { name: "octroi".into() },
                            now,
                            to: CopyState::Expired,
                            action: "expire",
                            chain: chain.clone(),
                            owner: owner.clone(),
                        };
                        match decide.write(c).await {
                            Ok(Change::Done) => expired += 1,
                            // A reviewer was faster.
                            Ok(Change::Already) | Err(StoreError::WrongState { .. }) => {}
                            Err(other) => return Err(other),
                        }
                    }
                    Ok(expired)
                })
            })
            .await?;
        self.inner.outbox.notify_one();
        Ok(expired)
    }

    /// Deletes files whose key was destroyed an hour ago, and files an hour old that no row ever named.
    async fn delete_blobs(&self, now: Timestamp) -> Result<u64, StoreError> {
        let blobs = self.inner.blobs.clone();
        let old = blobs.older_than(UNREFERENCED).await?;
        let before = earlier(now, UNREFERENCED);
        let (count, stored) = self
            .inner
            .writer
            .run(move |c| {
                Box::pin(async move {
                    let freed: Vec<(String, i64)> =
                        sqlx::query_as("DELETE FROM blob WHERE freed <= $1 RETURNING name, stored")
                            .bind(before)
                            .fetch_all(&mut *c)
                            .await?;
                    let mut stored = 0;
                    for (name, bytes) in &freed {
                        blobs.delete(name)?;
                        stored += bytes;
                    }
                    let mut count = freed.len() as u64;
                    // Decision D13: checked in the deleting transaction.
                    for name in old {
                        let known: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM blob WHERE name = $1")
                            .bind(&name)
                            .fetch_optional(&mut *c)
                            .await?;
                        if known.is_none() {
                            blobs.delete(&name)?;
                            count += 1;
                        }
                    }
                    Ok((count, stored))
                })
            })
            .await?;
        self.inner.used.fetch_sub(stored.max(0).cast_unsigned(), Ordering::Relaxed);
        Ok(count)
    }
}

/// Destroys a content's key once no held copy and no outbox item needs it: from then on nobody can read it, also not
/// out of a backup of the blobs (decision D14).
pub(super) async fn free_unneeded(c: &mut SqliteConnection, blob: &str, now: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE blob SET wrapped = $1, inline = NULL, freed = $2 WHERE name = $3 AND freed IS NULL \
         AND NOT EXISTS (SELECT 1 FROM held JOIN mail ON mail.id = held.mail \
           WHERE mail.blob = $3 AND held.state IN ('pending', 'held')) \
         AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.blob = $3 AND outbox.state IN ('pending', 'ready'))",
    )
    .bind(&[][..])
    .bind(micros(now))
    .bind(blob)
    .execute(c)
    .await?;
    Ok(())
}

/// Removes pending rows as if they had never been: copies, items, retry keys, and the keys of contents nobody needs.
pub(super) async fn clear_pending(
    c: &mut SqliteConnection,
    stale: Stale<'_>,
    now: Timestamp,
) -> Result<u64, StoreError> {
    let (held, outbox) = match stale {
        Stale::Epoch { node, below } => (
            sqlx::query_as::<_, (String, String)>(
                "DELETE FROM held WHERE state = 'pending' AND node = $1 AND epoch < $2 RETURNING id, mail",
            )
            .bind(node.to_owned())
            .bind(below),
            sqlx::query_as::<_, (String, String)>(
                "DELETE FROM outbox WHERE state = 'pending' AND node = $1 AND epoch < $2 RETURNING id, blob",
            )
            .bind(node.to_owned())
            .bind(below),
        ),
        Stale::Before(instant) => (
            sqlx::query_as("DELETE FROM held WHERE state = 'pending' AND held_at < $1 RETURNING id, mail")
                .bind(instant),
            sqlx::query_as("DELETE FROM outbox WHERE state = 'pending' AND created < $1 RETURNING id, blob")
                .bind(instant),
        ),
        Stale::Thing(id) => (
            sqlx::query_as("DELETE FROM held WHERE state = 'pending' AND id = $1 RETURNING id, mail")
                .bind(id.to_owned()),
            sqlx::query_as("DELETE FROM outbox WHERE state = 'pending' AND id = $1 RETURNING id, blob")
                .bind(id.to_owned()),
        ),
    };
    let held = held.fetch_all(&mut *c).await?;
    let items = outbox.fetch_all(&mut *c).await?;
    for (id, _) in held.iter().chain(&items) {
        sqlx::query("DELETE FROM retry WHERE thing = $1").bind(id).execute(&mut *c).await?;
        sqlx::query("DELETE FROM outbox_recipient WHERE item = $1").bind(id).execute(&mut *c).await?;
    }
    let mut blobs: Vec<String> = items.iter().map(|(_, blob)| blob.clone()).collect();
    for (_, mail) in &held {
        let blob: Option<(String,)> =
            sqlx::query_as("SELECT blob FROM mail WHERE id = $1").bind(mail).fetch_optional(&mut *c).await?;
        blobs.extend(blob.map(|(blob,)| blob));
        sqlx::query("DELETE FROM mail WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM held WHERE held.mail = mail.id)")
            .bind(mail)
            .execute(&mut *c)
            .await?;
    }
    for blob in &blobs {
        free_unneeded(c, blob, now).await?;
    }
    Ok((held.len() + items.len()) as u64)
}

/// Decided copies and ended items are remembered as long as the journal remembers the mail.
async fn forget_decided(c: &mut SqliteConnection, before: i64) -> Result<(), StoreError> {
    for sql in [
        "DELETE FROM held WHERE state IN ('released', 'rejected', 'expired') AND decided_at < $1",
        "DELETE FROM mail WHERE received < $1 AND NOT EXISTS (SELECT 1 FROM held WHERE held.mail = mail.id)",
        "DELETE FROM outbox_recipient WHERE item IN (SELECT id FROM outbox WHERE ended < $1)",
        "DELETE FROM outbox WHERE ended < $1",
    ] {
        sqlx::query(sql).bind(before).execute(&mut *c).await?;
    }
    Ok(())
}
