// SPDX-License-Identifier: EUPL-1.2
//! The one owner of a store: whoever holds its lock, and nobody else until that one is gone (decision D33).
//!
//! The lock comes first and changes nothing; listeners are bound next; only then is the store opened, which begins an
//! epoch. So a start that fails takes nothing from the gateway that runs.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::{StoreError, StoreSettings};

/// Longest name of a node; it stands in each of its rows.
const LONGEST: usize = 64;

/// The right to open a store, until it is dropped.
pub struct Claim {
    pub(super) settings: StoreSettings,
    /// The name of this gateway among those that share the store.
    pub(super) node: String,
    /// Where that name is to be kept, when it is a new one.
    new_node: Option<PathBuf>,
    pub(super) lock: File,
}

impl Claim {
    /// Takes the lock. Nothing else of a store is made or changed.
    pub fn take(settings: StoreSettings) -> Result<Claim, StoreError> {
        let path = &settings.database;
        let fault = |e: std::io::Error| StoreError::open(path, e);
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            fs::create_dir_all(folder).map_err(fault)?;
        }
        if let Some(node) = settings.node.as_ref().filter(|node| !is_name(node)) {
            let why = format!("[store] node `{node}` is no name: letters, digits, `.`, `-` and `_`, {LONGEST} at most");
            return Err(StoreError::open(path, why));
        }
        let lock_file = match &settings.node {
            // Gateways that share a store each have a name, and each name has one owner.
            Some(node) if settings.shared => beside(path, &format!(".{node}.lock")),
            _ => beside(path, ".lock"),
        };
        let mut lock = File::options();
        let mut lock =
            lock.read(true).write(true).create(true).truncate(false).mode(0o600).open(lock_file).map_err(fault)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut owner = String::new();
                // Who it is only helps; that it is somebody is known.
                let _ = lock.read_to_string(&mut owner);
                return Err(StoreError::InUse { path: path.clone(), owner: owner.trim().to_owned() });
            }
            Err(TryLockError::Error(e)) => return Err(fault(e)),
        }
        lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(fault)?;
        let kept = beside(path, ".node");
        let (node, new_node) = match &settings.node {
            Some(node) => (node.clone(), None),
            None => match fs::read_to_string(&kept) {
                Ok(node) if is_name(node.trim()) => (node.trim().to_owned(), None),
                Ok(_) => return Err(StoreError::open(&kept, "it holds no name of a gateway")),
                Err(e) if e.kind() == ErrorKind::NotFound => (uuid::Uuid::new_v4().simple().to_string(), Some(kept)),
                Err(e) => return Err(StoreError::open(&kept, e)),
            },
        };
        Ok(Claim { settings, node, new_node, lock })
    }

    /// Writes down a name that was made for this gateway, so that the next start has it too.
    pub(super) fn keep_node(&self) -> Result<(), StoreError> {
        match &self.new_node {
            Some(path) => keep_node(path, &self.node).map_err(|e| StoreError::open(path, e)),
            None => Ok(()),
        }
    }
}

fn keep_node(path: &Path, node: &str) -> std::io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{node}")?;
    file.sync_all()?;
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

fn is_name(text: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    (1..=LONGEST).contains(&text.len()) && text.chars().all(fits)
}

/// The database's own name with more behind it.
fn beside(database: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(ending);
    name.into()
}
