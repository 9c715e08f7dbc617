// SPDX-License-Identifier: EUPL-1.2
//! Recipients of our own domains: a team may lie wholly on a list, so a unit is one witness however many it is.
//!
//! Two lawful worlds are believed possible: units that each have a rate of their own, some wholly on the list; and one
//! rate for all. A bet counts as far as it has beaten both. Against the first alone, mail to everybody at the lawful rate
//! convicts: units that are more alike than it believes speak for whatever says that they are alike.

use serde::{Deserialize, Serialize};

use super::bets::{Bets, OWN, mean};
use crate::lists::hashed::Map;

/// The chance that a unit lies wholly on the list or off it by its nature, and how nearly it does.
const WHOLE: f32 = 0.25;
const WHOLLY: f32 = 0.995;
/// Units that are asked; those that come later say nothing.
const UNITS: usize = 1024;

/// What one unit has said.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Unit {
    hits: u32,
    asked: u32,
    /// How much better a unit with a rate of its own explains that than one that lies on the list, in bits.
    own_rate: f32,
}

/// What the units have said together.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Units {
    /// Against units with rates of their own, and against one rate for all.
    apart: [f32; 3],
    alike: [f32; 3],
    units: Map<Unit>,
}

impl Units {
    /// What misses alone make, before the first hit: how often each unit was asked.
    pub fn after_misses(asked: &Map<u32>, bets: &Bets, floor: f32) -> Units {
        let mut units = Units::default();
        let mut keys: Vec<u64> = asked.keys().copied().collect();
        keys.sort_unstable();
        for key in keys {
            for _ in 0..asked[&key].min(64) {
                units.hear(key, false, bets, floor);
            }
            // Far below the floor already; only the count matters for what comes.
            if let Some(unit) = units.units.get_mut(&key) {
                unit.asked = asked[&key];
            }
        }
        units
    }

    /// One recipient of this unit is on the list or not. The lawful chance is that of a rate between units (a Beta around
    /// the lawful rate, as wide as two observations), or of a unit that lies on the list.
    pub fn hear(&mut self, key: u64, hit: bool, bets: &Bets, floor: f32) {
        if self.units.len() >= UNITS && !self.units.contains_key(&key) {
            return;
        }
        let unit = self.units.entry(key).or_default();
        let rate = (2.0 * bets.own + unit.hits as f32) / (2.0 + unit.asked as f32);
        let chance = |rate: f32| if hit { rate } else { 1.0 - rate };
        let weight = (1.0 - WHOLE) / (1.0 - WHOLE + WHOLE * (-unit.own_rate).exp2());
        let lawful = weight * chance(rate) + (1.0 - weight) * chance(WHOLLY);
        unit.asked += 1;
        unit.hits += u32::from(hit);
        unit.own_rate = (unit.own_rate + (chance(rate) / chance(WHOLLY)).log2()).clamp(-60.0, 60.0);
        for (branch, pi) in OWN.into_iter().enumerate().take(bets.own_open) {
            let win = |bits: &mut f32, lawful: f32| *bits = (*bits + (chance(pi) / lawful).log2()).max(floor);
            win(&mut self.apart[branch], lawful);
            win(&mut self.alike[branch], chance(bets.own));
        }
    }

    pub fn bits(&self, bets: &Bets) -> f32 {
        if self.units.is_empty() { 0.0 } else { mean(&self.branches()[..bets.own_open]) }
    }

    pub fn most(&self) -> f32 {
        self.branches().into_iter().fold(0.0, f32::max)
    }

    fn branches(&self) -> [f32; 3] {
        std::array::from_fn(|branch| self.apart[branch].min(self.alike[branch]))
    }
}

#[cfg(test)]
mod tests {
    use super::super::bets::Rates;
    use super::*;

    fn bets() -> Bets {
        let rates =
            Rates { share: 0.6, base: 0.6, inside: 1.0, mailboxes_known: true, mailboxes_complete: true, lawful: 0.68 };
        Bets::new(&rates, false)
    }

    #[test]
    fn one_unit_says_two_bits_at_most_and_many_convict() {
        let mut team = Units::default();
        for _ in 0..2000 {
            team.hear(7, true, &bets(), -20.0);
            assert!(team.bits(&bets()) <= 2.05, "{}", team.bits(&bets()));
        }
        let mut staff = Units::default();
        for n in 0..60 {
            staff.hear(n, true, &bets(), -20.0);
        }
        assert!(staff.bits(&bets()) > 20.0, "{}", staff.bits(&bets()));
        let mut mixed = Units::default();
        for n in 0..600 {
            mixed.hear(n % 60, n % 3 != 0, &bets(), -20.0);
        }
        assert!(mixed.bits(&bets()) < -15.0);
    }

    #[test]
    fn against_a_lawful_unit_no_bet_gains() {
        let (mut hit, mut miss) = (Units::default(), Units::default());
        hit.hear(1, true, &bets(), -99.0);
        miss.hear(1, false, &bets(), -99.0);
        for branch in 0..2 {
            // The lawful chance of a first hit: three quarters of units at the rate, a quarter wholly on the list.
            let lawful = 0.75 * 0.68 + 0.25 * 0.995;
            let gain = lawful * hit.apart[branch].exp2() + (1.0 - lawful) * miss.apart[branch].exp2();
            assert!((gain - 1.0).abs() < 1e-3, "{gain}");
            let gain = 0.68 * hit.alike[branch].exp2() + 0.32 * miss.alike[branch].exp2();
            assert!((gain - 1.0).abs() < 1e-3, "{gain}");
        }
    }

    #[test]
    fn a_list_met_late_starts_behind() {
        let asked: Map<u32> = [(1, 30), (2, 500)].into_iter().collect();
        let late = Units::after_misses(&asked, &bets(), -20.0);
        assert!((late.bits(&bets()) - -20.0).abs() < 1e-3);
    }
}
