// SPDX-License-Identifier: EUPL-1.2
//! Messages on the worker's socket. Its first octet says what the kernel refused of its sandbox. Then: two lengths, a JSON
//! header, raw bytes. One request, one answer. The bytes of the file follow the request; the bytes of its pictures follow
//! the answer, in the order in which it lists them.

use serde::{Deserialize, Serialize};

use super::extent::Extent;
use crate::document::Extract;

/// What a worker is asked; the file's bytes follow raw.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Request {
    pub name: String,
    pub passwords: Vec<String>,
    pub extent: Extent,
    /// Bytes of pictures that may follow the answer.
    pub pictures: usize,
}

/// What a worker says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Told {
    pub extract: Extract,
    pub has_more: bool,
}

/// A frame's head: length of the JSON and of the raw bytes, little endian.
pub(super) const HEAD: usize = 16;

pub(super) fn head(json: usize, raw: usize) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    let (first, second) = head.split_at_mut(8);
    first.copy_from_slice(&(json as u64).to_le_bytes());
    second.copy_from_slice(&(raw as u64).to_le_bytes());
    head
}

pub(super) fn lengths(head: [u8; HEAD]) -> (u64, u64) {
    let value = u128::from_le_bytes(head);
    ((value & u128::from(u64::MAX)) as u64, (value >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_and_back() {
        assert_eq!(lengths(head(7, 1 << 40)), (7, 1 << 40));
    }
}
