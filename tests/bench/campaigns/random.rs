// SPDX-License-Identifier: EUPL-1.2
//! Random numbers by seed (splitmix64), and texts of invented words.

pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    pub fn chance(&mut self, p: f64) -> bool {
        ((self.next() >> 11) as f64) < p * (1_u64 << 53) as f64
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at + 1));
        }
    }

    pub fn sample<T: Clone>(&mut self, from: &[T], n: usize) -> Vec<T> {
        let mut all: Vec<usize> = (0..from.len()).collect();
        let n = n.min(all.len());
        for at in 0..n {
            let other = at + self.below(all.len() - at);
            all.swap(at, other);
        }
        all[..n].iter().map(|at| from[*at].clone()).collect()
    }

    pub fn word(&mut self, syllables: usize) -> String {
        const HEADS: [&str; 16] = ["b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "t", "v", "br", "ch", "tr"];
        const TAILS: [&str; 12] = ["a", "e", "i", "o", "u", "é", "an", "on", "in", "ou", "ai", "eur"];
        (0..syllables).map(|_| format!("{}{}", self.pick(&HEADS), self.pick(&TAILS))).collect()
    }
}

/// Invented words, few of them frequent.
pub struct Vocabulary(Vec<String>);

impl Vocabulary {
    pub fn new(random: &mut Random) -> Vocabulary {
        Vocabulary((0..4000).map(|n| random.word(if n < 60 { 1 } else { 2 + n % 3 })).collect())
    }

    pub fn word(&self, random: &mut Random) -> &str {
        // A third of running words are of the sixty most frequent.
        let n = if random.chance(0.33) { random.below(60) } else { random.below(self.0.len()) };
        &self.0[n]
    }

    pub fn text(&self, random: &mut Random, words: usize) -> Vec<String> {
        (0..words).map(|_| self.word(random).to_owned()).collect()
    }

    /// The same text with a part of its words replaced.
    pub fn reworded(&self, random: &mut Random, text: &[String], part: f64) -> String {
        let words =
            text.iter().map(|word| if random.chance(part) { self.word(random).to_owned() } else { word.clone() });
        words.collect::<Vec<_>>().join(" ")
    }
}
