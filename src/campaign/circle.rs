// SPDX-License-Identifier: EUPL-1.2
//! Whom a sender lawfully writes to: what his earlier campaigns taught, or a reviewer allowed.

use serde::{Deserialize, Serialize};

use super::seen::MOST;
use crate::lists::Member;

/// For how long a circle remembers.
pub(super) const REMEMBERS: i64 = 90 * super::DAY;
/// Campaigns remembered apart; beyond it the oldest two become one.
const GROUPS: usize = 32;

/// The recipients that a sender may write to in bulk without being asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Circle {
    /// The oldest first: until when, and who.
    groups: Vec<(i64, Vec<u64>)>,
}

impl Circle {
    pub fn knows(&self, member: Member, now: i64) -> bool {
        self.groups.iter().any(|(until, members)| *until > now && members.binary_search(&member.0).is_ok())
    }

    /// `members` in order.
    pub fn learn(&mut self, members: Vec<u64>, now: i64) {
        self.groups.push((now + REMEMBERS, members));
        if self.groups.len() > GROUPS {
            let (until, oldest) = self.groups.remove(0);
            let (_, next) = &mut self.groups[0];
            next.extend(oldest);
            next.sort_unstable();
            next.dedup();
            // What is remembered too long frees; what is forgotten too early only asks again.
            self.groups[0].0 = until;
        }
        while self.held() > 2 * MOST {
            self.groups.remove(0);
        }
    }

    /// Forgets what is over; whether anything is left.
    pub fn expire(&mut self, now: i64) -> bool {
        self.groups.retain(|(until, _)| *until > now);
        !self.groups.is_empty()
    }

    pub fn held(&self) -> usize {
        self.groups.iter().map(|(_, members)| members.len()).sum()
    }

    /// The last to be forgotten.
    pub fn until(&self) -> i64 {
        self.groups.last().map_or(i64::MIN, |(until, _)| *until)
    }

    pub fn has_ended(&self, now: i64) -> bool {
        self.groups.iter().any(|(until, _)| *until <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_bounded_and_forgets() {
        let mut circle = Circle::default();
        for campaign in 0..100 {
            circle.learn((campaign * 10..campaign * 10 + 10).collect(), campaign as i64);
        }
        assert_eq!((circle.groups.len(), circle.held()), (GROUPS, 1000));
        assert!(circle.knows(Member(5), 0) && circle.knows(Member(999), 0) && !circle.knows(Member(1000), 0));
        assert!(!circle.knows(Member(5), REMEMBERS + 1) && circle.knows(Member(999), REMEMBERS + 1));
        circle.learn((0..2 * MOST as u64).collect(), 100);
        assert_eq!(circle.held(), 2 * MOST);
        assert!(circle.expire(REMEMBERS + 99) && !circle.expire(REMEMBERS + 100));
    }
}
