// SPDX-License-Identifier: EUPL-1.2
//! The journal: one row a recipient of everything that came by, written in batches (decision D23). Addresses stand
//! sealed and are found by keyed hashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::keeping::{bare_message_id, json};
use super::key::{self, KeyFile};
use super::tx::{Tx, Value, statements};
use super::{Store, StoreError, micros};
use crate::mail::address_key;

/// Rows that wait at most; what comes beyond is counted and lost.
const WAITING: usize = 20_000;
/// A batch is written when it has so many rows, or after [`PAUSE`].
const BATCH: usize = 500;
const PAUSE: Duration = Duration::from_millis(200);

statements! {
    ADDED = "INSERT INTO journal (id, at, mail, client, queue_id, message_id, sender_hash, recipient_hash, addresses, \
        class, disposition, observed, rules, copy, reply, size, facts, policy, maybe_duplicate, client_tls, \
        next_hop_tls) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, \
        $20, $21)";
}

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
        let written = self.write(move |mut tx| async move { insert(&mut tx, &batch, &keys).await }).await;
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
            tracing::error!(%error, "journal rows are lost");
            fault = Some(error);
        }
        if let Some(tell) = flush {
            // Whoever asked and went away needs no answer.
            let _ = tell.send(fault.take().map_or(Ok(()), Err));
        }
    }
}

/// What a row holds beside its [`Entry`].
struct Made {
    id: String,
    message_id: Option<String>,
    sender_hash: Vec<u8>,
    recipient_hash: Vec<u8>,
    addresses: Vec<u8>,
    rules: String,
}

async fn insert(tx: &mut Tx, entries: &[Entry], keys: &Keys) -> Result<(), StoreError> {
    let made = |entry: &Entry| Made {
        id: uuid::Uuid::now_v7().simple().to_string(),
        message_id: entry.message_id.as_deref().map(bare_message_id),
        sender_hash: keys.hash(&entry.sender),
        recipient_hash: keys.hash(&entry.recipient),
        addresses: keys.seal(&entry.mail, &entry.sender, &entry.recipient),
        rules: json(&entry.rules),
    };
    let made: Vec<Made> = entries.iter().map(made).collect();
    let rows = entries.iter().zip(&made).map(|(entry, made)| {
        [
            Value::from(&made.id),
            micros(entry.time).into(),
            (&entry.mail).into(),
            (&entry.client).into(),
            (&entry.queue_id).into(),
            (&made.message_id).into(),
            (&made.sender_hash).into(),
            (&made.recipient_hash).into(),
            (&made.addresses).into(),
            (&entry.class).into(),
            (&entry.disposition).into(),
            (&entry.observed).into(),
            (&made.rules).into(),
            (&entry.copy).into(),
            (&entry.reply).into(),
            entry.size.cast_signed().into(),
            (&entry.facts).into(),
            (&entry.policy).into(),
            entry.maybe_duplicate.into(),
            (&entry.client_tls).into(),
            (&entry.next_hop_tls).into(),
        ]
    });
    tx.insert_all(ADDED, rows).await
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
