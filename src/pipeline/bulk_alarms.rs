// SPDX-License-Identifier: EUPL-1.2
//! Flagged bulk sends that nobody decides: said aloud after one hour and after four (decision D22).

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::campaign::{CampaignId, Waiting};

/// Hours after which it is said.
const HOURS: [i64; 2] = [1, 4];

/// What was said of which bulk send. A restart says the last again.
#[derive(Debug, Default)]
pub struct Alarms(BTreeMap<CampaignId, i64>);

/// A bulk send that has waited for so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Alarm {
    pub campaign: CampaignId,
    pub hours: i64,
    /// Its transactions that were put off.
    pub deferred: u64,
}

impl Alarms {
    /// What is to be said now: each alarm once, and of several that are due the last.
    pub fn due(&mut self, waiting: &[Waiting], now: Timestamp) -> Vec<Alarm> {
        self.0.retain(|campaign, _| waiting.iter().any(|waiting| waiting.campaign == *campaign));
        let mut alarms = Vec::new();
        for Waiting { campaign, since, deferred } in waiting {
            let hours = now.as_second().saturating_sub(*since) / 3600;
            let Some(reached) = HOURS.into_iter().rev().find(|alarm| hours >= *alarm) else { continue };
            if self.0.get(campaign).is_none_or(|said| *said < reached) {
                self.0.insert(*campaign, reached);
                alarms.push(Alarm { campaign: *campaign, hours: reached, deferred: *deferred });
            }
        }
        alarms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_alarm_is_said_once_and_none_of_what_was_decided() {
        let waiting = |campaign, since| Waiting { campaign: CampaignId(campaign), since, deferred: 7 };
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let mut alarms = Alarms::default();
        let mut said = |waiting: &[Waiting], minutes| -> Vec<(u64, i64)> {
            alarms.due(waiting, at(minutes)).iter().map(|alarm| (alarm.campaign.0, alarm.hours)).collect()
        };
        let both = [waiting(1, 0), waiting(2, 100 * 60)];
        assert_eq!(said(&both[..1], 59), []);
        assert_eq!(said(&both[..1], 60), [(1, 1)]);
        assert_eq!(said(&both, 61), []);
        assert_eq!(said(&both, 160), [(2, 1)]);
        assert_eq!(said(&both, 241), [(1, 4)]);
        assert_eq!(said(&both[1..], 339), []);
        assert_eq!(said(&both[1..], 10_000), [(2, 4)]);
        assert_eq!(said(&both[1..], 20_000), []);
        // Flagged by a clock that was wrong: what lies ahead has not waited.
        assert_eq!(said(&[waiting(3, 90_000 * 60)], 20_000), []);
        // Away for a while, as after a restart: the last one is said.
        assert_eq!(said(&[waiting(4, 0)], 20_000), [(4, 4)]);
    }
}
