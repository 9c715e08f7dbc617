// SPDX-License-Identifier: EUPL-1.2
//! The end of data: where a message ends, and what it was.
//!
//! The most dangerous page of the product. A gateway that disagrees with its next hop about where a message ends can
//! be made to pass two messages for one ("smuggling"). So: only CRLF ends a line (RFC 5321 §2.3.8), only
//! CRLF `.` CRLF ends a message (§4.1.1.4), and whatever else stands near a dot is refused (decision D5).

use memchr::memchr2;

/// Where in a line the reader stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the start of a line: the CRLF before it, or DATA's own, has been read.
    LineStart,
    /// At the start of a line, a dot was read and is kept back.
    Dot,
    /// At the start of a line, a dot and a CR were read and are kept back.
    DotCr,
    /// Within a line.
    Text,
    /// Within a line, a CR was read (and passed on).
    Cr,
    /// A bare LF, or a bare CR followed by this position: a dot here would be beside it.
    Bare,
}

/// What was wrong with a message that has ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Flaws {
    /// A CR without LF or an LF without CR, anywhere.
    pub bare_newline: bool,
    /// One of them before a dot, or after a dot that begins a line.
    pub beside_dot: bool,
    /// Larger than the limit: what was kept is the beginning only.
    pub too_big: bool,
}

/// Reads the content of DATA: undoes dot-stuffing (RFC 5321 §4.5.2) and finds the end, in any slicing of the input.
#[derive(Debug, Clone)]
pub struct EndOfData {
    state: State,
    flaws: Flaws,
    /// Bytes to keep at most.
    limit: usize,
}

impl EndOfData {
    /// `limit`: the largest content, in bytes; what goes beyond is read and forgotten.
    pub fn new(limit: usize) -> EndOfData {
        EndOfData { state: State::LineStart, flaws: Flaws::default(), limit }
    }

    /// Reads `input` into `content`. Returns how many bytes were used and, once the end has come, the flaws;
    /// bytes after the end are left alone.
    pub fn feed(&mut self, input: &[u8], content: &mut Vec<u8>) -> (usize, Option<Flaws>) {
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match (self.state, byte) {
                (State::LineStart, b'.') => {
                    self.state = State::Dot;
                    at += 1;
                }
                (State::Dot, b'\r') => {
                    self.state = State::DotCr;
                    at += 1;
                }
                (State::DotCr, b'\n') => return (at + 1, Some(self.flaws)),
                (State::Dot, b'\n') => {
                    // CRLF . LF: some servers end here. Never ours, and never to be passed on.
                    self.flaws.beside_dot = true;
                    self.state = State::Text; // the LF is read again, as a bare one
                }
                (State::DotCr, _) => {
                    // CRLF . CR x: the dot was stuffing, the CR is bare and stood beside it.
                    self.flaws.beside_dot = true;
                    self.keep(b"\r", content);
                    self.state = State::Cr;
                }
                (State::Dot, _) => self.state = State::Text, // RFC 5321 §4.5.2: this dot was the protocol's
                (State::Cr, b'\n') => {
                    self.keep(b"\n", content);
                    self.state = State::LineStart;
                    at += 1;
                }
                (State::Cr, _) => {
                    self.flaws.bare_newline = true;
                    self.state = State::Bare;
                }
                (State::Bare, b'.') => {
                    self.flaws.beside_dot = true;
                    self.state = State::Text;
                }
                (State::LineStart | State::Text | State::Bare, _) => {
                    let rest = &input[at..];
                    let run = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
                    self.keep(&rest[..run], content);
                    at += run;
                    if run > 0 {
                        self.state = State::Text;
                    }
                    match rest.get(run) {
                        Some(b'\r') if rest.get(run + 1) == Some(&b'\n') => {
                            self.keep(b"\r\n", content);
                            self.state = State::LineStart;
                            at += 2;
                        }
                        Some(b'\r') => {
                            self.keep(b"\r", content);
                            self.state = State::Cr;
                            at += 1;
                        }
                        Some(_) => {
                            self.flaws.bare_newline = true;
                            self.keep(b"\n", content);
                            self.state = State::Bare;
                            at += 1;
                        }
                        None => {}
                    }
                }
            }
        }
        (at, None)
    }

    fn keep(&mut self, bytes: &[u8], content: &mut Vec<u8>) {
        let room = self.limit.saturating_sub(content.len());
        if bytes.len() > room {
            self.flaws.too_big = true;
        }
        content.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads in slices cut at the given point; gives the content, the flaws and what was left over.
    fn read(input: &[u8], cut: usize) -> Option<(Vec<u8>, Flaws, Vec<u8>)> {
        let mut reader = EndOfData::new(1 << 20);
        let mut content = Vec::new();
        let (first, second) = input.split_at(cut);
        let (used, end) = reader.feed(first, &mut content);
        if let Some(flaws) = end {
            return Some((content, flaws, [&first[used..], second].concat()));
        }
        assert_eq!(used, first.len());
        let (used, end) = reader.feed(second, &mut content);
        end.map(|flaws| (content, flaws, second[used..].to_vec()))
    }

    const CLEAN: &str = "";

    /// Input, content or "no end", what is left, flaws.
    const TABLE: &[(&str, Option<&str>, &str, &str)] = &[
        (".\r\n", Some(""), "", CLEAN),
        ("a\r\n.\r\n", Some("a\r\n"), "", CLEAN),
        ("a\r\n.\r\nQUIT\r\n", Some("a\r\n"), "QUIT\r\n", CLEAN),
        ("..\r\n.\r\n", Some(".\r\n"), "", CLEAN),
        ("...a\r\n.\r\n", Some("..a\r\n"), "", CLEAN),
        (".a\r\n.\r\n", Some("a\r\n"), "", CLEAN),
        ("a.\r\n.\r\n", Some("a.\r\n"), "", CLEAN),
        ("a\0b\r\n.\r\n", Some("a\0b\r\n"), "", CLEAN),
        ("a\r\n\r\n.\r\n", Some("a\r\n\r\n"), "", CLEAN),
        ("a\r\n.", None, "", CLEAN),
        ("a\r\n.\r", None, "", CLEAN),
        // Every sequence that some server has taken for the end.
        ("a\n.\n.b\r\n.\r\n", Some("a\n.\n.b\r\n"), "", "bare dot"),
        ("a\n.\r\nMAIL\r\n.\r\n", Some("a\n.\r\nMAIL\r\n"), "", "bare dot"),
        ("a\r\n.\nMAIL\r\n.\r\n", Some("a\r\n\nMAIL\r\n"), "", "bare dot"),
        ("a\r\n.\rMAIL\r\n.\r\n", Some("a\r\n\rMAIL\r\n"), "", "bare dot"),
        ("a\r.\rMAIL\r\n.\r\n", Some("a\r.\rMAIL\r\n"), "", "bare dot"),
        ("a\r.\r\nMAIL\r\n.\r\n", Some("a\r.\r\nMAIL\r\n"), "", "bare dot"),
        ("a\r\n.\r\r\nMAIL\r\n.\r\n", Some("a\r\n\r\r\nMAIL\r\n"), "", "bare dot"),
        ("a\r\r\n.\r\nleft", Some("a\r\r\n"), "left", "bare"),
        ("a\r\n\r.\r\n.\r\n", Some("a\r\n\r.\r\n"), "", "bare dot"),
        ("a\r\n\n.\r\n.\r\n", Some("a\r\n\n.\r\n"), "", "bare dot"),
        ("a\nb\r\n.\r\n", Some("a\nb\r\n"), "", "bare"),
        ("\n\r\n.\r\n", Some("\n\r\n"), "", "bare"),
        ("a.\nb\r\n.\r\n", Some("a.\nb\r\n"), "", "bare"),
    ];

    #[test]
    fn the_end_is_found_once_at_every_split() {
        for (input, content, left, flaws) in TABLE {
            for cut in 0..=input.len() {
                let got = read(input.as_bytes(), cut);
                let Some(expected) = content else {
                    assert!(got.is_none(), "{input:?} at {cut}");
                    continue;
                };
                let (body, found, rest) = got.unwrap_or_else(|| panic!("no end in {input:?} cut at {cut}"));
                assert_eq!(body, expected.as_bytes(), "{input:?} at {cut}");
                assert_eq!(rest, left.as_bytes(), "{input:?} at {cut}");
                assert_eq!(found.bare_newline, flaws.contains("bare"), "{input:?} at {cut}");
                assert_eq!(found.beside_dot, flaws.contains("dot"), "{input:?} at {cut}");
            }
        }
    }

    #[test]
    fn what_is_too_big_is_read_to_its_end_and_not_kept() {
        let mut reader = EndOfData::new(4);
        let mut content = Vec::new();
        let (used, end) = reader.feed(b"abcdefgh\r\n.\r\nQUIT", &mut content);
        assert_eq!((used, content.as_slice()), (13, b"abcd".as_slice()));
        assert!(end.unwrap().too_big);
    }
}
