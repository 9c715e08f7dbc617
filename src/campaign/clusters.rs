// SPDX-License-Identifier: EUPL-1.2
//! Which texts are one: an inverted index over the smallest hashes of their sketches.

use super::id::Kind;
use super::signature::Sketch;
use crate::lists::hashed::{Map, mix};

/// The smallest hashes under which a sketch is found. At a likeness of 0.30 two texts share eleven of them.
const POSTED: usize = 24;
/// Clusters found under one hash; beyond it the oldest is forgotten there.
const POSTINGS: usize = 64;
/// Candidates compared in full.
const COMPARED: usize = 16;
/// From here on two texts are one: copies in which a quarter of the words is replaced keep 0.19. To pool strangers costs
/// nothing, for lawful mail in any mixture is lawful.
pub(super) const ALIKE: f32 = 0.15;
/// Below this a text that joins leaves its own sketch, so that rewording step by step stays one campaign.
const DRIFTED: f32 = 0.60;
/// Sketches a cluster keeps.
const SKETCHES: usize = 4;

/// The texts of all open campaigns.
#[derive(Debug, Clone, Default)]
pub(super) struct Clusters {
    postings: Map<Vec<u64>>,
    sketches: Map<Vec<Sketch>>,
}

/// Where a text belongs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Found {
    pub cluster: u64,
    /// This text is to be kept beside those of its cluster.
    pub keep: bool,
}

impl Clusters {
    /// The cluster of a text; a new one where it is like none.
    pub fn find(&self, sketch: &Sketch) -> Found {
        let mut shared: Map<u32> = Map::default();
        for hash in sketch.0.iter().take(POSTED) {
            for cluster in self.postings.get(&u64::from(*hash)).into_iter().flatten() {
                *shared.entry(*cluster).or_default() += 1;
            }
        }
        let mut candidates: Vec<(u32, u64)> = shared.into_iter().map(|(cluster, count)| (count, cluster)).collect();
        candidates.sort_unstable_by(|a, b| b.cmp(a));
        let best = candidates.iter().take(COMPARED).filter_map(|(_, cluster)| {
            let likeness = self.sketches.get(cluster)?.iter().map(|kept| kept.likeness(sketch)).fold(0.0, f32::max);
            Some((likeness, *cluster))
        });
        match best.max_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((likeness, cluster)) if likeness >= ALIKE => {
                let room = self.sketches.get(&cluster).is_some_and(|kept| kept.len() < SKETCHES);
                Found { cluster, keep: likeness < DRIFTED && room }
            }
            _ => {
                let own = sketch.0.iter().fold(Kind::Text.key(0), |key, hash| mix(key ^ u64::from(*hash)));
                Found { cluster: own, keep: !self.sketches.contains_key(&own) }
            }
        }
    }

    pub fn keep(&mut self, cluster: u64, sketch: Sketch) {
        for hash in sketch.0.iter().take(POSTED) {
            let posted = self.postings.entry(u64::from(*hash)).or_default();
            if !posted.contains(&cluster) {
                if posted.len() == POSTINGS {
                    posted.remove(0);
                }
                posted.push(cluster);
            }
        }
        self.sketches.entry(cluster).or_default().push(sketch);
    }

    pub fn remove(&mut self, cluster: u64) {
        for hash in self.sketches.remove(&cluster).iter().flatten().flat_map(|sketch| sketch.0.iter().take(POSTED)) {
            if let Some(posted) = self.postings.get_mut(&u64::from(*hash)) {
                posted.retain(|other| *other != cluster);
                if posted.is_empty() {
                    self.postings.remove(&u64::from(*hash));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::signature::Signature;
    use super::*;

    fn sketch(words: &[u32]) -> Sketch {
        let text: Vec<String> = words
            .iter()
            .map(|n| {
                // Words without digits: a number is one word whatever it says.
                n.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
            })
            .collect();
        Signature::new("", &text.join(" "), &[]).sketch
    }

    #[test]
    fn rewording_step_by_step_stays_one_and_other_texts_do_not_join() {
        let mut clusters = Clusters::default();
        let mut text: Vec<u32> = (0..120).collect();
        let mut first = None;
        for step in 0..3 {
            let found = clusters.find(&sketch(&text));
            if found.keep {
                clusters.keep(found.cluster, sketch(&text));
            }
            assert_eq!(*first.get_or_insert(found.cluster), found.cluster, "step {step}");
            // A sixth of the words each time, other ones.
            text.iter_mut().skip(step).step_by(6).for_each(|word| *word += 1000 * (step as u32 + 1));
        }
        let other = clusters.find(&sketch(&(5000..5100).collect::<Vec<_>>()));
        assert_ne!(Some(other.cluster), first);
        assert!(other.keep);
        clusters.remove(first.expect("was found"));
        assert!(clusters.postings.is_empty() && clusters.sketches.is_empty());
    }

    #[test]
    fn a_phrase_that_all_share_hides_nobody() {
        let mut clusters = Clusters::default();
        let text = |n: u32| (0..10).chain(n * 1000..n * 1000 + 60).collect::<Vec<_>>();
        for n in 1..300 {
            let found = clusters.find(&sketch(&text(n)));
            assert!(found.keep, "{n} is a text of its own");
            clusters.keep(found.cluster, sketch(&text(n)));
        }
        assert!(!clusters.find(&sketch(&text(299))).keep);
        assert!(clusters.postings.values().all(|posted| posted.len() <= POSTINGS));
    }
}
