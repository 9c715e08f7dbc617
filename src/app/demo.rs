// SPDX-License-Identifier: EUPL-1.2
//! The demonstration: the real gateway, with a temporary folder, a temporary next hop and sample mails.
//!
//! What must not live here: printing (`cli`), and any short cut through the gateway. The mails come in through the
//! SMTP listener, and the verdicts shown are the gateway's own log lines.
//!
//! How it fails: with a [`DemoError`] before the first mail, or at a mail that the gateway does not answer. In every
//! case the folder is removed together with the [`Demo`].
//!
//! Standards: those of the gateway.

mod client;
mod folder;
mod lines;
mod morning;
mod next_hop;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use super::{Gateway, StartError, shipped};
use crate::config;
use crate::diagnostic::Diagnostics;
use crate::listen::log;
use folder::Folder;

pub use lines::{Copy, LogEvent};
pub use morning::{MORNING, Sample};
pub use next_hop::Taken;

/// How long the gateway may take to write down what it has decided. It takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the demonstration cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("cannot create the folder of the demonstration, {0}: {1}")]
    Folder(String, io::Error),
    #[error("the next hop of the demonstration cannot listen: {0}")]
    NextHop(io::Error),
    #[error("the settings of the demonstration are not in order: {0}")]
    Settings(Diagnostics),
    #[error("the log cannot be started: {0}")]
    Log(io::Error),
    #[error(transparent)]
    Gateway(#[from] StartError),
    #[error("the gateway does not answer: {0}")]
    Client(io::Error),
    #[error("the gateway answered, but wrote no log line about it")]
    Silent,
}

/// A gateway that is up, with all that it needs around it.
pub struct Demo {
    /// Where to send a mail of one's own.
    pub door: SocketAddr,
    /// Where `/metrics` and the health pages are.
    pub pages: SocketAddr,
    gateway: Gateway,
    told: UnboundedReceiver<LogEvent>,
    taken: UnboundedReceiver<Taken>,
    next_hop: JoinHandle<()>,
    _log: log::Guard,
    // Last, so that it goes when nobody writes into it any more.
    folder: Folder,
}

/// Something happened after the morning.
pub enum Event {
    LogEvent(LogEvent),
    Taken(Taken),
}

impl Demo {
    /// Makes the folder, the next hop and the gateway.
    ///
    /// # Errors
    /// No folder, no port, or a gateway that does not start.
    pub async fn start() -> Result<Demo, DemoError> {
        let folder = Folder::make().map_err(|(path, error)| DemoError::Folder(path, error))?;
        let unwritable = |error| DemoError::Folder(folder.path().display().to_string(), error);
        shipped::write(&folder.path().join("policies")).map_err(unwritable)?;
        let hop = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(DemoError::NextHop)?;
        let upstream = hop.local_addr().map_err(DemoError::NextHop)?;
        let (taken, next_hop) = next_hop::start(hop, folder.path().join("next-hop")).map_err(unwritable)?;

        let owner = folder.owner().map_err(unwritable)?;
        std::fs::write(folder.path().join("mx.json"), mx_hosts()).map_err(unwritable)?;
        let loaded = loaded(&folder.settings(), upstream, owner)?;
        let (told, log, guard) = lines::start(&loaded.settings.log).map_err(DemoError::Log)?;
        let gateway = Gateway::start(&loaded, log).await?;
        // Each was given one address, and a gateway that has started listens on all of them.
        let [door, pages] = [&gateway.addresses, &gateway.pages].map(|a| a.first().copied().unwrap_or(upstream));
        // Now that the ports are known, the file says them: the commands one may try read it.
        std::fs::write(folder.settings(), settings(door, upstream, pages, owner)).map_err(unwritable)?;
        Ok(Demo { door, pages, gateway, told, taken, next_hop, _log: guard, folder })
    }

    /// The settings file to name to other commands.
    pub fn settings(&self) -> std::path::PathBuf {
        self.folder.settings()
    }

    /// The folder with every mail that reached the next hop.
    pub fn outgoing(&self) -> std::path::PathBuf {
        self.folder.path().join("next-hop")
    }

    /// Sends one mail through the listener and waits until the gateway has said what became of each copy.
    ///
    /// # Errors
    /// The gateway does not answer, or keeps silent in its log.
    pub async fn send(&mut self, sample: &Sample) -> Result<Vec<Copy>, DemoError> {
        let accepted = client::send(self.door, sample).await.map_err(DemoError::Client)?;
        let mut copies = Vec::new();
        while copies.len() < accepted {
            match tokio::time::timeout(PATIENCE, self.told.recv()).await {
                Ok(Some(LogEvent::Copy(copy))) => copies.push(self.explained(copy)),
                Ok(Some(LogEvent::Trouble(_))) => {}
                Ok(None) | Err(_) => return Err(DemoError::Silent),
            }
        }
        Ok(copies)
    }

    /// Mails and copies that have reached the next hop and were not asked for yet.
    pub fn taken(&mut self) -> Vec<Taken> {
        std::iter::from_fn(|| self.taken.try_recv().ok()).collect()
    }

    /// What happens next: a copy is judged, a mail reaches the next hop. `None` when the gateway has gone.
    pub async fn next(&mut self) -> Option<Event> {
        tokio::select! {
            told = self.told.recv() => Some(Event::LogEvent(match told? {
                LogEvent::Copy(copy) => LogEvent::Copy(self.explained(copy)),
                trouble => trouble,
            })),
            taken = self.taken.recv() => Some(Event::Taken(taken?)),
        }
    }

    /// Ends gateway and next hop; the folder goes with what is left of us.
    pub async fn stop(self) {
        self.gateway.stop().await;
        self.next_hop.abort();
    }

    /// The log names the rule; the policy in force knows its reason.
    fn explained(&self, copy: Copy) -> Copy {
        let ruleset = self.gateway.pipeline.inspector.ruleset.load();
        let reason = copy.rule.as_deref().and_then(|rule| ruleset.policy.rules.get(rule)).map(|r| r.reason.clone());
        Copy { reason, ..copy }
    }
}

/// The settings with both listeners on whatever port is free, which a file cannot say.
fn loaded(name: &Path, upstream: SocketAddr, owner: u32) -> Result<config::Loaded, DemoError> {
    let [door, pages] = [10025, 8025].map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
    let text = settings(door, upstream, pages, owner);
    // Without the environment: a demonstration must not touch a store that somebody's variables name.
    let mut loaded = config::parse(&text, name, std::iter::empty()).map_err(DemoError::Settings)?;
    let free = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    loaded.settings.smtp.listen = vec![free];
    loaded.settings.web = Some(free);
    Ok(loaded)
}

fn settings(door: SocketAddr, upstream: SocketAddr, pages: SocketAddr, owner: u32) -> String {
    format!(
        r#"# Made by `octroi demo`; gone when it ends.
[house]
name = "Ministère de la Justice"
contact = "securite@justice.gouv.example"
[smtp]
listen = ["{door}"]
upstream = "{upstream}"
hostname = "octroi.justice.gouv.example"
[smtp.upstream_tls]
mode = "off"
[release]
via = "{upstream}"
[store]
url = "sqlite:octroi.db"
[web]
listen = "{pages}"
[policies]
path = "policies"
[dns]
static = "mx.json"
[cli.accounts]
{owner} = {{ account = "demo", role = "reviewer" }}
"#
    )
}

/// The morning's domains, so that no resolver is asked.
fn mx_hosts() -> String {
    let domains = MORNING.iter().flat_map(|sample| sample.to).filter_map(|to| to.rsplit_once('@'));
    let hosts: serde_json::Map<_, _> =
        domains.map(|(_, domain)| (domain.to_owned(), serde_json::json!([format!("mx.{domain}")]))).collect();
    serde_json::Value::Object(hosts).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_settings_are_in_order() {
        let upstream = SocketAddr::from((Ipv4Addr::LOCALHOST, 2525));
        let loaded = loaded(Path::new("octroi.toml"), upstream, 1000).unwrap();
        assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    }
}
