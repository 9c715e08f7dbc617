// SPDX-License-Identifier: EUPL-1.2
//! Remembers files by their hash: extracts (bounded by bytes), and files that killed workers (bounded by number).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::document::{DocumentError, Extract};

pub(super) type Hash = [u8; 32];

/// Files that killed two workers, remembered.
const BAD: usize = 10_000;

/// First in, first out: a bulk send asks for the same file within minutes, and order of use costs a lock more.
#[derive(Default)]
pub(super) struct Memory {
    extracts: HashMap<Hash, (Arc<Extract>, usize)>,
    order: VecDeque<Hash>,
    bytes: usize,
    bad: HashMap<Hash, DocumentError>,
    bad_order: VecDeque<Hash>,
}

impl Memory {
    pub fn extract(&self, hash: &Hash) -> Option<Arc<Extract>> {
        self.extracts.get(hash).map(|(extract, _)| Arc::clone(extract))
    }

    pub fn bad(&self, hash: &Hash) -> Option<DocumentError> {
        self.bad.get(hash).copied()
    }

    /// Keeps an extract; the oldest leave until all together weigh at most `limit` bytes.
    pub fn keep(&mut self, hash: Hash, extract: &Arc<Extract>, limit: usize) {
        let weight = weight(extract);
        if weight > limit || self.extracts.contains_key(&hash) {
            return;
        }
        self.bytes += weight;
        self.extracts.insert(hash, (Arc::clone(extract), weight));
        self.order.push_back(hash);
        while self.bytes > limit {
            let Some(oldest) = self.order.pop_front() else { break };
            if let Some((_, weight)) = self.extracts.remove(&oldest) {
                self.bytes -= weight;
            }
        }
    }

    pub fn condemn(&mut self, hash: Hash, fault: DocumentError) {
        if self.bad.insert(hash, fault).is_none() {
            self.bad_order.push_back(hash);
        }
        if self.bad_order.len() > BAD
            && let Some(oldest) = self.bad_order.pop_front()
        {
            self.bad.remove(&oldest);
        }
    }
}

/// Bytes an extract holds, roughly.
fn weight(extract: &Extract) -> usize {
    let texts: usize = extract.segments.iter().map(|segment| segment.text.len() + segment.place.len() + 64).sum();
    let properties: usize = extract.properties.iter().map(|(name, value)| name.len() + value.len() + 64).sum();
    256 + extract.name.len() + texts + properties + extract.children.iter().map(weight).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_leave_first() {
        let mut memory = Memory::default();
        let extract = Arc::new(Extract::default());
        for index in 0..10 {
            memory.keep([index; 32], &extract, 256 * 3);
        }
        assert!(memory.extract(&[6; 32]).is_none());
        assert!(memory.extract(&[9; 32]).is_some());
        assert!(memory.bytes <= 256 * 3);
    }
}
