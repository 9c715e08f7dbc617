// SPDX-License-Identifier: EUPL-1.2
//! The client's half: reading replies and writing lines, without a socket.

use std::borrow::Cow;

use memchr::{memchr, memmem};

use super::Capabilities;
use crate::mail::Reply;

/// A reply that is none, or a line that may not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadReply {
    #[error("the server sent what is no SMTP reply")]
    Syntax,
    #[error("the server's reply has no end")]
    TooLong,
}

/// A command argument that would have sent more than one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the line holds a line end")]
pub struct Injection;

/// RFC 5321 §4.5.3.1.5 says 512 octets a line; servers exceed it, so the limit is on nonsense.
const REPLY_LIMIT: usize = 64 * 1024;

/// Reads replies of one or more lines (RFC 5321 §4.2.1), in any slicing of the input.
#[derive(Debug, Default)]
pub struct ReplyReader {
    buffer: Vec<u8>,
    used: usize,
    lines: Vec<String>,
    code: Option<u16>,
    size: usize,
}

impl ReplyReader {
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.used == self.buffer.len() {
            self.buffer.clear();
            self.used = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Whether bytes wait that belong to no reply taken so far.
    pub fn has_input(&self) -> bool {
        self.used < self.buffer.len() || !self.lines.is_empty()
    }

    /// The next whole reply, where there is one.
    pub fn next_reply(&mut self) -> Result<Option<Reply>, BadReply> {
        while let Some(length) = memchr(b'\n', &self.buffer[self.used..]) {
            let start = self.used;
            self.used += length + 1;
            self.size += length;
            if self.size > REPLY_LIMIT {
                return Err(BadReply::TooLong);
            }
            let line = &self.buffer[start..start + length];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (code, last, text) = split(line).ok_or(BadReply::Syntax)?;
            // RFC 5321 §4.2.1: the code is the same in every line.
            if self.code.is_some_and(|before| before != code) {
                return Err(BadReply::Syntax);
            }
            // A CR inside would let a server write into our client's dialogue.
            self.lines.push(String::from_utf8_lossy(text).replace(|c: char| c.is_control() && c != '\t', " "));
            if last {
                self.code = None;
                self.size = 0;
                return Ok(Some(Reply { code, lines: std::mem::take(&mut self.lines) }));
            }
            self.code = Some(code);
        }
        if self.buffer.len() - self.used + self.size > REPLY_LIMIT { Err(BadReply::TooLong) } else { Ok(None) }
    }
}

fn split(line: &[u8]) -> Option<(u16, bool, &[u8])> {
    let (digits, rest) = line.split_at_checked(3)?;
    if !digits.iter().all(u8::is_ascii_digit) || !(b'2'..=b'5').contains(&digits[0]) {
        return None;
    }
    let code = digits.iter().fold(0, |n, d| n * 10 + u16::from(d - b'0'));
    match rest.split_first() {
        None => Some((code, true, rest)),
        Some((b' ', text)) => Some((code, true, text)),
        Some((b'-', text)) => Some((code, false, text)),
        Some(_) => None,
    }
}

/// Appends `MAIL FROM:` with the argument as the client wrote it.
pub fn write_mail(out: &mut Vec<u8>, verbatim: &str) -> Result<(), Injection> {
    write_line(out, "MAIL FROM:", verbatim)
}

/// Appends `RCPT TO:` with the argument as the client wrote it.
pub fn write_rcpt(out: &mut Vec<u8>, verbatim: &str) -> Result<(), Injection> {
    write_line(out, "RCPT TO:", verbatim)
}

fn write_line(out: &mut Vec<u8>, verb: &str, argument: &str) -> Result<(), Injection> {
    if argument.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(Injection);
    }
    out.extend_from_slice(verb.as_bytes());
    out.extend_from_slice(argument.as_bytes());
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// Appends the XFORWARD command with the attributes the server takes; returns how many replies it will give.
/// Values are xtext already (Postfix's XFORWARD_README).
pub fn write_xforward(out: &mut Vec<u8>, attributes: &[(String, String)], server: &Capabilities) -> usize {
    let mut any = 0;
    for (name, value) in attributes {
        let sound = value.bytes().all(|b| b.is_ascii_graphic()) && !value.is_empty();
        if sound && server.xforward.contains(name) {
            out.extend_from_slice(if any == 0 { b"XFORWARD " } else { b" " });
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
            any += 1;
        }
    }
    if any > 0 {
        out.extend_from_slice(b"\r\n");
    }
    usize::from(any > 0)
}

/// The content as DATA wants it: dots stuffed (RFC 5321 §4.5.2), and what must follow it to end the message.
/// Content without a final CRLF gets one; everything else leaves as it is.
pub fn stuffed(content: &[u8]) -> (Cow<'_, [u8]>, &'static [u8]) {
    let end: &[u8] = if content.is_empty() || content.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" };
    let finder = memmem::Finder::new(b"\r\n.");
    let mut dots = finder.find_iter(content).map(|at| at + 2).peekable();
    let leading = content.first() == Some(&b'.');
    if !leading && dots.peek().is_none() {
        return (Cow::Borrowed(content), end);
    }
    let mut out = Vec::with_capacity(content.len() + 64);
    let mut from = 0;
    if leading {
        out.push(b'.');
    }
    for dot in dots {
        out.extend_from_slice(&content[from..dot]);
        out.push(b'.');
        from = dot;
    }
    out.extend_from_slice(&content[from..]);
    (Cow::Owned(out), end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::smtp::data::EndOfData;

    #[test]
    fn replies_are_read_in_any_slicing() {
        let input = b"250-a\r\n250-SIZE 5\r\n250 b\r\n354 go\n550\r\n";
        for step in 1..input.len() {
            let mut reader = ReplyReader::default();
            let mut got = Vec::new();
            for piece in input.chunks(step) {
                reader.receive(piece);
                while let Some(reply) = reader.next_reply().unwrap() {
                    got.push((reply.code, reply.lines.len()));
                }
            }
            assert_eq!(got, [(250, 3), (354, 1), (550, 1)]);
            assert!(!reader.has_input());
        }
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        for wrong in ["hello\r\n", "25\r\n", "250-a\r\n251 b\r\n", "150 x\r\n", "650 x\r\n", "250x\r\n", "\r\n"] {
            let mut reader = ReplyReader::default();
            reader.receive(wrong.as_bytes());
            assert_eq!(reader.next_reply(), Err(BadReply::Syntax), "{wrong:?}");
        }
        let mut reader = ReplyReader::default();
        reader.receive(&vec![b'2'; REPLY_LIMIT + 1]);
        assert_eq!(reader.next_reply(), Err(BadReply::TooLong));
    }

    #[test]
    fn no_argument_sends_two_commands() {
        for wrong in ["<a@b>\r\nRCPT TO:<evil@x>", "<a@b>\n", "<a\0@b>"] {
            assert_eq!(write_mail(&mut Vec::new(), wrong), Err(Injection));
        }
    }

    #[test]
    fn stuffing_and_reading_are_inverse() {
        for content in ["", ".", "..\r\n", "a\r\n.b\r\n..\r\n", ".\r\n.\r\n", "a", "\r\n.\r\n", "a\r\n\r\n.", "\r\n"] {
            let (body, end) = stuffed(content.as_bytes());
            let wire = [&body[..], end].concat();
            let mut back = Vec::new();
            let (used, flaws) = EndOfData::new(1000).feed(&wire, &mut back);
            assert_eq!((used, flaws.is_some()), (wire.len(), true), "{content:?}");
            let mut expected = content.as_bytes().to_vec();
            if !content.is_empty() && !content.ends_with("\r\n") {
                expected.extend_from_slice(b"\r\n");
            }
            assert_eq!(back, expected, "{content:?}");
        }
    }
}
