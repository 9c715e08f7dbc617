// SPDX-License-Identifier: EUPL-1.2
//! A number of bytes that many share: who wants some waits for them, first come first served, and gives them back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Permits count so many bytes: 4 GiB of them are more than a semaphore may hold one by one.
const UNIT: usize = 1024;

/// The bytes; how many there are can change.
pub struct Pot {
    units: AtomicUsize,
    free: Arc<Semaphore>,
}

/// Some of a pot's bytes; given back when dropped.
pub struct Taken(OwnedSemaphorePermit);

impl Pot {
    pub fn new(bytes: usize) -> Pot {
        let units = units(bytes);
        Pot { units: AtomicUsize::new(units), free: Arc::new(Semaphore::new(units)) }
    }

    /// Changes how much there is. What is taken stays taken: a smaller pot is reached as it comes back, before anybody
    /// else has it.
    pub fn resize(&self, bytes: usize) {
        let units = units(bytes);
        let before = self.units.swap(units, Relaxed);
        self.free.add_permits(units.saturating_sub(before));
        let over = before.saturating_sub(units);
        let taken = over - self.free.forget_permits(over);
        if let Some(taken) = u32::try_from(taken).ok().filter(|taken| *taken > 0) {
            let free = self.free.clone();
            tokio::spawn(async move {
                // Fails only where the semaphore is closed, which nobody does.
                if let Ok(permits) = free.acquire_many_owned(taken).await {
                    permits.forget();
                }
            });
        }
    }

    /// How much there is, taken or not.
    pub fn bytes(&self) -> usize {
        self.units.load(Relaxed).saturating_mul(UNIT)
    }

    /// Waits for so many bytes. Who wants more than there are gets all.
    pub async fn take(&self, bytes: usize) -> Option<Taken> {
        self.free.clone().acquire_many_owned(self.weight(bytes)).await.ok().map(Taken)
    }

    /// So many bytes where they are free now. Who wants more than there are gets none.
    pub fn try_take(&self, bytes: usize) -> Option<Taken> {
        let is_enough = bytes <= self.bytes();
        is_enough.then(|| self.free.clone().try_acquire_many_owned(self.weight(bytes)).ok().map(Taken)).flatten()
    }

    fn weight(&self, bytes: usize) -> u32 {
        u32::try_from(bytes.div_ceil(UNIT).clamp(1, self.units.load(Relaxed))).unwrap_or(u32::MAX)
    }
}

impl Taken {
    /// Gives back all but so many bytes.
    pub fn shrink(&mut self, bytes: usize) {
        let over = self.0.num_permits().saturating_sub(bytes.div_ceil(UNIT));
        drop(self.0.split(over));
    }
}

fn units(bytes: usize) -> usize {
    (bytes / UNIT).clamp(1, u32::MAX as usize).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn bytes_come_back_in_part_or_whole() {
        let pot = Pot::new(12 * UNIT);
        let free = || pot.free.available_permits();
        let mut one = pot.take(6 * UNIT).await.unwrap();
        assert!(pot.try_take(7 * UNIT).is_none());
        one.shrink(UNIT + 1);
        assert_eq!(free(), 10);
        assert!(pot.try_take(7 * UNIT).is_some());
        drop(one);
        assert!(pot.try_take(13 * UNIT).is_none(), "there are twelve");
        assert!(pot.take(13 * UNIT).await.is_some());
        assert_eq!(free(), 12);
    }

    #[tokio::test]
    async fn a_pot_grows_at_once_and_shrinks_as_bytes_come_back() {
        let pot = Pot::new(12 * UNIT);
        let free = || pot.free.available_permits();
        pot.resize(18 * UNIT);
        assert_eq!(free(), 18);
        let two = [pot.take(6 * UNIT).await, pot.take(6 * UNIT).await];
        pot.resize(8 * UNIT);
        assert_eq!(free(), 0, "six were free of ten too many");
        tokio::task::yield_now().await;
        drop(two);
        tokio::task::yield_now().await;
        assert_eq!((free(), pot.bytes()), (8, 8 * UNIT));
    }
}
