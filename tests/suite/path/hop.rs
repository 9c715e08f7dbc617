// SPDX-License-Identifier: EUPL-1.2
//! A next hop that does what a test tells it, and remembers envelopes and octets exactly.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// How long anything may take before the test has failed.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// What the hop hears: a command line, `<content>` once 354 is said, or `.` once the content is there.
pub struct Step<'a> {
    pub line: &'a str,
    /// The how manieth time this very line is heard, from 1.
    pub nth: usize,
    /// With `.`: what came.
    pub content: &'a [u8],
}

/// What it does about it.
pub enum Act {
    /// What a friendly server says.
    Usual,
    Say(&'static str),
    Hangup,
    /// Says something and hangs up.
    SayAndHangup(&'static str),
    /// Nothing, until the other side gives up.
    Silence,
}

type Script = Box<dyn Fn(&Step) -> Act + Send + Sync>;

/// One message accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// All that followed `MAIL FROM:`.
    pub from: String,
    /// All that followed `RCPT TO:`, for each recipient accepted.
    pub to: Vec<String>,
    pub content: Vec<u8>,
}

#[derive(Default)]
pub struct Heard {
    /// Every command but EHLO, HELO, NOOP and QUIT, and `.` for a content that arrived whole.
    pub lines: Vec<String>,
    pub mails: Vec<Received>,
    /// The same lines, apart by connection.
    conversations: Vec<Vec<String>>,
    seen: HashMap<String, usize>,
}

struct Inner {
    heard: Mutex<Heard>,
    changed: Condvar,
    script: Script,
    offers: Mutex<Vec<String>>,
    tls: Option<Arc<ServerConfig>>,
    forgets: AtomicBool,
}

/// The next hop; it ends with the test program.
pub struct Hop {
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

pub const OFFERS: [&str; 6] = ["PIPELINING", "SIZE 50000000", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN", "SMTPUTF8"];

impl Hop {
    pub fn friendly() -> Hop {
        Hop::scripted(|_| Act::Usual)
    }

    pub fn scripted(script: impl Fn(&Step) -> Act + Send + Sync + 'static) -> Hop {
        let offers = OFFERS.iter().map(|o| o.to_string()).collect();
        Hop::at("127.0.0.1:0".parse().unwrap(), offers, None, script)
    }

    pub fn at(
        address: SocketAddr,
        offers: Vec<String>,
        tls: Option<Arc<ServerConfig>>,
        script: impl Fn(&Step) -> Act + Send + Sync + 'static,
    ) -> Hop {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            heard: Mutex::default(),
            changed: Condvar::new(),
            script: Box::new(script),
            offers: Mutex::new(offers),
            tls,
            forgets: AtomicBool::new(false),
        });
        let theirs = inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                Connection::begin(theirs.clone(), Stream::Plain(stream));
            }
        });
        Hop { address, inner }
    }

    /// The same hop at a unix socket, too.
    pub fn at_socket(&self, path: &Path) {
        let listener = UnixListener::bind(path).unwrap();
        let theirs = self.inner.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                Connection::begin(theirs.clone(), Stream::Unix(stream));
            }
        });
    }

    /// What was heard on each connection on which anything was.
    pub fn conversations(&self) -> Vec<Vec<String>> {
        let heard = self.inner.heard.lock().unwrap();
        heard.conversations.iter().filter(|lines| !lines.is_empty()).cloned().collect()
    }

    /// Keeps no contents from now on: the script has looked at them.
    pub fn forget_contents(&self) {
        self.inner.forgets.store(true, Ordering::Relaxed);
    }

    /// What EHLO offers from now on.
    pub fn offer(&self, offers: &[&str]) {
        *self.inner.offers.lock().unwrap() = offers.iter().map(|o| o.to_string()).collect();
    }

    pub fn mails(&self) -> Vec<Received> {
        self.inner.heard.lock().unwrap().mails.clone()
    }

    pub fn lines(&self) -> Vec<String> {
        self.inner.heard.lock().unwrap().lines.clone()
    }

    /// Waits until it is so.
    pub fn wait(&self, what: &str, so: impl Fn(&Heard) -> bool) {
        self.wait_urging(what, so, || {});
    }

    /// The same, and each time nothing was heard for a second, `urge` is done.
    pub fn wait_urging(&self, what: &str, so: impl Fn(&Heard) -> bool, urge: impl Fn()) {
        let end = Instant::now() + PATIENCE;
        let mut heard = self.inner.heard.lock().unwrap();
        while !so(&heard) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain for {what}; the hop heard {:?}", heard.lines);
            let (guard, silence) = self.inner.changed.wait_timeout(heard, left.min(Duration::from_secs(1))).unwrap();
            heard = guard;
            if silence.timed_out() {
                drop(heard);
                urge();
                heard = self.inner.heard.lock().unwrap();
            }
        }
    }

    pub fn wait_for_mails(&self, count: usize) -> Vec<Received> {
        self.wait("mails at the next hop", |heard| heard.mails.len() >= count);
        self.mails()
    }
}

impl Inner {
    fn hear(&self, connection: usize, line: &str, content: &[u8]) -> Act {
        let nth = {
            let mut heard = self.heard.lock().unwrap();
            let word = line.split(' ').next().unwrap_or("");
            if !["EHLO", "LHLO", "HELO", "NOOP", "QUIT", "STARTTLS", "<content>", ""].contains(&word) {
                heard.lines.push(line.to_owned());
                heard.conversations[connection].push(line.to_owned());
            }
            let nth = heard.seen.entry(line.to_owned()).or_default();
            *nth += 1;
            *nth
        };
        self.changed.notify_all();
        (self.script)(&Step { line, nth, content })
    }
}

enum Stream {
    Plain(TcpStream),
    Unix(UnixStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
    Gone,
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> usize {
        match self {
            Stream::Plain(stream) => stream.read(buffer).unwrap_or(0),
            Stream::Unix(stream) => stream.read(buffer).unwrap_or(0),
            Stream::Tls(stream) => stream.read(buffer).unwrap_or(0),
            Stream::Gone => 0,
        }
    }

    /// False when the other side is gone.
    fn say(&mut self, text: &str) -> bool {
        let line = format!("{text}\r\n");
        match self {
            Stream::Plain(stream) => stream.write_all(line.as_bytes()).is_ok(),
            Stream::Unix(stream) => stream.write_all(line.as_bytes()).is_ok(),
            Stream::Tls(stream) => stream.write_all(line.as_bytes()).and_then(|()| stream.flush()).is_ok(),
            Stream::Gone => false,
        }
    }
}

struct Connection {
    inner: Arc<Inner>,
    stream: Stream,
    input: Vec<u8>,
    chunks: Vec<u8>,
    /// Its place among the conversations.
    id: usize,
    /// Greeted with LHLO: an answer for each recipient (RFC 2033 §4.2), which the script hears as `. <RECIPIENT>`.
    lmtp: bool,
}

impl Connection {
    fn begin(inner: Arc<Inner>, stream: Stream) {
        let id = {
            let conversations = &mut inner.heard.lock().unwrap().conversations;
            conversations.push(Vec::new());
            conversations.len() - 1
        };
        let connection = Connection { inner, stream, input: Vec::new(), chunks: Vec::new(), id, lmtp: false };
        std::thread::spawn(move || connection.run());
    }

    fn run(mut self) {
        let (mut from, mut to) = (String::new(), Vec::new());
        if !self.stream.say("220 hop.example ESMTP") {
            return;
        }
        while let Some(line) = self.line() {
            let usual = match line.split([' ', ':']).next().unwrap_or("") {
                "EHLO" => self.ehlo(),
                "LHLO" => {
                    self.lmtp = true;
                    self.ehlo()
                }
                "STARTTLS" if self.inner.tls.is_some() => {
                    self.stream.say("220 2.0.0 go");
                    self.start_tls();
                    continue;
                }
                "BDAT" => {
                    if self.chunk(&line, &from, &mut to).is_none() {
                        return;
                    }
                    continue;
                }
                "DATA" if to.is_empty() => "503 5.5.1 nobody to send to".to_owned(),
                "DATA" => "354 go ahead".to_owned(),
                "QUIT" => "221 2.0.0 bye".to_owned(),
                _ => "250 2.0.0 hop ok".to_owned(),
            };
            let Some(said) = self.act(&line, &usual) else { return };
            let yes = said.starts_with(['2', '3']);
            // Sendmail writes `From:`.
            let told = line.split_once(':').map(|(verb, argument)| (verb.to_ascii_uppercase(), argument));
            match told.as_ref().map(|(verb, argument)| (verb.as_str(), *argument)) {
                Some(("MAIL FROM", argument)) if yes => (from, to) = (argument.to_owned(), Vec::new()),
                Some(("RCPT TO", argument)) if yes => to.push(argument.to_owned()),
                _ if line == "RSET" => {
                    to.clear();
                    self.chunks.clear();
                }
                _ if line == "QUIT" => return,
                _ => {}
            }
            if line == "DATA" && said.starts_with("354") {
                let envelope = (from.clone(), std::mem::take(&mut to));
                if self.content(envelope).is_none() {
                    return;
                }
            }
        }
    }

    /// Says what the script wants; `None` for a hang-up.
    fn act(&mut self, line: &str, usual: &str) -> Option<String> {
        let said = match self.inner.hear(self.id, line, b"") {
            Act::Usual => usual,
            Act::Say(text) => text,
            Act::Hangup => return None,
            Act::SayAndHangup(text) => {
                self.stream.say(text);
                return None;
            }
            Act::Silence => {
                while self.stream.read(&mut [0; 4096]) > 0 {}
                return None;
            }
        };
        if !said.is_empty() && !self.stream.say(said) {
            return None;
        }
        Some(said.to_owned())
    }

    fn content(&mut self, (from, to): (String, Vec<String>)) -> Option<()> {
        self.act("<content>", "")?;
        let content = self.until_dot()?;
        self.take((from, to), content)
    }

    /// A chunk (RFC 3030), and the message with the last one.
    fn chunk(&mut self, line: &str, from: &str, to: &mut Vec<String>) -> Option<()> {
        let mut words = line.split(' ').skip(1);
        let size: usize = words.next().unwrap().parse().unwrap();
        self.inner.hear(self.id, line, b"");
        while self.input.len() < size {
            self.more()?;
        }
        let mut content = std::mem::take(&mut self.chunks);
        content.extend(self.input.drain(..size));
        if words.next() == Some("LAST") {
            return self.take((from.to_owned(), std::mem::take(to)), content);
        }
        self.chunks = content;
        self.stream.say("250 2.0.0 chunk ok").then_some(())
    }

    fn take(&mut self, (from, to): (String, Vec<String>), mut content: Vec<u8>) -> Option<()> {
        if self.lmtp {
            return self.take_each(from, to, content);
        }
        // Remembered before it is answered: whoever heard 250 finds it here.
        let mut answer = "250 2.0.0 hop ok";
        let act = self.inner.hear(self.id, ".", &content);
        match &act {
            Act::Say(text) | Act::SayAndHangup(text) => answer = text,
            _ => {}
        }
        if self.inner.forgets.load(Ordering::Relaxed) {
            content = Vec::new();
        }
        if answer.starts_with('2') {
            self.inner.heard.lock().unwrap().mails.push(Received { from, to, content });
            self.inner.changed.notify_all();
        }
        match act {
            Act::Usual | Act::Say(_) => self.stream.say(answer).then_some(()),
            Act::SayAndHangup(_) => {
                self.stream.say(answer);
                None
            }
            Act::Hangup => None,
            Act::Silence => {
                while self.stream.read(&mut [0; 4096]) > 0 {}
                None
            }
        }
    }

    fn take_each(&mut self, from: String, to: Vec<String>, content: Vec<u8>) -> Option<()> {
        let said: Vec<&str> = to
            .iter()
            .map(|to| match self.inner.hear(self.id, &format!(". {to}"), &content) {
                Act::Say(text) => text,
                _ => "250 2.0.0 hop ok",
            })
            .collect();
        let taken = to.into_iter().zip(&said).filter(|(_, said)| said.starts_with('2')).map(|(to, _)| to).collect();
        self.inner.heard.lock().unwrap().mails.push(Received { from, to: taken, content });
        self.inner.changed.notify_all();
        said.iter().all(|said| self.stream.say(said)).then_some(())
    }

    fn ehlo(&self) -> String {
        let mut lines = vec!["hop.example".to_owned()];
        lines.extend(self.inner.offers.lock().unwrap().iter().cloned());
        let last = lines.len() - 1;
        let all: Vec<_> =
            lines.iter().enumerate().map(|(i, l)| format!("250{}{l}", if i == last { ' ' } else { '-' })).collect();
        all.join("\r\n")
    }

    fn start_tls(&mut self) {
        let config = self.inner.tls.clone().unwrap();
        if let Stream::Plain(stream) = std::mem::replace(&mut self.stream, Stream::Gone) {
            let connection = ServerConnection::new(config).unwrap();
            self.stream = Stream::Tls(Box::new(StreamOwned::new(connection, stream)));
            self.input.clear();
        }
    }

    fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 65536];
        let n = self.stream.read(&mut buffer);
        self.input.extend_from_slice(&buffer[..n]);
        (n > 0).then_some(())
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.input.windows(2).position(|w| w == b"\r\n") {
                let line = String::from_utf8_lossy(&self.input[..end]).into_owned();
                self.input.drain(..end + 2);
                return Some(line);
            }
            self.more()?;
        }
    }

    /// Up to CR LF . CR LF, without the doubled dots: the strictest reading there is.
    fn until_dot(&mut self) -> Option<Vec<u8>> {
        let mut scanned = 0;
        let end = loop {
            if self.input.starts_with(b".\r\n") {
                break 0;
            }
            let found = memchr::memmem::find(&self.input[scanned..], b"\r\n.\r\n");
            if let Some(at) = found {
                break scanned + at + 2;
            }
            scanned = self.input.len().saturating_sub(4);
            self.more()?;
        };
        let stuffed: Vec<u8> = self.input.drain(..end).collect();
        self.input.drain(..3);
        let mut content = Vec::with_capacity(stuffed.len());
        let mut rest = stuffed.strip_prefix(b".").unwrap_or(&stuffed);
        while let Some(at) = memchr::memmem::find(rest, b"\r\n.") {
            content.extend_from_slice(&rest[..at + 2]);
            rest = &rest[at + 3..];
        }
        content.extend_from_slice(rest);
        Some(content)
    }
}
