// SPDX-License-Identifier: EUPL-1.2
//! What went wrong with the next hop: each fault is a line and a count (decision D39).

use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::NextHopError;
use super::deadline::{Deadline, Late};
use crate::mail::Reply;

/// How a next hop failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HopFault {
    /// No connection, no greeting, or a greeting that is none.
    Connect,
    Tls,
    /// The connection was lost, or became unusable, inside a transaction.
    Lost,
    TimedOut,
    /// It answered 4xx.
    Deferred,
    /// It answered 5xx.
    Refused,
}

impl HopFault {
    pub const ALL: [HopFault; 6] =
        [HopFault::Connect, HopFault::Tls, HopFault::Lost, HopFault::TimedOut, HopFault::Deferred, HopFault::Refused];

    pub fn as_str(self) -> &'static str {
        match self {
            HopFault::Connect => "connect",
            HopFault::Tls => "tls",
            HopFault::Lost => "lost",
            HopFault::TimedOut => "timed-out",
            HopFault::Deferred => "deferred",
            HopFault::Refused => "refused",
        }
    }
}

/// Counts, over all roads to the next hop.
#[derive(Debug, Default)]
pub struct HopFaults([AtomicU64; 6]);

impl HopFaults {
    /// One fault, with its cause.
    pub fn note(&self, fault: HopFault, cause: &dyn Display) {
        self.count(fault);
        tracing::warn!(kind = fault.as_str(), %cause, "the next hop failed");
    }

    /// A reply, which has its line where it is passed on.
    pub(super) fn note_reply(&self, reply: &Reply) {
        if reply.is_transient() {
            self.count(HopFault::Deferred);
        } else if reply.is_permanent() {
            self.count(HopFault::Refused);
        }
    }

    /// What ended a transaction that had to be over by then.
    pub(super) fn note_late(&self, error: NextHopError, deadline: Deadline) {
        match error {
            NextHopError::Lost | NextHopError::MaybeDuplicate if deadline.is_past() => {
                self.note(HopFault::TimedOut, &Late);
            }
            error => self.note_error(error),
        }
    }

    /// What ended a transaction, unless that was noted where it happened.
    fn note_error(&self, error: NextHopError) {
        match error {
            // Noted at the connection; and what is no fault of the next hop.
            NextHopError::Away
            | NextHopError::Tls
            | NextHopError::Crowded
            | NextHopError::Loop
            | NextHopError::BareNewline => {}
            NextHopError::Changed
            | NextHopError::AnswersChanged
            | NextHopError::Lost
            | NextHopError::MaybeDuplicate
            | NextHopError::Gibberish
            | NextHopError::LoginLost => self.note(HopFault::Lost, &error),
        }
    }

    pub fn get(&self, fault: HopFault) -> u64 {
        self.0[fault as usize].load(Relaxed) // six faults, six counts
    }

    pub(super) fn count(&self, fault: HopFault) {
        self.0[fault as usize].fetch_add(1, Relaxed); // six faults, six counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_own_count() {
        let faults = HopFaults::default();
        for (at, fault) in HopFault::ALL.into_iter().enumerate() {
            (0..=at).for_each(|_| faults.note(fault, &"a test"));
        }
        assert_eq!(HopFault::ALL.map(|fault| faults.get(fault)), [1, 2, 3, 4, 5, 6]);
        for code in [250, 450, 550] {
            faults.note_reply(&Reply { code, lines: Vec::new() });
        }
        assert_eq!((faults.get(HopFault::Deferred), faults.get(HopFault::Refused)), (6, 7));
    }
}
