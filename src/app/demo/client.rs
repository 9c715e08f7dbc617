// SPDX-License-Identifier: EUPL-1.2
//! A small mail program that sends one sample through the SMTP listener.

use std::io;
use std::net::SocketAddr;

use jiff::Zoned;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Sample;
use crate::mail::Reply;
use crate::smtp::client::{self, ReplyReader};

/// Sends a sample, dated now. Returns how many recipients were taken; 0 where the mail was refused as a whole.
///
/// # Errors
/// A connection that fails, or a gateway that does not speak SMTP.
pub async fn send(door: SocketAddr, sample: &Sample) -> io::Result<usize> {
    let mut connection =
        Connection { stream: TcpStream::connect(door).await?, replies: ReplyReader::new(), input: Vec::new() };
    connection.reply().await?;
    connection.ask("EHLO poste.justice.gouv.example\r\n").await?;
    connection.ask(&format!("MAIL FROM:<{}> BODY=8BITMIME\r\n", sample.from)).await?;
    let mut accepted = 0;
    for to in sample.to {
        accepted += usize::from(connection.ask(&format!("RCPT TO:<{to}>\r\n")).await?.is_positive());
    }
    if accepted > 0 && connection.ask("DATA\r\n").await?.code == 354 {
        let mut content = format!("Date: {}\r\n", Zoned::now().strftime("%a, %d %b %Y %H:%M:%S %z")).into_bytes();
        content.extend_from_slice(sample.content);
        let mut out = Vec::new();
        client::stuff(&content, &mut out);
        connection.stream.write_all(&out).await?;
        connection.reply().await?;
    }
    connection.ask("QUIT\r\n").await?;
    Ok(accepted)
}

struct Connection {
    stream: TcpStream,
    replies: ReplyReader,
    input: Vec<u8>,
}

impl Connection {
    async fn ask(&mut self, command: &str) -> io::Result<Reply> {
        self.stream.write_all(command.as_bytes()).await?;
        self.reply().await
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        loop {
            let (used, reply) = self.replies.feed(&self.input).map_err(io::Error::other)?;
            self.input.drain(..used);
            if let Some(reply) = reply {
                return Ok(reply);
            }
            if self.stream.read_buf(&mut self.input).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
    }
}
