// SPDX-License-Identifier: EUPL-1.2
//! Maps and sets over keys that are hashes already.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

pub type Map<V> = HashMap<u64, V, BuildHasherDefault<Folded>>;
pub type Set = HashSet<u64, BuildHasherDefault<Folded>>;

/// One multiplication: the keys are hashes, keyed ones where an outsider chooses what is hashed into a large set.
#[derive(Debug, Default)]
pub struct Folded(u64);

impl Hasher for Folded {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0 ^ value);
    }
}

/// Spreads each bit over all others (the finaliser of splitmix64).
pub fn mix(mut value: u64) -> u64 {
    value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
