// SPDX-License-Identifier: EUPL-1.2
//! The milter listener: drives protocol sessions over sockets. It moves bytes and answers events, and does not know
//! the milter protocol.

use std::fmt::Display;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener};
use tokio::time::{interval_at, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::capacity::{ConnectionLimit, ContentBudget, ContentShare};
use super::ids::Ids;
use super::log::Log;
use super::log_outcome::log_outcome;
use super::metrics::{self, Metrics};
use super::refusal::{Notes, Refusal, log_refusal};
use super::settings::{self, MilterAddress, Networks};
use super::trickle::Trickle;
use super::unix;
use super::writing::{WRITING, write};
use crate::deliver::deadline::{Deadline, PROMISE};
use crate::deliver::hand_back::{HandBack, Passed};
use crate::mail::{Client, Content, Mail, Reply, reply};
use crate::milter::{Ending, Event, Finished, Session, SessionSettings};
use crate::pipeline::Pipeline;
use crate::pipeline::limits::Reservation;

/// Read at once while a session only speaks commands.
const SMALL: usize = 4 * 1024;
/// Read at once while content comes: one chunk of a body.
const LARGE: usize = 64 * 1024;
/// Bytes that every connection may use, so that it can receive the refusal: a chunk, and what was read after it.
const OWED: usize = 3 * LARGE;
/// How often octroi sends the MTA a sign of progress (decision D4).
const PROGRESS: Duration = Duration::from_secs(10);

/// Everything the listener's sessions share. A reload puts another in its place ([`Listener::with`]); open sessions
/// keep theirs.
pub struct Listener {
    session: Arc<SessionSettings>,
    clients: Networks,
    /// For a block of content.
    data: Duration,
    pipeline: Arc<Pipeline>,
    metrics: Arc<Metrics>,
    log: Log,
    connections: Arc<ConnectionLimit>,
    memory: Arc<ContentBudget>,
    ids: Arc<Ids>,
    stop: CancellationToken,
    sessions: TaskTracker,
}

/// What a listener is built from.
pub struct Parts<'a> {
    /// The SMTP listener's settings: sizes, numbers and who may connect are the same through either.
    pub settings: &'a settings::SmtpSettings,
    pub pipeline: Arc<Pipeline>,
    pub metrics: Arc<Metrics>,
    pub log: Log,
    /// Bytes of content in flight, over all listeners.
    pub memory: Arc<ContentBudget>,
    pub stop: CancellationToken,
}

/// A socket that is open.
pub enum BoundSocket {
    Inet(TcpListener),
    Unix(UnixListener),
}

impl BoundSocket {
    /// # Errors
    /// The address cannot be had.
    pub async fn bind(address: &MilterAddress) -> io::Result<BoundSocket> {
        match address {
            MilterAddress::Inet(address) => TcpListener::bind(address).await.map(BoundSocket::Inet),
            // The MTA's user gets in by the socket's group: nobody else may hand us mail as if an MTA had taken it.
            MilterAddress::Unix(path) => unix::bind(path, 0o660).map(BoundSocket::Unix),
        }
    }
}

async fn accept(current: &ArcSwap<Listener>, socket: &BoundSocket) -> io::Result<()> {
    match socket {
        BoundSocket::Inet(socket) => {
            let (stream, peer) = socket.accept().await?;
            let (listener, peer) = (current.load_full(), peer.ip().to_canonical());
            if !listener.clients.contains(peer) {
                listener.closed(Some(peer), &"the peer is not in [smtp] clients");
                return Ok(());
            }
            stream.set_nodelay(true)?;
            listener.spawn(stream, peer);
        }
        BoundSocket::Unix(socket) => {
            let (stream, _) = socket.accept().await?;
            current.load_full().spawn(stream, IpAddr::from([127, 0, 0, 1]));
        }
    }
    Ok(())
}

fn session_settings(settings: &settings::SmtpSettings, pipeline: &Arc<Pipeline>) -> Arc<SessionSettings> {
    Arc::new(SessionSettings {
        max_size: settings.max_size,
        max_recipients: settings.max_recipients,
        final_domains: super::final_domains(pipeline),
        login_domain: settings.login_domain.clone(),
    })
}

impl Listener {
    pub fn new(parts: Parts<'_>) -> Arc<Listener> {
        let Parts { settings, pipeline, metrics, log, memory, stop } = parts;
        // One MTA brings all connections: the limit on one client would be a limit on all mail.
        let most = settings.max_connections;
        Arc::new(Listener {
            session: session_settings(settings, &pipeline),
            clients: settings.clients.clone(),
            data: settings.timeouts.data,
            pipeline,
            metrics,
            log,
            connections: Arc::new(ConnectionLimit::new(most, most)),
            memory,
            ids: Arc::new(Ids::new()),
            stop,
            sessions: TaskTracker::new(),
        })
    }

    /// The listener with other settings: connections, ids and sessions are counted on.
    pub fn with(&self, settings: &settings::SmtpSettings) -> Arc<Listener> {
        self.connections.resize(settings.max_connections, settings.max_connections);
        Arc::new(Listener {
            session: session_settings(settings, &self.pipeline),
            clients: settings.clients.clone(),
            data: settings.timeouts.data,
            pipeline: self.pipeline.clone(),
            metrics: self.metrics.clone(),
            log: self.log.clone(),
            connections: self.connections.clone(),
            memory: self.memory.clone(),
            ids: self.ids.clone(),
            stop: self.stop.clone(),
            sessions: self.sessions.clone(),
        })
    }

    /// Accepts connections until the gateway stops, each for the listener of that moment.
    pub async fn listen(current: Arc<ArcSwap<Listener>>, socket: BoundSocket) {
        let stop = current.load().stop.clone();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = accept(&current, &socket) => accepted,
            };
            if let Err(error) = accepted {
                tracing::warn!(%error, "milter: cannot accept a connection");
                // Out of file descriptors, most likely: a pause keeps the loop from eating the CPU.
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }

    fn spawn(self: &Arc<Self>, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, peer: IpAddr) {
        let place = self.connections.enter().and_then(|mut place| place.is_for(peer).then_some(place));
        let Some(place) = place else {
            // The MTA finds the connection closed and defers.
            self.closed(Some(peer), &"[smtp] max_connections is reached");
            return;
        };
        let listener = self.clone();
        self.sessions.spawn(async move {
            let _place = place;
            listener.metrics.sessions.add(1);
            let _open = listener.metrics.sessions_open.enter();
            let ended = listener.converse(stream).await;
            if let Err(error) = ended {
                tracing::debug!(%error, "milter: a connection ended early");
            }
        });
    }

    /// Notes a connection that was closed without an answer: the MTA does by itself what it does without a filter.
    fn closed(&self, client: Option<IpAddr>, cause: &dyn Display) {
        let refusal = Refusal { cause, ..Refusal::of(metrics::Listener::Milter, client) };
        log_refusal(&refusal, &self.metrics, &self.log);
    }

    /// Waits until every session has ended, at most so long; true when all have.
    pub async fn drained(&self, limit: Duration) -> bool {
        self.sessions.close();
        timeout(limit, self.sessions.wait()).await.is_ok()
    }

    async fn converse<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<()> {
        let answers_sender = !self.pipeline.limits.is_empty();
        let mut connection = Connection {
            listener: self,
            stream,
            session: Session::new(self.session.clone(), answers_sender, Client::default()),
            reserved: Reservation::default(),
            share: self.memory.share(),
            buffer: vec![0; SMALL],
            trickle: Trickle::default(),
            reply_by: None,
        };
        connection.run().await
    }
}

/// One conversation: the socket, the session, and what the open transaction has taken of the limits.
struct Connection<'d, S> {
    listener: &'d Listener,
    stream: S,
    session: Session,
    reserved: Reservation,
    share: ContentShare,
    buffer: Vec<u8>,
    trickle: Trickle,
    /// When the answer to the mail in hand must be with the MTA (decision D31).
    reply_by: Option<Deadline>,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Connection<'_, S> {
    async fn run(&mut self) -> io::Result<()> {
        loop {
            while let Some(event) = self.session.next_event() {
                match event {
                    Event::Sender(path) => {
                        let pipeline = &self.listener.pipeline;
                        let refusal = match pipeline.begin(&path, self.session.client(), Timestamp::now()) {
                            _ if pipeline.is_not_set_up_for(&path, Timestamp::now()) => Some(reply::NOT_SET_UP.reply()),
                            Ok(reserved) => {
                                self.reserved = reserved;
                                None
                            }
                            Err(exceeded) => Some(exceeded.at_mail()),
                        };
                        self.session.answer_envelope(refusal);
                    }
                    Event::Recipient => {
                        let (_, exceeded) = self.reserved.recipients(1);
                        self.session.answer_envelope(exceeded.map(|e| e.at_recipient()));
                    }
                    Event::Mail(finished) => {
                        let ending = self.process(*finished).await;
                        self.session.answer_mail(&ending);
                    }
                    Event::Reset => self.reserved = Reservation::default(),
                    Event::Close(fault) => {
                        if let Some(fault) = fault {
                            self.listener.closed(self.session.client().address, &fault);
                        }
                        self.note_refused();
                        self.write().await?;
                        return self.stream.shutdown().await;
                    }
                }
            }
            self.note_refused();
            self.write().await?;
            self.reply_by = None;
            if !self.session.wants_input() || !self.read().await? {
                return Ok(());
            }
        }
    }

    async fn write(&mut self) -> io::Result<()> {
        let by = self.reply_by.map_or_else(|| Deadline::after(WRITING), |by| by.at_most(WRITING));
        write(&mut self.stream, self.session.output(), by).await
    }

    /// Decision D39: what is refused leaves a line, before the MTA hears of it.
    fn note_refused(&mut self) {
        let refused = self.session.refused();
        let Listener { pipeline, metrics, log, ids, .. } = self.listener;
        let notes = Notes { listener: metrics::Listener::Milter, pipeline, metrics, log };
        notes.take(&refused, self.session.client(), |now| ids.next(now));
    }

    async fn process(&mut self, finished: Finished) -> Ending {
        let deadline = Deadline::after(PROMISE);
        self.reply_by = Some(deadline);
        self.trickle = Trickle::default();
        let Finished { envelope, content, client } = finished;
        let received = Timestamp::now();
        let began = Instant::now();
        let mail = Mail { id: self.listener.ids.next(received), received, client, envelope, content: Content(content) };
        let reserved = std::mem::take(&mut self.reserved);
        let work = self.listener.pipeline.process(mail, reserved, HandBack::default(), deadline);
        let (processed, handed_back) = reassure(work, PROGRESS, &mut self.stream, &mut self.session).await;
        self.listener.metrics.inspection.observe(began.elapsed());
        log_outcome(&processed, metrics::Listener::Milter, &self.listener.metrics, &self.listener.log);
        self.share.hold(0);
        ending(processed.outcome.reply, handed_back)
    }

    /// Reads once; false when the connection is to be closed.
    async fn read(&mut self) -> io::Result<bool> {
        let mut time_limit = self.session.timeout();
        if self.session.is_in_content() {
            time_limit = time_limit.min(self.trickle.left(self.listener.data));
        }
        let reading = timeout(time_limit, self.stream.read(&mut self.buffer));
        let read = if self.session.is_idle() {
            tokio::select! {
                biased;
                read = reading => read,
                // Between two mails nothing is lost: the MTA defers the next, or finds who comes after us.
                () = self.listener.stop.cancelled() => return Ok(false),
            }
        } else {
            reading.await
        };
        match read {
            Err(_) | Ok(Ok(0)) => return Ok(false),
            Ok(Ok(n)) => {
                self.session.receive(&self.buffer[..n]);
                self.trickle.came(n, self.session.is_in_content());
                self.resize(n);
                if !self.share.hold(self.session.buffered()) {
                    self.listener.metrics.memory_refusals.add(1);
                    self.session.overflow();
                    let rest = self.session.buffered();
                    if !self.share.hold(rest) && rest > OWED {
                        // What fills the memory is not a message but packets without an end.
                        self.listener.closed(self.session.client().address, &"[limits] memory is used up");
                        return Ok(false);
                    }
                }
            }
            Ok(Err(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Large reads while content comes, a small buffer while the MTA is quiet.
    fn resize(&mut self, read: usize) {
        if read == self.buffer.len() && read < LARGE {
            self.buffer = vec![0; LARGE];
        } else if self.buffer.len() > SMALL && self.session.is_idle() {
            self.buffer = vec![0; SMALL];
        }
    }
}

/// Does the work to its end, telling the MTA now and then that we are at it. An MTA that has gone meanwhile will send
/// the mail again; the work is finished for the next time.
async fn reassure<T>(
    work: impl Future<Output = T>,
    every: Duration,
    stream: &mut (impl AsyncWrite + Unpin),
    session: &mut Session,
) -> T {
    tokio::pin!(work);
    let mut beat = interval_at(tokio::time::Instant::now() + every, every);
    let mut is_there = true;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            _ = beat.tick(), if is_there => {
                session.progress();
                // Five octets: they fit into the socket, or the MTA has stopped reading. Those that went are not said again.
                is_there = write(stream, session.output(), Deadline::after(Duration::from_secs(1))).await.is_ok();
            }
        }
    }
}

/// The answer to the MTA. A positive reply with nothing to pass on means that octroi has every copy (decision D9).
fn ending(reply: Reply, handed_back: HandBack) -> Ending {
    match handed_back.passed {
        _ if !reply.is_positive() => Ending::Refused(reply),
        Some(Passed { copies, content }) => Ending::Passed { copies, content: content.map(|content| content.0) },
        None => Ending::Kept,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::reply;

    /// A session that lies with the pipeline.
    fn judging() -> Session {
        let settings = Arc::new(SessionSettings { max_size: 1000, max_recipients: 10, ..SessionSettings::default() });
        let mut session = Session::new(settings, false, Client::default());
        session.receive(b"\0\0\0\x0dO\0\0\0\x02\0\0\0\x3f\0\0\0\x7f\0\0\0\x07M<a@b>\0\0\0\0\x07R<c@d>\0\0\0\0\x01E");
        while let Some(event) = session.next_event() {
            match event {
                Event::Sender(_) | Event::Recipient => session.answer_envelope(None),
                Event::Mail(_) => break,
                other => panic!("{other:?}"),
            }
        }
        session.output().clear();
        session
    }

    #[tokio::test]
    async fn progress_is_told_until_the_work_is_done() {
        let (mut ours, mut theirs) = tokio::io::duplex(1024);
        let (enough, heard) = tokio::sync::oneshot::channel();
        let mut session = judging();
        // The work ends when the MTA has heard of it three times.
        let mta = tokio::spawn(async move {
            let mut packets = [0; 15];
            theirs.read_exact(&mut packets).await.unwrap();
            enough.send(()).unwrap();
            packets
        });
        reassure(heard, Duration::from_millis(1), &mut ours, &mut session).await.unwrap();
        assert_eq!(mta.await.unwrap(), *b"\0\0\0\x01p\0\0\0\x01p\0\0\0\x01p");
    }

    #[tokio::test(start_paused = true)]
    async fn a_packet_that_went_in_part_is_gone_on_with() {
        // One packet and a part of the next fit.
        let (mut ours, mut theirs) = tokio::io::duplex(7);
        let mut session = judging();
        let work = tokio::time::sleep(Duration::from_secs(60));
        reassure(work, Duration::from_secs(10), &mut ours, &mut session).await;
        session.answer_mail(&Ending::Kept);
        let mta = tokio::spawn(async move {
            let mut heard = Vec::new();
            theirs.read_to_end(&mut heard).await.unwrap();
            heard
        });
        write(&mut ours, session.output(), Deadline::after(Duration::from_secs(1))).await.unwrap();
        drop(ours);
        let heard = mta.await.unwrap();
        assert_eq!(heard[..10], *b"\0\0\0\x01p\0\0\0\x01p");
        assert_eq!(heard[10..14], [0, 0, 0, 1], "the answer is a packet: {heard:?}");
    }

    #[tokio::test]
    async fn the_work_is_finished_for_an_mta_that_has_gone() {
        let (mut ours, theirs) = tokio::io::duplex(1);
        drop(theirs);
        let (done, work) = tokio::sync::oneshot::channel();
        let mut session = judging();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(5)).await;
            done.send(7)
        });
        assert_eq!(reassure(work, Duration::from_millis(1), &mut ours, &mut session).await, Ok(7));
    }

    #[test]
    fn no_reply_but_a_positive_one_lets_anything_go() {
        let passed = || HandBack { passed: Some(Passed { copies: vec![0], content: None }) };
        for row in [reply::OUR_FAULT, reply::REFUSED_BY_POLICY] {
            assert_eq!(ending(row.reply(), passed()), Ending::Refused(row.reply()));
        }
        assert_eq!(ending(reply::ACCEPTED.reply(), HandBack::default()), Ending::Kept);
    }
}
