// SPDX-License-Identifier: EUPL-1.2
//! The key-encryption key in its file outside the store, and the data keys it wraps (decision D14).

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

use super::StoreError;
use crate::lists::ListKey;

const KEY_LEN: usize = 32;
const NONCE_LEN: usize = 12;
const TAG_LEN: usize = 16;

/// The key-encryption key: 32 random bytes, from which every other key of the store is wrapped or derived.
pub struct KeyFile {
    key: Zeroizing<[u8; KEY_LEN]>,
}

// Shy: a key never reaches a log.
impl std::fmt::Debug for KeyFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyFile")
    }
}

impl KeyFile {
    /// Reads the key file, or makes one (mode 0600, on disk before this returns) where there is none.
    pub fn create_or_load(path: &Path) -> Result<KeyFile, StoreError> {
        if !path.exists() {
            KeyFile::create(path)?;
        }
        KeyFile::load(path)
    }

    /// Reads an existing key file; others than owner and group must not be able to read it.
    pub fn load(path: &Path) -> Result<KeyFile, StoreError> {
        let fault = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotFound => {
                StoreError::key(path, "it does not exist, but the store needs it; restore it from your backup")
            }
            _ => StoreError::key(path, e),
        };
        let mode = fs::metadata(path).map_err(fault)?.mode();
        if mode & 0o007 != 0 {
            return Err(StoreError::key(path, "every user can read it; run `chmod 600` on it"));
        }
        let bytes = Zeroizing::new(fs::read(path).map_err(fault)?);
        let key = <[u8; KEY_LEN]>::try_from(bytes.as_slice())
            .map_err(|_| StoreError::key(path, format!("it has {} bytes instead of {KEY_LEN}", bytes.len())))?;
        Ok(KeyFile { key: Zeroizing::new(key) })
    }

    fn create(path: &Path) -> Result<(), StoreError> {
        let fault = |e: std::io::Error| StoreError::key(path, e);
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(fault)?;
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(fault)?;
        file.write_all(&*random_key()).map_err(fault)?;
        file.sync_all().map_err(fault)?;
        fs::File::open(folder).and_then(|f| f.sync_all()).map_err(fault)
    }

    /// The key under which members of lists are known, where this file is theirs.
    pub(super) fn list_key(&self) -> ListKey {
        ListKey::new(*self.derive("octroi 2026 members of lists"))
    }

    /// What the store remembers to know its own key again; tells nothing about the key.
    pub(super) fn check_value(&self) -> [u8; KEY_LEN] {
        *self.derive("octroi 2026 store key check")
    }

    /// A key for one purpose; `purpose` is a fixed text of ours.
    pub(super) fn derive(&self, purpose: &str) -> Zeroizing<[u8; KEY_LEN]> {
        Zeroizing::new(blake3::derive_key(purpose, &*self.key))
    }

    /// Wraps a data key for the row called `id`: nonce, then ciphertext with its tag.
    pub(super) fn wrap(&self, data_key: &DataKey, id: &str) -> Vec<u8> {
        seal_with_random_nonce(&self.derive("octroi 2026 store key wrap"), id.as_bytes(), &*data_key.0)
    }

    /// Unwraps a data key; `None` where the bytes are not what [`KeyFile::wrap`] gave for this id.
    pub(super) fn unwrap(&self, wrapped: &[u8], id: &str) -> Option<DataKey> {
        let plain = open_with_random_nonce(&self.derive("octroi 2026 store key wrap"), id.as_bytes(), wrapped)?;
        let key = <[u8; KEY_LEN]>::try_from(plain.as_slice()).ok()?;
        Some(DataKey(Zeroizing::new(key)))
    }
}

/// The key of one message, random, never stored but wrapped.
pub(super) struct DataKey(Zeroizing<[u8; KEY_LEN]>);

impl DataKey {
    pub(super) fn random() -> DataKey {
        DataKey(random_key())
    }

    /// The key for one sealed thing below this data key. Each purpose seals once, so counters may start at zero.
    pub(super) fn for_purpose(&self, purpose: &str) -> LessSafeKey {
        cipher(blake3::keyed_hash(&self.0, purpose.as_bytes()).as_bytes())
    }
}

/// Seals a short text under a key used many times: random nonce in front (NIST SP 800-38D §8.2.2).
pub(super) fn seal_with_random_nonce(key: &[u8; KEY_LEN], aad: &[u8], plain: &[u8]) -> Vec<u8> {
    let mut nonce = [0; NONCE_LEN];
    fill_random(&mut nonce);
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + TAG_LEN);
    sealed.extend_from_slice(&nonce);
    let mut body = Zeroizing::new(plain.to_vec());
    let tag = cipher(key).seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut body);
    sealed.extend_from_slice(&body);
    // Invariant: AES-GCM seals anything below 64 GiB, and these are texts of a few bytes.
    sealed.extend_from_slice(tag.expect("AES-GCM seals short texts").as_ref());
    sealed
}

/// Opens what [`seal_with_random_nonce`] sealed.
pub(super) fn open_with_random_nonce(key: &[u8; KEY_LEN], aad: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (nonce, body) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let mut body = Zeroizing::new(body.to_vec());
    let len = cipher(key).open_in_place(Nonce::assume_unique_for_key(*nonce), Aad::from(aad), &mut body).ok()?.len();
    body.truncate(len);
    Some(body)
}

fn cipher(key: &[u8; KEY_LEN]) -> LessSafeKey {
    // Invariant: the only error is a wrong key length, and the type has fixed it.
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("AES-256 takes 32 bytes"))
}

fn random_key() -> Zeroizing<[u8; KEY_LEN]> {
    let mut key = Zeroizing::new([0; KEY_LEN]);
    fill_random(&mut *key);
    key
}

pub(super) fn fill_random(bytes: &mut [u8]) {
    // Invariant: aws-lc's generator is seeded by the kernel and has no failure a program could survive.
    aws_lc_rs::rand::fill(bytes).expect("the kernel gives randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_key_opens_only_under_its_own_id_and_key() {
        let folder = tempfile::tempdir().unwrap();
        let one = KeyFile::create_or_load(&folder.path().join("one")).unwrap();
        let two = KeyFile::create_or_load(&folder.path().join("two")).unwrap();
        let wrapped = one.wrap(&DataKey::random(), "a");
        assert!(one.unwrap(&wrapped, "a").is_some());
        assert!(one.unwrap(&wrapped, "b").is_none());
        assert!(two.unwrap(&wrapped, "a").is_none());
        assert!(one.unwrap(&wrapped[..wrapped.len() - 1], "a").is_none());
        assert!(one.unwrap(&[], "a").is_none());
    }

    #[test]
    fn a_key_file_is_made_once_and_kept_from_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/key");
        let first = KeyFile::create_or_load(&path).unwrap().check_value();
        assert_eq!(first, KeyFile::create_or_load(&path).unwrap().check_value());
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::write(&path, b"short").unwrap();
        assert!(KeyFile::load(&path).unwrap_err().to_string().contains("5 bytes instead of 32"));
    }
}
