// SPDX-License-Identifier: EUPL-1.2
//! A file to be opened, what was read of it, and by what both are known.

use std::sync::Arc;

use bytes::Bytes;

use super::extent::Extent;
use crate::document::{DocumentError, Extract, kind_of};

pub(super) type Hash = [u8; 32];

/// A file to be opened.
#[derive(Debug, Clone)]
pub struct File {
    /// Only repeated in the extract.
    pub name: String,
    pub bytes: Bytes,
    /// Tried on what is encrypted.
    pub passwords: Vec<String>,
}

/// What was read of a file.
#[derive(Debug, Clone, Default)]
pub struct Answer {
    pub extract: Arc<Extract>,
    /// The file has more to tell than was asked for: another [`Extent`] gives more of it.
    pub has_more: bool,
}

impl Answer {
    /// The same with the file's own name.
    pub(super) fn named(self, name: &str) -> Answer {
        if self.extract.name == name {
            return self;
        }
        let extract = Extract { name: name.to_owned(), ..Extract::clone(&self.extract) };
        Answer { extract: Arc::new(extract), ..self }
    }
}

/// A file is known by its bytes, by the passwords tried on it, and by how far it was opened.
pub(super) fn hash(file: &File, extent: Extent) -> Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(extent.text as u64).to_le_bytes());
    hasher.update(&[u8::from(extent.is_quick)]);
    for password in &file.passwords {
        hasher.update(&(password.len() as u64).to_le_bytes());
        hasher.update(password.as_bytes());
    }
    hasher.update(&u64::MAX.to_le_bytes());
    hasher.update(&file.bytes);
    *hasher.finalize().as_bytes()
}

pub(super) fn failed(file: &File, fault: DocumentError) -> Answer {
    // Only the first bytes are looked at here: the file has proved to be hostile.
    let kind = kind_of(file.bytes.get(..64).unwrap_or(&file.bytes)).to_owned();
    let (name, size) = (file.name.clone(), file.bytes.len() as u64);
    Answer {
        extract: Arc::new(Extract { name, kind, size, fault: Some(fault), ..Extract::default() }),
        has_more: false,
    }
}
