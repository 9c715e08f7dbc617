// SPDX-License-Identifier: EUPL-1.2
//! What one transaction has taken from the counters. It gives everything back unless the transaction succeeds.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use governor::clock::{Clock, DefaultClock, Reference};
use governor::nanos::Nanos;

use super::{Counter, Exceeded};
use crate::policy::limits::{Addressed, Counted, Key, Limit};

/// What one transaction has taken. Given back when dropped, unless kept. The default has nothing to count.
pub struct Reservation<C: Clock = DefaultClock> {
    pub(super) open: Option<Open<C>>,
}

pub(super) struct Open<C: Clock> {
    pub(super) set: Arc<Vec<Counter<C>>>,
    pub(super) tracks: Vec<Track<C::Instant>>,
    pub(super) observes: bool,
    pub(super) clock: C,
}

/// One counter this transaction goes to.
pub(super) struct Track<I> {
    pub(super) counter: usize,
    pub(super) key: Key,
    pub(super) taken: u32,
    /// Taken in the step under way, which takes from all counters or from none.
    pub(super) pending: u32,
    /// When the first of it was taken.
    pub(super) since: I,
}

impl<C: Clock> Default for Reservation<C> {
    fn default() -> Reservation<C> {
        Reservation { open: None }
    }
}

impl<C: Clock> Reservation<C> {
    /// Reserves for recipients at RCPT: how many of `asked` have room, from the first, and what stops the next one.
    pub fn recipients(&mut self, asked: usize) -> (usize, Option<Exceeded>) {
        if self.open.is_none() || asked == 0 {
            return (asked, None);
        }
        // The usual case in one step. If it does not fit, one by one, and only then octroi reports the limit.
        let all = u32::try_from(asked).unwrap_or(u32::MAX);
        if all > 1 && self.has_room(all) && self.take(|limit| early_recipients(limit, all), Tell::Success).is_ok() {
            return (asked, None);
        }
        for admitted in 0..asked {
            if let Err(exceeded) = self.take(|limit| early_recipients(limit, 1), Tell::Always) {
                self.count_refused(&exceeded.limit, all.saturating_sub(admitted as u32 + 1));
                return (admitted, Some(exceeded));
            }
        }
        (asked, None)
    }

    /// Gives back recipients the next hop refused.
    pub fn refused_onward(&mut self, recipients: usize) {
        let Some(open) = &mut self.open else { return };
        let (now, count) = (open.clock.now(), u32::try_from(recipients).unwrap_or(u32::MAX));
        for track in &mut open.tracks {
            let Some(counter) = open.set.get(track.counter) else { continue };
            let cells = early_recipients(&counter.limit, count).min(track.taken);
            if cells > 0 {
                track.taken -= cells;
                counter.flow.give_back(&track.key, cells, now.duration_since(track.since));
            }
        }
    }

    /// Whether some limit counts by domain list.
    pub fn asks_lists(&self) -> bool {
        let Some(open) = &self.open else { return false };
        let limits = open.tracks.iter().filter_map(|track| open.set.get(track.counter));
        limits.into_iter().any(|counter| counter.limit.list.is_some())
    }

    /// Reserves at the final dot what counts by class or list.
    ///
    /// # Errors
    /// A limit is used up, or cannot hold so many at once.
    pub fn addressed(&mut self, recipients: &[Addressed]) -> Result<(), Exceeded> {
        self.take(|limit| if limit.is_early() { 0 } else { limit.weight(recipients) }, Tell::Always)
    }

    /// The mail was taken for good: what it took stays taken.
    pub fn keep(mut self) {
        self.open = None;
    }

    /// Takes from every counter, or from none that refuses anything.
    pub(super) fn take(&mut self, cells: impl Fn(&Limit) -> u32, tell: Tell) -> Result<(), Exceeded> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let now = open.clock.now();
        let (mut stopped, mut observed) = (None, Vec::new());
        for (at, track) in open.tracks.iter_mut().enumerate() {
            let Some(counter) = open.set.get(track.counter) else { continue };
            let Some(asked) = NonZeroU32::new(cells(&counter.limit)) else { continue };
            match counter.flow.take(&track.key, asked, now) {
                Ok(()) => track.pending = asked.get(),
                Err(wait) if open.observes || counter.limit.observes => observed.push((at, wait)),
                Err(wait) => {
                    if tell == Tell::Always {
                        counter.flow.refused.fetch_add(1, Ordering::Relaxed);
                        tracing::info!(limit = %counter.limit.id, of = %Shown(&track.key), ?wait, "limit met, refused");
                    }
                    stopped = Some(Exceeded { limit: counter.limit.id.clone(), wait });
                    break;
                }
            }
        }
        for (at, wait) in observed.into_iter().filter(|_| stopped.is_none() || tell == Tell::Always) {
            let Some(track) = open.tracks.get(at) else { continue };
            let Some(counter) = open.set.get(track.counter) else { continue };
            counter.flow.observed.fetch_add(1, Ordering::Relaxed);
            tracing::info!(limit = %counter.limit.id, of = %Shown(&track.key), ?wait, "limit met, only observed");
        }
        for track in &mut open.tracks {
            let pending = std::mem::take(&mut track.pending);
            match (&stopped, open.set.get(track.counter)) {
                (Some(_), Some(counter)) => counter.flow.give_back(&track.key, pending, Nanos::new(0)),
                _ => {
                    if track.taken == 0 {
                        track.since = now;
                    }
                    track.taken = track.taken.saturating_add(pending);
                }
            }
        }
        stopped.map_or(Ok(()), Err)
    }

    /// Whether no burst is too small for so many: to ask in vain would count as a refusal.
    fn has_room(&self, recipients: u32) -> bool {
        let Some(open) = &self.open else { return true };
        let fits = |track: &Track<C::Instant>| {
            let limit = open.set.get(track.counter).map(|counter| &counter.limit);
            limit.is_none_or(|limit| early_recipients(limit, recipients) <= limit.burst.get())
        };
        open.tracks.iter().all(fits)
    }

    fn count_refused(&self, limit: &str, more: u32) {
        let Some(open) = &self.open else { return };
        if let Some(counter) = open.set.iter().find(|counter| &*counter.limit.id == limit) {
            counter.flow.refused.fetch_add(more.into(), Ordering::Relaxed);
        }
    }
}

impl<C: Clock> Drop for Reservation<C> {
    fn drop(&mut self) {
        let Some(open) = &self.open else { return };
        let now = open.clock.now();
        for track in open.tracks.iter().filter(|track| track.taken > 0) {
            if let Some(counter) = open.set.get(track.counter) {
                counter.flow.give_back(&track.key, track.taken, now.duration_since(track.since));
            }
        }
    }
}

/// Which outcome of a step is counted and logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tell {
    Always,
    /// Where it fails, smaller steps follow.
    Success,
}

fn early_recipients(limit: &Limit, recipients: u32) -> u32 {
    if limit.is_early() && limit.counted == Counted::Recipients { recipients } else { 0 }
}

struct Shown<'a>(&'a Key);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Key::Everyone => f.write_str("everyone"),
            Key::Client(address) => address.fmt(f),
            Key::Name(name) => f.write_str(name),
        }
    }
}
