// SPDX-License-Identifier: EUPL-1.2
//! Everything expires: held copies, pending rows nobody owns, keys, blobs, retry keys, journal and audit.

use std::sync::atomic::Ordering;
use std::time::Duration;

use jiff::Timestamp;

use super::audit::Actor;
use super::copy::{Change, CopyState};
use super::expiry::{Stale, clear_pending};
use super::quarantine::Decide;
use super::tx::{Tx, args, statements};
use super::{Store, StoreError, earlier, later, micros};

/// Decision D12: pending rows nobody confirmed for so long belong to nobody.
const LEASE: Duration = Duration::from_secs(15 * 60);
/// Decision D13: a blob goes only when nothing has referred to it for so long.
const UNREFERENCED: Duration = Duration::from_secs(60 * 60);
/// Held copies that expire in one sweep; more wait for the next.
const AT_ONCE: i64 = 500;

statements! {
    RETRY_KEYS_OVER = "DELETE FROM retry WHERE until <= $1";
    JOURNAL_OVER = "DELETE FROM journal WHERE at < $1";
    WARNED = "UPDATE held SET warned = TRUE, \
        untold = (SELECT CASE WHEN mail.tell IS NULL THEN NULL ELSE 'expiring' END FROM mail WHERE mail.id = held.mail) \
        WHERE state = 'held' AND NOT warned AND expires <= $1 RETURNING id, recipient";
    EXPIRED = "SELECT id FROM held WHERE state = 'held' AND expires <= $1 ORDER BY expires LIMIT $2";
    FREED_BLOBS_OVER = "DELETE FROM blob WHERE freed <= $1 RETURNING name";
    BLOB_KNOWN = "SELECT name FROM blob WHERE name = $1";
    RULES_OVER = "DELETE FROM held_rule WHERE copy IN \
        (SELECT id FROM held WHERE state IN ('released', 'rejected', 'expired') AND decided_at < $1)";
    DECIDED_COPIES_OVER = "DELETE FROM held WHERE state IN ('released', 'rejected', 'expired') AND decided_at < $1";
    MAILS_OVER = "DELETE FROM mail WHERE received < $1 AND NOT EXISTS (SELECT 1 FROM held WHERE held.mail = mail.id)";
    RECIPIENTS_OVER = "DELETE FROM outbox_recipient WHERE item IN (SELECT id FROM outbox WHERE ended < $1)";
    ITEMS_OVER = "DELETE FROM outbox WHERE ended < $1";
}

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

impl Store {
    /// Lets expire what is over. To be called every few minutes; idempotent.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, StoreError> {
        let mut swept = Swept { expired: self.expire_held(now).await?, ..Swept::default() };
        let (chain, retention) = (self.chain(), self.inner.retention.clone());
        let rows = self.write(move |mut tx| async move {
            let pending_cleared = clear_pending(&mut tx, Stale::Before(earlier(now, LEASE)), now).await?;
            let mut swept = Swept { pending_cleared, ..Swept::default() };
            tx.execute(RETRY_KEYS_OVER, args![micros(now)]).await?;
            swept.journal_deleted = tx.execute(JOURNAL_OVER, args![earlier(now, retention.journal)]).await?;
            swept.audit_deleted = chain.expire(&mut tx, now, retention.audit).await?;
            swept.expiring = tx.fetch_all(WARNED, args![later(now, retention.warning)]).await?;
            forget_decided(&mut tx, earlier(now, retention.journal)).await?;
            Ok(swept)
        });
        let rows = rows.await?;
        swept = Swept { expired: swept.expired, ..rows };
        swept.blobs_deleted = self.delete_blobs(now).await?;
        let figures = self.figures().await?;
        if let (true, Some(quota)) = (figures.quota_warning, figures.quota) {
            tracing::warn!(
                used = figures.bytes,
                quota,
                "held mail has almost reached [store] quota; at 95 % octroi defers mail that must be held"
            );
        }
        Ok(swept)
    }

    async fn expire_held(&self, now: Timestamp) -> Result<u64, StoreError> {
        let due: Vec<(String,)> = self.reader().fetch_all(EXPIRED, args![micros(now), AT_ONCE]).await?;
        if due.is_empty() {
            return Ok(0);
        }
        let (chain, owner) = (self.chain(), self.own_epoch());
        let expired = self
            .write(move |mut tx| async move {
                let mut expired = 0;
                for (id,) in due {
                    let decide = Decide {
                        id,
                        actor: Actor::named("octroi"),
                        now,
                        to: CopyState::Expired,
                        action: "expire",
                        chain: chain.clone(),
                        owner: owner.clone(),
                    };
                    match decide.write(&mut tx).await {
                        Ok(Change::Done) => expired += 1,
                        // A reviewer was faster, or another gateway.
                        Ok(Change::Already) | Err(StoreError::WrongState { .. } | StoreError::Unknown { .. }) => {}
                        Err(other) => return Err(other),
                    }
                }
                Ok(expired)
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
        let count = self
            .write(move |mut tx| async move {
                let freed: Vec<(String,)> = tx.fetch_all(FREED_BLOBS_OVER, args![before]).await?;
                for (name,) in &freed {
                    blobs.delete(name)?;
                }
                let mut count = freed.len() as u64;
                // Decision D13: checked in the deleting transaction.
                for name in old {
                    let known: Option<(String,)> = tx.fetch_optional(BLOB_KNOWN, args![&name]).await?;
                    if known.is_none() {
                        blobs.delete(&name)?;
                        count += 1;
                    }
                }
                Ok(count)
            })
            .await?;
        self.count_bytes().await?;
        Ok(count)
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

/// Decided copies and ended items are remembered as long as the journal remembers the mail.
async fn forget_decided(tx: &mut Tx, before: i64) -> Result<(), StoreError> {
    for over in [RULES_OVER, DECIDED_COPIES_OVER, MAILS_OVER, RECIPIENTS_OVER, ITEMS_OVER] {
        tx.execute(over, args![before]).await?;
    }
    Ok(())
}
