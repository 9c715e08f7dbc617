// SPDX-License-Identifier: EUPL-1.2
//! How many are here, and how much they brought: connections in all and per client, bytes of content in flight.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

/// Connections now, counted against two limits.
pub struct Crowd {
    most: usize,
    most_per_client: usize,
    present: Mutex<(usize, HashMap<IpAddr, usize>)>,
}

impl Crowd {
    pub fn new(most: usize, most_per_client: usize) -> Crowd {
        Crowd { most, most_per_client, present: Mutex::default() }
    }

    /// A place, given back when it is dropped; `None` where one of the limits is reached.
    pub fn enter(self: &Arc<Self>, client: IpAddr) -> Option<Place> {
        let mut present = self.lock();
        let (all, by_client) = &mut *present;
        let own = by_client.entry(client).or_default();
        if *all >= self.most || *own >= self.most_per_client {
            if *own == 0 {
                by_client.remove(&client);
            }
            return None;
        }
        *all += 1;
        *own += 1;
        Some(Place { crowd: self.clone(), client })
    }

    fn lock(&self) -> MutexGuard<'_, (usize, HashMap<IpAddr, usize>)> {
        // Counting cannot panic half-way.
        self.present.lock().unwrap_or_else(|e| e.into_inner())
    }
}

/// One connection's place.
pub struct Place {
    crowd: Arc<Crowd>,
    client: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut present = self.crowd.lock();
        let (all, by_client) = &mut *present;
        *all = all.saturating_sub(1);
        if let Some(own) = by_client.get_mut(&self.client) {
            *own -= 1;
            if *own == 0 {
                by_client.remove(&self.client);
            }
        }
    }
}

/// Bytes of content that all sessions hold together, bounded by settings and not by clients (promise 6).
pub struct Memory {
    limit: u64,
    used: AtomicU64,
}

impl Memory {
    pub fn new(limit: u64) -> Memory {
        Memory { limit, used: AtomicU64::new(0) }
    }

    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// One session's share, empty yet.
    pub fn share(self: &Arc<Self>) -> Share {
        Share { memory: self.clone(), bytes: 0 }
    }
}

/// What one session holds; given back when it is dropped.
pub struct Share {
    memory: Arc<Memory>,
    bytes: u64,
}

impl Share {
    /// Sets the share to `bytes`; false where that is more than there is. Only growing can fail.
    pub fn hold(&mut self, bytes: usize) -> bool {
        let bytes = bytes as u64;
        let used = &self.memory.used;
        if bytes <= self.bytes {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        } else {
            let more = bytes - self.bytes;
            if used.fetch_add(more, Ordering::Relaxed) + more > self.memory.limit {
                used.fetch_sub(more, Ordering::Relaxed);
                return false;
            }
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.hold(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_bytes_come_back() {
        let crowd = Arc::new(Crowd::new(3, 2));
        let (a, b): (IpAddr, IpAddr) = ([127, 0, 0, 1].into(), [127, 0, 0, 2].into());
        let first = crowd.enter(a);
        let second = crowd.enter(a);
        assert!(first.is_some() && second.is_some() && crowd.enter(a).is_none());
        let third = crowd.enter(b);
        assert!(third.is_some() && crowd.enter(b).is_none(), "three in all");
        drop(first);
        assert!(crowd.enter(b).is_some());

        let memory = Arc::new(Memory::new(100));
        let (mut one, mut two) = (memory.share(), memory.share());
        assert!(one.hold(60) && !two.hold(41) && two.hold(40));
        assert!(one.hold(10) && two.hold(90));
        drop((one, two));
        assert_eq!(memory.used(), 0);
    }
}
