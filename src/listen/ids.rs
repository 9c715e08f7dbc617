// SPDX-License-Identifier: EUPL-1.2
//! Ids of mails: short, unique across restarts and gateways, sortable by time.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;

use crate::mail::MailId;

/// Gives ids. Each listener has its own: their seeds tell them apart.
pub struct Ids {
    /// Tells this process from all others.
    seed: u32,
    count: AtomicU32,
}

impl Ids {
    pub fn new() -> Ids {
        let random = uuid::Uuid::new_v4().as_u128();
        Ids { seed: random as u32, count: AtomicU32::new((random >> 32) as u32) }
    }

    pub fn next(&self, at: Timestamp) -> MailId {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        MailId::new(millis, self.count.fetch_add(1, Ordering::Relaxed), self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique_and_sort_by_time() {
        let ids = Ids::new();
        let early = Timestamp::from_second(1_700_000_000).unwrap();
        let late = Timestamp::from_second(1_700_000_001).unwrap();
        let all: std::collections::HashSet<_> = (0..1000).map(|_| ids.next(early)).collect();
        assert_eq!(all.len(), 1000);
        assert!(all.iter().all(|id| *id < ids.next(late) && id.as_str().len() == 18));
    }
}
