// SPDX-License-Identifier: EUPL-1.2
//! Between inspecting and judging a mail is seen beside others: which bulk send it belongs to, and whether that misuses an
//! administrative list. Costs nothing where no list has members, nor for mail that stays in the house and with partners.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::inspector::Inspected;
use super::lists::Lists;
use crate::access::Resolution;
use crate::campaign::{
    Brake, Campaigns, Flagged, Recipients, SavedRow, Sender, Side, Signature, Transaction, Verdict, unit,
};
use crate::detect::reading::evidence::SenderProof;
use crate::detect::{Finding, FindingKind};
use crate::directory::{Class, day};
use crate::lists::Member;
use crate::mail::{Mail, Mailbox};
use crate::mime::{Body, Message, Part, html};
use crate::policy::CampaignFacts;
use crate::store::{CampaignChanges, Store, StoreError, retry_digest};

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
    /// Senders of flagged ones: campaigns keep no address.
    names: Mutex<Names>,
    /// `[campaigns] mode = "observe"`: found and told, nothing is held or put off.
    observes: AtomicBool,
    figures: Figures,
    /// What is still to be written down, by kind and key. Held while it is: what is older is never written later.
    unsaved: tokio::sync::Mutex<Unsaved>,
}

#[derive(Default)]
struct Unsaved {
    rows: Rows,
    /// Senders of flagged campaigns, and who is one no longer.
    senders: BTreeMap<Member, Option<String>>,
}

#[derive(Default)]
pub(super) struct Names {
    pub known: BTreeMap<Member, String>,
    new: Vec<Member>,
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
    /// Bulk sends as they were written down.
    ///
    /// # Errors
    /// The store's.
    pub async fn restore(store: &Store) -> Result<Bulk, StoreError> {
        let campaigns = Campaigns::restore(false, [store.campaigns().await?]);
        let names = Names { known: store.campaign_senders().await?.into_iter().collect(), new: Vec::new() };
        let bulk = Bulk { campaigns: Mutex::new(campaigns), names: Mutex::new(names), ..Bulk::default() };
        for decided in store.campaign_decisions().await? {
            // It was written down before the campaign itself was: a crash may have come between the two.
            bulk.campaigns().decide_again(decided.campaign, decided.to == Resolution::Allow, decided.at);
        }
        Ok(bulk)
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

    pub(super) fn campaigns(&self) -> MutexGuard<'_, Campaigns> {
        // What a panic left half done is counts.
        self.campaigns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what changed. What could not be written is written with what changes next.
    ///
    /// # Errors
    /// The store's.
    pub async fn save(&self, store: &Store) -> Result<(), StoreError> {
        let mut unsaved = self.unsaved.lock().await;
        {
            // Held first: whoever sends a flagged mail between the two is named after both.
            let mut names = self.names();
            let (changes, senders) = {
                let mut campaigns = self.campaigns();
                (campaigns.changes(), campaigns.named())
            };
            unsaved.rows.extend(changes.rows().into_iter().map(|row| ((row.kind, row.key), row.value)));
            unsaved.senders.extend(names.changes(&senders));
        }
        let mut all = CampaignChanges::default();
        let rows = unsaved.rows.iter();
        all.rows = rows.map(|((kind, key), value)| SavedRow { kind: *kind, key: *key, value: value.clone() }).collect();
        for (member, address) in &unsaved.senders {
            match address {
                Some(address) => all.senders.push((*member, address.clone())),
                None => all.gone.push(*member),
            }
        }
        store.keep_campaigns(all).await?;
        *unsaved = Unsaved::default();
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
        if let Some(from) = &inspected.sender.mailbox {
            self.names().note(lists.key.member(&from.sender_identity()), from);
        }
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

impl Names {
    fn note(&mut self, member: Member, mailbox: &Mailbox) {
        if let Entry::Vacant(unknown) = self.known.entry(member) {
            unknown.insert(mailbox.to_string());
            self.new.push(member);
        }
    }

    /// What changed since this was last asked; who sent no campaign that is still known is forgotten.
    fn changes(&mut self, senders: &BTreeSet<Member>) -> Vec<(Member, Option<String>)> {
        let gone: Vec<Member> = self.known.keys().filter(|member| !senders.contains(member)).copied().collect();
        let mut changes: Vec<(Member, Option<String>)> =
            self.new.drain(..).map(|member| (member, self.known.get(&member).cloned())).collect();
        for member in gone {
            self.known.remove(&member);
            changes.push((member, None));
        }
        changes
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
