// SPDX-License-Identifier: EUPL-1.2
//! Between inspecting and judging a mail is seen beside others: which bulk send it belongs to, and whether that misuses an
//! administrative list. Costs nothing where no list has members, nor for mail that stays in the house and with partners.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inspector::Inspected;
use super::lists::Lists;
use crate::campaign::{
    Brake, Campaigns, Flagged, Recipients, SavedRow, Sender, Side, Signature, Transaction, Verdict, unit,
};
use crate::detect::reading::evidence::SenderProof;
use crate::detect::{Finding, FindingKind};
use crate::directory::{Class, day};
use crate::mail::{Mail, Mailbox};
use crate::mime::{Body, Message, Part, html};
use crate::policy::CampaignFacts;
use crate::store::{Store, StoreError, retry_digest};

/// Bytes of a body by which mails are likened: more than anybody reads.
const LONGEST: usize = 256 << 10;
/// With more recipients than this none is named in the text.
const NAMED: usize = 3;

/// What is written down, by kind and key; `None` where it is gone.
type Rows = BTreeMap<(u8, u64), Option<Vec<u8>>>;

/// All bulk sends under way.
#[derive(Default)]
pub struct Bulk {
    campaigns: Mutex<Campaigns>,
    /// `[campaigns] mode = "observe"`: found and told, nothing is held or put off.
    observes: AtomicBool,
    figures: Figures,
    /// What is still to be written down, by kind and key. Held while it is: what is older is never written later.
    unsaved: tokio::sync::Mutex<Rows>,
}

/// What is counted of bulk sends.
#[derive(Default)]
pub struct Figures {
    /// Campaigns that were flagged.
    pub flagged: AtomicU64,
    /// Mails that belong to a flagged campaign, retries included.
    pub braked: AtomicU64,
}

/// What a mail is as part of a bulk send.
#[derive(Debug, Default)]
pub struct Seen {
    pub facts: CampaignFacts,
    /// What a flag does to it.
    pub brake: Option<Brake>,
    /// It is the first of a flagged campaign.
    pub is_first: bool,
}

impl Bulk {
    pub fn new(campaigns: Campaigns) -> Bulk {
        Bulk { campaigns: Mutex::new(campaigns), ..Bulk::default() }
    }

    /// From now on flags are only told, or bind again.
    pub fn observe(&self, observes: bool) {
        self.observes.store(observes, Relaxed);
    }

    pub fn observes(&self) -> bool {
        self.observes.load(Relaxed)
    }

    pub fn figures(&self) -> &Figures {
        &self.figures
    }

    fn campaigns(&self) -> MutexGuard<'_, Campaigns> {
        // What a panic left half done is counts.
        self.campaigns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what changed. What could not be written is written with what changes next.
    ///
    /// # Errors
    /// The store's.
    pub async fn save(&self, store: &Store) -> Result<(), StoreError> {
        let mut unsaved = self.unsaved.lock().await;
        let changes = self.campaigns().changes();
        unsaved.extend(changes.rows().into_iter().map(|row| ((row.kind, row.key), row.value)));
        let rows = unsaved.iter().map(|((kind, key), value)| SavedRow { kind: *kind, key: *key, value: value.clone() });
        store.keep_campaigns(rows.collect()).await?;
        unsaved.clear();
        Ok(())
    }

    /// Assigns a mail to the bulk send that it is part of.
    pub(super) fn assign(&self, mail: &Mail, inspected: &mut Inspected) -> Seen {
        let Some(lists) = inspected.ruleset.lists.clone() else { return Seen::default() };
        let outside = |class| !matches!(class, Class::Own | Class::Partner);
        if !inspected.recipients.iter().any(|recipient| outside(recipient.class)) {
            return Seen::default();
        }
        let Some(from) = &inspected.sender.mailbox else { return Seen::default() };
        let from = from.clone();
        // All that costs comes before the lock.
        let Some(signature) = inspected.liken(signature) else { return Seen::default() };
        let tx = Transaction {
            digest: digest(mail, inspected, &lists),
            at: mail.received,
            sender: sender(&from, inspected, &lists),
            recipients: recipients(inspected, &lists),
            signature: &signature,
            attachments: attachments(&inspected.message),
            political: None,
        };
        let assessment = self.campaigns().assign(&tx, &lists.register);
        match assessment.verdict {
            Verdict::Flagged(flagged) => self.flagged(&flagged, mail, inspected, &lists),
            Verdict::Explained { .. } | Verdict::Counted => Seen::default(),
        }
    }

    fn flagged(&self, flagged: &Flagged, mail: &Mail, inspected: &mut Inspected, lists: &Lists) -> Seen {
        let source = lists.register.sources().iter().find(|source| source.id == flagged.list);
        let Some(list) = source.map(|source| source.name.as_str()) else { return Seen::default() };
        if flagged.new {
            self.figures.flagged.fetch_add(1, Relaxed);
            self.tell(flagged, list, mail);
        }
        self.figures.braked.fetch_add(1, Relaxed);
        if self.observes() {
            return Seen { is_first: flagged.new, ..Seen::default() };
        }
        // What observes policies observes what they are asked for.
        let brake = (!inspected.ruleset.policy.mode.observes(mail.received)).then_some(flagged.brake);
        inspected.findings.push(Finding::new(FindingKind::ListReuse, "envelope").value(list));
        Seen { facts: CampaignFacts { list_reuse: vec![list.into()] }, brake, is_first: flagged.new }
    }

    fn tell(&self, flagged: &Flagged, list: &str, mail: &Mail) {
        let reasons: Vec<String> = flagged.reasons.iter().map(ToString::to_string).collect();
        let before = self.campaigns().show(flagged.campaign).and_then(|campaign| campaign.flagged_at);
        tracing::warn!(
            campaign = %flagged.campaign,
            list,
            id = %mail.id,
            recipients_before = before.map(|at| at.recipients_before),
            observed = self.observes(),
            because = reasons.join("; "),
            "a bulk send uses a list outside its purposes"
        );
    }
}

fn recipients(inspected: &Inspected, lists: &Lists) -> Recipients {
    let policy = &inspected.ruleset.policy;
    let today = day(inspected.instant);
    let mut recipients = Recipients::with_capacity(inspected.recipients.len());
    for recipient in &inspected.recipients {
        let Some(mailbox) = &recipient.mailbox else { continue };
        let side = if recipient.class == Class::Own {
            let person = policy.people.serving(mailbox, today).filter(|person| !person.unit.is_empty());
            Side::Own(unit(person.map_or(mailbox.domain().as_str(), |person| person.unit.as_str())))
        } else {
            Side::Outside
        };
        recipients.push(lists.key.member(&mailbox.identity()), side, &lists.register);
    }
    recipients
}

fn sender(from: &Mailbox, inspected: &Inspected, lists: &Lists) -> Sender {
    let identity = from.sender_identity();
    // A list's senders match the From header where the envelope's domain is the same (decision D18).
    let authors = inspected.message.header("from").into_iter().flat_map(|from| {
        from.split(|c: char| c.is_whitespace() || "<>()\"[],;:".contains(c))
            .filter_map(|word| Mailbox::parse(word).ok())
    });
    let mut authors = authors.filter(|author| author.domain() == identity.domain());
    Sender {
        member: lists.key.member(&identity),
        header: authors.next().map(|author| lists.key.member(&author.sender_identity())),
        domain: identity.domain().clone(),
        proven: inspected.sender.proof == Some(SenderProof::Login),
        own: inspected.ruleset.policy.lists.is_own(&from.original(), inspected.instant),
    }
}

/// The text that the reader sees: of two versions the longer one.
fn signature(inspected: &Inspected) -> Signature {
    let (mut plain, mut rich) = (String::new(), String::new());
    for part in inspected.message.parts.iter().filter(|part| part.depth == 0) {
        let Body::Text { html, text } = &part.body else { continue };
        let text = cut(text);
        if *html { rich.push_str(&html::text(text).shown) } else { plain.push_str(text) }
    }
    let body = if rich.len() >= plain.len() / 2 { &rich } else { &plain };
    let mailboxes = inspected.recipients.iter().filter_map(|recipient| recipient.mailbox.as_ref());
    let named = inspected.recipients.len() <= NAMED;
    let readers: Vec<&str> = mailboxes.filter(|_| named).map(Mailbox::local).collect();
    Signature::new(inspected.message.header("subject").unwrap_or_default(), cut(body), &readers)
}

fn cut(text: &str) -> &str {
    let end = (0..=LONGEST.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// What is sent as a file, by a digest of its content.
fn attachments(message: &Message) -> Vec<u64> {
    let digest = |part: &Part| match &part.body {
        Body::Attachment(bytes) if !bytes.is_empty() => Some(first(blake3::hash(bytes))),
        _ => None,
    };
    message.parts.iter().filter_map(digest).collect()
}

/// What a transaction is known by when it comes again (decision D11).
fn digest(mail: &Mail, inspected: &Inspected, lists: &Lists) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&retry_digest(&mail.content)).update(mail.envelope.reverse_path.to_string().as_bytes());
    let mailboxes = inspected.recipients.iter().filter_map(|recipient| recipient.mailbox.as_ref());
    let mut members: Vec<u64> = mailboxes.map(|mailbox| lists.key.member(&mailbox.identity()).0).collect();
    members.sort_unstable();
    for member in members {
        hasher.update(&member.to_be_bytes());
    }
    first(hasher.finalize())
}

fn first(hash: blake3::Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}
