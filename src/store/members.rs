// SPDX-License-Identifier: EUPL-1.2
//! Members of registered lists on the disk: one file an export, written whole or not at all; their key apart.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::key::fill_random;
use super::{KeyFile, StoreError};
use crate::diagnostic::Diagnostic;
use crate::lists::export::Stock;
use crate::lists::{ListKey, MemberFile};

/// What the files end in.
const ENDING: &str = "members";

/// Why members cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum MembersError {
    #[error("the members of lists in {0} cannot be read or written: {1}")]
    File(PathBuf, std::io::Error),
    #[error("{0}: {1}; import the list again")]
    Damaged(PathBuf, crate::lists::Damaged),
    #[error(
        "{0} was made with another key than [lists] key: restore that key from your backup, or import the list again"
    )]
    OtherKey(PathBuf),
    #[error("[lists] key: {0}")]
    Key(#[from] StoreError),
}

/// The folder of members, its key and the stock of canaries.
#[derive(Debug, Clone)]
pub struct MemberStore {
    folder: PathBuf,
    key_file: PathBuf,
    canaries: PathBuf,
}

impl MemberStore {
    pub fn new(folder: PathBuf, key_file: PathBuf, canaries: PathBuf) -> MemberStore {
        MemberStore { folder, key_file, canaries }
    }

    /// The key of members; made where nothing is registered yet.
    ///
    /// # Errors
    /// It cannot be read, or is missing though members are there.
    pub fn key(&self) -> Result<ListKey, MembersError> {
        let file = if self.paths()?.is_empty() {
            KeyFile::create_or_load(&self.key_file)?
        } else {
            KeyFile::load(&self.key_file)?
        };
        Ok(file.list_key())
    }

    /// Every export, by list and label.
    ///
    /// # Errors
    /// One is damaged, or of another key.
    pub fn read(&self) -> Result<Vec<MemberFile>, MembersError> {
        let paths = self.paths()?;
        if paths.is_empty() {
            return Ok(Vec::new());
        }
        let check = self.key()?.check();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let bytes = fs::read(&path).map_err(|error| MembersError::File(path.clone(), error))?;
            let file = MemberFile::from_bytes(&bytes).map_err(|why| MembersError::Damaged(path.clone(), why))?;
            if file.about.key != check {
                return Err(MembersError::OtherKey(path));
            }
            files.push(file);
        }
        files.sort_by(|a, b| (&a.about.list, &a.about.export).cmp(&(&b.about.list, &b.about.export)));
        Ok(files)
    }

    /// One export, where it is kept.
    ///
    /// # Errors
    /// It is damaged.
    pub fn one(&self, list: &str, export: Option<&str>) -> Result<Option<MemberFile>, MembersError> {
        let path = self.folder.join(name(list, export));
        match fs::read(&path) {
            Ok(bytes) => MemberFile::from_bytes(&bytes).map(Some).map_err(|why| MembersError::Damaged(path, why)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(MembersError::File(path, error)),
        }
    }

    /// Keeps an export, in the place of one of the same label; gives its size. Durable once this returns, and before that
    /// what was there stays.
    ///
    /// # Errors
    /// The disk.
    pub fn keep(&self, file: &MemberFile) -> Result<u64, MembersError> {
        let fault = |error| MembersError::File(self.folder.clone(), error);
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).map_err(fault)?;
        let bytes = file.to_bytes();
        let path = self.folder.join(name(&file.about.list, file.about.export.as_deref()));
        let next = path.with_extension("next");
        let written = (|| {
            // One that a crash left behind.
            let _ = fs::remove_file(&next);
            let mut out = File::options().write(true).create_new(true).mode(0o600).open(&next)?;
            out.write_all(&bytes)?;
            out.sync_all()?;
            fs::rename(&next, &path)?;
            File::open(&self.folder)?.sync_all()
        })();
        match written {
            Ok(()) => Ok(bytes.len() as u64),
            Err(error) => {
                let _ = fs::remove_file(&next);
                Err(fault(error))
            }
        }
    }

    /// The mailboxes that canaries are taken from, and what is wrong with them; none where there is no file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn stock(&self) -> Result<(Stock, Vec<Diagnostic>), MembersError> {
        match fs::read_to_string(&self.canaries) {
            Ok(text) => Ok(Stock::parse(&self.canaries.display().to_string(), &text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok((Stock::default(), Vec::new())),
            Err(error) => Err(MembersError::File(self.canaries.clone(), error)),
        }
    }

    /// Randomness for one export, used once and kept nowhere.
    pub fn seed() -> [u8; 32] {
        let mut seed = [0; 32];
        fill_random(&mut seed);
        seed
    }

    fn paths(&self) -> Result<Vec<PathBuf>, MembersError> {
        let fault = |error| MembersError::File(self.folder.clone(), error);
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(fault(error)),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry.map_err(fault)?.path();
            if path.extension().is_some_and(|ending| ending == ENDING) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

/// Labels hold anything, so their digest is the name.
fn name(list: &str, export: Option<&str>) -> PathBuf {
    let label = match export {
        Some(label) => format!("@{}", &blake3::hash(label.as_bytes()).to_hex()[..16]),
        None => String::new(),
    };
    Path::new(&format!("{list}{label}")).with_added_extension(ENDING)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use jiff::civil::Date;

    use super::*;
    use crate::lists::{About, Member, Members, Place};

    fn file(store: &MemberStore, export: Option<&str>, members: u64) -> MemberFile {
        let rows = (1..=members).map(|n| (Member(n << 40), Place { position: n as u32, own: false }));
        let about = About {
            list: "agents".into(),
            export: export.map(str::to_owned),
            date: Date::constant(2026, 11, 30),
            for_whom: None,
            rows: members,
            keyed_by: Vec::new(),
            planted: Vec::new(),
            key: store.key().unwrap().check(),
        };
        MemberFile { about, members: Members::new(rows.collect()), keys: Members::new(Vec::new()) }
    }

    #[test]
    fn exports_stand_side_by_side_and_a_new_one_takes_the_place_of_its_label() {
        let house = tempfile::tempdir().unwrap();
        let store =
            MemberStore::new(house.path().join("lists"), house.path().join("k/key"), house.path().join("canaries"));
        assert!(store.read().unwrap().is_empty());
        store.keep(&file(&store, None, 3)).unwrap();
        store.keep(&file(&store, Some("a/../b"), 4)).unwrap();
        store.keep(&file(&store, None, 5)).unwrap();
        // What a crash left of an import is no export.
        fs::write(house.path().join("lists/agents.next"), b"half").unwrap();
        let kept: Vec<_> = store.read().unwrap().iter().map(|f| (f.about.export.clone(), f.members.len())).collect();
        assert_eq!(kept, [(None, 5), (Some("a/../b".to_owned()), 4)]);
        for entry in fs::read_dir(house.path().join("lists")).unwrap().map(Result::unwrap) {
            let of_ours = entry.path().extension().is_some_and(|ending| ending == ENDING);
            assert!(!of_ours || entry.metadata().unwrap().mode() & 0o077 == 0, "{:?}", entry.path());
        }
    }

    #[test]
    fn members_of_a_lost_key_and_damaged_ones_are_told() {
        let house = tempfile::tempdir().unwrap();
        let key = house.path().join("key");
        let store = MemberStore::new(house.path().join("lists"), key.clone(), house.path().join("canaries"));
        store.keep(&file(&store, None, 3)).unwrap();
        let kept = fs::read(&key).unwrap();
        fs::remove_file(&key).unwrap();
        assert!(store.key().unwrap_err().to_string().contains("restore it from your backup"));
        let mut other = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&key).unwrap();
        other.write_all(&[7; 32]).unwrap();
        assert!(matches!(store.read(), Err(MembersError::OtherKey(_))));
        fs::write(&key, kept).unwrap();
        let path = house.path().join("lists/agents.members");
        let mut bytes = fs::read(&path).unwrap();
        bytes[40] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(store.read().unwrap_err().to_string().contains("import the list again"));
    }
}
