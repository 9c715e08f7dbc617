// SPDX-License-Identifier: EUPL-1.2
//! What is kept of a text to tell copies of one mail from others: its words, a sketch of them, and the hosts of links.

use serde::{Deserialize, Serialize};

use crate::lists::template::{Text, shingles};

/// Hashes in a sketch. 16 to 128 find the same campaigns; 64 tell a likeness of 0.30 within ± 0.06.
const SKETCH: usize = 64;

/// A text without what differs between copies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Signature {
    pub(super) text: Text,
    pub(super) sketch: Sketch,
}

/// The smallest hashes of the shingles: two sketches tell how like their texts are (bottom-k, Broder 1997).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sketch(pub(super) Vec<u32>);

impl Signature {
    /// The signature of a mail; `readers` are the local parts of its recipients where there are at most three, whose words
    /// are taken for their names.
    pub fn new(subject: &str, body: &str, readers: &[&str]) -> Signature {
        let text = Text::new(subject, body, readers);
        let sketch = Sketch::new(shingles(&text.words));
        Signature { text, sketch }
    }

    /// The hosts of its links.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.text.hosts.iter().map(|host| host.name.as_str())
    }
}

impl Sketch {
    fn new(shingles: impl Iterator<Item = u64>) -> Sketch {
        // The upper half of a mixed hash is as good as the whole: texts have hundreds of shingles, not billions.
        let mut hashes: Vec<u32> = shingles.map(|shingle| (shingle >> 32) as u32).collect();
        hashes.sort_unstable();
        hashes.dedup();
        hashes.truncate(SKETCH);
        hashes.shrink_to_fit();
        Sketch(hashes)
    }

    /// How many of all shingles of both are in both (Jaccard), estimated; two empty texts are one.
    pub fn likeness(&self, other: &Sketch) -> f32 {
        let (mut left, mut right) = (self.0.iter().peekable(), other.0.iter().peekable());
        let (mut both, mut all) = (0_u16, 0_u16);
        while usize::from(all) < SKETCH {
            match (left.peek(), right.peek()) {
                (Some(a), Some(b)) if a == b => {
                    both += 1;
                    left.next();
                    right.next();
                }
                (Some(a), Some(b)) if a < b => drop(left.next()),
                (Some(_), None) => drop(left.next()),
                (_, Some(_)) => drop(right.next()),
                (None, None) => break,
            }
            all += 1;
        }
        if all == 0 { 1.0 } else { f32::from(both) / f32::from(all) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::lists::hashed::mix;

    fn likeness(one: &str, other: &str) -> f32 {
        Signature::new("", one, &[]).sketch.likeness(&Signature::new("", other, &[]).sketch)
    }

    #[test]
    fn personal_copies_are_one_text() {
        let copy = |name: &str| {
            format!(
                "Bonjour {name}, votre bulletin de paie est disponible dans votre espace personnel, merci de le lire {name}"
            )
        };
        let one = Signature::new("", &copy("Anne"), &["anne.petit"]);
        let other = Signature::new("", &copy("Bob"), &["bob"]);
        assert_eq!(one.sketch, other.sketch);
    }

    #[test]
    fn a_subject_is_read_only_where_the_body_is_short() {
        let long = "un deux trois quatre cinq six sept huit neuf dix onze douze treize";
        assert_eq!(Signature::new("sujet", long, &[]), Signature::new("autre", long, &[]));
        assert_ne!(Signature::new("sujet", "voir image", &[]), Signature::new("autre", "voir image", &[]));
        assert!((likeness("", "") - 1.0).abs() < f32::EPSILON);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_sketch_tells_the_likeness(one in prop::collection::vec(0..400_u32, 2..400), kept in 0..400_usize, new in prop::collection::vec(400..800_u32, 1..200)) {
            let mut other = one[..kept.min(one.len())].to_vec();
            other.extend(&new);
            let words = |numbers: &[u32]| numbers.iter().map(|n| mix(u64::from(*n))).collect::<Vec<_>>();
            let (one, other) = (words(&one), words(&other));
            let sets: Vec<BTreeSet<u64>> = [&one, &other].map(|words| shingles(words).collect()).into();
            let exact = sets[0].intersection(&sets[1]).count() as f32 / sets[0].union(&sets[1]).count() as f32;
            let estimate = Sketch::new(shingles(&one)).likeness(&Sketch::new(shingles(&other)));
            prop_assert!((exact - estimate).abs() < 0.30, "{} {}", exact, estimate);
        }
    }
}
