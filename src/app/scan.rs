// SPDX-License-Identifier: EUPL-1.2
//! Judges messages from files, folders, mailboxes or standard input. Sends and keeps nothing.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;
use mail_parser::{Address, MessageParser};
use serde::Serialize;

use crate::deliver::deadline::{Deadline, PROMISE};
use crate::detect::Finding;
use crate::document::Extract;
use crate::mail::{Client, Envelope, ForwardPath, Parameters, Recipient, ReversePath};
use crate::mime::Body;
use crate::pipeline::{Inspector, Judged, PipelineError};
use crate::policy::CampaignFacts;
use crate::policy::verdict::{Disposition, Verdict};

/// Bytes of one input at most; the gateway's own limit is lower.
const LARGEST: u64 = 512 << 20;

/// One message with a name for it.
pub struct ScanInput {
    pub name: String,
    pub content: Vec<u8>,
}

/// The contract's object, one a message.
#[derive(Debug, Serialize)]
pub struct ScanReport {
    pub source: String,
    pub envelope: ReportEnvelope,
    pub disposition: Disposition,
    pub recipients: Vec<ReportRecipient>,
    pub findings: Vec<Finding>,
    pub parts: Vec<ReportPart>,
    pub notices: Vec<String>,
    /// Microseconds from bytes to verdict.
    pub elapsed_us: u64,
}

#[derive(Debug, Serialize)]
pub struct ReportEnvelope {
    pub from: String,
    pub to: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct ReportRecipient {
    pub address: String,
    pub class: &'static str,
    pub disposition: Disposition,
    pub rules: Vec<String>,
    /// Why, in the rules' own words; for people, not in the JSON.
    #[serde(skip)]
    pub reasons: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct ReportPart {
    pub path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(rename = "type")]
    pub media_type: String,
    pub size: u64,
    pub encrypted: bool,
}

/// Every message in the named files; `-` is standard input. Errors name the input and leave the others alone.
pub fn sources(files: &[PathBuf]) -> impl Iterator<Item = Result<ScanInput, (String, io::Error)>> + '_ {
    files.iter().flat_map(|file| {
        let name = file.display().to_string();
        match open(file) {
            Ok(sources) => sources.into_iter().map(Ok).collect(),
            Err(error) => vec![Err((name, error))],
        }
    })
}

fn open(file: &Path) -> io::Result<Vec<ScanInput>> {
    if file == Path::new("-") {
        let mut content = Vec::new();
        io::stdin().lock().take(LARGEST).read_to_end(&mut content)?;
        return Ok(messages("-", content));
    }
    if file.is_dir() {
        return folder(file);
    }
    let length = std::fs::metadata(file)?.len();
    if length > LARGEST {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("more than {LARGEST} bytes")));
    }
    Ok(messages(&file.display().to_string(), std::fs::read(file)?))
}

/// A folder of messages, or a Maildir (whose `cur` and `new` hold the messages). Other files are passed over.
fn folder(at: &Path) -> io::Result<Vec<ScanInput>> {
    let maildir = at.join("cur").is_dir();
    let places = if maildir { vec![at.join("cur"), at.join("new")] } else { vec![at.to_owned()] };
    let mut found = Vec::new();
    for place in places.iter().filter(|p| p.is_dir()) {
        let mut entries: Vec<PathBuf> = std::fs::read_dir(place)?.filter_map(|e| e.ok().map(|e| e.path())).collect();
        entries.sort();
        for path in entries {
            let is_message =
                maildir || path.extension().is_some_and(|e| ["eml", "mbox", "msg822"].iter().any(|k| e == *k));
            if path.is_file() && is_message {
                found.extend(open(&path)?);
            }
        }
    }
    Ok(found)
}

/// An mbox is split at its `From ` lines (RFC 4155); anything else is one message.
fn messages(name: &str, content: Vec<u8>) -> Vec<ScanInput> {
    if !content.starts_with(b"From ") {
        return vec![ScanInput { name: name.to_owned(), content }];
    }
    let mut sources: Vec<ScanInput> = Vec::new();
    for line in content.split_inclusive(|b| *b == b'\n') {
        if line.starts_with(b"From ") {
            let name = format!("{name}#{}", sources.len() + 1);
            sources.push(ScanInput { name, content: Vec::new() });
        } else if let Some(source) = sources.last_mut() {
            let quoted = line.starts_with(b">From ");
            source.content.extend_from_slice(if quoted { &line[1..] } else { line });
        }
    }
    sources
}

/// The envelope given, or what the message says of itself.
pub fn envelope(content: &[u8], from: Option<&str>, to: &[String]) -> Result<Envelope, String> {
    // As much of a header as is read when the mail is judged.
    let most = crate::mime::ParseBudget::default().header;
    let headers = MessageParser::default().parse_headers(&content[..content.len().min(most)]);
    let reverse_path = match from {
        Some(from) => ReversePath::parse(from.trim_matches(['<', '>'])).map_err(|e| format!("--from {from}: {e}"))?,
        None => {
            let path = headers
                .as_ref()
                .and_then(|m| m.header_raw("Return-Path"))
                .map(|v| v.trim().trim_matches(['<', '>']).to_owned());
            let author = || headers.as_ref().and_then(|m| m.from()).and_then(|a| addresses(a).into_iter().next());
            let text = path.or_else(author).unwrap_or_default();
            ReversePath::parse(&text).unwrap_or(ReversePath::Null)
        }
    };
    let mut recipients = Vec::new();
    let mut add = |address: &str| -> Result<(), String> {
        recipients.push(ForwardPath::parse(address).map_err(|e| format!("{address}: {e}"))?);
        Ok(())
    };
    for address in to.iter().flat_map(|a| a.split(',')).map(|a| a.trim().trim_matches(['<', '>'])) {
        add(address).map_err(|e| format!("--to {e}"))?;
    }
    if to.is_empty()
        && let Some(message) = &headers
    {
        for group in [message.to(), message.cc(), message.bcc()].into_iter().flatten() {
            for address in addresses(group) {
                // A header may name what is not an address; the envelope would not.
                let _ = add(&address);
            }
        }
    }
    Ok(envelope_of(reverse_path, recipients))
}

/// An envelope of bare addresses.
pub fn envelope_of(reverse_path: ReversePath, recipients: Vec<ForwardPath>) -> Envelope {
    let recipient = |path: ForwardPath| {
        let verbatim = format!("<{path}>");
        Recipient { path, parameters: Parameters::default(), verbatim }
    };
    Envelope {
        verbatim: format!("<{reverse_path}>"),
        reverse_path,
        parameters: Parameters::default(),
        recipients: recipients.into_iter().map(recipient).collect(),
    }
}

fn addresses(group: &Address<'_>) -> Vec<String> {
    group.iter().filter_map(|a| a.address()).map(str::to_owned).collect()
}

impl Inspector {
    /// Judges one message as if it were sent now.
    pub async fn scan(
        &self,
        source: &ScanInput,
        envelope: &Envelope,
        now: Timestamp,
    ) -> Result<ScanReport, PipelineError> {
        let began = Instant::now();
        let inspected =
            self.inspect(envelope, &Client::default(), &source.content, now, Deadline::after(PROMISE)).await?;
        let judged = self.judge(inspected, &CampaignFacts::default())?;
        let elapsed_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(report(&source.name, envelope, judged, elapsed_us))
    }
}

fn report(name: &str, envelope: &Envelope, judged: Judged, elapsed_us: u64) -> ScanReport {
    let mut notices: Vec<String> = Vec::new();
    let mut recipients = Vec::new();
    let copies = envelope.recipients.iter().zip(&judged.kept.copies).zip(&judged.verdicts.0);
    for ((recipient, copy), judgement) in copies {
        let because = judgement.verdict.because();
        for reason in because.into_iter().flat_map(|b| b.iter()) {
            notices.extend(reason.notice.clone().filter(|n| !notices.contains(n)));
        }
        recipients.push(ReportRecipient {
            address: recipient.path.to_string(),
            class: copy.facts.class.as_str(),
            disposition: judgement.verdict.disposition(),
            rules: because.map(|b| b.rules().map(str::to_owned).collect()).unwrap_or_default(),
            reasons: because.map(|b| b.iter().map(|r| r.text.clone()).collect()).unwrap_or_default(),
        });
    }
    ScanReport {
        source: name.to_owned(),
        envelope: ReportEnvelope {
            from: envelope.reverse_path.to_string(),
            to: envelope.recipients.iter().map(|r| r.path.to_string()).collect(),
        },
        disposition: judged.strongest(),
        recipients,
        parts: parts(&judged),
        findings: judged.findings,
        notices,
        elapsed_us,
    }
}

/// Leaves of the tree, and what documents hold inside.
fn parts(judged: &Judged) -> Vec<ReportPart> {
    let mut all = Vec::new();
    for (index, part) in judged.message.parts.iter().enumerate() {
        let size = match &part.body {
            Body::Multipart => continue,
            Body::Text { text, .. } => text.len(),
            Body::Attachment(bytes) => bytes.len(),
            Body::Message(_) => part.range.as_ref().map_or(0, |r| r.len()),
        };
        let opened = judged.opened.iter().find(|o| o.part == index).map(|o| &*o.extract);
        all.push(ReportPart {
            path: part.path.clone(),
            name: part.name.clone(),
            media_type: part.true_type.clone(),
            size: size as u64,
            encrypted: opened.is_some_and(|e| e.encrypted.is_some()),
        });
        if let Some(extract) = opened {
            inside(&format!("{}/{}", part.path, part.name.as_deref().unwrap_or("unnamed")), extract, &mut all);
        }
    }
    all
}

fn inside(path: &str, extract: &Extract, all: &mut Vec<ReportPart>) {
    for child in &extract.children {
        let path = format!("{path}/{}", child.name);
        all.push(ReportPart {
            path: path.clone(),
            name: Some(child.name.clone()),
            media_type: child.kind.clone(),
            size: child.size,
            encrypted: child.encrypted.is_some(),
        });
        inside(&path, child, all);
    }
}

/// Whether something would not arrive as it is.
pub fn is_held_back(report: &ScanReport) -> bool {
    report.recipients.iter().any(|r| r.disposition > Disposition::Notify)
}

/// What happened to each recipient, for the policy tests.
pub fn became(envelope: &Envelope, judged: &Judged) -> Vec<(String, Disposition, Vec<String>)> {
    let rules =
        |verdict: &Verdict| verdict.because().map(|b| b.rules().map(str::to_owned).collect()).unwrap_or_default();
    let each = envelope.recipients.iter().zip(&judged.verdicts.0);
    each.map(|(r, j)| (r.path.to_string(), j.verdict.disposition(), rules(&j.verdict))).collect()
}
