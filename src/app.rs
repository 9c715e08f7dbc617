// SPDX-License-Identifier: EUPL-1.2
//! Wiring: builds every part once, connects the parts, starts and stops the tasks.
//!
//! What must not live here: behaviour. Deciding, reading and writing belong to other rooms.
//!
//! How it fails: before anything listens, with a [`StartError`] that says what to do. octroi never starts
//! half-configured.
//!
//! Standards: sd_notify(3) and socket activation, as systemd documents them.

pub mod campaign_log;
mod campaign_register;
pub mod demo;
mod descriptors;
mod members;
mod wiring;
mod policies;
mod register;
mod rehearsal;
mod reload;
mod remarks;
pub mod replay;
pub mod scan;
mod shipped;
mod tasks;
mod tls;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use governor::clock::DefaultClock;
use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::{self, Loaded, PolicyMode, Settings};
use crate::deliver::mx::MxResolver;
use crate::deliver::next_hop::{self, NextHop};
use crate::deliver::outbox::{Outbox, ReleaseRoute, RouteTls};
use crate::desk::Desk;
use crate::listen::capacity::ContentBudget;
use crate::listen::log::Log;
use crate::listen::metrics::Metrics;
use crate::listen::settings::MilterAddress;
use crate::listen::{control, http, milter, smtp};

use crate::mime;
use crate::pipeline::limits::Counters;
use crate::pipeline::{Bulk, Inspector, MemoryBudget, Pipeline};
use crate::policy;
use crate::store::{self, MembersError, Store, StoreError};
use crate::worker::{self, Workers};

use tasks::{Watched, ask, prove, sweep, watch};
use wiring::{Page, address, listeners, milters, next_hop_settings, notifier, pages, store_settings};

pub use members::Registered;
pub use policies::{PoliciesError, read as read_policies, ruleset, ruleset_for};
pub use rehearsal::{rehearse, rehearse_policies};

/// How long sessions may take to end after the order to stop: longer than the 95 s of D4.
const DRAIN: Duration = Duration::from_secs(100);
/// How long all of the stop may take: shorter than `TimeoutStopSec` of the unit, or the process would be killed with the
/// journal unwritten.
const STOP: Duration = Duration::from_secs(110);

/// Why the gateway does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Policies(#[from] PoliciesError),
    #[error(transparent)]
    Members(#[from] MembersError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "the store cannot be written any more: see the error above in the log, and start octroi again; nothing that was \
         held is lost"
    )]
    StoreEnded,
    #[error("cannot listen on {0}: {1}{hint}", hint = in_use(.1))]
    Listen(String, io::Error),
    #[error(transparent)]
    Tls(#[from] tls::TlsError),
    #[error(transparent)]
    Dns(#[from] crate::deliver::mx::MxError),
    #[error("dns.static {0}: {1}")]
    StaticDns(PathBuf, String),
    #[error("[cli] accounts: {}", .0.join("; "))]
    Accounts(Vec<String>),
    #[error("cannot find the file of this program, which is needed to start workers: {0}")]
    Executable(io::Error),
}

/// What to do where another program listens there.
fn in_use(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "; `ss -ltnp` shows who does, and the settings give octroi another address",
        _ => "",
    }
}

impl StartError {
    /// The fault as a person at a terminal wants it; ends its line.
    pub fn report(&self, colour: bool) -> String {
        match self {
            StartError::Policies(fault) => fault.report(colour),
            other => format!("{other}\n"),
        }
    }
}

/// The part that judges a mail: it needs no listener, no store and no next hop.
pub fn inspector(
    settings: &Settings,
    policies: &Path,
    registered: Registered,
    mode: policy::Mode,
) -> Result<Inspector, StartError> {
    let files = policies::read(policies)?;
    let ruleset = policies::ruleset_with(&files, registered, policies, mode)?;
    let mx = match &settings.dns.fixed {
        Some(path) => MxResolver::new(settings.dns.server, static_hosts(path)?)?,
        None => MxResolver::new(settings.dns.server, HashMap::new())?,
    };
    let executable = std::env::current_exe().map_err(StartError::Executable)?;
    let (cache, picture_bytes) = MemoryBudget::for_workers(settings.limits.reading);
    let workers = worker::WorkerSettings {
        count: settings.limits.workers,
        memory: settings.limits.worker_memory,
        cache,
        picture_bytes,
        pictures: if settings.limits.ocr {
            MOST_OF_PICTURES.min(settings.limits.inspection / 4)
        } else {
            Duration::ZERO
        },
        ..worker::WorkerSettings::new(executable)
    };
    Ok(Inspector {
        ruleset: ArcSwap::from_pointee(ruleset),
        mx,
        workers: Arc::new(Workers::new(workers)),
        budget: mime::ParseBudget::default(),
        timeout: settings.limits.inspection,
        memory: MemoryBudget::new(settings.limits.reading),
        crashes: AtomicU64::new(0),
    })
}

/// Time for the pictures of one file: what comes before them may take three quarters of an inspection (decision D4).
const MOST_OF_PICTURES: Duration = Duration::from_secs(10);

/// What stays unread on this machine although the settings would have it read.
pub fn unread(settings: &Settings) -> Option<&'static str> {
    let is_missing = settings.limits.ocr && !worker::Tesseract::is_installed();
    is_missing.then_some(
        "tesseract is not installed, so octroi does not read the text in pictures and scanned documents; install \
         tesseract-ocr with its languages, or write limits.ocr = false",
    )
}

fn static_hosts(path: &Path) -> Result<HashMap<String, Vec<String>>, StartError> {
    let fault = |text: String| StartError::StaticDns(path.to_owned(), text);
    let text = std::fs::read_to_string(path).map_err(|e| fault(e.to_string()))?;
    serde_json::from_str(&text).map_err(|e| fault(format!("{e}; write {{\"domain\": [\"mx host\", …], …}}")))
}

fn mode(settings: &Settings, now: Timestamp) -> policy::Mode {
    match (settings.policies.mode_at(now), settings.policies.until) {
        (PolicyMode::Enforce, _) => policy::Mode::Enforce,
        (PolicyMode::Observe, until) => {
            let end =
                until.and_then(|day| day.tomorrow().ok()).and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
            policy::Mode::Observe { until: end.map(|zoned| zoned.timestamp()) }
        }
    }
}

/// A gateway that is up. Dropping it stops nothing: call [`Gateway::stop`].
pub struct Gateway {
    pub pipeline: Arc<Pipeline>,
    /// Where the SMTP listener really listens.
    pub addresses: Vec<std::net::SocketAddr>,
    /// Where the health pages and the metrics really are.
    pub pages: Vec<std::net::SocketAddr>,
    pub metrics: Arc<Metrics>,
    /// The settings in force.
    loaded: Arc<ArcSwap<Loaded>>,
    smtp: Arc<ArcSwap<smtp::Listener>>,
    milter: Arc<ArcSwap<milter::Listener>>,
    desk: Arc<Desk>,
    log: Log,
    memory: Arc<ContentBudget>,
    stop: CancellationToken,
    /// Stops what must outlive the listener: outbox, sweeps.
    stop_later: CancellationToken,
    tasks: TaskTracker,
}

impl Gateway {
    /// Builds every part and begins to listen. Everything that can fail fails here.
    pub async fn start(loaded: &Loaded, log: Log) -> Result<Gateway, StartError> {
        let settings = loaded.settings.clone();
        let metrics = Arc::new(Metrics::default());
        let (registered, mode) = (Registered::read(&settings)?, mode(&settings, Timestamp::now()));
        let inspector = inspector(&settings, &settings.policies.path, registered, mode)?;
        let tls = tls::inward(&settings.smtp)?;
        let hop = Arc::new(NextHop::new(next_hop_settings(&settings, metrics.hop_faults.clone())?));
        let accounts = settings.cli.accounts.resolve(&control::system_users()).map_err(StartError::Accounts)?;
        // Decision D33: the store is ours, the listeners are bound, and only then it is opened and changed.
        let claim = store::Claim::take(store_settings(&settings))?;
        let listeners = listeners(&settings).await?;
        let milters = milters(&settings).await?;
        let control = control::bind(&settings.cli.socket)
            .map_err(|e| StartError::Listen(settings.cli.socket.display().to_string(), e))?;
        let pages = pages(&settings).await?;
        let store = claim.open(Timestamp::now()).await?;

        let pipeline = Arc::new(Pipeline {
            inspector,
            journal: store.journal(),
            store: store.clone(),
            limits: Counters::new(DefaultClock::default()),
            bulk: Arc::new(Bulk::restore(&store).await?),
            hostname: settings.smtp.hostname.clone(),
            notices: ArcSwap::from_pointee(notifier(&settings)),
            under_way: TaskTracker::new(),
            stopping: CancellationToken::new(),
        });
        let stop = CancellationToken::new();
        let memory = Arc::new(ContentBudget::new(settings.limits.memory));
        let milter = milter::Listener::new(milter::Parts {
            settings: &settings.smtp,
            pipeline: pipeline.clone(),
            metrics: metrics.clone(),
            log: log.clone(),
            memory: memory.clone(),
            stop: stop.clone(),
        });
        let door = smtp::Listener::new(smtp::Parts {
            settings: settings.smtp.clone(),
            pipeline: pipeline.clone(),
            hop: hop.clone(),
            tls,
            metrics: metrics.clone(),
            log: log.clone(),
            memory: memory.clone(),
            stop: stop.clone(),
        });
        let in_force = Arc::new(ArcSwap::from_pointee(loaded.clone()));
        let lists = register::at_the_desk(&settings, in_force.clone(), pipeline.clone(), metrics.clone());
        let desk = Desk::new(store.clone(), accounts, settings.four_eyes, Arc::new(Timestamp::now)).with_lists(lists);
        let desk = desk.with_bulk_sends(pipeline.bulk.clone());
        let desk = Arc::new(desk);
        let gateway = Gateway {
            addresses: listeners.iter().filter_map(|(l, _)| l.local_addr().ok()).collect(),
            pages: pages.iter().filter_map(|(l, _)| l.local_addr().ok()).collect(),
            pipeline,
            metrics,
            loaded: in_force,
            smtp: Arc::new(ArcSwap::new(door)),
            milter: Arc::new(ArcSwap::new(milter)),
            desk,
            log,
            memory,
            stop,
            stop_later: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        gateway.put_in_force();
        gateway.note_mode().await?;
        // Asked before the first EHLO, so that octroi offers what the next hop offers. octroi also starts if it is down.
        if !gateway.addresses.is_empty()
            && let Err(fault) = hop.probe().await
        {
            tracing::warn!(%fault, next_hop = %hop.address(), "the next hop does not answer yet: mail will be deferred");
        }
        for listener in milters {
            gateway.tasks.spawn(milter::Listener::listen(gateway.milter.clone(), listener));
        }
        gateway.run(listeners, control, pages, hop, store)?;
        Ok(gateway)
    }

    fn run(
        &self,
        listeners: Vec<(TcpListener, smtp::TlsStart)>,
        control: tokio::net::UnixListener,
        pages: Vec<(TcpListener, Page)>,
        hop: Arc<NextHop>,
        store: Store,
    ) -> Result<(), StartError> {
        for (listener, tls) in listeners {
            self.tasks.spawn(smtp::Listener::listen(self.smtp.clone(), listener, tls));
        }
        self.tasks.spawn(control::serve(control, self.desk.clone(), self.stop.clone()));
        let outbox =
            Outbox::new(store.clone(), self.route()?, Arc::new(Timestamp::now), self.metrics.hop_faults.clone());
        self.tasks.spawn(outbox.run(self.stop_later.clone()));

        // The milter listener hands mail back: without an SMTP listener nothing waits for the next hop.
        let has_smtp = !self.addresses.is_empty();
        let away = Arc::new(AtomicBool::new(has_smtp && hop.capabilities().is_none()));
        let (full, unproven) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
        self.tasks.spawn(prove(store.clone(), unproven.clone(), self.stop_later.clone()));
        let hop = has_smtp.then_some(hop);
        if let Some(hop) = &hop {
            self.tasks.spawn(ask(hop.clone(), away.clone(), self.stop_later.clone()));
        }
        self.tasks.spawn(watch(Watched {
            hop,
            store: store.clone(),
            metrics: self.metrics.clone(),
            memory: self.memory.clone(),
            pipeline: self.pipeline.clone(),
            log: self.log.clone(),
            quota_reached: full.clone(),
            stop: self.stop_later.clone(),
        }));
        self.tasks.spawn(sweep(store, self.pipeline.clone(), self.stop_later.clone()));
        let missing: http::Missing = Arc::new(move || {
            let mut missing = Vec::new();
            if away.load(Ordering::Relaxed) {
                missing.push("the next hop does not answer".to_owned());
            }
            if full.load(Ordering::Relaxed) {
                missing.push("the store cannot hold more mail: [store] quota is used to 95 %".to_owned());
            }
            missing.extend(unproven.lock().unwrap_or_else(PoisonError::into_inner).clone());
            missing
        });
        let figures = || {
            http::metrics(self.metrics.clone(), self.loaded.load().settings.metrics_clients.clone(), self.log.clone())
        };
        for (listener, page) in pages {
            let health = http::health(missing.clone());
            let router = match page {
                Page::All => health.merge(figures()),
                Page::Health => health,
                Page::Metrics => figures(),
            };
            let stop = self.stop_later.clone();
            self.tasks.spawn(http::serve(listener, router, self.metrics.clone(), self.log.clone(), stop));
        }
        Ok(())
    }

    fn route(&self) -> Result<ReleaseRoute, StartError> {
        let settings = &self.loaded.load().settings;
        let hop = settings.release.as_ref().unwrap_or(&settings.next_hop.hop);
        let tls = match tls::outward(&settings.next_hop.tls)? {
            next_hop::Tls::Off => RouteTls::Off,
            next_hop::Tls::Opportunistic(connector) => RouteTls::Opportunistic(connector),
            next_hop::Tls::Required(connector) => RouteTls::Required(connector),
            next_hop::Tls::Verified(connector) => RouteTls::Verified(connector),
        };
        // The name belongs to the next hop; another machine has its own.
        let tls_name = settings.next_hop.tls.name.clone().filter(|_| *hop == settings.next_hop.hop);
        Ok(ReleaseRoute { to: address(hop), tls, tls_name, lmtp: hop.is_lmtp(), host: settings.smtp.hostname.clone() })
    }

    /// What follows the last session.
    async fn finish(&self) {
        self.pipeline.stopping.cancel();
        self.pipeline.under_way.close();
        self.pipeline.under_way.wait().await;
        if let Err(error) = self.pipeline.journal.flush().await {
            tracing::error!(%error, "the last rows of the journal are lost");
        }
        if let Err(error) = self.pipeline.bulk.save(&self.pipeline.store).await {
            tracing::error!(%error, "what was counted of bulk sends of late is lost");
        }
        self.stop_later.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        if let Err(error) = self.pipeline.store.clone().close().await {
            tracing::error!(%error, "the store could not be closed");
        }
    }

    /// Accepts no more mail, finishes the mail in progress, writes the journal, and ends.
    pub async fn stop(self) {
        let end = tokio::time::Instant::now() + STOP;
        self.stop.cancel();
        let (smtp, milter) = (self.smtp.load_full(), self.milter.load_full());
        let (smtp, milter) = tokio::join!(smtp.drained(DRAIN), milter.drained(DRAIN));
        if !(smtp && milter) {
            tracing::warn!("sessions are still open after {} s; they are closed now", DRAIN.as_secs());
        }
        if tokio::time::timeout_at(end, self.finish()).await.is_err() {
            tracing::error!("the store or a task did not end in time; the process ends without it");
        }
        let settings = &self.loaded.load().settings;
        let _ = std::fs::remove_file(&settings.cli.socket);
        for address in &settings.milter.listen {
            if let MilterAddress::Unix(path) = address {
                let _ = std::fs::remove_file(path);
            }
        }
    }
}

/// Runs the gateway until SIGTERM or SIGINT; SIGHUP reloads.
pub async fn serve(loaded: &Loaded, log: Log) -> Result<(), StartError> {
    let signals = || -> io::Result<_> {
        Ok((signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?, signal(SignalKind::hangup())?))
    };
    let (mut terminate, mut interrupt, mut hangup) = signals().map_err(|e| StartError::Listen("signals".into(), e))?;
    // The words of a panic may quote what was read, a mail among it: the place is enough to find the fault.
    std::panic::set_hook(Box::new(|panic| {
        let at = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(at, "octroi panicked");
    }));
    if let Some(shortage) = descriptors::shortage(&loaded.settings, descriptors::raise()) {
        tracing::warn!("{shortage}; {}", descriptors::HELP);
    }
    let gateway = Gateway::start(loaded, log).await?;
    let listening: Vec<String> = gateway.addresses.iter().map(ToString::to_string).collect();
    let milters: Vec<String> = loaded.settings.milter.listen.iter().map(ToString::to_string).collect();
    tracing::info!(
        smtp = listening.join(", "),
        milter = milters.join(", "),
        next_hop = %loaded.settings.next_hop.hop,
        "ready"
    );
    // Without systemd nobody listens.
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
    let mut watchdog = watchdog_pulse();
    let mut reload = None;
    let outcome = loop {
        tokio::select! {
            _ = terminate.recv() => break Ok(()),
            _ = interrupt.recv() => break Ok(()),
            // What cannot hold must not go on as if it could: whoever started us starts us again.
            () = gateway.pipeline.store.ended() => break Err(StartError::StoreEnded),
            _ = hangup.recv(), if reload.is_none() => {
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Reloading]);
                let file = loaded.file.clone();
                reload = Some(Box::pin(gateway.reload(move || config::load(file.as_deref()))));
            }
            () = ended(&mut reload) => {
                reload = None;
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            }
            () = pulse(&mut watchdog) => {
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
            }
        }
    };
    drop(reload);
    tracing::info!("stopping: octroi accepts no new sessions and finishes the open ones");
    let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
    gateway.stop().await;
    outcome
}

/// Waits for the end of what is there.
async fn ended<F: Future<Output = ()> + Unpin>(work: &mut Option<F>) {
    match work {
        Some(work) => work.await,
        None => std::future::pending().await,
    }
}

/// A beat at half the time systemd allows, where it asks for one.
fn watchdog_pulse() -> Option<tokio::time::Interval> {
    let allowed = sd_notify::watchdog_enabled()?;
    Some(tokio::time::interval(allowed / 2))
}

async fn pulse(interval: &mut Option<tokio::time::Interval>) {
    match interval {
        Some(interval) => {
            interval.tick().await;
        }
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_is_over_before_systemd_kills() {
        let unit = include_str!("../deploy/systemd/octroi.service");
        let allowed = unit.lines().find_map(|line| line.strip_prefix("TimeoutStopSec=")?.strip_suffix('s'));
        let allowed = Duration::from_secs(allowed.unwrap().parse().unwrap());
        assert!(DRAIN < STOP && STOP < allowed, "{allowed:?}");
    }
}
