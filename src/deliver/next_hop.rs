// SPDX-License-Identifier: EUPL-1.2
//! The next hop: how to reach it, what it can, and the connections kept open to it (decision D3).

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::OnwardFault;
use super::connection::Connection;
use crate::smtp::Capabilities;

/// How the way to the next hop is protected.
#[derive(Clone)]
pub enum Tls {
    Off,
    /// STARTTLS where offered; the certificate is not looked at.
    Opportunistic(TlsConnector),
    /// STARTTLS or nothing; the connector says whether the certificate is verified.
    Required(TlsConnector),
}

/// What the operator sets about the next hop.
pub struct Settings {
    /// `host:port`.
    pub address: String,
    /// Our name in EHLO.
    pub hostname: String,
    pub tls: Tls,
    /// The name the certificate must carry; by default the host of `address`.
    pub tls_name: Option<String>,
    /// Connections kept open while idle.
    pub pool: usize,
    /// How long one may stay idle.
    pub idle: Duration,
    /// How long to wait for a connection.
    pub connect: Duration,
    /// How long to wait for each reply (decision D4: 45 s).
    pub patience: Duration,
}

/// The next hop and its idle connections.
pub struct NextHop {
    settings: Settings,
    idle: Mutex<Vec<(Connection, Instant)>>,
    known: ArcSwapOption<Capabilities>,
}

impl NextHop {
    pub fn new(settings: Settings) -> NextHop {
        NextHop { settings, idle: Mutex::new(Vec::new()), known: ArcSwapOption::empty() }
    }

    pub fn patience(&self) -> Duration {
        self.settings.patience
    }

    pub fn address(&self) -> &str {
        &self.settings.address
    }

    /// What the next hop offered last; `None` while it has never answered.
    pub fn capabilities(&self) -> Option<Arc<Capabilities>> {
        self.known.load_full()
    }

    /// Connects once to learn what the next hop can, and keeps the connection.
    pub async fn probe(&self) -> Result<Arc<Capabilities>, OnwardFault> {
        let connection = self.connect().await?;
        let capabilities = connection.capabilities.clone();
        self.give_back(connection);
        Ok(capabilities)
    }

    /// Whether the next hop answers: an idle connection is asked, or a new one made and kept.
    pub async fn answers(&self) -> Result<(), OnwardFault> {
        let mut connection = self.take().await?;
        let said = connection.ask(b"NOOP\r\n", self.settings.patience).await;
        if !said.is_ok_and(|reply| reply.code == 250) {
            connection = self.connect().await?;
        }
        self.give_back(connection);
        Ok(())
    }

    /// An idle connection, or a new one.
    pub async fn take(&self) -> Result<Connection, OnwardFault> {
        loop {
            // A poisoned lock would mean a panic while pushing to a Vec; the list is whole all the same.
            let kept = self.idle.lock().unwrap_or_else(|e| e.into_inner()).pop();
            match kept {
                Some((mut connection, since)) => {
                    if since.elapsed() < self.settings.idle && !connection.is_stale() {
                        return Ok(connection);
                    }
                }
                None => return self.connect().await,
            }
        }
    }

    /// Keeps a connection whose transaction has ended, where there is room.
    pub fn give_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(|e| e.into_inner());
        if idle.len() < self.settings.pool {
            idle.push((connection, Instant::now()));
        }
    }

    /// Closes what has been idle too long; called now and then by the wiring.
    pub async fn sweep(&self) {
        let old: Vec<_> = {
            let mut idle = self.idle.lock().unwrap_or_else(|e| e.into_inner());
            let limit = self.settings.idle;
            let (keep, old) = std::mem::take(&mut *idle).into_iter().partition(|(_, since)| since.elapsed() < limit);
            *idle = keep;
            old
        };
        for (connection, _) in old {
            connection.quit().await;
        }
    }

    /// A connection that no pool has seen.
    pub async fn connect(&self) -> Result<Connection, OnwardFault> {
        let settings = &self.settings;
        let stream = match timeout(settings.connect, TcpStream::connect(&settings.address)).await {
            Ok(Ok(stream)) => stream,
            _ => return Err(OnwardFault::Away),
        };
        let mut connection = Connection::greet(stream, settings.patience).await?;
        connection.hello(&settings.hostname, settings.patience).await?;
        let connector = match &settings.tls {
            Tls::Off => None,
            Tls::Opportunistic(connector) => connection.capabilities.starttls.then_some(connector),
            Tls::Required(connector) if connection.capabilities.starttls => Some(connector),
            // Never a silent downgrade.
            Tls::Required(_) => return Err(OnwardFault::Away),
        };
        if let Some(connector) = connector {
            connection = connection.start_tls(connector, self.server_name()?, settings.patience).await?;
            connection.hello(&settings.hostname, settings.patience).await?;
        }
        self.known.store(Some(connection.capabilities.clone()));
        Ok(connection)
    }

    fn server_name(&self) -> Result<ServerName<'static>, OnwardFault> {
        let host = self.settings.address.rsplit_once(':').map_or(self.settings.address.as_str(), |(host, _)| host);
        let name = self.settings.tls_name.as_deref().unwrap_or(host.trim_matches(['[', ']']));
        ServerName::try_from(name.to_owned()).map_err(|_| OnwardFault::Away)
    }
}
