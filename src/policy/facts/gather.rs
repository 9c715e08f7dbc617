// SPDX-License-Identifier: EUPL-1.2
//! How facts are gathered: out of findings, lists and people, for the mail and for each recipient.

use std::collections::HashMap;

use jiff::Timestamp;

use super::{ListBits, Proof, SenderFacts, Words, clamp};
use crate::detect::reading::evidence::{Sender, SenderProof};
use crate::detect::{Finding, FindingKind};
use crate::directory::{Class, ClassifiedRecipient, Person, day};
use crate::mail::Mailbox;
use crate::policy::Policy;
use crate::policy::question::{CampaignFacts, Question};

/// What facts about a mail are gathered from.
pub(in crate::policy) struct MailEvidence<'a> {
    pub sender: &'a Sender,
    /// The sender's address as lists and people know it.
    key: Option<String>,
    person: Option<&'a Person>,
    pub recipients: &'a [ClassifiedRecipient],
    pub findings: &'a [Finding],
    pub campaign: &'a CampaignFacts,
    /// Bytes of the message.
    pub size: u64,
}

impl<'a> MailEvidence<'a> {
    pub fn new(policy: &'a Policy, question: &Question<'a>) -> MailEvidence<'a> {
        let Question { sender, recipients, findings, campaign, size, .. } = *question;
        // As people write it, for rules are written by people.
        let key = sender.mailbox.as_ref().map(|mailbox| mailbox.original().key());
        let person = sender.mailbox.as_ref().and_then(|mailbox| policy.people.serving(mailbox, day(question.instant)));
        MailEvidence { sender, key, person, recipients, findings, campaign, size }
    }

    /// Empty for the null reverse-path.
    pub fn sender_key(&self) -> &str {
        self.key.as_deref().unwrap_or_default()
    }

    pub fn person(&self) -> Option<&Person> {
        self.person
    }

    pub fn proof(&self) -> Proof {
        match (&self.sender.mailbox, self.sender.proof) {
            (Some(_), Some(SenderProof::Login)) => Proof::Login,
            (Some(_), Some(SenderProof::Claimed)) => Proof::Claimed,
            _ => Proof::None,
        }
    }

    fn of(&self, kind: FindingKind) -> impl Iterator<Item = &'a Finding> {
        self.findings.iter().filter(move |finding| finding.kind == kind)
    }

    pub fn has(&self, kind: FindingKind) -> bool {
        self.of(kind).next().is_some()
    }

    pub fn values(&self, kind: FindingKind) -> Words {
        words(self.of(kind).map(value))
    }

    /// What the mail passes on, whoever it goes to.
    pub fn forwards(&self) -> Words {
        words(self.of(FindingKind::Forward).filter(|forward| forward.recipient.is_none()).map(value))
    }

    /// The most that stand in one place.
    pub fn most(&self, kind: FindingKind) -> u32 {
        self.of(kind).map(count).max().unwrap_or(0)
    }

    pub fn rank(&self) -> u32 {
        self.ranks().max().unwrap_or(0)
    }

    /// Of what concerns one recipient.
    pub fn rank_for(&self, recipient: Option<&Mailbox>) -> u32 {
        self.ranked().filter(|finding| finding.concerns(recipient)).map(rank).max().unwrap_or(0)
    }

    fn ranks(&self) -> impl Iterator<Item = u32> {
        self.ranked().map(rank)
    }

    fn ranked(&self) -> impl Iterator<Item = &'a Finding> {
        self.of(FindingKind::Marking).chain(self.of(FindingKind::SensitivityLabel))
    }

    /// What is official whoever it goes to.
    pub fn is_official(&self) -> bool {
        const OFFICIAL: [FindingKind; 4] =
            [FindingKind::Forward, FindingKind::Document, FindingKind::Invitation, FindingKind::TracedDocument];
        self.findings.iter().any(|finding| OFFICIAL.contains(&finding.kind) && finding.recipient.is_none())
            || self.ranks().any(|rank| rank >= 1)
            || self.of(FindingKind::Link).any(|link| is_own(link) && value(link) == "meeting")
    }

    pub fn own_links(&self) -> Words {
        words(self.of(FindingKind::Link).filter(|link| is_own(link)).map(value))
    }

    pub fn phones(&self) -> u32 {
        self.of(FindingKind::PersonalData).filter(|data| value(data) == PHONE).map(count).max().unwrap_or(0)
    }

    pub fn identifiers(&self) -> u32 {
        identifiers(self.of(FindingKind::PersonalData))
    }

    pub fn list_reuse(&self) -> Words {
        words(self.of(FindingKind::ListReuse).map(value).chain(self.campaign.list_reuse.iter().map(AsRef::as_ref)))
    }

    pub fn list_rows(&self) -> Words {
        words(self.of(FindingKind::AddressList).filter_map(|finding| finding.value.as_deref()))
    }

    pub fn outside(&self) -> u32 {
        clamp(self.recipients.iter().filter(|recipient| is_outside(recipient.class)).count() as u64)
    }
}

/// What facts about one recipient are gathered from.
pub(in crate::policy) struct RecipientEvidence<'a> {
    pub sender: &'a SenderFacts,
    /// The mail is a forward whoever it goes to.
    pub forwarded: bool,
    pub recipient: &'a ClassifiedRecipient,
    pub named: Named,
    /// The highest marking or label of what concerns him.
    pub rank: u32,
    /// Lists of which rows are in the mail.
    pub list_rows: &'a Words,
    pub policy: &'a Policy,
    pub instant: Timestamp,
}

impl RecipientEvidence<'_> {
    pub fn class(&self) -> Class {
        self.named.class_of(self.recipient)
    }

    pub fn lists(&self) -> ListBits {
        let bits = |mailbox| self.policy.lists.bits(mailbox, self.instant);
        ListBits(self.recipient.mailbox.as_ref().map_or(0, bits))
    }

    /// Whether every list of which rows are here lets this recipient have them, on that day.
    pub fn may_have_rows(&self) -> bool {
        let Some(mailbox) = &self.recipient.mailbox else { return false };
        let may = |list: &str| {
            let purpose = self.policy.entry(list).and_then(|entry| entry.in_force(self.instant));
            purpose.is_some_and(|purpose| purpose.may_have_rows(mailbox))
        };
        !self.list_rows.is_empty() && self.list_rows.iter().all(|list| may(list))
    }

    /// Whether an exception in force names this recipient for this sender (decision D19). A scope frees by sender, so
    /// the sender must be proven (decision D18).
    pub fn is_allowed(&self) -> bool {
        let Some(mailbox) = self.recipient.mailbox.as_ref().filter(|_| self.recipient.allowed_by.is_some()) else {
            return false;
        };
        let SenderFacts { address, unit, proof, .. } = self.sender;
        let proven = *proof == Proof::Login;
        let identity = Mailbox::parse(address).ok().map(|mailbox| mailbox.identity());
        let covers = |scope: &str| match scope.contains('@') {
            true => Mailbox::parse(scope).is_ok_and(|named| Some(named.identity()) == identity),
            false => unit.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        };
        self.policy.lists.exceptions_for(mailbox, self.instant).iter().any(|exception| {
            exception.scope.is_empty() || (proven && exception.scope.iter().any(|scope| covers(scope)))
        })
    }
}

/// What findings say about one recipient.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::policy) struct Named {
    pub agent: bool,
    pub family: bool,
    pub colleague: bool,
    pub namesake: bool,
    pub lookalike: bool,
    pub forwarded: bool,
}

impl Named {
    /// By mailbox; empty, and free, where findings say nothing of anybody.
    pub fn by_mailbox(findings: &[Finding]) -> HashMap<&Mailbox, Named> {
        let mut all: HashMap<&Mailbox, Named> = HashMap::new();
        for finding in findings {
            if let Some(mailbox) = &finding.recipient {
                all.entry(mailbox).or_default().note(finding);
            }
        }
        all
    }

    fn note(&mut self, finding: &Finding) {
        match finding.kind {
            FindingKind::SelfForward => self.agent = true,
            FindingKind::Namesake => match finding.value.as_deref() {
                Some("colleague") => self.colleague = true,
                Some("namesake") => self.namesake = true,
                _ => self.family = true,
            },
            FindingKind::Lookalike => self.lookalike = true,
            FindingKind::Forward => self.forwarded = true,
            _ => {}
        }
    }

    /// The class a copy is judged by and reported with: a domain on no list is private webmail where its MX hosts are
    /// a consumer provider's **and** its name is an agent's or a relative's (findings `self-forward`, `namesake`). MX
    /// alone never decides.
    fn class_of(self, recipient: &ClassifiedRecipient) -> Class {
        let named = self.agent || self.family || self.colleague;
        if recipient.class == Class::Other && recipient.consumer_hosted && named {
            Class::PrivateWebmail
        } else {
            recipient.class
        }
    }
}

pub(in crate::policy) fn is_outside(class: Class) -> bool {
    !matches!(class, Class::Own | Class::Partner)
}

const PHONE: &str = "phone";

fn value(finding: &Finding) -> &str {
    finding.value.as_deref().unwrap_or_default()
}

fn rank(finding: &Finding) -> u32 {
    finding.rank.unwrap_or(0).into()
}

fn count(finding: &Finding) -> u32 {
    finding.count.unwrap_or(1)
}

/// Whether the sender wrote it himself.
fn is_own(link: &Finding) -> bool {
    !link.place.contains("#quoted") && !link.place.contains("#signature")
}

fn words<'w>(found: impl Iterator<Item = &'w str>) -> Words {
    /// More words of one kind than this tell a rule nothing new.
    const MOST: usize = 64;
    let mut words = Words::new();
    for word in found {
        if words.len() < MOST
            && let Err(at) = words.binary_search_by(|known| known.as_ref().cmp(word))
        {
            words.insert(at, word.into());
        }
    }
    words
}

/// How many persons stand in the message, by identifiers of one kind, telephone numbers aside. Files that hold three
/// or more are added up, so that nine rows in each of ten sheets are ninety; certificates of one person are not.
fn identifiers<'f>(found: impl Iterator<Item = &'f Finding>) -> u32 {
    const SEVERAL: u32 = 3;
    #[derive(Default)]
    struct Counted {
        most: u32,
        in_body: u32,
        in_files: u32,
    }
    let mut kinds: Vec<(&str, Counted)> = Vec::new();
    for finding in found.filter(|finding| value(finding) != PHONE) {
        let (kind, count) = (value(finding), count(finding));
        let at = kinds.iter().position(|(known, _)| *known == kind).unwrap_or_else(|| {
            kinds.push((kind, Counted::default()));
            kinds.len() - 1
        });
        let counted = &mut kinds[at].1; // found or pushed just above
        counted.most = counted.most.max(count);
        if count >= SEVERAL {
            // Text and HTML of a body say the same twice.
            if finding.place.starts_with("attachment") {
                counted.in_files = counted.in_files.saturating_add(count);
            } else {
                counted.in_body = counted.in_body.max(count);
            }
        }
    }
    kinds.iter().map(|(_, of)| of.most.max(of.in_body.saturating_add(of.in_files))).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(place: &str, count: u32) -> Finding {
        Finding::new(FindingKind::PersonalData, place).value("fr-nir").count(count)
    }

    #[test]
    fn identifiers_are_counted_as_persons() {
        let persons = |findings: &[Finding]| identifiers(findings.iter());
        assert_eq!(persons(&[data("body", 1), data("attachment:a.pdf#body", 1)]), 1);
        assert_eq!(persons(&[data("body", 9), data("body#html", 9)]), 9);
        assert_eq!(persons(&[data("attachment:a.csv", 5), data("attachment:b.csv", 6)]), 11);
        let certificates: Vec<_> = (0..30).map(|i| data(&format!("attachment:{i}.pdf"), 2)).collect();
        assert_eq!(persons(&certificates), 2);
        assert_eq!(persons(&[Finding::new(FindingKind::PersonalData, "body").value("phone").count(40)]), 0);
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
        let findings = [Finding::new(FindingKind::SelfForward, "envelope").recipient(&mailbox)];
        let named = Named::by_mailbox(&findings)[&mailbox];
        assert_eq!(Named::default().class_of(&recipient), Class::Other);
        assert_eq!(named.class_of(&recipient), Class::PrivateWebmail);
        recipient.consumer_hosted = false;
        assert_eq!(named.class_of(&recipient), Class::Other);
    }
}
