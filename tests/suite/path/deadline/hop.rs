// SPDX-License-Identifier: EUPL-1.2
//! A next hop that is friendly up to the client's final dot, and slow from then on.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

/// In which way it is slow.
#[derive(Clone, Copy)]
pub enum Slow {
    /// Says nothing any more when it comes to this.
    At(&'static str),
    /// Takes so long for each reply.
    Each(Duration),
    /// Takes so long for each octet of each reply.
    Octet(Duration),
}

/// Phases of a connection that must be opened again.
const AGAIN: [&str; 5] = ["connect", "greeting", "EHLO", "STARTTLS", "handshake"];

#[derive(Clone)]
pub struct Hop {
    pub address: SocketAddr,
    /// Somebody waits for a reply that will not come.
    pub stuck: Arc<AtomicBool>,
    /// What was heard since it is slow.
    pub heard: Arc<Mutex<Vec<String>>>,
    is_slow: Arc<AtomicBool>,
    slow: Slow,
}

impl Hop {
    pub fn start(slow: Slow) -> Hop {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        // One may wait to be accepted.
        let listener = socket.listen(0).unwrap();
        let hop = Hop {
            address: listener.local_addr().unwrap(),
            stuck: Arc::default(),
            heard: Arc::default(),
            is_slow: Arc::default(),
            slow,
        };
        let theirs = hop.clone();
        tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((stream, _)) = listener.accept().await {
                let connection = Connection { hop: theirs.clone(), stream, input: Vec::new() };
                // Whoever waited in vain has come again.
                theirs.stuck.store(false, Ordering::SeqCst);
                open.push(tokio::spawn(connection.run()));
                if theirs.is("connect") {
                    break;
                }
            }
            // Nobody is accepted any more, but the port stays open.
            std::future::pending::<()>().await;
            drop(listener);
        });
        hop
    }

    fn is(&self, phase: &str) -> bool {
        matches!(self.slow, Slow::At(at) if at == phase)
    }

    fn is_slow(&self) -> bool {
        self.is_slow.load(Ordering::SeqCst)
    }
}

struct Connection {
    hop: Hop,
    stream: TcpStream,
    input: Vec<u8>,
}

impl Connection {
    async fn run(mut self) -> Option<()> {
        self.say("greeting", "220 hop.example ESMTP").await?;
        let mut recipients = 0;
        loop {
            let line = self.line().await?;
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_owned();
            if ["RSET", "DATA"].contains(&verb.as_str()) {
                self.hop.is_slow.store(true, Ordering::SeqCst);
            }
            if self.hop.is_slow() {
                self.hop.heard.lock().unwrap().push(verb.clone());
            }
            match verb.as_str() {
                "EHLO" if self.hop.is_slow() && (self.hop.is("STARTTLS") || self.hop.is("handshake")) => {
                    self.say("EHLO", "250-hop.example\r\n250 STARTTLS").await?;
                }
                "EHLO" => self.say("EHLO", "250 hop.example").await?,
                "STARTTLS" => {
                    self.say("STARTTLS", "220 2.0.0 go").await?;
                    self.be_stuck().await;
                }
                "RSET" if matches!(self.hop.slow, Slow::At(at) if AGAIN.contains(&at)) => {
                    if self.hop.is("connect") {
                        // Fills the one place, and nobody else gets in.
                        let filler = TcpStream::connect(self.hop.address).await.unwrap();
                        self.hop.stuck.store(true, Ordering::SeqCst);
                        drop(self.stream);
                        std::future::pending::<()>().await;
                        drop(filler);
                    }
                    return None;
                }
                "MAIL" => {
                    recipients = 0;
                    self.say("MAIL", "250 2.1.0 ok").await?;
                }
                "RCPT" => {
                    recipients += 1;
                    let phase = if recipients == 1 { "first RCPT" } else { "second RCPT" };
                    self.say(phase, "250 2.1.5 ok").await?;
                }
                "DATA" => {
                    self.say("DATA", "354 go on").await?;
                    if self.hop.is("content") {
                        self.be_stuck().await;
                    }
                    while !self.input.ends_with(b"\r\n.\r\n") {
                        self.more().await?;
                    }
                    self.input.clear();
                    self.say(".", "250 2.0.0 taken").await?;
                }
                verb => self.say(verb, "250 2.0.0 ok").await?,
            }
        }
    }

    async fn say(&mut self, phase: &str, reply: &str) -> Option<()> {
        let line = format!("{reply}\r\n");
        match self.hop.slow {
            _ if !self.hop.is_slow() => {}
            // The watch is not what waits here.
            _ if phase == "NOOP" => {}
            Slow::At(at) if at == phase => self.be_stuck().await,
            Slow::At(_) => {}
            Slow::Each(time) => tokio::time::advance(time).await,
            Slow::Octet(time) => {
                for octet in line.bytes() {
                    tokio::time::advance(time).await;
                    self.stream.write_all(&[octet]).await.ok()?;
                }
                return Some(());
            }
        }
        self.stream.write_all(line.as_bytes()).await.ok()
    }

    async fn be_stuck(&self) {
        self.hop.stuck.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }

    async fn more(&mut self) -> Option<()> {
        (self.stream.read_buf(&mut self.input).await.ok()? > 0).then_some(())
    }

    async fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|two| two == b"\r\n") {
                let line = String::from_utf8_lossy(&self.input[..end]).into_owned();
                self.input.drain(..end + 2);
                return Some(line);
            }
            self.more().await?;
        }
    }
}
