// SPDX-License-Identifier: EUPL-1.2
//! What the journal keeps of a judged mail: its facts, and what judging it again takes beside them (decision D23).
//!
//! As bytes a mail takes about ten, a copy about five: facts that are as in a mail in which nothing stands are left out.

use std::sync::Arc;

use jiff::Timestamp;

use super::Policy;
use super::bytes::{read_byte, read_number, read_slice, write_number};
use super::facts::{Asked, Facts, MessageFacts, RecipientFacts, SenderFacts};
use super::judge::strippable;
use super::question::Question;
use super::sources::Sources;
use crate::directory::{People, day};
use crate::mail::Mailbox;

/// One judged mail, with those of its copies that the journal has a row for. Addresses are kept beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMail {
    pub instant: Timestamp,
    pub sources: Arc<Sources>,
    pub sender: SenderFacts,
    pub message: MessageFacts,
    /// An attachment that holds a finding can be taken out.
    pub can_strip: bool,
    /// The body quotes somebody, whose own words are no finding where they go back to him.
    pub quotes: bool,
    /// Facts that are not kept of private mail (decision D20), whatever they were.
    pub left_out: Asked,
    pub copies: Vec<KeptCopy>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCopy {
    /// Index into the recipients of the envelope.
    pub recipient: usize,
    pub facts: RecipientFacts,
    /// Those that are not kept of private mail.
    pub left_out: u64,
}

/// Who wrote to whom; not kept of private mail (decision D20).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptAddresses {
    /// Who sends, as far as it was known: the login before MAIL FROM (decision D18).
    pub sender: Option<Mailbox>,
    /// All of the envelope, in its order; `None` is bare `postmaster`.
    pub recipients: Vec<Option<Mailbox>>,
}

impl KeptAddresses {
    /// Those of a mail in question.
    pub fn of(question: &Question) -> KeptAddresses {
        let recipients = question.recipients.iter().map(|recipient| recipient.mailbox.clone()).collect();
        KeptAddresses { sender: question.sender.mailbox.clone(), recipients }
    }
}

const CAN_STRIP: u8 = 1;
const QUOTES: u8 = 2;
const LEFT_OUT: u8 = 4;
/// Where facts of a copy would begin with the number of one, says that those left out stand before them.
const COPY_LEFT_OUT: u8 = u8::MAX;

impl KeptMail {
    /// What is kept of a mail that `policy` judged, and that quotes somebody or not.
    pub fn of(policy: &Policy, question: &Question, facts: Facts, quotes: bool) -> KeptMail {
        let copies = facts.recipients.into_iter().enumerate();
        let kept = KeptMail {
            instant: question.instant,
            sources: policy.sources.clone(),
            sender: facts.sender,
            message: facts.message,
            can_strip: !strippable(question).is_empty(),
            quotes,
            left_out: Asked::default(),
            copies: copies.map(|(recipient, facts)| KeptCopy { recipient, facts, left_out: 0 }).collect(),
        };
        if kept.message.private { kept.of_private(Some(&policy.people)) } else { kept }
    }

    /// Decision D20: kinds and ranks of what was found, class and number of the recipients, how sure it is who sends,
    /// and his unit where it has ten people or more.
    fn of_private(mut self, people: Option<&People>) -> KeptMail {
        let large = |people: &People| people.unit_of_many(&self.sender.unit, day(self.instant)).map(Box::from);
        let unit: Box<str> = people.and_then(large).unwrap_or_default();
        let is_same = people.is_some() && unit == self.sender.unit;
        let (mut sender, mut sender_left_out) = self.sender.of_private();
        sender.unit = unit;
        if is_same {
            sender_left_out &= !Asked::of("principal", "unit").sender;
        }
        // Nobody sends: there is nothing to leave out.
        if self.message.null_sender {
            sender_left_out = 0;
        }
        let (message, message_left_out) = self.message.of_private();
        for copy in &mut self.copies {
            (copy.facts, copy.left_out) = copy.facts.of_private();
        }
        let left_out = Asked { sender: sender_left_out, message: message_left_out, recipient: 0 };
        // Whose words are quoted is asked of mail whose addresses are kept.
        KeptMail { sender, message, left_out, quotes: false, ..self }
    }

    /// Everything about the mail but instant, addresses, unit and sources, which are kept beside.
    pub fn mail_bytes(&self) -> Vec<u8> {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let is_left_out = self.left_out != Asked::default();
        let flags = flag(self.can_strip, CAN_STRIP) | flag(self.quotes, QUOTES) | flag(is_left_out, LEFT_OUT);
        let mut bytes = vec![flags];
        if is_left_out {
            write_number(self.left_out.sender, &mut bytes);
            write_number(self.left_out.message, &mut bytes);
        }
        let mut sender = Vec::new();
        let none = || Box::from("");
        SenderFacts { address: none(), domain: none(), unit: none(), ..self.sender.clone() }.write(&mut sender);
        write_number(sender.len() as u64, &mut bytes);
        bytes.extend(sender);
        self.message.write(&mut bytes);
        bytes
    }

    /// Reads what [`mail_bytes`](Self::mail_bytes) wrote, without copies yet; `None` where a newer octroi wrote it.
    pub fn read(instant: Timestamp, sources: Arc<Sources>, unit: &str, mut bytes: &[u8]) -> Option<KeptMail> {
        let flags = read_byte(&mut bytes)?;
        let mut left_out = Asked::default();
        if flags & LEFT_OUT != 0 {
            (left_out.sender, left_out.message) = (read_number(&mut bytes)?, read_number(&mut bytes)?);
        }
        let length = usize::try_from(read_number(&mut bytes)?).ok()?;
        let mut sender = SenderFacts::read(read_slice(&mut bytes, length)?)?;
        sender.unit = unit.into();
        let message = MessageFacts::read(bytes)?;
        // Of before what else private mail leaves out was decided.
        if message.private && !message.null_sender {
            left_out.sender |= Asked::who().sender;
        }
        (flags & !(CAN_STRIP | QUOTES | LEFT_OUT) == 0).then_some(KeptMail {
            instant,
            sources,
            sender,
            message,
            can_strip: flags & CAN_STRIP != 0,
            quotes: flags & QUOTES != 0,
            left_out,
            copies: Vec::new(),
        })
    }

    /// Adds a copy that [`KeptCopy::bytes`] wrote; `None` where a newer octroi wrote it.
    pub fn read_copy(&mut self, recipient: usize, mut bytes: &[u8]) -> Option<()> {
        let mut left_out = if self.message.private { Asked::who().recipient } else { 0 };
        if let Some((&COPY_LEFT_OUT, rest)) = bytes.split_first() {
            bytes = rest;
            left_out |= read_number(&mut bytes)?;
        }
        self.copies.push(KeptCopy { recipient, facts: RecipientFacts::read(bytes)?, left_out });
        Some(())
    }
}

impl KeptCopy {
    /// Everything about the copy but its address.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if self.left_out != 0 {
            bytes.push(COPY_LEFT_OUT);
            write_number(self.left_out, &mut bytes);
        }
        RecipientFacts { address: "".into(), domain: "".into(), ..self.facts.clone() }.write(&mut bytes);
        bytes
    }
}

/// The facts of a private mail and of its copies, kept before decision D20 was obeyed, as they are kept since; `None`
/// where there is nothing to leave out, or a newer octroi wrote them.
pub fn of_private_again(mail: &[u8], copies: &[&[u8]]) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let mut kept = KeptMail::read(Timestamp::UNIX_EPOCH, Arc::default(), "", mail)?;
    for (recipient, bytes) in copies.iter().enumerate() {
        kept.read_copy(recipient, bytes)?;
    }
    if !kept.message.private || mail.first()? & LEFT_OUT != 0 {
        return None;
    }
    let kept = kept.of_private(None);
    Some((kept.mail_bytes(), kept.copies.iter().map(KeptCopy::bytes).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Class, Person};
    use crate::policy::facts::ListBits;

    fn words(all: &[&str]) -> Vec<Box<str>> {
        all.iter().copied().map(Box::from).collect()
    }

    /// A private mail in which much was found.
    fn private() -> KeptMail {
        KeptMail {
            instant: Timestamp::UNIX_EPOCH,
            sources: Arc::default(),
            sender: SenderFacts {
                address: "cheffe@town.example".into(),
                domain: "town.example".into(),
                unit: "sg/cabinet".into(),
                role: "chef-cabinet".into(),
                ..SenderFacts::default()
            },
            message: MessageFacts {
                rank: 2,
                labels: words(&["Affaire Dupont"]),
                own_links: words(&["social"]),
                links: words(&["social"]),
                phones: 3,
                private: true,
                recipients: 2,
                megabytes: 17,
                ..MessageFacts::default()
            },
            can_strip: true,
            quotes: true,
            left_out: Asked::default(),
            copies: vec![KeptCopy {
                recipient: 0,
                facts: RecipientFacts {
                    address: "frere@gmail.com".into(),
                    class: Class::PrivateWebmail,
                    family: true,
                    lists: ListBits(5),
                    ..RecipientFacts::default()
                },
                left_out: 0,
            }],
        }
    }

    fn people(in_cabinet: u32, beside: u32) -> People {
        let row = |(n, unit): (u32, &str)| Person {
            mail: format!("a{n}@{}.example", unit.replace('/', "-")),
            unit: unit.into(),
            ..Person::default()
        };
        let units = [("sg/cabinet", in_cabinet), ("sg/rh", beside)];
        People::new(units.into_iter().flat_map(|(unit, count)| (0..count).map(move |n| (n, unit))).map(row))
    }

    fn again(mail: &KeptMail) -> KeptMail {
        let mut read = KeptMail::read(mail.instant, Arc::default(), &mail.sender.unit, &mail.mail_bytes()).unwrap();
        for copy in &mail.copies {
            read.read_copy(copy.recipient, &copy.bytes()).unwrap();
        }
        read
    }

    #[test]
    fn of_private_mail_stay_kinds_ranks_classes_and_a_large_unit() {
        let kept = private().of_private(Some(&people(3, 20)));
        let bytes = [kept.mail_bytes(), kept.copies[0].bytes()].concat();
        let text = String::from_utf8_lossy(&bytes);
        for telling in ["town", "cheffe", "gmail", "frere", "chef-cabinet", "Dupont", "social"] {
            assert!(!text.contains(telling), "{telling}");
        }
        assert_eq!(&*kept.sender.unit, "sg", "of three people the unit above");
        let left = MessageFacts { rank: 2, private: true, recipients: 2, ..MessageFacts::default() };
        assert_eq!((&kept.message, kept.quotes), (&left, false));
        let copy = RecipientFacts { class: Class::PrivateWebmail, ..RecipientFacts::default() };
        assert_eq!(kept.copies[0].facts, copy);
        assert_eq!(again(&kept), kept);
        let none = private().of_private(Some(&people(3, 2)));
        assert_eq!(&*none.sender.unit, "");
        let whole = private().of_private(Some(&people(12, 0)));
        assert_eq!(&*whole.sender.unit, "sg/cabinet");
        let unit = Asked::of("principal", "unit").sender;
        assert_eq!((kept.left_out.sender & unit, whole.left_out.sender & unit), (unit, 0), "the very unit is known");
    }

    /// That a kind was found is kept, and no more: which facts of it are missing does not tell more either.
    #[test]
    fn what_is_left_out_says_no_more_than_the_kind() {
        let of = |message: MessageFacts| {
            let mail = KeptMail { message: MessageFacts { private: true, ..message }, ..private() };
            mail.of_private(None).left_out.message
        };
        let none = MessageFacts::default();
        let phones = of(MessageFacts { phones: 3, ..none.clone() });
        let numbers = of(MessageFacts { identifiers: 4, personal_data: words(&["fr-nir"]), ..none.clone() });
        assert_eq!(phones, numbers);
        assert_ne!(phones, of(none.clone()));
        assert_eq!(of(MessageFacts { links: words(&["meeting"]), ..none.clone() }), {
            of(MessageFacts { own_links: words(&["social"]), links: words(&["social"]), ..none })
        });
        let copy = |facts: RecipientFacts| facts.of_private().1;
        let (family, colleague) = (RecipientFacts { family: true, ..RecipientFacts::default() }, {
            RecipientFacts { colleague: true, ..RecipientFacts::default() }
        });
        assert_eq!(copy(family), copy(colleague));
    }

    #[test]
    fn rows_of_before_are_left_with_what_private_mail_keeps() {
        let before = private();
        let (mail, copies) = of_private_again(&before.mail_bytes(), &[&before.copies[0].bytes()]).unwrap();
        let now = before.of_private(None);
        assert_eq!((&mail, &copies), (&now.mail_bytes(), &vec![now.copies[0].bytes()]));
        assert_eq!(of_private_again(&mail, &[&copies[0]]), None, "once");
        let open = KeptMail { message: MessageFacts::default(), ..private() };
        assert_eq!(of_private_again(&open.mail_bytes(), &[]), None, "what is not private stays");
    }
}
