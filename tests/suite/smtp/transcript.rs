// SPDX-License-Identifier: EUPL-1.2
//! Transcripts in `tests/transcripts/*.transcript`: what the client says (`C:`), what it must hear (`S:`), and what the next hop
//! must learn (`N:`). The same files run against the pure session and, with another driver, over a socket.
//!
//! Before the first `C:` or `S:` stand settings, `name: value`: `hop` (what it offers, comma between), `max_size`,
//! `max_recipients`, `max_errors`, and the words `pass_bare_newline`, `starttls`, `require_tls`, `tls_at_once`, `auth`,
//! `house` (a domain of the house), `stranger` (not by its network may it send), `certificate: NAME` (that it shows), `xforward`, `xclient`, `received`;
//! `login_domain: DOMAIN`.
//! `answer: LINE => REPLY` is what the next hop says to a line, or to `.`; else it says 250. `C| ` sends without
//! CR LF; `\r \n \0 \xHH \\` may be used. `S: <closed>` is the end of the connection; `tls:` begins TLS.

use std::sync::Arc;
use std::time::Duration;

use octroi::mail::{Client, Domain, FinalDomains, Reply, Tls};
use octroi::smtp::Capabilities;
use octroi::smtp::server::{BareNewline, Event, Peer, Session, SessionSettings, Trust};

/// One file.
#[derive(Debug, Default)]
pub struct Transcript {
    pub hop: Vec<String>,
    pub settings: Vec<(String, String)>,
    pub answers: Vec<(String, Reply)>,
    pub exchanges: Vec<Exchange>,
    /// Lines of the next hop: `MAIL FROM:…`, `RCPT TO:…`, `RSET`, and the content as a quoted text.
    pub next_hop: Vec<String>,
}

/// What the client sends in one go, and the lines it must hear before it goes on.
#[derive(Debug, Default)]
pub struct Exchange {
    pub client: Vec<u8>,
    pub server: Vec<String>,
    /// TLS begins after this exchange.
    pub tls: bool,
}

/// What a driver heard: the server's lines, with `<closed>` for the end, and the next hop's.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Heard {
    pub server: Vec<String>,
    pub next_hop: Vec<String>,
}

pub fn parse(text: &str) -> Transcript {
    let mut transcript = Transcript { exchanges: vec![Exchange::default()], ..Transcript::default() };
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (head, tail) = line.split_at_checked(2).unwrap_or((line, ""));
        let tail = tail.strip_prefix(' ').unwrap_or(tail);
        let exchange = transcript.exchanges.last_mut().unwrap();
        match head {
            "C:" | "C|" => {
                let mut octets = unescape(tail);
                if head == "C:" {
                    octets.extend_from_slice(b"\r\n");
                }
                if exchange.server.is_empty() && !exchange.tls {
                    exchange.client.extend(octets);
                } else {
                    transcript.exchanges.push(Exchange { client: octets, ..Exchange::default() });
                }
            }
            "S:" => exchange.server.push(tail.to_owned()),
            "N:" => transcript.next_hop.push(tail.to_owned()),
            _ if line == "tls:" => exchange.tls = true,
            _ => {
                let (name, value) = line.split_once(':').unwrap_or((line, ""));
                match (name, value.trim()) {
                    ("hop", value) => transcript.hop = value.split(',').map(|word| word.trim().to_owned()).collect(),
                    ("answer", value) => {
                        let (line, reply) = value.split_once(" => ").expect("an answer has =>");
                        transcript.answers.push((line.to_owned(), reply_of(reply)));
                    }
                    (name, value) => transcript.settings.push((name.to_owned(), value.to_owned())),
                }
            }
        }
    }
    transcript
}

impl Transcript {
    fn setting(&self, name: &str) -> Option<&str> {
        self.settings.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn answer(&self, line: &str) -> Reply {
        let found = self.answers.iter().find(|(known, _)| known == line);
        found.map_or_else(|| reply_of("250 2.0.0 hop ok"), |(_, reply)| reply.clone())
    }

    fn final_domains(&self) -> FinalDomains {
        let domain = self.setting("house").map(str::to_owned);
        FinalDomains::new(move |mailbox| Some(mailbox.domain().as_str()) == domain.as_deref())
    }

    pub fn session(&self) -> Session {
        let number = |name, otherwise: u64| self.setting(name).map_or(otherwise, |n| n.parse().unwrap());
        let has = |name| self.setting(name).is_some();
        let settings = SessionSettings {
            hostname: "octroi.example".to_owned(),
            max_size: number("max_size", 1_000_000),
            max_recipients: number("max_recipients", 1000) as usize,
            max_errors: number("max_errors", 20) as u32,
            bare_newline: if has("pass_bare_newline") { BareNewline::Pass } else { BareNewline::Refuse },
            final_domains: self.final_domains(),
            require_tls: has("require_tls"),
            auth: has("auth"),
            login_domain: self.setting("login_domain").map(|name| Domain::parse(name).unwrap()),
            command_timeout: Duration::from_secs(300),
            data_timeout: Duration::from_secs(180),
        };
        let lines = std::iter::once("hop.example".to_owned()).chain(self.hop.iter().cloned()).collect();
        let next_hop = Capabilities::from_ehlo(&Reply { code: 250, lines });
        let peer = Peer {
            client: Client { tls: has("tls_at_once").then(tls), ..Client::default() },
            starttls: has("starttls"),
            trust: Trust { xclient: has("xclient"), xforward: has("xforward"), received: has("received") },
            admitted: !has("stranger"),
        };
        Session::new(Arc::new(settings), Arc::new(next_hop), peer)
    }
}

pub fn tls() -> Tls {
    Tls { version: "TLSv1.3".into(), cipher: "TLS13_AES_256_GCM_SHA384".into(), verified: false }
}

fn reply_of(text: &str) -> Reply {
    let (code, text) = text.split_once(' ').unwrap_or((text, ""));
    Reply { code: code.parse().unwrap(), lines: text.split(" / ").map(str::to_owned).collect() }
}

pub fn unescape(text: &str) -> Vec<u8> {
    let (mut out, mut octets) = (Vec::new(), text.bytes());
    while let Some(octet) = octets.next() {
        match (octet, if octet == b'\\' { octets.next() } else { None }) {
            (b'\\', Some(b'r')) => out.push(b'\r'),
            (b'\\', Some(b'n')) => out.push(b'\n'),
            (b'\\', Some(b'0')) => out.push(0),
            (b'\\', Some(b'x')) => {
                let hex: String = octets.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            (b'\\', other) => out.push(other.unwrap()),
            (octet, _) => out.push(octet),
        }
    }
    out
}

/// Drives the pure session, the client's octets cut into pieces by `cut`.
pub fn pure(transcript: &Transcript, exchanges: &[Exchange], cut: usize) -> Heard {
    let (mut session, mut heard, mut output) = (transcript.session(), Heard::default(), Vec::new());
    let mut noted = Vec::new();
    let (mut is_closed, mut starts_tls) = (false, false);
    for exchange in exchanges {
        for piece in exchange.client.chunks(cut) {
            // A driver does not read on before TLS; what comes all the same was in its buffer already.
            assert!(session.wants_input() || is_closed || starts_tls, "the session would not read on");
            session.receive(piece);
            while let Some(event) = session.next_event() {
                assert!(!is_closed, "an event after the close");
                starts_tls |= matches!(event, Event::StartTls);
                noted.extend(session.refused().into_iter().map(|refused| refused.reply.code));
                // Of a mail that was received whole the driver itself takes note.
                noted.extend(
                    matches!(event, Event::Mail(_)).then(|| transcript.answer(".").code).filter(|code| *code >= 400),
                );
                is_closed |= answer(transcript, &mut session, event, &mut heard.next_hop);
                output.append(session.output());
            }
            noted.extend(session.refused().into_iter().map(|refused| refused.reply.code));
            output.append(session.output());
        }
        if exchange.tls {
            session.tls_started(tls(), transcript.setting("certificate").map(str::to_owned));
            starts_tls = false;
        }
    }
    output.append(session.output());
    assert!(output.is_empty() || output.ends_with(b"\r\n"));
    heard.server = String::from_utf8(output).unwrap().lines().map(str::to_owned).collect();
    assert_eq!(noted, refusals(&heard.server), "what is refused is noted, in its order (decision D39)");
    if is_closed {
        heard.server.push("<closed>".to_owned());
    }
    heard
}

/// The codes of the replies that refuse, each by its last line.
fn refusals(lines: &[String]) -> Vec<u16> {
    let last = lines.iter().filter(|line| line.as_bytes().get(3) != Some(&b'-'));
    let codes = last.map(|line| line[..3].parse().expect("a reply begins with its code"));
    codes.filter(|code| *code >= 400).collect()
}

/// Does what an event asks, as the transcript says; true for the close.
fn answer(transcript: &Transcript, session: &mut Session, event: Event, next_hop: &mut Vec<String>) -> bool {
    match event {
        Event::Offer(offer) => {
            assert!(offer.mail.is_some() || !offer.recipients.is_empty(), "an offer of nothing");
            let mail = offer.mail.iter().map(|mail| format!("MAIL FROM:{}", mail.verbatim));
            let recipients = offer.recipients.iter().map(|to| format!("RCPT TO:{}", to.verbatim));
            if !offer.xclient.is_empty() && offer.mail.is_some() {
                let words: Vec<_> = offer.xclient.iter().map(|(name, value)| format!("{name}={value}")).collect();
                next_hop.push(format!("XCLIENT {}", words.join(" ")));
            }
            let lines: Vec<String> = mail.chain(recipients).collect();
            let replies: Vec<Reply> = lines.iter().map(|line| transcript.answer(line)).collect();
            // After a refused MAIL the cut decides whether RCPT lines come along, so they are not compared.
            let refused = offer.mail.is_some() && !replies[0].is_positive();
            next_hop.extend(lines.into_iter().take(if refused { 1 } else { usize::MAX }));
            session.answer_offer(replies);
        }
        Event::Mail(mail) => {
            let to: Vec<_> = mail.envelope.recipients.iter().map(|to| to.path.to_string()).collect();
            next_hop.push(format!("{} -> {}", mail.envelope.reverse_path, to.join(",")));
            if !mail.xforward.is_empty() {
                let words: Vec<_> = mail.xforward.iter().map(|(name, value)| format!("{name}={value}")).collect();
                next_hop.push(format!("XFORWARD {} ({:?})", words.join(" "), mail.client.queue_id));
            }
            if let Some(login) = &mail.client.login {
                next_hop.push(format!("from {login}"));
            }
            let bare = if mail.bare_newline { "bare " } else { "" };
            next_hop.push(format!("{bare}\"{}\"", mail.content.escape_ascii()));
            session.answer_mail(transcript.answer("."));
        }
        Event::Login(line) => {
            let line = String::from_utf8(line.expose().to_vec()).unwrap();
            session.answer_login(transcript.answer(&line));
            next_hop.push(line);
        }
        Event::Reset => next_hop.push("RSET".to_owned()),
        Event::StartTls => {}
        Event::Close => return true,
    }
    false
}

/// Every transcript through `driver`, which gets its name and the transcript.
pub fn each(mut driver: impl FnMut(&str, &Transcript)) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "transcript") {
            driver(&path.file_name().unwrap().to_string_lossy(), &parse(&std::fs::read_to_string(&path).unwrap()));
            count += 1;
        }
    }
    assert!(count >= 10, "only {count} transcripts found");
}

#[test]
fn every_transcript_goes_as_written() {
    each(|name, transcript| {
        for (n, exchange) in transcript.exchanges.iter().enumerate() {
            let so_far = pure(transcript, &transcript.exchanges[..=n], usize::MAX).server;
            let expected: Vec<_> = transcript.exchanges[..=n].iter().flat_map(|e| e.server.clone()).collect();
            assert_eq!(so_far, expected, "{name}, up to {:?}", exchange.client.escape_ascii().to_string());
        }
        let next_hop = pure(transcript, &transcript.exchanges, usize::MAX).next_hop;
        assert_eq!(next_hop, transcript.next_hop, "{name}, at the next hop");
    });
}

#[test]
fn one_byte_at_a_time_is_all_at_once() {
    each(|name, transcript| {
        let whole = pure(transcript, &transcript.exchanges, usize::MAX);
        for cut in [1, 2, 3, 7, 64] {
            assert_eq!(pure(transcript, &transcript.exchanges, cut), whole, "{name}, in pieces of {cut}");
        }
        if transcript.exchanges.iter().any(|exchange| exchange.tls) {
            return;
        }
        let all = transcript.exchanges.iter().flat_map(|exchange| exchange.client.clone()).collect();
        let all = [Exchange { client: all, ..Exchange::default() }];
        assert_eq!(pure(transcript, &all, usize::MAX), whole, "{name}, all at once");
    });
}
