// SPDX-License-Identifier: EUPL-1.2
//! The server's half of a session: what a client says, what it is told, and when somebody else must answer.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use memchr::memchr;

use super::Capabilities;
use super::command::{self, MailCommand};
use super::data::{EndOfData, Flaws};
use crate::mail::reply::{self, Row};
use crate::mail::{Client, Envelope, Parameters, Recipient, Reply, ReversePath};

/// Longest command line we read. RFC 5321 §4.5.3.1.4 says 512 octets; extensions lengthen it.
const LINE_LIMIT: usize = 8 * 1024;
/// Input kept while an answer is awaited; beyond it the driver stops reading.
const INPUT_LIMIT: usize = 64 * 1024;
/// More Received fields than this are a loop (RFC 5321 §6.3, decision D6).
const MOST_RECEIVED: usize = 50;
/// RFC 5321 §4.5.3.2.7: a server waits at least five minutes for a command.
const COMMAND_PATIENCE: Duration = Duration::from_secs(300);
/// RFC 5321 §4.5.3.2.5: three minutes for a block of data.
const DATA_PATIENCE: Duration = Duration::from_secs(180);

/// What to do with a CR or LF that ends no line (decision D5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BareNewline {
    Refuse,
    Pass,
}

/// What holds for every session of a listener.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Our name in greeting and EHLO.
    pub hostname: String,
    /// Largest message, in bytes.
    pub max_size: u64,
    pub max_recipients: usize,
    /// Client mistakes after which the session is closed.
    pub max_errors: u32,
    pub bare_newline: BareNewline,
    /// Nothing but STARTTLS is served in clear.
    pub require_tls: bool,
}

/// What the driver must do.
#[derive(Debug)]
pub enum Event {
    /// Lines the next hop must answer: all that were pipelined so far. Answer with [`Session::answer_offer`].
    Offer(Offer),
    /// A whole message. Answer with [`Session::answer_mail`].
    Mail(Box<Finished>),
    /// The transaction ended without content: the next hop's must be reset.
    Reset,
    /// Write the output, then negotiate TLS, then call [`Session::tls_started`].
    StartTls,
    /// Write the output, then close.
    Close,
}

/// MAIL and RCPT lines, in order.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    pub mail: Option<MailCommand>,
    pub recipients: Vec<Recipient>,
    /// XFORWARD attributes that go with the transaction, values in xtext.
    pub xforward: Vec<(String, String)>,
}

/// A message and its envelope; only recipients that the next hop accepted.
#[derive(Debug)]
pub struct Finished {
    pub envelope: Envelope,
    pub content: Bytes,
    pub client: Client,
}

#[derive(Debug)]
enum State {
    /// Reading commands. `Some`: a transaction is open.
    Commands(Option<Envelope>),
    /// The offer is with the next hop.
    Offered {
        envelope: Option<Envelope>,
        mail: Option<MailCommand>,
        slots: Vec<Slot>,
    },
    /// Reading content.
    Data {
        envelope: Envelope,
        reader: EndOfData,
        content: Vec<u8>,
    },
    /// The message is being judged.
    Judged,
    /// TLS is being negotiated.
    Tls,
    Closed,
}

/// One line of a pipelined batch: the next hop's to answer, or already answered by us.
#[derive(Debug)]
enum Slot {
    Mail,
    Recipient(Recipient),
    Ours(Reply),
}

/// When a command is allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum At {
    Any,
    /// After HELO or EHLO.
    Greeted,
}

struct Verb {
    name: &'static str,
    at: At,
    /// Where it is specified.
    _section: &'static str,
    run: fn(&mut Session, &str),
}

const fn verb(name: &'static str, at: At, section: &'static str, run: fn(&mut Session, &str)) -> Verb {
    Verb { name, at, _section: section, run }
}

/// Every command we know.
static VERBS: [Verb; 14] = [
    verb("RCPT", At::Greeted, "RFC 5321 §4.1.1.3", Session::rcpt),
    verb("MAIL", At::Greeted, "RFC 5321 §4.1.1.2", Session::mail),
    verb("DATA", At::Greeted, "RFC 5321 §4.1.1.4", Session::data),
    verb("EHLO", At::Any, "RFC 5321 §4.1.1.1", Session::ehlo),
    verb("HELO", At::Any, "RFC 5321 §4.1.1.1", Session::helo),
    verb("RSET", At::Any, "RFC 5321 §4.1.1.5", Session::rset),
    verb("NOOP", At::Any, "RFC 5321 §4.1.1.9", |s, _| s.say(reply::OK)),
    verb("QUIT", At::Any, "RFC 5321 §4.1.1.10", Session::quit),
    verb("VRFY", At::Any, "RFC 5321 §4.1.1.6", |s, _| s.say(reply::CANNOT_VERIFY)),
    verb("EXPN", At::Any, "RFC 5321 §4.1.1.7", |s, _| s.say(reply::NOT_IMPLEMENTED)),
    verb("HELP", At::Any, "RFC 5321 §4.1.1.8", |s, _| s.say(reply::HELP)),
    verb("STARTTLS", At::Any, "RFC 3207 §4", Session::start_tls),
    verb("XFORWARD", At::Greeted, "Postfix XFORWARD_README", Session::xforward),
    verb("BDAT", At::Greeted, "RFC 3030 §2", |s, _| s.say(reply::NOT_IMPLEMENTED)),
];

/// One client's session, as a value.
#[derive(Debug)]
pub struct Session {
    settings: Arc<Settings>,
    /// What our EHLO says.
    offered: Capabilities,
    starttls: bool,
    may_xforward: bool,
    next_hop_wants_xforward: bool,
    client: Client,
    extended: bool,
    attributes: Vec<(String, String)>,
    state: State,
    /// The batch being gathered; sent as one offer once no more RCPT waits in the input.
    slots: Vec<Slot>,
    batch_mail: Option<MailCommand>,
    input: Vec<u8>,
    used: usize,
    skipping_line: bool,
    events: VecDeque<Event>,
    output: Vec<u8>,
    errors: u32,
}

impl Session {
    /// A new session; the greeting is in the output. We offer what both we and the next hop can do.
    pub fn new(
        settings: Arc<Settings>,
        next_hop: &Capabilities,
        starttls: bool,
        may_xforward: bool,
        client: Client,
    ) -> Session {
        let limit = match next_hop.size {
            Some(Some(limit)) => limit.min(settings.max_size),
            _ => settings.max_size,
        };
        let offered = Capabilities {
            pipelining: true,
            size: Some(Some(limit)),
            eight_bit_mime: next_hop.eight_bit_mime,
            dsn: next_hop.dsn,
            enhanced_status_codes: true,
            ..Capabilities::default()
        };
        let mut output = Vec::with_capacity(1024);
        reply::GREETING.with(format_args!("{} {}", settings.hostname, reply::GREETING.text)).write(&mut output);
        Session {
            settings,
            offered,
            starttls,
            may_xforward,
            next_hop_wants_xforward: !next_hop.xforward.is_empty(),
            client,
            extended: false,
            attributes: Vec::new(),
            state: State::Commands(None),
            slots: Vec::new(),
            batch_mail: None,
            input: Vec::new(),
            used: 0,
            skipping_line: false,
            events: VecDeque::new(),
            output,
            errors: 0,
        }
    }

    /// What our EHLO promised in the next hop's name.
    pub fn promised(&self) -> Capabilities {
        let mut promised = self.offered.clone();
        // A limit of our own is no promise of the next hop's.
        promised.size = None;
        promised
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Replies ready to go, for one write; the driver clears it.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Bytes of content and input held, for the memory budget.
    pub fn buffered(&self) -> usize {
        let content = match &self.state {
            State::Data { content, .. } => content.len(),
            _ => 0,
        };
        content + self.input.len() - self.used
    }

    /// Whether more input is welcome now.
    pub fn wants_input(&self) -> bool {
        self.input.len() - self.used < INPUT_LIMIT
    }

    /// How long the driver waits for input in this phase (RFC 5321 §4.5.3.2).
    pub fn patience(&self) -> Duration {
        if matches!(self.state, State::Data { .. }) { DATA_PATIENCE } else { COMMAND_PATIENCE }
    }

    /// Whether no transaction is open: the moment to close when the gateway drains.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Commands(None)) && self.slots.is_empty() && self.events.is_empty()
    }

    pub fn receive(&mut self, bytes: &[u8]) {
        let mut bytes = bytes;
        // The common path of large content: straight into the message, no second copy.
        if self.used == self.input.len()
            && let State::Data { reader, content, .. } = &mut self.state
        {
            let (used, end) = reader.feed(bytes, content);
            bytes = &bytes[used..];
            if let Some(flaws) = end {
                self.end_of_data(flaws);
            }
        }
        if self.used == self.input.len() {
            self.input.clear();
            self.used = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    /// The next thing to do; `None` when more input or an answer is needed.
    pub fn next_event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match &mut self.state {
                State::Commands(_) => {
                    if !self.next_line() {
                        self.send_batch();
                        return self.events.pop_front();
                    }
                }
                State::Data { reader, content, .. } => {
                    let (used, end) = reader.feed(&self.input[self.used..], content);
                    self.used += used;
                    self.end_of_data(end?);
                }
                State::Offered { .. } | State::Judged | State::Tls | State::Closed => return None,
            }
        }
    }

    /// The next hop's answers to an offer, one for each of its lines.
    pub fn answer_offer(&mut self, replies: Vec<Reply>) {
        let State::Offered { mut envelope, mut mail, slots } =
            std::mem::replace(&mut self.state, State::Commands(None))
        else {
            return;
        };
        let mut replies = replies.into_iter();
        let mut closing = false;
        for slot in slots {
            let (answer, recipient) = match slot {
                Slot::Ours(reply) => (Some(reply), None),
                Slot::Mail => (replies.next(), None),
                Slot::Recipient(recipient) => (replies.next(), Some(recipient)),
            };
            let answer = answer.unwrap_or_else(|| reply::OUR_FAULT.reply());
            closing |= answer.code == 421;
            if let Some(recipient) = recipient {
                match &mut envelope {
                    Some(envelope) if answer.is_positive() => envelope.recipients.push(recipient),
                    _ => {}
                }
            } else if answer.is_positive()
                && let Some(mail) = mail.take()
            {
                envelope = Some(Envelope {
                    reverse_path: mail.path,
                    parameters: mail.parameters,
                    verbatim: mail.verbatim,
                    recipients: Vec::new(),
                });
            }
            answer.write(&mut self.output);
        }
        self.state = State::Commands(envelope);
        // RFC 5321 §3.8: after 421 the connection is closed.
        if closing {
            self.close();
        }
    }

    /// The answer to the final dot.
    pub fn answer_mail(&mut self, reply: Reply) {
        if matches!(self.state, State::Judged) {
            reply.write(&mut self.output);
            self.state = State::Commands(None);
            if reply.code == 421 {
                self.close();
            }
        }
    }

    /// RFC 3207 §4.2: all that was learned in clear is forgotten.
    pub fn tls_started(&mut self) {
        self.client.tls = true;
        self.client.helo.clear();
        self.extended = false;
        self.attributes.clear();
        self.state = State::Commands(None);
    }

    /// Says this and closes, whatever the state.
    pub fn close_with(&mut self, reply: Reply) {
        if !matches!(self.state, State::Closed) {
            reply.write(&mut self.output);
            self.close();
        }
    }

    fn close(&mut self) {
        if self.in_transaction() {
            self.events.push_back(Event::Reset);
        }
        self.state = State::Closed;
        self.events.push_back(Event::Close);
    }

    fn in_transaction(&self) -> bool {
        matches!(self.state, State::Commands(Some(_)) | State::Data { .. } | State::Offered { .. })
    }

    /// Takes one command line out of the input and runs it. False when there is no whole line.
    fn next_line(&mut self) -> bool {
        let rest = &self.input[self.used..];
        let Some(length) = memchr(b'\n', rest) else {
            if rest.len() > LINE_LIMIT {
                self.used = self.input.len();
                self.skipping_line = true;
            }
            return false;
        };
        let line = &rest[..length];
        self.used += length + 1;
        if std::mem::take(&mut self.skipping_line) || line.len() > LINE_LIMIT {
            self.say(reply::LINE_TOO_LONG);
            return true;
        }
        // RFC 5321 §2.3.8: only CR LF ends a line.
        let Some(line) = line.strip_suffix(b"\r").filter(|l| memchr(b'\r', l).is_none()) else {
            self.say(reply::BARE_NEWLINE_IN_COMMAND);
            return true;
        };
        match std::str::from_utf8(line).map(str::to_owned) {
            Ok(line) => self.run(&line),
            Err(_) => self.say(reply::SYNTAX),
        }
        true
    }

    fn run(&mut self, line: &str) {
        let (name, argument) = command::split_verb(line);
        let Some(verb) = VERBS.iter().find(|v| v.name.eq_ignore_ascii_case(name)) else {
            return self.say(reply::UNKNOWN_COMMAND);
        };
        let in_clear = self.settings.require_tls && !self.client.tls;
        if in_clear && !matches!(verb.name, "EHLO" | "HELO" | "NOOP" | "QUIT" | "STARTTLS" | "RSET") {
            return self.say(reply::TLS_FIRST);
        }
        if verb.at == At::Greeted && self.client.helo.is_empty() {
            return self.say(reply::HELLO_FIRST);
        }
        // A batch ends at any command but RCPT: what follows waits for the next hop's answers.
        if verb.name != "RCPT" && !self.slots.is_empty() {
            self.used -= line.len() + 2;
            return self.send_batch();
        }
        (verb.run)(self, argument);
    }

    /// Says a row of the table, behind whatever the batch still waits for.
    fn say(&mut self, row: Row) {
        if row.code >= 500 {
            self.errors += 1;
        }
        if self.errors > self.settings.max_errors {
            self.slots.clear();
            return self.close_with(reply::TOO_MANY_ERRORS.reply());
        }
        if self.slots.is_empty() {
            row.reply().write(&mut self.output);
        } else {
            self.slots.push(Slot::Ours(row.reply()));
        }
    }

    fn send_batch(&mut self) {
        if self.slots.is_empty() {
            return;
        }
        let slots = std::mem::take(&mut self.slots);
        let State::Commands(envelope) = &mut self.state else { return };
        let envelope = envelope.take();
        let mail = self.batch_mail.take();
        let recipients = slots.iter().filter_map(|slot| match slot {
            Slot::Recipient(recipient) => Some(recipient.clone()),
            _ => None,
        });
        let xforward = if mail.is_some() { self.transaction_attributes() } else { Vec::new() };
        let offer = Offer { mail: mail.clone(), recipients: recipients.collect(), xforward };
        self.state = State::Offered { envelope, mail, slots };
        self.events.push_back(Event::Offer(offer));
    }

    /// What the next hop learns of the client: what a trusted MTA told us, else what we see ourselves.
    fn transaction_attributes(&mut self) -> Vec<(String, String)> {
        if !self.next_hop_wants_xforward {
            return Vec::new();
        }
        if !self.attributes.is_empty() {
            return self.attributes.clone();
        }
        let mut all = vec![("HELO".to_owned(), self.client.helo.clone()), ("PROTO".to_owned(), "ESMTP".to_owned())];
        if let Some(address) = self.client.address {
            let prefix = if address.is_ipv6() { "IPV6:" } else { "" };
            all.push(("ADDR".to_owned(), format!("{prefix}{address}")));
        }
        all
    }

    fn hello(&mut self, name: &str) -> bool {
        // Addresses and names only: the text goes into logs and to the next hop.
        let sound = !name.is_empty()
            && name.len() <= 255
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_:[]".contains(&b));
        if !sound {
            self.say(reply::SYNTAX);
            return false;
        }
        self.rset_silently();
        self.client.helo = name.to_owned();
        true
    }

    fn helo(&mut self, argument: &str) {
        if self.hello(argument) {
            self.extended = false;
            let hostname = self.settings.hostname.clone();
            Reply { code: 250, lines: vec![hostname] }.write(&mut self.output);
        }
    }

    fn ehlo(&mut self, argument: &str) {
        if !self.hello(argument) {
            return;
        }
        self.extended = true;
        let mut lines = vec![self.settings.hostname.clone(), "PIPELINING".into()];
        if let Some(Some(limit)) = self.offered.size {
            lines.push(format!("SIZE {limit}"));
        }
        lines.push("ENHANCEDSTATUSCODES".into());
        if self.offered.eight_bit_mime {
            lines.push("8BITMIME".into());
        }
        if self.offered.dsn {
            lines.push("DSN".into());
        }
        if self.starttls && !self.client.tls {
            lines.push("STARTTLS".into());
        }
        if self.may_xforward {
            lines.push("XFORWARD NAME ADDR PORT PROTO HELO SOURCE IDENT".into());
        }
        Reply { code: 250, lines }.write(&mut self.output);
    }

    fn mail(&mut self, argument: &str) {
        if matches!(self.state, State::Commands(Some(_))) {
            return self.say(reply::NESTED_MAIL);
        }
        let none = Capabilities::default();
        match command::mail(argument, if self.extended { &self.offered } else { &none }) {
            Ok(command) => {
                self.batch_mail = Some(command);
                self.slots.push(Slot::Mail);
            }
            Err(row) => self.say(row),
        }
    }

    fn rcpt(&mut self, argument: &str) {
        let State::Commands(envelope) = &self.state else { return };
        let accepted = envelope.as_ref().map(|e| e.recipients.len());
        if accepted.is_none() && self.batch_mail.is_none() {
            return self.say(reply::MAIL_FIRST);
        }
        let offered = self.slots.iter().filter(|slot| matches!(slot, Slot::Recipient(_))).count();
        if accepted.unwrap_or(0) + offered >= self.settings.max_recipients {
            return self.say(reply::TOO_MANY_RECIPIENTS);
        }
        let none = Capabilities::default();
        match command::rcpt(argument, if self.extended { &self.offered } else { &none }) {
            Ok(recipient) => self.slots.push(Slot::Recipient(recipient)),
            Err(row) => self.say(row),
        }
    }

    fn data(&mut self, argument: &str) {
        if !argument.is_empty() {
            return self.say(reply::SYNTAX);
        }
        let State::Commands(transaction) = &mut self.state else { return };
        let Some(envelope) = transaction.take_if(|e| !e.recipients.is_empty()) else {
            let row = if transaction.is_some() { reply::NO_RECIPIENTS } else { reply::MAIL_FIRST };
            return self.say(row);
        };
        let limit = usize::try_from(self.offered.size.flatten().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        // SIZE is the client's claim: it sizes the first allocation and nothing else.
        let claimed = envelope.parameters.get("SIZE").and_then(|s| s.parse::<usize>().ok()).unwrap_or(8192);
        let content = Vec::with_capacity(claimed.min(limit).min(1 << 20));
        self.state = State::Data { envelope, reader: EndOfData::new(limit), content };
        reply::GO_AHEAD.reply().write(&mut self.output);
    }

    fn end_of_data(&mut self, flaws: Flaws) {
        let State::Data { envelope, content, .. } = std::mem::replace(&mut self.state, State::Commands(None)) else {
            return;
        };
        let bare = flaws.bare_newline && self.settings.bare_newline == BareNewline::Refuse;
        let refusal = if flaws.too_big {
            Some(reply::TOO_BIG)
        } else if flaws.beside_dot || bare {
            Some(reply::BARE_NEWLINE)
        } else if received_fields(&content) > MOST_RECEIVED {
            Some(reply::LOOP)
        } else {
            None
        };
        if let Some(row) = refusal {
            self.say(row);
            self.events.push_front(Event::Reset);
            return;
        }
        self.state = State::Judged;
        let finished = Finished { envelope, content: Bytes::from(content), client: self.client.clone() };
        self.attributes.clear();
        self.client.queue_id = None;
        self.events.push_back(Event::Mail(Box::new(finished)));
    }

    fn rset(&mut self, _: &str) {
        self.rset_silently();
        self.say(reply::OK);
    }

    fn rset_silently(&mut self) {
        if let State::Commands(transaction) = &mut self.state
            && transaction.take().is_some()
        {
            self.events.push_back(Event::Reset);
        }
    }

    fn quit(&mut self, _: &str) {
        self.close_with(reply::CLOSING.reply());
    }

    fn start_tls(&mut self, argument: &str) {
        if !argument.is_empty() {
            return self.say(reply::SYNTAX);
        }
        if self.client.tls {
            return self.say(reply::TLS_ALREADY);
        }
        if !self.starttls {
            return self.say(reply::NOT_IMPLEMENTED);
        }
        // Bytes behind STARTTLS were written before TLS: injected, or a client that cannot wait (decision D7).
        if self.used < self.input.len() {
            return self.close();
        }
        self.rset_silently();
        self.state = State::Tls;
        reply::START_TLS.reply().write(&mut self.output);
        self.events.push_back(Event::StartTls);
    }

    fn xforward(&mut self, argument: &str) {
        if !self.may_xforward {
            return self.say(reply::NOT_IMPLEMENTED);
        }
        if matches!(self.state, State::Commands(Some(_))) {
            return self.say(reply::NESTED_MAIL);
        }
        match command::xforward(argument) {
            Ok(attributes) => {
                for (name, value) in attributes {
                    if name == "IDENT" && value != "[UNAVAILABLE]" {
                        self.client.queue_id = Some(command::from_xtext(&value));
                    }
                    self.attributes.retain(|(other, _)| *other != name);
                    self.attributes.push((name, value));
                }
                self.say(reply::OK);
            }
            Err(row) => self.say(row),
        }
    }
}

/// An envelope without content, for the one who must answer for it (tests, `scan`).
pub fn bare_envelope(reverse_path: ReversePath, recipients: Vec<Recipient>) -> Envelope {
    let verbatim = format!("<{reverse_path}>");
    Envelope { reverse_path, parameters: Parameters::default(), verbatim, recipients }
}

/// How many Received fields the header holds.
fn received_fields(content: &[u8]) -> usize {
    let mut count = 0;
    let mut rest = content;
    while !rest.is_empty() && !rest.starts_with(b"\r\n") {
        if rest.len() >= 9 && rest[..9].eq_ignore_ascii_case(b"Received:") {
            count += 1;
        }
        match memchr(b'\n', rest) {
            Some(end) => rest = &rest[end + 1..],
            None => break,
        }
    }
    count
}
