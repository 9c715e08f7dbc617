// SPDX-License-Identifier: EUPL-1.2
//! Distinct recipients: all of them up to a bound, above it a uniform sample.

use serde::{Deserialize, Serialize};

use crate::lists::Member;
use crate::lists::hashed::Set;

/// Recipients that one set holds.
pub(super) const MOST: usize = 65_536;

/// A set of recipients. Above [`MOST`] it keeps those whose hash ends in as many zero bits as it takes, so that whom it
/// keeps hangs on nobody's will and no rate changes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    kept: Set,
    level: u8,
}

/// What the set says of a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sight {
    New,
    Repeat,
    /// Outside the sample.
    Unsampled,
}

impl Seen {
    pub fn insert(&mut self, member: Member) -> Sight {
        if !self.samples(member.0) {
            return Sight::Unsampled;
        }
        if !self.kept.insert(member.0) {
            return Sight::Repeat;
        }
        while self.kept.len() > MOST {
            self.level += 1;
            let level = self.level;
            self.kept.retain(|hash| hash & ((1 << level) - 1) == 0);
        }
        Sight::New
    }

    /// How many distinct recipients there were; exact up to [`MOST`].
    pub fn count(&self) -> u64 {
        (self.kept.len() as u64) << self.level
    }

    /// Recipients held.
    pub fn held(&self) -> usize {
        self.kept.len()
    }

    /// Those held, in order.
    pub fn members(&self) -> Vec<u64> {
        let mut members: Vec<u64> = self.kept.iter().copied().collect();
        members.sort_unstable();
        members
    }

    fn samples(&self, hash: u64) -> bool {
        hash & ((1 << self.level) - 1) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::hashed::mix;

    #[test]
    fn a_set_is_exact_at_first_and_bounded_later() {
        let mut seen = Seen::default();
        for n in 0..1000 {
            assert_eq!(seen.insert(Member(mix(n))), Sight::New);
            assert_eq!(seen.insert(Member(mix(n))), Sight::Repeat);
        }
        assert_eq!(seen.count(), 1000);
        for n in 0..1_000_000 {
            seen.insert(Member(mix(n)));
        }
        assert!(seen.held() <= MOST);
        assert!(seen.count().abs_diff(1_000_000) < 20_000, "{}", seen.count());
        // Whoever is in the sample is still known.
        let again = (0..1_000_000).filter(|n| seen.insert(Member(mix(*n))) == Sight::New).count();
        assert_eq!(again, 0);
    }
}
