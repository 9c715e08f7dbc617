// SPDX-License-Identifier: EUPL-1.2
//! Logs and counts what was refused before there was a mail: a connection, a command, a page (decision D39).
//!
//! Mail that was received whole has its lines from `log_outcome`.

use std::fmt::Display;
use std::io::Write;
use std::net::IpAddr;

use jiff::Timestamp;

use super::log::{Log, Quoted, Shown};
use super::metrics::{Listener, Metrics};
use crate::mail::{Client, MailId, Refused};
use crate::pipeline::Pipeline;

/// One refusal.
pub struct Refusal<'a> {
    pub listener: Listener,
    /// Unknown behind a socket file.
    pub client: Option<IpAddr>,
    /// The command that was refused, or the page; `connect` before any.
    pub at: &'a str,
    /// As the listener's protocol has it.
    pub code: u16,
    /// The reply, or what the client was not told.
    pub cause: &'a dyn Display,
    /// Where MAIL has been given.
    pub sender: Option<&'a dyn Display>,
    pub recipient: Option<&'a dyn Display>,
    /// Where `octroi find` knows it.
    pub id: Option<&'a MailId>,
    /// The queue id of the MTA before us.
    pub queue_id: Option<&'a str>,
}

impl Refusal<'_> {
    /// A connection of this client.
    pub fn of<'a>(listener: Listener, client: impl Into<Option<IpAddr>>) -> Refusal<'a> {
        let client = client.into();
        Refusal {
            listener,
            client,
            at: "connect",
            code: 0,
            cause: &"",
            sender: None,
            recipient: None,
            id: None,
            queue_id: None,
        }
    }
}

/// Notes what a session refused: a line and a count for each, and a row of the journal where somebody's mail is
/// concerned.
pub struct Notes<'a> {
    pub listener: Listener,
    pub pipeline: &'a Pipeline,
    pub metrics: &'a Metrics,
    pub log: &'a Log,
}

impl Notes<'_> {
    pub fn take(&self, refused: &[Refused], client: &Client, id: impl Fn(Timestamp) -> MailId) {
        for refused in refused {
            let now = Timestamp::now();
            let id = refused.concerns_mail().then(|| id(now));
            if let Some(id) = &id {
                self.pipeline.record_refused(id, refused, client, now);
            }
            log_refusal(
                &Refusal {
                    listener: self.listener,
                    client: client.address,
                    at: refused.command,
                    code: refused.reply.code,
                    cause: &refused.reply,
                    sender: refused.sender.as_ref().map(|path| path as &dyn Display),
                    recipient: refused.recipients.first().map(|path| path as &dyn Display),
                    id: id.as_ref(),
                    queue_id: refused.queue_id.as_deref(),
                },
                self.metrics,
                self.log,
            );
        }
    }
}

/// One line, one count.
pub fn log_refusal(refusal: &Refusal<'_>, metrics: &Metrics, log: &Log) {
    metrics.refused(refusal.listener, refusal.code);
    let now = Timestamp::now();
    log.line(|out| human(refusal, now, out), |out| json(refusal, now, out));
}

// Writing to a Vec cannot fail.
fn human(refusal: &Refusal<'_>, now: Timestamp, out: &mut Vec<u8>) {
    let _ = write!(out, "{now:.3}  INFO refused listener={}", refusal.listener.as_str());
    if let Some(client) = refusal.client {
        let _ = write!(out, " client={client}");
    }
    if let Some(id) = refusal.id {
        let _ = write!(out, " id={}", Shown(id));
    }
    if let Some(queue_id) = refusal.queue_id {
        let _ = write!(out, " queue={}", Shown(queue_id));
    }
    let _ = write!(out, " at={}", Shown(refusal.at));
    for (name, path) in [("from", refusal.sender), ("to", refusal.recipient)] {
        if let Some(path) = path {
            let _ = write!(out, " {name}=<{}>", Shown(path));
        }
    }
    let _ = writeln!(out, " code={} cause=\"{}\"", refusal.code, Quoted(refusal.cause));
}

/// The names `timestamp`, `level` and `target` are those of `tracing`'s JSON lines.
fn json(refusal: &Refusal<'_>, now: Timestamp, out: &mut Vec<u8>) {
    let listener = refusal.listener.as_str();
    let _ =
        write!(out, r#"{{"timestamp":"{now:.6}","level":"INFO","target":"octroi::refused","listener":"{listener}""#);
    if let Some(client) = refusal.client {
        let _ = write!(out, r#","client":"{client}""#);
    }
    if let Some(id) = refusal.id {
        let _ = write!(out, r#","id":"{}""#, Quoted(id));
    }
    if let Some(queue_id) = refusal.queue_id {
        let _ = write!(out, r#","queue_id":"{}""#, Quoted(queue_id));
    }
    let _ = write!(out, r#","at":"{}""#, Quoted(refusal.at));
    for (name, path) in [("sender", refusal.sender), ("recipient", refusal.recipient)] {
        if let Some(path) = path {
            let _ = write!(out, r#","{name}":"{}""#, Quoted(path));
        }
    }
    let _ = writeln!(out, r#","code":{},"cause":"{}"}}"#, refusal.code, Quoted(refusal.cause));
}
