// SPDX-License-Identifier: EUPL-1.2
//! Random choices out of a seed: the same seed chooses the same, and no other seed tells anything of it.

/// A stream of choices.
pub struct Draw {
    key: [u8; 32],
    stream: blake3::OutputReader,
}

impl Draw {
    pub fn new(seed: &[u8; 32]) -> Draw {
        Draw { key: *seed, stream: blake3::Hasher::new_keyed(seed).update(b"octroi lists export").finalize_xof() }
    }

    /// A stream of its own, for one use.
    pub fn branch(&self, name: &str) -> Draw {
        Draw::new(blake3::keyed_hash(&self.key, name.as_bytes()).as_bytes())
    }

    /// A number below `limit`; 0 where that is 0. The bias is below 2⁻³² for every list that can be.
    pub fn below(&mut self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.stream.fill(&mut bytes);
        ((u128::from(u64::from_le_bytes(bytes)) * u128::from(limit)) >> 64) as u64
    }

    /// One of several.
    pub fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len() as u64) as usize)
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_choose_evenly_and_each_for_itself() {
        let (mut draw, mut counts) = (Draw::new(&[1; 32]), [0; 10]);
        (0..10_000).for_each(|_| counts[draw.below(10) as usize] += 1);
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
        let first = |seed| {
            (0..8)
                .map({
                    let mut draw = Draw::new(&[seed; 32]);
                    move |_| draw.below(1000)
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(first(1), first(1));
        assert_ne!(first(1), first(2));
        assert_eq!(Draw::new(&[1; 32]).below(0), 0);
        let mut items: Vec<u32> = (0..50).collect();
        draw.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }
}
