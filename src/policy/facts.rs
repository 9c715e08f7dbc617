// SPDX-License-Identifier: EUPL-1.2
//! Facts: what rules may ask about one copy, out of findings. Coarse on purpose, so that most mail has the same few.

use std::collections::HashMap;

use crate::detect::reading::evidence::{Sender, SenderProof};
use crate::detect::{Finding, FindingKind};
use crate::directory::People;
use crate::directory::{Class, ClassifiedRecipient};
use crate::mail::Mailbox;
use crate::mail::identity::plain;

/// A small set of words: sorted, without repetition; empty costs nothing.
pub type Words = Vec<Box<str>>;

macro_rules! names {
    ($($constant:ident = $bit:expr, $name:expr;)*) => {
        $(pub(crate) const $constant: u64 = 1 << $bit;)*
        /// Every fact by the name rules use, with its bit; principals and resources have a prefix.
        pub(crate) const NAMES: &[(&str, u64)] = &[$(($name, $constant)),*];
    };
}

names! {
    RANK = 0, "context.rank";
    MARKINGS = 1, "context.markings";
    LABELS = 2, "context.labels";
    OFFICIAL = 3, "context.official";
    FORWARDS = 4, "context.forwards";
    DOCUMENTS = 5, "context.documents";
    INVITATION = 6, "context.invitation";
    LINKS = 7, "context.links";
    OWN_LINKS = 8, "context.own_links";
    ENCRYPTED = 9, "context.encrypted";
    UNINSPECTABLE = 10, "context.uninspectable";
    DISGUISED = 11, "context.disguised";
    PERSONAL_DATA = 12, "context.personal_data";
    IDENTIFIERS = 13, "context.identifiers";
    PHONES = 14, "context.phones";
    ADDRESSES = 15, "context.addresses";
    PRIVATE = 16, "context.private";
    TRACED = 17, "context.traced";
    LIST_REUSE = 18, "context.list_reuse";
    SENDER_MISMATCH = 19, "context.sender_mismatch";
    NULL_SENDER = 20, "context.null_sender";
    RECIPIENTS = 21, "context.recipients";
    OUTSIDE_COUNT = 22, "context.outside";
    MEGABYTES = 23, "context.megabytes";
    SENDER_ADDRESS = 24, "principal.address";
    SENDER_DOMAIN = 25, "principal.domain";
    SENDER_UNIT = 26, "principal.unit";
    SENDER_ROLE = 27, "principal.role";
    SENDER_PROOF = 28, "principal.proof";
    ADDRESS = 29, "resource.address";
    DOMAIN = 30, "resource.domain";
    CLASS = 31, "resource.class";
    OUTSIDE = 32, "resource.outside";
    PRIVATE_MAILBOX = 33, "resource.private_mailbox";
    CONSUMER_HOSTED = 34, "resource.consumer_hosted";
    AGENT = 35, "resource.agent";
    FAMILY = 36, "resource.family";
    LOOKALIKE = 37, "resource.lookalike";
    ALLOWED = 38, "resource.allowed";
    LISTS = 39, "resource.lists";
    COLLEAGUE = 40, "resource.colleague";
    NAMESAKE = 41, "resource.namesake";
}

/// What is known of the bulk send that a mail belongs to, as coarse as rules ask. The default is a mail of none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CampaignFacts {
    /// Administrative lists that it uses outside their purposes, by name.
    pub list_reuse: Words,
}

/// The facts about sender and message: one value for all its copies. Facts that no rule mentions stay empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct MessageFacts {
    pub rank: u8,
    pub markings: Words,
    pub labels: Words,
    pub official: bool,
    pub forwards: Words,
    pub documents: Words,
    pub invitation: bool,
    pub links: Words,
    pub own_links: Words,
    pub encrypted: Words,
    pub uninspectable: Words,
    pub disguised: Words,
    pub personal_data: Words,
    pub identifiers: u32,
    pub phones: u32,
    pub addresses: u32,
    pub private: bool,
    pub traced: bool,
    pub list_reuse: Words,
    pub sender_mismatch: bool,
    pub null_sender: bool,
    pub recipients: u32,
    pub outside: u32,
    pub megabytes: u32,
    pub sender: SenderFacts,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(crate) struct SenderFacts {
    pub address: Box<str>,
    pub domain: Box<str>,
    pub unit: Box<str>,
    pub role: Box<str>,
    pub proof: &'static str,
    /// Only MAIL FROM says who it is, and some rule asks who: what frees by these facts needs more (decision D18).
    pub binds_only: bool,
}

/// The facts about one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RecipientFacts {
    pub address: Box<str>,
    pub domain: Box<str>,
    pub class: Class,
    pub consumer_hosted: bool,
    pub agent: bool,
    pub family: bool,
    pub colleague: bool,
    pub namesake: bool,
    pub lookalike: bool,
    pub allowed: bool,
    /// Bits of the domain lists that name it.
    pub lists: u64,
}

impl MessageFacts {
    /// Facts out of findings, as far as `mentioned` (bits of [`NAMES`]) says that some rule asks for them.
    pub(crate) fn gather(
        sender: &Sender,
        people: &People,
        recipients: &[ClassifiedRecipient],
        findings: &[Finding],
        campaign: &CampaignFacts,
        size: u64,
        mentioned: u64,
    ) -> MessageFacts {
        let asks = |fact: u64| mentioned & fact != 0;
        let mut facts = MessageFacts { sender: SenderFacts::gather(sender, people, mentioned), ..Default::default() };
        for finding in findings {
            facts.add(finding, mentioned);
        }
        for list in &campaign.list_reuse {
            insert(&mut facts.list_reuse, list, asks(LIST_REUSE));
        }
        if asks(IDENTIFIERS) {
            facts.identifiers = identifiers(findings);
        }
        facts.null_sender = asks(NULL_SENDER) && sender.mailbox.is_none();
        if asks(RECIPIENTS) {
            facts.recipients = clamp(recipients.len() as u64);
        }
        if asks(OUTSIDE_COUNT) {
            facts.outside = clamp(recipients.iter().filter(|r| is_outside(r.class)).count() as u64);
        }
        if asks(MEGABYTES) {
            facts.megabytes = clamp(size.div_ceil(1_000_000));
        }
        facts
    }

    fn add(&mut self, finding: &Finding, mentioned: u64) {
        let asks = |fact: u64| mentioned & fact != 0;
        let value = finding.value.as_deref().unwrap_or("");
        let count = finding.count.unwrap_or(1);
        let official = match finding.kind {
            FindingKind::Marking | FindingKind::SensitivityLabel => {
                let rank = finding.rank.unwrap_or(0);
                if asks(RANK) {
                    self.rank = self.rank.max(rank);
                }
                let (fact, words) = match finding.kind {
                    FindingKind::Marking => (MARKINGS, &mut self.markings),
                    _ => (LABELS, &mut self.labels),
                };
                insert(words, value, asks(fact));
                rank >= 1
            }
            FindingKind::Forward => {
                insert(&mut self.forwards, value, asks(FORWARDS));
                true
            }
            FindingKind::Document => {
                insert(&mut self.documents, value, asks(DOCUMENTS));
                true
            }
            FindingKind::Invitation => {
                self.invitation |= asks(INVITATION);
                true
            }
            FindingKind::Link => {
                let own = !finding.place.contains("#quoted") && !finding.place.contains("#signature");
                insert(&mut self.links, value, asks(LINKS));
                insert(&mut self.own_links, value, own && asks(OWN_LINKS));
                own && value == "meeting"
            }
            FindingKind::Encrypted => {
                insert(&mut self.encrypted, value, asks(ENCRYPTED));
                false
            }
            FindingKind::Uninspectable => {
                insert(&mut self.uninspectable, value, asks(UNINSPECTABLE));
                false
            }
            FindingKind::Disguised => {
                insert(&mut self.disguised, value, asks(DISGUISED));
                false
            }
            FindingKind::PersonalData => {
                insert(&mut self.personal_data, value, asks(PERSONAL_DATA));
                if value == "phone" && asks(PHONES) {
                    self.phones = self.phones.max(count);
                }
                false
            }
            FindingKind::AddressList => {
                if asks(ADDRESSES) {
                    self.addresses = self.addresses.max(count);
                }
                false
            }
            FindingKind::PrivateCorrespondence => {
                self.private |= asks(PRIVATE);
                false
            }
            FindingKind::TracedDocument => {
                self.traced |= asks(TRACED);
                true
            }
            FindingKind::ListReuse => {
                insert(&mut self.list_reuse, value, asks(LIST_REUSE));
                false
            }
            FindingKind::SenderMismatch => {
                self.sender_mismatch |= asks(SENDER_MISMATCH);
                false
            }
            // About one recipient, no opinion for policy (D21), or never a reason on its own.
            FindingKind::SelfForward
            | FindingKind::Namesake
            | FindingKind::Lookalike
            | FindingKind::Political
            | FindingKind::Malformed => false,
        };
        self.official |= official && asks(OFFICIAL);
    }
}

impl SenderFacts {
    fn gather(sender: &Sender, people: &People, mentioned: u64) -> SenderFacts {
        let asks = |fact: u64| mentioned & fact != 0;
        let mut facts = SenderFacts::default();
        if asks(SENDER_PROOF) {
            facts.proof = proof(sender);
        }
        if let Some(mailbox) = &sender.mailbox
            && asks(SENDER_ADDRESS | SENDER_DOMAIN | SENDER_UNIT | SENDER_ROLE)
        {
            facts.binds_only = sender.proof == Some(SenderProof::Claimed);
            let key = plain(mailbox);
            if asks(SENDER_DOMAIN) {
                facts.domain = key.rsplit_once('@').map_or("", |(_, domain)| domain).into();
            }
            if let Some(person) = people.sender(mailbox) {
                facts.unit = if asks(SENDER_UNIT) { person.unit.as_str().into() } else { "".into() };
                facts.role = if asks(SENDER_ROLE) { person.role.as_str().into() } else { "".into() };
            }
            if asks(SENDER_ADDRESS) {
                facts.address = key.into_boxed_str();
            }
        }
        facts
    }

    /// The same sender as somebody of whom nothing is known.
    pub(crate) fn stranger(&self) -> SenderFacts {
        let known = |text: &str| if text.is_empty() { "" } else { "-" };
        SenderFacts {
            address: known(&self.address).into(),
            domain: known(&self.domain).into(),
            proof: self.proof,
            ..SenderFacts::default()
        }
    }
}

pub(crate) fn proof(sender: &Sender) -> &'static str {
    match (&sender.mailbox, sender.proof) {
        (Some(_), Some(SenderProof::Login)) => "login",
        (Some(_), Some(SenderProof::Claimed)) => "claimed",
        _ => "none",
    }
}

/// What findings say about single recipients; empty, and free, where they say nothing.
#[derive(Debug, Default)]
pub(crate) struct Named<'a>(HashMap<&'a Mailbox, u8>);

const NAMED_AGENT: u8 = 1;
const NAMED_FAMILY: u8 = 2;
const NAMED_COLLEAGUE: u8 = 4;
const NAMED_NAMESAKE: u8 = 8;
const NAMED_LOOKALIKE: u8 = 16;

impl<'a> Named<'a> {
    pub(crate) fn gather(findings: &'a [Finding]) -> Named<'a> {
        let mut named = HashMap::new();
        for finding in findings {
            let flag = match finding.kind {
                FindingKind::SelfForward => NAMED_AGENT,
                FindingKind::Namesake => match finding.value.as_deref() {
                    Some("colleague") => NAMED_COLLEAGUE,
                    Some("namesake") => NAMED_NAMESAKE,
                    _ => NAMED_FAMILY,
                },
                FindingKind::Lookalike => NAMED_LOOKALIKE,
                _ => continue,
            };
            if let Some(mailbox) = &finding.recipient {
                *named.entry(mailbox).or_default() |= flag;
            }
        }
        Named(named)
    }

    fn of(&self, recipient: &ClassifiedRecipient) -> u8 {
        if self.0.is_empty() {
            return 0;
        }
        recipient.mailbox.as_ref().and_then(|mailbox| self.0.get(mailbox)).copied().unwrap_or(0)
    }
}

impl RecipientFacts {
    pub(crate) fn gather(
        recipient: &ClassifiedRecipient,
        named: &Named,
        allowed: bool,
        lists: u64,
        mentioned: u64,
    ) -> Self {
        let asks = |fact: u64| mentioned & fact != 0;
        let flags = named.of(recipient);
        let text = |asked: bool, read: fn(&Mailbox) -> Box<str>, bare: &str| {
            if asked { recipient.mailbox.as_ref().map_or_else(|| bare.into(), read) } else { "".into() }
        };
        RecipientFacts {
            address: text(asks(ADDRESS), |m| m.key().into_boxed_str(), "postmaster"),
            domain: text(asks(DOMAIN), |m| m.domain().as_str().into(), ""),
            class: judged_as(recipient, flags),
            consumer_hosted: recipient.consumer_hosted && asks(CONSUMER_HOSTED),
            agent: flags & NAMED_AGENT != 0,
            family: flags & NAMED_FAMILY != 0,
            colleague: flags & NAMED_COLLEAGUE != 0,
            namesake: flags & NAMED_NAMESAKE != 0,
            lookalike: flags & NAMED_LOOKALIKE != 0,
            allowed,
            lists,
        }
    }
}

/// The class a copy is judged by and reported with: a domain on no list is private webmail where its MX hosts are a
/// consumer provider's **and** its name is an agent's or a relative's (findings `self-forward`, `namesake`). MX alone
/// never decides.
pub fn class_judged(recipient: &ClassifiedRecipient, findings: &[Finding]) -> Class {
    judged_as(recipient, Named::gather(findings).of(recipient))
}

fn judged_as(recipient: &ClassifiedRecipient, flags: u8) -> Class {
    const NAMED: u8 = NAMED_AGENT | NAMED_FAMILY | NAMED_COLLEAGUE;
    if recipient.class == Class::Other && recipient.consumer_hosted && flags & NAMED != 0 {
        Class::PrivateWebmail
    } else {
        recipient.class
    }
}

pub(crate) fn is_outside(class: Class) -> bool {
    !matches!(class, Class::Own | Class::Partner)
}

/// The contract's word for a class.
pub fn class_word(class: Class) -> &'static str {
    match class {
        Class::Own => "own",
        Class::Partner => "partner",
        Class::PrivateWebmail => "private-webmail",
        Class::Disposable => "disposable",
        Class::Other => "other",
    }
}

/// How many persons stand in the message, by identifiers of one kind, telephone numbers aside. Files that hold three
/// or more are added up, so that nine rows in each of ten sheets are ninety; certificates of one person are not.
fn identifiers(findings: &[Finding]) -> u32 {
    const SEVERAL: u32 = 3;
    let mut kinds: Vec<(&str, u32, u32, u32)> = Vec::new();
    for finding in findings.iter().filter(|f| f.kind == FindingKind::PersonalData) {
        let kind = finding.value.as_deref().unwrap_or("");
        if kind == "phone" {
            continue;
        }
        let count = finding.count.unwrap_or(1);
        let at = kinds.iter().position(|(known, ..)| *known == kind).unwrap_or_else(|| {
            kinds.push((kind, 0, 0, 0));
            kinds.len() - 1
        });
        let (_, most, in_body, in_files) = &mut kinds[at]; // found or pushed just above
        *most = (*most).max(count);
        if count >= SEVERAL {
            // Text and HTML of a body say the same twice.
            if finding.place.starts_with("attachment") {
                *in_files = in_files.saturating_add(count);
            } else {
                *in_body = (*in_body).max(count);
            }
        }
    }
    kinds.iter().map(|(_, most, in_body, in_files)| (*most).max(in_body.saturating_add(*in_files))).max().unwrap_or(0)
}

fn insert(words: &mut Words, word: &str, asked: bool) {
    /// More words of one kind than this tell a rule nothing new.
    const MOST: usize = 64;
    if asked
        && words.len() < MOST
        && let Err(at) = words.binary_search_by(|known| known.as_ref().cmp(word))
    {
        words.insert(at, word.into());
    }
}

fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(place: &str, count: u32) -> Finding {
        Finding::new(FindingKind::PersonalData, place).value("fr-nir").count(count)
    }

    #[test]
    fn identifiers_are_counted_as_persons() {
        assert_eq!(identifiers(&[data("body", 1), data("attachment:a.pdf#body", 1)]), 1);
        assert_eq!(identifiers(&[data("body", 9), data("body#html", 9)]), 9);
        assert_eq!(identifiers(&[data("attachment:a.csv", 5), data("attachment:b.csv", 6)]), 11);
        let certificates: Vec<_> = (0..30).map(|i| data(&format!("attachment:{i}.pdf"), 2)).collect();
        assert_eq!(identifiers(&certificates), 2);
        assert_eq!(identifiers(&[Finding::new(FindingKind::PersonalData, "body").value("phone").count(40)]), 0);
    }

    #[test]
    fn mx_evidence_decides_only_together_with_a_name() {
        let mailbox = Mailbox::parse("post@veldkampjes.example").unwrap();
        let mut recipient = ClassifiedRecipient {
            mailbox: Some(mailbox.clone()),
            class: Class::Other,
            consumer_hosted: true,
            allowed_by: None,
        };
        let named = [Finding::new(FindingKind::SelfForward, "envelope").recipient(&mailbox)];
        assert_eq!(class_judged(&recipient, &[]), Class::Other);
        assert_eq!(class_judged(&recipient, &named), Class::PrivateWebmail);
        recipient.consumer_hosted = false;
        assert_eq!(class_judged(&recipient, &named), Class::Other);
    }
}
