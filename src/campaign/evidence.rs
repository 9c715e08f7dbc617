// SPDX-License-Identifier: EUPL-1.2
//! What the recipients of one scope say about one list, in bits.

use serde::{Deserialize, Serialize};

use super::bets::{Bets, Row, mean};
use super::order::Order;
use super::register::{ListId, Source};
use super::units::Units;
use crate::lists::hashed::Map;

/// From here on a list explains the recipients and chance does not: one in a million looks at lawful mail.
pub(super) const CONVICTS: f32 = 20.0;
/// No bet falls deeper, so that what begins inside a lawful mailing pays this much and not the whole past.
pub(super) const FLOOR: f32 = -20.0;

/// Who was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// Outside the house; a universal list knows the mailbox.
    Known,
    Unknown,
    /// At our own domains: the unit, or else the domain.
    Own(u64),
}

/// Whom a scope has counted, by what a list would have asked them: its misses, had it had no hit.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    pub all: u32,
    pub known: u32,
    pub unknown: u32,
    pub units: Map<u32>,
}

impl Counted {
    pub fn count(&mut self, asked: Asked) {
        self.all = self.all.saturating_add(1);
        match asked {
            Asked::Known => self.known += 1,
            Asked::Unknown => self.unknown += 1,
            // As many as a list's own units would hold; who comes later is not asked there either.
            Asked::Own(unit) if self.units.len() < 1024 || self.units.contains_key(&unit) => {
                *self.units.entry(unit).or_default() += 1;
            }
            Asked::Own(_) => {}
        }
    }
}

/// The evidence for one list in one scope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Evidence {
    pub list: ListId,
    pub hits: u32,
    /// Bets on recipients whom a universal list knows: strangers cost nothing there and hide nothing.
    known: [f32; 4],
    /// Bets on all recipients outside: they have the members whom no universal list knows.
    outside: [f32; 4],
    gray: [f32; 4],
    units: Units,
    pub order: Order,
}

/// Evidence in bits, by where it comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Bits {
    /// Addresses outside the house.
    pub outside: f32,
    /// Units of the house.
    pub units: f32,
    /// The order of the list.
    pub order: f32,
    /// All together: at 20 the list explains the recipients.
    pub all: f32,
}

impl Evidence {
    /// Of a list that is hit for the first time: what the misses so far would have made.
    pub fn after_misses(source: &Source, counted: &Counted) -> Evidence {
        let bets = &source.bets;
        let start = |known: &Row<4>, unknown: &Option<Row<4>>| {
            let unknown = unknown.map_or([0.0; 4], |row| row.miss);
            std::array::from_fn(|branch| {
                (counted.known as f32 * known.miss[branch] + counted.unknown as f32 * unknown[branch]).max(FLOOR)
            })
        };
        Evidence {
            list: source.id,
            hits: 0,
            known: std::array::from_fn(|branch| (counted.known as f32 * bets.known.miss[branch]).max(FLOOR)),
            outside: start(&bets.known, &bets.unknown),
            gray: start(&bets.gray_known, &bets.gray_unknown),
            units: Units::after_misses(&counted.units, bets, FLOOR),
            order: Order::default(),
        }
    }

    /// One more recipient: on the list at this position, or not.
    pub fn hear(&mut self, source: &Source, asked: Asked, position: Option<u32>) {
        let bets = &source.bets;
        match asked {
            Asked::Known => {
                let won = if position.is_some() { &bets.known.hit } else { &bets.known.miss };
                self.known.iter_mut().zip(won).for_each(|(bits, won)| *bits = (*bits + won).max(FLOOR));
                self.bet(&bets.known, &bets.gray_known, position.is_some());
            }
            Asked::Unknown => {
                if let (Some(row), Some(gray)) = (&bets.unknown, &bets.gray_unknown) {
                    self.bet(row, gray, position.is_some());
                }
            }
            Asked::Own(unit) => self.units.hear(unit, position.is_some(), bets, FLOOR),
        }
        if let Some(position) = position {
            let unit = if let Asked::Own(unit) = asked { Some(unit) } else { None };
            self.order.hit(position, unit, self.hits, source.size, FLOOR);
            self.hits = self.hits.saturating_add(1);
        }
    }

    fn bet(&mut self, row: &Row<4>, gray: &Row<4>, hit: bool) {
        let (won, gray) = if hit { (&row.hit, &gray.hit) } else { (&row.miss, &gray.miss) };
        self.outside.iter_mut().zip(won).for_each(|(bits, won)| *bits = (*bits + won).max(FLOOR));
        self.gray.iter_mut().zip(gray).for_each(|(bits, won)| *bits = (*bits + won).max(FLOOR));
    }

    pub fn bits(&self, bets: &Bets) -> Bits {
        let known = mean(&self.known[..bets.known_open]);
        let all = mean(&self.outside[..bets.all_open]);
        let outside = match (bets.known_alone, bets.all_alone) {
            (true, _) => known,
            (_, true) => all,
            _ => mean(&[known, all]),
        };
        self.together(outside, bets)
    }

    /// The evidence against the lower rates that suffice beside a political text; it alone flags nothing.
    pub fn gray(&self, bets: &Bets) -> f32 {
        self.together(mean(&self.gray[..bets.gray_open]), bets).all
    }

    /// Whether the bits may reach this much at all: the exact sum is dear.
    pub fn may_reach(&self, least: f32, gray: bool) -> bool {
        let gray = if gray { &self.gray[..] } else { &[] };
        let most = self.outside.iter().chain(&self.known).chain(gray).copied().fold(0.0, f32::max);
        most + self.units.most() + self.order.bits().max(0.0) >= least
    }

    /// Each part is a likelihood ratio against its lawful null, and so is each product and their mean.
    fn together(&self, outside: f32, bets: &Bets) -> Bits {
        if bets.closed {
            return Bits::default();
        }
        let (units, order) = (self.units.bits(bets), self.order.bits());
        let both = outside + units;
        let all = mean(&[outside, units, both, outside + order, units + order, both + order]);
        Bits { outside, units, order, all }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::bets::Rates;
    use super::super::register::{Entry, Register};
    use super::*;
    use crate::lists::Members;
    use crate::lists::hashed::mix;

    fn source(lawful: f32, inside: f32) -> Source {
        let entry = Entry {
            name: "portal".into(),
            export: None,
            kind: None,
            universal: false,
            purposes: Vec::new(),
            members: Members::new(Vec::new()),
            canaries: Vec::new(),
        };
        let mut source = Register::new(vec![entry], 0).sources()[0].clone();
        source.size = 3000;
        source.rates = Rates { share: 0.6, base: 0.6, inside, mailboxes_known: true, mailboxes_complete: true, lawful };
        source.bets = Bets::new(&source.rates, false);
        source
    }

    /// Hits needed until the list convicts, where each recipient is on it.
    fn needed(source: &Source, asked: impl Fn(u64) -> Asked, position: impl Fn(u64) -> u32) -> Option<u64> {
        let mut evidence = Evidence::after_misses(source, &Counted::default());
        (1..5000).find(|n| {
            evidence.hear(source, asked(*n), Some(position(*n)));
            evidence.bits(&source.bets).all >= CONVICTS
        })
    }

    fn anywhere(n: u64) -> u32 {
        (mix(n) % 3000) as u32
    }

    #[test]
    fn it_takes_what_the_design_says() {
        let outside = |_| Asked::Known;
        for (lawful, most) in [(0.5, 30), (0.7, 52), (0.8, 84), (0.9, 180)] {
            let needed = needed(&source(lawful, 1.0), outside, anywhere).expect("reached");
            assert!(needed <= most, "{lawful}: {needed}");
        }
        let in_order = needed(&source(0.9, 1.0), outside, |n| n as u32).expect("reached");
        assert!(in_order < 60, "{in_order}");
        let units = needed(&source(0.7, 1.0), |n| Asked::Own(n % 80), anywhere).expect("reached");
        assert!(units < 120, "{units}");
        assert_eq!(needed(&source(0.7, 1.0), |_| Asked::Own(7), |n| n as u32), None, "one unit");
    }

    #[test]
    fn strangers_cost_nothing_where_the_list_has_none() {
        let source = source(0.7, 1.0);
        let mut evidence = Evidence::after_misses(&source, &Counted::default());
        for n in 0..55 {
            evidence.hear(&source, Asked::Known, Some(anywhere(n)));
            evidence.hear(&source, Asked::Unknown, None);
        }
        assert!(evidence.bits(&source.bets).all >= CONVICTS);
    }

    #[test]
    fn strangers_hide_nothing_where_the_list_has_some_of_its_own() {
        let source = source(0.7, 0.8);
        let mut evidence = Evidence::after_misses(&source, &Counted::default());
        for n in 0..65 {
            evidence.hear(&source, Asked::Known, Some(anywhere(n)));
            evidence.hear(&source, Asked::Unknown, None);
        }
        assert!(evidence.bits(&source.bets).all >= CONVICTS);
    }

    #[test]
    fn agents_whose_mailbox_nobody_knows_are_on_the_list_like_others() {
        let mut source = source(0.9, 0.8);
        source.rates = Rates { share: 0.88, base: 0.8, mailboxes_complete: false, ..source.rates };
        source.bets = Bets::new(&source.rates, false);
        let mut evidence = Evidence::after_misses(&source, &Counted::default());
        for n in 0..2000_u64 {
            let asked = if n % 5 == 0 { Asked::Unknown } else { Asked::Known };
            evidence.hear(&source, asked, (mix(n) % 100 < 85).then_some(anywhere(n)));
            assert!(evidence.bits(&source.bets).all < CONVICTS);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        /// However often one looks: a thousand lawful campaigns, each of up to 400 recipients at the lawful rate.
        #[test]
        fn lawful_mail_is_not_convicted(seed in any::<u64>(), lawful in 0.5_f32..0.95, own in any::<bool>()) {
            let source = source(lawful, 1.0);
            for campaign in 0..16_u64 {
                let mut evidence = Evidence::after_misses(&source, &Counted::default());
                for n in 0..400_u64 {
                    let random = mix(seed ^ mix(campaign << 32 | n));
                    let hit = ((random >> 40) as f32) < lawful * (1_u64 << 24) as f32;
                    let asked = if own { Asked::Own(random % 40) } else { Asked::Known };
                    evidence.hear(&source, asked, hit.then_some((mix(random) % 3000) as u32));
                    prop_assert!(evidence.bits(&source.bets).all < CONVICTS);
                }
            }
        }

        /// A list first hit late knows its misses as if it had been asked from the start.
        #[test]
        fn late_is_as_early(misses in 0_u32..200, kinds in 0_u64..3) {
            let source = source(0.7, 0.5);
            let mut early = Evidence::after_misses(&source, &Counted::default());
            let mut counted = Counted::default();
            for n in 0..misses {
                let asked = match (u64::from(n) + kinds) % 3 {
                    0 => Asked::Known,
                    1 => Asked::Unknown,
                    _ => Asked::Own(u64::from(n) % 5),
                };
                counted.count(asked);
                early.hear(&source, asked, None);
            }
            let late = Evidence::after_misses(&source, &counted);
            prop_assert!((early.bits(&source.bets).all - late.bits(&source.bets).all).abs() < 0.05);
        }
    }
}
