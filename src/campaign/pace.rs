// SPDX-License-Identifier: EUPL-1.2
//! How many outsiders a sender wrote to within an hour: what tells a bulk sender from a busy help desk.

use serde::{Deserialize, Serialize};

/// Recipients outside within one hour from which a sender of single mails is a bulk sender. A day's count would take a
/// help desk for one.
const BULK: u32 = 20;

/// A sender's last hour, by minute.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Pace {
    minutes: Vec<(i64, u32)>,
}

impl Pace {
    /// Counts these recipients; whether the sender is in bulk.
    pub fn count(&mut self, recipients: u32, now: i64) -> bool {
        let minute = now.div_euclid(60);
        // A minute ahead of now stems from a clock that was set back.
        self.minutes.retain(|(at, _)| *at > minute - 60 && *at <= minute);
        match self.minutes.last_mut() {
            Some((at, count)) if *at == minute => *count = count.saturating_add(recipients),
            _ => self.minutes.push((minute, recipients)),
        }
        self.minutes.iter().map(|(_, count)| u64::from(*count)).sum::<u64>() >= u64::from(BULK)
    }

    pub fn is_over(&self, now: i64) -> bool {
        let minute = now.div_euclid(60);
        self.minutes.iter().all(|(at, _)| *at <= minute - 60 || *at > minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_help_desk_is_no_bulk_sender_and_a_merge_is() {
        let mut desk = Pace::default();
        assert!((0..500).all(|n| !desk.count(1, n * 600)), "six an hour");
        let mut merge = Pace::default();
        assert_eq!((0..60).position(|n| merge.count(1, n * 10)), Some(19));
        assert!(merge.minutes.len() <= 60);
        assert!(!merge.count(1, -86_400), "the clock was set back");
        assert!(merge.is_over(86_400));
    }
}
