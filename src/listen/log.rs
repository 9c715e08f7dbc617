// SPDX-License-Identifier: EUPL-1.2
//! The log: one writer thread, lines for people or JSON lines, and one line for each recipient (decision D24).
//!
//! Lines go to one bounded buffer, and a separate thread writes them out. Code that handles mail never waits for a
//! terminal or a pipe: when the buffer is full, lines are dropped and counted.

mod level;

use std::fmt::{self, Display};
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
pub use level::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

use crate::mail::{ForwardPath, MailId, Reply, ReversePath, Tls};
use crate::policy::verdict::Disposition;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Human,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Stderr,
    Stdout,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    pub format: Format,
    pub level: Level,
    pub target: Target,
}

/// What became of one recipient's copy. Everything in it may be hostile: it is bounded and escaped here.
#[derive(Debug, Clone, Copy)]
pub struct RecipientLine<'a> {
    pub at: Timestamp,
    pub id: &'a MailId,
    /// The queue id of the MTA before us.
    pub queue_id: Option<&'a str>,
    pub message_id: Option<&'a str>,
    pub sender: &'a ReversePath,
    pub recipient: &'a ForwardPath,
    pub disposition: Disposition,
    /// What a rule that only observes would have done.
    pub observed: Option<Disposition>,
    /// The rule that decided, or would have.
    pub rule: Option<&'a str>,
    /// The next hop's reply, or ours.
    pub reply: &'a Reply,
    /// How both sides of us were protected; `None` in clear.
    pub client_tls: Option<&'a Tls>,
    pub next_hop_tls: Option<&'a Tls>,
}

/// Bytes that may wait for the writer.
const BUFFER: usize = 4 * 1024 * 1024;
/// How long lines gather before they are written together: one wake-up for many lines.
const GATHER: Duration = Duration::from_millis(20);
/// Characters of one value in a recipient's line.
const VALUE_LIMIT: usize = 512;

/// The handle everyone writes through.
#[derive(Clone)]
pub struct Log {
    sink: Arc<Sink>,
    format: Format,
    writes_recipients: Arc<AtomicBool>,
    /// Changes what the subscriber lets through, once there is one.
    admit: Arc<OnceLock<Admit>>,
}

type Admit = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

/// Flushes the log and ends its thread when it goes.
pub struct Guard {
    sink: Arc<Sink>,
    thread: Option<JoinHandle<()>>,
}

/// Starts the writer thread and makes the log the process's own for `tracing`.
///
/// # Errors
/// The thread cannot be started, or a log was installed before.
pub fn install(settings: &LogSettings, colour: bool) -> io::Result<(Log, Guard)> {
    let out: Box<dyn Write + Send> = match settings.target {
        Target::Stderr => Box::new(io::stderr()),
        Target::Stdout => Box::new(io::stdout()),
    };
    let (log, guard) = start(settings, out)?;
    log.subscriber(settings, colour).try_init().map_err(io::Error::other)?;
    Ok((log, guard))
}

/// Starts the writer thread towards any output.
///
/// # Errors
/// The thread cannot be started.
pub fn start(settings: &LogSettings, mut out: Box<dyn Write + Send>) -> io::Result<(Log, Guard)> {
    let sink = Arc::new(Sink::default());
    let theirs = sink.clone();
    let thread = std::thread::Builder::new().name("log".into()).spawn(move || theirs.write_out(&mut out))?;
    let log = Log {
        sink: sink.clone(),
        format: settings.format,
        writes_recipients: Arc::new(AtomicBool::new(settings.level.has_info())),
        admit: Arc::default(),
    };
    Ok((log, Guard { sink, thread: Some(thread) }))
}

impl Log {
    /// Writes the one line for each recipient. Costs one formatting into the shared buffer and no allocation.
    pub fn recipient_line(&self, line: &RecipientLine<'_>) {
        self.line(|out| human(line, out), |out| json(line, out));
    }

    /// Writes a line of another kind, in the form that is set.
    pub(super) fn line(&self, human: impl FnOnce(&mut Vec<u8>), json: impl FnOnce(&mut Vec<u8>)) {
        if self.writes_recipients.load(Ordering::Relaxed) {
            self.sink.append(|out| match self.format {
                Format::Human => human(out),
                Format::Json => json(out),
            });
        }
    }

    /// From now on events of this level are written.
    pub fn set_level(&self, level: &Level) {
        self.writes_recipients.store(level.has_info(), Ordering::Relaxed);
        // Without a subscriber of ours there is nothing to change.
        let _ = self.admit.get().map(|admit| admit(level.filter()));
    }

    /// Lines lost because the output was slower than we.
    pub fn dropped(&self) -> u64 {
        self.sink.dropped.load(Ordering::Relaxed)
    }

    /// The subscriber for `tracing` events, which share buffer and writer with the recipients' lines.
    pub fn subscriber(&self, settings: &LogSettings, colour: bool) -> Box<dyn tracing::Subscriber + Send + Sync> {
        let builder = tracing_subscriber::fmt()
            .with_env_filter(settings.level.filter())
            .with_writer(Lines(self.sink.clone()))
            .with_ansi(colour && settings.format == Format::Human);
        // The first subscriber is the process's own.
        match settings.format {
            Format::Human => {
                let builder = builder.with_filter_reloading();
                let handle = builder.reload_handle();
                let _ = self.admit.set(Box::new(move |filter| handle.reload(filter).is_ok()));
                Box::new(builder.finish())
            }
            Format::Json => {
                let builder = builder.json().flatten_event(true).with_filter_reloading();
                let handle = builder.reload_handle();
                let _ = self.admit.set(Box::new(move |filter| handle.reload(filter).is_ok()));
                Box::new(builder.finish())
            }
        }
    }
}

fn human(line: &RecipientLine<'_>, out: &mut Vec<u8>) {
    // Writing to a Vec cannot fail.
    let _ = write!(out, "{:.3}  INFO recipient id={}", line.at, Shown(line.id));
    let _ = write!(out, " queue={}", Shown(line.queue_id.unwrap_or("-")));
    let _ = write!(out, " message-id={}", Shown(line.message_id.unwrap_or("-")));
    let _ = write!(out, " from=<{}> to=<{}>", Shown(line.sender), Shown(line.recipient));
    let _ = write!(out, " disposition={}", line.disposition.as_str());
    if let Some(observed) = line.observed {
        let _ = write!(out, " observed={}", observed.as_str());
    }
    let _ = write!(out, " rule={}", Shown(line.rule.unwrap_or("-")));
    for (name, tls) in [("tls-in", line.client_tls), ("tls-out", line.next_hop_tls)] {
        if let Some(tls) = tls {
            let _ = write!(out, " {name}={}", Shown(tls));
        }
    }
    let _ = writeln!(out, " reply=\"{}\"", Quoted(line.reply));
}

/// The names `timestamp`, `level` and `target` are those of `tracing`'s JSON lines.
fn json(line: &RecipientLine<'_>, out: &mut Vec<u8>) {
    let _ = write!(out, r#"{{"timestamp":"{:.6}","level":"INFO","target":"octroi::recipient""#, line.at);
    let _ = write!(out, r#","id":"{}""#, Quoted(line.id));
    for (name, value) in [("queue_id", line.queue_id), ("message_id", line.message_id), ("rule", line.rule)] {
        if let Some(value) = value {
            let _ = write!(out, r#","{name}":"{}""#, Quoted(value));
        }
    }
    for (name, tls) in [("client_tls", line.client_tls), ("next_hop_tls", line.next_hop_tls)] {
        if let Some(tls) = tls {
            let _ = write!(out, r#","{name}":"{}""#, Quoted(tls));
        }
    }
    if let Some(observed) = line.observed {
        let _ = write!(out, r#","observed":"{}""#, observed.as_str());
    }
    let _ = write!(out, r#","sender":"{}","recipient":"{}""#, Quoted(line.sender), Quoted(line.recipient));
    let _ = writeln!(out, r#","disposition":"{}","reply":"{}"}}"#, line.disposition.as_str(), Quoted(line.reply));
}

/// A bounded value inside quotes: `"`, `\` and control characters are escaped as in JSON (RFC 8259 §7).
pub(super) struct Quoted<T>(pub T);

impl<T: Display> Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Write::write_fmt(&mut Escape { out: f, left: VALUE_LIMIT, spaces: false }, format_args!("{}", self.0))
    }
}

/// A bounded value outside quotes: as [`Quoted`], and blanks are escaped, so that fields stay apart.
pub(super) struct Shown<T>(pub T);

impl<T: Display> Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Write::write_fmt(&mut Escape { out: f, left: VALUE_LIMIT, spaces: true }, format_args!("{}", self.0))
    }
}

struct Escape<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    left: usize,
    spaces: bool,
}

impl fmt::Write for Escape<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let plain = |b: u8| (0x21..0x7f).contains(&b) && b != b'"' && b != b'\\';
        // Nearly every value is plain: it goes out in one piece.
        if text.len() <= self.left && text.bytes().all(|b| plain(b) || (b == b' ' && !self.spaces)) {
            self.left -= text.len();
            return self.out.write_str(text);
        }
        for c in text.chars() {
            if self.left == 0 {
                return Ok(());
            }
            self.left -= 1;
            match c {
                '"' => self.out.write_str("\\\"")?,
                '\\' => self.out.write_str("\\\\")?,
                ' ' if self.spaces => self.out.write_str("\\u0020")?,
                // Direction marks and line separators can make a line look like another one.
                c if c.is_control()
                    || matches!(c, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
                {
                    write!(self.out, "\\u{:04x}", u32::from(c))?;
                }
                c => self.out.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Sink {
    buffer: Mutex<Buffer>,
    wake: Condvar,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    closed: bool,
}

impl Sink {
    /// A panic elsewhere while the lock was held leaves at worst half a line.
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let mut buffer = self.lock();
        if buffer.bytes.len() >= BUFFER {
            drop(buffer);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let was_empty = buffer.bytes.is_empty();
        write(&mut buffer.bytes);
        drop(buffer);
        if was_empty {
            self.wake.notify_one();
        }
    }

    fn write_out(&self, out: &mut dyn Write) {
        let mut lines = Vec::new();
        let mut told = 0;
        loop {
            let mut buffer = self.lock();
            while buffer.bytes.is_empty() && !buffer.closed {
                buffer = self.wake.wait(buffer).unwrap_or_else(PoisonError::into_inner);
            }
            if !buffer.closed {
                // The close wakes us early.
                let gathered = self.wake.wait_timeout_while(buffer, GATHER, |buffer| !buffer.closed);
                buffer = gathered.unwrap_or_else(PoisonError::into_inner).0;
            }
            std::mem::swap(&mut lines, &mut buffer.bytes);
            let closed = buffer.closed;
            drop(buffer);
            // If the log cannot be written, there is no other place to report that; mail goes on.
            let _ = out.write_all(&lines);
            lines.clear();
            let dropped = self.dropped.load(Ordering::Relaxed);
            if dropped > told {
                let _ = writeln!(out, "octroi: {} log lines are lost because the output is too slow", dropped - told);
                told = dropped;
            }
            let _ = out.flush();
            if closed {
                return;
            }
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.sink.lock().closed = true;
        self.sink.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A writer that panicked has nothing left to flush.
            let _ = thread.join();
        }
    }
}

/// `tracing`'s way into the sink: it hands over one whole line at a time.
struct Lines(Arc<Sink>);

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Line<'a>;
    fn make_writer(&'a self) -> Line<'a> {
        Line(&self.0)
    }
}

struct Line<'a>(&'a Sink);

impl Write for Line<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.append(|out| out.extend_from_slice(bytes));
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(format: Format, level: &str) -> LogSettings {
        LogSettings { format, level: Level::parse(level).unwrap(), target: Target::Stderr }
    }

    #[derive(Clone, Default)]
    struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(settings: &LogSettings, write: impl FnOnce(&Log)) -> String {
        let page = Page::default();
        let (log, guard) = start(settings, Box::new(page.clone())).unwrap();
        write(&log);
        drop(guard);
        let bytes = page.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn line(log: &Log, message_id: &str) {
        log.recipient_line(&RecipientLine {
            at: "2026-03-02T08:15:00.123456Z".parse().unwrap(),
            id: &MailId::parse("01J9").unwrap(),
            queue_id: Some("4XyZ"),
            message_id: Some(message_id),
            sender: &ReversePath::parse("clerk@town.example").unwrap(),
            recipient: &ForwardPath::parse("b@gmail.com").unwrap(),
            disposition: Disposition::Quarantine,
            observed: message_id.contains("observed").then_some(Disposition::Reject),
            rule: Some("marking-leaves-house"),
            reply: &Reply { code: 250, lines: vec!["2.0.0 accepted as 01J9".into()] },
            client_tls: Some(&Tls {
                version: "TLSv1.3".into(),
                cipher: "TLS13_AES_256_GCM_SHA384".into(),
                verified: true,
            }),
            next_hop_tls: None,
        });
    }

    #[test]
    fn the_human_line_has_every_field_of_d24() {
        let text = written(&settings(Format::Human, "info"), |log| line(log, "<a@b>"));
        assert_eq!(
            text,
            "2026-03-02T08:15:00.123Z  INFO recipient id=01J9 queue=4XyZ message-id=<a@b> from=<clerk@town.example> \
             to=<b@gmail.com> disposition=quarantine rule=marking-leaves-house \
             tls-in=TLSv1.3/TLS13_AES_256_GCM_SHA384/verified reply=\"250 2.0.0 accepted as 01J9\"\n"
        );
    }

    #[test]
    fn what_would_have_been_stands_beside_what_was() {
        let text = written(&settings(Format::Human, "info"), |log| line(log, "<observed@b>"));
        assert!(text.contains(" disposition=quarantine observed=reject rule="), "{text}");
        let text = written(&settings(Format::Json, "info"), |log| line(log, "<observed@b>"));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["observed"], "reject");
    }

    #[test]
    fn the_json_line_is_json_whatever_the_mail_says() {
        let hostile = "<\"}\\\r\n{\"level\":\"ERROR\" \u{202e}é@b>";
        let text = written(&settings(Format::Json, "info"), |log| line(log, hostile));
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["message_id"], hostile);
        assert_eq!(value["recipient"], "b@gmail.com");
        assert_eq!(value["client_tls"], "TLSv1.3/TLS13_AES_256_GCM_SHA384/verified");
        assert!(value.get("next_hop_tls").is_none());
        assert_eq!(value["disposition"], "quarantine");
        assert_eq!(value["timestamp"], "2026-03-02T08:15:00.123456Z");
    }

    #[test]
    fn a_hostile_value_cannot_forge_a_field_or_fill_the_log() {
        let text = written(&settings(Format::Human, "info"), |log| line(log, "<a b\nto=<x>"));
        assert!(text.contains("message-id=<a\\u0020b\\u000ato=<x> "), "{text}");
        let long = "x".repeat(100_000);
        let text = written(&settings(Format::Human, "info"), |log| line(log, &long));
        assert!(text.len() < 1000);
    }

    #[test]
    fn events_and_recipients_share_one_output() {
        for format in [Format::Human, Format::Json] {
            let settings = settings(format, "info");
            let text = written(&settings, |log| {
                tracing::subscriber::with_default(log.subscriber(&settings, false), || {
                    tracing::info!(hop = "relay", "ready");
                    tracing::debug!("unseen");
                });
                line(log, "<a@b>");
            });
            assert_eq!(text.lines().count(), 2, "{text}");
            assert!(text.lines().next().unwrap().contains("ready"), "{text}");
        }
    }

    #[test]
    fn a_level_above_info_silences_recipients() {
        assert_eq!(written(&settings(Format::Human, "warn"), |log| line(log, "<a@b>")), "");
        assert!(Level::parse("loud").is_err());
        assert!(Level::parse("info,octroi::smtp=debug").is_ok());
    }

    #[test]
    fn a_full_buffer_drops_and_counts() {
        let sink = Sink::default();
        let block = vec![b'x'; BUFFER];
        sink.append(|out| out.extend_from_slice(&block));
        sink.append(|out| out.push(b'y'));
        assert_eq!(sink.dropped.load(Ordering::Relaxed), 1);
        assert_eq!(sink.lock().bytes.len(), BUFFER);
    }
}
