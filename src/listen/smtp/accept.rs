// SPDX-License-Identifier: EUPL-1.2
//! From an accepted socket to a session: who the client is, whether it may connect, and which proxy stands in between.

use std::fmt::Display;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::connection::{Connection, Transport};
use super::handshake::secure;
use super::{Listener, TlsStart};
use crate::deliver::stream::Stream;
use crate::listen::capacity::Permit;
use crate::listen::metrics;
use crate::listen::refusal::{Refusal, log_refusal};
use crate::mail::reply::Row;
use crate::mail::{Client, reply};
use crate::smtp::proxy;
use crate::smtp::server::{Peer, Session, Trust};

/// For the PROXY header, which a balancer sends with its first packet (proxy-protocol.txt §2 asks for 3 s or more).
const PROXY_HEADER: Duration = Duration::from_secs(10);

impl Listener {
    pub(super) async fn receive(self: Arc<Self>, mut stream: TcpStream, peer: SocketAddr, tls: TlsStart) {
        let peer = peer.ip().to_canonical();
        let Some(mut place) = self.connections.enter() else {
            return self.turn_away(stream, peer, reply::TOO_MANY_CONNECTIONS).await;
        };
        let mut address = peer;
        if self.settings.trusted_peers.proxy.contains(peer) {
            match Box::pin(timeout(PROXY_HEADER, proxied(&mut stream))).await {
                Ok(Ok(source)) => address = source.unwrap_or(peer),
                _ => {
                    return self.closed(peer, "connect", &"a trusted proxy sent no PROXY header");
                }
            }
        }
        let admitted = self.settings.clients.contains(address);
        let refusal = match admitted || self.admits_strangers() {
            false => reply::CLIENT_REFUSED,
            true if !place.is_for(address) => reply::TOO_MANY_CONNECTIONS,
            true => {
                self.metrics.sessions.add(1);
                let _open = self.metrics.sessions_open.enter();
                let ended = self.converse(stream, Incoming { address, admitted, tls }, place).await;
                if let Err(error) = ended {
                    tracing::debug!(%error, client = %address, "smtp: a connection ended early");
                }
                return;
            }
        };
        self.turn_away(stream, address, refusal).await;
    }

    /// A reply in place of the greeting, and goodbye (RFC 5321 §3.1).
    async fn turn_away(&self, mut stream: TcpStream, client: IpAddr, row: Row) {
        let out = self.refusal(client, row);
        // Whoever is turned away may not wait to read why.
        let _ = timeout(Duration::from_secs(5), async {
            stream.write_all(&out).await?;
            stream.shutdown().await
        })
        .await;
    }

    /// Notes a reply in place of the greeting; gives its octets.
    fn refusal(&self, client: IpAddr, row: Row) -> Vec<u8> {
        let (mut out, said) = (Vec::new(), row.reply());
        said.write(&mut out);
        let refusal = Refusal { code: row.code, cause: &said, ..Refusal::of(metrics::Listener::Smtp, client) };
        log_refusal(&refusal, &self.metrics, &self.log);
        out
    }

    /// Notes a connection that was closed without a reply.
    pub(super) fn closed(&self, client: IpAddr, at: &str, cause: &dyn Display) {
        let refusal = Refusal { at, cause, ..Refusal::of(metrics::Listener::Smtp, client) };
        log_refusal(&refusal, &self.metrics, &self.log);
    }

    /// Whether somebody of another network could show a certificate or log in (decision D6).
    fn admits_strangers(&self) -> bool {
        self.settings.client_certs.is_some() || self.session.auth
    }

    async fn converse(&self, stream: TcpStream, incoming: Incoming, _place: Permit) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let config = self.tls.clone();
        let mut client = Client { address: Some(incoming.address), ..Client::default() };
        let mut admitted = incoming.admitted;
        let stream = match (incoming.tls, &config) {
            (TlsStart::Explicit, _) => Stream::Plain(stream),
            (TlsStart::Implicit, Some(config)) => {
                let secured = Box::pin(secure(stream, config.clone())).await;
                let secured = secured.inspect_err(|error| self.closed(incoming.address, "tls", error))?;
                admitted |= secured.certificate.is_some();
                (client.tls, client.certificate) = (Some(secured.tls), secured.certificate);
                secured.stream
            }
            (TlsStart::Implicit, None) => return Err(io::ErrorKind::Unsupported.into()),
        };
        let known = self.hop.capabilities().unwrap_or_default();
        let trusted = &self.settings.trusted_peers;
        let trust = Trust {
            xclient: trusted.xclient.contains(incoming.address),
            xforward: trusted.xforward.contains(incoming.address),
            received: trusted.received.contains(incoming.address),
        };
        let session =
            Session::new(self.session.clone(), known, Peer { client, starttls: config.is_some(), trust, admitted });
        Connection::new(self, Transport { stream, tls: config }, session).hold().await
    }
}

/// What is known once somebody has come in.
struct Incoming {
    /// Who connected, or for whom a balancer says it did.
    address: IpAddr,
    admitted: bool,
    tls: TlsStart,
}

/// Reads a PROXY header and not an octet more.
async fn proxied(stream: &mut TcpStream) -> io::Result<Option<IpAddr>> {
    let mut header = Vec::with_capacity(128);
    loop {
        match proxy::read(&header).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))? {
            proxy::HeaderProgress::Done(address) => return Ok(address),
            proxy::HeaderProgress::Needs(more) => {
                let had = header.len();
                header.resize(had + more, 0);
                stream.read_exact(&mut header[had..]).await?;
            }
        }
    }
}
