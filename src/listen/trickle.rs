// SPDX-License-Identifier: EUPL-1.2
//! How long a content may take to come: a client that sends an octet now and then would hold its connection, and one at
//! the next hop, for as long as it likes (decision D31).

use std::time::Duration;

use tokio::time::Instant;

/// So much has to come within each `[smtp.timeouts] data`: 6 kB/s at the default of three minutes.
const AT_LEAST: u64 = 1 << 20;

/// The clock of the content that is coming.
#[derive(Debug, Default)]
pub struct Trickle {
    began: Option<Instant>,
    octets: u64,
}

impl Trickle {
    /// Notes what came; outside a content nothing counts.
    pub fn came(&mut self, octets: usize, in_content: bool) {
        if !in_content {
            *self = Trickle::default();
            return;
        }
        self.began.get_or_insert_with(Instant::now);
        self.octets += octets as u64;
    }

    /// How long the client may take for its next octets: `data` for the first MiB, and as much again for each further one.
    /// With the size of a message bounded, so is its time.
    pub fn left(&self, data: Duration) -> Duration {
        let Some(began) = self.began else { return Duration::MAX };
        let whole = u32::try_from(1 + self.octets / AT_LEAST).unwrap_or(u32::MAX);
        data.saturating_mul(whole).saturating_sub(began.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATA: Duration = Duration::from_secs(6);

    #[tokio::test(start_paused = true)]
    async fn an_octet_now_and_then_is_cut_after_one_time_limit() {
        let mut trickle = Trickle::default();
        assert_eq!(trickle.left(DATA), Duration::MAX, "no content, no clock");
        let mut octets = 0;
        while !trickle.left(DATA).is_zero() {
            trickle.came(1, true);
            tokio::time::advance(Duration::from_secs(4)).await;
            octets += 1;
        }
        assert_eq!(octets, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_line_that_goes_on_has_its_time() {
        let mut trickle = Trickle::default();
        for _ in 0..100 {
            trickle.came(AT_LEAST as usize, true);
            tokio::time::advance(DATA).await;
            assert!(!trickle.left(DATA).is_zero());
        }
        trickle.came(1, false);
        assert_eq!(trickle.left(DATA), Duration::MAX, "the next content begins anew");
    }
}
