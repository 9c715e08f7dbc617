// SPDX-License-Identifier: EUPL-1.2
//! How much of a limit each key has used, as governor stores it.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

use crate::policy::limits::Key;

/// Locks over which the keys of a limit are spread.
pub(super) const SHARDS: usize = 16;
/// Keys of one shard at most. Beyond it newcomers share one counter: a forged sender a mail must not fill the memory.
pub(super) const MOST_KEYS: usize = 8 * 1024;

/// How far each key is used: the time at which it would be whole again (GCRA's theoretical arrival time), in
/// nanoseconds since the limiter began. Beside governor's own stores it can give back, and is bounded.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Levels>);

#[derive(Default)]
struct Levels {
    shards: [Mutex<HashMap<Key, u64>>; SHARDS],
    hasher: RandomState,
}

impl Shared {
    fn shard(&self, key: &Key) -> MutexGuard<'_, HashMap<Key, u64>> {
        let at = self.0.hasher.hash_one(key) as usize % SHARDS; // always below the length
        // Nothing panics between two writes of one number.
        self.0.shards[at].lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn lower(&self, key: &Key, by: u64) {
        let mut shard = self.shard(key);
        let key = if shard.contains_key(key) { key } else { &Key::Everyone };
        if let Some(level) = shard.get_mut(key) {
            *level = level.saturating_sub(by);
        }
    }
}

impl StateStore for Shared {
    type Key = Key;

    fn measure_and_replace<T, F, E>(&self, key: &Key, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.shard(key);
        let is_full = shard.len() >= MOST_KEYS;
        let key = if is_full && !shard.contains_key(key) { &Key::Everyone } else { key };
        match shard.get_mut(key) {
            Some(level) => {
                let (outcome, fresh) = decide(Some(Nanos::new(*level)))?;
                *level = fresh.as_u64();
                Ok(outcome)
            }
            None => {
                let (outcome, fresh) = decide(None)?;
                shard.insert(key.clone(), fresh.as_u64());
                Ok(outcome)
            }
        }
    }
}

impl ShrinkableKeyedStateStore<Key> for Shared {
    fn retain_recent(&self, drop_below: Nanos) {
        for shard in &self.0.shards {
            let mut shard = shard.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
            shard.retain(|_, level| *level > drop_below.as_u64());
        }
    }

    fn len(&self) -> usize {
        self.0.shards.iter().map(|s| s.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
