// SPDX-License-Identifier: EUPL-1.2
//! A message while it arrives: envelope, header fields, pieces of the body.

use bytes::Bytes;
use memchr::memchr;

use crate::mail::{Envelope, KEPT_OF_REFUSED, Recipient, Reply, reply};
use crate::smtp::data::{BareNewline, Ending, line_ends};

/// Received lines that make a loop (decision D6).
const MAX_RECEIVED: usize = 50;
/// What a recipient costs beside its texts.
const RECIPIENT_COST: usize = 256;

/// The content, or why it is refused and how it begins.
pub type Read = Result<Bytes, (Reply, Vec<u8>)>;

/// From MAIL to the end of the message.
pub struct Receiving {
    envelope: Envelope,
    /// Recipients as the MTA wrote them; one for each of the envelope's.
    pub recipients: Vec<Box<[u8]>>,
    content: Vec<u8>,
    max_size: u64,
    phase: Phase,
    received: usize,
    /// Why the message will be refused. From then on no more is kept than its beginning.
    refusal: Option<Reply>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Envelope,
    Header,
    Body,
}

impl Receiving {
    pub fn new(envelope: Envelope, max_size: u64) -> Receiving {
        Receiving {
            envelope,
            recipients: Vec::new(),
            content: Vec::new(),
            max_size,
            phase: Phase::Envelope,
            received: 0,
            refusal: None,
        }
    }

    pub fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    /// Whether the content has begun.
    pub fn is_reading(&self) -> bool {
        self.phase != Phase::Envelope
    }

    pub fn add_recipient(&mut self, recipient: Recipient, written: Box<[u8]>) {
        self.envelope.recipients.push(recipient);
        self.recipients.push(written);
    }

    /// The recipient added last was refused.
    pub fn take_back_recipient(&mut self) {
        self.envelope.recipients.pop();
        self.recipients.pop();
    }

    /// The message will be refused: the first reason counts.
    pub fn refuse(&mut self, reply: Reply) {
        self.refusal.get_or_insert(reply);
        self.content.truncate(KEPT_OF_REFUSED);
        self.content.shrink_to_fit();
    }

    /// Octets held.
    pub fn held(&self) -> usize {
        self.content.capacity() + self.recipients.len() * RECIPIENT_COST
    }

    /// One field; false where the header has ended. Folded lines come with LF alone and get the CR that they had.
    pub fn header(&mut self, name: &[u8], value: &[u8], has_space: bool) -> bool {
        if self.phase == Phase::Body {
            return false;
        }
        self.phase = Phase::Header;
        self.received += usize::from(name.eq_ignore_ascii_case(b"received"));
        self.append(&[name, if has_space { b":" } else { b": " }]);
        let mut rest = value;
        while let Some(end) = memchr(b'\n', rest) {
            let line = &rest[..end];
            self.append(&[line.strip_suffix(b"\r").unwrap_or(line), b"\r\n"]);
            rest = &rest[end + 1..];
        }
        self.append(&[rest, b"\r\n"]);
        true
    }

    /// The empty line, once.
    pub fn end_header(&mut self) {
        if self.phase != Phase::Body {
            self.phase = Phase::Body;
            self.append(&[b"\r\n"]);
        }
    }

    pub fn body(&mut self, chunk: &[u8]) {
        self.end_header();
        self.append(&[chunk]);
    }

    fn append(&mut self, pieces: &[&[u8]]) {
        if self.refusal.is_some() {
            return;
        }
        let more: usize = pieces.iter().map(|piece| piece.len()).sum();
        if (self.content.len() + more) as u64 > self.max_size {
            return self.refuse(reply::TOO_BIG.reply());
        }
        for piece in pieces {
            self.content.extend_from_slice(piece);
        }
    }

    /// The end of the message: envelope, recipients as written, and what was read.
    pub fn finish(mut self) -> (Envelope, Vec<Box<[u8]>>, Read) {
        if self.refusal.is_none() && self.envelope.recipients.is_empty() {
            self.refuse(reply::NO_RECIPIENTS.reply());
        }
        if self.refusal.is_none() && self.received > MAX_RECEIVED {
            self.refuse(reply::LOOP.reply());
        }
        if self.refusal.is_none() && !self.content.ends_with(b"\r\n") {
            self.append(&[b"\r\n"]); // a message ends with a line end (decision D5)
        }
        if self.refusal.is_none() && line_ends(&self.content, BareNewline::Refuse) == Ending::BareNewline {
            self.refuse(reply::BARE_NEWLINE.reply());
        }
        let read = match self.refusal {
            Some(reply) => Err((reply, self.content)),
            None => Ok(Bytes::from(self.content)),
        };
        (self.envelope, self.recipients, read)
    }
}
