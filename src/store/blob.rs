// SPDX-License-Identifier: EUPL-1.2
//! Sealed files, one a message, each under a random name with its own data key (decisions D13, D14).

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::key::{DataKey, KeyFile};
use super::{StoreError, seal};

/// Contents up to this size stand sealed in their row: a notice is not worth a file and its fsync.
pub(super) const INLINE: usize = 32 * 1024;

/// The folder of sealed files.
#[derive(Clone)]
pub(super) struct Blobs {
    folder: Arc<Path>,
    key: Arc<KeyFile>,
}

/// One sealed content with its key, ready for its row.
pub(super) struct Sealed {
    pub name: String,
    pub wrapped: Vec<u8>,
    pub size: u64,
    /// Bytes it takes on the disk.
    pub stored: u64,
    /// The sealed bytes, where they stand in the row and not in a file.
    pub inline: Option<Vec<u8>>,
    key: DataKey,
}

impl Sealed {
    /// Seals a short text that belongs to this content under the same data key; `purpose` must be used once.
    pub fn seal_text(&self, purpose: &str, text: &str) -> Result<Vec<u8>, StoreError> {
        let fault = |e: std::io::Error| StoreError::Damaged { what: e.to_string() };
        let mut sealed = (text.len() as u32).to_be_bytes().to_vec();
        sealed.extend(seal::seal(&self.key, purpose, text.as_bytes()).map_err(fault)?);
        Ok(sealed)
    }
}

impl Blobs {
    /// Opens the folder, made with mode 0700 where it is missing.
    pub fn open(folder: &Path, key: Arc<KeyFile>) -> Result<Blobs, StoreError> {
        let fault = |e: std::io::Error| StoreError::file(folder, &e);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(fault)?;
        Ok(Blobs { folder: folder.into(), key })
    }

    /// Seals a content into a file of its own: written, synced and renamed when this returns. The folder is synced
    /// by [`Blobs::sync_folder`], once for all files of one commit.
    pub async fn put(&self, plain: Bytes) -> Result<Sealed, StoreError> {
        self.sealed(plain, true).await
    }

    /// Seals a content into its row where it is small, else into a file.
    pub async fn put_small(&self, plain: Bytes) -> Result<Sealed, StoreError> {
        let file = plain.len() > INLINE;
        self.sealed(plain, file).await
    }

    async fn sealed(&self, plain: Bytes, file: bool) -> Result<Sealed, StoreError> {
        let this = self.clone();
        blocking(move || {
            let name = uuid::Uuid::new_v4().simple().to_string();
            let key = DataKey::random();
            let path = this.path(&name);
            let bytes = seal::seal(&key, &name, &plain).map_err(|e| StoreError::file(&path, &e))?;
            let stored = bytes.len() as u64;
            let inline = if file {
                this.write(&path, &bytes).map_err(|e| StoreError::file(&path, &e))?;
                None
            } else {
                Some(bytes)
            };
            Ok(Sealed { wrapped: this.key.wrap(&key, &name), size: plain.len() as u64, stored, inline, name, key })
        })
        .await
    }

    // Decision D13: temporary file, fsync, rename; the folder's fsync follows before the row.
    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let temporary = path.with_extension("new");
        let written = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
            .and_then(|()| fs::rename(&temporary, path));
        if written.is_err() {
            // Best effort: what stays is swept after an hour.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Writes a file as a content is written, and takes it away.
    pub async fn prove(&self) -> Result<(), StoreError> {
        let this = self.clone();
        blocking(move || {
            let path = this.path(&format!("proof-{}", uuid::Uuid::new_v4().simple()));
            let written = this.write(&path, &[0x5a; 4096]).and_then(|()| fs::remove_file(&path));
            written.map_err(|e| StoreError::file(&path, &e))
        })
        .await
    }

    /// Makes the names of all files put so far durable.
    pub async fn sync_folder(&self) -> Result<(), StoreError> {
        let folder = Arc::clone(&self.folder);
        blocking(move || fs::File::open(&folder).and_then(|f| f.sync_all()).map_err(|e| StoreError::file(&folder, &e)))
            .await
    }

    /// Opens a content from its row. `Gone` where its key was destroyed, `Damaged` where a bit differs.
    pub async fn get(&self, row: BlobRow) -> Result<Bytes, StoreError> {
        let this = self.clone();
        blocking(move || {
            let key = this.data_key(&row.name, &row.wrapped)?;
            let path = this.path(&row.name);
            let sealed = match row.inline {
                Some(bytes) => bytes,
                None => fs::read(&path).map_err(|e| StoreError::file(&path, &e))?,
            };
            let plain = seal::open(&key, &row.name, sealed, row.size as usize);
            plain.map(Bytes::from).ok_or_else(|| damaged(&row.name))
        })
        .await
    }

    /// Opens a text sealed by [`Sealed::seal_text`].
    pub fn open_text(&self, name: &str, wrapped: &[u8], purpose: &str, sealed: &[u8]) -> Result<String, StoreError> {
        let key = self.data_key(name, wrapped)?;
        let (size, body) = sealed.split_first_chunk::<4>().ok_or_else(|| damaged(name))?;
        let size = u32::from_be_bytes(*size) as usize;
        let plain = seal::open(&key, purpose, body.to_vec(), size).ok_or_else(|| damaged(name))?;
        String::from_utf8(plain).map_err(|_| damaged(name))
    }

    fn data_key(&self, name: &str, wrapped: &[u8]) -> Result<DataKey, StoreError> {
        if wrapped.is_empty() {
            return Err(StoreError::Gone { id: name.to_owned() });
        }
        self.key.unwrap(wrapped, name).ok_or_else(|| damaged(name))
    }

    /// Deletes one file; one that is not there is no error.
    pub fn delete(&self, name: &str) -> Result<(), StoreError> {
        let path = self.path(name);
        match fs::remove_file(&path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StoreError::file(&path, &e)),
            _ => Ok(()),
        }
    }

    /// Deletes files away from the runtime's own threads.
    pub async fn delete_all(&self, names: Vec<String>) -> Result<(), StoreError> {
        let this = self.clone();
        blocking(move || names.iter().try_for_each(|name| this.delete(name))).await
    }

    /// Names of files (and of temporary ones) not touched for `age`.
    pub async fn older_than(&self, age: Duration) -> Result<Vec<String>, StoreError> {
        let folder = Arc::clone(&self.folder);
        blocking(move || {
            let fault = |e: std::io::Error| StoreError::file(&folder, &e);
            let mut names = Vec::new();
            for entry in fs::read_dir(&folder).map_err(fault)? {
                let entry = entry.map_err(fault)?;
                let Ok(touched) = entry.metadata().and_then(|m| m.modified()) else { continue };
                if SystemTime::now().duration_since(touched).is_ok_and(|a| a >= age) {
                    names.extend(entry.file_name().into_string());
                }
            }
            Ok(names)
        })
        .await
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

/// What the table `blob` says of one content.
pub(super) struct BlobRow {
    pub name: String,
    pub wrapped: Vec<u8>,
    pub size: i64,
    pub inline: Option<Vec<u8>>,
}

fn damaged(name: &str) -> StoreError {
    StoreError::Damaged { what: format!("the sealed content {name} was changed or cut") }
}

/// Runs work that waits for the disk away from the runtime's own threads.
async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, StoreError> + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StoreError::Closed))
}
