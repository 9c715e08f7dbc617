// SPDX-License-Identifier: EUPL-1.2
//! A map that tells what has changed in it.

use serde::{Deserialize, Serialize};

use crate::lists::hashed::{Map, Set};

/// A map that knows what has changed since it was last written down.
#[derive(Debug, Clone)]
pub(super) struct Tracked<V> {
    map: Map<V>,
    changed: Set,
}

/// What a [`Tracked`] map became: the value of each key that changed, `None` where it is gone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Changes<V>(pub Vec<(u64, Option<V>)>);

impl<V> Default for Changes<V> {
    fn default() -> Self {
        Changes(Vec::new())
    }
}

impl<V> Default for Tracked<V> {
    fn default() -> Self {
        Tracked { map: Map::default(), changed: Set::default() }
    }
}

impl<V: Clone> Tracked<V> {
    pub fn get(&self, key: u64) -> Option<&V> {
        self.map.get(&key)
    }

    pub fn get_mut(&mut self, key: u64) -> Option<&mut V> {
        let value = self.map.get_mut(&key)?;
        self.changed.insert(key);
        Some(value)
    }

    pub fn entry(&mut self, key: u64, new: impl FnOnce() -> V) -> &mut V {
        self.changed.insert(key);
        self.map.entry(key).or_insert_with(new)
    }

    pub fn remove(&mut self, key: u64) -> Option<V> {
        self.changed.insert(key);
        self.map.remove(&key)
    }

    pub fn len(&self) -> usize {
        self.map.len()
    }

    pub fn iter(&self) -> impl Iterator<Item = (u64, &V)> {
        self.map.iter().map(|(key, value)| (*key, value))
    }

    /// Keys in order, so that what is done for each does not hang on the order of a hash map.
    pub fn keys_where(&self, wanted: impl Fn(&V) -> bool) -> Vec<u64> {
        let mut keys: Vec<u64> = self.iter().filter(|(_, value)| wanted(value)).map(|(key, _)| key).collect();
        keys.sort_unstable();
        keys
    }

    pub fn changes(&mut self) -> Changes<V> {
        let mut keys: Vec<u64> = self.changed.drain().collect();
        keys.sort_unstable();
        Changes(keys.into_iter().map(|key| (key, self.map.get(&key).cloned())).collect())
    }

    /// Forgets what changed: nobody writes it down.
    pub fn forget_changes(&mut self) {
        if self.changed.capacity() > 1024 {
            self.changed = Set::default();
        }
        self.changed.clear();
    }

    pub fn apply(&mut self, changes: Changes<V>) {
        for (key, value) in changes.0 {
            match value {
                Some(value) => self.map.insert(key, value),
                None => self.map.remove(&key),
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_told_once_and_rebuild_the_map() {
        let (mut map, mut copy) = (Tracked::default(), Tracked::default());
        for key in 0..10 {
            *map.entry(key, || 0) += key;
        }
        copy.apply(map.changes());
        map.remove(3);
        *map.get_mut(4).expect("was put there") = 40;
        let changes = map.changes();
        assert_eq!(changes.0, [(3, None), (4, Some(40))]);
        copy.apply(changes);
        assert!(map.changes().0.is_empty());
        assert_eq!((copy.get(3), copy.get(4), copy.get(5), copy.len()), (None, Some(&40), Some(&5), 9));
    }
}
