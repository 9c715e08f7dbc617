// SPDX-License-Identifier: EUPL-1.2
//! Facts: what rules may ask about one copy. Coarse on purpose, so that most mail has the same few.
//!
//! A new fact is a row here and, where none of those there will do, a function in `gather`; then write
//! `policies/schema.cedarschema` again, as the test of it says.

mod gather;
mod schema;
mod table;

use gather::MailEvidence;
pub(super) use gather::{Named, RecipientEvidence, is_outside};
pub use schema::schema;
#[cfg(test)]
use table::Origin;
use table::{FactValue, Row, facts};
pub use table::{ListBits, Words};

use cedar_policy::RestrictedExpression;
use serde::{Deserialize, Serialize};

use super::Policy;
use super::question::Question;
use crate::detect::FindingKind;
use crate::directory::{Class, ClassifiedRecipient};
use crate::mail::Mailbox;

facts! {
    /// Who sends: the attributes of `principal`. Whose word it is, is said by `proof`: what frees by these facts frees
    /// only a proven sender (decision D18).
    pub struct SenderFacts of MailEvidence<'_> {
        /// lower case; empty for the null reverse-path
        address (0) [telling]: Box<str> = |mail| mail.sender_key().into(),
        domain (1) [telling]: Box<str> = |mail| domain_of(mail.sender_key()).into(),
        /// from units/people.csv, by the address without VERP, BATV and SRS additions; empty if unknown
        unit (2) [telling]: Box<str> = |mail| mail.person().map_or("", |person| &person.unit).into(),
        /// from units/people.csv; empty if unknown
        role (3) [telling]: Box<str> = |mail| mail.person().map_or("", |person| &person.role).into(),
        /// "login" (proven), "claimed" (only MAIL FROM says so) or "none"
        proof (4): Proof = |mail| mail.proof(),
    }
}

facts! {
    /// What is sent: the attributes of `context`, the same for all copies.
    pub struct MessageFacts of MailEvidence<'_> {
        /// highest marking or label: 0 none, 1 internal, 2 restricted, 3 confidential, 4 secret
        rank (0) [found]: u32 = |mail| mail.rank(),
        /// "fr/diffusion-restreinte"
        markings (1) [value of Marking]: Words = |mail| mail.values(FindingKind::Marking),
        /// names of sensitivity labels
        labels (2) [value of SensitivityLabel]: Words = |mail| mail.values(FindingKind::SensitivityLabel),
        /// it contains a forward, a document, an invitation, a meeting link, a marking or a traced document
        official (3) [found]: bool = |mail| mail.is_official(),
        /// "inline", "attached", "resent", "automatic"; what is passed on whoever receives it
        forwards (4) [value of Forward]: Words = |mail| mail.forwards(),
        /// kinds of attached documents: "office", "pdf", "archive", "image"
        documents (5) [value of Document]: Words = |mail| mail.values(FindingKind::Document),
        /// it contains a calendar invitation
        invitation (6) [found]: bool = |mail| mail.has(FindingKind::Invitation),
        /// "cloud-storage", "file-transfer", "messenger", "social", "meeting", anywhere in the message
        links (7) [value of Link]: Words = |mail| mail.values(FindingKind::Link),
        /// the same, but not in quoted text and signatures
        own_links (8) [value of Link]: Words = |mail| mail.own_links(),
        /// files with a password, opened or not: "zip", "pdf", "ooxml"
        encrypted (9) [value of Encrypted]: Words = |mail| mail.values(FindingKind::Encrypted),
        /// why something could not be read: "encrypted", "broken", "budget", "crashed", "unread", "opaque"
        uninspectable (10) [value of Uninspectable]: Words = |mail| mail.values(FindingKind::Uninspectable),
        /// the true types of files that look like another type
        disguised (11) [value of Disguised]: Words = |mail| mail.values(FindingKind::Disguised),
        /// "fr-nir", "nl-bsn", "iban", "phone"
        personal_data (12) [value of PersonalData]: Words = |mail| mail.values(FindingKind::PersonalData),
        /// number of identification numbers of one kind, without telephone numbers
        identifiers (13) [value of PersonalData]: u32 = |mail| mail.identifiers(),
        /// number of telephone numbers
        phones (14) [value of PersonalData]: u32 = |mail| mail.phones(),
        /// number of rows of an address list
        addresses (15) [value of AddressList]: u32 = |mail| mail.most(FindingKind::AddressList),
        /// the mail is marked personal
        private (16) [found]: bool = |mail| mail.has(FindingKind::PrivateCorrespondence),
        /// it contains a registered document, whose distribution is traced
        traced (17) [found]: bool = |mail| mail.has(FindingKind::TracedDocument),
        /// administrative lists used for another purpose
        list_reuse (18) [value of ListReuse]: Words = |mail| mail.list_reuse(),
        /// MAIL FROM, From and login name different senders
        sender_mismatch (19) [found]: bool = |mail| mail.has(FindingKind::SenderMismatch),
        /// MAIL FROM is empty (bounces and automatic replies)
        null_sender (20): bool = |mail| mail.sender.mailbox.is_none(),
        /// number of recipients of the envelope
        recipients (21): u32 = |mail| clamp(mail.recipients.len() as u64),
        /// number of recipients that are not own and not partner
        outside (22): u32 = |mail| mail.outside(),
        /// size of the message in megabytes, rounded up
        megabytes (23) [telling]: u32 = |mail| clamp(mail.size.div_ceil(1_000_000)),
        /// registered administrative lists of which more than ten rows are in the message
        list_rows (24) [value of AddressList]: Words = |mail| mail.list_rows(),
    }
}

facts! {
    /// Who receives this copy: the attributes of `resource`.
    pub struct RecipientFacts of RecipientEvidence<'_> {
        /// lower case; "postmaster" without a domain is the mailbox of the server itself
        address (0) [telling]: Box<str> = |copy| address_of(copy.recipient.mailbox.as_ref()),
        domain (1) [telling]: Box<str> = |copy| copy.recipient.mailbox.as_ref().map_or("", |m| m.domain().as_str()).into(),
        /// "own", "partner", "private-webmail", "disposable" or "other"
        class (2): Class = |copy| copy.class(),
        /// the class is not own and not partner
        outside (3): bool = |copy| is_outside(copy.class()),
        /// private webmail or disposable
        private_mailbox (4): bool = |copy| matches!(copy.class(), Class::PrivateWebmail | Class::Disposable),
        /// the domain is in no list, but a consumer mail provider hosts it (MX)
        consumer_hosted (5): bool = |copy| copy.recipient.consumer_hosted,
        /// finding `self-forward`: the address contains the sender's own name
        agent (6) [found]: bool = |copy| copy.named.agent,
        /// the address contains the sender's family name with another given name
        family (7) [value of Namesake]: bool = |copy| copy.named.family,
        /// the address contains the name of another agent
        colleague (8) [value of Namesake]: bool = |copy| copy.named.colleague,
        /// it contains the sender's family name, but the text addresses a stranger
        namesake (9) [value of Namesake]: bool = |copy| copy.named.namesake,
        /// the domain looks like an own or partner domain
        lookalike (10) [found]: bool = |copy| copy.named.lookalike,
        /// an exception in domains/allowed.list names it, for this sender, today
        allowed (11): bool = |copy| copy.is_allowed(),
        /// domain lists that name it
        lists (12) [telling]: ListBits = |copy| copy.lists(),
        /// to this recipient it is a forward: `forwards`, or a thread that others wrote
        forwarded (13) [found]: bool = |copy| copy.forwarded || copy.named.forwarded,
        /// the register names this recipient among those that may have rows of every list in `list_rows`
        may_have_rows (14) [value of AddressList]: bool = |copy| copy.may_have_rows(),
        /// highest marking or label, but for what he wrote himself and the mail quotes back to him
        rank (15) [found]: u32 = |copy| copy.rank,
    }
}

/// How sure it is who the sender is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Proof {
    /// Nobody is named.
    #[default]
    None,
    /// Only MAIL FROM says so.
    Claimed,
    /// A login, a certificate, or a named application in its own network.
    Login,
}

impl SenderFacts {
    /// The same with what the address itself says.
    pub(super) fn named(&self, mailbox: Option<&Mailbox>) -> SenderFacts {
        let address = mailbox.map(|mailbox| mailbox.original().key()).unwrap_or_default();
        SenderFacts { domain: domain_of(&address).into(), address: address.into(), ..self.clone() }
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

impl RecipientFacts {
    /// The same with what the address itself says.
    pub(super) fn named(&self, mailbox: Option<&Mailbox>) -> RecipientFacts {
        let domain = mailbox.map_or("", |mailbox| mailbox.domain().as_str()).into();
        RecipientFacts { address: address_of(mailbox), domain, ..self.clone() }
    }
}

/// RFC 5321 §4.5.1: bare `postmaster` is the server's own.
fn address_of(mailbox: Option<&Mailbox>) -> Box<str> {
    mailbox.map_or_else(|| "postmaster".into(), |mailbox| mailbox.key().into())
}

fn domain_of(address: &str) -> &str {
    address.rsplit_once('@').map_or("", |(_, domain)| domain)
}

impl Proof {
    /// The word rules know.
    pub fn as_str(self) -> &'static str {
        match self {
            Proof::None => "none",
            Proof::Claimed => "claimed",
            Proof::Login => "login",
        }
    }
}

/// Everything known about one mail that rules may ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    pub sender: SenderFacts,
    pub message: MessageFacts,
    /// One for each recipient of the envelope, in its order.
    pub recipients: Vec<RecipientFacts>,
}

impl Policy {
    /// Gathers all facts about one mail, whether or not a rule asks for them.
    pub fn facts(&self, question: &Question) -> Facts {
        let mail = MailEvidence::new(self, question);
        let sender = SenderFacts::gather(&mail);
        let named = Named::by_mailbox(question.findings);
        let (forwarded, list_rows) = (!mail.forwards().is_empty(), mail.list_rows());
        let of = |recipient: &ClassifiedRecipient| {
            let named = recipient.mailbox.as_ref().and_then(|mailbox| named.get(mailbox)).copied().unwrap_or_default();
            let instant = question.instant;
            let rank = mail.rank_for(recipient.mailbox.as_ref());
            RecipientFacts::gather(&RecipientEvidence {
                sender: &sender,
                forwarded,
                recipient,
                named,
                rank,
                list_rows: &list_rows,
                policy: self,
                instant,
            })
        };
        let recipients = question.recipients.iter().map(of).collect();
        Facts { message: MessageFacts::gather(&mail), recipients, sender }
    }
}

/// Some of the facts, such as those that rules ask for: a bit each, by the number of its row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    pub sender: u64,
    pub message: u64,
    pub recipient: u64,
}

impl Asked {
    pub(crate) const EVERYTHING: Asked = Asked { sender: u64::MAX, message: u64::MAX, recipient: u64::MAX };
    /// Those that the tables have.
    pub(crate) const KNOWN: Asked =
        Asked { sender: SenderFacts::ALL, message: MessageFacts::ALL, recipient: RecipientFacts::ALL };

    /// Who sends, and who receives.
    pub(crate) fn who() -> Asked {
        let names = |of| Asked::of(of, "address") | Asked::of(of, "domain");
        names("principal") | names("resource")
    }

    /// Those that detectors found.
    pub(crate) const FOUND: Asked =
        Asked { sender: SenderFacts::FOUND, message: MessageFacts::FOUND, recipient: RecipientFacts::FOUND };

    /// The fact that rules call `variable.name`; everything where no table knows it.
    pub(crate) fn of(variable: &str, name: &str) -> Asked {
        let bit = |rows: &[Row]| rows.iter().find(|row| row.name == name).map(|row| 1 << row.number);
        let none = Asked::default();
        let found = match variable {
            "principal" => bit(SenderFacts::ROWS).map(|sender| Asked { sender, ..none }),
            "context" => bit(MessageFacts::ROWS).map(|message| Asked { message, ..none }),
            "resource" => bit(RecipientFacts::ROWS).map(|recipient| Asked { recipient, ..none }),
            _ => None,
        };
        found.unwrap_or(Asked::EVERYTHING)
    }

    /// Whether some fact is among both.
    pub(crate) fn meets(self, other: Asked) -> bool {
        self.sender & other.sender != 0 || self.message & other.message != 0 || self.recipient & other.recipient != 0
    }

    /// Those of the tables that are not among these.
    pub(crate) fn missing(self) -> Asked {
        Asked {
            sender: Asked::KNOWN.sender & !self.sender,
            message: Asked::KNOWN.message & !self.message,
            recipient: Asked::KNOWN.recipient & !self.recipient,
        }
    }

    /// Whether rules ask who sends, and not only how sure that is.
    pub(crate) fn who_sends(self) -> bool {
        self.sender & !Asked::of("principal", "proof").sender != 0
    }
}

impl std::ops::BitOr for Asked {
    type Output = Asked;

    fn bitor(self, more: Asked) -> Asked {
        Asked {
            sender: self.sender | more.sender,
            message: self.message | more.message,
            recipient: self.recipient | more.recipient,
        }
    }
}

pub(super) fn clamp(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers stand in journals and masks.
    #[test]
    fn every_number_belongs_to_one_fact() {
        for rows in [SenderFacts::ROWS, MessageFacts::ROWS, RecipientFacts::ROWS] {
            let numbers: std::collections::BTreeSet<u32> = rows.iter().map(|row| row.number).collect();
            assert_eq!(numbers.len(), rows.len());
            assert!(numbers.last().is_some_and(|last| *last < 64), "a mask has 64 bits");
        }
    }

    #[test]
    fn what_nobody_asks_for_is_left_out() {
        let facts = MessageFacts { rank: 2, links: vec!["social".into()], ..MessageFacts::default() };
        let rank = Asked::of("context", "rank");
        assert_eq!(facts.asked(rank.message), MessageFacts { rank: 2, ..MessageFacts::default() });
        assert_eq!(facts.asked(Asked::EVERYTHING.message), facts);
        assert_eq!(Asked::of("context", "unheard"), Asked::EVERYTHING);
        assert!(!Asked::of("principal", "proof").who_sends() && Asked::of("principal", "unit").who_sends());
    }

    /// Replay believes these marks: a fact that findings change is marked so, and no other is.
    #[test]
    fn every_fact_knows_whether_findings_say_it() {
        use crate::detect::Finding;
        use crate::detect::reading::evidence::Sender;
        use crate::policy::question::CampaignFacts;

        // Rows of the list `x` may go to the recipient.
        let entry = "title = \"x\"\nowner = \"sg\"\n[[purpose]]\ntext = \"x\"\nfrom = 1970-01-01\n\
                     recipients = [\"elsewhere.example\"]\n";
        let files = [("domains/own.list", "town.example"), ("lists/x.toml", entry)];
        let policy =
            Policy::load(&files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())).into()).unwrap();
        let mailbox = Mailbox::parse("somebody@elsewhere.example").unwrap();
        let path = crate::mail::ForwardPath::Mailbox(mailbox.clone());
        let recipients = [policy.lists.classify(&path, None, jiff::Timestamp::UNIX_EPOCH)];
        let facts = |findings: &[Finding]| {
            policy.facts(&Question {
                sender: &Sender { mailbox: None, proof: None, bare_login: None },
                recipients: &recipients,
                findings,
                campaign: &CampaignFacts::default(),
                opened: &[],
                size: 1,
                sealed: false,
                instant: jiff::Timestamp::UNIX_EPOCH,
            })
        };
        let none = facts(&[]);
        let mut seen = Asked::default();
        use FindingKind::*;
        for kind in [
            Forward,
            SelfForward,
            Namesake,
            Marking,
            SensitivityLabel,
            Encrypted,
            Disguised,
            Uninspectable,
            Link,
            PersonalData,
            AddressList,
            PrivateCorrespondence,
            TracedDocument,
            ListReuse,
            Document,
            Invitation,
            Lookalike,
            SenderMismatch,
            Malformed,
        ] {
            for value in ["x", "phone", "colleague", "namesake", "meeting"] {
                for recipient in [None, Some(&mailbox)] {
                    let mut finding = Finding::new(kind, "body").value(value).rank(2).count(3);
                    finding.recipient = recipient.cloned();
                    let found = facts(&[finding]);
                    let message = found.message.set() ^ none.message.set();
                    let copy = found.recipients[0].set() ^ none.recipients[0].set();
                    for (rows, changed) in [(MessageFacts::ROWS, message), (RecipientFacts::ROWS, copy)] {
                        for row in rows.iter().filter(|row| changed & (1 << row.number) != 0) {
                            let right = match row.origin {
                                Origin::Known | Origin::Telling => false,
                                Origin::Found => true,
                                Origin::Value(of) => of == kind,
                            };
                            assert!(right, "{} is changed by {kind:?}", row.name);
                        }
                    }
                    assert_eq!(found.sender.set(), none.sender.set());
                    seen = seen | Asked { sender: 0, message, recipient: copy };
                }
            }
        }
        assert_eq!(seen, Asked::FOUND);
    }
}
