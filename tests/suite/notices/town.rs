// SPDX-License-Identifier: EUPL-1.2
//! A gateway with the shipped policy, and a next hop that writes down what it is given.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use octroi::app::Gateway;
use octroi::config::{self, PolicyMode};
use octroi::deliver::deadline::{Deadline, PROMISE};
use octroi::deliver::hand_back::HandBack;
use octroi::listen::log;
use octroi::mail::{Client, Content, Envelope, ForwardPath, Mail, MailId, Parameters, Recipient, ReversePath};
use octroi::mime::{self, Body, Message};
use octroi::pipeline::Pipeline;
use octroi::pipeline::limits::Reservation;
use octroi::store::{CopyState, Filter, HeldRow, OutboxKind, OutboxRow, RecipientOutcome, Work};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Guards against waiting for ever; nothing is measured by it.
const PATIENCE: Duration = Duration::from_secs(60);
pub const CHARTER: &str = "https://intranet.finances.gouv.example/charte";
pub const OUTSIDE: &str = "contact@atelier.example";
pub const HOUSE: &str = "Ministère des Finances";
pub const CONTACT: &str = "aide-messagerie@finances.gouv.example";
/// Who notices come from.
pub const GUARD: &str = "garde@finances.gouv.example";
pub const TEAM: &str = "securite@finances.gouv.example";
pub const COLLEAGUE: &str = "paul.mesnard@interieur.gouv.example";
pub const SENDER: &str = "jeanne.aubertin@finances.gouv.example";

/// One transaction as the next hop saw it.
#[derive(Debug)]
pub struct Delivered {
    pub from: String,
    pub to: Vec<String>,
    pub content: String,
}

/// A next hop; each number sent to `refuse` is answered to one DATA instead of 250.
pub struct Hop {
    pub port: u16,
    pub delivered: mpsc::UnboundedReceiver<Delivered>,
    refuse: std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>,
}

impl Hop {
    pub async fn start() -> Hop {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, delivered) = mpsc::unbounded_channel();
        let refuse = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let theirs = refuse.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (sender, refuse) = (sender.clone(), theirs.clone());
                // A client that goes away ends its conversation, which is no fault of the hop.
                tokio::spawn(async move {
                    let _ = converse(stream, sender, refuse).await;
                });
            }
        });
        Hop { port, delivered, refuse }
    }

    /// The next final dot hears this instead.
    pub fn refuse_once(&self, reply: &'static str) {
        self.refuse.lock().unwrap().push(reply);
    }

    pub async fn next(&mut self) -> Delivered {
        tokio::time::timeout(PATIENCE, self.delivered.recv()).await.expect("the hop hears something").unwrap()
    }
}

async fn converse(
    stream: TcpStream,
    sender: mpsc::UnboundedSender<Delivered>,
    refuse: std::sync::Arc<std::sync::Mutex<Vec<&'static str>>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut envelope: (String, Vec<String>) = Default::default();
    stream.write_all(b"220 hop.example ESMTP\r\n").await?;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
        let path = || line.split_once(':').map(|(_, path)| path.trim().to_owned()).unwrap_or_default();
        let reply = match verb.as_str() {
            "EHLO" => "250-hop.example\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES",
            "MAIL" => {
                envelope = (path(), Vec::new());
                "250 2.1.0 ok"
            }
            "RCPT" => {
                envelope.1.push(path());
                "250 2.1.5 ok"
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut content = String::new();
                loop {
                    let mut line = String::new();
                    stream.read_line(&mut line).await?;
                    if line == ".\r\n" {
                        break;
                    }
                    content.push_str(line.strip_prefix('.').unwrap_or(&line));
                }
                let refusal = refuse.lock().unwrap().pop();
                if refusal.is_none() {
                    let (from, to) = std::mem::take(&mut envelope);
                    let _ = sender.send(Delivered { from, to, content });
                }
                refusal.unwrap_or("250 2.0.0 taken")
            }
            "QUIT" => "221 2.0.0 bye",
            _ => "250 2.0.0 ok",
        };
        stream.write_all(format!("{reply}\r\n").as_bytes()).await?;
        if verb == "QUIT" {
            return Ok(());
        }
    }
}

/// A gateway in a folder of its own.
pub struct Town {
    folder: TempDir,
    pub hop: Hop,
    gateway: Option<Gateway>,
    handed_in: AtomicU32,
    _log: log::Guard,
    writer: log::Log,
}

impl Town {
    pub async fn open(mode: PolicyMode) -> Town {
        Town::with_rules(mode, "").await
    }

    /// The shipped policy, and these rules beside it.
    pub async fn with_rules(mode: PolicyMode, rules: &str) -> Town {
        let folder = tempfile::tempdir().unwrap();
        copy(&shipped(), &folder.path().join("policies"));
        std::fs::write(folder.path().join("policies/rules/own.cedar"), rules).unwrap();
        let own = folder.path().join("policies/domains/own.list");
        std::fs::write(own, "gouv.example\n*.gouv.example\n").unwrap();
        std::fs::write(folder.path().join("mx.json"), "{\"atelier.example\": [\"mx.atelier.example\"]}").unwrap();
        let hop = Hop::start().await;
        let settings = log::LogSettings {
            format: log::Format::Human,
            level: log::Level::parse("info").unwrap(),
            target: log::Target::Stderr,
        };
        let (writer, guard) = log::start(&settings, Box::new(io::sink())).unwrap();
        let mut town = Town { folder, hop, gateway: None, handed_in: AtomicU32::new(1), _log: guard, writer };
        town.start(mode).await;
        town
    }

    async fn start(&mut self, mode: PolicyMode) {
        let upstream = self.hop.port;
        let text = format!(
            "[smtp]\nupstream = \"127.0.0.1:{upstream}\"\nhostname = \"gate.finances.gouv.example\"\nrelay_for = [\"guest.example\"]\n\
             [smtp.upstream_tls]\nmode = \"off\"\n[web]\nlisten = \"off\"\n[dns]\nstatic = \"mx.json\"\n\
             [house]\nname = \"{HOUSE}\"\ncontact = \"{CONTACT}\"\ntime_zone = \"Europe/Paris\"\n\
             [notices]\nfrom = \"{GUARD}\"\ncharter = \"{CHARTER}\"\ndigest_to = [\"{TEAM}\"]\ndigest_at = \"17:05\"\n"
        );
        let file = self.folder.path().join("octroi.toml");
        let mut loaded =
            config::parse(&text, &file, std::iter::empty()).unwrap_or_else(|f| panic!("{}", f.draw(false)));
        // Any free port: a file cannot say so.
        loaded.settings.smtp.listen = vec!["127.0.0.1:0".parse().unwrap()];
        loaded.settings.policies.mode = mode;
        loaded.settings.policies.until = (mode == PolicyMode::Observe).then(|| jiff::civil::date(9999, 1, 1));
        self.gateway = Some(Gateway::start(&loaded, self.writer.clone()).await.unwrap());
    }

    /// Stops the gateway and starts another on the same store, with nothing in memory.
    pub async fn restart(&mut self) {
        self.gateway.take().unwrap().stop().await;
        self.start(PolicyMode::Enforce).await;
    }

    /// Hands in one mail; the reply to the final dot.
    pub async fn send(&self, from: &str, to: &[&str], content: &str) -> String {
        let address = self.gateway.as_ref().unwrap().addresses[0];
        let mut stream = BufReader::new(TcpStream::connect(address).await.unwrap());
        let mut lines = vec!["EHLO agent.example".to_owned(), format!("MAIL FROM:<{from}> BODY=8BITMIME")];
        lines.extend(to.iter().map(|to| format!("RCPT TO:<{to}>")));
        reply(&mut stream).await;
        for line in lines {
            stream.write_all(format!("{line}\r\n").as_bytes()).await.unwrap();
            let said = reply(&mut stream).await;
            assert!(said.starts_with("250"), "{line}: {said}");
        }
        stream.write_all(b"DATA\r\n").await.unwrap();
        assert!(reply(&mut stream).await.starts_with("354"));
        stream.write_all(format!("{}\r\n.\r\n", content.replace('\n', "\r\n")).as_bytes()).await.unwrap();
        reply(&mut stream).await
    }

    /// Takes one mail the whole way at an instant of the test's own, past the listener, to a next hop that takes
    /// everything; its reference.
    pub async fn hand_in(&self, received: Timestamp, from: &str, to: &[&str], content: &str) -> String {
        let pipeline = &self.gateway.as_ref().unwrap().pipeline;
        let number = self.handed_in.fetch_add(1, Ordering::Relaxed);
        let recipient = |to: &&str| Recipient {
            path: ForwardPath::parse(to).unwrap(),
            parameters: Parameters::default(),
            verbatim: format!("<{to}>"),
        };
        let mail = Mail {
            id: MailId::parse(&format!("M{number}")).unwrap(),
            received,
            client: Client::default(),
            envelope: Envelope {
                reverse_path: ReversePath::parse(from).unwrap(),
                parameters: Parameters::default(),
                verbatim: format!("<{from}>"),
                recipients: to.iter().map(recipient).collect(),
            },
            content: Content(content.replace('\n', "\r\n").into()),
        };
        let id = mail.id.to_string();
        let deadline = Deadline::after(PROMISE);
        let (processed, _) = pipeline.process(mail, Reservation::default(), HandBack::default(), deadline).await;
        assert!(processed.outcome.reply.is_positive(), "{:?}", processed.outcome.reply);
        id
    }

    /// The notices that may be sent at an instant, in the order in which they were composed: whom to, and the message.
    pub async fn told(&self, now: Timestamp) -> Vec<(String, Message)> {
        self.notices().await;
        self.pipeline().tell_owed(None, now).await.unwrap();
        let due = self.due(now).await.into_iter();
        let notices = due.filter(|(_, content)| content.contains("X-Auto-Response-Suppress"));
        notices.map(|(to, content)| (to, read(&content))).collect()
    }

    /// The notices in the outbox, sent or not, once every transaction has come to its end.
    pub async fn notices(&self) -> Vec<OutboxRow> {
        let pipeline = &self.gateway.as_ref().unwrap().pipeline;
        pipeline.under_way.close();
        pipeline.under_way.wait().await;
        pipeline.under_way.reopen();
        let all = pipeline.store.outbox_list(true, 100).await.unwrap();
        all.into_iter().filter(|row| row.kind == OutboxKind::Notice).collect()
    }

    pub fn pipeline(&self) -> &Pipeline {
        &self.gateway.as_ref().unwrap().pipeline
    }

    /// The held copies, the oldest first.
    pub async fn held(&self) -> Vec<HeldRow> {
        let filter = Filter { state: Some(CopyState::Held), ..Filter::default() };
        let mut rows = self.pipeline().store.list(&filter).await.unwrap();
        rows.reverse();
        rows
    }

    /// Takes what the outbox has to send at an instant, as if it were sent: whom to, and the message.
    pub async fn due(&self, now: Timestamp) -> Vec<(String, String)> {
        let store = &self.pipeline().store;
        let mut due = Vec::new();
        for item in store.outbox_take(now, 100).await.unwrap() {
            let to = item.recipients.iter().map(|(_, to)| to.clone()).collect::<Vec<_>>().join(" ");
            // The gateway's own outbox may have been faster with what is due today.
            let Ok(Work::Content(bytes)) = store.outbox_work(&item).await else { continue };
            due.push((to, String::from_utf8(bytes.to_vec()).unwrap()));
            let sent = |(n, _): &(i64, String)| RecipientOutcome::Sent { n: *n, reply: "250 taken".into() };
            let outcomes = item.recipients.iter().map(sent).collect();
            store.outbox_settle(&item, outcomes, now, now).await.unwrap();
        }
        due
    }

    pub async fn close(mut self) {
        self.gateway.take().unwrap().stop().await;
    }
}

async fn reply(stream: &mut BufReader<TcpStream>) -> String {
    loop {
        let mut line = String::new();
        tokio::time::timeout(PATIENCE, stream.read_line(&mut line)).await.expect("a reply").unwrap();
        if line.as_bytes().get(3) != Some(&b'-') {
            return line.trim_end().to_owned();
        }
    }
}

/// Worth a notice, whoever receives it.
pub fn link(from: &str, more: &str) -> String {
    format!(
        "From: <{from}>\nTo: Paul Mesnard <{COLLEAGUE}>\nSubject: Photos du chantier\nMessage-ID: <photos-1@finances.gouv.example>\n{more}\
         MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n\
         Bonjour Paul,\n\nles photos du chantier sont ici : https://we.tl/t-Ab12Cd34Ef\n\nJeanne\n"
    )
}

/// Held for everyone outside.
pub fn marked(from: &str, subject: &str, body: &str) -> String {
    format!(
        "From: <{from}>\nTo: {OUTSIDE}\nSubject: {subject}\nMessage-ID: <note-1@finances.gouv.example>\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nDIFFUSION RESTREINTE\n\n{body}\n"
    )
}

/// The id in `250 … (octroi ID)` or `250 2.0.0 accepted as ID`.
pub fn reference(reply: &str) -> &str {
    reply.rsplit(' ').next().unwrap_or_default().trim_end_matches(')')
}

pub fn read(content: &str) -> Message {
    mime::parse(content.as_bytes(), &mime::ParseBudget::default())
}

/// The plain and the HTML version of a notice.
pub fn texts(message: &Message) -> (String, String) {
    let of = |wanted: bool| {
        let found = message.parts.iter().find_map(|part| match &part.body {
            Body::Text { html, text } if *html == wanted => Some(text.clone()),
            _ => None,
        });
        found.expect("both versions")
    };
    (of(false), of(true))
}

/// On one line: how it was wrapped says nothing.
pub fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

/// The shipped policy folder, as the gateway reads it.
pub fn shipped_files() -> BTreeMap<String, Vec<u8>> {
    octroi::app::read_policies(&shipped()).unwrap()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => std::fs::copy(entry.path(), target).map(|_| ()).unwrap(),
        }
    }
}
