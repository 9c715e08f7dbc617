// SPDX-License-Identifier: EUPL-1.2
//! The one writer: collects what many callers want written, and commits it together.
//!
//! Each job runs in a savepoint of its own, so a job that fails takes nothing else with it. Nobody hears of a
//! success before the commit (and its fsync) is done.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::StoreError;
use super::blob::Blobs;

/// How many jobs one commit takes at most.
const BATCH: usize = 256;
/// How many jobs may wait; beyond it callers wait in turn.
const WAITING: usize = 4096;

pub(super) type Doing<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;
/// Tells the caller, once the commit is known.
type Done = Box<dyn FnOnce(Result<(), StoreError>) + Send>;
type Ran<'c> = Pin<Box<dyn Future<Output = (Option<StoreError>, Done)> + Send + 'c>>;
type Run = Box<dyn for<'c> FnOnce(Option<&'c mut SqliteConnection>) -> Ran<'c> + Send>;

struct Job {
    /// Runs the work; without a connection it only hands back whom to tell of the fault before it.
    run: Run,
    /// Whether new blob files stand behind it, whose folder must be synced first.
    blobs: bool,
}

/// The handle to the writer task, which ends when the last handle is gone and all jobs are done.
pub(super) struct Writer {
    /// Taken away when the store is closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    pub commits: Arc<AtomicU64>,
}

impl Writer {
    pub async fn start(options: SqliteConnectOptions, blobs: Blobs) -> Result<(Writer, Ended), StoreError> {
        let connection = options.connect().await?;
        let (jobs, waiting) = mpsc::channel(WAITING);
        let commits = Arc::new(AtomicU64::new(0));
        let task = Task { options, connection, blobs, waiting, commits: Arc::clone(&commits) };
        Ok((Writer { jobs: Mutex::new(Some(jobs)), commits }, Ended(tokio::spawn(task.run()))))
    }

    /// Takes no further jobs; those submitted are still done.
    pub fn stop(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// Runs `work` inside the next commit; returns once that is durable.
    pub async fn run<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Doing<'c, T> + Send + 'static,
    {
        self.submit(work, false).await
    }

    /// Like [`Writer::run`], after the folder of blobs was synced (decision D13: blob, directory, row).
    pub async fn run_after_blobs<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Doing<'c, T> + Send + 'static,
    {
        self.submit(work, true).await
    }

    async fn submit<T, F>(&self, work: F, blobs: bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Doing<'c, T> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let run: Run = Box::new(move |connection| {
            Box::pin(async move {
                let outcome = match connection {
                    Some(connection) => work(connection).await,
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
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or(StoreError::Closed)?;
        jobs.send(Job { run, blobs }).await.map_err(|_| StoreError::Closed)?;
        drop(jobs);
        told.await.unwrap_or(Err(StoreError::Closed))
    }
}

/// Waits for the writer task to have ended.
pub(super) struct Ended(tokio::task::JoinHandle<()>);

impl Ended {
    pub async fn wait(self) {
        // A writer that panicked has ended too; its callers were told `Closed`.
        let _ = self.0.await;
    }
}

struct Task {
    options: SqliteConnectOptions,
    connection: SqliteConnection,
    blobs: Blobs,
    waiting: mpsc::Receiver<Job>,
    commits: Arc<AtomicU64>,
}

impl Task {
    async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        while self.waiting.recv_many(&mut batch, BATCH).await > 0 {
            let mut told = Vec::with_capacity(batch.len());
            let outcome = self.commit(batch.drain(..), &mut told).await;
            if outcome.is_err() {
                self.recover().await;
            }
            for done in told {
                done(outcome.clone());
            }
        }
        let _ = self.connection.close().await;
    }

    /// One transaction. What it returns is what every job in `told` hears.
    async fn commit(&mut self, batch: impl Iterator<Item = Job>, told: &mut Vec<Done>) -> Result<(), StoreError> {
        let batch: Vec<Job> = batch.collect();
        let mut ready = if batch.iter().any(|job| job.blobs) { self.blobs.sync_folder().await } else { Ok(()) };
        if ready.is_ok() {
            ready = self.say("BEGIN IMMEDIATE").await;
        }
        let alone = batch.len() == 1;
        for job in batch {
            if ready.is_ok() && !alone {
                ready = self.say("SAVEPOINT job").await;
            }
            if ready.is_err() {
                told.push((job.run)(None).await.1);
                continue;
            }
            let (fault, done) = (job.run)(Some(&mut self.connection)).await;
            told.push(done);
            ready = match fault {
                None if alone => Ok(()),
                None => self.say("RELEASE job").await,
                Some(_) if alone => {
                    // SQLite may have rolled back by itself already (full disk); then this has nothing to do.
                    let _ = self.say("ROLLBACK").await;
                    return Ok(());
                }
                Some(fault) => self.say("ROLLBACK TO job; RELEASE job").await.map_err(|_| fault),
            };
        }
        ready?;
        self.say("COMMIT").await?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn say(&mut self, sql: &'static str) -> Result<(), StoreError> {
        sqlx::raw_sql(sql).execute(&mut self.connection).await?;
        Ok(())
    }

    /// After a failed commit the transaction may be open or gone, the connection good or not.
    async fn recover(&mut self) {
        let _ = self.say("ROLLBACK").await;
        if self.connection.ping().await.is_err()
            && let Ok(fresh) = self.options.connect().await
        {
            self.connection = fresh;
        }
    }
}
