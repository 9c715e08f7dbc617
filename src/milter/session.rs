// SPDX-License-Identifier: EUPL-1.2
//! One connection with an MTA, as a value.
//!
//! The driver gives bytes to [`Session::receive`], drains [`Session::next_event`], answers the events, and writes
//! [`Session::output`]. The result does not depend on how the bytes were cut into packets.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::mail::reply;
use crate::mail::{Client, Domain, Envelope, FinalDomains, Parties, Refused, Reply, ReversePath, complete_login};

use super::command::{self, Command, Texts};
use super::macros::Macros;
use super::negotiate::{Agreement, agree, step};
use super::packet::Reader;
use super::{ProtocolError, edit, response};

mod envelope;
mod receiving;
mod refusing;

use receiving::Receiving;

/// Input held while an answer is awaited; beyond it the driver stops reading.
const MAX_WAITING: usize = 64 * 1024;

/// What all sessions of one listener share.
#[derive(Debug, Clone, Default)]
pub struct SessionSettings {
    /// Octets of one message, at most.
    pub max_size: u64,
    /// Recipients of one transaction, at most.
    pub max_recipients: usize,
    /// Where a local part must hold no route (decision D30).
    pub final_domains: FinalDomains,
    /// Completes a login without a domain (decision D18).
    pub login_domain: Option<Domain>,
}

/// What the driver has to do.
#[derive(Debug)]
pub enum Event {
    /// A transaction begins; answer with [`Session::answer_envelope`].
    Sender(ReversePath),
    /// One recipient more; answer with [`Session::answer_envelope`].
    Recipient,
    /// A complete message; answer with [`Session::answer_mail`].
    Mail(Box<Finished>),
    /// The transaction is over without a message.
    Reset,
    /// Write the output and close. The last event.
    Close(Option<ProtocolError>),
}

/// A message with its envelope.
#[derive(Clone)]
pub struct Finished {
    pub envelope: Envelope,
    pub content: Bytes,
    pub client: Client,
}

// Content is shy: only its size is shown.
impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished")
            .field("envelope", &self.envelope)
            .field("content", &format_args!("{} bytes", self.content.len()))
            .field("client", &self.client)
            .finish()
    }
}

/// What became of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was kept; the client of the MTA gets this 4xx or 5xx.
    Refused(Reply),
    /// Every copy is durable with us: the MTA has nothing left to deliver.
    Kept,
    /// These copies (indices into the envelope's recipients) go on, with other content if there is one; all
    /// others are durable with us.
    Passed { copies: Vec<usize>, content: Option<Bytes> },
}

/// One connection.
pub struct Session {
    settings: Arc<SessionSettings>,
    answers_sender: bool,
    reader: Reader,
    agreement: Option<Agreement>,
    client: Client,
    macros: Macros,
    state: State,
    output: Vec<u8>,
    /// What was refused, until the driver has taken note of it.
    refused: Vec<Refused>,
}

enum State {
    /// Between transactions, and before the first.
    Idle,
    Transaction(Box<Receiving>),
    /// A sender or recipient lies with the driver.
    Asked(Box<Receiving>),
    /// The message lies with the pipeline.
    Judging(Judging),
    Closed,
}

/// What is needed to answer for a message.
struct Judging {
    /// Recipients as the MTA wrote them.
    recipients: Vec<Box<[u8]>>,
    content: Bytes,
}

impl Session {
    /// `answers_sender`: whether the driver may refuse senders: else an MTA that can is spared the turn.
    pub fn new(settings: Arc<SessionSettings>, answers_sender: bool, client: Client) -> Session {
        Session {
            settings,
            answers_sender,
            reader: Reader::default(),
            agreement: None,
            client,
            macros: Macros::default(),
            state: State::Idle,
            output: Vec::new(),
            refused: Vec::new(),
        }
    }

    /// Takes what the MTA sent. Drain [`Session::next_event`] afterwards.
    pub fn receive(&mut self, bytes: &[u8]) {
        if !matches!(self.state, State::Closed) {
            self.reader.receive(bytes);
        }
    }

    /// What the driver has to do next; none where an answer or more input is awaited.
    pub fn next_event(&mut self) -> Option<Event> {
        while let State::Idle | State::Transaction(_) = self.state {
            let mut reader = mem::take(&mut self.reader);
            let step = match reader.next(self.agreement.is_none()) {
                Ok(None) => Ok(Step::Starved),
                Ok(Some(packet)) => {
                    command::read(packet.command, reader.data(packet)).and_then(|c| self.obey(packet.command, c))
                }
                Err(fault) => Err(fault),
            };
            self.reader = mem::take(&mut reader);
            match step {
                Ok(Step::On) => {}
                Ok(Step::Starved) => return None,
                Ok(Step::Event(event)) => return Some(event),
                Err(fault) => return Some(self.close(Some(fault))),
            }
        }
        None
    }

    /// Packets ready to go. The driver writes and clears it.
    pub fn output(&mut self) -> &mut Vec<u8> {
        &mut self.output
    }

    /// Whether the driver should read on.
    pub fn wants_input(&self) -> bool {
        match self.state {
            State::Closed => false,
            State::Judging(_) | State::Asked(_) => self.reader.len() < MAX_WAITING,
            State::Idle | State::Transaction(_) => true,
        }
    }

    /// The answer to [`Event::Sender`] or [`Event::Recipient`]: a reply that refuses, or none. Where the MTA takes no
    /// answer to a sender the refusal is given at the end of the message.
    pub fn answer_envelope(&mut self, refusal: Option<Reply>) {
        let State::Asked(mut receiving) = mem::replace(&mut self.state, State::Idle) else {
            debug_assert!(matches!(self.state, State::Closed), "an answer without a question");
            self.state = State::Closed;
            return;
        };
        let is_sender = receiving.recipients.is_empty();
        match refusal {
            None if is_sender => self.go_on_unless(step::NO_REPLY_MAIL),
            None => response::go_on(&mut self.output),
            Some(reply) if is_sender && self.has(step::NO_REPLY_MAIL) => receiving.refuse(reply),
            Some(reply) => {
                let command = if is_sender { "MAIL" } else { "RCPT" };
                let last = receiving.envelope().recipients.last();
                let recipients = last.map(|recipient| recipient.path.clone()).into_iter().collect();
                let sender = Some(receiving.envelope().reverse_path.clone());
                self.refuse(command, Parties::new(sender, recipients), reply);
                if is_sender {
                    self.macros.end_transaction();
                    return; // no transaction has begun
                }
                receiving.take_back_recipient();
            }
        }
        self.state = State::Transaction(receiving);
    }

    /// The answer to [`Event::Mail`].
    pub fn answer_mail(&mut self, ending: &Ending) {
        let State::Judging(judging) = mem::replace(&mut self.state, State::Idle) else {
            debug_assert!(matches!(self.state, State::Closed), "an answer without a question");
            self.state = State::Closed;
            return;
        };
        self.macros.end_transaction();
        match ending {
            Ending::Refused(reply) => response::refuse(&mut self.output, reply),
            Ending::Kept => response::discard(&mut self.output),
            Ending::Passed { copies, content } => self.pass(&judging, copies, content.as_ref()),
        }
    }

    fn pass(&mut self, judging: &Judging, copies: &[usize], content: Option<&Bytes>) {
        let stays = |recipient: &[u8]| {
            copies.iter().filter_map(|index| judging.recipients.get(*index)).any(|other| **other == *recipient)
        };
        let (passed, kept): (Vec<_>, Vec<_>) = judging.recipients.iter().partition(|recipient| stays(recipient));
        if passed.is_empty() {
            // Decision D9: never an envelope without recipients.
            return response::discard(&mut self.output);
        }
        for recipient in kept {
            response::delete_recipient(&mut self.output, recipient);
        }
        if let Some(content) = content {
            let changes = edit::changes(&judging.content, content, self.has(step::LEADING_SPACE));
            for edit in &changes.header {
                response::edit(&mut self.output, edit);
            }
            if let Some(body) = changes.body {
                response::replace_body(&mut self.output, body);
            }
        }
        response::go_on(&mut self.output);
    }

    /// Tells the MTA that we are still at work on its message.
    pub fn progress(&mut self) {
        if matches!(self.state, State::Judging(_)) {
            response::progress(&mut self.output);
        }
    }

    /// There is no memory for the incoming message: it is dropped, and refused for now at its end.
    pub fn overflow(&mut self) {
        if let State::Transaction(receiving) = &mut self.state {
            receiving.refuse(reply::NO_MEMORY.reply());
        }
    }

    /// Whether no transaction is open: the moment to close when the gateway drains.
    pub fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Whether a content is coming, kept or not.
    pub fn is_in_content(&self) -> bool {
        matches!(&self.state, State::Transaction(receiving) if receiving.is_reading())
    }

    /// Octets of content and input held, for the memory budget.
    pub fn buffered(&self) -> usize {
        let held = match &self.state {
            State::Transaction(receiving) | State::Asked(receiving) => receiving.held(),
            State::Judging(judging) => judging.content.len(),
            State::Idle | State::Closed => 0,
        };
        held + self.reader.len()
    }

    /// How long to wait for the MTA.
    pub fn timeout(&self) -> Duration {
        if self.reader.len() > 0 {
            return Duration::from_secs(5 * 60); // inside a packet, which an MTA writes in one piece
        }
        // libmilter's own (`MI_TIMEOUT`): an MTA keeps the connection as long as its client stays.
        Duration::from_secs(7210)
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    // Below: commands.

    fn obey(&mut self, letter: u8, command: Command<'_>) -> Result<Step, ProtocolError> {
        match command {
            Command::Negotiate { version, actions, steps } if self.agreement.is_none() => {
                let agreement = agree(version, actions, steps, self.answers_sender)?;
                agreement.write(&mut self.output);
                self.agreement = Some(agreement);
                Ok(Step::On)
            }
            Command::Quit => Ok(Step::Event(self.close(None))),
            _ if self.agreement.is_none() => Err(ProtocolError::WrongOrder(letter)),
            Command::Negotiate { .. } => Err(ProtocolError::WrongOrder(letter)),
            Command::Macros { of, pairs } => {
                self.macros.take(of, pairs);
                Ok(Step::On)
            }
            Command::Abort => Ok(self.reset()),
            Command::NextClient => {
                let step = self.reset();
                self.macros.clear();
                self.client = Client::default();
                Ok(step)
            }
            Command::UnknownSmtp => self.silently(step::NO_REPLY_UNKNOWN),
            Command::Connect { address } => {
                self.in_idle(letter)?;
                self.client = Client { address, ..Client::default() };
                self.silently(step::NO_REPLY_CONNECT)
            }
            Command::Helo { name } => {
                self.in_idle(letter)?;
                self.client.helo = String::from_utf8_lossy(name).into_owned();
                self.silently(step::NO_REPLY_HELO)
            }
            Command::Mail { arguments } => {
                // Sendmail says nothing of an RSET after which no recipient was left: the next MAIL ends the envelope.
                match &self.state {
                    State::Transaction(receiving) if !receiving.is_reading() => self.state = State::Idle,
                    _ => self.in_idle(letter)?,
                }
                Ok(self.mail(arguments))
            }
            Command::Recipient { arguments } => {
                if self.receiving(letter)?.is_reading() {
                    return Err(ProtocolError::WrongOrder(letter));
                }
                Ok(self.recipient(arguments))
            }
            Command::Data => {
                self.receiving(letter)?;
                self.silently(step::NO_REPLY_DATA)
            }
            Command::Header { name, value } => {
                let has_space = self.has(step::LEADING_SPACE);
                if !self.receiving(letter)?.header(name, value, has_space) {
                    return Err(ProtocolError::WrongOrder(letter));
                }
                self.silently(step::NO_REPLY_HEADER)
            }
            Command::EndOfHeader => {
                self.receiving(letter)?.end_header();
                self.silently(step::NO_REPLY_END_OF_HEADER)
            }
            Command::Body(chunk) => {
                self.receiving(letter)?.body(chunk);
                self.silently(step::NO_REPLY_BODY)
            }
            Command::EndOfMessage(chunk) => {
                self.receiving(letter)?.body(chunk);
                Ok(self.end_of_message())
            }
        }
    }

    fn in_idle(&self, letter: u8) -> Result<(), ProtocolError> {
        if self.is_idle() { Ok(()) } else { Err(ProtocolError::WrongOrder(letter)) }
    }

    fn receiving(&mut self, letter: u8) -> Result<&mut Receiving, ProtocolError> {
        match &mut self.state {
            State::Transaction(receiving) => Ok(receiving),
            _ => Err(ProtocolError::WrongOrder(letter)),
        }
    }

    fn has(&self, step: u32) -> bool {
        self.agreement.is_some_and(|agreement| agreement.has(step))
    }

    fn go_on_unless(&mut self, silent: u32) {
        if !self.has(silent) {
            response::go_on(&mut self.output);
        }
    }

    fn silently(&mut self, silent: u32) -> Result<Step, ProtocolError> {
        self.go_on_unless(silent);
        Ok(Step::On)
    }

    fn mail(&mut self, arguments: Texts<'_>) -> Step {
        match envelope::sender(arguments, &self.macros) {
            Ok((path, parameters, verbatim)) => {
                let login = self.macros.login();
                self.client.login = login.map(|login| complete_login(login, self.settings.login_domain.as_ref()));
                self.client.tls = self.macros.tls();
                if self.client.address.is_none() {
                    self.client.address = self.macros.get("client_addr").and_then(command::ip);
                }
                let envelope = Envelope { reverse_path: path.clone(), parameters, verbatim, recipients: Vec::new() };
                self.state = State::Asked(Box::new(Receiving::new(envelope, self.settings.max_size)));
                Step::Event(Event::Sender(path))
            }
            // Without an answer now there is a transaction, which is refused at its end.
            Err(row) if self.has(step::NO_REPLY_MAIL) => {
                let nobody = Envelope {
                    reverse_path: ReversePath::Null,
                    parameters: Default::default(),
                    verbatim: "<>".into(),
                    recipients: Vec::new(),
                };
                let mut receiving = Receiving::new(nobody, self.settings.max_size);
                receiving.refuse(row.reply());
                self.state = State::Transaction(Box::new(receiving));
                Step::On
            }
            Err(row) => {
                self.refuse("MAIL", Parties::default(), row.reply());
                self.macros.end_transaction();
                Step::On
            }
        }
    }

    fn recipient(&mut self, mut arguments: Texts<'_>) -> Step {
        let State::Transaction(mut receiving) = mem::replace(&mut self.state, State::Idle) else { return Step::On };
        let written: Box<[u8]> = arguments.clone().next().unwrap_or_default().into();
        let is_full = receiving.recipients.len() >= self.settings.max_recipients;
        let read = envelope::recipient(&mut arguments, &self.macros, &self.settings.final_domains);
        self.macros.end_recipient();
        match read {
            Ok(recipient) if is_full => {
                self.refuse_recipient(&receiving, reply::TOO_MANY_RECIPIENTS, vec![recipient.path]);
                self.state = State::Transaction(receiving);
                Step::On
            }
            Ok(recipient) => {
                receiving.add_recipient(recipient, written);
                self.state = State::Asked(receiving);
                Step::Event(Event::Recipient)
            }
            Err((row, named)) => {
                self.refuse_recipient(&receiving, row, named.into_iter().collect());
                self.state = State::Transaction(receiving);
                Step::On
            }
        }
    }

    fn end_of_message(&mut self) -> Step {
        let State::Transaction(receiving) = mem::replace(&mut self.state, State::Idle) else { return Step::On };
        let (envelope, recipients, read) = receiving.finish();
        match read {
            Ok(content) => {
                self.state = State::Judging(Judging { recipients, content: content.clone() });
                let queue_id = self.macros.get("i").map(str::to_owned);
                let client = Client { queue_id, ..self.client.clone() };
                Step::Event(Event::Mail(Box::new(Finished { envelope, content, client })))
            }
            Err((reply, beginning)) => {
                self.refuse("DATA", Parties::of(&envelope, Some(&beginning)), reply);
                self.macros.end_transaction();
                Step::Event(Event::Reset)
            }
        }
    }

    fn reset(&mut self) -> Step {
        self.macros.end_transaction();
        match mem::replace(&mut self.state, State::Idle) {
            State::Transaction(_) => Step::Event(Event::Reset),
            _ => Step::On,
        }
    }

    fn close(&mut self, fault: Option<ProtocolError>) -> Event {
        self.state = State::Closed;
        self.reader = Reader::default();
        Event::Close(fault)
    }
}

/// What follows one command.
enum Step {
    On,
    Starved,
    Event(Event),
}

#[cfg(test)]
mod tests;
