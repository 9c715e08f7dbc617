// SPDX-License-Identifier: EUPL-1.2
//! How often lawful mail is believed to hit a list, and what a bet against that wins or loses with each recipient.
//!
//! A campaign that uses a list hits it at a rate π; lawful mail at a rate of `m` or less. Who bets on π multiplies his
//! stake by π/m where a recipient is on the list, by (1−π)/(1−m) where not. Against lawful mail no bet with π > m gains
//! on average, whichever way its recipients were mixed; so a stake that has grown a millionfold convicts (Ville 1939).

use crate::lists::Index;

/// Rates that a misuse is believed to have among recipients outside the house, and among those of our own domains.
pub(super) const OUTSIDE: [f32; 4] = [0.995, 0.97, 0.90, 0.80];
pub(super) const OWN: [f32; 3] = [0.995, 0.97, 0.90];
const GRAY: [f32; 4] = [0.97, 0.80, 0.60, 0.40];
/// A bet needs room above the lawful rate: with π below it, misses would convict.
const ROOM: f32 = 0.01;
/// How far a lawful group may stand above the share of everybody: the part of its other members that are on the list too.
const CLANNISH: f32 = 0.2;

/// What is believed of a list that is larger than the house: it may hold nearly all of us.
const LARGER: f32 = 0.88;
/// A part that is taken for the whole.
const NEARLY_ALL: f32 = 0.95;

/// What is known of a list's overlap with the staff.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Members by head of the staff.
    pub share: f32,
    /// The part of the staff's known private mailboxes that are on the list.
    pub base: f32,
    /// The part of the list's private mailboxes that are known to be the staff's.
    pub inside: f32,
    /// The universal lists have private mailboxes at all.
    pub mailboxes_known: bool,
    /// They have nearly everybody's, so that whom they do not know is no agent.
    pub mailboxes_complete: bool,
    /// The highest rate believed lawful.
    pub lawful: f32,
}

impl Rates {
    /// For each source of the index.
    pub(super) fn of(index: &Index, universal: &[bool], headcount: usize) -> Vec<Rates> {
        #[derive(Default, Clone, Copy)]
        struct Counts {
            members: usize,
            private: usize,
            known: usize,
        }
        let mut counts = vec![Counts::default(); universal.len()];
        let (mut heads, mut known) = (0, 0);
        for (_, listed) in index.groups() {
            let listed: Vec<_> = listed.collect();
            let own = listed.iter().any(|listed| listed.place.own);
            let everybody = listed.iter().any(|listed| universal[usize::from(listed.source)]);
            heads += usize::from(everybody && own);
            known += usize::from(everybody && !own);
            for listed in listed {
                let count = &mut counts[usize::from(listed.source)];
                count.members += 1;
                count.private += usize::from(!own);
                count.known += usize::from(everybody && !own);
            }
        }
        let heads = if heads > 0 { heads } else { headcount };
        let part = |some: usize, all: usize| if all == 0 { 0.0 } else { (some as f32 / all as f32).min(1.0) };
        let rates = |count: Counts| {
            // A list of more than twice the staff is not the staff's: however many of us are on it, not all on it are.
            let most = if heads > 0 && count.members > 2 * heads { LARGER } else { 1.0 };
            let (share, base) = (part(count.members, heads).min(most), part(count.known, known).min(most));
            let s = share.max(base);
            Rates {
                share,
                base,
                inside: part(count.known, count.private),
                mailboxes_known: known > 0,
                mailboxes_complete: known > 0 && part(known, heads) >= NEARLY_ALL,
                lawful: (s + CLANNISH * (1.0 - s)).max(0.5),
            }
        };
        counts.into_iter().map(rates).collect()
    }
}

/// Bits won by a hit and by a miss, for each π; 0 where there is no room for a bet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row<const N: usize> {
    pub hit: [f32; N],
    pub miss: [f32; N],
}

impl<const N: usize> Row<N> {
    fn new(rates: [f32; N], lawful: f32) -> Row<N> {
        let open = |pi: f32| pi > lawful + ROOM;
        Row {
            hit: rates.map(|pi| if open(pi) { (pi / lawful).log2() } else { 0.0 }),
            miss: rates.map(|pi| if open(pi) { ((1.0 - pi) / (1.0 - lawful)).log2() } else { 0.0 }),
        }
    }
}

/// What bets on one list win and lose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bets {
    /// Recipients whose private mailbox a universal list has.
    pub known: Row<4>,
    /// Other recipients outside; `None` where they are not asked, because the list has nobody like them.
    pub unknown: Option<Row<4>>,
    /// The same two with the lower rates that suffice where the text is political.
    pub gray_known: Row<4>,
    pub gray_unknown: Option<Row<4>>,
    /// Of the two bets, on known recipients and on all, one says everything.
    pub known_alone: bool,
    pub all_alone: bool,
    /// The lawful rate among recipients of our own domains.
    pub own: f32,
    /// How many of the rates, from the highest, there is room to bet on: the others take no part in the mean.
    pub known_open: usize,
    pub all_open: usize,
    pub gray_open: usize,
    pub own_open: usize,
    /// Nobody can win: no evidence is kept.
    pub closed: bool,
}

impl Bets {
    pub fn new(rates: &Rates, universal: bool) -> Bets {
        let asked = rates.inside < NEARLY_ALL;
        // Agents whose mailbox nobody registered are on the list like others.
        let unknown = if rates.mailboxes_complete { 0.5 } else { rates.share.max(rates.base).max(0.5) };
        let room = |rates: &[f32], lawful: f32| rates.iter().filter(|pi| **pi > lawful + ROOM).count();
        let lowest = |lawful: f32, unknown: f32| if asked { lawful.min(unknown) } else { lawful };
        Bets {
            known_open: room(&OUTSIDE, rates.lawful),
            all_open: room(&OUTSIDE, lowest(rates.lawful, unknown)),
            known_alone: !asked,
            all_alone: asked && !rates.mailboxes_known,
            gray_open: room(&GRAY, lowest(rates.base.max(0.25), 0.25)),
            own_open: room(&OWN, rates.lawful),
            known: Row::new(OUTSIDE, rates.lawful),
            unknown: asked.then(|| Row::new(OUTSIDE, unknown)),
            gray_known: Row::new(GRAY, rates.base.max(0.25)),
            gray_unknown: asked.then(|| Row::new(GRAY, 0.25)),
            own: rates.lawful,
            closed: universal || rates.lawful + ROOM >= OUTSIDE[0],
        }
    }
}

/// The logarithm of the mean of powers: what several bets with equal stakes have become.
pub(super) fn mean(bits: &[f32]) -> f32 {
    let most = bits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if bits.is_empty() {
        return 0.0;
    }
    let sum: f32 = bits.iter().map(|bits| (bits - most).exp2()).sum();
    most + (sum / bits.len() as f32).log2()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::{Member, Members, Place};

    fn members(range: std::ops::Range<u32>, own: bool) -> Vec<(Member, Place)> {
        range.map(|n| (Member(crate::lists::hashed::mix(u64::from(n))), Place { position: n, own })).collect()
    }

    #[test]
    fn rates_follow_from_overlap() {
        let staff = Members::new([members(0..100, true), members(1000..1080, false)].concat());
        let portal =
            Members::new([members(0..20, true), members(1000..1040, false), members(5000..5010, false)].concat());
        let index = Index::new(&[&staff, &portal]);
        let rates = Rates::of(&index, &[true, false], 0)[1];
        assert!((rates.share - 0.70).abs() < 1e-6, "70 members by 100 heads");
        assert!((rates.base - 0.50).abs() < 1e-6, "40 of 80 known mailboxes");
        assert!((rates.inside - 0.80).abs() < 1e-6, "40 of its 50");
        assert!((rates.lawful - 0.76).abs() < 1e-6);
        let huge = Members::new(members(2000..2500, false));
        let rates = Rates::of(&Index::new(&[&staff, &huge]), &[true, false], 0)[1];
        assert!(rates.lawful < 0.91, "a list of five times the staff is not out of reach: {rates:?}");
        let alone = Rates::of(&Index::new(&[&portal]), &[false], 0)[0];
        assert!((alone.lawful - 0.5).abs() < 1e-6 && !alone.mailboxes_known);
    }

    #[test]
    fn no_bet_gains_against_lawful_mail() {
        for lawful in [0.25, 0.5, 0.7, 0.9, 0.98] {
            let row = Row::new(OUTSIDE, lawful);
            for (hit, miss) in row.hit.iter().zip(row.miss) {
                // Whoever hits less often than the lawful rate only makes it worse.
                for rate in [lawful, lawful / 2.0, 0.0] {
                    let gain = rate * hit.exp2() + (1.0 - rate) * miss.exp2();
                    assert!(gain <= 1.0 + 1e-4, "{lawful} {rate} {gain}");
                }
                assert!(*hit >= 0.0 && miss <= 0.0, "a miss never convicts");
            }
        }
        assert!((mean(&[3.0, 3.0]) - 3.0).abs() < 1e-6);
        assert!((mean(&[100.0, -20.0]) - 99.0).abs() < 1e-4);
    }
}
