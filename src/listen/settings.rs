// SPDX-License-Identifier: EUPL-1.2
//! Settings of the listeners.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use crate::mail::Domain;
use crate::smtp::data::BareNewline;

/// The SMTP listener: where it stands, who may speak, how much at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpSettings {
    pub listen: Vec<SocketAddr>,
    /// Our name in greeting, EHLO and Received.
    pub hostname: String,
    /// The operator gave that name; else it is the system's, which a mail server beside us has, too.
    pub hostname_is_chosen: bool,
    /// What stands before us (decision D22).
    pub client_kind: ClientKind,
    /// Who may send through us (decision D6).
    pub clients: Networks,
    /// PEM file with the authorities whose client certificates may send through us, from anywhere.
    pub client_certs: Option<PathBuf>,
    pub trusted_peers: TrustedPeers,
    /// Sender domains beside our own for which we relay.
    pub relay_for: Vec<Domain>,
    /// Bytes of one message at most; announced as SIZE (RFC 1870).
    pub max_size: u64,
    /// Recipients of one transaction at most; RFC 5321 §4.5.3.1.8 wants 100 or more.
    pub max_recipients: usize,
    pub max_connections: usize,
    pub max_connections_per_client: usize,
    pub bare_newline: BareNewline,
    pub auth: Auth,
    /// Completes a login without a domain (decision D18).
    pub login_domain: Option<Domain>,
    pub tls: InwardTls,
    pub timeouts: Timeouts,
}

/// The milter listener: where it stands. Who may connect, sizes and numbers are the SMTP listener's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MilterSettings {
    pub listen: Vec<MilterAddress>,
}

/// Where an MTA finds its filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MilterAddress {
    Inet(SocketAddr),
    Unix(PathBuf),
}

/// As it is written in the settings.
impl std::fmt::Display for MilterAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            MilterAddress::Inet(address) => write!(f, "inet:{address}"),
            MilterAddress::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// What stands before us: it decides whether a deferral is kept by somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// An MTA with a queue: it tries again after 451.
    Queue,
    /// Mail programs, or a proxy before the queue: nobody tries again by himself.
    Submission,
}

/// AUTH (decision D7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    Off,
    /// Passed to the next hop, which judges it; offered under TLS only.
    Pass,
}

/// A list of networks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Networks(pub Vec<IpNet>);

impl Networks {
    /// Whether an address lies in one of them; IPv4-mapped IPv6 counts as IPv4 (RFC 4291 §2.5.5.2).
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Whether nothing but this machine lies in them.
    pub fn is_loopback_only(&self) -> bool {
        self.0.iter().all(|network| network.network().is_loopback() && network.broadcast().is_loopback())
    }
}

/// Peers whose word about the client is believed, each protocol its own list (decision D6).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedPeers {
    pub xclient: Networks,
    pub xforward: Networks,
    pub proxy: Networks,
    /// Whose topmost Received field names the authenticated sender (decision D18).
    pub received: Networks,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InwardTlsMode {
    Off,
    /// STARTTLS is offered.
    Opportunistic,
    /// No MAIL before STARTTLS (RFC 3207 §4).
    Required,
}

/// TLS towards clients. Certificate and key are set whenever the mode is not `Off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InwardTls {
    pub mode: InwardTlsMode,
    /// Where TLS begins with the connection (RFC 8314 §3.3).
    pub listen: Vec<SocketAddr>,
    /// PEM file: our certificate and those between it and the authority.
    pub certificate: Option<PathBuf>,
    /// PEM file: our private key.
    pub key: Option<PathBuf>,
}

/// How long a client may be silent (RFC 5321 §4.5.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Before a command.
    pub command: Duration,
    /// Inside the content, between two blocks.
    pub data: Duration,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Networks {
        Networks(texts.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn a_mapped_address_is_its_ipv4_self() {
        let clients = networks(&["192.0.2.0/24"]);
        assert!(clients.contains("::ffff:192.0.2.7".parse().unwrap()));
        assert!(!clients.contains("::ffff:192.0.3.7".parse().unwrap()));
    }

    #[test]
    fn loopback_is_all_of_127_and_the_one_ipv6_address() {
        assert!(networks(&["127.0.0.0/8", "::1/128"]).is_loopback_only());
        assert!(!networks(&["127.0.0.0/7"]).is_loopback_only());
        assert!(!networks(&["::1/128", "10.0.0.0/8"]).is_loopback_only());
        assert!(networks(&[]).is_loopback_only());
    }
}
