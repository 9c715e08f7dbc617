// SPDX-License-Identifier: EUPL-1.2
//! Limits what clients use: connections in total and from one client, bytes of content in memory.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Connections now, counted against two limits.
pub struct ConnectionLimit {
    most: AtomicUsize,
    most_per_client: AtomicUsize,
    present: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

impl ConnectionLimit {
    pub fn new(most: usize, most_per_client: usize) -> ConnectionLimit {
        let (most, most_per_client) = (AtomicUsize::new(most), AtomicUsize::new(most_per_client));
        ConnectionLimit { most, most_per_client, present: Mutex::default() }
    }

    /// Changes the limits. Connections that are open stay.
    pub fn resize(&self, most: usize, most_per_client: usize) {
        self.most.store(most, Ordering::Relaxed);
        self.most_per_client.store(most_per_client, Ordering::Relaxed);
    }

    /// A permit for one more connection, given back when it is dropped; `None` if all are in use.
    /// [`Permit::is_for`] says later which client has it.
    pub fn enter(self: &Arc<Self>) -> Option<Permit> {
        let (all, _) = &mut *self.lock();
        if *all >= self.most.load(Ordering::Relaxed) {
            return None;
        }
        *all += 1;
        Some(Permit { connections: self.clone(), client: None })
    }

    fn lock(&self) -> MutexGuard<'_, (usize, HashMap<IpAddr, usize>)> {
        // Counting cannot panic half-way.
        self.present.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// One connection's place.
pub struct Permit {
    connections: Arc<ConnectionLimit>,
    client: Option<IpAddr>,
}

impl Permit {
    /// Says whose the place is; false where that client has as many as one may have. Said once.
    pub fn is_for(&mut self, client: IpAddr) -> bool {
        let (_, by_client) = &mut *self.connections.lock();
        let own = by_client.entry(client).or_default();
        if *own >= self.connections.most_per_client.load(Ordering::Relaxed) {
            return false; // at least one is there, so the entry is no new one
        }
        *own += 1;
        self.client = Some(client);
        true
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut present = self.connections.lock();
        let (all, by_client) = &mut *present;
        *all = all.saturating_sub(1);
        let Some(client) = self.client else { return };
        if let Some(own) = by_client.get_mut(&client) {
            *own -= 1;
            if *own == 0 {
                by_client.remove(&client);
            }
        }
    }
}

/// Bytes of content that all sessions hold together, bounded by settings and not by clients (promise 6).
pub struct ContentBudget {
    limit: AtomicU64,
    used: AtomicU64,
}

impl ContentBudget {
    pub fn new(limit: u64) -> ContentBudget {
        ContentBudget { limit: AtomicU64::new(limit), used: AtomicU64::new(0) }
    }

    /// Changes the limit. What is held stays.
    pub fn resize(&self, limit: u64) {
        self.limit.store(limit, Ordering::Relaxed);
    }

    pub fn limit(&self) -> u64 {
        self.limit.load(Ordering::Relaxed)
    }

    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// One session's share, empty yet.
    pub fn share(self: &Arc<Self>) -> ContentShare {
        ContentShare { memory: self.clone(), bytes: 0 }
    }
}

/// What one session holds; given back when it is dropped.
pub struct ContentShare {
    memory: Arc<ContentBudget>,
    bytes: u64,
}

impl ContentShare {
    /// Sets the share to `bytes`; false where that is more than there is. Only growing can fail.
    pub fn hold(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let used = &self.memory.used;
        if bytes <= self.bytes {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        } else {
            let more = bytes - self.bytes;
            if used.fetch_add(more, Ordering::Relaxed) + more > self.memory.limit() {
                used.fetch_sub(more, Ordering::Relaxed);
                return false;
            }
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for ContentShare {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_bytes_come_back() {
        let connections = Arc::new(ConnectionLimit::new(3, 2));
        let (a, b): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let enter = |client| connections.enter().and_then(|mut place| place.is_for(client).then_some(place));
        let first = enter(a);
        let second = enter(a);
        assert!(first.is_some() && second.is_some() && enter(a).is_none());
        let third = enter(b);
        assert!(third.is_some() && enter(b).is_none(), "three in all");
        drop(first);
        assert!(enter(b).is_some());
        drop((second, third));
        assert!(connections.lock().1.is_empty());

        let memory = Arc::new(ContentBudget::new(100));
        let (mut one, mut two) = (memory.share(), memory.share());
        assert!(one.hold(60) && !two.hold(41) && two.hold(40));
        assert!(one.hold(10) && two.hold(90));
        drop((one, two));
        assert_eq!(memory.used(), 0);
    }
}
