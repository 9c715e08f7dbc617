// SPDX-License-Identifier: EUPL-1.2
//! TLS as the server (RFC 3207, RFC 8314).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::deliver::stream::{Stream, negotiated};
use crate::listen::certificate;
use crate::mail;

/// For a TLS handshake (not in RFC 3207; a client that cannot finish in this time will not).
pub(super) const HANDSHAKE: Duration = Duration::from_secs(30);

/// A connection after its handshake.
pub(super) struct Secured {
    pub stream: Stream,
    pub tls: mail::Tls,
    /// Whom the client's certificate names; rustls has verified it.
    pub certificate: Option<String>,
}

pub(super) async fn secure(stream: TcpStream, config: Arc<ServerConfig>) -> io::Result<Secured> {
    let accepting = TlsAcceptor::from(config).accept(stream);
    let stream = timeout(HANDSHAKE, accepting).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let connection = stream.get_ref().1;
    let certificate = connection.peer_certificates().and_then(|chain| chain.first()).map(certificate::owner);
    let tls = negotiated(connection, certificate.is_some());
    Ok(Secured { stream: Stream::Tls(Box::new(stream.into())), tls, certificate })
}
