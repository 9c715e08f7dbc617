// SPDX-License-Identifier: EUPL-1.2
//! One connection to a next hop: bytes out, replies in, with and without TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::{TlsConnector, TlsStream};

use super::OnwardFault;
use crate::mail::Reply;
use crate::smtp::Capabilities;
use crate::smtp::client::ReplyReader;

/// Plain or under TLS, of either side.
pub enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    /// While TLS is negotiated, and after it failed.
    Gone,
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut *self {
            Stream::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Gone => Poll::Ready(Ok(())),
        }
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Stream::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Stream::Gone => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
    fn is_write_vectored(&self) -> bool {
        match self {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
            Stream::Gone => false,
        }
    }
}

/// A connection past its greeting; what it offers is known.
pub struct Connection {
    stream: Stream,
    replies: ReplyReader,
    input: Box<[u8]>,
    /// What was read and not yet taken: `input[taken..filled]`.
    taken: usize,
    filled: usize,
    pub(super) capabilities: Arc<Capabilities>,
}

impl Connection {
    /// Takes over a connected socket and reads its greeting (RFC 5321 §3.1).
    pub(super) async fn greet(stream: TcpStream, patience: Duration) -> Result<Connection, OnwardFault> {
        // Nagle and a delayed acknowledgement cost 40 ms a reply.
        stream.set_nodelay(true).map_err(|_| OnwardFault::Away)?;
        let mut connection = Connection {
            stream: Stream::Plain(stream),
            replies: ReplyReader::default(),
            input: vec![0; 4096].into_boxed_slice(),
            taken: 0,
            filled: 0,
            capabilities: Arc::default(),
        };
        let greeting = connection.reply(patience).await?;
        if greeting.code == 220 { Ok(connection) } else { Err(OnwardFault::Away) }
    }

    /// Says EHLO, or HELO where EHLO is unknown (RFC 5321 §3.2), and notes what is offered.
    pub(super) async fn hello(&mut self, name: &str, patience: Duration) -> Result<(), OnwardFault> {
        let mut answer = self.ask(format!("EHLO {name}\r\n").as_bytes(), patience).await?;
        if answer.is_permanent() {
            answer = self.ask(format!("HELO {name}\r\n").as_bytes(), patience).await?;
        }
        if answer.code != 250 {
            return Err(OnwardFault::Away);
        }
        self.capabilities = Arc::new(Capabilities::from_ehlo(&answer));
        Ok(())
    }

    /// STARTTLS (RFC 3207). The caller says EHLO again afterwards, as §4.2 demands.
    pub(super) async fn start_tls(
        mut self,
        connector: &TlsConnector,
        name: ServerName<'static>,
        patience: Duration,
    ) -> Result<Connection, OnwardFault> {
        let answer = self.ask(b"STARTTLS\r\n", patience).await?;
        // Anything that came after the reply in clear was injected (RFC 3207 §6).
        if answer.code != 220 || self.has_input() {
            return Err(OnwardFault::Away);
        }
        let Stream::Plain(stream) = self.stream else { return Err(OnwardFault::Away) };
        let stream = timeout(patience, connector.connect(name, stream))
            .await
            .map_err(|_| OnwardFault::Away)?
            .map_err(|_| OnwardFault::Away)?;
        Ok(Connection { stream: Stream::Tls(Box::new(stream.into())), ..self })
    }

    pub(super) async fn ask(&mut self, command: &[u8], patience: Duration) -> Result<Reply, OnwardFault> {
        self.write(command).await?;
        self.reply(patience).await
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), OnwardFault> {
        self.stream.write_all(bytes).await.map_err(|_| OnwardFault::Lost)?;
        self.flush().await
    }

    /// Two pieces in as few writes as the socket allows.
    pub(super) async fn write_both(&mut self, first: &[u8], second: &[u8]) -> Result<(), OnwardFault> {
        let mut sent = 0;
        while sent < first.len() {
            let pieces = [io::IoSlice::new(&first[sent..]), io::IoSlice::new(second)];
            match self.stream.write_vectored(&pieces).await {
                Ok(0) | Err(_) => return Err(OnwardFault::Lost),
                Ok(n) => sent += n,
            }
        }
        self.write(&second[sent - first.len()..]).await
    }

    async fn flush(&mut self) -> Result<(), OnwardFault> {
        match self.stream {
            Stream::Plain(_) | Stream::Gone => Ok(()),
            Stream::Tls(_) => self.stream.flush().await.map_err(|_| OnwardFault::Lost),
        }
    }

    /// The next reply, waiting at most `patience` for each piece of it.
    pub(super) async fn reply(&mut self, patience: Duration) -> Result<Reply, OnwardFault> {
        loop {
            match self.replies.feed(&self.input[self.taken..self.filled]) {
                Ok((used, reply)) => {
                    self.taken += used;
                    if let Some(reply) = reply {
                        return Ok(reply);
                    }
                }
                Err(_) => return Err(OnwardFault::Gibberish),
            }
            let n = match timeout(patience, self.stream.read(&mut self.input)).await {
                Ok(Ok(n)) if n > 0 => n,
                _ => return Err(OnwardFault::Lost),
            };
            (self.taken, self.filled) = (0, n);
        }
    }

    /// Whether the next hop said something nobody asked for, or closed: such a connection is not used again.
    pub(super) fn is_stale(&mut self) -> bool {
        if self.has_input() {
            return true;
        }
        match &self.stream {
            Stream::Plain(stream) => {
                !matches!(stream.try_read(&mut [0; 1]), Err(e) if e.kind() == io::ErrorKind::WouldBlock)
            }
            // Under TLS a close shows at the next command; the envelope is then replayed once.
            Stream::Tls(_) => false,
            Stream::Gone => true,
        }
    }

    /// Whether bytes wait that belong to no reply taken so far.
    fn has_input(&self) -> bool {
        self.taken < self.filled || !self.replies.is_idle()
    }

    /// QUIT without waiting for more than a moment (RFC 5321 §4.1.1.10).
    pub(super) async fn quit(mut self) {
        let _ = self.ask(b"QUIT\r\n", Duration::from_millis(500)).await;
    }
}
