// SPDX-License-Identifier: EUPL-1.2
//! The ids of the journal's rows, and which of them were written when, whatever the clock says.
//!
//! Ids only grow, so that what has a smaller one was written before. They follow the clock where it goes as clocks do,
//! which makes times in rows short; a clock that jumps by years is not followed. When rows were written stands beside: a
//! row for each hour in which some were.

use super::StoreError;
use super::tx::{Reader, Tx, args, statements};

statements! {
    IDS_TAKEN = "UPDATE journaled_next SET next = \
        CASE WHEN next < $1 AND (next = 0 OR $1 - next < $3) THEN $1 ELSE next END + $2 WHERE name = 1 RETURNING next";
    NEXT = "SELECT next FROM journaled_next WHERE name = 1";
    HOURS = "SELECT first, at FROM journaled_hour ORDER BY first";
    LAST_HOUR = "SELECT at FROM journaled_hour ORDER BY first DESC LIMIT 1";
    HOUR_BEGUN = "INSERT INTO journaled_hour (first, at) VALUES ($1, $2) ON CONFLICT (first) DO NOTHING";
}

/// Ids count on from the milliseconds since this instant, 64 for each.
const FIRST: i64 = 1_577_836_800_000; // 2020-01-01T00:00:00Z
const EACH: i64 = 64;
/// A clock that is so far ahead of the last row is wrong, or nobody wrote for a year: the ids count on from the last.
const FOLLOWED: i64 = 366 * 86_400_000 * EACH;
/// In microseconds.
const HOUR: i64 = 3_600_000_000;

/// The milliseconds that an id counts on from.
pub(super) fn millis_of(id: i64) -> i64 {
    id / EACH + FIRST
}

fn by_the_clock(at: i64) -> i64 {
    (at / 1000 - FIRST).max(0) * EACH
}

/// Takes so many ids for rows of this instant, in microseconds; gives the first.
pub(super) async fn take_ids(tx: &mut Tx, at: i64, wanted: i64) -> Result<i64, StoreError> {
    let (next,): (i64,) = tx.fetch_one(IDS_TAKEN, args![by_the_clock(at), wanted, FOLLOWED]).await?;
    let first = next - wanted;
    let last: Option<(i64,)> = tx.fetch_optional(LAST_HOUR, args![]).await?;
    if last.is_none_or(|(last,)| at.abs_diff(last) >= HOUR.cast_unsigned()) {
        tx.execute(HOUR_BEGUN, args![first, at]).await?;
    }
    Ok(first)
}

/// When rows were written.
#[derive(Debug, Default)]
pub(super) struct Hours {
    /// The first id of each hour, and the instant that the clock said; in the order of the ids.
    hours: Vec<(i64, i64)>,
    /// Behind all of them.
    next: i64,
}

impl Hours {
    pub async fn read(reader: &Reader) -> Result<Hours, StoreError> {
        // In this order: what is written in between must not lie before `next` without its hour.
        let (next,): (i64,) = reader.fetch_one(NEXT, args![]).await?;
        Ok(Hours { hours: reader.fetch_all(HOURS, args![]).await?, next })
    }

    pub async fn read_within(tx: &mut Tx) -> Result<Hours, StoreError> {
        let (next,): (i64,) = tx.fetch_one(NEXT, args![]).await?;
        Ok(Hours { hours: tx.fetch_all(HOURS, args![]).await?, next })
    }

    /// The id below which everything was written before an instant. Nothing was written after `now`: an hour that says so
    /// had a wrong clock, and its rows are as old as their neighbours. What was written under a clock that was behind
    /// waits for those before it.
    pub fn written_since(&self, since: i64, now: i64) -> i64 {
        let ends = self.hours.iter().skip(1).map(|(first, _)| *first).chain([self.next]);
        let mut bound = self.hours.first().map_or(self.next, |(first, _)| *first);
        for ((first, at), end) in self.hours.iter().zip(ends) {
            let is_over = at.saturating_add(HOUR) <= since;
            if is_over {
                bound = end;
            } else if *at <= now {
                // Ids that follow the clock tell times within the hour too.
                let follow = first.abs_diff(by_the_clock(*at)) < (HOUR / 1000 * EACH).cast_unsigned();
                let within = by_the_clock(since);
                return if follow && within > *first { within.min(end) } else { bound };
            }
        }
        bound
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 24 * HOUR;

    fn hours(at: &[i64]) -> Hours {
        let first = |n: usize| 100 * (n as i64 + 1);
        Hours { hours: at.iter().enumerate().map(|(n, at)| (first(n), *at)).collect(), next: first(at.len()) }
    }

    #[test]
    fn what_is_older_lies_below() {
        let all = hours(&[DAY, 2 * DAY, 3 * DAY]);
        for (since, bound) in [(0, 100), (DAY, 100), (DAY + HOUR, 200), (3 * DAY, 300), (3 * DAY + HOUR, 400)] {
            assert_eq!(all.written_since(since, 9 * DAY), bound, "{since}");
        }
        assert_eq!(hours(&[]).written_since(DAY, DAY), 100, "nothing lies below, and nothing above");
    }

    #[test]
    fn within_an_hour_ids_that_follow_the_clock_tell_the_time() {
        let noon = 1_795_000_000_000_000;
        let first = by_the_clock(noon);
        let all = Hours { hours: vec![(first, noon)], next: first + 20 * 60_000 * EACH };
        for (minutes, ids) in [(-5, 0), (0, 0), (10, 10 * 60_000 * EACH), (30, 20 * 60_000 * EACH)] {
            assert_eq!(all.written_since(noon + minutes * HOUR / 60, noon + HOUR), first + ids, "{minutes}");
        }
        let apart = Hours { hours: vec![(first, noon - 40 * DAY)], next: first + 9 };
        assert_eq!(apart.written_since(noon - 40 * DAY + HOUR / 2, noon), first, "where they do not, whole hours");
    }

    #[test]
    fn a_clock_that_was_wrong_for_a_while_ages_with_its_neighbours() {
        let years = 365 * DAY;
        let ahead = hours(&[100 * DAY, 40 * years, 101 * DAY]);
        assert_eq!(ahead.written_since(100 * DAY, 101 * DAY), 100);
        assert_eq!(ahead.written_since(101 * DAY, 120 * DAY), 200, "those of the wrong clock may be of today");
        assert_eq!(ahead.written_since(102 * DAY, 120 * DAY), 400, "and are not, once the next day is over");
        let behind = hours(&[100 * DAY, 0, 101 * DAY]);
        assert_eq!(behind.written_since(100 * DAY, 120 * DAY), 100, "nobody thinks them old");
        assert_eq!(behind.written_since(100 * DAY + HOUR, 120 * DAY), 300);
        assert_eq!(behind.written_since(102 * DAY, 120 * DAY), 400);
        let only = hours(&[40 * years]);
        assert_eq!(only.written_since(102 * DAY, 120 * DAY), 100, "alone nobody knows");
    }

    /// Whatever clocks do, of rows that were written later none is over before one that was written earlier.
    #[test]
    fn the_bound_never_goes_back() {
        let mut dice = 7u64;
        let mut next = |below: i64| {
            dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            (dice >> 33).cast_signed() % below
        };
        for _ in 0..2000 {
            let at: Vec<i64> = (0..8).map(|n| if next(3) == 0 { next(4000) * DAY } else { (100 + n) * DAY }).collect();
            let all = hours(&at);
            let bounds: Vec<i64> = (0..300).map(|day| all.written_since(day * DAY, 120 * DAY)).collect();
            assert!(bounds.is_sorted(), "{at:?}: {bounds:?}");
        }
    }
}
