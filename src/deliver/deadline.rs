// SPDX-License-Identifier: EUPL-1.2
//! The one deadline of a mail (decision D31). It is made at the final dot and handed on: whoever waits for anything
//! takes what is left of it, so that no sum of short waits makes a long one.

use std::future::Future;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

/// From the final dot to the reply, always (decision D4): Postfix gives a proxy 100 s.
pub const PROMISE: Duration = Duration::from_secs(95);

/// What is kept back of it for the store: the last write comes after the next hop's word.
pub const FOR_THE_STORE: Duration = Duration::from_secs(5);

/// The instant after which nobody waits any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(Instant);

/// The deadline came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the time for this mail is up")]
pub struct Late;

impl Deadline {
    pub fn after(time: Duration) -> Deadline {
        /// Longer than anybody waits, and an instant every clock has.
        const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);
        Deadline(Instant::now() + time.min(LONGEST))
    }

    /// The same, but no later than so long from now.
    #[must_use]
    pub fn at_most(self, time: Duration) -> Deadline {
        self.min(Deadline::after(time))
    }

    /// The same, but so much earlier: the rest is for what comes afterwards.
    #[must_use]
    pub fn less(self, time: Duration) -> Deadline {
        Deadline(self.0.checked_sub(time).unwrap_or(self.0))
    }

    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub fn is_past(self) -> bool {
        Instant::now() >= self.0
    }

    /// Waits for the work, and no longer than this.
    ///
    /// # Errors
    /// The deadline came first; the work is dropped.
    pub async fn wait<T>(self, work: impl Future<Output = T>) -> Result<T, Late> {
        timeout_at(self.0, work).await.map_err(|_| Late)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn short_waits_do_not_add_up_to_a_long_one() {
        let whole = Deadline::after(Duration::from_secs(6));
        let nap = || tokio::time::sleep(Duration::from_secs(2));
        let mut done = 0;
        while whole.at_most(Duration::from_secs(3)).wait(nap()).await.is_ok() {
            done += 1;
        }
        assert_eq!((done, whole.left()), (3, Duration::ZERO));
        assert!(whole.is_past());
    }

    #[tokio::test(start_paused = true)]
    async fn a_part_is_never_later_than_the_whole() {
        let whole = Deadline::after(Duration::from_secs(10));
        assert_eq!(whole.at_most(Duration::MAX), whole);
        assert_eq!(whole.at_most(Duration::from_secs(4)).left(), Duration::from_secs(4));
        assert_eq!(whole.less(Duration::from_secs(3)).left(), Duration::from_secs(7));
    }
}
