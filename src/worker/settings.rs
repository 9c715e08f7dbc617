// SPDX-License-Identifier: EUPL-1.2
//! How the pool of workers works.

use std::path::PathBuf;
use std::time::Duration;

use super::child::MEMORY;

/// How the pool works.
#[derive(Debug, Clone)]
pub struct WorkerSettings {
    /// Worker processes at most.
    pub count: usize,
    /// Address space of each, bytes.
    pub memory: u64,
    /// Time for one file, from its first byte in the socket to the answer's last.
    pub deadline: Duration,
    /// Time a request waits for a free worker.
    pub timeout: Duration,
    /// Documents after which a worker is replaced.
    pub documents: u32,
    /// Bytes of extracts remembered.
    pub cache: usize,
    /// Bytes of pictures that wait for their reader.
    pub picture_bytes: usize,
    /// Time for reading all pictures of one file, once it was opened; zero leaves them unread.
    pub pictures: Duration,
    /// The executable that becomes a worker when called with the argument `worker`.
    pub executable: PathBuf,
}

impl WorkerSettings {
    /// A worker for each core, 10 s a file, 20 s of waiting (both tries and the wait stay under the 45 s of decision
    /// D4), 500 documents a worker, 64 MB of extracts, 200 MB of pictures, 10 s for them.
    pub fn new(executable: PathBuf) -> WorkerSettings {
        WorkerSettings {
            count: std::thread::available_parallelism().map_or(2, usize::from),
            memory: MEMORY,
            deadline: Duration::from_secs(10),
            timeout: Duration::from_secs(20),
            documents: 500,
            cache: 64 << 20,
            picture_bytes: 200 << 20,
            pictures: Duration::from_secs(10),
            executable,
        }
    }
}
