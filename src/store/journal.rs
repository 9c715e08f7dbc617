// SPDX-License-Identifier: EUPL-1.2
//! The journal: one row a recipient of everything that came by, written in batches (decision D23). Addresses stand
//! sealed and are found by keyed hashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::keep::{bare_message_id, json};
use super::key::{self, KeyFile};
use super::verbatim::address_key;
use super::{Store, StoreError, micros};

/// Rows that wait at most; what comes beyond is counted and lost.
const WAITING: usize = 20_000;
/// A batch is written when it has so many rows, or after [`PAUSE`].
const BATCH: usize = 500;
const PAUSE: Duration = Duration::from_millis(200);
/// Rows of one statement: 21 columns, far below SQLite's 32,766 parameters.
const ROWS: usize = 100;
const COLUMNS: usize = 21;

/// What became of one recipient of one mail.
#[derive(Debug, Clone)]
pub struct Entry {
    pub mail: String,
    pub time: Timestamp,
    pub client: Option<String>,
    pub queue_id: Option<String>,
    pub message_id: Option<String>,
    /// Empty for the null reverse-path.
    pub sender: String,
    pub recipient: String,
    pub class: String,
    pub disposition: String,
    /// What rules in observe mode would have said.
    pub observed: Option<String>,
    pub rules: Vec<String>,
    /// The held copy.
    pub copy: Option<String>,
    /// The next hop's reply.
    pub reply: Option<String>,
    pub size: u64,
    /// The facts judged, as JSON; never content.
    pub facts: String,
    pub policy: String,
    pub maybe_duplicate: bool,
    /// How the client's side and the next hop's were protected, as `mail::Tls` writes it; `None` in clear.
    pub client_tls: Option<String>,
    pub next_hop_tls: Option<String>,
}

/// The handle doors and pipeline write to. Cheap to clone; never waits.
#[derive(Clone)]
pub struct Journal {
    rows: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Row(Box<Entry>),
    Flush(oneshot::Sender<Result<(), StoreError>>),
}

impl Journal {
    /// Adds a row, or counts it as lost where the channel is full.
    pub fn record(&self, entry: Entry) {
        if self.rows.try_send(Message::Row(Box::new(entry))).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns when everything recorded before is on the disk; for drain.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        self.rows.send(Message::Flush(tell)).await.map_err(|_| StoreError::Closed)?;
        told.await.map_err(|_| StoreError::Closed)?
    }

    /// Rows lost since the start.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Store {
    /// Starts the journal's own task, which ends when the last handle is gone.
    pub fn journal(&self) -> Journal {
        self.journal_of(WAITING)
    }

    /// A journal whose channel holds `waiting` rows.
    pub fn journal_of(&self, waiting: usize) -> Journal {
        let (rows, incoming) = mpsc::channel(waiting.max(1));
        tokio::spawn(collect(self.clone(), incoming));
        Journal { rows, dropped: Arc::clone(&self.inner.journal_dropped) }
    }

    async fn write_journal(&self, batch: Vec<Entry>) -> Result<(), StoreError> {
        let keys = self.inner.journal_keys.clone();
        let lost = batch.len() as u64;
        let written = self.inner.writer.run(move |c| {
            Box::pin(async move {
                for rows in batch.chunks(ROWS) {
                    insert(c, rows, &keys).await?;
                }
                Ok(())
            })
        });
        let written = written.await;
        if written.is_err() {
            self.inner.journal_dropped.fetch_add(lost, Ordering::Relaxed);
        }
        written
    }
}

async fn collect(store: Store, mut incoming: mpsc::Receiver<Message>) {
    let mut batch: Vec<Entry> = Vec::new();
    let mut fault: Option<StoreError> = None;
    while let Some(first) = incoming.recv().await {
        let deadline = tokio::time::Instant::now() + PAUSE;
        let mut next = Some(first);
        let mut flush = None;
        while let Some(message) = next.take() {
            match message {
                Message::Row(entry) => batch.push(*entry),
                Message::Flush(tell) => {
                    flush = Some(tell);
                    break;
                }
            }
            if batch.len() < BATCH {
                next = tokio::time::timeout_at(deadline, incoming.recv()).await.ok().flatten();
            }
        }
        if !batch.is_empty()
            && let Err(error) = store.write_journal(std::mem::take(&mut batch)).await
        {
            tracing::error!(%error, "journal rows were lost");
            fault = Some(error);
        }
        if let Some(tell) = flush {
            // Whoever asked and went away needs no answer.
            let _ = tell.send(fault.take().map_or(Ok(()), Err));
        }
    }
}

async fn insert(c: &mut SqliteConnection, rows: &[Entry], keys: &Keys) -> Result<(), StoreError> {
    let mut query = sqlx::query(AssertSqlSafe(insert_text(rows.len())));
    for row in rows {
        query = query
            .bind(uuid::Uuid::now_v7().simple().to_string())
            .bind(micros(row.time))
            .bind(&row.mail)
            .bind(&row.client)
            .bind(&row.queue_id)
            .bind(row.message_id.as_deref().map(bare_message_id))
            .bind(keys.hash(&row.sender))
            .bind(keys.hash(&row.recipient))
            .bind(keys.seal(&row.mail, &row.sender, &row.recipient))
            .bind(&row.class)
            .bind(&row.disposition)
            .bind(&row.observed)
            .bind(json(&row.rules))
            .bind(&row.copy)
            .bind(&row.reply)
            .bind(row.size.cast_signed())
            .bind(&row.facts)
            .bind(&row.policy)
            .bind(row.maybe_duplicate)
            .bind(&row.client_tls)
            .bind(&row.next_hop_tls);
    }
    query.execute(c).await?;
    Ok(())
}

/// One statement for many rows: numbers and commas only, so that nothing of a mail can stand in it.
/// Anonymous parameters: SQLite looks numbered ones up in a list, which for so many costs more than the rows.
fn insert_text(rows: usize) -> String {
    let row = format!("({}?)", "?, ".repeat(COLUMNS - 1));
    let head = "INSERT INTO journal (id, at, mail, client, queue_id, message_id, sender_hash, recipient_hash, addresses, \
        class, disposition, observed, rules, copy, reply, size, facts, policy, maybe_duplicate, client_tls, \
        next_hop_tls) VALUES ";
    format!("{head}{}", vec![row; rows].join(", "))
}

/// The keys of the journal, derived from the key-encryption key.
#[derive(Clone)]
pub(super) struct Keys {
    hash: Zeroizing<[u8; 32]>,
    seal: Zeroizing<[u8; 32]>,
}

impl Keys {
    pub fn derive(key: &KeyFile) -> Keys {
        Keys {
            hash: key.derive("octroi 2026 journal address hash"),
            seal: key.derive("octroi 2026 journal address seal"),
        }
    }

    /// 16 bytes under which an address is found again.
    pub fn hash(&self, address: &str) -> Vec<u8> {
        let mut hash = [0; 16];
        blake3::Hasher::new_keyed(&self.hash).update(address_key(address).as_bytes()).finalize_xof().fill(&mut hash);
        hash.to_vec()
    }

    fn seal(&self, mail: &str, sender: &str, recipient: &str) -> Vec<u8> {
        key::seal_with_random_nonce(&self.seal, mail.as_bytes(), format!("{sender}\0{recipient}").as_bytes())
    }

    /// Sender and recipient of a row.
    pub fn open(&self, mail: &str, sealed: &[u8]) -> Option<(String, String)> {
        let plain = key::open_with_random_nonce(&self.seal, mail.as_bytes(), sealed)?;
        let (sender, recipient) = std::str::from_utf8(&plain).ok()?.split_once('\0')?;
        Some((sender.to_owned(), recipient.to_owned()))
    }
}
