// SPDX-License-Identifier: EUPL-1.2
//! The side towards the next hop: reads its replies, writes commands and content.

use std::borrow::Cow;
use std::collections::BTreeSet;

use memchr::{memchr, memmem};

use crate::mail::Reply;

/// Octets of one reply line. RFC 5321 §4.5.3.1.5 says 512; servers go beyond it.
const MAX_LINE: usize = 2048;
/// Lines of one reply. An EHLO answer of a rich server has about twenty.
const MAX_LINES: usize = 100;

/// What came from the next hop is not a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("the next hop sent a reply line of more than {MAX_LINE} bytes")]
    LineTooLong,
    #[error("the next hop sent a reply of more than {MAX_LINES} lines")]
    TooManyLines,
    #[error("the next hop sent a reply line that does not end with CR LF")]
    BareNewline,
    #[error("the next hop sent a line that is not an SMTP reply")]
    Malformed,
    #[error("the next hop sent different codes in one reply")]
    CodeChanged,
}

/// Reads replies as their octets come (RFC 5321 §4.2). After an error the connection is of no more use.
#[derive(Debug, Default)]
pub struct ReplyReader {
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    /// The lines read of a reply whose last line has not come.
    open: Option<Reply>,
}

impl ReplyReader {
    pub fn new() -> ReplyReader {
        ReplyReader::default()
    }

    /// Whether nothing of the next reply has been read yet.
    pub fn is_idle(&self) -> bool {
        self.partial.is_empty() && self.open.is_none()
    }

    /// Reads up to the end of one reply. Returns the octets consumed and the reply, if it is complete; call again
    /// with the rest, for pipelined replies come together.
    pub fn feed(&mut self, input: &[u8]) -> Result<(usize, Option<Reply>), ReplyError> {
        let mut at = 0;
        while let Some(length) = memchr(b'\n', &input[at..]) {
            let piece = &input[at..at + length];
            at += length + 1;
            if self.partial.len() + piece.len() > MAX_LINE {
                return Err(ReplyError::LineTooLong);
            }
            let complete = if self.partial.is_empty() {
                take_line(&mut self.open, piece)?
            } else {
                self.partial.extend_from_slice(piece);
                let complete = take_line(&mut self.open, &self.partial)?;
                self.partial.clear();
                complete
            };
            if complete {
                return Ok((at, self.open.take()));
            }
        }
        if self.partial.len() + input.len() - at > MAX_LINE {
            return Err(ReplyError::LineTooLong);
        }
        self.partial.extend_from_slice(&input[at..]);
        Ok((input.len(), None))
    }
}

/// Adds one line, without its LF, to the reply being read; true where it was the last one.
fn take_line(open: &mut Option<Reply>, line: &[u8]) -> Result<bool, ReplyError> {
    let line = line.strip_suffix(b"\r").ok_or(ReplyError::BareNewline)?;
    if memchr(b'\r', line).is_some() {
        return Err(ReplyError::BareNewline);
    }
    let (code, rest) = line.split_at_checked(3).ok_or(ReplyError::Malformed)?;
    // RFC 5321 §4.2: the first digit is 2 to 5. The second should be 0 to 5, and is not always.
    if !(b'2'..=b'5').contains(&code[0]) || !code[1..].iter().all(u8::is_ascii_digit) {
        return Err(ReplyError::Malformed);
    }
    let code = code.iter().fold(0, |code, digit| code * 10 + u16::from(digit - b'0'));
    let (is_last, text) = match rest.split_first() {
        None => (true, &[][..]),
        Some((b' ', text)) => (true, text),
        Some((b'-', text)) => (false, text),
        Some(_) => return Err(ReplyError::Malformed),
    };
    // The text may go on to our client and into a log: what could steer a terminal does not go with it.
    let text = String::from_utf8_lossy(text).replace(|c: char| c.is_control() && c != '\t', "?");
    let reply = open.get_or_insert_with(|| Reply { code, lines: Vec::with_capacity(1) });
    if reply.code != code {
        return Err(ReplyError::CodeChanged);
    }
    if reply.lines.len() == MAX_LINES {
        return Err(ReplyError::TooManyLines);
    }
    reply.lines.push(text);
    Ok(is_last)
}

/// A word for a command line holds an octet that would end or break the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a command to the next hop would contain CR, LF or NUL")]
pub struct Injection;

/// Appends `MAIL FROM:` and what the client wrote after it, or other words of the same form.
pub fn write_mail(out: &mut Vec<u8>, argument: &str) -> Result<(), Injection> {
    write_command(out, "MAIL FROM:", argument)
}

/// Appends `RCPT TO:` and what the client wrote after it, or other words of the same form.
pub fn write_rcpt(out: &mut Vec<u8>, argument: &str) -> Result<(), Injection> {
    write_command(out, "RCPT TO:", argument)
}

/// Appends `EHLO` with our name; `LHLO` where the next hop speaks LMTP (RFC 2033 §4.1).
pub fn write_hello(out: &mut Vec<u8>, lmtp: bool, name: &str) -> Result<(), Injection> {
    write_command(out, if lmtp { "LHLO " } else { "EHLO " }, name)
}

/// Appends one XFORWARD command with those attributes the next hop takes; nothing if there are none.
/// Values are xtext, as they came. Returns whether a reply is to come.
pub fn write_xforward(
    out: &mut Vec<u8>,
    attributes: &[(String, String)],
    taken: &super::Capabilities,
) -> Result<bool, Injection> {
    write_attributes(out, "XFORWARD", attributes, &taken.xforward)
}

/// Appends one XCLIENT command, likewise (Postfix XCLIENT_README).
pub fn write_xclient(
    out: &mut Vec<u8>,
    attributes: &[(String, String)],
    taken: &super::Capabilities,
) -> Result<bool, Injection> {
    write_attributes(out, "XCLIENT", attributes, &taken.xclient)
}

fn write_attributes(
    out: &mut Vec<u8>,
    verb: &str,
    attributes: &[(String, String)],
    taken: &BTreeSet<String>,
) -> Result<bool, Injection> {
    let words: Vec<String> = attributes
        .iter()
        .filter(|(name, _)| taken.contains(name))
        .map(|(name, value)| format!(" {name}={value}"))
        .collect();
    if words.is_empty() {
        return Ok(false);
    }
    write_command(out, verb, &words.concat())?;
    Ok(true)
}

fn write_command(out: &mut Vec<u8>, verb: &str, argument: &str) -> Result<(), Injection> {
    if argument.bytes().any(|b| matches!(b, b'\r' | b'\n' | 0)) {
        return Err(Injection);
    }
    out.extend_from_slice(verb.as_bytes());
    out.extend_from_slice(argument.as_bytes());
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// The content as it goes after DATA, in two slices for one vectored write: the message, borrowed unless a line
/// begins with a dot, and the end of data (RFC 5321 §4.5.2). A CR LF is added where the last one is missing.
pub fn stuffed(content: &[u8]) -> (Cow<'_, [u8]>, &'static [u8]) {
    let end: &[u8] = if content.is_empty() || content.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" };
    let mut cuts = dotted_lines(content).peekable();
    if cuts.peek().is_none() {
        return (Cow::Borrowed(content), end);
    }
    let mut out = Vec::with_capacity(content.len() + content.len() / 64 + 8);
    double(content, cuts, &mut out);
    (Cow::Owned(out), end)
}

/// Appends the content as it goes after DATA, the end of data included.
pub fn stuff(content: &[u8], out: &mut Vec<u8>) {
    out.reserve(content.len() + 5);
    double(content, dotted_lines(content), out);
    let end: &[u8] = if content.is_empty() || content.ends_with(b"\r\n") { b".\r\n" } else { b"\r\n.\r\n" };
    out.extend_from_slice(end);
}

/// Where lines begin with a dot. Only CR LF ends a line.
fn dotted_lines(content: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let first = content.starts_with(b".").then_some(0);
    first.into_iter().chain(memmem::find_iter(content, b"\r\n.").map(|at| at + 2))
}

/// Appends the content with each of the dots at `cuts` twice.
fn double(content: &[u8], cuts: impl Iterator<Item = usize>, out: &mut Vec<u8>) {
    let mut from = 0;
    for at in cuts {
        out.extend_from_slice(&content[from..at]);
        out.push(b'.');
        from = at;
    }
    out.extend_from_slice(&content[from..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &[u8], step: usize) -> Result<Vec<Reply>, ReplyError> {
        let (mut reader, mut replies) = (ReplyReader::new(), Vec::new());
        for mut piece in input.chunks(step) {
            while !piece.is_empty() {
                let (used, reply) = reader.feed(piece)?;
                replies.extend(reply);
                piece = &piece[used..];
            }
        }
        Ok(replies)
    }

    #[test]
    fn replies_are_read_however_they_are_cut() {
        let input =
            b"250-hop.example\r\n250-SIZE 10\r\n250 DSN\r\n250 2.1.0 Ok\r\n550-5.1.1 no\r\n550 5.1.1 such\r\n354\r\n";
        let whole = read(input, input.len()).unwrap();
        assert_eq!(whole.len(), 4);
        assert_eq!(whole[0].lines, ["hop.example", "SIZE 10", "DSN"]);
        assert_eq!(whole[2], Reply { code: 550, lines: vec!["5.1.1 no".into(), "5.1.1 such".into()] });
        assert_eq!(whole[3], Reply { code: 354, lines: vec!["".into()] });
        for step in 1..input.len() {
            assert_eq!(read(input, step).unwrap(), whole, "in pieces of {step}");
        }
        let mut verbatim = Vec::new();
        whole.iter().take(3).for_each(|reply| reply.write(&mut verbatim));
        assert_eq!(verbatim, &input[..input.len() - 5]);
    }

    #[test]
    fn what_is_no_reply_is_an_error() {
        let long = [b"250 ".as_slice(), &[b'x'; MAX_LINE + 1]].concat();
        let many = b"250-x\r\n".repeat(MAX_LINES + 1);
        for (input, error) in [
            (&b"hello\r\n"[..], ReplyError::Malformed),
            (b"25\r\n", ReplyError::Malformed),
            (b"\r\n", ReplyError::Malformed),
            (b"150 x\r\n", ReplyError::Malformed),
            (b"2500 x\r\n", ReplyError::Malformed),
            (b"250 x\n", ReplyError::BareNewline),
            (b"250 x\ry\r\n", ReplyError::BareNewline),
            (b"250-x\r\n251 y\r\n", ReplyError::CodeChanged),
            (&long, ReplyError::LineTooLong),
            (&many, ReplyError::TooManyLines),
        ] {
            assert_eq!(read(input, input.len()), Err(error));
            assert_eq!(read(input, 1), Err(error));
        }
    }

    #[test]
    fn commands_cannot_be_injected() {
        let mut out = Vec::new();
        write_mail(&mut out, "<a@b.example> SIZE=1").unwrap();
        write_rcpt(&mut out, "<c@d.example>").unwrap();
        assert_eq!(write_rcpt(&mut out, "<c@d.example>\r\nDATA"), Err(Injection));
        assert_eq!(write_mail(&mut out, "<a\n@b>"), Err(Injection));
        assert_eq!(write_hello(&mut out, false, "a\0"), Err(Injection));
        assert_eq!(out, b"MAIL FROM:<a@b.example> SIZE=1\r\nRCPT TO:<c@d.example>\r\n");
    }

    #[test]
    fn only_attributes_the_hop_takes_are_forwarded() {
        let attributes = [("ADDR".to_owned(), "192.0.2.1".to_owned()), ("IDENT".to_owned(), "4F".to_owned())];
        let ehlo = Reply { code: 250, lines: vec!["hop".into(), "XFORWARD IDENT NAME".into()] };
        let mut out = Vec::new();
        write_xforward(&mut out, &attributes, &super::super::Capabilities::from_ehlo(&ehlo)).unwrap();
        assert_eq!(out, b"XFORWARD IDENT=4F\r\n");
        write_xforward(&mut out, &attributes, &Default::default()).unwrap();
        assert_eq!(out.len(), 19);
    }

    #[test]
    fn content_is_verbatim_but_for_dots_and_its_end() {
        for (content, wire) in [
            (&b""[..], &b".\r\n"[..]),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b".\r\n", b"..\r\n.\r\n"),
            (b".a\r\n..\r\nb.\r\n", b"..a\r\n...\r\nb.\r\n.\r\n"),
            (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
        ] {
            let mut out = Vec::new();
            stuff(content, &mut out);
            assert_eq!(out, wire);
            let (body, end) = stuffed(content);
            assert_eq!([&body, end].concat(), wire);
        }
        assert!(matches!(stuffed(b"a\r\n.b").0, Cow::Owned(_)));
        assert!(matches!(stuffed(b"a.\r\nb").0, Cow::Borrowed(_)));
    }
}
