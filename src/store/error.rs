// SPDX-License-Identifier: EUPL-1.2
//! Everything that can go wrong in the store, in words for the person who must mend it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why the store could not do what was asked. Everything but `Unknown`, `Private`, `WrongState` and `Superseded` is our own fault:
/// the mail is deferred (decision D17).
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    #[error("the store at {path} cannot be opened: {why}")]
    Open { path: PathBuf, why: String },
    /// Decision D33.
    #[error(
        "the store at {path} is in use by another octroi (process {owner}): stop that one first, or give this one a \
         `[store] url` of its own"
    )]
    InUse { path: PathBuf, owner: String },
    #[error("the key file {path} cannot be used: {why}")]
    Key { path: PathBuf, why: String },
    #[error("the key file {path} does not belong to this store: restore the key file the store was created with")]
    WrongKey { path: PathBuf },
    #[error("cannot read or write {path}: {why}")]
    Blob { path: PathBuf, why: String },
    #[error("the disk of the store is full: free some space; mail is deferred until then")]
    DiskFull,
    /// Decision D33.
    #[error("the disk of the store has {free} bytes left and [store] keep_free is {keep}: free some space")]
    DiskLow { free: u64, keep: u64 },
    #[error(
        "the database {path} was removed or replaced while octroi runs: nothing more is held; restart octroi when what \
         stands there is whole"
    )]
    Replaced { path: PathBuf },
    #[error("the store is read-only: check the permissions of its folder, and how it is mounted")]
    ReadOnly,
    /// Decision D15: beyond 95 % of the quota nothing more is held.
    #[error(
        "the quota of the store is reached ({used} of {quota} bytes): release or reject held copies, or raise `[store] quota`"
    )]
    QuotaUsed { used: u64, quota: u64 },
    #[error("the store is damaged: {what}; restore it from a backup")]
    Damaged { what: String },
    /// The same mail is being decided in another transaction; nobody knows yet how that ends.
    #[error("octroi is still working on another attempt of the same mail")]
    InFlight,
    #[error("{changed} rows were confirmed, but {expected} were expected")]
    Confirm { changed: u64, expected: u64 },
    #[error("there is no held copy and no outbox item with the id {id}")]
    Unknown { id: String },
    /// Decision D20.
    #[error("{id} is marked personal: you can release or reject it, but nobody can read it")]
    Private { id: String },
    #[error("{id} is already {state}")]
    WrongState { id: String, state: String },
    #[error("somebody else decided about {id} at the same moment: look at it again")]
    Superseded { id: String },
    #[error("the content of {id} is erased: the copy was decided or has expired")]
    Gone { id: String },
    #[error("the store is closed")]
    Closed,
    #[error("the database of the store failed: {0}")]
    Database(Arc<dyn std::error::Error + Send + Sync>),
}

impl StoreError {
    /// One row that cannot be read: others can.
    pub(super) fn row(what: &str) -> StoreError {
        StoreError::Damaged { what: what.to_owned() }
    }

    pub(super) fn open(path: &Path, why: impl ToString) -> StoreError {
        StoreError::Open { path: path.to_owned(), why: why.to_string() }
    }

    pub(super) fn key(path: &Path, why: impl ToString) -> StoreError {
        StoreError::Key { path: path.to_owned(), why: why.to_string() }
    }

    pub(super) fn unknown(id: &str) -> StoreError {
        StoreError::Unknown { id: id.to_owned() }
    }

    /// A fault of the file system, told apart by what helps against it.
    pub(super) fn file(path: &Path, error: &std::io::Error) -> StoreError {
        match error.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => StoreError::DiskFull,
            std::io::ErrorKind::ReadOnlyFilesystem => StoreError::ReadOnly,
            _ => StoreError::Blob { path: path.to_owned(), why: error.to_string() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_apart() {
        let enospc = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert!(matches!(StoreError::file(Path::new("x"), &enospc), StoreError::DiskFull));
    }
}
