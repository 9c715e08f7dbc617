// SPDX-License-Identifier: EUPL-1.2
//! The members of one export: sorted hashes, their positions, and a table of offsets by the leading bits.

use super::Member;

/// Where a member stands in the export, and whether the address is one of our own domains'.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Counted from 0 in the order of the owner's file; below 2³¹.
    pub position: u32,
    pub own: bool,
}

const OWN: u32 = 1 << 31;

impl Place {
    pub(super) fn packed(self) -> u32 {
        (self.position & !OWN) | if self.own { OWN } else { 0 }
    }

    pub(super) fn unpacked(packed: u32) -> Place {
        Place { position: packed & !OWN, own: packed & OWN != 0 }
    }
}

/// The members of one export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members {
    hashes: Box<[u64]>,
    places: Box<[u32]>,
    offsets: Offsets,
}

/// Stored members that are not as they were written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the stored members are damaged: {0}")]
pub struct Damaged(pub(super) &'static str);

const MAGIC: &[u8; 8] = b"members1";

impl Members {
    /// Of a mailbox that stands there several times, the first place counts.
    pub fn new(mut rows: Vec<(Member, Place)>) -> Members {
        rows.sort_unstable();
        rows.dedup_by_key(|(member, _)| *member);
        let hashes: Box<[u64]> = rows.iter().map(|(member, _)| member.0).collect();
        let places = rows.iter().map(|(_, place)| place.packed()).collect();
        let offsets = Offsets::new(&hashes);
        Members { hashes, places, offsets }
    }

    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    pub fn place(&self, member: Member) -> Option<Place> {
        let range = self.offsets.range(member.0);
        let found = range.start + self.hashes[range].iter().position(|hash| *hash == member.0)?;
        Some(Place::unpacked(self.places[found]))
    }

    pub fn iter(&self) -> impl Iterator<Item = (Member, Place)> + '_ {
        self.hashes.iter().zip(&self.places).map(|(hash, place)| (Member(*hash), Place::unpacked(*place)))
    }

    /// Memory taken, in bytes.
    pub fn bytes(&self) -> usize {
        self.hashes.len() * 12 + self.offsets.bytes()
    }

    /// The stored form: magic, count, hashes, places, digest; little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(48 + self.hashes.len() * 12);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&(self.hashes.len() as u64).to_le_bytes());
        self.hashes.iter().for_each(|hash| bytes.extend_from_slice(&hash.to_le_bytes()));
        self.places.iter().for_each(|place| bytes.extend_from_slice(&place.to_le_bytes()));
        let digest = blake3::hash(&bytes);
        bytes.extend_from_slice(digest.as_bytes());
        bytes
    }

    pub fn from_bytes(bytes: &[u8]) -> Result<Members, Damaged> {
        let (body, digest) = bytes.split_last_chunk::<32>().ok_or(Damaged("too short"))?;
        let (magic, rest) = body.split_first_chunk::<8>().ok_or(Damaged("too short"))?;
        if magic != MAGIC {
            return Err(Damaged("written by another version"));
        }
        let (count, rest) = rest.split_first_chunk::<8>().ok_or(Damaged("too short"))?;
        let count = usize::try_from(u64::from_le_bytes(*count)).map_err(|_| Damaged("too many"))?;
        if count.checked_mul(12) != Some(rest.len()) {
            return Err(Damaged("cut or longer than it says"));
        }
        if blake3::hash(body).as_bytes() != digest {
            return Err(Damaged("its digest is another"));
        }
        let (hashes, places) = rest.split_at(count * 8);
        let hashes: Box<[u64]> = hashes.as_chunks::<8>().0.iter().map(|chunk| u64::from_le_bytes(*chunk)).collect();
        if !hashes.is_sorted_by(|a, b| a < b) {
            return Err(Damaged("not in order"));
        }
        let places = places.as_chunks::<4>().0.iter().map(|chunk| u32::from_le_bytes(*chunk)).collect();
        let offsets = Offsets::new(&hashes);
        Ok(Members { hashes, places, offsets })
    }
}

/// Where the hashes begin that share their leading bits: about two hashes a row, so that a look-up reads two lines of
/// memory instead of searching twenty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offsets {
    shift: u32,
    starts: Box<[u32]>,
}

impl Offsets {
    /// For hashes in order, fewer than 2³².
    pub(super) fn new(sorted: &[u64]) -> Offsets {
        let bits = (sorted.len() / 2).next_power_of_two().trailing_zeros().clamp(1, 20);
        let shift = 64 - bits;
        let mut starts = vec![0_u32; (1 << bits) + 1];
        for hash in sorted {
            starts[(hash >> shift) as usize + 1] += 1;
        }
        for row in 1..starts.len() {
            starts[row] += starts[row - 1];
        }
        Offsets { shift, starts: starts.into() }
    }

    pub(super) fn range(&self, hash: u64) -> std::ops::Range<usize> {
        let row = (hash >> self.shift) as usize;
        self.starts[row] as usize..self.starts[row + 1] as usize
    }

    pub(super) fn bytes(&self) -> usize {
        self.starts.len() * 4
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn place(position: u32) -> Place {
        Place { position, own: position.is_multiple_of(3) }
    }

    #[test]
    fn what_is_damaged_is_refused() {
        let members = Members::new((0..100).map(|n| (Member(u64::from(n) << 57 | 7), place(n))).collect());
        let bytes = members.to_bytes();
        assert_eq!(Members::from_bytes(&bytes), Ok(members));
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(Members::from_bytes(&changed).is_err(), "byte {at}");
            assert!(Members::from_bytes(&bytes[..at]).is_err(), "cut at {at}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn members_are_found_and_others_are_not(
            hashes in prop::collection::vec(prop_oneof![any::<u64>(), 0..9_u64, (u64::MAX - 9)..], 0..300),
            others in prop::collection::vec(any::<u64>(), 20),
        ) {
            let rows: Vec<_> = hashes.iter().zip(0..).map(|(hash, at)| (Member(*hash), place(at))).collect();
            let mut first = BTreeMap::new();
            for (member, place) in &rows {
                first.entry(*member).or_insert(*place);
            }
            let members = Members::new(rows);
            prop_assert_eq!(members.len(), first.len());
            for hash in hashes.iter().chain(&others).chain(&[0, 5, u64::MAX]) {
                prop_assert_eq!(members.place(Member(*hash)), first.get(&Member(*hash)).copied());
            }
            prop_assert_eq!(Members::from_bytes(&members.to_bytes()), Ok(members));
        }
    }
}
