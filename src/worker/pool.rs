// SPDX-License-Identifier: EUPL-1.2
//! The pool of workers: which are free, which are killed, and what the death of a worker means.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdSocket;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};

use super::frame::{ANSWER, HEAD, PICTURES, Request, head, lengths};
use super::memory::{Hash, Memory};
use super::pictures::Pictures;
use super::protection::{Protection, Refused};
use crate::document::{DocumentError, Extract, kind_of};

/// A worker's environment. The allocator would set aside a gigabyte of addresses, which is all a worker may have: in KiB.
pub(super) const ENVIRONMENT: [(&str, &str); 1] = [("MIMALLOC_ARENA_RESERVE", "65536")];

/// How the pool works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Worker processes at most.
    pub count: usize,
    /// Time for one file, from its first byte in the socket to the answer's last.
    pub deadline: Duration,
    /// Time a request waits for a free worker.
    pub timeout: Duration,
    /// Documents after which a worker is replaced.
    pub documents: u32,
    /// Bytes of extracts remembered.
    pub cache: usize,
    /// Time for reading all pictures of one file, once it was opened; zero leaves them unread.
    pub pictures: Duration,
    /// The executable that becomes a worker when called with the argument `worker`.
    pub executable: PathBuf,
}

impl WorkerSettings {
    /// A worker for each core, 10 s a file, 20 s of waiting (both tries and the wait stay under the 45 s of decision
    /// D4), 500 documents a worker, 64 MB of extracts, 10 s for pictures.
    pub fn new(executable: PathBuf) -> WorkerSettings {
        WorkerSettings {
            count: std::thread::available_parallelism().map_or(2, usize::from),
            deadline: Duration::from_secs(10),
            timeout: Duration::from_secs(20),
            documents: 500,
            cache: 64 << 20,
            pictures: Duration::from_secs(10),
            executable,
        }
    }
}

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
    idle: Mutex<Vec<Worker>>,
    memory: Mutex<Memory>,
    pictures: Pictures,
    /// Files being read: who asks for the same waits for the same answer.
    reading: Mutex<HashMap<Hash, Arc<OnceCell<Arc<Extract>>>>>,
    kills: AtomicU64,
    /// [`Refused`], as an octet.
    refused: AtomicU8,
}

struct Worker {
    // Held so that it is killed on drop.
    _process: Child,
    /// A socket and no pipe: it holds three times as much, so that most files go over in one piece.
    socket: UnixStream,
    read: u32,
    /// What the kernel refused it; it says so before it reads.
    refused: Option<Refused>,
}

/// How an attempt at a file ended without an answer.
enum Death {
    /// The worker ended or answered nonsense.
    Crashed,
    /// The deadline passed.
    Overrun,
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
        Workers {
            free: Semaphore::new(settings.count.max(1)),
            idle: Mutex::new(Vec::new()),
            memory: Mutex::new(Memory::default()),
            reading: Mutex::new(HashMap::new()),
            pictures: Pictures::new(settings.executable.clone(), settings.pictures, settings.count.div_ceil(2)),
            kills: AtomicU64::new(0),
            refused: AtomicU8::new(0),
            settings,
        }
    }

    /// Opens one file. `name` is only repeated in the extract; `passwords` are tried on what is encrypted.
    /// Identical files are read once: the result may carry another name (of an earlier mail) and then gets its own name.
    pub async fn open(&self, name: &str, bytes: Bytes, passwords: Vec<String>) -> Result<Arc<Extract>, WorkerError> {
        let hash = hash(&bytes, &passwords);
        if let Some(known) = lock(&self.memory).extract(&hash, Instant::now()) {
            return Ok(named(known, name));
        }
        if let Some(fault) = lock(&self.memory).bad(&hash) {
            return Ok(Arc::new(failed(name, &bytes, fault)));
        }
        let cell = Arc::clone(lock(&self.reading).entry(hash).or_default());
        let outcome = cell.get_or_try_init(|| self.read(name, &bytes, passwords, hash)).await.cloned();
        // Whoever came for the same file holds the cell itself; newcomers find the memory.
        lock(&self.reading).remove(&hash);
        outcome.map(|extract| named(extract, name))
    }

    /// Forgets old extracts where nobody asks for any; called now and then by the wiring.
    pub fn forget_old(&self) {
        lock(&self.memory).forget_old(Instant::now());
    }

    /// What has happened since the start.
    pub fn figures(&self) -> WorkerFigures {
        WorkerFigures { kills: self.kills.load(Relaxed), refused: Refused::from_octet(self.refused.load(Relaxed)) }
    }

    /// Two workers may die on a file; then it is the file's fault.
    async fn read(
        &self,
        name: &str,
        bytes: &Bytes,
        passwords: Vec<String>,
        hash: Hash,
    ) -> Result<Arc<Extract>, WorkerError> {
        let permit = tokio::time::timeout(self.settings.timeout, self.free.acquire()).await;
        let Ok(Ok(permit)) = permit else { return Err(WorkerError::Busy) };
        let request = Request { name: name.to_owned(), passwords };
        let used = lock(&self.idle).pop();
        let first = match used {
            Some(worker) => worker,
            None => self.start()?,
        };
        let mut death = match self.attempt(first, &request, bytes).await {
            Ok(extract) => return Ok(self.finish(permit, hash, extract).await),
            Err(death) => death,
        };
        // The first may have been worn by what it read before: the second is fresh.
        match self.attempt(self.start()?, &request, bytes).await {
            Ok(extract) => return Ok(self.finish(permit, hash, extract).await),
            Err(second) => death = if matches!(second, Death::Overrun) { second } else { death },
        }
        let fault = match death {
            Death::Crashed => DocumentError::Crashed,
            Death::Overrun => DocumentError::Budget,
        };
        lock(&self.memory).condemn(hash, fault);
        Ok(Arc::new(failed(name, bytes, fault)))
    }

    /// Reads what pictures there are and remembers the whole. The place of a worker is free again: pictures are slow,
    /// and documents must not wait for them.
    async fn finish(&self, permit: SemaphorePermit<'_>, hash: Hash, mut extract: Extract) -> Arc<Extract> {
        drop(permit);
        let is_whole = self.pictures.read(&mut extract).await;
        let extract = Arc::new(extract);
        if is_whole {
            lock(&self.memory).keep(hash, &extract, self.settings.cache, Instant::now());
        }
        extract
    }

    /// One try. A worker that answered returns to the pool unless it has served its time; one that did not is killed
    /// by being dropped.
    async fn attempt(&self, mut worker: Worker, request: &Request, bytes: &[u8]) -> Result<Extract, Death> {
        let talk = tokio::time::timeout(self.settings.deadline, worker.ask(request, bytes)).await;
        if worker.read == 0 {
            self.note(worker.refused.unwrap_or_default());
        }
        let extract = talk.map_err(|_| Death::Overrun).and_then(|answer| answer.map_err(|_| Death::Crashed));
        let extract = extract.inspect_err(|death| {
            self.kills.fetch_add(1, Relaxed);
            tracing::warn!(cause = death.as_str(), size = bytes.len(), "a worker was lost to a document");
        })?;
        worker.read += 1;
        if worker.read < self.settings.documents {
            lock(&self.idle).push(worker);
        }
        Ok(extract)
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

    fn start(&self) -> Result<Worker, WorkerError> {
        let (ours, theirs) = StdSocket::pair().map_err(WorkerError::Start)?;
        ours.set_nonblocking(true).map_err(WorkerError::Start)?;
        let socket = UnixStream::from_std(ours).map_err(WorkerError::Start)?;
        let input = theirs.try_clone().map_err(WorkerError::Start)?;
        let process = Command::new(&self.settings.executable)
            .arg("worker")
            .env_clear()
            .envs(ENVIRONMENT)
            .stdin(OwnedFd::from(input))
            .stdout(OwnedFd::from(theirs))
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(WorkerError::Start)?;
        Ok(Worker { _process: process, socket, read: 0, refused: None })
    }
}

impl Worker {
    async fn ask(&mut self, request: &Request, bytes: &[u8]) -> std::io::Result<Extract> {
        let json = serde_json::to_vec(request)?;
        // In one piece, or the worker would wake for the head alone.
        let start = head(json.len(), bytes.len());
        let mut request = Buf::chain(Buf::chain(start.as_slice(), json.as_slice()), bytes);
        while request.has_remaining() {
            self.socket.write_buf(&mut request).await?;
        }
        if self.refused.is_none() {
            self.refused = Some(Refused::from_octet(self.socket.read_u8().await?));
        }
        let mut start = [0; HEAD];
        self.socket.read_exact(&mut start).await?;
        let (length, raw) = lengths(start);
        // The worker has read hostile bytes: its answer is not believed either.
        if length > ANSWER || raw > PICTURES {
            return Err(std::io::Error::other("an answer longer than any extract"));
        }
        let mut answer = Vec::with_capacity(length.min(64 << 10) as usize);
        (&mut self.socket).take(length).read_to_end(&mut answer).await?;
        if answer.len() as u64 != length {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut extract = serde_json::from_slice(&answer)?;
        let mut left = raw;
        self.pictures(&mut extract, &mut left).await?;
        if left != 0 {
            return Err(std::io::Error::other("pictures that no file tells of"));
        }
        Ok(extract)
    }

    /// Takes the bytes of each picture off the socket, in the order of [`Extract::walk`].
    async fn pictures(&mut self, extract: &mut Extract, left: &mut u64) -> std::io::Result<()> {
        let mut waiting = vec![extract];
        while let Some(extract) = waiting.pop() {
            for picture in &mut extract.pictures {
                let length = picture.length as u64;
                *left = left.checked_sub(length).ok_or(std::io::ErrorKind::InvalidData)?;
                (&mut self.socket).take(length).read_to_end(&mut picture.content).await?;
                if picture.content.len() != picture.length {
                    return Err(std::io::ErrorKind::UnexpectedEof.into());
                }
            }
            waiting.extend(extract.children.iter_mut().rev());
        }
        Ok(())
    }
}

/// A file is known by its bytes and by the passwords tried on it.
fn hash(bytes: &[u8], passwords: &[String]) -> Hash {
    let mut hasher = blake3::Hasher::new();
    for password in passwords {
        hasher.update(&(password.len() as u64).to_le_bytes());
        hasher.update(password.as_bytes());
    }
    hasher.update(&u64::MAX.to_le_bytes());
    hasher.update(bytes);
    *hasher.finalize().as_bytes()
}

fn named(extract: Arc<Extract>, name: &str) -> Arc<Extract> {
    if extract.name == name {
        return extract;
    }
    Arc::new(Extract { name: name.to_owned(), ..Extract::clone(&extract) })
}

fn failed(name: &str, bytes: &[u8], fault: DocumentError) -> Extract {
    // Only the first bytes are looked at here: the file has proved to be hostile.
    let kind = kind_of(bytes.get(..64).unwrap_or(bytes)).to_owned();
    Extract { name: name.to_owned(), kind, size: bytes.len() as u64, fault: Some(fault), ..Extract::default() }
}

/// A poisoned lock only means that some task panicked between two whole states of a table.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
