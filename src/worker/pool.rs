// SPDX-License-Identifier: EUPL-1.2
//! The pool of workers: which are free, which are killed, and what the death of a worker means.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::aside::aside;
use super::extent::Extent;
use super::file::{Answer, File, Hash, failed, hash};
use super::frame::{Request, Told};
use super::memory::Memory;
use super::pictures::Pictures;
use super::pot::{Pot, Taken};
use super::process::{Heard, Pictured, Worker};
use super::protection::{Protection, Refused};
use super::settings::WorkerSettings;
use super::starter::Starter;
use crate::document::{DocumentError, Extract};

/// Our fault: the mail is deferred (decision D17).
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("cannot start a worker process: {0}")]
    Start(#[source] std::io::Error),
    #[error("no worker became free in time")]
    Busy,
}

/// What happened to workers, for the metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WorkerFigures {
    /// Workers that crashed or were killed at their deadline.
    pub kills: u64,
    /// What the kernel refused of a worker's sandbox.
    pub refused: Refused,
}

/// The pool. Dropping it kills its processes.
pub struct Workers {
    settings: WorkerSettings,
    free: Semaphore,
    /// All but one worker: what may take long leaves one to the quick.
    long: Semaphore,
    idle: Mutex<Vec<Worker>>,
    memory: Mutex<Memory>,
    /// Bytes of extracts remembered at most.
    cache: AtomicUsize,
    pictures: Pictures,
    picture_bytes: Pot,
    /// Files being read: who asks for the same waits for the same answer.
    reading: Mutex<Asked>,
    kills: AtomicU64,
    /// [`Refused`], as an octet.
    refused: AtomicU8,
    starter: Arc<Starter>,
}

type Asked = HashMap<Hash, Arc<Reading>>;

/// A file that is being read, or waits for a worker.
#[derive(Default)]
struct Reading {
    answer: OnceCell<Answer>,
    /// A worker has it.
    has_worker: AtomicBool,
}

/// An entry of the files being read, taken away whether the answer came or was no longer waited for.
struct Entry<'w> {
    reading: &'w Mutex<Asked>,
    hash: Hash,
    /// Always there until it is dropped.
    asked: Option<Arc<Reading>>,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        // The last who waits for it takes it away. Newcomers find the memory.
        let mut reading = lock(self.reading);
        self.asked = None;
        if reading.get(&self.hash).is_some_and(|asked| Arc::strong_count(asked) == 1) {
            reading.remove(&self.hash);
        }
    }
}

/// How an attempt at a file ended without an answer.
enum Death {
    /// The worker ended or answered nonsense.
    Crashed,
    /// The deadline passed.
    Overrun,
}

/// How an opening ended, for now.
enum Outcome {
    Told(Heard),
    /// No worker could read it.
    Lost(Answer),
}

impl Death {
    fn as_str(&self) -> &'static str {
        match self {
            Death::Crashed => "crashed",
            Death::Overrun => "too slow",
        }
    }
}

impl Workers {
    pub fn new(settings: WorkerSettings) -> Workers {
        let starter = Arc::new(Starter::default());
        Workers {
            free: Semaphore::new(settings.count.max(1)),
            long: Semaphore::new(settings.count.saturating_sub(1).max(1)),
            idle: Mutex::new(Vec::new()),
            memory: Mutex::new(Memory::default()),
            cache: AtomicUsize::new(settings.cache),
            reading: Mutex::new(HashMap::new()),
            pictures: Pictures::new(&settings, starter.clone()),
            picture_bytes: Pot::new(settings.picture_bytes),
            kills: AtomicU64::new(0),
            refused: AtomicU8::new(0),
            starter,
            settings,
        }
    }

    /// Changes how many bytes of extracts are remembered, and how many of pictures may wait. Where more may, what was
    /// left unread may be read the next time.
    pub fn resize(&self, cache: usize, picture_bytes: usize) {
        self.cache.store(cache, Relaxed);
        if picture_bytes > self.picture_bytes.bytes() {
            lock(&self.memory).forget_extracts();
        }
        self.picture_bytes.resize(picture_bytes);
    }

    /// Opens one file, as far as `extent` says. Identical files are read once: the result may carry another name (of an
    /// earlier mail) and then gets its own name. `answered` is told once a worker has answered, before its pictures are
    /// read; where the answer is known already, it is told the whole. Who waits for a worker waits as long as `patience`
    /// and the settings both allow: whoever asks keeps time for reading.
    ///
    /// # Errors
    /// No worker could be started, or none was free in time: neither says anything of the file.
    pub async fn open(
        &self,
        file: &File,
        extent: Extent,
        patience: Duration,
        answered: impl FnOnce(&Extract, bool) + Send,
    ) -> Result<Answer, WorkerError> {
        let until = Instant::now() + patience.min(self.settings.timeout);
        let mut answered = Some(answered);
        let answer = self.answer(file, extent, until, &mut answered).await?;
        if let Some(answered) = answered {
            answered(&answer.extract, answer.has_more);
        }
        Ok(answer)
    }

    async fn answer<F: FnOnce(&Extract, bool) + Send>(
        &self,
        file: &File,
        extent: Extent,
        until: Instant,
        answered: &mut Option<F>,
    ) -> Result<Answer, WorkerError> {
        let hash = aside(file.bytes.len(), || hash(file, extent));
        if let Some(known) = lock(&self.memory).answer(&hash, std::time::Instant::now()) {
            return Ok(known.named(&file.name));
        }
        if let Some(fault) = lock(&self.memory).bad(&hash) {
            return Ok(failed(file, fault));
        }
        let asked = Arc::clone(lock(&self.reading).entry(hash).or_default());
        let entry = Entry { reading: &self.reading, hash, asked: Some(asked) };
        let Some(asked) = &entry.asked else { return Err(WorkerError::Busy) };
        let reading = asked.answer.get_or_try_init(|| self.read(file, extent, hash, until, asked, answered));
        tokio::pin!(reading);
        let answer = match tokio::time::timeout_at(until, &mut reading).await {
            Ok(answer) => answer,
            // Somebody else waits for a worker on behalf of both, and may do so for longer.
            Err(_) if !asked.has_worker.load(Relaxed) => return Err(WorkerError::Busy),
            Err(_) => reading.await,
        };
        answer.map(|answer| answer.clone().named(&file.name))
    }

    /// Forgets old extracts where nobody asks for any; called now and then by the wiring.
    pub fn forget_old(&self) {
        lock(&self.memory).forget_old(std::time::Instant::now());
    }

    /// What has happened since the start.
    pub fn figures(&self) -> WorkerFigures {
        WorkerFigures { kills: self.kills.load(Relaxed), refused: Refused::from_octet(self.refused.load(Relaxed)) }
    }

    async fn read<F: FnOnce(&Extract, bool) + Send>(
        &self,
        file: &File,
        extent: Extent,
        hash: Hash,
        until: Instant,
        asked: &Reading,
        answered: &mut Option<F>,
    ) -> Result<Answer, WorkerError> {
        asked.has_worker.store(false, Relaxed);
        let (mut room, mut until) = (None, until);
        loop {
            let told = self.told(file, extent, hash, until, asked, room.take()).await?;
            let (told, is_kept) = match told {
                Outcome::Told(Heard { told, pictures: Pictured::None }) => (told, true),
                Outcome::Told(Heard { mut told, pictures: Pictured::Here(_taken) }) => {
                    // Pictures are slow, and documents do not wait for them.
                    if let Some(answered) = answered.take() {
                        answered(&told.extract, told.has_more);
                    }
                    let is_whole = self.pictures.read(&mut told.extract).await;
                    return Ok(self.keep(hash, told, is_whole));
                }
                Outcome::Told(Heard { mut told, pictures: Pictured::NoRoom(bytes) }) => {
                    // Nobody waits for memory with a worker or its answer in hand.
                    let taking = self.picture_bytes.take(bytes);
                    match tokio::time::timeout(self.settings.pictures / 2, taking).await {
                        Ok(Some(taken)) => {
                            room = Some(taken);
                            until = Instant::now() + self.settings.timeout;
                            continue;
                        }
                        _ => {
                            Pictures::leave(&mut told.extract);
                            (told, false)
                        }
                    }
                }
                Outcome::Lost(answer) => return Ok(answer),
            };
            return Ok(self.keep(hash, told, is_kept));
        }
    }

    /// Remembers an answer, unless another try could read more of the same.
    fn keep(&self, hash: Hash, told: Told, is_whole: bool) -> Answer {
        let answer = Answer { extract: Arc::new(told.extract), has_more: told.has_more };
        if is_whole {
            lock(&self.memory).keep(hash, &answer, self.cache.load(Relaxed), std::time::Instant::now());
        }
        answer
    }

    /// A worker's answer. Two may die on a file; then it is the file's fault.
    async fn told(
        &self,
        file: &File,
        extent: Extent,
        hash: Hash,
        until: Instant,
        asked: &Reading,
        mut room: Option<Taken>,
    ) -> Result<Outcome, WorkerError> {
        let _long = match extent.is_quick {
            true => None,
            false => Some(place(&self.long, until).await?),
        };
        let _place = place(&self.free, until).await?;
        asked.has_worker.store(true, Relaxed);
        let pictures = self.picture_bytes.bytes();
        let request = Request { name: file.name.clone(), passwords: file.passwords.clone(), extent, pictures };
        let used = lock(&self.idle).pop();
        let first = match used {
            Some(worker) => worker,
            None => self.start().await?,
        };
        let mut death = match self.attempt(first, &request, file, room.take()).await {
            Ok(heard) => return Ok(Outcome::Told(heard)),
            Err(death) => death,
        };
        // The first may have been worn by what it read before: the second is fresh.
        if !(extent.is_quick && matches!(death, Death::Overrun)) {
            match self.attempt(self.start().await?, &request, file, None).await {
                Ok(heard) => return Ok(Outcome::Told(heard)),
                Err(second) => death = if matches!(second, Death::Overrun) { second } else { death },
            }
        }
        let fault = match death {
            Death::Crashed => DocumentError::Crashed,
            Death::Overrun => DocumentError::Budget,
        };
        if extent.is_quick && matches!(death, Death::Overrun) {
            let slow = Answer { has_more: true, ..failed(file, fault) };
            lock(&self.memory).keep(hash, &slow, self.cache.load(Relaxed), std::time::Instant::now());
            return Ok(Outcome::Lost(slow));
        }
        lock(&self.memory).condemn(hash, fault);
        Ok(Outcome::Lost(failed(file, fault)))
    }

    /// One try. A worker that answered returns to the pool unless it has served its time; one that did not is killed
    /// by being dropped.
    async fn attempt(
        &self,
        mut worker: Worker,
        request: &Request,
        file: &File,
        room: Option<Taken>,
    ) -> Result<Heard, Death> {
        let time = self.settings.deadline;
        let time = if request.extent.is_quick { time.min(Extent::QUICK_TIME) } else { time };
        let is_fresh = worker.read == 0;
        let heard = worker.ask(request, &file.bytes, &self.picture_bytes, room);
        let heard = tokio::time::timeout(time, heard).await;
        // One that died before it could say so says nothing.
        if let Some(refused) = worker.refused.filter(|_| is_fresh) {
            self.note(refused);
        }
        let heard = heard.map_err(|_| Death::Overrun).and_then(|heard| heard.map_err(|_| Death::Crashed));
        let heard = heard.inspect_err(|death| {
            // A quick look that takes too long is only the reason for a longer one.
            if request.extent.is_quick && matches!(death, Death::Overrun) {
                return;
            }
            self.kills.fetch_add(1, Relaxed);
            tracing::warn!(cause = death.as_str(), size = file.bytes.len(), "a worker was lost to a document");
        })?;
        worker.read += 1;
        if worker.read < self.settings.documents {
            lock(&self.idle).push(worker);
        }
        Ok(heard)
    }

    async fn start(&self) -> Result<Worker, WorkerError> {
        let started = Worker::start(&self.settings.executable, self.settings.memory, &self.starter).await;
        started.map_err(WorkerError::Start)
    }

    /// Warns, the first time, of what the kernel refuses.
    fn note(&self, refused: Refused) {
        if self.refused.swap(refused.octet(), Relaxed) != refused.octet() && refused != Refused::default() {
            let missing: Vec<_> = refused.iter().map(Protection::as_str).collect();
            tracing::warn!(
                missing = missing.join(", "),
                "documents are opened in a weaker sandbox: the kernel refuses a part"
            );
        }
    }
}

async fn place(places: &Semaphore, until: Instant) -> Result<SemaphorePermit<'_>, WorkerError> {
    match tokio::time::timeout_at(until, places.acquire()).await {
        Ok(Ok(place)) => Ok(place),
        _ => Err(WorkerError::Busy),
    }
}

/// A poisoned lock only means that some task panicked between two whole states of a table.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
