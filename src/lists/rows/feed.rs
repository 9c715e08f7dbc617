// SPDX-License-Identifier: EUPL-1.2
//! Bytes of a source, one at a time, with a way back.

use std::io::{self, Read};

use encoding_rs::{CoderResult, Decoder, Encoding};

const CHUNK: usize = 64 << 10;
/// U+FEFF in UTF-8, which some programs put before a text.
const MARK: [u8; 3] = *b"\xef\xbb\xbf";

/// A buffered source to which bytes can be given back.
pub struct Feed<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
}

impl<R: Read> Feed<R> {
    pub fn new(source: R) -> Feed<R> {
        Feed { source, buffer: Vec::new(), at: 0 }
    }

    /// The next byte; `None` at the end.
    #[inline]
    pub fn byte(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        self.at += 1;
        Ok(Some(self.buffer[self.at - 1]))
    }

    #[inline]
    pub fn peek(&mut self) -> io::Result<Option<u8>> {
        if self.at == self.buffer.len() && !self.fill()? {
            return Ok(None);
        }
        Ok(Some(self.buffer[self.at]))
    }

    /// What is at hand of the rest; empty only at the end.
    pub fn available(&mut self) -> io::Result<&[u8]> {
        if self.at == self.buffer.len() {
            self.fill()?;
        }
        Ok(&self.buffer[self.at..])
    }

    pub fn consume(&mut self, count: usize) {
        self.at = (self.at + count).min(self.buffer.len());
    }

    /// Gives bytes back, to be read again before all others.
    pub fn unread(&mut self, bytes: &[u8]) {
        let mut buffer = Vec::with_capacity(bytes.len() + self.buffer.len() - self.at);
        buffer.extend_from_slice(bytes);
        buffer.extend_from_slice(&self.buffer[self.at..]);
        (self.buffer, self.at) = (buffer, 0);
    }

    /// Passes over a mark of the byte order; for the beginning of a text.
    pub fn skip_mark(&mut self) -> io::Result<()> {
        let mut read = Vec::with_capacity(MARK.len());
        while read.len() < MARK.len() && MARK.starts_with(&read) {
            let Some(byte) = self.byte()? else { break };
            read.push(byte);
        }
        if read != MARK {
            self.unread(&read);
        }
        Ok(())
    }

    fn fill(&mut self) -> io::Result<bool> {
        self.buffer.resize(CHUNK, 0);
        self.at = 0;
        let count = loop {
            match self.source.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        self.buffer.truncate(*count.as_ref().unwrap_or(&0));
        Ok(count? > 0)
    }
}

/// Text of two bytes a letter, read as UTF-8.
pub struct Wide<R> {
    source: R,
    decoder: Decoder,
    chunk: Box<[u8]>,
    out: Vec<u8>,
    at: usize,
    ended: bool,
}

impl<R: Read> Wide<R> {
    /// A byte order mark is left out.
    pub fn new(source: R, encoding: &'static Encoding) -> Wide<R> {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Wide { source, decoder: encoding.new_decoder_with_bom_removal(), chunk, out: Vec::new(), at: 0, ended: false }
    }
}

impl<R: Read> Read for Wide<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.out.len() && !self.ended {
            let count = self.source.read(&mut self.chunk)?;
            self.ended = count == 0;
            // Three octets for each two, and what a letter that was cut may need.
            self.out.resize(count * 2 + 16, 0);
            let (result, _, written, _) = self.decoder.decode_to_utf8(&self.chunk[..count], &mut self.out, self.ended);
            debug_assert_eq!(result, CoderResult::InputEmpty);
            self.out.truncate(written);
            self.at = 0;
        }
        let count = into.len().min(self.out.len() - self.at);
        into[..count].copy_from_slice(&self.out[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::UTF_16LE;

    use super::*;

    #[test]
    fn bytes_given_back_come_first() {
        let mut feed = Feed::new(&b"abc"[..]);
        assert_eq!(feed.byte().unwrap(), Some(b'a'));
        feed.unread(b"xy");
        let mut rest = Vec::new();
        while let Some(byte) = feed.byte().unwrap() {
            rest.push(byte);
        }
        assert_eq!(rest, b"xybc");
        assert_eq!(feed.peek().unwrap(), None);
    }

    /// A source that gives one byte at a time.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            into[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_mark_is_passed_over_and_nothing_else() {
        for (text, expected) in [
            (&b"\xef\xbb\xbfab"[..], &b"ab"[..]),
            (b"\xef\xbb\xbf", b""),
            (b"\xef\xbbab", b"\xef\xbbab"),
            (b"\xef", b"\xef"),
            (b"ab", b"ab"),
            (b"", b""),
        ] {
            let (mut whole, mut drip) = (Feed::new(text), Feed::new(Drip(text)));
            whole.skip_mark().unwrap();
            drip.skip_mark().unwrap();
            let (mut one, mut other) = (Vec::new(), Vec::new());
            while let Some(byte) = whole.byte().unwrap() {
                one.push(byte);
            }
            while let Some(byte) = drip.byte().unwrap() {
                other.push(byte);
            }
            assert_eq!((one, other), (expected.to_vec(), expected.to_vec()), "{text:?}");
        }
    }

    #[test]
    fn wide_letters_survive_every_cut() {
        let text = "\u{feff}é;😀;漢字漢字漢字\n";
        let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let mut read = String::new();
        Wide::new(Drip(&bytes), UTF_16LE).read_to_string(&mut read).unwrap();
        assert_eq!(read, &text[3..]);
    }
}
