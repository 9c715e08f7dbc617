// SPDX-License-Identifier: EUPL-1.2
//! A small SMTP client that pipelines, and says exactly the octets a test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ClientConfig, ClientConnection, StreamOwned};

use super::hop::PATIENCE;

pub enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
    Gone,
}

pub struct Client {
    stream: Stream,
    input: Vec<u8>,
}

impl Client {
    /// Connects, without reading the greeting.
    pub fn connect(to: SocketAddr) -> Client {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream: Stream::Plain(stream), input: Vec::new() }
    }

    /// Connects where somebody listens, and greets; `None` where nobody does, or not for long.
    pub fn try_greet(to: SocketAddr) -> Option<Client> {
        let stream = TcpStream::connect(to).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.set_nodelay(true).ok()?;
        let mut client = Client { stream: Stream::Plain(stream), input: Vec::new() };
        client.try_reply().filter(|greeting| greeting.starts_with("220"))?;
        client.try_send(b"EHLO client.example\r\n")?;
        client.try_reply()?;
        Some(client)
    }

    pub fn greet(to: SocketAddr) -> Client {
        Client::try_greet(to).expect("a greeting")
    }

    pub fn try_send(&mut self, octets: &[u8]) -> Option<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(octets).ok(),
            Stream::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()).ok(),
            Stream::Gone => None,
        }
    }

    pub fn send(&mut self, octets: &[u8]) {
        self.try_send(octets).expect("the server takes our octets");
    }

    /// One line; `None` at the end of the connection.
    pub fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.input.drain(..=end).collect();
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let mut buffer = [0; 4096];
            let read = match &mut self.stream {
                Stream::Plain(stream) => stream.read(&mut buffer),
                Stream::Tls(stream) => stream.read(&mut buffer),
                Stream::Gone => Ok(0),
            };
            match read {
                Ok(n) if n > 0 => self.input.extend_from_slice(&buffer[..n]),
                _ => return None,
            }
        }
    }

    /// One line, if it comes in this time.
    pub fn line_within(&mut self, time: Duration) -> Option<String> {
        let Stream::Plain(stream) = &self.stream else { panic!("only in clear") };
        stream.set_read_timeout(Some(time)).unwrap();
        let line = self.line();
        if let Stream::Plain(stream) = &self.stream {
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        line
    }

    /// One reply, its lines joined by `/`; `None` at the end of the connection.
    pub fn try_reply(&mut self) -> Option<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            let last = line.as_bytes().get(3) != Some(&b'-');
            lines.push(line);
            if last {
                return Some(lines.join("/"));
            }
        }
    }

    pub fn reply(&mut self) -> String {
        self.try_reply().expect("a reply")
    }

    pub fn ask(&mut self, line: &str) -> String {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Each line asked in its turn; all replies.
    pub fn ask_all(&mut self, lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| self.ask(line)).collect()
    }

    /// A message in one chunk (RFC 3030); its reply.
    pub fn chunk(&mut self, content: &[u8]) -> String {
        self.send(format!("BDAT {} LAST\r\n", content.len()).as_bytes());
        self.send(content);
        self.reply()
    }

    /// A whole mail to one recipient, its message in one chunk; the reply to that.
    pub fn chunk_mail(&mut self, from: &str, to: &str, content: &[u8]) -> String {
        self.ask_all(&[&format!("MAIL FROM:<{from}>"), &format!("RCPT TO:<{to}>")]);
        self.chunk(content)
    }

    /// Begins TLS after the server's 220; false where the handshake fails.
    pub fn start_tls(&mut self, config: Arc<ClientConfig>, name: &str) {
        let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) else { panic!("TLS twice") };
        let connection = ClientConnection::new(config, name.to_owned().try_into().unwrap()).unwrap();
        self.stream = Stream::Tls(Box::new(StreamOwned::new(connection, stream)));
    }

    /// One whole mail, its commands in one write; the replies to MAIL, each RCPT, DATA, and the content. Fewer where
    /// the server would not go on; `None` where it was gone.
    pub fn try_mail(&mut self, from: &str, to: &[&str], content: &[u8]) -> Option<Vec<String>> {
        let mut lines = format!("MAIL FROM:<{from}>\r\n");
        for recipient in to {
            lines.push_str(&format!("RCPT TO:<{recipient}>\r\n"));
        }
        lines.push_str("DATA\r\n");
        self.try_send(lines.as_bytes())?;
        let mut replies = Vec::new();
        for _ in 0..to.len() + 2 {
            replies.push(self.try_reply()?);
        }
        if replies.last().is_some_and(|reply| reply.starts_with("354")) {
            self.try_send(&stuffed(content))?;
            replies.push(self.try_reply()?);
        }
        Some(replies)
    }

    /// One whole mail; the last reply.
    pub fn mail(&mut self, from: &str, to: &[&str], content: &[u8]) -> String {
        let replies = self.try_mail(from, to, content).expect("replies");
        replies.last().cloned().unwrap()
    }
}

/// Content as it goes over the wire (RFC 5321 §4.5.2), with its end.
pub fn stuffed(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(content.len() + 64);
    for line in content.split_inclusive(|b| *b == b'\n') {
        if line.first() == Some(&b'.') {
            wire.push(b'.');
        }
        wire.extend_from_slice(line);
    }
    wire.extend_from_slice(b".\r\n");
    wire
}
