// SPDX-License-Identifier: EUPL-1.2
//! The SMTP listener: drives protocol sessions over sockets. It moves bytes and answers events, and does not know
//! SMTP.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::capacity::{ConnectionLimit, ContentBudget};
use super::ids::Ids;
use super::log::Log;
use super::metrics::Metrics;
use super::settings;
use crate::deliver::next_hop::NextHop;
use crate::mail::ReversePath;
use crate::mail::reply::{self, Row};
use crate::pipeline::Pipeline;
use crate::smtp::server::SessionSettings;

mod accept;
mod connection;
mod handshake;

/// Everything the listener's sessions share. A reload puts another in its place ([`Listener::with`]); open sessions
/// keep theirs.
pub struct Listener {
    settings: settings::SmtpSettings,
    session: Arc<SessionSettings>,
    pipeline: Arc<Pipeline>,
    hop: Arc<NextHop>,
    tls: Option<Arc<ServerConfig>>,
    metrics: Arc<Metrics>,
    log: Log,
    connections: Arc<ConnectionLimit>,
    memory: Arc<ContentBudget>,
    ids: Arc<Ids>,
    stop: CancellationToken,
    sessions: TaskTracker,
}

/// What a listener is built from.
pub struct Parts {
    pub settings: settings::SmtpSettings,
    pub pipeline: Arc<Pipeline>,
    pub hop: Arc<NextHop>,
    pub tls: Option<Arc<ServerConfig>>,
    pub metrics: Arc<Metrics>,
    pub log: Log,
    /// Bytes of content in flight, over all listeners.
    pub memory: Arc<ContentBudget>,
    pub stop: CancellationToken,
}

/// When TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsStart {
    /// Where the client says STARTTLS (RFC 3207).
    Explicit,
    /// With the connection (RFC 8314 §3.3).
    Implicit,
}

impl Listener {
    pub fn new(parts: Parts) -> Arc<Listener> {
        let Parts { settings, pipeline, hop, tls, metrics, log, memory, stop } = parts;
        Arc::new(Listener {
            connections: Arc::new(ConnectionLimit::new(settings.max_connections, settings.max_connections_per_client)),
            memory,
            session: Arc::new(session_settings(&settings, &pipeline)),
            settings,
            pipeline,
            hop,
            tls,
            metrics,
            log,
            ids: Arc::new(Ids::new()),
            stop,
            sessions: TaskTracker::new(),
        })
    }

    /// The listener with other settings: connections, ids and sessions are counted on. The limit on connections is one,
    /// and changes at once.
    pub fn with(&self, settings: settings::SmtpSettings, tls: Option<Arc<ServerConfig>>) -> Arc<Listener> {
        self.connections.resize(settings.max_connections, settings.max_connections_per_client);
        Arc::new(Listener {
            session: Arc::new(session_settings(&settings, &self.pipeline)),
            settings,
            tls,
            pipeline: self.pipeline.clone(),
            hop: self.hop.clone(),
            metrics: self.metrics.clone(),
            log: self.log.clone(),
            connections: self.connections.clone(),
            memory: self.memory.clone(),
            ids: self.ids.clone(),
            stop: self.stop.clone(),
            sessions: self.sessions.clone(),
        })
    }

    /// What it works by.
    pub fn settings(&self) -> &settings::SmtpSettings {
        &self.settings
    }

    /// Accepts connections until the gateway stops, each for the listener of that moment.
    pub async fn listen(current: Arc<ArcSwap<Listener>>, socket: TcpListener, tls: TlsStart) {
        let stop = current.load().stop.clone();
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let listener = current.load_full();
                    let sessions = listener.sessions.clone();
                    sessions.spawn(async move { listener.receive(stream, peer, tls).await });
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
    pub async fn drained(&self, limit: Duration) -> bool {
        self.sessions.close();
        timeout(limit, self.sessions.wait()).await.is_ok()
    }

    /// Why this sender's mail is not relayed at all (decision D6). Where nobody has said yet whose mail is, that is ours
    /// to mend (decision D41).
    fn sender_refusal(&self, sender: &ReversePath, now: Timestamp) -> Option<Row> {
        let mailbox = sender.mailbox()?;
        let for_others = self.settings.relay_for.iter().any(|domain| mailbox.domain().is_within(domain.as_str()));
        if for_others || self.pipeline.inspector.ruleset.load().policy.lists.is_own(mailbox, now) {
            return None;
        }
        let is_ours = self.pipeline.is_not_set_up_for(sender, now);
        Some(if is_ours { reply::NOT_SET_UP } else { reply::SENDER_REFUSED })
    }
}

fn session_settings(settings: &settings::SmtpSettings, pipeline: &Arc<Pipeline>) -> SessionSettings {
    SessionSettings {
        hostname: settings.hostname.clone(),
        max_size: settings.max_size,
        max_recipients: settings.max_recipients,
        max_errors: 20,
        bare_newline: settings.bare_newline,
        final_domains: super::final_domains(pipeline),
        require_tls: settings.tls.mode == settings::InwardTlsMode::Required,
        auth: settings.auth == settings::Auth::Pass,
        login_domain: settings.login_domain.clone(),
        command_timeout: settings.timeouts.command,
        data_timeout: settings.timeouts.data,
    }
}
