// SPDX-License-Identifier: EUPL-1.2
//! `campaigns replay`: a log's transactions in their order, each judged knowing nothing of later ones.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Campaigns;
use super::id::CampaignId;
use super::register::Register;
use super::signature::Signature;
use super::summary::Summary;
use super::transaction::{Recipients, Sender, Side, Transaction};
use super::verdict::{Assessment, Verdict};
use crate::lists::hashed::mix;
use crate::lists::{ListKey, Member};
use crate::mail::{Domain, Mailbox};

/// One line of a traffic log.
#[derive(Debug, Deserialize)]
pub struct LogLine<'a> {
    #[serde(borrow)]
    pub tx: Cow<'a, str>,
    pub time: Timestamp,
    #[serde(borrow)]
    pub mail_from: Cow<'a, str>,
    #[serde(borrow)]
    pub rcpt_to: Vec<Address<'a>>,
    #[serde(borrow, default)]
    pub subject: Cow<'a, str>,
    #[serde(borrow, default)]
    pub text: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    pub text_id: Option<Cow<'a, str>>,
    /// `claimed` where the sender is not proven (D18).
    #[serde(borrow, default)]
    pub proof: Option<Cow<'a, str>>,
}

#[derive(Debug, Deserialize)]
pub struct Address<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// The domains that send in a log, which are therefore own.
pub fn own_domains(senders: impl Iterator<Item = impl AsRef<str>>) -> HashSet<String> {
    let mut domains = HashSet::new();
    for sender in senders {
        let sender = sender.as_ref();
        let Some((_, domain)) = sender.rsplit_once('@') else { continue };
        if !domains.contains(domain)
            && let Ok(mailbox) = Mailbox::parse(sender)
        {
            domains.insert(mailbox.sender_identity().domain().as_str().to_owned());
        }
    }
    domains
}

/// Whether a mailbox is one of the house's.
pub type IsOwn<'a> = &'a (dyn Fn(&Mailbox) -> bool + Sync);

/// What a log is read with.
pub struct Reading<'a> {
    pub key: &'a ListKey,
    pub register: &'a Register,
    pub own: IsOwn<'a>,
    /// Texts by `text_id`.
    pub texts: &'a HashMap<String, String>,
    /// Units by member, where they are known.
    pub units: &'a HashMap<Member, u64>,
}

/// A line with all that can be done before its turn: text read, addresses hashed and looked up.
#[derive(Debug)]
pub struct Prepared {
    id: String,
    sender_address: String,
    at: Timestamp,
    digest: u64,
    sender: Sender,
    recipients: Recipients,
    signature: Signature,
}

impl Prepared {
    /// How many recipients it has.
    pub fn recipients(&self) -> usize {
        self.recipients.len()
    }
}

impl Reading<'_> {
    /// Recipients that are no addresses are left out.
    pub fn prepare(&self, line: &LogLine) -> Prepared {
        let from = Mailbox::parse(&line.mail_from).ok();
        let sender = from.as_ref().map(Mailbox::sender_identity);
        let domain = sender.as_ref().map(|sender| sender.domain().clone());
        let parsed: Vec<Mailbox> = line.rcpt_to.iter().filter_map(|address| Mailbox::parse(&address.0).ok()).collect();
        let mut recipients = Recipients::with_capacity(parsed.len());
        for mailbox in &parsed {
            let identity = mailbox.identity();
            let member = self.key.member(&identity);
            let side = if (self.own)(mailbox) {
                let unit = self.units.get(&member).copied();
                Side::Own(unit.unwrap_or_else(|| super::transaction::unit(identity.domain().as_str())))
            } else {
                Side::Outside
            };
            recipients.push(member, side, self.register);
        }
        let names: Vec<&str> = if parsed.len() <= 3 { parsed.iter().map(Mailbox::local).collect() } else { Vec::new() };
        let by_id = line.text_id.as_deref().and_then(|id| self.texts.get(id)).map(String::as_str);
        let text = line.text.as_deref().or(by_id).unwrap_or_default();
        Prepared {
            id: line.tx.clone().into_owned(),
            // A name alone may come again in another file.
            digest: line
                .rcpt_to
                .iter()
                .fold(word(&line.tx) ^ word(&line.mail_from), |digest, to| mix(digest ^ word(&to.0))),
            at: line.time,
            sender: Sender {
                member: sender.as_ref().map_or(Member(0), |sender| self.key.member(sender)),
                header: None,
                // Who sends in the log is own, and `from` may name the relay that rewrote it.
                own: from.as_ref().is_some_and(|from| (self.own)(&from.original())),
                // A null path has no domain; nothing lies within this one.
                domain: domain.unwrap_or_else(nowhere),
                proven: sender.is_some() && line.proof.as_deref() != Some("claimed"),
            },
            sender_address: sender.map_or_else(String::new, |sender| sender.to_string()),
            recipients,
            signature: Signature::new(&line.subject, text, &names),
        }
    }
}

fn nowhere() -> Domain {
    // RFC 2606 §2 reserves the name; it is a domain.
    Domain::parse("invalid").unwrap_or_else(|_| unreachable!("a domain of one label"))
}

fn word(text: &str) -> u64 {
    text.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)))
}

/// A replay under way.
#[derive(Debug)]
pub struct Replay<'a> {
    register: &'a Register,
    campaigns: Campaigns,
    /// Addresses as the log has them: campaigns keep none.
    senders: HashMap<Member, String>,
    first_stopped: HashMap<CampaignId, String>,
    reports: Vec<Report>,
}

/// One campaign, as the contract prints it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub campaign: String,
    pub senders: Vec<String>,
    pub first: Timestamp,
    pub last: Timestamp,
    pub transactions: u64,
    pub recipients: u64,
    pub list: Option<String>,
    pub export: Option<String>,
    pub coverage: f32,
    pub share: f32,
    pub bits: f32,
    pub canaries: u32,
    pub in_order: f32,
    pub purpose_ok: bool,
    pub political: Option<f32>,
    pub flagged: bool,
    pub flagged_at: Option<Stopped>,
    pub reasons: Vec<String>,
}

/// The first transaction that would have been held.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stopped {
    pub tx: String,
    pub at: Timestamp,
    pub recipients_before: u64,
}

impl<'a> Replay<'a> {
    pub fn new(register: &'a Register) -> Replay<'a> {
        Replay {
            register,
            campaigns: Campaigns::new(false),
            senders: HashMap::new(),
            first_stopped: HashMap::new(),
            reports: Vec::new(),
        }
    }

    /// The next line of the log.
    pub fn push(&mut self, line: &Prepared) -> Assessment {
        let tx = Transaction {
            digest: line.digest,
            at: line.at,
            sender: line.sender.clone(),
            recipients: line.recipients.clone(),
            signature: &line.signature,
            attachments: Vec::new(),
            political: None,
        };
        self.senders.entry(line.sender.member).or_insert_with(|| line.sender_address.clone());
        let assessment = self.campaigns.assign(&tx, self.register);
        if let Verdict::Flagged(flagged) = &assessment.verdict
            && flagged.new
        {
            self.first_stopped.insert(flagged.campaign, line.id.clone());
        }
        self.campaigns.forget_changes();
        for ended in self.campaigns.ended() {
            let report = self.report(&ended);
            self.reports.push(report);
        }
        assessment
    }

    /// All campaigns of the log.
    pub fn finish(mut self) -> Vec<Report> {
        for open in self.campaigns.open() {
            let report = self.report(&open);
            self.reports.push(report);
        }
        self.reports.sort_by_key(|report| report.first);
        self.reports
    }

    /// Open scopes and what they hold, for measuring.
    pub fn size(&self) -> (usize, usize) {
        self.campaigns.size()
    }

    fn report(&self, summary: &Summary) -> Report {
        let source = summary.list.and_then(|list| self.register.by_id(list));
        let part = |some: u64, all: u64| if all == 0 { 0.0 } else { (some as f32 / all as f32).min(1.0) };
        let instant = |second| Timestamp::from_second(second).unwrap_or_default();
        Report {
            campaign: summary.campaign.to_string(),
            senders: summary.senders.iter().filter_map(|sender| self.senders.get(sender).cloned()).collect(),
            first: instant(summary.first),
            last: instant(summary.last),
            transactions: summary.transactions,
            recipients: summary.recipients,
            list: source.map(|source| source.name.clone()),
            export: source.and_then(|source| source.export.clone()),
            coverage: source.map_or(0.0, |source| part(summary.members, source.size as u64)),
            share: part(summary.members, summary.recipients),
            bits: summary.bits.all,
            canaries: summary.canaries,
            in_order: summary.in_order,
            purpose_ok: summary.fit.is_some_and(|fit| fit.admits()),
            political: summary.political,
            flagged: summary.flagged_at.is_some(),
            flagged_at: summary.flagged_at.map(|flagged| Stopped {
                tx: self.first_stopped.get(&summary.campaign).cloned().unwrap_or_default(),
                at: instant(flagged.at),
                recipients_before: flagged.recipients_before,
            }),
            reasons: summary.reasons.iter().map(ToString::to_string).collect(),
        }
    }
}
