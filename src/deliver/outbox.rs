// SPDX-License-Identifier: EUPL-1.2
//! Delivers the outbox: takes the items that are due, sends them by SMTP or LMTP on the release route, and stores the
//! result (decisions D10, D16). One item is one transaction; the bytes leave exactly as they were kept.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_util::sync::CancellationToken;

use super::deadline::Deadline;
use super::faults::HopFaults;
use crate::mail::{CopyId, MailId};
use crate::notice::dsn;
use crate::store::{DueItem, ItemState, OutboxKind, RecipientOutcome, Store, StoreError, Work};
use plan::Transaction;
use transfer::{Transfer, transfer};

mod in_step;
mod plan;
mod transfer;

/// Transactions under way at once.
const AT_ONCE: usize = 12;
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
        let Transfer { outcomes, goodbye } = match deadline.wait(self.content(&item)).await {
            Ok(Ok(content)) => transfer(&self.route, &self.faults, &Transaction::of(&item, &content), deadline).await,
            Ok(Err(error)) => {
                tracing::error!(item = %item.id, %error, "an outbox item cannot be read");
                Transfer::none(&item.recipients, "451 4.3.0 octroi cannot read the content from its store")
            }
            Err(_) => Transfer::none(&item.recipients, "451 4.3.0 octroi waits for the content from its store"),
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
        // What became of it is known and stored: a next hop that is slow to part changes nothing.
        if let Some(goodbye) = goodbye {
            goodbye.say().await;
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
