// SPDX-License-Identifier: EUPL-1.2
//! The stream under the outbox's SMTP client: replies come through one at a time, and nothing is written while a word
//! waits that nobody asked for.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::deliver::stream::Stream;

/// The client counts replies as they come. A next hop that says one too many would have its next one taken for the
/// answer to another command, and a refusal for a delivery.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the next server said something that nobody had asked for")]
pub(super) struct OutOfStep;

pub(super) struct InStep {
    stream: Stream,
    /// What came and has not been read yet.
    came: Vec<u8>,
    line: Line,
}

/// How much is known of a reply line whose end has not been read.
#[derive(Default)]
struct Line {
    octets: usize,
    /// A hyphen behind the code: another line follows (RFC 5321 §4.2).
    goes_on: bool,
}

impl Line {
    /// Octets up to the end of a reply; all where it does not end here.
    fn reply(&mut self, came: &[u8]) -> usize {
        for (at, octet) in came.iter().enumerate() {
            if self.octets == 3 {
                self.goes_on = *octet == b'-';
            }
            self.octets += 1;
            if *octet == b'\n' {
                let was_last = !self.goes_on;
                *self = Line::default();
                if was_last {
                    return at + 1;
                }
            }
        }
        came.len()
    }
}

impl InStep {
    pub fn new(stream: Stream) -> InStep {
        InStep { stream, came: Vec::new(), line: Line::default() }
    }

    /// The stream itself, where nothing waits on it that would be taken for what comes under TLS (RFC 3207 §6).
    pub fn into_stream(mut self) -> io::Result<Stream> {
        self.settled()?;
        Ok(self.stream)
    }

    fn settled(&mut self) -> io::Result<()> {
        if self.came.is_empty() {
            // Nobody is woken by this look: whoever reads waits for himself.
            let _ = self.look(&mut Context::from_waker(Waker::noop()))?;
        }
        if self.came.is_empty() { Ok(()) } else { Err(io::Error::new(io::ErrorKind::InvalidData, OutOfStep)) }
    }

    /// Takes what is there; ready with false at the end.
    fn look(&mut self, context: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut room = [0; 4096];
        let mut room = ReadBuf::new(&mut room);
        Pin::new(&mut self.stream).poll_read(context, &mut room).map_ok(|()| {
            self.came.extend_from_slice(room.filled());
            !room.filled().is_empty()
        })
    }
}

impl AsyncRead for InStep {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.came.is_empty() {
            match self.look(cx) {
                Poll::Ready(Ok(true)) => {}
                other => return other.map_ok(|_| ()),
            }
        }
        let this = &mut *self;
        let room = this.came.len().min(buf.remaining());
        let length = this.line.reply(&this.came[..room]); // within it
        buf.put_slice(&this.came[..length]);
        this.came.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for InStep {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Err(error) = self.settled() {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// Whether this error is [`OutOfStep`].
pub(super) fn is_out_of_step(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<OutOfStep>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_ends_with_its_last_line_however_it_is_cut() {
        let wire = b"250-hop\r\n250-SIZE 10\r\n250 DSN\r\n550 no\r\n354\r\n";
        for step in 1..=wire.len() {
            let (mut line, mut ends, mut at) = (Line::default(), Vec::new(), 0);
            for mut piece in wire.chunks(step) {
                while !piece.is_empty() {
                    let length = line.reply(piece);
                    piece = &piece[length..];
                    at += length;
                    ends.push(at);
                }
            }
            // Where a piece came to its end a reply need not.
            ends.retain(|end| *end == wire.len() || end % step != 0 || [31, 39].contains(end));
            assert_eq!(ends, [31, 39, 44], "in pieces of {step}");
        }
    }
}
