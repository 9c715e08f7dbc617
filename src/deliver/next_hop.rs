// SPDX-License-Identifier: EUPL-1.2
//! The next hop: its address, its capabilities, and the pool of open connections (decision D3).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use rustls::pki_types::ServerName;
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;

use super::NextHopError;
use super::connection::{NextHopConnection, OurName};
use super::deadline::Deadline;
use super::faults::{HopFault, HopFaults};
use super::outbox::HopAddress;
use super::stream::Stream;
use crate::mail::Reply;
use crate::smtp::Capabilities;

/// How the way to the next hop is protected.
#[derive(Clone)]
pub enum Tls {
    Off,
    /// STARTTLS where offered; the certificate is not looked at.
    Opportunistic(TlsConnector),
    /// STARTTLS or nothing; the certificate is not looked at.
    Required(TlsConnector),
    /// STARTTLS or nothing, and the connector verifies the certificate.
    Verified(TlsConnector),
}

/// What the operator sets about the next hop.
pub struct NextHopSettings {
    pub address: HopAddress,
    /// LHLO, and a reply for each recipient (RFC 2033).
    pub lmtp: bool,
    /// Our name in EHLO.
    pub us: OurName,
    pub tls: Tls,
    /// The name the certificate must carry; by default the host of `address`.
    pub tls_name: Option<String>,
    /// Connections at most, busy and idle together.
    pub pool: usize,
    /// How long one may stay idle.
    pub idle: Duration,
    /// How long to wait for a connection.
    pub connect: Duration,
    /// How long to wait for one reply, and for all that comes after the final dot together (decision D4: 45 s).
    pub timeout: Duration,
    /// Where its faults are counted.
    pub faults: Arc<HopFaults>,
}

/// How long to wait for a connection to become free where all are in use: a client waits 5 minutes for the answer to
/// MAIL (RFC 5321 §4.5.3.2.2).
const FOR_A_PLACE: Duration = Duration::from_secs(30);

/// The next hop and its idle connections.
pub struct NextHop {
    settings: NextHopSettings,
    /// A place for each connection in use. One that is idle has given its own back, and makes room before another is
    /// opened beside it: in use and idle together they are never more than the pool's size.
    places: Arc<Semaphore>,
    /// Transactions that found no place in time.
    crowded: AtomicU64,
    idle: Mutex<Vec<(NextHopConnection, Instant)>>,
    known: ArcSwapOption<Capabilities>,
    /// When the watch may ask again.
    probes: Mutex<ProbeSchedule>,
    /// Whether the last thing known of it was a reply.
    has_replied: AtomicBool,
}

impl NextHop {
    pub fn new(settings: NextHopSettings) -> NextHop {
        NextHop {
            places: Arc::new(Semaphore::new(settings.pool.max(1))),
            crowded: AtomicU64::new(0),
            settings,
            idle: Mutex::default(),
            known: ArcSwapOption::empty(),
            probes: Mutex::default(),
            has_replied: AtomicBool::new(false),
        }
    }

    pub fn is_lmtp(&self) -> bool {
        self.settings.lmtp
    }

    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    pub fn address(&self) -> &HopAddress {
        &self.settings.address
    }

    /// Notes a reply, which has its line where it is passed on.
    pub(super) fn heard(&self, reply: &Reply) {
        self.has_replied.store(true, Ordering::Relaxed);
        self.settings.faults.note_reply(reply);
    }

    /// Notes what ended a transaction that had to be over by then, unless that was noted where it happened.
    pub(super) fn broke(&self, error: NextHopError, deadline: Deadline) {
        if matches!(error, NextHopError::Lost | NextHopError::MaybeDuplicate | NextHopError::Gibberish) {
            self.has_replied.store(false, Ordering::Relaxed);
        }
        self.settings.faults.note_late(error, deadline);
    }

    /// Notes why there is no connection.
    fn failed(&self, fault: HopFault, cause: &dyn std::fmt::Display, error: NextHopError) -> NextHopError {
        self.has_replied.store(false, Ordering::Relaxed);
        self.settings.faults.note(fault, cause);
        error
    }

    /// How many transactions were put off because every connection was in use.
    pub fn crowded(&self) -> u64 {
        self.crowded.load(Ordering::Relaxed)
    }

    /// What the next hop offered last; `None` while it has never answered.
    pub fn capabilities(&self) -> Option<Arc<Capabilities>> {
        self.known.load_full()
    }

    /// Connects once to learn what the next hop can, and keeps the connection.
    pub async fn probe(&self) -> Result<Arc<Capabilities>, NextHopError> {
        let connection = self.connect(self.glance()).await?;
        let capabilities = connection.capabilities.clone();
        self.give_back(connection);
        Ok(capabilities)
    }

    /// Whether the next hop answers: an idle connection is asked, or a new one made and kept. While it is away it is
    /// asked less and less often, and what was found last is the answer.
    pub async fn answers(&self) -> Result<(), NextHopError> {
        if !self.probes().is_due(Instant::now()) {
            return Err(NextHopError::Away);
        }
        // Mail goes first. Where every connection is in use, whether the next hop answers is known from them.
        let Ok(place) = self.places.clone().try_acquire_owned() else {
            return if self.has_replied.load(Ordering::Relaxed) { Ok(()) } else { Err(NextHopError::Away) };
        };
        let answer = self.ask(place).await;
        match answer {
            Ok(()) => *self.probes() = ProbeSchedule::default(),
            Err(_) => self.probes().failed(Instant::now()),
        }
        answer
    }

    async fn ask(&self, place: OwnedSemaphorePermit) -> Result<(), NextHopError> {
        let deadline = self.glance();
        let mut connection = self.take_at(place, deadline).await?;
        let said = connection.ask(b"NOOP\r\n", deadline.at_most(self.settings.timeout)).await;
        if !said.is_ok_and(|reply| reply.code == 250) {
            connection = self.connect_instead(Some(connection), self.glance()).await?;
        }
        self.give_back(connection);
        Ok(())
    }

    /// For a look at the next hop beside all mail.
    fn glance(&self) -> Deadline {
        Deadline::after(self.settings.connect + self.settings.timeout)
    }

    fn probes(&self) -> MutexGuard<'_, ProbeSchedule> {
        // Two words, always whole.
        self.probes.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// An idle connection, or a new one.
    pub async fn take(&self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        let place = self.place(deadline).await?;
        self.take_at(place, deadline).await
    }

    async fn take_at(
        &self,
        place: OwnedSemaphorePermit,
        deadline: Deadline,
    ) -> Result<NextHopConnection, NextHopError> {
        loop {
            let kept = self.idle().pop();
            match kept {
                Some((mut connection, since)) => {
                    if since.elapsed() < self.settings.idle && !connection.is_stale() {
                        connection.place = Some(place);
                        return Ok(connection);
                    }
                }
                None => return self.connect_at(place, deadline).await,
            }
        }
    }

    /// A place among the connections in use.
    async fn place(&self, deadline: Deadline) -> Result<OwnedSemaphorePermit, NextHopError> {
        match deadline.at_most(FOR_A_PLACE).wait(self.places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            // The semaphore is never closed.
            _ => {
                self.crowded.fetch_add(1, Ordering::Relaxed);
                Err(NextHopError::Crowded)
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<(NextHopConnection, Instant)>> {
        // A poisoned lock would mean a panic while pushing to a Vec; the list is whole all the same.
        self.idle.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Keeps a connection whose transaction has ended, unless it belongs to a client.
    pub fn give_back(&self, mut connection: NextHopConnection) {
        if connection.is_private {
            return;
        }
        let most = connection.capabilities.limits.and_then(|limits| limits.mail_max);
        if most.is_some_and(|most| connection.transactions >= most) {
            return; // RFC 9422 §4.1: it takes no more
        }
        // Idle before its place is free: who gets that finds it.
        let place = connection.place.take();
        self.idle().push((connection, Instant::now()));
        drop(place);
    }

    /// Closes what has been idle too long; called now and then by the wiring.
    pub async fn sweep(&self) {
        let old: Vec<_> = {
            let mut idle = self.idle();
            let limit = self.settings.idle;
            let (keep, old) = std::mem::take(&mut *idle).into_iter().partition(|(_, since)| since.elapsed() < limit);
            *idle = keep;
            old
        };
        for (connection, _) in old {
            connection.quit().await;
        }
    }

    /// A connection that no pool has seen, ready by the deadline. No single step takes longer than one reply may.
    pub async fn connect(&self, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        self.connect_instead(None, deadline).await
    }

    /// The same, in the place of one that is of no more use: its transaction has waited already, and waits behind nobody.
    pub(super) async fn connect_instead(
        &self,
        old: Option<NextHopConnection>,
        deadline: Deadline,
    ) -> Result<NextHopConnection, NextHopError> {
        let place = match old.and_then(|mut old| old.place.take()) {
            Some(place) => place,
            None => self.place(deadline).await?,
        };
        // The place of an idle one is taken with it.
        drop(self.idle().pop());
        self.connect_at(place, deadline).await
    }

    async fn connect_at(
        &self,
        place: OwnedSemaphorePermit,
        deadline: Deadline,
    ) -> Result<NextHopConnection, NextHopError> {
        let settings = &self.settings;
        let step = || deadline.at_most(settings.timeout);
        let stream = deadline.at_most(settings.connect).wait(self.open()).await;
        let stream = stream.map_err(|e| self.failed(HopFault::TimedOut, &e, NextHopError::Away))?;
        let stream = stream.map_err(|e| self.failed(HopFault::Connect, &e, NextHopError::Away))?;
        // What breaks before there is a transaction is no connection, and has been noted here.
        let unusable = |error: NextHopError, step: Deadline| {
            let fault = if step.is_past() { HopFault::TimedOut } else { HopFault::Connect };
            match error {
                NextHopError::Lost | NextHopError::Gibberish => self.failed(fault, &error, NextHopError::Away),
                other => self.failed(fault, &other, other),
            }
        };
        let is_near = match &stream {
            Stream::Plain(stream) => stream.peer_addr().is_ok_and(|peer| peer.ip().to_canonical().is_loopback()),
            _ => true,
        };
        let until = step();
        let greeted = NextHopConnection::greet(stream, until).await;
        let mut connection = greeted.map_err(|error| unusable(error, until))?;
        let until = step();
        self.hello(&mut connection, until).await.map_err(|error| unusable(error, until))?;
        let (connector, verified) = match &settings.tls {
            Tls::Off => (None, false),
            Tls::Opportunistic(connector) => (connection.capabilities.starttls.then_some(connector), false),
            Tls::Required(connector) if connection.capabilities.starttls => (Some(connector), false),
            Tls::Verified(connector) if connection.capabilities.starttls => (Some(connector), true),
            // Never a silent downgrade.
            Tls::Required(_) | Tls::Verified(_) => {
                return Err(self.failed(HopFault::Tls, &"it does not offer STARTTLS", NextHopError::Tls));
            }
        };
        if let Some(connector) = connector {
            let broken = |cause: String| self.failed(HopFault::Tls, &cause, NextHopError::Tls);
            let name = self.server_name().map_err(broken)?;
            connection = connection.start_tls(connector, name, verified, step()).await.map_err(broken)?;
            let until = step();
            self.hello(&mut connection, until).await.map_err(|error| unusable(error, until))?;
        }
        let is_private = connection.tls.is_some() || is_near;
        let is_verified = connection.tls.as_ref().is_some_and(|tls| tls.verified);
        let offered = Arc::make_mut(&mut connection.capabilities);
        // Decision D7: no credential goes over an open wire.
        if !is_private {
            offered.auth.clear();
        }
        // RFC 8689 §4.2.1: the promise is worth nothing from somebody who may be anybody.
        offered.requiretls &= is_verified;
        connection.place = Some(place);
        self.known.store(Some(connection.capabilities.clone()));
        self.has_replied.store(true, Ordering::Relaxed);
        *self.probes() = ProbeSchedule::default();
        Ok(connection)
    }

    pub(super) async fn hello(
        &self,
        connection: &mut NextHopConnection,
        deadline: Deadline,
    ) -> Result<(), NextHopError> {
        connection.hello(&self.settings.us, self.settings.lmtp, deadline).await
    }

    async fn open(&self) -> std::io::Result<Stream> {
        Ok(match &self.settings.address {
            HopAddress::Tcp(address) => Stream::Plain(TcpStream::connect(address).await?),
            HopAddress::Unix(path) => Stream::Unix(UnixStream::connect(path).await?),
        })
    }

    fn server_name(&self) -> Result<ServerName<'static>, String> {
        let host = match &self.settings.address {
            HopAddress::Tcp(address) => address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host),
            HopAddress::Unix(_) => "localhost",
        };
        let name = self.settings.tls_name.as_deref().unwrap_or(host.trim_matches(['[', ']']));
        ServerName::try_from(name.to_owned()).map_err(|_| format!("`{name}` can be the name of no certificate"))
    }
}

/// How often the watch asks a next hop that is away: after 2 s, 4 s, 8 s, up to a minute.
#[derive(Debug, Default)]
struct ProbeSchedule {
    next: Option<Instant>,
    wait: Duration,
}

impl ProbeSchedule {
    const FIRST: Duration = Duration::from_secs(2);
    const LONGEST: Duration = Duration::from_secs(60);

    fn is_due(&self, now: Instant) -> bool {
        self.next.is_none_or(|next| now >= next)
    }

    fn failed(&mut self, now: Instant) {
        self.wait = (self.wait * 2).clamp(ProbeSchedule::FIRST, ProbeSchedule::LONGEST);
        self.next = Some(now + self.wait);
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;

    use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

    use super::*;

    #[test]
    fn a_next_hop_that_is_away_is_asked_less_and_less() {
        let (mut probes, mut now, mut waits) = (ProbeSchedule::default(), Instant::now(), Vec::new());
        for _ in 0..8 {
            assert!(probes.is_due(now));
            probes.failed(now);
            waits.push(probes.wait.as_secs());
            assert!(!probes.is_due(now + probes.wait - Duration::from_millis(1)));
            now += probes.wait;
        }
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    }

    /// A next hop with room for one connection.
    fn narrow(address: HopAddress) -> NextHop {
        NextHop::new(NextHopSettings {
            address,
            lmtp: false,
            us: OurName { name: "octroi.example".into(), is_chosen: true },
            tls: Tls::Off,
            tls_name: None,
            pool: 1,
            idle: Duration::from_secs(60),
            connect: Duration::from_secs(10),
            timeout: Duration::from_secs(45),
            faults: Arc::default(),
        })
    }

    fn deadline() -> Deadline {
        Deadline::after(Duration::from_secs(300))
    }

    /// Says what a server says to every line, for as long as it is asked.
    async fn friendly() -> HopAddress {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = HopAddress::Tcp(listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut lines = BufReader::new(stream);
                    let (mut line, mut answer) = (String::new(), "220 hop\r\n");
                    while lines.write_all(answer.as_bytes()).await.is_ok() {
                        line.clear();
                        if lines.read_line(&mut line).await.unwrap_or(0) == 0 {
                            return;
                        }
                        answer = "250 hop\r\n";
                    }
                });
            }
        });
        address
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_begins_again_keeps_its_place() {
        let hop = narrow(friendly().await);
        let old = hop.take(deadline()).await.unwrap();
        let waiting = hop.take(deadline());
        tokio::pin!(waiting);
        // It stands in the queue from now on.
        let is_pending =
            std::future::poll_fn(|cx| std::task::Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
        assert!(is_pending);
        let new = hop.connect_instead(Some(old), deadline()).await.unwrap();
        hop.give_back(new);
        assert!(waiting.await.is_ok());
        assert_eq!(hop.crowded(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn where_all_are_in_use_the_watch_waits_for_none_and_says_what_is_known() {
        let hop = narrow(friendly().await);
        let used = hop.take(deadline()).await.unwrap();
        assert_eq!(hop.answers().await, Ok(()));
        hop.broke(NextHopError::Lost, deadline());
        assert_eq!(hop.answers().await, Err(NextHopError::Away));
        hop.heard(&Reply { code: 451, lines: vec!["it is there".into()] });
        assert_eq!(hop.answers().await, Ok(()));
        assert_eq!(hop.crowded(), 0, "the watch is no transaction");
        drop(used);
        hop.broke(NextHopError::Lost, deadline());
        assert_eq!(hop.answers().await, Ok(()), "asked, it answers");
    }

    #[tokio::test(start_paused = true)]
    async fn a_clients_own_connection_never_comes_to_the_pool() {
        let hop = narrow(friendly().await);
        let mut connection = hop.take(deadline()).await.unwrap();
        connection.is_private = true;
        hop.give_back(connection);
        assert!(hop.idle().is_empty());
        assert!(hop.take(deadline()).await.is_ok(), "its place is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_transaction_that_finds_no_place_in_time_is_counted() {
        let hop = narrow(HopAddress::Unix("/nowhere".into()));
        let place = hop.place(deadline()).await.unwrap();
        assert!(matches!(hop.take(deadline()).await, Err(NextHopError::Crowded)));
        assert_eq!(hop.crowded(), 1);
        drop(place);
        assert!(hop.place(deadline()).await.is_ok());
    }
}
