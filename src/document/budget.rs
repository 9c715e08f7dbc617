// SPDX-License-Identifier: EUPL-1.2
//! The budget for reading one attachment. Declared sizes are only claims: octroi counts the bytes that really come
//! out.

use std::io::Read;

use super::DocumentError;

/// What is left to spend on one attachment and everything inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Uncompressed bytes, all files together.
    pub bytes: u64,
    /// Containers inside containers.
    pub depth: u32,
    /// Files opened.
    pub files: u32,
    /// Bytes of text kept.
    pub text: usize,
    /// Pictures handed out for reading.
    pub pictures: u32,
    /// Bytes of pictures handed out.
    pub picture_bytes: usize,
    /// Something was left out, which no fault tells: a picture behind text.
    pub left_out: bool,
}

impl Default for Budget {
    /// 200 MB of content, 12 levels, 5,000 files, 20 MB of text, 10 pictures: twice what the largest lawful attachment of the
    /// usual 50 MB mail limit unpacks to, and still read in seconds.
    fn default() -> Budget {
        Budget {
            bytes: 200 << 20,
            depth: 12,
            files: 5_000,
            text: 20 << 20,
            pictures: 10,
            picture_bytes: 200 << 20,
            left_out: false,
        }
    }
}

/// A first allocation; more only when bytes came.
const CHUNK: usize = 64 << 10;

impl Budget {
    pub(super) fn enter(&mut self) -> Result<(), DocumentError> {
        if self.depth == 0 || self.files == 0 {
            return Err(DocumentError::Budget);
        }
        self.depth -= 1;
        self.files -= 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth += 1;
    }

    /// Reads a stream to its end or to the end of the budget. What came before a fault is returned with it.
    pub(super) fn inflate(&mut self, source: &mut dyn Read) -> (Vec<u8>, Option<DocumentError>) {
        let mut bytes = Vec::new();
        let mut chunk = vec![0; CHUNK];
        loop {
            match source.read(&mut chunk) {
                Ok(0) => return (bytes, None),
                Ok(count) => {
                    if count as u64 > self.bytes {
                        self.bytes = 0;
                        return (bytes, Some(DocumentError::Budget));
                    }
                    self.bytes -= count as u64;
                    bytes.extend_from_slice(chunk.get(..count).unwrap_or_default());
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(_) => return (bytes, Some(DocumentError::Broken)),
            }
        }
    }

    /// Pays for bytes that a library has unpacked already.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), DocumentError> {
        match self.bytes.checked_sub(bytes as u64) {
            Some(left) => self.bytes = left,
            None => {
                self.bytes = 0;
                return Err(DocumentError::Budget);
            }
        }
        Ok(())
    }

    /// Cuts text to what may still be kept.
    pub(super) fn text(&mut self, mut text: String) -> (String, Option<DocumentError>) {
        if text.len() <= self.text {
            self.text -= text.len();
            return (text, None);
        }
        let end = text.floor_char_boundary(self.text);
        text.truncate(end);
        self.text = 0;
        (text, Some(DocumentError::Budget))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_cut_where_the_budget_ends() {
        let mut budget = Budget { bytes: 100_000, ..Budget::default() };
        let (bytes, fault) = budget.inflate(&mut std::io::repeat(7).take(1 << 40));
        assert_eq!(fault, Some(DocumentError::Budget));
        assert!(bytes.len() <= 100_000);
        assert_eq!(budget.bytes, 0);
    }

    #[test]
    fn text_is_cut_at_a_character() {
        let mut budget = Budget { text: 3, ..Budget::default() };
        assert_eq!(budget.text("éé".into()), ("é".into(), Some(DocumentError::Budget)));
    }
}
