// SPDX-License-Identifier: EUPL-1.2
//! What the journal keeps of a judged mail: its facts, and what judging it again takes beside them (decision D23).
//!
//! As bytes a mail takes about ten, a copy about five: facts that are as in a mail in which nothing stands are left out.

use std::sync::Arc;

use jiff::Timestamp;

use super::Policy;
use super::bytes::{read_byte, read_number, read_slice, write_number};
use super::facts::{Facts, MessageFacts, RecipientFacts, SenderFacts};
use super::judge::strippable;
use super::question::Question;
use super::sources::Sources;
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
    pub copies: Vec<KeptCopy>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCopy {
    /// Index into the recipients of the envelope.
    pub recipient: usize,
    pub facts: RecipientFacts,
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

impl KeptMail {
    /// What is kept of a mail that `policy` judged, and that quotes somebody or not.
    pub fn of(policy: &Policy, question: &Question, facts: Facts, quotes: bool) -> KeptMail {
        let copies = facts.recipients.into_iter().enumerate();
        KeptMail {
            instant: question.instant,
            sources: policy.sources.clone(),
            sender: facts.sender,
            message: facts.message,
            can_strip: !strippable(question).is_empty(),
            quotes,
            copies: copies.map(|(recipient, facts)| KeptCopy { recipient, facts }).collect(),
        }
    }

    /// Everything about the mail but instant, addresses, unit and sources, which are kept beside.
    pub fn mail_bytes(&self) -> Vec<u8> {
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        let mut bytes = vec![flag(self.can_strip, CAN_STRIP) | flag(self.quotes, QUOTES)];
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
        let length = usize::try_from(read_number(&mut bytes)?).ok()?;
        let mut sender = SenderFacts::read(read_slice(&mut bytes, length)?)?;
        sender.unit = unit.into();
        (flags & !(CAN_STRIP | QUOTES) == 0).then_some(KeptMail {
            instant,
            sources,
            sender,
            message: MessageFacts::read(bytes)?,
            can_strip: flags & CAN_STRIP != 0,
            quotes: flags & QUOTES != 0,
            copies: Vec::new(),
        })
    }

    /// Adds a copy that [`KeptCopy::bytes`] wrote; `None` where a newer octroi wrote it.
    pub fn read_copy(&mut self, recipient: usize, bytes: &[u8]) -> Option<()> {
        self.copies.push(KeptCopy { recipient, facts: RecipientFacts::read(bytes)? });
        Some(())
    }
}

impl KeptCopy {
    /// Everything about the copy but its address.
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        RecipientFacts { address: "".into(), domain: "".into(), ..self.facts.clone() }.write(&mut bytes);
        bytes
    }
}
