// SPDX-License-Identifier: EUPL-1.2
//! What ends, and what is dropped where memory has a bound.

use super::case::State;
use super::circle::Circle;
use super::id::Kind;
use super::scope::Scope;
use super::weigh::{LAWFUL_PEAK, LEAST};
use super::{Campaigns, DAY};

/// A scope ends after this long without mail: a drip stays one campaign.
const IDLE: i64 = 7 * DAY;
/// However busy, it ends after this long; a flag is kept as long after its last mail.
const LONGEST: i64 = 45 * DAY;
/// Between two looks. What ends is found idle by two of them, so that a clock that jumps ahead for a minute ends nothing.
const LOOKS: i64 = 3_600;
/// Open scopes. Beyond it the idlest that are not flagged are dropped.
const SCOPES: usize = 65_536;
/// What all scopes may hold, in recipients: about 200 MB.
const HELD: usize = 8_000_000;
/// Senders whose pace or circle is known.
const SENDERS: usize = 65_536;
/// What all circles hold.
const CIRCLES: usize = 4_000_000;
/// Ended campaigns that nobody has asked for.
const ENDED: usize = 4_096;

impl Campaigns {
    /// Looks once an hour, and at once where there are too many scopes.
    pub(super) fn sweep_when_due(&mut self, now: i64) {
        let swept = *self.swept.get_or_insert(now);
        if now < swept {
            self.swept = Some(now);
        }
        let full = self.scopes.len() >= SCOPES || self.paces.len() >= 2 * SENDERS;
        if now - swept >= LOOKS || full {
            self.swept = Some(now);
            self.sweep(now);
        }
    }

    fn sweep(&mut self, now: i64) {
        for key in self.scopes.keys_where(|scope| is_over(scope, now) || scope.last > now + DAY) {
            let Some(scope) = self.scopes.get_mut(key) else { continue };
            if scope.last > now {
                // From a time that has not come: its clock was wrong.
                (scope.first, scope.last) = (scope.first.min(now), now);
            } else if scope.idle {
                self.end(key, true);
            } else {
                scope.idle = true;
            }
        }
        self.drop_beyond(now);
        for key in self.paces.keys_where(|pace| pace.is_over(now)) {
            self.paces.remove(key);
        }
        for key in self.circles.keys_where(|circle| circle.has_ended(now)) {
            if self.circles.get_mut(key).is_some_and(|circle| !circle.expire(now)) {
                self.circles.remove(key);
            }
        }
        for key in self.cases.keys_where(|case| matches!(case.state, State::Allowed { until } if until <= now)) {
            let Some((id, list)) = self.cases.get(key).map(|case| (case.id, case.list)) else { continue };
            self.acquit(id, list, true);
            self.close(key);
        }
        for key in self.cases.keys_where(|case| now - case.last > LONGEST) {
            let Some((id, list)) = self.cases.get(key).map(|case| (case.id, case.list)) else { continue };
            self.acquit(id, list, true);
            self.close(key);
        }
    }

    /// Drops the idlest unflagged scopes and the circles that end first until the bounds are kept.
    fn drop_beyond(&mut self, now: i64) {
        let mut held: usize = self.scopes.iter().map(|(_, scope)| scope.weight()).sum();
        if self.scopes.len() >= SCOPES || held > HELD {
            let unflagged = self.scopes.iter().filter(|(_, scope)| scope.flags.is_empty());
            let mut idlest: Vec<(i64, u64)> = unflagged.map(|(key, scope)| (scope.last, key)).collect();
            idlest.sort_unstable();
            for (_, key) in idlest {
                // An eighth of room, so that the next transactions need not look again.
                if self.scopes.len() <= SCOPES / 8 * 7 && held <= HELD / 8 * 7 {
                    break;
                }
                held -= self.scopes.get(key).map_or(0, Scope::weight).min(held);
                self.end(key, false);
            }
        }
        if self.paces.len() >= 2 * SENDERS {
            for key in self.paces.keys_where(|pace| pace.is_over(now)) {
                self.paces.remove(key);
            }
            let crowd = self.paces.keys_where(|_| true);
            crowd.into_iter().skip(SENDERS).for_each(|key| drop(self.paces.remove(key)));
        }
        let mut known: usize = self.circles.iter().map(|(_, circle)| circle.held()).sum();
        if known > CIRCLES || self.circles.len() > SENDERS {
            let mut oldest: Vec<(i64, u64)> = self.circles.iter().map(|(key, circle)| (circle.until(), key)).collect();
            oldest.sort_unstable();
            for (_, key) in oldest {
                if known <= CIRCLES && self.circles.len() <= SENDERS {
                    break;
                }
                known -= self.circles.remove(key).map_or(0, |circle| circle.held());
            }
        }
    }

    /// Ends a scope. A text whose campaign was lawful teaches its senders' circles; one that was only dropped does not.
    fn end(&mut self, key: u64, teach: bool) {
        let summary = self.summary_of_scope(key);
        let Some(scope) = self.scopes.remove(key) else { return };
        if scope.kind != Kind::Text {
            return;
        }
        self.clusters.remove(key);
        if let Some(summary) = summary {
            self.keep_summary(summary);
        }
        let lawful = scope.flags.is_empty() && scope.linked.is_none() && scope.peak <= LAWFUL_PEAK;
        if teach && lawful && scope.counted.all >= LEAST && scope.senders.len() <= 3 {
            let members = scope.seen.members();
            let mut senders: Vec<u64> =
                scope.senders.iter().filter(|(_, sender)| sender.proven).map(|(key, _)| *key).collect();
            senders.sort_unstable();
            for sender in senders {
                self.circles.entry(sender, Circle::default).learn(members.clone(), scope.last);
            }
        }
    }

    fn close(&mut self, case: u64) {
        if let Some(summary) = self.summary_of_case(case) {
            self.keep_summary(summary);
        }
        self.cases.remove(case);
    }

    fn keep_summary(&mut self, summary: super::Summary) {
        if self.ended.len() >= ENDED {
            self.ended.pop_front();
        }
        self.ended.push_back(summary);
    }
}

/// Whether a scope is to end: idle, or open for too long; a flagged one while its campaign is known stays.
fn is_over(scope: &Scope, now: i64) -> bool {
    if !scope.flags.is_empty() {
        return now - scope.last > LONGEST;
    }
    now - scope.last > IDLE || now - scope.first > LONGEST
}
