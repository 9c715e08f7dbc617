// SPDX-License-Identifier: EUPL-1.2
//! Memory for reading messages, bounded by a setting and not by clients (promise 6).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::PipelineError;

/// What reading a message takes at most, in its own size: measured with messages of one large text, which are the
/// dearest (decoded, as shown, in normal form, and copies on the way), the content itself counted by the listener.
const READING: usize = 6;
/// What stays of it until the mail is onward or held: its parts, decoded, and their extracts.
const KEPT: usize = 2;
/// Permits count so many bytes: 4 GiB of them are more than a semaphore may hold one by one.
const UNIT: usize = 1024;

/// The memory all messages share while they are read.
pub struct MemoryBudget {
    units: AtomicUsize,
    free: Arc<Semaphore>,
}

/// One message's part of it; given back when dropped.
pub struct Reserved(Option<OwnedSemaphorePermit>);

impl MemoryBudget {
    pub fn new(bytes: u64) -> MemoryBudget {
        let units = units(bytes);
        MemoryBudget { units: AtomicUsize::new(units), free: Arc::new(Semaphore::new(units)) }
    }

    /// Changes how much there is. What is reserved stays reserved: a smaller budget is reached as it comes back, before
    /// anybody else has it.
    pub fn resize(&self, bytes: u64) {
        let units = units(bytes);
        let before = self.units.swap(units, Ordering::Relaxed);
        self.free.add_permits(units.saturating_sub(before));
        let over = before.saturating_sub(units);
        let reserved = over - self.free.forget_permits(over);
        if let Some(reserved) = u32::try_from(reserved).ok().filter(|reserved| *reserved > 0) {
            let free = self.free.clone();
            tokio::spawn(async move {
                // Fails only where the semaphore is closed, which nobody does.
                if let Ok(permits) = free.acquire_many_owned(reserved).await {
                    permits.forget();
                }
            });
        }
    }

    /// How much there is.
    pub fn bytes(&self) -> usize {
        self.units.load(Ordering::Relaxed) * UNIT
    }

    /// Waits for memory for a message of `size` bytes, first come first served. One that alone needs more than there is
    /// takes all: the listener bounds its size.
    ///
    /// # Errors
    /// There was none in time.
    pub async fn take(&self, size: usize, limit: Duration) -> Result<Reserved, PipelineError> {
        let units = self.weight(size, READING);
        match timeout(limit, self.free.clone().acquire_many_owned(units)).await {
            Ok(Ok(permit)) => Ok(Reserved(Some(permit))),
            _ => Err(PipelineError::Memory),
        }
    }

    /// The message is read: what only reading needed is free again.
    pub fn shrink(&self, reserved: &mut Reserved, size: usize) {
        let keep = self.weight(size, KEPT) as usize;
        if let Some(permit) = &mut reserved.0 {
            let over = permit.num_permits().saturating_sub(keep);
            drop(permit.split(over));
        }
    }

    fn weight(&self, size: usize, times: usize) -> u32 {
        let units = size.saturating_mul(times).div_ceil(UNIT).clamp(1, self.units.load(Ordering::Relaxed));
        u32::try_from(units).unwrap_or(u32::MAX)
    }
}

fn units(bytes: u64) -> usize {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    (bytes / UNIT).clamp(1, u32::MAX as usize).min(Semaphore::MAX_PERMITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_mail_that_finds_no_memory_is_told_so_and_memory_comes_back() {
        let budget = MemoryBudget::new(12 * UNIT as u64);
        let free = || budget.free.available_permits();
        let mut one = budget.take(UNIT, Duration::ZERO).await.ok().unwrap();
        assert_eq!(free(), 12 - READING);
        budget.shrink(&mut one, UNIT);
        assert_eq!(free(), 12 - KEPT);
        assert!(
            matches!(budget.take(2 * UNIT, Duration::ZERO).await, Err(PipelineError::Memory)),
            "twelve are not free"
        );
        drop(one);
        // More than there is: alone, it may.
        let large = budget.take(100 * UNIT, Duration::ZERO).await.ok().unwrap();
        assert_eq!(free(), 0);
        assert!(budget.take(1, Duration::ZERO).await.is_err());
        drop(large);
        assert_eq!(free(), 12);
    }

    #[tokio::test]
    async fn a_budget_grows_at_once_and_shrinks_as_memory_comes_back() {
        let budget = MemoryBudget::new(12 * UNIT as u64);
        let free = || budget.free.available_permits();
        budget.resize(18 * UNIT as u64);
        assert_eq!(free(), 18);
        let two = [budget.take(UNIT, Duration::ZERO).await, budget.take(UNIT, Duration::ZERO).await];
        budget.resize(8 * UNIT as u64);
        assert_eq!(free(), 0, "six were free of ten too many");
        tokio::task::yield_now().await;
        drop(two);
        tokio::task::yield_now().await;
        assert_eq!(free(), 8);
    }
}
