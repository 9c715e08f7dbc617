// SPDX-License-Identifier: EUPL-1.2
//! All lists and exports in one table: one look-up says on which of them a mailbox stands.

use super::members::Offsets;
use super::{Member, Members, Place};

/// One standing of a mailbox on one source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// Which of the members that the index was made of, counted from 0.
    pub source: u16,
    pub place: Place,
}

/// The merged index.
#[derive(Debug, Clone)]
pub struct Index {
    hashes: Box<[u64]>,
    places: Box<[u32]>,
    sources: Box<[u16]>,
    offsets: Offsets,
}

impl Index {
    /// Of the first 65,536 sources; there are no more in an administration.
    pub fn new(members: &[&Members]) -> Index {
        let total = members.iter().map(|members| members.len()).sum();
        let mut rows: Vec<(u64, u16, u32)> = Vec::with_capacity(total);
        for (source, members) in (0..=u16::MAX).zip(members) {
            rows.extend(members.iter().map(|(member, place)| (member.0, source, place.packed())));
        }
        rows.sort_unstable();
        let hashes: Box<[u64]> = rows.iter().map(|row| row.0).collect();
        let offsets = Offsets::new(&hashes);
        Index {
            hashes,
            sources: rows.iter().map(|row| row.1).collect(),
            places: rows.iter().map(|row| row.2).collect(),
            offsets,
        }
    }

    /// Where this mailbox stands, by source.
    pub fn find(&self, member: Member) -> impl Iterator<Item = Listed> + '_ {
        let range = self.offsets.range(member.0);
        let within = &self.hashes[range.clone()];
        let first = within.iter().position(|hash| *hash == member.0).unwrap_or(within.len());
        let count = within[first..].iter().take_while(|hash| **hash == member.0).count();
        let start = range.start + first;
        self.listed(start..start + count)
    }

    /// Each mailbox once, with all its standings.
    pub fn groups(&self) -> impl Iterator<Item = (Member, impl Iterator<Item = Listed> + '_)> + '_ {
        let mut start = 0;
        self.hashes.chunk_by(|a, b| a == b).map(move |same| {
            let range = start..start + same.len();
            start = range.end;
            (Member(same[0]), self.listed(range))
        })
    }

    /// Memory taken, in bytes.
    pub fn bytes(&self) -> usize {
        self.hashes.len() * 14 + self.offsets.bytes()
    }

    fn listed(&self, range: std::ops::Range<usize>) -> impl Iterator<Item = Listed> + '_ {
        range.map(|at| Listed { source: self.sources[at], place: Place::unpacked(self.places[at]) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_index_says_what_its_lists_say(
            lists in prop::collection::vec(prop::collection::vec(0..40_u64, 0..60), 0..6),
            spread in prop_oneof![Just(1_u64), Just(1 << 58)],
        ) {
            let lists: Vec<Members> = lists
                .iter()
                .map(|list| {
                    let rows = list.iter().zip(0..);
                    Members::new(rows.map(|(n, position)| (Member(n * spread), Place { position, own: n % 2 == 0 })).collect())
                })
                .collect();
            let index = Index::new(&lists.iter().collect::<Vec<_>>());
            let mut found = 0;
            for n in 0..41 {
                let expected: Vec<Listed> = (0..)
                    .zip(&lists)
                    .filter_map(|(source, list)| Some(Listed { source, place: list.place(Member(n * spread))? }))
                    .collect();
                found += expected.len();
                prop_assert_eq!(index.find(Member(n * spread)).collect::<Vec<_>>(), expected);
            }
            let grouped: usize = index.groups().map(|(_, listed)| listed.count()).sum();
            prop_assert_eq!(grouped, found);
        }
    }
}
