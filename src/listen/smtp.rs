// SPDX-License-Identifier: EUPL-1.2
//! The SMTP door: drives pure sessions over sockets. It moves bytes, answers events, and knows no SMTP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::crowd::{Crowd, Memory, Place, Share};
use super::ids::Ids;
use super::log::{Log, RecipientLine};
use super::metrics::{HopError, Metrics};
use super::settings;
use crate::deliver::connection::Stream;
use crate::deliver::next_hop::NextHop;
use crate::deliver::relay::Relay;
use crate::mail::reply::Row;
use crate::mail::{Client, Content, Mail, Reply, ReversePath, reply};
use crate::pipeline::limits::Reservation;
use crate::pipeline::{Pipeline, Processed};
use crate::policy::verdict::Disposition;
use crate::smtp::server::{BareNewline, Event, Finished, Offer, Session, Settings};

/// Read at once while a session only speaks commands: ten thousand idle clients must fit in memory.
const SMALL: usize = 4 * 1024;
/// Read at once while content comes.
const LARGE: usize = 64 * 1024;
/// For a TLS handshake (not in RFC 3207; a client that cannot finish in this time will not).
const HANDSHAKE: Duration = Duration::from_secs(30);

/// Everything the door's sessions share.
pub struct Door {
    settings: settings::Door,
    session: Arc<Settings>,
    pipeline: Arc<Pipeline>,
    hop: Arc<NextHop>,
    /// Replaced when certificates are reloaded.
    pub tls: ArcSwapOption<ServerConfig>,
    metrics: Arc<Metrics>,
    log: Log,
    crowd: Arc<Crowd>,
    memory: Arc<Memory>,
    ids: Ids,
    stop: CancellationToken,
    sessions: TaskTracker,
}

/// What a door is built from.
pub struct Parts {
    pub settings: settings::Door,
    pub pipeline: Arc<Pipeline>,
    pub hop: Arc<NextHop>,
    pub tls: Option<Arc<ServerConfig>>,
    pub metrics: Arc<Metrics>,
    pub log: Log,
    /// Bytes of content in flight at most.
    pub memory: u64,
    pub stop: CancellationToken,
}

impl Door {
    pub fn new(parts: Parts) -> Arc<Door> {
        let Parts { settings, pipeline, hop, tls, metrics, log, memory, stop } = parts;
        let session = Settings {
            hostname: settings.hostname.clone(),
            max_size: settings.max_size,
            max_recipients: settings.max_recipients,
            max_errors: 20,
            bare_newline: match settings.bare_newline {
                settings::BareNewline::Refuse => BareNewline::Refuse,
                settings::BareNewline::Pass => BareNewline::Pass,
            },
            require_tls: settings.tls.mode == settings::InwardTlsMode::Required,
        };
        Arc::new(Door {
            crowd: Arc::new(Crowd::new(settings.max_connections, settings.max_connections_per_client)),
            memory: Arc::new(Memory::new(memory)),
            session: Arc::new(session),
            settings,
            pipeline,
            hop,
            tls: ArcSwapOption::from(tls),
            metrics,
            log,
            ids: Ids::new(),
            stop,
            sessions: TaskTracker::new(),
        })
    }

    /// Accepts until told to stop.
    pub async fn listen(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let door = self.clone();
                    self.sessions.spawn(async move { door.receive(stream, peer).await });
                }
                Err(error) => {
                    tracing::warn!(%error, "smtp: cannot accept a connection");
                    // Out of file descriptors, most likely: a pause keeps the loop from eating the CPU.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
    }

    /// Waits until every session has ended, at most so long; true when all have.
    pub async fn drained(&self, patience: Duration) -> bool {
        self.sessions.close();
        timeout(patience, self.sessions.wait()).await.is_ok()
    }

    /// Bytes of content in flight now.
    pub fn in_flight(&self) -> u64 {
        self.memory.used()
    }

    async fn receive(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        let address = peer.ip().to_canonical();
        let refusal = match self.crowd.enter(address) {
            _ if !self.settings.clients.contains(address) => reply::CLIENT_REFUSED,
            None => reply::TOO_MANY_CONNECTIONS,
            Some(place) => {
                self.metrics.sessions.add(1);
                self.metrics.sessions_open.add(1);
                let ended = self.converse(stream, address, place).await;
                self.metrics.sessions_open.add(-1);
                if let Err(error) = ended {
                    tracing::debug!(%error, client = %address, "smtp: a connection ended early");
                }
                return;
            }
        };
        turn_away(stream, refusal).await;
    }

    async fn converse(&self, stream: TcpStream, address: IpAddr, _place: Place) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let client = Client { address: Some(address), ..Client::default() };
        let known = self.hop.capabilities().unwrap_or_default();
        let tls = self.tls.load_full();
        let xforward = self.settings.trusted_peers.xforward.contains(address);
        let session = Session::new(self.session.clone(), &known, tls.is_some(), xforward, client);
        let relay = Relay::new(self.hop.clone(), session.promised().clone());
        let mut talk = Talk {
            door: self,
            stream: Stream::Plain(stream),
            session,
            relay: Some(relay),
            reserved: Reservation::default(),
            tls,
            share: self.memory.share(),
            buffer: vec![0; SMALL],
        };
        let ended = talk.run().await;
        if let Some(mut relay) = talk.relay.take() {
            relay.reset().await;
        }
        ended
    }

    /// Whether this sender may be relayed at all (decision D6).
    fn serves(&self, sender: &ReversePath, now: Timestamp) -> bool {
        let Some(mailbox) = sender.mailbox() else { return true };
        let for_others = self.settings.relay_for.iter().any(|domain| mailbox.domain().is_within(domain.as_str()));
        for_others || self.pipeline.examiner.house.load().policy.lists.is_own(mailbox, now)
    }

    fn note(&self, processed: &Processed) {
        let Processed { mail, examined, outcome } = processed;
        self.metrics.bytes.add(mail.content.len() as u64);
        if outcome.maybe_duplicate {
            self.metrics.hop_error(HopError::Lost);
        }
        let text = outcome.reply.to_string();
        let message_id = examined.as_ref().and_then(|e| e.message.header("message-id"));
        let mut strongest = Disposition::Pass;
        let limit = outcome.limit.as_ref().map(|limit| format!("limit:{limit}"));
        for (index, recipient) in mail.envelope.recipients.iter().enumerate() {
            let judgement = examined.as_ref().and_then(|e| e.verdicts.0.get(index));
            let because = judgement.and_then(|j| j.verdict.because().or(j.observed.as_ref()));
            let disposition = match judgement {
                _ if outcome.reply.is_transient() => Disposition::Defer,
                _ if outcome.reply.is_permanent() => Disposition::Reject,
                Some(judgement) => judgement.verdict.disposition(),
                None => Disposition::Defer,
            };
            let observed = judgement.and_then(|j| j.observed.as_ref()).map(|observed| observed.first().disposition);
            if let Some(observed) = observed {
                self.metrics.observed(observed);
            }
            strongest = strongest.max(disposition);
            if let Some(class) = examined.as_ref().and_then(|e| e.recipients.get(index)).map(|r| r.class) {
                self.metrics.recipient(disposition, class);
            }
            self.log.recipient_line(&RecipientLine {
                at: mail.received,
                id: &mail.id,
                queue_id: mail.client.queue_id.as_deref(),
                message_id,
                sender: &mail.envelope.reverse_path,
                recipient: &recipient.path,
                disposition,
                observed,
                rule: limit.as_deref().or(because.map(|b| b.first().rule.as_str())),
                reply: &text,
            });
        }
        self.metrics.mail(strongest);
    }
}

/// One conversation: the socket, the session, and the road onward.
struct Talk<'d> {
    door: &'d Door,
    stream: Stream,
    session: Session,
    /// Away only while a mail is being processed.
    relay: Option<Relay>,
    /// What the open transaction has taken of the limits.
    reserved: Reservation,
    tls: Option<Arc<ServerConfig>>,
    share: Share,
    buffer: Vec<u8>,
}

impl Talk<'_> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            while let Some(event) = self.session.next_event() {
                match event {
                    Event::Offer(offer) => {
                        let replies = self.offer(offer).await;
                        self.session.answer_offer(replies);
                    }
                    Event::Mail(finished) => {
                        let reply = self.process(*finished).await;
                        self.session.answer_mail(reply);
                    }
                    Event::Reset => {
                        self.reserved = Reservation::default();
                        if let Some(relay) = &mut self.relay {
                            relay.reset().await;
                        }
                    }
                    Event::StartTls => self.start_tls().await?,
                    Event::Close => {
                        self.flush().await?;
                        return self.stream.shutdown().await;
                    }
                }
            }
            self.flush().await?;
            if !self.session.wants_input() {
                return Ok(()); // closed: every other state wants input once its events are answered
            }
            if !self.read().await? {
                return Ok(());
            }
        }
    }

    async fn offer(&mut self, mut offer: Offer) -> Vec<Reply> {
        if let Some(mail) = &offer.mail
            && !self.door.serves(&mail.path, Timestamp::now())
        {
            let mut replies = vec![reply::MAIL_FIRST.reply(); offer.recipients.len()];
            replies.insert(0, reply::SENDER_REFUSED.reply());
            return replies;
        }
        if let Some(mail) = &offer.mail {
            match self.door.pipeline.begin(&mail.path, self.session.client(), Timestamp::now()) {
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

    async fn process(&mut self, finished: Finished) -> Reply {
        let Finished { envelope, content, client, .. } = finished;
        let received = Timestamp::now();
        let began = Instant::now();
        let mail = Mail { id: self.door.ids.next(received), received, client, envelope, content: Content(content) };
        self.share.hold(mail.content.len());
        let reserved = std::mem::take(&mut self.reserved);
        let Some(relay) = self.relay.take() else { return reply::OUR_FAULT.reply() };
        let (processed, relay) = self.door.pipeline.process(mail, reserved, relay).await;
        self.relay = Some(relay);
        self.door.metrics.inspection.observe(began.elapsed());
        self.door.note(&processed);
        self.share.hold(0);
        processed.outcome.reply
    }

    /// Reads once; false when the connection is to be closed.
    async fn read(&mut self) -> io::Result<bool> {
        let patience = self.session.patience();
        let reading = timeout(patience, self.stream.read(&mut self.buffer));
        let read = if self.session.is_idle() {
            tokio::select! {
                biased;
                read = reading => read,
                () = self.door.stop.cancelled() => {
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
                self.resize(n);
                if !self.share.hold(self.session.buffered()) {
                    self.door.metrics.memory_refusals.add(1);
                    self.session.close_with(reply::NO_MEMORY.reply());
                }
            }
            Ok(Err(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Large reads while content comes, a small buffer while the client is quiet.
    fn resize(&mut self, read: usize) {
        if read == self.buffer.len() && read < LARGE {
            self.buffer = vec![0; LARGE];
        } else if self.buffer.len() > SMALL && self.session.is_idle() {
            self.buffer = vec![0; SMALL];
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        let output = self.session.output();
        if output.is_empty() {
            return Ok(());
        }
        // A client that takes nothing for so long is gone.
        let written = timeout(HANDSHAKE.max(Duration::from_secs(60)), async {
            self.stream.write_all(output).await?;
            self.stream.flush().await
        });
        written.await.map_err(|_| io::ErrorKind::TimedOut)??;
        output.clear();
        Ok(())
    }

    async fn start_tls(&mut self) -> io::Result<()> {
        self.flush().await?;
        let Some(config) = self.tls.clone() else { return Err(io::ErrorKind::Unsupported.into()) };
        // The session offered TLS, so the stream is plain: the placeholder is never read from.
        let Stream::Plain(plain) = std::mem::replace(&mut self.stream, Stream::Gone) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let stream = timeout(HANDSHAKE, TlsAcceptor::from(config).accept(plain))
            .await
            .map_err(|_| io::ErrorKind::TimedOut)??;
        self.stream = Stream::Tls(Box::new(stream.into()));
        self.session.tls_started();
        Ok(())
    }
}

/// A reply in place of the greeting, and goodbye (RFC 5321 §3.1).
async fn turn_away(mut stream: TcpStream, row: Row) {
    let mut out = Vec::new();
    row.reply().write(&mut out);
    // Whoever is turned away may not wait to read why.
    let _ = timeout(Duration::from_secs(5), async {
        stream.write_all(&out).await?;
        stream.shutdown().await
    })
    .await;
}
