// SPDX-License-Identifier: EUPL-1.2
//! Settings of delivery: the next hop, its TLS, its pool.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// Where a next hop stands, and which protocol it speaks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Hop {
    Smtp {
        host: String,
        port: u16,
    },
    LmtpTcp {
        host: String,
        port: u16,
    },
    /// An LMTP server on a unix socket.
    LmtpUnix(PathBuf),
}

impl Hop {
    /// LMTP answers once a recipient after the final dot (RFC 2033 §4.2).
    pub fn is_lmtp(&self) -> bool {
        !matches!(self, Hop::Smtp { .. })
    }
}

/// As it is written in the settings.
impl fmt::Display for Hop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prefix, host, port) = match self {
            Hop::Smtp { host, port } => ("", host, port),
            Hop::LmtpTcp { host, port } => ("lmtp:", host, port),
            Hop::LmtpUnix(path) => return write!(f, "lmtp:{}", path.display()),
        };
        if host.contains(':') { write!(f, "{prefix}[{host}]:{port}") } else { write!(f, "{prefix}{host}:{port}") }
    }
}

/// How much TLS the next hop must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutwardTlsMode {
    Off,
    /// STARTTLS where it is offered, any certificate; plain text otherwise (RFC 7435).
    Opportunistic,
    /// STARTTLS or nothing, any certificate.
    Required,
    /// STARTTLS with a certificate that a known authority gave to the expected name.
    Verified,
}

/// TLS towards the next hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutwardTls {
    pub mode: OutwardTlsMode,
    /// The name the certificate must carry; the host of the next hop if unset.
    pub name: Option<String>,
    /// PEM file with the authorities to trust; the system's if unset.
    pub ca: Option<PathBuf>,
}

/// Connections kept open towards the next hop (decision D3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// Connections at most, busy and idle together.
    pub size: usize,
    /// How long an idle one is kept.
    pub idle: Duration,
}

/// The road onward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    pub hop: Hop,
    pub tls: OutwardTls,
    pub pool: Pool,
    /// How long a connection attempt may take.
    pub connect: Duration,
    /// How long the next hop may take from the content's end to its reply (decision D4).
    pub reply: Duration,
}
