// SPDX-License-Identifier: EUPL-1.2
//! The journal: what became of every mail that came by, and the facts it was judged by, written in batches (decision
//! D23). Addresses are sealed, and found by keyed hashes.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::entry::Entry;
use super::journal_rows;
use super::journal_words::Words;
use super::{Store, StoreError};

/// Mails that wait at most; what comes beyond is counted and lost.
const WAITING: usize = 20_000;
/// A batch is written when it has so many mails, or after [`PAUSE`].
const BATCH: usize = 500;
const PAUSE: Duration = Duration::from_millis(200);

/// The handle listeners and pipeline write to. Cheap to clone; never waits.
#[derive(Clone)]
pub struct Journal {
    entries: mpsc::Sender<Message>,
    dropped: Arc<AtomicU64>,
}

enum Message {
    Entry(Box<Entry>),
    Flush(oneshot::Sender<Result<(), StoreError>>),
}

impl Journal {
    /// Adds a mail, or counts its rows as lost where the channel is full.
    pub fn record(&self, entry: Entry) {
        let rows = entry.copies.len() as u64;
        if rows > 0 && self.entries.try_send(Message::Entry(Box::new(entry))).is_err() {
            self.dropped.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// Returns when everything recorded before is on the disk; for drain.
    pub async fn flush(&self) -> Result<(), StoreError> {
        let (tell, told) = oneshot::channel();
        self.entries.send(Message::Flush(tell)).await.map_err(|_| StoreError::Closed)?;
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

    /// A journal whose channel holds `waiting` mails.
    pub fn journal_of(&self, waiting: usize) -> Journal {
        let (entries, incoming) = mpsc::channel(waiting.max(1));
        tokio::spawn(collect(self.clone(), incoming));
        Journal { entries, dropped: Arc::clone(&self.inner.journal_dropped) }
    }

    /// The words that are known go with the batch and come back where it was written.
    async fn write_journal(&self, batch: Vec<Entry>, words: Words) -> Result<Words, StoreError> {
        let keys = self.inner.journal_keys.clone();
        let retry = self.retention().retry_key;
        let lost: usize = batch.iter().map(|entry| entry.copies.len()).sum();
        let write = move |mut tx| async move { journal_rows::insert(&mut tx, batch, &keys, words, retry).await };
        let written = self.write(write).await;
        if written.is_err() {
            self.inner.journal_dropped.fetch_add(lost as u64, Ordering::Relaxed);
        }
        written
    }
}

async fn collect(store: Store, mut incoming: mpsc::Receiver<Message>) {
    let (mut batch, mut words) = (Vec::new(), Words::default());
    let mut fault: Option<StoreError> = None;
    while let Some(first) = incoming.recv().await {
        let deadline = tokio::time::Instant::now() + PAUSE;
        let mut next = Some(first);
        let mut flush = None;
        while let Some(message) = next.take() {
            match message {
                Message::Entry(entry) => batch.push(*entry),
                Message::Flush(tell) => {
                    flush = Some(tell);
                    break;
                }
            }
            if batch.len() < BATCH {
                next = tokio::time::timeout_at(deadline, incoming.recv()).await.ok().flatten();
            }
        }
        if !batch.is_empty() {
            match store.write_journal(std::mem::take(&mut batch), std::mem::take(&mut words)).await {
                Ok(known) => words = known,
                Err(error) => {
                    tracing::error!(%error, "journal rows are lost");
                    fault = Some(error);
                }
            }
        }
        if let Some(tell) = flush {
            // Whoever asked and went away needs no answer.
            let _ = tell.send(fault.take().map_or(Ok(()), Err));
        }
    }
}
