// SPDX-License-Identifier: EUPL-1.2
//! The end of data. This is the most dangerous file of the product: if octroi and the next hop disagree about where a
//! message ends, a sender can hide a second message that nobody inspects (SMTP smuggling).
//!
//! Only CR LF ends a line (RFC 5321 §2.3.8), and only CR LF `.` CR LF ends the data (§4.1.1.4). octroi refuses
//! everything else that some server might take for an end, after it has read the true end.

use memchr::memchr2;

/// What to do with a message that holds a CR without LF or an LF without CR (decision D5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareNewline {
    #[default]
    Refuse,
    /// Takes it as it is; beside a dot it is refused all the same. May leave by BDAT only.
    Pass,
}

/// How far the reader has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataProgress {
    /// All input is consumed and the data goes on.
    More,
    /// The end of data was the last thing consumed.
    End(Ending),
}

/// What the finished message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The output holds it. `bare_newline`: a CR or LF stands alone in it, which only `Pass` lets through.
    Whole { bare_newline: bool },
    /// It was larger than the limit; the output is empty.
    TooBig,
    /// It held a bare newline that is refused, or a NUL beside a dot that begins a line; the output is empty.
    BareNewline,
}

/// What the octets before the next one mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// At the very beginning, or after CR LF.
    LineStart,
    /// Inside a line.
    Text,
    /// After a CR inside a line.
    Cr,
    /// After an LF that had no CR before it: no line start for us, but perhaps for others.
    BareLf,
    /// After NULs at the beginning of a line, or after a CR or LF that stands alone: for those who drop NULs, the line has
    /// not begun.
    Nul,
    /// After the author's dot that begins a line.
    AuthorDot,
    /// After CR LF `.`; the dot is held back.
    Dot,
    /// After CR LF `.` CR; both are held back.
    DotCr,
}

/// Finds the end of data and takes the doubled dots away (RFC 5321 §4.5.2).
#[derive(Debug)]
pub struct EndOfData {
    state: State,
    limit: u64,
    mode: BareNewline,
    bare_newline: bool,
    beside_dot: bool,
    too_big: bool,
}

/// What a message is whose length was said before (RFC 3030): the judgement of [`EndOfData`], and beside a dot a stricter
/// one, since here no doubling tells the author's dot from the protocol's. A final CR LF may be missing.
pub fn line_ends(content: &[u8], mode: BareNewline) -> Ending {
    let at = |index: Option<usize>| index.and_then(|index| content.get(index)).copied();
    // Whether the octet before is a dot that begins a line.
    let after_dot = |here: usize| {
        at(here.checked_sub(1)) == Some(b'.')
            && (here == 1 || (here >= 3 && content[here - 3..here].starts_with(b"\r\n")))
    };
    let (mut bare, mut beside_dot) = (false, false);
    for here in memchr::memchr2_iter(b'\r', b'\n', content) {
        let is_whole = match content.get(here) {
            Some(b'\r') => at(here.checked_add(1)) == Some(b'\n'),
            _ => at(here.checked_sub(1)) == Some(b'\r'),
        };
        if !is_whole {
            bare = true;
            beside_dot |= at(here.checked_add(1)) == Some(b'.') || after_dot(here);
        }
    }
    // A NUL beside a dot that begins a line: for who drops NULs, the dot stands alone.
    for here in memchr::memchr_iter(0, content) {
        let begins_line = |place: usize| {
            let before = content[..place].iter().rposition(|octet| *octet != 0);
            before.is_none_or(|before| matches!(content[before], b'\r' | b'\n'))
        };
        beside_dot |= after_dot(here) || (at(here.checked_add(1)) == Some(b'.') && begins_line(here));
    }
    match (bare, mode) {
        _ if beside_dot => Ending::BareNewline,
        (true, BareNewline::Refuse) => Ending::BareNewline,
        (bare_newline, _) => Ending::Whole { bare_newline },
    }
}

impl EndOfData {
    /// A reader for the octets after the CR LF of DATA. `limit`: octets of the message without doubled dots.
    pub fn new(limit: u64, mode: BareNewline) -> EndOfData {
        EndOfData { state: State::LineStart, limit, mode, bare_newline: false, beside_dot: false, too_big: false }
    }

    /// Reads on, appending the message to `out`, which must hold this message and nothing else.
    /// Returns how many octets of `input` were consumed: all of them, unless the end of data stands among them.
    ///
    /// Once the message is refused, `out` is emptied and its memory given back; the rest is swallowed.
    pub fn feed(&mut self, input: &[u8], out: &mut Vec<u8>) -> (usize, DataProgress) {
        let mut at = 0;
        while let Some(&octet) = input.get(at) {
            match (self.state, octet) {
                (State::LineStart, b'.') => {
                    self.state = State::Dot;
                    at += 1;
                }
                (State::LineStart | State::Nul, 0) => {
                    self.state = State::Nul;
                    self.keep(b"\0", out);
                    at += 1;
                }
                (State::Nul, b'.') => {
                    self.beside_dot(out);
                    self.state = State::Text;
                }
                (State::AuthorDot, 0) => {
                    self.beside_dot(out);
                    self.state = State::Text;
                }
                (State::LineStart | State::Text | State::Nul | State::AuthorDot, _) => {
                    at += self.run(&input[at..], out);
                }

                (State::Cr, b'\n') => {
                    self.state = State::LineStart;
                    self.keep(b"\n", out);
                    at += 1;
                }
                // The CR before stands alone. This octet may be another CR, a dot, or text.
                (State::Cr | State::BareLf, _) => {
                    self.bare(octet == b'.', out);
                    self.state = if octet == 0 { State::Nul } else { State::Text };
                }

                (State::Dot, b'\r') => {
                    self.state = State::DotCr;
                    at += 1;
                }
                // CR LF . LF: some servers end here.
                (State::Dot, b'\n') => {
                    self.bare(true, out);
                    self.state = State::Text;
                }
                // Who drops NULs ends here as well.
                (State::Dot, 0) => {
                    self.beside_dot(out);
                    self.state = State::Text;
                }
                // RFC 5321 §4.5.2: this dot is the protocol's, not the author's. What follows it is text, even a dot.
                (State::Dot, _) => {
                    self.keep(&input[at..=at], out);
                    self.state = if octet == b'.' { State::AuthorDot } else { State::Text };
                    at += 1;
                }

                (State::DotCr, b'\n') => return (at + 1, DataProgress::End(self.ending())),
                // CR LF . CR and no LF: some servers end here, or at the CR LF that may follow.
                (State::DotCr, _) => {
                    self.bare(true, out);
                    self.keep(b"\r", out);
                    self.state = State::Cr;
                }
            }
        }
        (at, DataProgress::More)
    }

    /// Takes as many octets as need no decision beyond "CR LF, and no dot after it": whole lines, copied at once.
    /// The first octet is inside a line, or begins one and is not a dot.
    fn run(&mut self, input: &[u8], out: &mut Vec<u8>) -> usize {
        let mut at = 0;
        let taken = loop {
            let Some(found) = memchr2(b'\r', b'\n', &input[at..]).map(|found| at + found) else {
                self.state = State::Text;
                break input.len();
            };
            if input[found] == b'\n' {
                self.state = State::BareLf;
                break found + 1;
            }
            match input.get(found + 1) {
                None => {
                    self.state = State::Cr;
                    break found + 1;
                }
                Some(b'\n') => match input.get(found + 2) {
                    None | Some(b'.' | 0) => {
                        self.state = State::LineStart;
                        break found + 2;
                    }
                    Some(_) => at = found + 2,
                },
                Some(_) => {
                    self.state = State::Cr;
                    break found + 1;
                }
            }
        };
        self.keep(&input[..taken], out);
        taken
    }

    fn keep(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        if self.is_refused() {
            return;
        }
        if (out.len() + octets.len()) as u64 > self.limit {
            self.too_big = true;
            *out = Vec::new();
            return;
        }
        out.extend_from_slice(octets);
    }

    /// Notes a CR or LF that stands alone.
    fn bare(&mut self, beside_dot: bool, out: &mut Vec<u8>) {
        self.bare_newline = true;
        self.beside_dot |= beside_dot;
        if self.is_refused() && !out.is_empty() {
            *out = Vec::new();
        }
    }

    /// Notes a NUL beside a dot that begins a line.
    fn beside_dot(&mut self, out: &mut Vec<u8>) {
        self.beside_dot = true;
        *out = Vec::new();
    }

    fn is_refused(&self) -> bool {
        self.too_big || self.beside_dot || (self.bare_newline && self.mode == BareNewline::Refuse)
    }

    fn ending(&self) -> Ending {
        match self.is_refused() {
            false => Ending::Whole { bare_newline: self.bare_newline },
            // Whichever came first, the same message gets the same answer however it was cut into packets.
            true if self.beside_dot => Ending::BareNewline,
            true if self.bare_newline && self.mode == BareNewline::Refuse => Ending::BareNewline,
            true => Ending::TooBig,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every text of up to seven octets of these: what BDAT brings is judged as the same text after DATA.
    #[test]
    fn a_chunk_is_judged_as_data_is() {
        const OCTETS: [u8; 5] = [b'\r', b'\n', b'.', b'x', 0];
        for length in 0..=7u32 {
            for number in 0..5usize.pow(length) {
                let content: Vec<u8> = (0..length).map(|place| OCTETS[number / 5usize.pow(place) % 5]).collect();
                if content.last().is_some() && !content.ends_with(b"\r\n") {
                    continue; // DATA cannot bring it
                }
                let mut wire = Vec::new();
                crate::smtp::client::stuff(&content, &mut wire);
                for mode in [BareNewline::Refuse, BareNewline::Pass] {
                    let mut out = Vec::new();
                    let (used, progress) = EndOfData::new(100, mode).feed(&wire, &mut out);
                    let ending = line_ends(&content, mode);
                    let shown = content.escape_ascii().to_string();
                    assert_eq!(used, wire.len());
                    if mode == BareNewline::Refuse || matches!(ending, Ending::Whole { .. }) {
                        assert_eq!(progress, DataProgress::End(ending), "{shown}");
                    }
                    if matches!(ending, Ending::Whole { .. }) {
                        assert_eq!(out, content, "{shown}");
                    }
                }
            }
        }
    }

    /// Servers that drop NULs would find an end of data there.
    #[test]
    fn a_nul_beside_a_dot_that_begins_a_line_is_refused() {
        for (content, is_refused) in [
            (&b"a\r\n.\0\r\nb\r\n"[..], true),
            (b"a\r\n\0.\r\nb\r\n", true),
            (b"a\r\n\0\0.\r\nb\r\n", true),
            (b"\0.\r\n", true),
            (b".\0\r\n", true),
            (b"a\n\0.\r\n", true),
            (b"a\r\0.\r\n", true),
            (b"a\0.\r\n", false),
            (b"a.\0\r\n", false),
            (b"a\r\n.b\0\r\n", false),
            (b"\0\r\n\0a.\r\n", false),
            (b"a\r\n\0\r\n", false),
        ] {
            let shown = content.escape_ascii().to_string();
            assert_eq!(line_ends(content, BareNewline::Pass) == Ending::BareNewline, is_refused, "BDAT {shown}");
            // After DATA the dot may stand there as the protocol's or as the author's.
            let mut stuffed = Vec::new();
            crate::smtp::client::stuff(content, &mut stuffed);
            for wire in [stuffed, [content, b".\r\n"].concat()] {
                for size in [1, 2, wire.len()] {
                    let (mut reader, mut out, mut ending) = (EndOfData::new(100, BareNewline::Pass), Vec::new(), None);
                    for piece in wire.chunks(size) {
                        if let (_, DataProgress::End(end)) = reader.feed(piece, &mut out) {
                            ending = Some(end);
                        }
                    }
                    assert_eq!(ending == Some(Ending::BareNewline), is_refused, "DATA {}", wire.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn a_missing_line_end_is_no_bare_newline_but_half_a_one_is() {
        let ending = |content: &[u8]| line_ends(content, BareNewline::Pass);
        assert_eq!(ending(b"a"), Ending::Whole { bare_newline: false });
        assert_eq!(ending(b"a\r\n."), Ending::Whole { bare_newline: false });
        assert_eq!(ending(b"a\r"), Ending::Whole { bare_newline: true });
        assert_eq!(ending(b"a\n"), Ending::Whole { bare_newline: true });
        assert_eq!(ending(b"a\r\n.\n"), Ending::BareNewline);
    }
}
