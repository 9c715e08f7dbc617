// SPDX-License-Identifier: EUPL-1.2
//! Transactions that were counted: one that comes again (D11) is not another one.

use crate::lists::hashed::Set;

/// Digests remembered, twice: what is older than the younger half is forgotten when that is full.
const MOST: usize = 65_536;
/// Seconds after which a half is old: together they reach as far back as a queue keeps mail.
const HALF: i64 = 7 * 86_400 / 2;

/// What was counted of late.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    young: Set,
    old: Set,
    since: i64,
}

impl Repeats {
    pub fn knows(&self, digest: u64) -> bool {
        self.young.contains(&digest) || self.old.contains(&digest)
    }

    pub fn note(&mut self, digest: u64, now: i64) {
        // A clock that was set back makes nothing older.
        if self.young.len() >= MOST || now.saturating_sub(self.since) > HALF {
            self.old = std::mem::take(&mut self.young);
            self.since = now;
        }
        self.young.insert(digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::hashed::mix;

    #[test]
    fn what_was_counted_is_known_for_days_and_the_memory_is_bounded() {
        let mut repeats = Repeats::default();
        repeats.note(7, 0);
        assert!(repeats.knows(7) && !repeats.knows(8));
        repeats.note(8, 4 * 86_400);
        assert!(repeats.knows(7), "four days later");
        repeats.note(9, 8 * 86_400);
        assert!(!repeats.knows(7) && repeats.knows(8), "eight days later");
        (0..500_000).for_each(|n| repeats.note(mix(n), 8 * 86_400));
        assert!(repeats.young.len() + repeats.old.len() <= 2 * MOST);
        assert!(repeats.knows(mix(499_999)) && repeats.knows(mix(499_999 - MOST as u64)));
    }
}
