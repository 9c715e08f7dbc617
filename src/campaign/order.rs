// SPDX-License-Identifier: EUPL-1.2
//! Whether recipients come in the order of the list: neighbours, not ascent, for any sorted sample ascends.

use serde::{Deserialize, Serialize};

use super::bets::mean;
use crate::lists::hashed::Set;

/// Believed chances that a hit of a campaign in list order has a neighbour among the earlier ones.
const RATES: [f32; 3] = [0.97, 0.85, 0.60];
/// Positions that are one place.
const PLACE: u32 = 8;
/// Places remembered.
const PLACES: usize = 8192;
/// Order shortens what the list says; alone it accuses nobody, for whoever sorts like the list is in order too.
const MOST: f32 = 15.0;

/// What the order of the hits says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Order {
    bits: [f32; 3],
    places: Set,
    /// Hits that had a neighbour, of those asked.
    pub neighbours: u32,
    pub asked: u32,
    /// The unit whose work address the last hit was.
    unit: Option<u64>,
}

impl Order {
    /// A further hit at this position; `before` hits so far, of a list of `size`. Colleagues of one unit stand together in
    /// many lists, so that their neighbourhood says nothing.
    pub fn hit(&mut self, position: u32, unit: Option<u64>, before: u32, size: usize, floor: f32) {
        let place = position / PLACE;
        let same_unit = unit.is_some() && unit == self.unit;
        self.unit = unit;
        if before > 0 && !same_unit && self.places.len() < PLACES {
            let near = [place.checked_sub(1), Some(place), Some(place + 1)];
            let adjacent = near.iter().flatten().any(|place| self.places.contains(&u64::from(*place)));
            let free = 1.0 - (before as f32 / size.max(1) as f32).min(1.0);
            let chance = (1.0 - free.powi(3 * PLACE as i32)).max(0.25);
            self.asked += 1;
            self.neighbours += u32::from(adjacent);
            for (bits, pi) in self.bits.iter_mut().zip(RATES) {
                if pi > chance + 0.01 {
                    *bits += if adjacent { (pi / chance).log2() } else { ((1.0 - pi) / (1.0 - chance)).log2() };
                    *bits = bits.clamp(floor, MOST);
                }
            }
        }
        if self.places.len() < PLACES {
            self.places.insert(u64::from(place));
        }
    }

    pub fn bits(&self) -> f32 {
        mean(&self.bits)
    }

    /// The part of the hits that had a neighbour.
    pub fn share(&self) -> f32 {
        if self.asked == 0 { 0.0 } else { self.neighbours as f32 / self.asked as f32 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::hashed::mix;

    fn order(positions: impl Iterator<Item = u32>, unit: Option<u64>) -> Order {
        let mut order = Order::default();
        for (before, position) in (0..).zip(positions) {
            order.hit(position, unit, before, 3000, -20.0);
        }
        order
    }

    #[test]
    fn neighbours_speak_and_a_sorted_sample_does_not() {
        assert!(order(0..12, None).bits() > 12.0);
        assert!(order((0..12).rev(), None).bits() > 12.0);
        assert!(order((0..40).map(|n| n * 3), None).bits() > 12.0, "two of three dropped");
        assert!(order(0..3000, None).bits() <= MOST);
        assert!(order((0..40).map(|n| n * 75), None).bits() < 0.0, "in order, and no neighbours");
        assert!(order((0..200).map(|n| (mix(n) % 3000) as u32), None).bits() < 1.0, "any order");
        assert!(order(0..12, Some(7)).bits().abs() < f32::EPSILON, "one unit");
        let mut all: Vec<u32> = (0..3000).collect();
        all.sort_by_key(|n| mix(u64::from(*n)));
        let whole = order(all.into_iter(), None);
        assert!(whole.bits() < 1.0, "neighbours by number alone: {}", whole.bits());
    }
}
