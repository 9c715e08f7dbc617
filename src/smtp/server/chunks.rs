// SPDX-License-Identifier: EUPL-1.2
//! BDAT (RFC 3030): a message in chunks that announce their length. The bytes of a chunk are never commands: octroi
//! reads a refused chunk to its end, drops it, and only then answers (§2).

use std::mem;

use crate::mail::reply::{self, Row};
use crate::mail::{Envelope, Parties};
use crate::smtp::data;

use super::{MAX_RESERVED, Session, State};

/// A message of which a part has come.
pub(super) struct Chunks {
    envelope: Envelope,
    content: Vec<u8>,
    /// Octets of the present chunk still to come.
    left: u64,
    is_last: bool,
}

impl Chunks {
    pub fn is_inside(&self) -> bool {
        self.left > 0
    }

    pub fn parties(&self) -> Parties {
        Parties::of(&self.envelope, Some(&self.content))
    }

    pub fn buffered(&self) -> usize {
        self.content.len()
    }
}

/// A chunk that nobody wants.
pub(super) struct Discard {
    left: u64,
    /// The reply, once it is over.
    row: Row,
    about: Parties,
    then: State,
}

pub(super) fn bdat(session: &mut Session, arguments: &str) {
    let Some((size, is_last)) = size_and_last(arguments) else {
        session.refuse(reply::SYNTAX);
        // Nobody knows where the next command begins.
        return session.close();
    };
    let state = mem::replace(&mut session.state, State::Greeted);
    if session.settings.require_tls && session.client.tls.is_none() {
        return session.discard(size, reply::TLS_FIRST, state);
    }
    let mut chunks = match state {
        State::Chunks(chunks) => chunks,
        State::Transaction(transaction) if !transaction.envelope.recipients.is_empty() => {
            let content = Vec::with_capacity(size.min(MAX_RESERVED) as usize); // far below usize::MAX
            Box::new(Chunks { envelope: transaction.envelope, content, left: 0, is_last: false })
        }
        State::Transaction(_) => return session.discard(size, reply::NO_RECIPIENTS, state),
        State::Connected => return session.discard(size, reply::HELLO_FIRST, state),
        _ => return session.discard(size, reply::MAIL_FIRST, state),
    };
    // Decision D5: bounded before a single octet is kept.
    if size > session.size_limit().saturating_sub(chunks.content.len() as u64) {
        session.state = State::Chunks(chunks);
        let about = session.parties();
        session.end_transaction();
        return session.discard_about(size, reply::TOO_BIG, about, State::Greeted);
    }
    (chunks.left, chunks.is_last) = (size, is_last);
    session.state = State::Chunks(chunks);
    if size == 0 {
        session.end_chunk();
    }
}

/// RFC 3030 §2: `chunk-size [SP "LAST"]`.
fn size_and_last(arguments: &str) -> Option<(u64, bool)> {
    let (size, last) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let is_number = !size.is_empty() && size.bytes().all(|octet| octet.is_ascii_digit());
    let last = last.trim_start_matches(' ');
    let is_known = last.is_empty() || last.eq_ignore_ascii_case("LAST");
    let size = size.parse().ok().filter(|_| is_number && is_known)?;
    Some((size, !last.is_empty()))
}

impl Session {
    fn discard(&mut self, size: u64, row: Row, then: State) {
        self.discard_about(size, row, Parties::default(), then);
    }

    fn discard_about(&mut self, size: u64, row: Row, about: Parties, then: State) {
        if size == 0 {
            self.state = then;
            return self.say_about(row, about);
        }
        self.state = State::Discarding(Box::new(Discard { left: size, row, about, then }));
    }

    /// Takes octets of a chunk; returns how many.
    pub(super) fn receive_chunk(&mut self, octets: &[u8]) -> usize {
        let left = match &self.state {
            State::Chunks(chunks) => chunks.left,
            State::Discarding(discard) => discard.left,
            _ => 0,
        };
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(octets.len());
        let is_over = taken as u64 == left;
        match mem::replace(&mut self.state, State::Greeted) {
            State::Chunks(mut chunks) => {
                chunks.content.extend_from_slice(&octets[..taken]);
                chunks.left -= taken as u64;
                self.state = State::Chunks(chunks);
                if is_over {
                    self.end_chunk();
                }
            }
            State::Discarding(discard) if is_over => {
                self.state = discard.then;
                self.say_about(discard.row, discard.about);
            }
            State::Discarding(mut discard) => {
                discard.left -= taken as u64;
                self.state = State::Discarding(discard);
            }
            other => self.state = other,
        }
        taken
    }

    fn end_chunk(&mut self) {
        match mem::replace(&mut self.state, State::Greeted) {
            State::Chunks(chunks) if chunks.is_last => {
                let ending = data::line_ends(&chunks.content, self.settings.bare_newline);
                self.end_of_data(chunks.envelope, chunks.content, None, ending);
            }
            other => {
                self.state = other;
                self.say(reply::CHUNK_OK);
            }
        }
    }
}
