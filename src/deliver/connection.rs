// SPDX-License-Identifier: EUPL-1.2
//! One connection to a next hop: sends bytes and reads replies, with or without TLS.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tokio_rustls::TlsConnector;

use super::NextHopError;
use super::deadline::Deadline;
use super::stream::{Stream, negotiated};
use crate::mail::reply::GREETING;
use crate::mail::{Reply, Tls};
use crate::smtp::Capabilities;
use crate::smtp::client::{self, ReplyReader};

/// Content up to this size goes out with its end, in one write.
const SHORT: usize = 16 * 1024;

/// The name we give in EHLO.
#[derive(Debug, Clone)]
pub struct OurName {
    pub name: String,
    /// The operator gave it, so that nobody else has it.
    pub is_chosen: bool,
}

/// A connection past its greeting; what it offers is known.
pub struct NextHopConnection {
    stream: Stream,
    replies: ReplyReader,
    input: Box<[u8]>,
    /// What was read and not yet taken: `input[taken..filled]`.
    taken: usize,
    filled: usize,
    pub(super) capabilities: Arc<Capabilities>,
    pub(super) tls: Option<Tls>,
    /// Its place among the connections in use; none while it is idle.
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// It belongs to one client, who has logged in on it or was named by XCLIENT, and never goes to the pool (decision D3).
    pub(super) is_private: bool,
    /// Transactions begun (RFC 9422 §4.1: a server may take only so many).
    pub(super) transactions: usize,
    /// The greeting's text.
    greeting: String,
}

impl NextHopConnection {
    /// Takes over a connected socket and reads its greeting (RFC 5321 §3.1).
    pub(super) async fn greet(stream: Stream, deadline: Deadline) -> Result<NextHopConnection, NextHopError> {
        if let Stream::Plain(stream) = &stream {
            // Nagle and a delayed acknowledgement cost 40 ms a reply.
            stream.set_nodelay(true).map_err(|_| NextHopError::Away)?;
        }
        let mut connection = NextHopConnection {
            stream,
            replies: ReplyReader::default(),
            input: vec![0; 4096].into_boxed_slice(),
            taken: 0,
            filled: 0,
            capabilities: Arc::default(),
            tls: None,
            place: None,
            is_private: false,
            transactions: 0,
            greeting: String::new(),
        };
        let greeting = connection.reply(deadline).await?;
        if greeting.code != 220 {
            return Err(NextHopError::Away);
        }
        connection.greeting = greeting.lines.into_iter().next().unwrap_or_default();
        Ok(connection)
    }

    /// Says EHLO, or HELO where EHLO is unknown (RFC 5321 §3.2), and notes what is offered. LHLO has no elder.
    pub(super) async fn hello(&mut self, us: &OurName, lmtp: bool, deadline: Deadline) -> Result<(), NextHopError> {
        let mut line = Vec::with_capacity(64);
        client::write_hello(&mut line, lmtp, &us.name).map_err(|_| NextHopError::Gibberish)?;
        let mut answer = self.ask(&line, deadline).await?;
        if answer.is_permanent() && !lmtp {
            answer = self.ask(format!("HELO {}\r\n", us.name).as_bytes(), deadline).await?;
        }
        if answer.code != 250 {
            return Err(NextHopError::Away);
        }
        let name = answer.lines.first().and_then(|line| line.split(' ').next()).unwrap_or_default();
        // Decision D6. A mail server beside us bears the system's name as we do while nobody gave us one of our own.
        if name.eq_ignore_ascii_case(&us.name) && (us.is_chosen || self.greeting.ends_with(GREETING.text)) {
            return Err(NextHopError::Loop);
        }
        self.capabilities = Arc::new(Capabilities::from_ehlo(&answer));
        Ok(())
    }

    /// Takes back what a second EHLO claims and [`super::next_hop::NextHop::connect`] had denied of the first.
    pub(super) fn keep_promises_of(&mut self, first: &Capabilities) {
        let offered = Arc::make_mut(&mut self.capabilities);
        offered.requiretls &= first.requiretls;
        if first.auth.is_empty() {
            offered.auth.clear();
        }
    }

    /// STARTTLS (RFC 3207). The caller says EHLO again afterwards, as §4.2 demands.
    ///
    /// # Errors
    /// Why TLS does not begin, for the log.
    pub(super) async fn start_tls(
        mut self,
        connector: &TlsConnector,
        name: ServerName<'static>,
        verified: bool,
        deadline: Deadline,
    ) -> Result<NextHopConnection, String> {
        let answer = self.ask(b"STARTTLS\r\n", deadline).await.map_err(|error| error.to_string())?;
        if answer.code != 220 {
            return Err(format!("STARTTLS is answered {answer}"));
        }
        // Anything that came after the reply in clear was injected (RFC 3207 §6).
        if self.has_input() {
            return Err("something came in clear behind the answer to STARTTLS".into());
        }
        let Stream::Plain(stream) = self.stream else { return Err("TLS goes over TCP alone".into()) };
        let handshake = deadline.wait(connector.connect(name, stream)).await.map_err(|late| late.to_string())?;
        let stream = handshake.map_err(|error| format!("TLS could not begin: {error}"))?;
        let tls = negotiated(stream.get_ref().1, verified);
        Ok(NextHopConnection { stream: Stream::Tls(Box::new(stream.into())), tls: Some(tls), ..self })
    }

    pub(super) async fn ask(&mut self, command: &[u8], deadline: Deadline) -> Result<Reply, NextHopError> {
        self.command(command, deadline).await?;
        self.reply(deadline).await
    }

    /// Writes command lines, where every reply owed has been read and none came that was not: else the replies that come
    /// would be taken for those of other commands, and a refusal for an acceptance.
    pub(super) async fn command(&mut self, lines: &[u8], deadline: Deadline) -> Result<(), NextHopError> {
        self.settled()?;
        self.write(lines, deadline).await
    }

    /// Whether nothing stands between us and the next reply.
    ///
    /// # Errors
    /// [`NextHopError::Gibberish`] for a word that nobody asked for, [`NextHopError::Lost`] where the next hop has closed
    /// or says that it will.
    pub(super) fn settled(&mut self) -> Result<(), NextHopError> {
        if !self.has_input() {
            let mut room = ReadBuf::new(&mut self.input);
            let mut context = Context::from_waker(Waker::noop());
            match Pin::new(&mut self.stream).poll_read(&mut context, &mut room) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Ok(())) if !room.filled().is_empty() => {
                    (self.taken, self.filled) = (0, room.filled().len());
                }
                Poll::Ready(_) => return Err(NextHopError::Lost),
            }
        }
        let said = &self.input[self.taken..self.filled];
        Err(if self.replies.is_idle() && said.starts_with(b"421") {
            NextHopError::Lost
        } else {
            NextHopError::Gibberish
        })
    }

    /// A next hop that has stopped reading is waited for no longer than one that has stopped answering.
    pub(super) async fn write(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), NextHopError> {
        let written = deadline.wait(async {
            self.stream.write_all(bytes).await.map_err(|_| NextHopError::Lost)?;
            self.flush().await
        });
        written.await.map_err(|_| NextHopError::Lost)?
    }

    /// Content, with what stands before or behind it, in as few writes as the socket allows.
    pub(super) async fn write_both(
        &mut self,
        first: &[u8],
        second: &[u8],
        deadline: Deadline,
    ) -> Result<(), NextHopError> {
        let mut sent = 0;
        while sent < first.len() {
            let pieces = [io::IoSlice::new(&first[sent..]), io::IoSlice::new(second)];
            match deadline.wait(self.stream.write_vectored(&pieces)).await {
                Err(_) | Ok(Ok(0) | Err(_)) => return Err(NextHopError::Lost),
                Ok(Ok(n)) => sent += n,
            }
        }
        self.write(&second[sent - first.len()..], deadline).await
    }

    /// Content and its end. An answer that comes before the end is none, unless it refuses early.
    pub(super) async fn write_content(
        &mut self,
        body: &[u8],
        end: &[u8],
        deadline: Deadline,
    ) -> Result<(), NextHopError> {
        if body.len() <= SHORT {
            return self.write_both(body, end, deadline).await;
        }
        self.write(body, deadline).await?;
        match self.settled() {
            Err(NextHopError::Gibberish) if self.input[self.taken..self.filled].starts_with(b"2") => {
                Err(NextHopError::Lost)
            }
            _ => self.write(end, deadline).await,
        }
    }

    async fn flush(&mut self) -> Result<(), NextHopError> {
        match self.stream {
            Stream::Plain(_) | Stream::Unix(_) | Stream::Gone => Ok(()),
            Stream::Tls(_) => self.stream.flush().await.map_err(|_| NextHopError::Lost),
        }
    }

    /// The next reply, all of it by the deadline.
    pub(super) async fn reply(&mut self, deadline: Deadline) -> Result<Reply, NextHopError> {
        loop {
            match self.replies.feed(&self.input[self.taken..self.filled]) {
                Ok((used, reply)) => {
                    self.taken += used;
                    if let Some(reply) = reply {
                        return Ok(reply);
                    }
                }
                Err(_) => return Err(NextHopError::Gibberish),
            }
            let n = match deadline.wait(self.stream.read(&mut self.input)).await {
                Ok(Ok(n)) if n > 0 => n,
                _ => return Err(NextHopError::Lost),
            };
            (self.taken, self.filled) = (0, n);
        }
    }

    /// Whether the next hop said something nobody asked for, or closed: such a connection is not used again.
    pub(super) fn is_stale(&mut self) -> bool {
        self.settled().is_err()
    }

    /// Whether bytes wait that belong to no reply taken so far.
    fn has_input(&self) -> bool {
        self.taken < self.filled || !self.replies.is_idle()
    }

    /// QUIT without waiting for more than a moment (RFC 5321 §4.1.1.10).
    pub(super) async fn quit(mut self) {
        let _ = self.ask(b"QUIT\r\n", Deadline::after(Duration::from_millis(500))).await;
    }
}
