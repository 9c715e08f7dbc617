// SPDX-License-Identifier: EUPL-1.2
//! Limits notices: at most one an hour for each sender and rule (decision D16).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};

use crate::store::Kept;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// The most pairs to remember: a few megabytes. If more senders get notices within one hour, the rest get none.
const MOST: usize = 65_536;

type Key = [u8; 32];

/// The notices of the last hour.
#[derive(Debug, Default)]
pub(super) struct NoticeRate {
    last: Mutex<HashMap<Key, Timestamp>>,
}

/// Leave to send one notice. Dropped unspent, it is given back: the notice was not kept, and the next attempt may.
#[derive(Debug)]
#[must_use = "a permit must be spent once the notice is kept"]
pub(in crate::pipeline) struct NoticePermit {
    rate: Arc<NoticeRate>,
    key: Key,
    at: Timestamp,
    spent: bool,
}

impl NoticeRate {
    /// Takes the permit of this sender and rule; `None` where it was taken within the hour.
    pub fn take(self: &Arc<NoticeRate>, sender: &str, rule: &str, at: Timestamp) -> Option<NoticePermit> {
        let key = *blake3::hash(format!("{sender}\0{rule}").as_bytes()).as_bytes();
        // A poisoned lock only means that a thread died between two whole entries.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let is_recent = |before: &Timestamp| at.duration_since(*before) < HOUR;
        if last.get(&key).is_some_and(is_recent) {
            return None;
        }
        if last.len() >= MOST {
            last.retain(|_, before| is_recent(before));
            if last.len() >= MOST {
                tracing::warn!(most = MOST, "no notice: too many senders got a notice within the last hour");
                return None;
            }
        }
        last.insert(key, at);
        Some(NoticePermit { rate: self.clone(), key, at, spent: false })
    }
}

impl NoticePermit {
    /// The notice, the last outbox item of this keeping, is kept; not where it was kept by an earlier attempt (D11).
    pub fn spend(mut self, kept: &Kept) {
        self.spent = kept.outbox.last().is_some_and(|item| !item.repeat);
    }
}

impl Drop for NoticePermit {
    fn drop(&mut self) {
        if self.spent {
            return;
        }
        let mut last = self.rate.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.get(&self.key) == Some(&self.at) {
            last.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::MailId;
    use crate::store::KeptCopy;

    fn at(minute: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute)
    }

    fn kept(repeat: bool) -> Kept {
        let outbox = vec![KeptCopy { id: "M1-o1".into(), repeat }];
        Kept { mail: MailId("M1".into()), copies: Vec::new(), outbox }
    }

    #[test]
    fn one_turn_an_hour_for_each_sender_and_rule() {
        let rate = Arc::new(NoticeRate::default());
        rate.take("a@x.example", "r", at(0)).unwrap().spend(&kept(false));
        assert!(rate.take("a@x.example", "r", at(59)).is_none());
        assert!(rate.take("b@x.example", "r", at(59)).is_some());
        assert!(rate.take("a@x.example", "q", at(59)).is_some());
        assert!(rate.take("a@x.example", "r", at(60)).is_some());
    }

    #[test]
    fn an_unspent_turn_is_given_back() {
        let rate = Arc::new(NoticeRate::default());
        let permit = rate.take("a@x.example", "r", at(0));
        assert!(rate.take("a@x.example", "r", at(0)).is_none(), "two at once have one permit");
        drop(permit);
        let permit = rate.take("a@x.example", "r", at(1)).unwrap();
        permit.spend(&kept(true));
        assert!(rate.take("a@x.example", "r", at(2)).is_some(), "a repeat has its notice already");
    }

    #[test]
    fn memory_is_bounded_and_comes_back_after_the_hour() {
        let rate = Arc::new(NoticeRate::default());
        for n in 0..MOST {
            rate.take(&n.to_string(), "r", at(0)).unwrap().spend(&kept(false));
        }
        assert!(rate.take("one more", "r", at(59)).is_none());
        assert!(rate.take("one more", "r", at(60)).is_some());
        assert!(rate.last.lock().unwrap().len() <= 1);
    }
}
