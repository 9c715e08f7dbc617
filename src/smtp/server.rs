// SPDX-License-Identifier: EUPL-1.2
//! The side towards the client: one session, as a value.
//!
//! The driver gives bytes to [`Session::receive`], drains [`Session::next_event`], answers the events, and writes
//! [`Session::output`]. How the bytes were cut into packets changes only how RCPT lines are grouped.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use crate::mail::reply::{self, Row};
use crate::mail::{Client, Envelope, ForwardPath, Recipient, Refused, Reply, Tls};

use super::Capabilities;
pub use super::data::BareNewline;
use super::data::EndOfData;

mod answers;
mod auth;
mod chunks;
mod envelope;
mod event;
mod lines;
mod offers;
mod peers;
mod transaction;
mod verbs;

pub use event::{Event, Finished, MailCommand, Offer, Peer, SessionSettings, Trust};

/// Input held while an answer is awaited; beyond it the driver stops reading.
const MAX_WAITING: usize = 64 * 1024;
/// Octets of a line without end after which the session is closed; a command line has at most [`MAX_LINE`].
const MAX_ENDLESS: usize = 64 * 1024;
/// Memory an idle session keeps for input to come.
const MAX_IDLE: usize = 8 * 1024;
/// Octets set aside for a message before it comes, at most, whatever SIZE declares.
const MAX_RESERVED: u64 = 256 * 1024;
/// Received lines that make a loop (RFC 5321 §6.3 says at least 100; decision D6 says 50).
const MAX_RECEIVED: usize = 50;

/// One SMTP session, seen from the server.
pub struct Session {
    settings: Arc<SessionSettings>,
    /// What the next hop can do.
    next_hop: Arc<Capabilities>,
    offered: Capabilities,
    client: Client,
    trust: Trust,
    /// Whether this client may send (decision D6): by its network, its certificate, or a login.
    admitted: bool,
    /// Attributes of XFORWARD, until the end of the transaction.
    xforward: Vec<(String, String)>,
    /// Attributes of XCLIENT, for the next hop.
    xclient: Vec<(String, String)>,
    state: State,
    errors: u32,
    /// Octets received and not read; those before `read` are done with.
    input: Vec<u8>,
    read: usize,
    /// Octets already thrown away of a line that is too long.
    endless: usize,
    events: VecDeque<Event>,
    output: Vec<u8>,
    /// The command read last.
    verb: &'static str,
    /// Negative replies, until the driver has taken note of them.
    refused: Vec<Refused>,
}

/// Where the session stands. What a state needs it carries.
enum State {
    /// Neither HELO nor EHLO yet.
    Connected,
    Greeted,
    Transaction(Transaction),
    /// The batch of the transaction lies with the next hop.
    Offered(Transaction),
    Data(Box<Receiving>),
    /// Between two chunks of a message, or inside one.
    Chunks(Box<chunks::Chunks>),
    /// Inside a chunk that nobody wants.
    Discarding(Box<chunks::Discard>),
    /// The message lies with the pipeline.
    Judging,
    /// A line of the AUTH exchange is awaited.
    Authenticating(Box<auth::Exchange>),
    /// A line of the AUTH exchange lies with the next hop.
    AskingLogin(Box<auth::Exchange>),
    StartingTls,
    Closed,
}

/// From MAIL to the end of data.
struct Transaction {
    envelope: Envelope,
    /// Replies that are due, in order, for the lines since the last offer.
    due: Vec<Due>,
    /// The recipients of those lines.
    batch: Vec<Recipient>,
}

/// Who answers one line of a batch.
enum Due {
    Mail,
    Recipient,
    /// We, about these recipients.
    Ours(Row, Vec<ForwardPath>),
}

struct Receiving {
    envelope: Envelope,
    reader: EndOfData,
    content: Vec<u8>,
    /// How it began to come, whatever becomes of it.
    beginning: Vec<u8>,
}

impl Session {
    /// A session whose greeting is ready in the output. `next_hop`: what it can do; we offer what both can.
    pub fn new(settings: Arc<SessionSettings>, next_hop: Arc<Capabilities>, peer: Peer) -> Session {
        let offered = offers::offered(&settings, &next_hop, &peer.client, peer.starttls);
        let mut output = Vec::with_capacity(512);
        greet(&settings, &mut output);
        Session {
            settings,
            next_hop,
            offered,
            client: peer.client,
            trust: peer.trust,
            admitted: peer.admitted,
            xforward: Vec::new(),
            xclient: Vec::new(),
            state: State::Connected,
            errors: 0,
            input: Vec::new(),
            read: 0,
            endless: 0,
            events: VecDeque::new(),
            output,
            verb: "connect",
            refused: Vec::new(),
        }
    }

    /// Takes what the client sent. Drain [`Session::next_event`] afterwards.
    pub fn receive(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        match self.state {
            State::Closed => return,
            // Decision D7: what comes between STARTTLS and TLS was injected by somebody.
            State::StartingTls => return self.close(),
            // Straight into the message, without a stay in the input.
            _ if self.read == self.input.len() && self.takes_content() => {
                bytes = &bytes[self.receive_content(bytes)..];
            }
            _ => {}
        }
        // What is left is part of a line, or waits for an answer; what is done with must not pile up before it.
        self.input.drain(..self.read);
        self.read = 0;
        self.input.extend_from_slice(bytes);
    }

    /// What the driver has to do next; none where an answer or more input is awaited.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.state {
                State::Offered(_) | State::Judging | State::AskingLogin(_) | State::StartingTls | State::Closed => {
                    return None;
                }
                _ if !self.takes_content() => {
                    if !self.read_line() && !self.offer() {
                        return None;
                    }
                }
                _ if self.read == self.input.len() => return None,
                _ => {
                    let input = mem::take(&mut self.input);
                    self.read += self.receive_content(&input[self.read..]);
                    self.input = input;
                }
            }
        }
    }

    /// Replies ready to go. The driver writes and clears it.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether the driver should read on. It should not while much is waiting already.
    pub fn wants_input(&self) -> bool {
        match self.state {
            State::Closed | State::StartingTls => false,
            _ => self.input.len() - self.read < MAX_WAITING,
        }
    }

    /// TLS is on. RFC 3207 §4.2: everything learned before is forgotten, and EHLO comes again. `certificate`: whom the
    /// client's certificate names, where it showed one that was verified; it may send then (decision D6).
    pub fn tls_started(&mut self, tls: Tls, certificate: Option<String>) {
        if self.is_closed() {
            return;
        }
        self.admitted |= certificate.is_some();
        self.client = Client { address: self.client.address, tls: Some(tls), certificate, ..Client::default() };
        self.xforward.clear();
        self.xclient.clear();
        self.offered = offers::offered(&self.settings, &self.next_hop, &self.client, false);
        self.input.clear();
        self.read = 0;
        self.state = State::Connected;
    }

    /// Says a last word, such as 421, and closes. Answers that still come are ignored.
    pub fn close_with(&mut self, reply: Reply) {
        if !self.is_closed() {
            reply.write(&mut self.output);
            let about = self.parties();
            self.note(about, reply);
            self.close();
        }
    }

    /// How long to wait for the client in the present phase.
    pub fn timeout(&self) -> Duration {
        match self.state {
            // RFC 5321 §4.5.3.2.5: three minutes for a block of data.
            State::Data(_) => self.settings.data_timeout,
            _ if self.takes_content() => self.settings.data_timeout,
            // §4.5.3.2.6: the client waits ten minutes for the answer to its dot.
            State::Judging => Duration::from_secs(10 * 60),
            // §4.5.3.2.7, and §4.5.3.2.2 and 3 for the answers to MAIL and RCPT.
            _ => self.settings.command_timeout,
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What XCLIENT said of the client, for a next hop that listens.
    pub fn xclient(&self) -> &[(String, String)] {
        &self.xclient
    }

    /// What we said in answer to EHLO, or shall say: the promise the next hop has to cover (decision D3).
    pub fn promised(&self) -> &Capabilities {
        &self.offered
    }

    /// Whether no transaction is open and nothing waits: the moment to close when the gateway drains.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Connected | State::Greeted) && self.events.is_empty()
    }

    /// Whether the client is in the middle of something that it has to finish in time: a line, or a message.
    pub fn is_mid_line(&self) -> bool {
        self.read < self.input.len() || self.endless > 0
    }

    /// Whether a content is coming, kept or not; between two chunks it still is.
    pub fn is_in_content(&self) -> bool {
        matches!(self.state, State::Data(_) | State::Chunks(_) | State::Discarding(_))
    }

    /// Whether credentials may be among the octets that come (decision D7): the driver wipes its own buffer then.
    pub fn may_hear_secrets(&self) -> bool {
        !self.offered.auth.is_empty() && self.client.login.is_none()
    }

    /// Octets of content and input held, for the memory budget.
    pub fn buffered(&self) -> usize {
        let content = match &self.state {
            State::Data(receiving) => receiving.content.len() + receiving.beginning.len(),
            State::Chunks(chunks) => chunks.buffered(),
            _ => 0,
        };
        // Finished, and not yet taken by the driver.
        let finished = self.events.iter().map(|event| match event {
            Event::Mail(finished) => finished.content.len(),
            _ => 0,
        });
        content + finished.sum::<usize>() + self.input.len() - self.read
    }

    /// Whether the next octets are not command lines.
    fn takes_content(&self) -> bool {
        match &self.state {
            State::Data(_) | State::Discarding(_) => true,
            State::Chunks(chunks) => chunks.is_inside(),
            _ => false,
        }
    }

    fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    fn close(&mut self) {
        if self.is_closed() {
            return;
        }
        self.end_transaction();
        self.state = State::Closed;
        self.input = Vec::new();
        self.read = 0;
        // What nobody has taken yet was refused by the last word.
        self.events.retain(|event| !matches!(event, Event::Mail(_)));
        self.events.push_back(Event::Close);
    }
}

/// RFC 5321 §3.1: the first words of a session, and of one that XCLIENT began again.
fn greet(settings: &SessionSettings, output: &mut Vec<u8>) {
    reply::GREETING.with(format_args!("{} {}", settings.hostname, reply::GREETING.text)).write(output);
}
