// SPDX-License-Identifier: EUPL-1.2
//! What we keep: held copies, the outbox, the journal, the audit chain. The only room with SQL or blobs.
//!
//! What must not live here: any decision about mail, and any clock: every instant comes in as an argument. Sending
//! is `deliver`'s; the store only remembers what is to be sent. No content, subject or excerpt stands unsealed.
//!
//! How it fails: with a [`StoreError`], which to a mail in progress is always `defer`. What returned `Ok` is on the
//! disk (SQLite `synchronous=FULL`, order blob, directory, row). Only the journal of passed mail may lose: its
//! channel is bounded, and what did not fit is counted.
//!
//! Standards: AES-256-GCM (NIST SP 800-38D) in the STREAM construction, BLAKE3; decisions D10 to D16, D20, D23, D25, D27.

mod audit;
mod blob;
mod campaigns;
mod claim;
mod copy;
mod courier;
mod debt;
mod decide;
mod digest;
mod engine;
mod entry;
mod error;
mod expiry;
mod figures;
mod find;
mod find_before;
mod found;
mod health;
mod journal;
mod journal_again;
mod journal_hours;
mod journal_keys;
mod journal_private;
mod journal_rows;
mod journal_words;
mod kept;
mod keep;
mod keeping;
mod key;
mod later;
mod members;
mod outbox;
mod packed;
mod quarantine;
mod rows;
mod schema;
mod seal;
mod settle;
mod sql;
mod sweep;
mod told;
mod followup;
mod tx;
mod writer;

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Notify;
use zeroize::Zeroizing;

pub use audit::{Anchor, AuditEntry, AuditFilter, AuditReport, Decided};
pub use campaigns::{CampaignChanges, DecidedCampaign};
pub use claim::Claim;
pub use copy::{Change, CopyState};
pub use debt::Debt;
pub use decide::HeldCase;
pub use digest::{DigestFigures, Waiting};
pub use entry::{Entry, EntryCopy, EntryFacts, FindRow, FindRows};
pub use error::StoreError;
pub use figures::Figures;
pub use find::{MOST_FOUND, asks_by_address};
pub use followup::{FollowupEvent, PendingFollowup};
pub use journal::Journal;
pub use keep::Writing;
pub use keeping::{
    HeldCopy, Keeping, Kept, KeptCopy, KeptItem, NoticeRecipient, OutboxContent, OutboxItem, Prepared, retry_digest,
};
pub use kept::{JournalPage, JournalPlace};
pub use key::KeyFile;
pub use members::{MemberStore, MembersError};
pub use outbox::{DueItem, ItemState, OutboxKind, OutboxRow, RecipientOutcome, Work};
pub use quarantine::{Exported, Filter, HeldDetail, HeldRow};
pub use schema::MIGRATIONS;
pub use sql::{Migration, Statement};
pub use sweep::Swept;
pub use told::NotedTurn;

/// How long what is kept (decision D16; the law's figures are in `docs/field.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub quarantine: Duration,
    /// How long before a held copy expires it counts as expiring soon.
    pub warning: Duration,
    pub journal: Duration,
    pub audit: Duration,
    /// How long it is known who was told what (decision D16).
    pub told: Duration,
    /// How long a repeated mail is known for one (decision D11).
    pub retry_key: Duration,
    /// How long the outbox tries (decision D16).
    pub outbox: Duration,
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

impl Default for Retention {
    fn default() -> Retention {
        Retention {
            quarantine: 30 * DAY,
            warning: 5 * DAY,
            journal: 183 * DAY,
            audit: 1096 * DAY,
            told: DAY,
            retry_key: 7 * DAY,
            outbox: 5 * DAY,
        }
    }
}

/// Where the store is and how it keeps.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The SQLite file.
    pub database: PathBuf,
    /// The folder of sealed contents.
    pub blobs: PathBuf,
    /// The key-encryption key, outside the store.
    pub key_file: PathBuf,
    /// The name of this gateway among those that share the store; by default one kept beside the database.
    pub node: Option<String>,
    /// Whether gateways of other names may have it open at the same time. `octroi serve` never says so: several gateways
    /// on one store are not built.
    pub shared: bool,
    /// Bytes that held contents may take on the disk; warned at 80 %, no more holds at 95 % (decision D15).
    pub quota: Option<u64>,
    /// Bytes that must stay free on its disks: below it nothing more is held (decision D33).
    pub keep_free: u64,
    pub retention: Retention,
}

/// How much is kept, and how long.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    quota: Option<u64>,
    keep_free: u64,
    retention: Retention,
}

/// The store, open. Cheap to clone; the database closes when the last clone is gone.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    node: String,
    epoch: i64,
    bounds: RwLock<Bounds>,
    /// Bytes free on the disks when they were last looked at.
    free: AtomicU64,
    /// The folders of the store.
    places: Vec<PathBuf>,
    blobs: blob::Blobs,
    writer: writer::Writer,
    reader: tx::Reader,
    /// Bytes of contents on the disk, for the quota.
    used: AtomicU64,
    /// When files that no row names were last sought.
    unknown_sought: AtomicI64,
    /// Woken whenever something in the outbox may be due.
    outbox: Notify,
    audit_key: Zeroizing<[u8; 32]>,
    audit_note_key: Zeroizing<[u8; 32]>,
    audit_address_key: Zeroizing<[u8; 32]>,
    journal_keys: journal_keys::Keys,
    journal_dropped: Arc<AtomicU64>,
    /// Rows of the journal that could not be read, each time that they were wanted.
    journal_damaged: AtomicU64,
    /// Released when the store is closed, at the latest when the last clone is gone.
    lock: Mutex<Option<File>>,
}

impl Store {
    /// Claims the store and opens it at once; see [`Claim`].
    pub async fn open(settings: StoreSettings, now: Timestamp) -> Result<Store, StoreError> {
        Claim::take(settings)?.open(now).await
    }

    /// Finishes what was submitted and closes the database; later calls on any clone fail with `Closed`.
    pub async fn close(self) -> Result<(), StoreError> {
        self.inner.writer.stop();
        self.inner.writer.ended.cancelled().await;
        self.inner.reader.close().await;
        self.inner.lock.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }

    /// From now on this is how much is kept, and how long; what is held already keeps its day.
    pub fn keep_by(&self, quota: Option<u64>, keep_free: u64, retention: Retention) {
        *self.inner.bounds.write().unwrap_or_else(PoisonError::into_inner) = Bounds { quota, keep_free, retention };
    }

    fn bounds(&self) -> Bounds {
        *self.inner.bounds.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes of held content at most.
    pub fn quota(&self) -> Option<u64> {
        self.bounds().quota
    }

    /// Bytes of the store's disks that stay free.
    pub fn keep_free(&self) -> u64 {
        self.bounds().keep_free
    }

    /// How long what is kept.
    pub fn retention(&self) -> Retention {
        self.bounds().retention
    }

    fn reader(&self) -> &tx::Reader {
        &self.inner.reader
    }

    /// Runs `work` inside the next commit; returns once that is durable. What fails leaves nothing behind.
    async fn write<T, F, D>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(tx::Tx) -> D + Send + 'static,
        D: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.inner.writer.run(work).await
    }

    /// Like [`Store::write`], after the folder of blobs was synced (decision D13: blob, directory, row).
    async fn write_after_blobs<T, F, D>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(tx::Tx) -> D + Send + 'static,
        D: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.inner.writer.run_after_blobs(work).await
    }

    /// This node and its process epoch, which stand in what it writes (decision D12).
    fn own_epoch(&self) -> (String, i64) {
        (self.inner.node.clone(), self.inner.epoch)
    }

    /// Waits until nothing is written any more: after [`Store::close`], or because the writer has died. Then every hold
    /// fails until the store is opened again.
    pub async fn ended(&self) {
        self.inner.writer.ended.cancelled().await;
    }

    /// The name of this gateway.
    pub fn node(&self) -> &str {
        &self.inner.node
    }

    /// Woken whenever something in the outbox may be due.
    pub async fn outbox_changed(&self) {
        self.inner.outbox.notified().await;
    }
}

/// Every statement of the store, for the test that prepares each on every engine.
pub fn statements() -> impl Iterator<Item = Statement> {
    [
        audit::STATEMENTS,
        campaigns::STATEMENTS,
        courier::STATEMENTS,
        debt::STATEMENTS,
        decide::STATEMENTS,
        digest::STATEMENTS,
        expiry::STATEMENTS,
        figures::STATEMENTS,
        find::STATEMENTS,
        find_before::STATEMENTS,
        found::STATEMENTS,
        followup::STATEMENTS,
        health::STATEMENTS,
        journal_again::STATEMENTS,
        journal_hours::STATEMENTS,
        journal_private::STATEMENTS,
        journal_rows::STATEMENTS,
        journal_words::STATEMENTS,
        kept::STATEMENTS,
        keep::STATEMENTS,
        quarantine::STATEMENTS,
        rows::STATEMENTS,
        schema::STATEMENTS,
        settle::STATEMENTS,
        sweep::STATEMENTS,
        told::STATEMENTS,
    ]
    .into_iter()
    .flatten()
    .copied()
}

fn micros(at: Timestamp) -> i64 {
    at.as_microsecond()
}

/// Instants in our rows were written by [`micros`], so they are within range; a damaged one becomes the epoch.
fn instant(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn later(at: Timestamp, by: Duration) -> i64 {
    micros(at).saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}

fn earlier(at: Timestamp, by: Duration) -> i64 {
    micros(at).saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
