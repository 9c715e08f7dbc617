// SPDX-License-Identifier: EUPL-1.2
//! Numbers for metrics and readiness.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::tx::{args, statements};
use super::{Store, StoreError};

statements! {
    COUNTS = "SELECT (SELECT COUNT(*) FROM held WHERE state = 'held'), (SELECT COUNT(*) FROM held WHERE state = 'pending'), \
        (SELECT COUNT(*) FROM outbox WHERE state = 'pending'), (SELECT COUNT(*) FROM outbox WHERE state = 'ready')";
}

/// A snapshot of the store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Copies waiting for a decision.
    pub held: u64,
    /// Copies and items written before the next hop had answered.
    pub pending: u64,
    /// Items still to be sent.
    pub outbox: u64,
    /// Bytes of sealed contents on the disk.
    pub bytes: u64,
    pub quota: Option<u64>,
    /// Bytes free on the fuller of the store's disks.
    pub free: u64,
    /// Whether 80 % of the quota is used (decision D15).
    pub quota_warning: bool,
    /// Whether 95 % is used: holds are refused.
    pub quota_reached: bool,
    /// Journal rows that did not fit the channel, since the start.
    pub journal_dropped: u64,
    /// Journal rows found damaged, since the start; each counts as often as it was wanted.
    pub journal_damaged: u64,
    /// Commits since the start; each is one fsync for all that waited.
    pub commits: u64,
}

impl Store {
    /// The longest transaction of the writer since this was asked last, its fsync included.
    pub fn longest_write(&self) -> Duration {
        Duration::from_micros(self.inner.writer.longest.swap(0, Ordering::Relaxed))
    }
}

impl Store {
    /// Counts.
    pub async fn figures(&self) -> Result<Figures, StoreError> {
        let (held, pending, waiting, outbox): (i64, i64, i64, i64) = self.reader().fetch_one(COUNTS, args![]).await?;
        let bytes = self.inner.used.load(Ordering::Relaxed);
        let quota = self.quota();
        Ok(Figures {
            held: held.cast_unsigned(),
            pending: (pending + waiting).cast_unsigned(),
            outbox: outbox.cast_unsigned(),
            bytes,
            quota,
            free: self.inner.free.load(Ordering::Relaxed),
            quota_warning: quota.is_some_and(|q| bytes > q / 100 * 80),
            quota_reached: quota.is_some_and(|q| bytes > q / 100 * 95),
            journal_dropped: self.inner.journal_dropped.load(Ordering::Relaxed),
            journal_damaged: self.inner.journal_damaged.load(Ordering::Relaxed),
            commits: self.inner.writer.commits.load(Ordering::Relaxed),
        })
    }
}
