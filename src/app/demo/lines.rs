// SPDX-License-Identifier: EUPL-1.2
//! Reads the gateway's own log: the demonstration shows its lines about recipients.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing_subscriber::util::SubscriberInitExt;

use crate::listen::log::{self, Format, Guard, Log};

/// What the log says.
#[derive(Debug)]
pub enum LogEvent {
    Copy(Copy),
    /// A warning or an error, in the gateway's words.
    Trouble(String),
}

/// What became of one recipient's copy.
#[derive(Debug, Deserialize)]
pub struct Copy {
    #[serde(rename = "timestamp")]
    pub at: Timestamp,
    pub sender: String,
    pub recipient: String,
    /// The contract's word.
    pub disposition: String,
    pub rule: Option<String>,
    /// The rule's reason; added by who knows the rules.
    #[serde(skip)]
    pub reason: Option<String>,
    pub reply: String,
}

#[derive(Deserialize)]
struct Other {
    level: String,
    fields: serde_json::Map<String, serde_json::Value>,
}

/// Starts the log of the settings, in lines we can read, towards us.
///
/// # Errors
/// The log's thread cannot be started.
pub fn start(settings: &log::LogSettings) -> io::Result<(UnboundedReceiver<LogEvent>, Log, Guard)> {
    let settings = log::LogSettings { format: Format::Json, ..settings.clone() };
    let (lines, told) = unbounded_channel();
    let (log, guard) = log::start(&settings, Box::new(Lines { lines, partial: Vec::new() }))?;
    // Where somebody else listens to the process's events, they stay theirs.
    let _ = log.subscriber(&settings, false).try_init();
    Ok((told, log, guard))
}

/// Cuts what is written into lines and passes on those that matter.
struct Lines {
    lines: UnboundedSender<LogEvent>,
    partial: Vec<u8>,
}

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                if let Some(told) = read(&self.partial) {
                    // Nobody listens any more when the demonstration ends.
                    let _ = self.lines.send(told);
                }
                self.partial.clear();
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn read(line: &[u8]) -> Option<LogEvent> {
    if let Ok(copy) = serde_json::from_slice(line) {
        return Some(LogEvent::Copy(copy));
    }
    let other: Other = serde_json::from_slice(line).ok()?;
    if !["WARN", "ERROR"].contains(&other.level.as_str()) {
        return None;
    }
    let words = other.fields.iter().map(|(name, value)| match value.as_str() {
        Some(text) if name == "message" => text.to_owned(),
        Some(text) => format!("{name}={text}"),
        None => format!("{name}={value}"),
    });
    Some(LogEvent::Trouble(words.collect::<Vec<_>>().join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_in_pieces_are_read_and_chatter_is_not() {
        let (lines, mut told) = unbounded_channel();
        let mut out = Lines { lines, partial: Vec::new() };
        let line = concat!(
            r#"{"timestamp":"2026-03-02T08:00:00.000000Z","level":"INFO","target":"octroi::recipient","id":"a","#,
            r#""rule":"r","sender":"a@x.example","recipient":"b@y.example","disposition":"quarantine","reply":"250 ok"}"#,
            "\n",
            r#"{"timestamp":"2026-03-02T08:00:00Z","level":"INFO","fields":{"message":"ready"},"target":"octroi"}"#,
            "\n",
            r#"{"timestamp":"2026-03-02T08:00:00Z","level":"WARN","fields":{"message":"away","n":1},"target":"octroi"}"#,
            "\n"
        );
        let (one, two) = line.split_at(40);
        out.write_all(one.as_bytes()).unwrap();
        out.write_all(two.as_bytes()).unwrap();
        let Some(LogEvent::Copy(copy)) = told.try_recv().ok() else { panic!("no copy") };
        assert_eq!((copy.recipient.as_str(), copy.rule.as_deref()), ("b@y.example", Some("r")));
        let Some(LogEvent::Trouble(text)) = told.try_recv().ok() else { panic!("no trouble") };
        assert!(text.contains("away") && text.contains("n=1"), "{text}");
        assert!(told.try_recv().is_err());
    }
}
