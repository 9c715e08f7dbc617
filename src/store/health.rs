// SPDX-License-Identifier: EUPL-1.2
//! Whether the store can still hold: proven by a write, by the room on its disks, and by the database being the file
//! that stands at its path (decision D33).

use std::fs::metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::tx::{args, statements};
use super::{Store, StoreError, micros};

/// Room at which octroi warns, as a multiple of what must stay free.
const WARNED_AT: u64 = 10;

statements! {
    PROVEN = "INSERT INTO meta (name, value) VALUES ('proven', $1) \
        ON CONFLICT (name) DO UPDATE SET value = excluded.value";
}

impl Store {
    /// Writes, as a hold does: a file among the contents, and a row.
    ///
    /// # Errors
    /// Whatever a hold would meet now.
    pub async fn prove(&self, now: Timestamp) -> Result<(), StoreError> {
        self.inner.blobs.prove().await?;
        let at = micros(now).to_be_bytes();
        self.write_after_blobs(move |mut tx| async move {
            tx.execute(PROVEN, args![&at[..]]).await?;
            Ok(())
        })
        .await?;
        let free = self.look_at_disks();
        if free < self.keep_free() { Err(StoreError::DiskLow { free, keep: self.keep_free() }) } else { Ok(()) }
    }

    /// Looks how many bytes are free, on the fuller of the store's disks. Between two looks the last is believed.
    pub fn look_at_disks(&self) -> u64 {
        let free = free_bytes(&self.inner.places);
        self.inner.free.store(free, Ordering::Relaxed);
        free
    }

    /// Whether so little is left that the administrator should know.
    pub fn is_disk_filling(&self) -> bool {
        self.inner.free.load(Ordering::Relaxed) < self.keep_free().saturating_mul(WARNED_AT)
    }

    /// Whether there is room for so much more.
    pub(super) fn check_room(&self, more: u64) -> Result<(), StoreError> {
        let (free, keep) = (self.inner.free.load(Ordering::Relaxed), self.keep_free());
        if free < keep.saturating_add(more) { Err(StoreError::DiskLow { free, keep }) } else { Ok(()) }
    }
}

/// The least that is free where these stand. A place that cannot be asked is told by the write that fails.
pub(super) fn free_bytes(places: &[PathBuf]) -> u64 {
    let free =
        |place: &PathBuf| rustix::fs::statvfs(place).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    places.iter().filter_map(free).min().unwrap_or(u64::MAX)
}

/// The files of the database as they were when we first wrote to them. SQLite goes on writing to a file that somebody
/// removed or replaced, and nobody would ever read that again.
pub(super) struct OwnFiles {
    paths: Vec<PathBuf>,
    known: Option<Vec<(u64, u64)>>,
}

impl OwnFiles {
    pub fn of(database: &Path) -> OwnFiles {
        let mut log = database.as_os_str().to_owned();
        log.push("-wal");
        OwnFiles { paths: vec![database.to_owned(), log.into()], known: None }
    }

    /// Whether they still stand where they stood.
    pub fn check(&mut self) -> Result<(), StoreError> {
        let found: Option<Vec<_>> = self.paths.iter().map(|path| identity(path)).collect();
        match (&self.known, found) {
            (None, found) => {
                self.known = found;
                Ok(())
            }
            (Some(known), Some(found)) if *known == found => Ok(()),
            (Some(_), _) => Err(StoreError::Replaced { path: self.paths.first().cloned().unwrap_or_default() }),
        }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    metadata(path).ok().map(|file| (file.dev(), file.ino()))
}
