// SPDX-License-Identifier: EUPL-1.2
//! One connection: bytes go to the session, the session's events go to the pipeline, replies go back.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;
use zeroize::Zeroize;

use super::Listener;
use super::handshake::secure;
use crate::deliver::deadline::{Deadline, PROMISE};
use crate::deliver::relay::{RESET_PATIENCE, Relay};
use crate::deliver::stream::Stream;
use crate::listen::capacity::ContentShare;
use crate::listen::log_outcome::log_outcome;
use crate::listen::metrics;
use crate::listen::refusal::Notes;
use crate::listen::settings::ClientKind;
use crate::listen::trickle::Trickle;
use crate::listen::writing::{WRITING, write};
use crate::mail::{Content, Mail, Reply, reply};
use crate::pipeline::limits::Reservation;
use crate::smtp::server::{Event, Finished, Offer, Session};

/// Read at once while a session only speaks commands.
const SMALL: usize = 4 * 1024;
/// Read at once while content comes.
const LARGE: usize = 64 * 1024;

/// One conversation: the socket, the session, and the road onward.
pub(super) struct Connection<'d> {
    listener: &'d Listener,
    stream: Stream,
    session: Session,
    /// Away only while a mail is being processed.
    relay: Option<Relay>,
    /// What the open transaction has taken of the limits.
    reserved: Reservation,
    tls: Option<Arc<ServerConfig>>,
    share: ContentShare,
    buffer: Vec<u8>,
    /// Since when the client has owed us the rest of a line.
    owes: Option<Instant>,
    trickle: Trickle,
    /// When the reply to the mail in hand must be with its client (decision D31).
    reply_by: Option<Deadline>,
}

/// The other side of a conversation.
pub(super) struct Transport {
    pub stream: Stream,
    /// For STARTTLS.
    pub tls: Option<Arc<ServerConfig>>,
}

impl<'d> Connection<'d> {
    pub fn new(listener: &'d Listener, transport: Transport, session: Session) -> Connection<'d> {
        let relay = Relay::new(listener.hop.clone(), session.promised().clone());
        Connection {
            listener,
            stream: transport.stream,
            session,
            relay: Some(relay),
            reserved: Reservation::default(),
            tls: transport.tls,
            share: listener.memory.share(),
            buffer: Vec::new(),
            owes: None,
            trickle: Trickle::default(),
            reply_by: None,
        }
    }

    /// Until one side leaves.
    pub async fn hold(mut self) -> io::Result<()> {
        let ended = self.run().await;
        if let Some(mut relay) = self.relay.take() {
            Box::pin(relay.reset(Deadline::after(RESET_PATIENCE))).await;
        }
        ended
    }

    async fn run(&mut self) -> io::Result<()> {
        loop {
            while let Some(event) = self.session.next_event() {
                if let Event::Close = event {
                    self.flush().await?;
                    return self.stream.shutdown().await;
                }
                // On the heap while it lasts: a task that only waits for its client must stay small.
                Box::pin(self.answer(event)).await?;
            }
            self.flush().await?;
            self.reply_by = None;
            self.owes = self.session.is_mid_line().then(|| self.owes.unwrap_or_else(Instant::now));
            if !self.session.wants_input() {
                return Ok(()); // closed: every other state wants input once its events are answered
            }
            if !self.read().await? {
                return Ok(());
            }
        }
    }

    async fn answer(&mut self, event: Event) -> io::Result<()> {
        match event {
            Event::Offer(offer) => {
                let replies = self.offer(offer).await;
                self.session.answer_offer(replies);
            }
            Event::Mail(finished) => {
                let deadline = Deadline::after(PROMISE);
                self.reply_by = Some(deadline);
                // What is answered already need not wait for the verdict: MAIL and RCPT sent together with BDAT.
                self.flush().await?;
                let reply = self.process(*finished, deadline).await;
                self.session.answer_mail(reply);
            }
            Event::Reset => {
                self.reserved = Reservation::default();
                if let Some(relay) = &mut self.relay {
                    relay.reset(Deadline::after(RESET_PATIENCE)).await;
                }
            }
            Event::Login(line) => {
                let reply = match &mut self.relay {
                    Some(relay) => relay.login(&line, self.session.xclient()).await,
                    None => reply::AUTH_UNAVAILABLE.reply(),
                };
                self.session.answer_login(reply);
            }
            Event::StartTls => self.start_tls().await?,
            Event::Close => {} // the loop's own affair
        }
        Ok(())
    }

    async fn offer(&mut self, mut offer: Offer) -> Vec<Reply> {
        if let Some(mail) = &offer.mail
            && let Some(refusal) = self.listener.sender_refusal(&mail.path, Timestamp::now())
        {
            let mut replies = vec![reply::MAIL_FIRST.reply(); offer.recipients.len()];
            replies.insert(0, refusal.reply());
            return replies;
        }
        if let Some(mail) = &offer.mail {
            match self.listener.pipeline.begin(&mail.path, self.session.client(), Timestamp::now()) {
                Ok(reserved) => self.reserved = reserved,
                Err(exceeded) => {
                    let mut replies = vec![reply::MAIL_FIRST.reply(); offer.recipients.len()];
                    replies.insert(0, exceeded.at_mail());
                    return replies;
                }
            }
        }
        let asked = offer.recipients.len();
        let (admitted, exceeded) = self.reserved.recipients(asked);
        offer.recipients.truncate(admitted);
        let mut replies = self.offer_onward(&offer).await;
        if let Some(exceeded) = exceeded {
            replies.resize_with(usize::from(offer.mail.is_some()) + admitted, || reply::OUR_FAULT.reply());
            replies.resize(replies.len() + asked - admitted, exceeded.at_recipient());
        }
        replies
    }

    /// Offers what the limits left, and gives back what the next hop does not take.
    async fn offer_onward(&mut self, offer: &Offer) -> Vec<Reply> {
        if offer.mail.is_none() && offer.recipients.is_empty() {
            return Vec::new();
        }
        let replies = match &mut self.relay {
            Some(relay) => relay.offer(offer, self.session.client()).await,
            None => Vec::new(), // the session answers for what is missing with a 4xx
        };
        let first = usize::from(offer.mail.is_some());
        if offer.mail.is_some() && !replies.first().is_some_and(Reply::is_positive) {
            self.reserved = Reservation::default();
        } else {
            let taken = replies.iter().skip(first).filter(|reply| reply.is_positive()).count();
            self.reserved.refused_onward(offer.recipients.len().saturating_sub(taken));
        }
        replies
    }

    async fn process(&mut self, finished: Finished, deadline: Deadline) -> Reply {
        self.trickle = Trickle::default();
        let Finished { envelope, content, client, bare_newline, .. } = finished;
        let received = Timestamp::now();
        let began = Instant::now();
        let mail = Mail { id: self.listener.ids.next(received), received, client, envelope, content: Content(content) };
        self.share.hold(mail.content.len());
        let reserved = std::mem::take(&mut self.reserved);
        let Some(mut relay) = self.relay.take() else { return reply::OUR_FAULT.reply() };
        relay.holds_bare_newline(bare_newline);
        relay.comes_from_a_queue(self.listener.settings.client_kind == ClientKind::Queue);
        let (processed, relay) = self.listener.pipeline.process(mail, reserved, relay, deadline).await;
        self.relay = Some(relay);
        self.listener.metrics.inspection.observe(began.elapsed());
        log_outcome(&processed, metrics::Listener::Smtp, &self.listener.metrics, &self.listener.log);
        if processed.outcome.reply == reply::NO_MEMORY.reply() {
            self.listener.metrics.memory_refusals.add(1);
        }
        self.share.hold(0);
        processed.outcome.reply
    }

    /// Reads once; false when the connection is to be closed.
    async fn read(&mut self) -> io::Result<bool> {
        let mut time_limit = self.session.timeout();
        // Octet by octet a line could be drawn out for ever: all of it has to come in the time of one.
        if let Some(since) = self.owes {
            time_limit = time_limit.saturating_sub(since.elapsed());
        }
        if self.session.is_in_content() {
            time_limit = time_limit.min(self.trickle.left(self.listener.settings.timeouts.data));
        }
        let (stream, buffer) = (&mut self.stream, &mut self.buffer);
        let reading = timeout(time_limit, async {
            if buffer.is_empty() {
                stream.readable().await?;
                buffer.resize(SMALL, 0);
            }
            stream.read(buffer).await
        });
        let read = if self.session.is_idle() {
            tokio::select! {
                biased;
                read = reading => read,
                () = self.listener.stop.cancelled() => {
                    self.session.close_with(reply::SHUTTING_DOWN.reply());
                    return Ok(true);
                }
            }
        } else {
            reading.await
        };
        match read {
            Err(_) => self.session.close_with(reply::TIMED_OUT.reply()),
            Ok(Ok(0)) => return Ok(false),
            Ok(Ok(n)) => {
                self.session.receive(&self.buffer[..n]);
                if self.session.may_hear_secrets() {
                    self.buffer[..n].zeroize(); // decision D7
                }
                self.trickle.came(n, self.session.is_in_content());
                self.resize(n);
                if !self.share.hold(self.session.buffered()) {
                    self.listener.metrics.memory_refusals.add(1);
                    self.session.close_with(reply::NO_MEMORY.reply());
                }
            }
            Ok(Err(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Large reads while content comes, no buffer while the client is quiet.
    fn resize(&mut self, read: usize) {
        if self.session.is_idle() {
            self.buffer = Vec::new();
        } else if read == self.buffer.len() && read < LARGE {
            self.buffer = vec![0; LARGE];
        }
    }

    /// Decision D39: what is refused leaves a line, before the client hears of it.
    fn note_refused(&mut self) {
        let refused = self.session.refused();
        if refused.is_empty() {
            return;
        }
        let Listener { pipeline, metrics, log, ids, .. } = self.listener;
        let notes = Notes { listener: metrics::Listener::Smtp, pipeline, metrics, log };
        notes.take(&refused, self.session.client(), |now| ids.next(now));
    }

    async fn flush(&mut self) -> io::Result<()> {
        self.note_refused();
        let by = self.reply_by.map_or_else(|| Deadline::after(WRITING), |by| by.at_most(WRITING));
        write(&mut self.stream, self.session.output(), by).await
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let Some(config) = self.tls.clone() else { return Err(io::ErrorKind::Unsupported.into()) };
        // The session offered TLS, so the stream is plain: the placeholder is never read from.
        let Stream::Plain(plain) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let secured = secure(plain, config).await.inspect_err(|error| {
            if let Some(client) = self.session.client().address {
                self.listener.closed(client, "STARTTLS", error);
            }
        })?;
        self.stream = secured.stream;
        self.session.tls_started(secured.tls, secured.certificate);
        Ok(())
    }
}
