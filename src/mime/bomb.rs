// SPDX-License-Identifier: EUPL-1.2
//! Messages made to be more than they weigh, told before anything is built of them.

/// Messages attached to or nested in one message: more are a bomb.
pub(super) const MOST_ATTACHED: usize = 500;
/// Lines that may be boundaries in one message: far more than any budget of parts, far less than fills the memory.
pub(super) const MOST_BOUNDARIES: usize = 50_000;

/// How often a nested message is declared, whatever the case of the letters.
pub(super) fn attached_messages(raw: &[u8]) -> usize {
    let declares = |at: usize| {
        let before = at >= 7 && raw[at - 7..at].eq_ignore_ascii_case(b"message");
        before || raw.get(at + 1..at + 7).is_some_and(|after| after.eq_ignore_ascii_case(b"digest"))
    };
    memchr::memchr_iter(b'/', raw).filter(|at| declares(*at)).count()
}
