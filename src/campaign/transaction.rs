// SPDX-License-Identifier: EUPL-1.2
//! What a campaign has to know of one transaction.

use jiff::Timestamp;

use super::evidence::Asked;
use super::register::{ListId, Register};
use super::signature::Signature;
use crate::lists::{Listed, Member};
use crate::mail::Domain;

/// One transaction. A retry (D11) is none, unless it was deferred.
#[derive(Debug, Clone)]
pub struct Transaction<'a> {
    /// Of the retry key, so that a deferred transaction is counted once however often it comes again.
    pub digest: u64,
    pub at: Timestamp,
    pub sender: Sender,
    pub recipients: Recipients,
    pub signature: &'a Signature,
    /// A hash of each attachment's content.
    pub attachments: Vec<u64>,
    /// What the classifier says of this text, where D21 lets it look.
    pub political: Option<f32>,
}

/// The sender, as D18 finds him.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Of his [`sender_identity`](crate::mail::Mailbox::sender_identity).
    pub member: Member,
    /// Of the From header's address, only where the envelope's domain is the same.
    pub header: Option<Member>,
    pub domain: Domain,
    /// By a login or a named application's network. What frees by sender needs it; what binds does not.
    pub proven: bool,
    /// At one of our own domains.
    pub own: bool,
}

/// Where a recipient reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Outside,
    /// At one of our own domains: [`unit`] of his unit, else of the domain.
    Own(u64),
}

/// The number of a unit or domain.
pub fn unit(name: &str) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *blake3::hash(name.as_bytes()).as_bytes();
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// The recipients of a transaction with what the register knows of each, looked up before any lock is taken.
#[derive(Debug, Clone, Default)]
pub struct Recipients {
    all: Vec<Looked>,
    listed: Vec<Listed>,
}

#[derive(Debug, Clone, Copy)]
struct Looked {
    member: Member,
    asked: Asked,
    listed: (u32, u32),
}

/// One recipient.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipient<'a> {
    pub member: Member,
    pub asked: Asked,
    pub listed: &'a [Listed],
}

impl Recipients {
    pub fn with_capacity(recipients: usize) -> Recipients {
        Recipients { all: Vec::with_capacity(recipients), listed: Vec::with_capacity(recipients * 2) }
    }

    pub fn push(&mut self, member: Member, side: Side, register: &Register) {
        let start = self.listed.len() as u32;
        self.listed.extend(register.index().find(member));
        let listed = &self.listed[start as usize..];
        let known = listed.iter().any(|listed| register.source(listed.source).universal);
        let asked = match side {
            Side::Own(unit) => Asked::Own(unit),
            Side::Outside if known => Asked::Known,
            Side::Outside => Asked::Unknown,
        };
        self.all.push(Looked { member, asked, listed: (start, self.listed.len() as u32) });
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Recipient<'_>> + Clone {
        self.all.iter().map(|looked| Recipient {
            member: looked.member,
            asked: looked.asked,
            listed: &self.listed[looked.listed.0 as usize..looked.listed.1 as usize],
        })
    }
}

impl Recipient<'_> {
    pub fn is_outside(&self) -> bool {
        !matches!(self.asked, Asked::Own(_))
    }

    /// On which lists, universal ones aside: by identity and position.
    pub fn lists<'a>(&'a self, register: &'a Register) -> impl Iterator<Item = (ListId, u32)> + 'a {
        self.listed.iter().filter_map(|listed| {
            let source = register.source(listed.source);
            (!source.universal).then_some((source.id, listed.place.position))
        })
    }

    pub fn is_on(&self, list: ListId, register: &Register) -> bool {
        self.listed.iter().any(|listed| register.source(listed.source).id == list)
    }
}
