// SPDX-License-Identifier: EUPL-1.2
//! Opening: folders, migrations, the key's check value, the process epoch.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use jiff::Timestamp;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{SqlSafeStr, SqliteConnection, SqlitePool};
use tokio::sync::{Mutex, Notify};

use super::blob::Blobs;
use super::writer::Writer;
use super::{Inner, KeyFile, Store, StoreError, StoreSettings, journal};

/// Readers beside the one writer.
const READERS: u32 = 4;
/// How long a connection waits for another process's lock before it gives up.
const BUSY: Duration = Duration::from_secs(10);

/// Every change of the schema, in order. Rows are added, never changed: their checksums stand in the databases.
fn migrations() -> Migrator {
    let row = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(vec![
        row(1, "store", include_str!("schema/0001_store.sql")),
        row(2, "told", include_str!("schema/0002_told.sql")),
        row(3, "tls", include_str!("schema/0003_tls.sql")),
    ])
}

pub(super) async fn open(settings: StoreSettings, now: Timestamp) -> Result<Store, StoreError> {
    let path = &settings.database;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    if let Some(folder) = folder {
        std::fs::create_dir_all(folder).map_err(|e| StoreError::open(path, e))?;
    }
    let fault = |e: StoreError| match e {
        StoreError::Database(e) => StoreError::open(path, e),
        other => other,
    };
    let fresh = !path.exists();
    if fresh {
        // Addresses stand in it: for us alone, whatever the umask. SQLite gives its other files the same mode.
        use std::os::unix::fs::OpenOptionsExt;
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|e| StoreError::open(path, e))?;
    }
    // Before the database: a store whose key could not be written must not come to be.
    let key = Arc::new(load_key(&settings, fresh)?);
    let options = options(&settings);
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .connect_with(options.clone())
        .await
        .map_err(|e| fault(e.into()))?;
    migrations().run(&readers).await.map_err(|e| match e {
        sqlx::migrate::MigrateError::Execute(e) => fault(e.into()),
        other => StoreError::open(path, other),
    })?;
    know_key(&readers, &key, &settings).await?;
    let blobs = Blobs::open(&settings.blobs, Arc::clone(&key))?;
    let (used,): (i64,) =
        sqlx::query_as("SELECT CAST(COALESCE(SUM(stored), 0) AS BIGINT) FROM blob").fetch_one(&readers).await?;
    let (writer, ended) = Writer::start(options, blobs.clone()).await.map_err(fault)?;
    let node = settings.node.clone();
    let epoch = writer.run(move |c| Box::pin(async move { begin_epoch(c, &node, now).await })).await?;
    Ok(Store {
        inner: Arc::new(Inner {
            node: settings.node,
            epoch,
            quota: settings.quota,
            retention: settings.retention,
            audit_key: *key.derive("octroi 2026 audit chain"),
            journal_keys: journal::Keys::derive(&key),

            blobs,
            writer,
            ended: Mutex::new(Some(ended)),
            readers,
            used: AtomicU64::new(used.max(0).cast_unsigned()),
            outbox: Notify::new(),
            journal_dropped: Arc::default(),
        }),
    })
}

// `FULL`: a commit is on the disk when it returns, also in WAL mode (decision D13).
fn options(settings: &StoreSettings) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(&settings.database)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY)
        // A destroyed key must not live on in a free page (decision D14).
        .pragma("secure_delete", "ON")
}

fn load_key(settings: &StoreSettings, fresh: bool) -> Result<KeyFile, StoreError> {
    if fresh { KeyFile::create_or_load(&settings.key_file) } else { KeyFile::load(&settings.key_file) }
}

/// The first start leaves a check value; every later one must have the same key.
async fn know_key(readers: &SqlitePool, key: &KeyFile, settings: &StoreSettings) -> Result<(), StoreError> {
    let check = key.check_value().to_vec();
    sqlx::query("INSERT INTO meta (name, value) VALUES ('key_check', $1) ON CONFLICT (name) DO NOTHING")
        .bind(&check)
        .execute(readers)
        .await?;
    let (known,): (Vec<u8>,) =
        sqlx::query_as("SELECT value FROM meta WHERE name = 'key_check'").fetch_one(readers).await?;
    if known == check { Ok(()) } else { Err(StoreError::WrongKey { path: settings.key_file.clone() }) }
}

/// Decision D12: a new epoch, and nothing pending of this node's older ones.
async fn begin_epoch(c: &mut SqliteConnection, node: &str, now: Timestamp) -> Result<i64, StoreError> {
    let (epoch,): (i64,) = sqlx::query_as(
        "INSERT INTO node (name, epoch) VALUES ($1, 1) \
         ON CONFLICT (name) DO UPDATE SET epoch = node.epoch + 1 RETURNING epoch",
    )
    .bind(node)
    .fetch_one(&mut *c)
    .await?;
    super::expiry::clear_pending(c, super::expiry::Stale::Epoch { node, below: epoch }, now).await?;
    sqlx::query("UPDATE outbox SET lease_node = NULL, lease_until = 0 WHERE lease_node = $1")
        .bind(node)
        .execute(&mut *c)
        .await?;
    Ok(epoch)
}
