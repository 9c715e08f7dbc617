// SPDX-License-Identifier: EUPL-1.2
//! How far a file is opened: quickly at first, so that small files never wait long behind large ones; then as far as the
//! memory of its mail goes (decision D32).

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::document::{Budget, DocumentError, Extract};

/// How much of one file may be told, and what that may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// Bytes of text.
    pub text: usize,
    /// Only what is soon done: little is unpacked, and no picture.
    pub is_quick: bool,
}

/// Names in an answer: those of some hundred files, or the properties of one that has many.
const NAMES: usize = 128 << 10;

impl Extent {
    /// All that may be told of a file.
    pub const WHOLE: Extent = Extent { text: usize::MAX, is_quick: false };

    /// Bytes that a quick look unpacks: some ten milliseconds.
    const QUICK: u64 = 8 << 20;

    /// Time for a quick look. It takes far less, unless the file is made to cost time or the machine is very busy.
    pub(super) const QUICK_TIME: Duration = Duration::from_secs(2);

    pub fn quick(text: usize) -> Extent {
        Extent { text, is_quick: true }
    }

    pub fn long(text: usize) -> Extent {
        Extent { text, is_quick: false }
    }

    pub(super) fn budget(self) -> Budget {
        let whole = Budget::default();
        let text = self.text.min(whole.text);
        match self.is_quick {
            true => Budget { text, bytes: Extent::QUICK, pictures: 0, ..whole },
            false => Budget { text, ..whole },
        }
    }

    /// The longest answer: the text as it is written down, where each end of a line or cell takes two bytes, and the names
    /// of all files.
    pub(super) fn answer(self) -> usize {
        self.budget().text * 2 + NAMES
    }

    /// What the answer and what it becomes take at most: it is read, and its text is then held as read and in normal
    /// form, and copied now and then.
    pub fn memory(self) -> usize {
        2 * self.answer() + 3 * self.budget().text
    }

    /// Bytes of text for which so many bytes of memory do.
    pub fn text_within(memory: usize) -> usize {
        memory.saturating_sub(2 * NAMES) / 7
    }

    /// Whether a file has more to tell than this extent let it. `left` is what reading left of the budget.
    pub(super) fn ends_before(self, extract: &Extract, left: &Budget) -> bool {
        let faults = extract.faults();
        let is_over = faults.iter().any(|(_, fault)| *fault == DocumentError::Budget);
        match self.is_quick {
            true => is_over || left.left_out || has_unseen(extract),
            // Cut at a character or at a line: some bytes may be left.
            false => is_over && left.text < self.budget().text / 16,
        }
    }
}

/// Whether there are pictures that nobody has tried to read.
fn has_unseen(extract: &Extract) -> bool {
    let is_unseen = |(name, value): &(String, String)| name == "ocr" && value == "unread";
    extract.properties.iter().any(is_unseen) || extract.children.iter().any(has_unseen)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::open;

    fn opened(extent: Extent, bytes: &[u8]) -> bool {
        let mut budget = extent.budget();
        let extract = open("file", bytes, &mut budget, &[]);
        extent.ends_before(&extract, &budget)
    }

    #[test]
    fn a_file_that_has_more_to_tell_says_so() {
        let text = "words of a letter\n".repeat(1_000);
        assert!(!opened(Extent::quick(64 << 10), text.as_bytes()));
        for extent in [Extent::quick(4 << 10), Extent::long(4 << 10)] {
            assert!(opened(extent, text.as_bytes()), "{extent:?}");
        }
        // What no extent reaches is not asked for again.
        let bomb = flate2::read::GzEncoder::new(
            std::io::Read::take(std::io::repeat(0), 300 << 20),
            flate2::Compression::fast(),
        );
        let mut packed = Vec::new();
        std::io::copy(&mut { bomb }, &mut packed).unwrap();
        assert!(opened(Extent::quick(64 << 10), &packed));
        assert!(!opened(Extent::long(64 << 10), &packed));
    }

    #[test]
    fn what_fits_into_memory_does() {
        for memory in [1 << 20, 7 << 20] {
            let text = Extent::text_within(memory);
            assert!((memory - 16..=memory).contains(&Extent::long(text).memory()), "{memory}");
        }
        assert_eq!(Extent::text_within(100), 0);
    }

    #[test]
    fn pictures_wait_for_a_longer_look() {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend([827_u32.to_be_bytes(), 1169_u32.to_be_bytes()].concat());
        assert!(opened(Extent::quick(64 << 10), &png));
        assert!(!opened(Extent::long(64 << 10), &png));
    }
}
