// SPDX-License-Identifier: EUPL-1.2
//! The side that faces the client: one session as a value.
//!
//! The driver gives octets to [`Session::receive`], drains [`Session::next_event`], answers what is asked, and
//! writes [`Session::output`]. How the octets were cut into packets changes only how RCPT lines are grouped.

use std::collections::VecDeque;
use std::io::Write;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use memchr::memchr;

use crate::mail::reply::{self, Row};
use crate::mail::{Client, Envelope, Recipient, Reply};

use super::Capabilities;
use super::command::MAX_LINE;
pub use super::data::BareNewline;
use super::data::{EndOfData, Ending, Progress};

mod event;
mod verbs;
mod xforward;

pub use event::{Event, Finished, MailCommand, Offer, Settings};

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
    settings: Arc<Settings>,
    offered: Capabilities,
    client: Client,
    /// Attributes of XFORWARD, until the end of the transaction.
    xforward: Vec<(String, String)>,
    state: State,
    errors: u32,
    /// Octets received and not read; those before `read` are done with.
    input: Vec<u8>,
    read: usize,
    /// Octets already thrown away of a line that is too long.
    endless: usize,
    events: VecDeque<Event>,
    output: Vec<u8>,
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
    /// The message lies with the pipeline.
    Judging,
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
    Ours(Row),
}

struct Receiving {
    envelope: Envelope,
    reader: EndOfData,
    content: Vec<u8>,
}

impl Session {
    /// A session whose greeting is ready in the output.
    ///
    /// `next_hop`: what it can do; we offer what both can. `starttls`: whether we can do TLS inward. `xforward`:
    /// whether this client is trusted to say whom it speaks for.
    pub fn new(
        settings: Arc<Settings>,
        next_hop: &Capabilities,
        starttls: bool,
        xforward: bool,
        client: Client,
    ) -> Session {
        let offered = Capabilities {
            pipelining: next_hop.pipelining,
            size: next_hop.size.map(|limit| Some(limit.map_or(settings.max_size, |l| l.min(settings.max_size)))),
            eight_bit_mime: next_hop.eight_bit_mime,
            smtputf8: next_hop.smtputf8,
            dsn: next_hop.dsn,
            enhanced_status_codes: next_hop.enhanced_status_codes,
            chunking: false,
            starttls: starttls && !client.tls,
            xforward: if xforward { xforward::names() } else { Default::default() },
            auth: String::new(),
        };
        let mut output = Vec::with_capacity(512);
        reply::GREETING.with(format_args!("{} {}", settings.hostname, reply::GREETING.text)).write(&mut output);
        Session {
            settings,
            offered,
            client,
            xforward: Vec::new(),
            state: State::Connected,
            errors: 0,
            input: Vec::new(),
            read: 0,
            endless: 0,
            events: VecDeque::new(),
            output,
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
            State::Data(_) if self.read == self.input.len() => bytes = &bytes[self.receive_content(bytes)..],
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
                State::Offered(_) | State::Judging | State::StartingTls | State::Closed => return None,
                State::Data(_) if self.read == self.input.len() => return None,
                State::Data(_) => {
                    let input = mem::take(&mut self.input);
                    self.read += self.receive_content(&input[self.read..]);
                    self.input = input;
                }
                State::Connected | State::Greeted | State::Transaction(_) => {
                    if !self.read_line() && !self.offer() {
                        return None;
                    }
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

    /// The next hop's replies to the lines of the last offer, in their order. A missing one counts as 451.
    pub fn answer_offer(&mut self, replies: Vec<Reply>) {
        let mut transaction = match mem::replace(&mut self.state, State::Greeted) {
            State::Offered(transaction) => transaction,
            other => {
                self.state = other;
                return self.unasked();
            }
        };
        let mut replies = replies.into_iter();
        let mut recipients = mem::take(&mut transaction.batch).into_iter();
        let mut has_sender = true;
        for due in mem::take(&mut transaction.due) {
            match due {
                Due::Ours(row) => self.say(row),
                Due::Mail => has_sender = self.pass_on(replies.next()),
                // RFC 5321 §4.1.4: without a sender there is no recipient, whatever the next hop made of the line.
                Due::Recipient if !has_sender => self.say(reply::MAIL_FIRST),
                Due::Recipient => {
                    let recipient = recipients.next();
                    if self.pass_on(replies.next()) {
                        transaction.envelope.recipients.extend(recipient);
                    }
                }
            }
            if self.is_closed() {
                return;
            }
        }
        if has_sender {
            self.state = State::Transaction(transaction);
        }
    }

    /// The answer to the final dot of the last [`Event::Mail`].
    pub fn answer_mail(&mut self, reply: Reply) {
        let State::Judging = self.state else {
            return self.unasked();
        };
        self.state = State::Greeted;
        self.pass_on(Some(reply));
    }

    /// TLS is on. RFC 3207 §4.2: everything learned before is forgotten, and EHLO comes again.
    pub fn tls_started(&mut self) {
        if self.is_closed() {
            return;
        }
        self.client = Client { address: self.client.address, tls: true, ..Client::default() };
        self.xforward.clear();
        self.offered.starttls = false;
        self.input.clear();
        self.read = 0;
        self.state = State::Connected;
    }

    /// Says a last word, such as 421, and closes. Answers that still come are ignored.
    pub fn close_with(&mut self, reply: Reply) {
        if !self.is_closed() {
            reply.write(&mut self.output);
            self.close();
        }
    }

    /// How long to wait for the client in the present phase.
    pub fn patience(&self) -> Duration {
        match self.state {
            // RFC 5321 §4.5.3.2.5: three minutes for a block of data.
            State::Data(_) => Duration::from_secs(3 * 60),
            // §4.5.3.2.6: the client waits ten minutes for the answer to its dot.
            State::Judging => Duration::from_secs(10 * 60),
            // §4.5.3.2.7, and §4.5.3.2.2 and 3 for the answers to MAIL and RCPT.
            _ => Duration::from_secs(5 * 60),
        }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// What we said in answer to EHLO, or shall say: the promise the next hop has to cover (decision D3).
    pub fn promised(&self) -> &Capabilities {
        &self.offered
    }

    /// Whether no transaction is open and nothing waits: the moment to close when the gateway drains.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Connected | State::Greeted) && self.events.is_empty()
    }

    /// Octets of content and input held, for the memory budget.
    pub fn buffered(&self) -> usize {
        let content = if let State::Data(receiving) = &self.state { receiving.content.len() } else { 0 };
        content + self.input.len() - self.read
    }

    // Below: reading lines.

    /// Reads one command line and does what it asks. False where none is complete, or where the lines before it
    /// have to be offered first.
    fn read_line(&mut self) -> bool {
        if self.read == self.input.len() && self.input.capacity() > MAX_IDLE {
            self.input = Vec::new();
            self.read = 0;
        }
        let input = mem::take(&mut self.input);
        let has_read = match memchr(b'\n', &input[self.read..]) {
            Some(length) => self.take_line(&input[self.read..self.read + length], input.len()),
            None => {
                self.keep_short(input.len());
                false
            }
        };
        if !self.is_closed() {
            self.input = input;
        }
        has_read
    }

    /// A line, without its LF, of an input of `total` octets.
    fn take_line(&mut self, line: &[u8], total: usize) -> bool {
        let next = self.read + line.len() + 1;
        let length = self.endless + line.len() + 1;
        let command = match line.strip_suffix(b"\r") {
            _ if length > MAX_LINE => Err(reply::LINE_TOO_LONG),
            // RFC 5321 §2.3.8: neither CR nor LF stands alone.
            Some(line) if memchr(b'\r', line).is_none() => text(line),
            _ => Err(reply::BARE_NEWLINE_IN_COMMAND),
        };
        let joins = matches!(command, Ok(text) if verbs::joins_batch(text));
        if self.has_batch() && !joins {
            return false;
        }
        self.read = next;
        self.endless = 0;
        match command {
            Ok(text) => verbs::run(self, text, next < total),
            Err(row) => self.refuse(row),
        }
        if length > MAX_ENDLESS {
            self.close();
        }
        true
    }

    /// Bounds a line whose end has not come: once too long, only its length is kept.
    fn keep_short(&mut self, total: usize) {
        let waiting = total - self.read;
        // A batch that has to go first leaves this line for later; the driver stops reading meanwhile.
        if self.endless + waiting <= MAX_LINE || self.has_batch() {
            return;
        }
        self.endless += waiting;
        self.read = total;
        if self.endless > MAX_ENDLESS {
            self.refuse(reply::LINE_TOO_LONG);
            self.close();
        }
    }

    // Below: transactions.

    fn has_batch(&self) -> bool {
        matches!(&self.state, State::Transaction(transaction) if !transaction.due.is_empty())
    }

    /// Hands the lines gathered so far to the driver; false where there are none.
    fn offer(&mut self) -> bool {
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
        }));
        self.state = State::Offered(transaction);
        true
    }

    /// Forgets the transaction, if there is one, and has the next hop forget it.
    fn end_transaction(&mut self) {
        if matches!(self.state, State::Transaction(_) | State::Data(_)) {
            self.state = State::Greeted;
            self.events.push_back(Event::Reset);
        }
        self.forget_xforward();
    }

    /// What XFORWARD said holds for one transaction (Postfix XFORWARD_README).
    fn forget_xforward(&mut self) {
        self.xforward.clear();
        self.client.queue_id = None;
    }

    /// Takes content; returns the octets consumed.
    fn receive_content(&mut self, bytes: &[u8]) -> usize {
        let State::Data(receiving) = &mut self.state else { return 0 };
        let (used, progress) = receiving.reader.feed(bytes, &mut receiving.content);
        if let Progress::End(ending) = progress {
            self.end_of_data(ending);
        }
        used
    }

    fn end_of_data(&mut self, ending: Ending) {
        let State::Data(receiving) = mem::replace(&mut self.state, State::Judging) else { return };
        let refusal = match ending {
            Ending::TooBig => Some(reply::TOO_BIG),
            Ending::BareNewline => Some(reply::BARE_NEWLINE),
            Ending::Whole { .. } if received_lines(&receiving.content) > MAX_RECEIVED => Some(reply::LOOP),
            Ending::Whole { .. } => None,
        };
        if let Some(row) = refusal {
            self.state = State::Data(receiving);
            self.end_transaction();
            return self.say(row);
        }
        self.events.push_back(Event::Mail(Box::new(Finished {
            envelope: receiving.envelope,
            content: Bytes::from(receiving.content),
            client: self.client.clone(),
            xforward: mem::take(&mut self.xforward),
            bare_newline: matches!(ending, Ending::Whole { bare_newline: true }),
        })));
        self.forget_xforward();
    }

    // Below: replies.

    /// Answers one line with a row of ours, in its turn.
    fn say(&mut self, row: Row) {
        if let State::Transaction(transaction) = &mut self.state
            && !transaction.due.is_empty()
        {
            return transaction.due.push(Due::Ours(row));
        }
        let space = if row.enhanced.is_empty() { "" } else { " " };
        // Writing to a Vec cannot fail.
        let _ = write!(self.output, "{} {}{space}{}\r\n", row.code, row.enhanced, row.text);
        if row.code == 421 {
            self.close();
        }
    }

    /// Refuses one line, which counts as an error of the client.
    fn refuse(&mut self, row: Row) {
        self.errors += 1;
        // RFC 5321 §4.2.4: 421 may come to any command.
        self.say(if self.errors >= self.settings.max_errors { reply::TOO_MANY_ERRORS } else { row });
    }

    /// Passes a reply of the next hop on; true where it is positive. 421 closes this session like the other.
    fn pass_on(&mut self, reply: Option<Reply>) -> bool {
        let reply = reply.unwrap_or_else(|| reply::OUR_FAULT.reply());
        reply.write(&mut self.output);
        if reply.code == 421 {
            self.close();
        }
        (200..300).contains(&reply.code)
    }

    /// An answer nobody waits for: to a session closed meanwhile, else a mistake of the driver, which must not
    /// change what the client is told.
    fn unasked(&self) {
        debug_assert!(self.is_closed(), "an answer without a question");
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
        self.events.push_back(Event::Close);
    }
}

/// A command as text: no control characters, which would go on to the next hop (RFC 5321 §4.1.2, RFC 6531 §3.3).
fn text(line: &[u8]) -> Result<&str, Row> {
    let text = std::str::from_utf8(line).map_err(|_| reply::SYNTAX)?;
    if text.chars().any(char::is_control) { Err(reply::SYNTAX) } else { Ok(text) }
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
