// SPDX-License-Identifier: EUPL-1.2
//! A transaction, from its first line to its last byte.

use std::mem;

use bytes::Bytes;
use memchr::memchr;

use crate::mail::{Envelope, KEPT_OF_REFUSED, Parties, complete_login, reply};
use crate::smtp::data::{DataProgress, Ending};
use crate::smtp::received;

use super::{Due, Event, Finished, MAX_RECEIVED, MailCommand, Offer, Receiving, Session, State};

impl Session {
    pub(super) fn has_batch(&self) -> bool {
        matches!(&self.state, State::Transaction(transaction) if !transaction.due.is_empty())
    }

    /// Hands the lines gathered so far to the driver; false if there are none.
    pub(super) fn offer(&mut self) -> bool {
        if !self.has_batch() {
            return false;
        }
        let State::Transaction(transaction) = mem::replace(&mut self.state, State::Closed) else {
            return false;
        };
        let envelope = &transaction.envelope;
        let is_new = transaction.due.iter().any(|due| matches!(due, Due::Mail));
        self.events.push_back(Event::Offer(Offer {
            mail: is_new.then(|| MailCommand {
                path: envelope.reverse_path.clone(),
                parameters: envelope.parameters.clone(),
                verbatim: envelope.verbatim.clone(),
            }),
            recipients: transaction.batch.clone(),
            xforward: self.xforward.clone(),
            xclient: self.xclient.clone(),
        }));
        self.state = State::Offered(transaction);
        true
    }

    /// Forgets the transaction, if there is one, and has the next hop forget it.
    pub(super) fn end_transaction(&mut self) {
        if matches!(self.state, State::Transaction(_) | State::Data(_) | State::Chunks(_)) {
            self.state = State::Greeted;
            self.events.push_back(Event::Reset);
        }
        self.forget_xforward();
    }

    /// What XFORWARD said holds for one transaction (Postfix XFORWARD_README).
    pub(super) fn forget_xforward(&mut self) {
        self.xforward.clear();
        self.client.queue_id = None;
    }

    /// Takes content; returns the octets consumed.
    pub(super) fn receive_content(&mut self, bytes: &[u8]) -> usize {
        let State::Data(receiving) = &mut self.state else { return self.receive_chunk(bytes) };
        let (used, progress) = receiving.reader.feed(bytes, &mut receiving.content);
        let room = KEPT_OF_REFUSED.saturating_sub(receiving.beginning.len()).min(used);
        receiving.beginning.extend_from_slice(&bytes[..room]);
        if let DataProgress::End(ending) = progress
            && let State::Data(receiving) = mem::replace(&mut self.state, State::Greeted)
        {
            let Receiving { envelope, content, beginning, .. } = *receiving;
            self.end_of_data(envelope, content, Some(&beginning), ending);
        }
        used
    }

    /// The last octet of a message is there: it goes to the driver, or is refused and the next hop forgets it.
    /// `beginning`: how it began, where the content may have been forgotten already.
    pub(super) fn end_of_data(
        &mut self,
        envelope: Envelope,
        content: Vec<u8>,
        beginning: Option<&[u8]>,
        ending: Ending,
    ) {
        let refusal = match ending {
            Ending::TooBig => Some(reply::TOO_BIG),
            Ending::BareNewline => Some(reply::BARE_NEWLINE),
            Ending::Whole { .. } if received_lines(&content) > MAX_RECEIVED => Some(reply::LOOP),
            Ending::Whole { .. } => None,
        };
        if let Some(row) = refusal {
            self.state = State::Greeted;
            self.events.push_back(Event::Reset);
            self.say_about(row, Parties::of(&envelope, beginning.or(Some(&content))));
            return self.forget_xforward();
        }
        let mut client = self.client.clone();
        // What the session has seen proven goes before what its peer says of another one.
        if self.trust.received && client.login.is_none() && client.certificate.is_none() {
            let named = received::authenticated_sender(&content);
            client.login = named.map(|login| complete_login(login, self.settings.login_domain.as_ref()));
        }
        self.state = State::Judging;
        self.events.push_back(Event::Mail(Box::new(Finished {
            envelope,
            content: Bytes::from(content),
            client,
            xforward: mem::take(&mut self.xforward),
            bare_newline: matches!(ending, Ending::Whole { bare_newline: true }),
        })));
        self.forget_xforward();
    }
}

/// How many Received lines the header holds (RFC 5321 §6.3).
fn received_lines(content: &[u8]) -> usize {
    let (mut at, mut count) = (0, 0);
    while let Some(length) = memchr(b'\n', &content[at..]) {
        let line = &content[at..at + length];
        if line.is_empty() || line == b"\r" {
            break;
        }
        count += usize::from(line.get(..9).is_some_and(|name| name.eq_ignore_ascii_case(b"received:")));
        at += length + 1;
    }
    count
}
