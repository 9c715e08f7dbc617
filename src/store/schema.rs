// SPDX-License-Identifier: EUPL-1.2
//! Opening: folders, migrations, the key's check value, the process epoch.

use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex, RwLock};

use jiff::Timestamp;
use tokio::sync::Notify;

use super::blob::Blobs;
use super::claim::Claim;
use super::engine::Engine;
use super::health::{OwnFiles, free_bytes};
use super::sql::Migration;
use super::tx::{Reader, Tx, args, statements};
use super::writer::Writer;
use super::{Bounds, Inner, KeyFile, Store, StoreError, StoreSettings, journal_keys};

/// Every change of the schema, in order. Rows are added, never changed: their checksums stand in the databases.
pub const MIGRATIONS: &[Migration] = &[
    Migration { version: 1, name: "store", sql: include_str!("schema/0001_store.sql") },
    Migration { version: 2, name: "told", sql: include_str!("schema/0002_told.sql") },
    Migration { version: 3, name: "tls", sql: include_str!("schema/0003_tls.sql") },
    Migration { version: 4, name: "rules and indexes", sql: include_str!("schema/0004_rules_and_indexes.sql") },
    Migration { version: 5, name: "reasons", sql: include_str!("schema/0005_reasons.sql") },
    Migration { version: 6, name: "audit index", sql: include_str!("schema/0006_audit_index.sql") },
    Migration { version: 8, name: "two persons", sql: include_str!("schema/0008_two_persons.sql") },
    Migration { version: 9, name: "facts", sql: include_str!("schema/0009_facts.sql") },
    Migration { version: 10, name: "journal", sql: include_str!("schema/0010_journal.sql") },
    Migration { version: 11, name: "campaigns", sql: include_str!("schema/0011_campaigns.sql") },
    Migration { version: 12, name: "campaign decisions", sql: include_str!("schema/0012_campaign_decisions.sql") },
];

statements! {
    BYTES_STORED = "SELECT CAST(COALESCE(SUM(stored), 0) AS BIGINT) FROM blob";
    KEY_CHECK_LEFT = "INSERT INTO meta (name, value) VALUES ('key_check', $1) ON CONFLICT (name) DO NOTHING";
    KEY_CHECK = "SELECT value FROM meta WHERE name = 'key_check'";
    EPOCH_BEGUN = "INSERT INTO node (name, epoch) VALUES ($1, 1) \
        ON CONFLICT (name) DO UPDATE SET epoch = node.epoch + 1 RETURNING epoch";
    OWN_LEASES_ENDED = "UPDATE outbox SET lease_node = NULL, lease_until = 0 WHERE state = 'ready' AND lease_node = $1";
    HELD_RULES_WRITTEN = "DELETE FROM meta WHERE name = 'held_rules_missing'";
    HELD_BEFORE = "SELECT id, rules, held_at FROM held WHERE id > $1 ORDER BY id LIMIT 1000";
}

impl Claim {
    /// Opens the store, made where there is none: runs migrations, knows its key again, begins a new process epoch, and
    /// clears what this node left pending before (decision D12).
    pub async fn open(self, now: Timestamp) -> Result<Store, StoreError> {
        self.keep_node()?;
        open(self, now).await
    }
}

async fn open(claim: Claim, now: Timestamp) -> Result<Store, StoreError> {
    let Claim { settings, node, lock, .. } = claim;
    let path = &settings.database;
    let fault = |e: StoreError| match e {
        StoreError::Database(e) => StoreError::open(path, e),
        other => other,
    };
    let fresh = !path.exists();
    // Before the database: a store whose key could not be written must not come to be.
    let key = Arc::new(load_key(&settings, fresh)?);
    if fresh {
        // Addresses stand in it: for us alone, whatever the umask. SQLite gives its other files the same mode.
        use std::os::unix::fs::OpenOptionsExt;
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|e| StoreError::open(path, e))?;
    }
    let engine = Engine::of_file(path);
    let pool = engine.pool().await.map_err(fault)?;
    pool.migrate(MIGRATIONS).await.map_err(fault)?;
    let reader = Reader::of(pool);
    let blobs = Blobs::open(&settings.blobs, Arc::clone(&key))?;
    let writer = Writer::start(engine, blobs.clone(), OwnFiles::of(path)).await.map_err(fault)?;
    let database_folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let places = vec![database_folder.to_owned(), settings.blobs.clone()];
    let check = key.check_value().to_vec();
    if !writer.run(|tx| know_key(tx, check)).await? {
        return Err(StoreError::WrongKey { path: settings.key_file });
    }
    writer.run(write_held_rules).await?;
    let used = bytes_stored(&reader).await?;
    let own = node.clone();
    let epoch = writer.run(move |tx| begin_epoch(tx, own, now)).await?;
    Ok(Store {
        inner: Arc::new(Inner {
            node,
            epoch,
            bounds: RwLock::new(Bounds {
                quota: settings.quota,
                keep_free: settings.keep_free,
                retention: settings.retention,
            }),
            free: AtomicU64::new(free_bytes(&places)),
            places,
            audit_key: key.derive("octroi 2026 audit chain"),
            audit_note_key: key.derive("octroi 2026 audit note"),
            audit_address_key: key.derive("octroi 2026 audit address"),
            journal_keys: journal_keys::Keys::derive(&key),
            blobs,
            writer,
            reader,
            used: AtomicU64::new(used),
            unknown_sought: AtomicI64::new(i64::MIN),
            outbox: Notify::new(),
            journal_dropped: Arc::default(),
            journal_damaged: AtomicU64::new(0),
            lock: Mutex::new(Some(lock)),
        }),
    })
}

/// Bytes of sealed contents.
pub(super) async fn bytes_stored(reader: &Reader) -> Result<u64, StoreError> {
    let (stored,): (i64,) = reader.fetch_one(BYTES_STORED, args![]).await?;
    Ok(stored.max(0).cast_unsigned())
}

fn load_key(settings: &StoreSettings, fresh: bool) -> Result<KeyFile, StoreError> {
    if fresh { KeyFile::create_or_load(&settings.key_file) } else { KeyFile::load(&settings.key_file) }
}

/// The first start leaves a check value; every later one must have the same key.
async fn know_key(mut tx: Tx, check: Vec<u8>) -> Result<bool, StoreError> {
    tx.execute(KEY_CHECK_LEFT, args![&check]).await?;
    let (known,): (Vec<u8>,) = tx.fetch_one(KEY_CHECK, args![]).await?;
    Ok(known == check)
}

/// Once, for what was held before the rules of copies were rows.
async fn write_held_rules(mut tx: Tx) -> Result<(), StoreError> {
    if tx.execute(HELD_RULES_WRITTEN, args![]).await? == 0 {
        return Ok(());
    }
    let mut after = String::new();
    loop {
        let page: Vec<(String, String, i64)> = tx.fetch_all(HELD_BEFORE, args![&after]).await?;
        let Some((last, ..)) = page.last() else { return Ok(()) };
        after.clone_from(last);
        for (copy, rules, held_at) in page {
            let rules: Vec<String> = serde_json::from_str(&rules).unwrap_or_default();
            super::rows::insert_rules(&mut tx, &copy, &rules, held_at).await?;
        }
    }
}

/// Decision D12: a new epoch, and nothing pending of this node's older ones.
async fn begin_epoch(mut tx: Tx, node: String, now: Timestamp) -> Result<i64, StoreError> {
    let (epoch,): (i64,) = tx.fetch_one(EPOCH_BEGUN, args![&node]).await?;
    super::expiry::clear_pending(&mut tx, super::expiry::Stale::Epoch { node: &node, below: epoch }, now).await?;
    tx.execute(OWN_LEASES_ENDED, args![&node]).await?;
    Ok(epoch)
}
