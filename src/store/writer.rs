// SPDX-License-Identifier: EUPL-1.2
//! The one writer: collects what many callers want written, and commits it together. This is how to write with an
//! engine that has one writing connection; the callers know it only as `Store::write`.
//!
//! Each job runs in a savepoint of its own, so a job that fails takes nothing else with it. Nobody hears of a
//! success before the commit (and its fsync) is done.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::StoreError;
use super::blob::Blobs;
use super::engine::{Connection, Engine};
use super::health::OwnFiles;
use super::tx::Tx;

/// How many jobs one commit takes at most.
const BATCH: usize = 256;
/// How many jobs may wait; beyond it callers wait in turn.
const WAITING: usize = 4096;

/// Tells the caller, once the commit is known.
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Ran = Pin<Box<dyn Future<Output = (Option<StoreError>, Done)> + Send>>;
type Run = Box<dyn FnOnce(Option<Tx>) -> Ran + Send>;

struct Job {
    /// Runs the work; without a transaction it only hands back whom to tell of the fault before it.
    run: Run,
    /// Whether new blob files stand behind it, whose folder must be synced first.
    blobs: bool,
}

enum Message {
    Job(Job),
    EmptyLog(oneshot::Sender<Result<bool, StoreError>>),
}

/// The handle to the writer task, which ends when the last handle is gone and all jobs are done.
pub(super) struct Writer {
    /// Taken away when the store is closed.
    jobs: Mutex<Option<mpsc::Sender<Message>>>,
    pub commits: Arc<AtomicU64>,
    /// Microseconds of the longest transaction since somebody asked.
    pub longest: Arc<AtomicU64>,
    /// Cancelled when the task has ended, in whatever way.
    pub ended: CancellationToken,
}

impl Writer {
    pub async fn start(engine: Engine, blobs: Blobs, files: OwnFiles) -> Result<Writer, StoreError> {
        let connection = Arc::new(tokio::sync::Mutex::new(engine.connect().await?));
        let (jobs, waiting) = mpsc::channel(WAITING);
        let (commits, longest) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let task = Task {
            engine,
            connection,
            blobs,
            files,
            waiting,
            commits: Arc::clone(&commits),
            longest: Arc::clone(&longest),
        };
        let ended = CancellationToken::new();
        // Also where a job panics.
        let end = ended.clone().drop_guard();
        tokio::spawn(async move {
            task.run().await;
            drop(end);
        });
        Ok(Writer { jobs: Mutex::new(Some(jobs)), commits, longest, ended })
    }

    /// Takes no further jobs; those submitted are still done.
    pub fn stop(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Runs `work` inside the next commit; returns once that is durable.
    pub async fn run<T, F, D>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Tx) -> D + Send + 'static,
        D: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.submit(work, false).await
    }

    /// Like [`Writer::run`], after the folder of blobs was synced (decision D13: blob, directory, row).
    pub async fn run_after_blobs<T, F, D>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Tx) -> D + Send + 'static,
        D: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        self.submit(work, true).await
    }

    async fn submit<T, F, D>(&self, work: F, blobs: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(Tx) -> D + Send + 'static,
        D: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let run: Run = Box::new(move |tx| {
            Box::pin(async move {
                let outcome = match tx {
                    Some(tx) => work(tx).await,
                    None => Err(StoreError::Closed),
                };
                let fault = outcome.as_ref().err().cloned();
                let done: Done = Box::new(move |commit| {
                    // A caller that went away needs no answer.
                    let _ = tell.send(commit.and(outcome));
                });
                (fault, done)
            })
        });
        self.send(Message::Job(Job { run, blobs })).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    /// Empties the log, between two commits; see [`Connection::empty_log`].
    pub async fn empty_log(&self) -> Result<bool, StoreError> {
        let (tell, told) = oneshot::channel();
        self.send(Message::EmptyLog(tell)).await?;
        told.await.unwrap_or(Err(StoreError::Closed))
    }

    async fn send(&self, message: Message) -> Result<(), StoreError> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)?;
        jobs.send(message).await.map_err(|_| StoreError::Closed)
    }
}

struct Task {
    engine: Engine,
    /// Held by each job in turn, as its [`Tx`].
    connection: Arc<tokio::sync::Mutex<Connection>>,
    blobs: Blobs,
    files: OwnFiles,
    waiting: mpsc::Receiver<Message>,
    commits: Arc<AtomicU64>,
    longest: Arc<AtomicU64>,
}

impl Task {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.waiting.recv_many(&mut batch, BATCH).await > 0 {
            let (mut jobs, mut emptying) = (Vec::with_capacity(batch.len()), Vec::new());
            for message in batch.drain(..) {
                match message {
                    Message::Job(job) => jobs.push(job),
                    Message::EmptyLog(tell) => emptying.push(tell),
                }
            }
            self.commit_all(jobs).await;
            for tell in emptying {
                let emptied = self.connection.lock().await.empty_log().await;
                // A caller that went away needs no answer.
                let _ = tell.send(emptied);
            }
        }
        if let Some(connection) = Arc::into_inner(self.connection) {
            connection.into_inner().close().await;
        }
    }

    /// One commit; the caller of each job gets its result.
    async fn commit_all(&mut self, batch: Vec<Job>) {
        if batch.is_empty() {
            return;
        }
        let mut told = Vec::with_capacity(batch.len());
        let outcome = self.commit(batch, &mut told).await;
        if outcome.is_err() {
            self.recover().await;
        }
        for done in told {
            done(outcome.clone());
        }
    }

    /// One transaction. What it returns is what every job in `told` hears.
    async fn commit(&mut self, batch: Vec<Job>, told: &mut Vec<Done>) -> Result<(), StoreError> {
        let mut ready = if batch.iter().any(|job| job.blobs) { self.blobs.sync_folder().await } else { Ok(()) };
        if ready.is_ok() {
            ready = self.connection.lock().await.begin().await;
        }
        let (alone, began) = (batch.len() == 1, Instant::now());
        for job in batch {
            if ready.is_ok() && !alone {
                ready = self.connection.lock().await.begin_job().await;
            }
            if ready.is_err() {
                told.push((job.run)(None).await.1);
                continue;
            }
            let (fault, done) = (job.run)(Some(Tx::on(&self.connection).await)).await;
            told.push(done);
            let mut connection = self.connection.lock().await;
            ready = match fault {
                None if alone => Ok(()),
                None => connection.end_job().await,
                Some(_) if alone => {
                    // The engine may have rolled back by itself already (full disk); then this has nothing to do.
                    let _ = connection.rollback().await;
                    return Ok(());
                }
                Some(fault) => connection.undo_job().await.map_err(|_| fault),
            };
        }
        ready?;
        self.connection.lock().await.commit().await?;
        self.files.check()?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        let taken = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.longest.fetch_max(taken, Ordering::Relaxed);
        Ok(())
    }

    /// After a failed commit the transaction may be open or gone, the connection good or not.
    async fn recover(&mut self) {
        let mut connection = self.connection.lock().await;
        let _ = connection.rollback().await;
        if !connection.is_alive().await
            && let Ok(fresh) = self.engine.connect().await
        {
            *connection = fresh;
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::store::{Retention, Store, StoreError, StoreSettings};

    #[tokio::test]
    async fn a_writer_that_dies_of_a_job_has_ended() {
        let folder = tempfile::tempdir().unwrap();
        let [database, blobs, key_file] = ["db", "blobs", "key"].map(|name| folder.path().join(name));
        let (node, quota, retention) = (None, None, Retention::default());
        let settings = StoreSettings { database, blobs, key_file, node, shared: false, quota, keep_free: 0, retention };
        let store = Store::open(settings, jiff::Timestamp::UNIX_EPOCH).await.unwrap();
        let panics = store.write::<(), _, _>(|_tx| async { panic!("a job of this test") });
        assert!(matches!(panics.await, Err(StoreError::Closed)));
        store.ended().await;
        assert!(matches!(store.write(|_tx| async { Ok(()) }).await, Err(StoreError::Closed)));
    }
}
