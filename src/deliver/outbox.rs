// SPDX-License-Identifier: EUPL-1.2
//! Delivers the outbox: takes the items that are due, sends them by SMTP or LMTP on the release route, and stores the
//! result (decisions D10, D16). One item is one transaction; the bytes leave exactly as they were kept.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use mail_send::SmtpClient;
use smtp_proto::{EXT_START_TLS, EhloResponse, Response};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::deadline::Deadline;
use super::faults::{HopFault, HopFaults};
use crate::mail::{CopyId, MailId};
use crate::notice::dsn;
use crate::store::{DueItem, ItemState, OutboxKind, RecipientOutcome, Store, StoreError, Work};
use plan::{Plan, plan};

mod plan;

/// Transactions under way at once.
const AT_ONCE: usize = 12;
/// RFC 5321 §4.5.3.2 allows minutes; the final dot's ten would keep one of the couriers too long.
const PATIENCE: Duration = Duration::from_secs(120);
/// For one item in all, its content included (decision D31): shorter than the lease on it.
const ITEM: Duration = Duration::from_secs(10 * 60);
/// First wait after a 4xx; doubled each time up to [`LONGEST`], less up to a quarter.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(60 * 60);
/// How long to wait when the store itself does not answer.
const STORE_AWAY: Duration = Duration::from_secs(30);

/// Where items go: `[release] via`.
#[derive(Clone)]
pub struct ReleaseRoute {
    pub to: HopAddress,
    pub tls: RouteTls,
    /// The name the certificate must carry; by default the host of `to`.
    pub tls_name: Option<String>,
    /// LHLO and a reply for each recipient (RFC 2033).
    pub lmtp: bool,
    /// The name we give in EHLO and write into Received and reports.
    pub host: String,
}

#[derive(Debug, Clone)]
pub enum HopAddress {
    /// `host:port`.
    Tcp(String),
    Unix(PathBuf),
}

impl fmt::Display for HopAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HopAddress::Tcp(address) => f.write_str(address),
            HopAddress::Unix(path) => path.display().fmt(f),
        }
    }
}

/// What the connector demands of certificates is its maker's choice.
#[derive(Clone)]
pub enum RouteTls {
    Off,
    /// STARTTLS where it is offered.
    Opportunistic(TlsConnector),
    /// Nothing is sent without it.
    Required(TlsConnector),
    /// Likewise, and the connector verifies the certificate: what REQUIRETLS wants (RFC 8689 §4.2.1).
    Verified(TlsConnector),
}

/// The clock, so that a test can have its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The courier. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    store: Store,
    route: Arc<ReleaseRoute>,
    clock: Clock,
    faults: Arc<HopFaults>,
}

impl Outbox {
    pub fn new(store: Store, route: ReleaseRoute, clock: Clock, faults: Arc<HopFaults>) -> Outbox {
        Outbox { store, route: Arc::new(route), clock, faults }
    }

    /// Delivers until stopped; what is under way then is finished.
    pub async fn run(self, stop: CancellationToken) {
        let mut under_way = JoinSet::new();
        loop {
            let wait = match self.take(&mut under_way).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(%error, "the outbox cannot be read");
                    STORE_AWAY
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = under_way.join_next() => {}
                () = self.store.outbox_changed() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    /// One round: everything due now is tried once. Gives how many items were tried.
    pub async fn deliver_due(&self) -> Result<usize, StoreError> {
        let mut tried = 0;
        loop {
            let due = self.store.outbox_take((self.clock)(), AT_ONCE as u32).await?;
            if due.is_empty() {
                return Ok(tried);
            }
            tried += due.len();
            let mut under_way: JoinSet<_> = due.into_iter().map(|item| self.clone().deliver(item)).collect();
            while under_way.join_next().await.is_some() {}
        }
    }

    /// Starts what is due while there is room; gives how long nothing more will be.
    async fn take(&self, under_way: &mut JoinSet<()>) -> Result<Duration, StoreError> {
        let now = (self.clock)();
        let room = AT_ONCE.saturating_sub(under_way.len());
        if room == 0 {
            return Ok(LONGEST);
        }
        for item in self.store.outbox_take(now, room as u32).await? {
            under_way.spawn(self.clone().deliver(item));
        }
        let next = self.store.outbox_next().await?;
        // A moment at least, so that an item due but not to be had does not make us spin.
        let wait =
            next.map(|at| at.duration_since(now)).and_then(|d| Duration::try_from(d).ok().or(Some(Duration::ZERO)));
        Ok(wait.unwrap_or(LONGEST).clamp(Duration::from_secs(1), LONGEST))
    }

    async fn deliver(self, item: DueItem) {
        let deadline = Deadline::after(ITEM);
        let outcomes = match deadline.wait(self.content(&item)).await {
            Ok(Ok(content)) => self.attempt(&item, &content, deadline).await,
            Ok(Err(error)) => {
                tracing::error!(item = %item.id, %error, "an outbox item cannot be read");
                all(&item, Attempt::PutOff, "451 4.3.0 octroi cannot read the content from its store")
            }
            Err(_) => all(&item, Attempt::PutOff, "451 4.3.0 octroi waits for the content from its store"),
        };
        let now = (self.clock)();
        let reply = last_word(&outcomes);
        match self.store.outbox_settle(&item, outcomes, next_attempt(&item, now), now).await {
            Ok(state) => {
                tracing::info!(item = %item.id, mail = item.mail.as_ref().map(MailId::as_str), kind = item.kind.as_str(), state = %said(state), reply, "outbox");
            }
            // The lease runs out and the item is tried again: better twice than never.
            Err(error) => tracing::error!(item = %item.id, %error, "the result of an outbox item could not be stored"),
        }
    }

    async fn content(&self, item: &DueItem) -> Result<Bytes, StoreError> {
        match self.store.outbox_work(item).await? {
            Work::Content(bytes) if item.kind == OutboxKind::Release => {
                // Decision D10: one Received line in front, every byte after it exact.
                let id = item.copy.as_ref().map_or(item.id.as_str(), CopyId::as_str);
                let date = dsn::rfc5322_date((self.clock)());
                let mut content =
                    format!("Received: by {} (octroi) id {id};\r\n\t{date}\r\n", self.route.host).into_bytes();
                content.extend_from_slice(&bytes);
                Ok(content.into())
            }
            Work::Content(bytes) => Ok(bytes),
            Work::FailureReport { report, original } => {
                let message_id = format!("{}@{}", item.id, self.route.host);
                let stamp = dsn::Stamp { host: &self.route.host, date: item.created, message_id: &message_id };
                Ok(dsn::compose(&report, &original, &stamp).into())
            }
        }
    }

    /// Opens the route and makes one transaction. What breaks on the way puts every recipient off.
    async fn attempt(&self, item: &DueItem, content: &[u8], deadline: Deadline) -> Vec<RecipientOutcome> {
        let talk = async {
            match &self.route.to {
                HopAddress::Tcp(to) => {
                    let stream = TcpStream::connect(to).await?;
                    stream.set_nodelay(true)?;
                    self.talk_tcp(SmtpClient { stream, timeout: PATIENCE }, item, content, to).await
                }
                HopAddress::Unix(path) => {
                    let stream = UnixStream::connect(path).await?;
                    let mut client = SmtpClient { stream, timeout: PATIENCE };
                    greeting(&mut client).await?;
                    let offer = self.hello(&mut client).await?;
                    self.transaction(&mut client, &offer, false, item, content).await
                }
            }
        };
        match deadline.wait(talk).await {
            Ok(Ok(outcomes)) => self.counted(outcomes),
            Ok(Err(mail_send::Error::UnexpectedReply(reply))) => {
                self.counted(all(item, attempt(&reply), &text(&reply)))
            }
            // The client's one word for a connection that ends and for nonsense.
            Ok(Err(error @ mail_send::Error::UnparseableReply)) => {
                self.faults.note(fault(&error), &error);
                let text = "451 4.4.2 the next server closed the connection, or said something that is no reply";
                all(item, Attempt::PutOff, text)
            }
            Ok(Err(error)) => {
                self.faults.note(fault(&error), &error);
                all(item, Attempt::PutOff, &format!("451 4.4.1 {error}"))
            }
            Err(late) => {
                self.faults.note(HopFault::TimedOut, &late);
                all(item, Attempt::PutOff, "451 4.4.2 the next server took too long")
            }
        }
    }

    /// What the next hop said against a recipient is a fault of its own.
    fn counted(&self, outcomes: Vec<RecipientOutcome>) -> Vec<RecipientOutcome> {
        for outcome in &outcomes {
            match outcome {
                RecipientOutcome::Sent { .. } => {}
                RecipientOutcome::PutOff { .. } => self.faults.count(HopFault::Deferred),
                RecipientOutcome::Failed { .. } => self.faults.count(HopFault::Refused),
            }
        }
        outcomes
    }

    async fn talk_tcp(
        &self,
        mut client: SmtpClient<TcpStream>,
        item: &DueItem,
        content: &[u8],
        to: &str,
    ) -> mail_send::Result<Vec<RecipientOutcome>> {
        greeting(&mut client).await?;
        let offer = self.hello(&mut client).await?;
        let (connector, required) = match &self.route.tls {
            RouteTls::Off => return self.transaction(&mut client, &offer, false, item, content).await,
            RouteTls::Opportunistic(connector) => (connector, false),
            RouteTls::Required(connector) | RouteTls::Verified(connector) => (connector, true),
        };
        if !offer.has_capability(EXT_START_TLS) {
            if required {
                return Err(mail_send::Error::MissingStartTls);
            }
            return self.transaction(&mut client, &offer, false, item, content).await;
        }
        let host = to.rsplit_once(':').map_or(to, |(host, _)| host).trim_matches(['[', ']']);
        let name = self.route.tls_name.as_deref().unwrap_or(host);
        let mut client = client.start_tls(connector, name).await?;
        let offer = self.hello(&mut client).await?;
        let verified = matches!(self.route.tls, RouteTls::Verified(_));
        self.transaction(&mut client, &offer, verified, item, content).await
    }

    async fn hello<T: Stream>(&self, client: &mut SmtpClient<T>) -> mail_send::Result<EhloResponse<String>> {
        if self.route.lmtp { client.lhlo(&self.route.host).await } else { client.ehlo(&self.route.host).await }
    }

    async fn transaction<T: Stream>(
        &self,
        client: &mut SmtpClient<T>,
        offer: &EhloResponse<String>,
        verified: bool,
        item: &DueItem,
        content: &[u8],
    ) -> mail_send::Result<Vec<RecipientOutcome>> {
        let outcomes = match plan(item, content, offer, verified) {
            Ok(plan) => self.say(client, item, content, plan).await?,
            Err(refusal) => {
                // Decision D5: lost capabilities get a fresh look first.
                let attempt = if item.attempts == 0 { Attempt::PutOff } else { Attempt::Failed };
                all(item, attempt, refusal)
            }
        };
        // The transaction is over; what QUIT is answered changes nothing.
        let _ = client.cmd(b"QUIT\r\n").await;
        Ok(outcomes)
    }

    async fn say<T: Stream>(
        &self,
        client: &mut SmtpClient<T>,
        item: &DueItem,
        content: &[u8],
        plan: Plan,
    ) -> mail_send::Result<Vec<RecipientOutcome>> {
        let reply = client.cmd(&plan.mail).await?;
        if !reply.is_positive_completion() {
            return Ok(all(item, attempt(&reply), &text(&reply)));
        }
        let mut outcomes = Vec::new();
        let mut accepted = Vec::new();
        for (n, command) in &plan.recipients {
            let reply = client.cmd(command).await?;
            if reply.is_positive_completion() {
                accepted.push(*n);
            } else {
                outcomes.push(outcome(*n, attempt(&reply), text(&reply)));
            }
        }
        if accepted.is_empty() {
            return Ok(outcomes);
        }
        let replies = if self.route.lmtp { accepted.len() } else { 1 };
        let replies = match send_content(client, content, plan.chunked, replies).await? {
            Ok(replies) => replies,
            // Whatever it says, it has not got the content.
            Err(refused) => {
                let known = attempt(&refused);
                let attempt = if known == Attempt::Sent { Attempt::PutOff } else { known };
                outcomes.extend(accepted.into_iter().map(|n| outcome(n, attempt, text(&refused))));
                return Ok(outcomes);
            }
        };
        for (at, n) in accepted.into_iter().enumerate() {
            if let Some(reply) = replies.get(at).or(replies.last()) {
                outcomes.push(outcome(n, attempt(reply), text(reply)));
            }
        }
        Ok(outcomes)
    }
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Stream for T {}

async fn greeting<T: Stream>(client: &mut SmtpClient<T>) -> mail_send::Result<()> {
    let reply = tokio::time::timeout(PATIENCE, client.read()).await.map_err(|_| mail_send::Error::Timeout)??;
    if reply.is_positive_completion() { Ok(()) } else { Err(mail_send::Error::UnexpectedReply(reply)) }
}

/// Sends the content and reads `replies` replies; the inner `Err` is a refusal to begin.
async fn send_content<T: Stream>(
    client: &mut SmtpClient<T>,
    content: &[u8],
    chunked: bool,
    replies: usize,
) -> mail_send::Result<Result<Vec<Response<String>>, Response<String>>> {
    let mut out = Vec::with_capacity(content.len() + content.len() / 64 + 64);
    if chunked {
        out.extend_from_slice(format!("BDAT {} LAST\r\n", content.len()).as_bytes());
        out.extend_from_slice(content);
    } else {
        let reply = client.cmd(b"DATA\r\n").await?;
        if reply.code != 354 {
            return Ok(Err(reply));
        }
        crate::smtp::client::stuff(content, &mut out);
    }
    let sent = async {
        client.stream.write_all(&out).await?;
        client.stream.flush().await?;
        client.read_many(replies).await
    };
    Ok(Ok(tokio::time::timeout(PATIENCE, sent).await.map_err(|_| mail_send::Error::Timeout)??))
}

/// What broke a transaction.
fn fault(error: &mail_send::Error) -> HopFault {
    match error {
        mail_send::Error::Timeout => HopFault::TimedOut,
        mail_send::Error::Tls(_) | mail_send::Error::InvalidTLSName | mail_send::Error::MissingStartTls => {
            HopFault::Tls
        }
        mail_send::Error::Io(_) => HopFault::Connect,
        _ => HopFault::Lost,
    }
}

/// What was said last against somebody, else last of all.
fn last_word(outcomes: &[RecipientOutcome]) -> String {
    let words = |sent: bool| {
        outcomes.iter().rev().find_map(move |outcome| match outcome {
            RecipientOutcome::Sent { reply, .. } => sent.then_some(reply),
            RecipientOutcome::PutOff { reply, .. } | RecipientOutcome::Failed { reply, .. } => (!sent).then_some(reply),
        })
    };
    words(false).or_else(|| words(true)).cloned().unwrap_or_default()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    Sent,
    PutOff,
    Failed,
}

/// RFC 5321 §4.2.1: 2xx done, 5xx never; everything else, also what makes no sense here, is tried again.
fn attempt(reply: &Response<String>) -> Attempt {
    match reply.code {
        200..300 => Attempt::Sent,
        500..600 => Attempt::Failed,
        _ => Attempt::PutOff,
    }
}

fn outcome(n: i64, attempt: Attempt, reply: String) -> RecipientOutcome {
    match attempt {
        Attempt::Sent => RecipientOutcome::Sent { n, reply },
        Attempt::PutOff => RecipientOutcome::PutOff { n, reply },
        Attempt::Failed => RecipientOutcome::Failed { n, reply },
    }
}

/// One result for every recipient. A positive reply at the wrong moment is not a delivery.
fn all(item: &DueItem, attempt: Attempt, reply: &str) -> Vec<RecipientOutcome> {
    let attempt = if attempt == Attempt::Sent { Attempt::PutOff } else { attempt };
    item.recipients.iter().map(|(n, _)| outcome(*n, attempt, reply.to_owned())).collect()
}

/// The reply as one line, at most 500 characters of it.
fn text(reply: &Response<String>) -> String {
    let [class, subject, detail] = reply.esc;
    let message: String = reply.message.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect();
    if class == 0 {
        format!("{} {message}", reply.code)
    } else {
        format!("{} {class}.{subject}.{detail} {message}", reply.code)
    }
}

fn said(state: ItemState) -> &'static str {
    match state {
        ItemState::Ready => "put off",
        other => other.as_str(),
    }
}

/// Doubling waits. The jitter follows from the item's name, so that items put off together come back apart.
fn next_attempt(item: &DueItem, now: Timestamp) -> Timestamp {
    let wait = FIRST.saturating_mul(1 << item.attempts.min(10)).min(LONGEST);
    let hash = blake3::hash(format!("{} {}", item.id, item.attempts).as_bytes());
    let jitter = wait.mul_f64(f64::from(hash.as_bytes()[0]) / 1024.0); // a hash has 32 bytes
    now.checked_add(wait.saturating_sub(jitter)).unwrap_or(now)
}
