// SPDX-License-Identifier: EUPL-1.2
//! Ids of mails: short, unique across restarts and gateways, sortable by time.

use std::sync::atomic::{AtomicU32, Ordering};

use jiff::Timestamp;

use crate::mail::MailId;

/// Crockford's base 32: no letters that are read wrongly over the telephone.
const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

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

    /// Nine digits of time, four of the count, five of the process.
    pub fn next(&self, at: Timestamp) -> MailId {
        let millis = u64::try_from(at.as_millisecond()).unwrap_or(0);
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let mut id = String::with_capacity(18);
        write(millis, 9, &mut id);
        write(u64::from(count), 4, &mut id);
        write(u64::from(self.seed), 5, &mut id);
        MailId(id.into_boxed_str())
    }
}

fn write(value: u64, digits: u32, id: &mut String) {
    for place in (0..digits).rev() {
        let digit = (value >> (5 * place)) as usize & 31;
        id.push(DIGITS[digit] as char); // below 32, by the mask
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
        assert!(all.iter().all(|id| *id < ids.next(late) && id.0.len() == 18));
    }
}
