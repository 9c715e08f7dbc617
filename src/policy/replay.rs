// SPDX-License-Identifier: EUPL-1.2
//! Judging again what the journal keeps, under these policies or others (promise 10, decision D23).
//!
//! A pure function of what is kept, rules, domain lists, exceptions, mode and the instant the mail came. What other
//! markings, words, people or domains would have *found* is not in what is kept: where it could have been something
//! else, the answer is [`Unknown`], and never a guess.

use std::cell::OnceCell;

use super::Policy;
use super::facts::{
    Asked, Facts, MessageFacts, Named, RecipientEvidence, RecipientFacts, SenderFacts, clamp, is_outside,
};
use super::judge::Opinion;
use super::kept::{KeptAddresses, KeptCopy, KeptMail};
use super::verdict::Disposition;
use crate::detect::Lookalikes;
use crate::directory::{Class, ClassifiedRecipient};
use crate::mail::{ForwardPath, Mailbox};

/// What would become of one copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    Judged { disposition: Disposition, opinion: Opinion },
    Unknown(Unknown),
}

/// Why nobody can say what would become of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unknown {
    /// Other markings, words, people or units might have found something else.
    Words,
    /// Other domain lists might have found something else.
    Lists,
    /// A rule asks for a fact that was not gathered then.
    Facts,
    /// A rule asks for what detectors found, and they were those of another octroi.
    Version,
    /// A rule or list asks for what is not kept: the mail is private (decision D20).
    Sealed,
}

impl Unknown {
    pub fn as_str(self) -> &'static str {
        match self {
            Unknown::Words => "markings, words, people or units differ",
            Unknown::Lists => "domain lists differ in what they would find",
            Unknown::Facts => "a rule asks for a fact that was not gathered then",
            Unknown::Version => "a rule asks for what another version of octroi found",
            Unknown::Sealed => "what it asks is not kept of private mail",
        }
    }
}

/// Policies that judge again.
#[derive(Debug)]
pub struct Replay<'p> {
    policy: &'p Policy,
    /// Only other domain lists ask for them.
    lookalikes: OnceCell<Lookalikes>,
}

impl<'p> Replay<'p> {
    pub fn new(policy: &'p Policy) -> Replay<'p> {
        Replay { policy, lookalikes: OnceCell::new() }
    }

    /// One answer for each copy kept, in its order.
    pub fn mail(&self, mail: &KeptMail, addresses: Option<&KeptAddresses>) -> Vec<Replayed> {
        let asked = self.policy.rules.asked_at(mail.instant);
        let facts = match self.facts(mail, addresses, asked) {
            Ok(facts) => facts,
            Err(unknown) => return vec![Replayed::Unknown(unknown); mail.copies.len()],
        };
        let opinions = self.policy.opinions(&facts, mail.instant, true);
        let said = |(opinion, copy): (Opinion, &KeptCopy)| match self.unknown_of(copy, mail, asked) {
            Some(unknown) => Replayed::Unknown(unknown),
            None => Replayed::Judged { disposition: opinion.disposition(mail.can_strip), opinion },
        };
        opinions.zip(&mail.copies).map(said).collect()
    }

    /// Whether the mail was judged by other detectors than those of this program.
    fn is_of_another(&self, mail: &KeptMail) -> bool {
        self.policy.sources.octroi != mail.sources.octroi
    }

    /// Why nobody can say of this one copy what rules that ask for so much would say.
    fn unknown_of(&self, copy: &KeptCopy, mail: &KeptMail, asked: Asked) -> Option<Unknown> {
        if asked.recipient & copy.left_out != 0 {
            return Some(Unknown::Sealed);
        }
        // A domain that a provider hosts is a private mailbox or none by whose name was found in the address.
        let of_class = Asked::of("resource", "class") | Asked::of("resource", "private_mailbox");
        let by_name = copy.facts.consumer_hosted && self.is_of_another(mail);
        (by_name && asked.meets(of_class)).then_some(Unknown::Version)
    }

    /// The facts as they would have been, of the copies kept.
    fn facts(&self, mail: &KeptMail, addresses: Option<&KeptAddresses>, asked: Asked) -> Result<Facts, Unknown> {
        let (now, then) = (&self.policy.sources, &mail.sources);
        if now.words != then.words {
            return Err(Unknown::Words);
        }
        if asked.meets(then.facts.missing()) {
            return Err(Unknown::Facts);
        }
        if asked.meets(mail.left_out) {
            return Err(Unknown::Sealed);
        }
        if self.is_of_another(mail) && asked.meets(Asked::FOUND) {
            return Err(Unknown::Version);
        }
        let other_lists = now.domains != then.domains;
        // Of private mail none are kept: what rules ask about them is among what is left out.
        let Some(addresses) = addresses else {
            if other_lists {
                return Err(Unknown::Sealed);
            }
            let recipients = mail.copies.iter().map(|copy| copy.facts.clone()).collect();
            return Ok(Facts { sender: mail.sender.clone(), message: mail.message.clone(), recipients });
        };
        let sender = mail.sender.named(addresses.sender.as_ref());
        if other_lists {
            return self.facts_of_other_lists(mail, addresses, sender);
        }
        let address = |copy: &KeptCopy| addresses.recipients.get(copy.recipient).and_then(Option::as_ref);
        let recipients = mail.copies.iter().map(|copy| copy.facts.named(address(copy))).collect();
        Ok(Facts { sender, message: mail.message.clone(), recipients })
    }

    /// Under other domain lists the recipients are others; what detectors looked at must be the same.
    fn facts_of_other_lists(
        &self,
        mail: &KeptMail,
        addresses: &KeptAddresses,
        sender: SenderFacts,
    ) -> Result<Facts, Unknown> {
        // Of a copy that was judged later by itself the other recipients are not known.
        let are_all = clamp(addresses.recipients.len() as u64) == mail.message.recipients;
        if !are_all || self.policy.sources.found_by != mail.sources.found_by {
            return Err(Unknown::Lists);
        }
        let (mut outside, mut same_outside, mut recipients) = (0, true, Vec::with_capacity(mail.copies.len()));
        for (index, mailbox) in addresses.recipients.iter().enumerate() {
            // Of a copy without a row nobody knows what was seen of it.
            let copy = mail.copies.iter().find(|copy| copy.recipient == index).ok_or(Unknown::Lists)?;
            let recipient = self.classified(mail, &copy.facts, mailbox.as_ref()).ok_or(Unknown::Lists)?;
            outside += u64::from(is_outside(recipient.class));
            same_outside &= is_outside(recipient.class) == is_outside(listed_class(&copy.facts));
            recipients.push(self.recipient_facts(mail, &copy.facts, &recipient, &sender));
        }
        // Quoted words are no finding for whom outside they go back to.
        if mail.quotes && !same_outside {
            return Err(Unknown::Lists);
        }
        Ok(Facts { sender, message: MessageFacts { outside: clamp(outside), ..mail.message.clone() }, recipients })
    }

    /// The recipient by the lists of now; `None` where detectors would have looked at another one.
    fn classified(
        &self,
        mail: &KeptMail,
        then: &RecipientFacts,
        mailbox: Option<&Mailbox>,
    ) -> Option<ClassifiedRecipient> {
        let path = mailbox.cloned().map_or(ForwardPath::Postmaster, ForwardPath::Mailbox);
        let mut now = self.policy.lists.classify(&path, None, mail.instant);
        let (now_in_force, in_force) = (&self.policy.sources, &mail.sources);
        let class = listed_class(then);
        if now.class == Class::Other {
            // MX hosts are asked for where a domain is on no list.
            if class != Class::Other || now_in_force.consumer_mx != in_force.consumer_mx {
                return None;
            }
            now.consumer_hosted = then.consumer_hosted;
        }
        let private = |class: Class| matches!(class, Class::PrivateWebmail | Class::Disposable);
        let same_mailbox = private(now.class) == private(class) && now.consumer_hosted == then.consumer_hosted;
        let same_imitation =
            now.class == class && now_in_force.partner == in_force.partner || !then.lookalike && !self.imitates(&now);
        (same_mailbox && same_imitation).then_some(now)
    }

    /// As the detector of lookalikes tells it.
    fn imitates(&self, recipient: &ClassifiedRecipient) -> bool {
        let lookalikes = self.lookalikes.get_or_init(|| Lookalikes::new(self.policy.imitable()));
        let mailbox = recipient.mailbox.as_ref().filter(|_| recipient.class == Class::Other);
        mailbox.is_some_and(|mailbox| lookalikes.imitated(mailbox.domain()).is_some())
    }

    fn recipient_facts(
        &self,
        mail: &KeptMail,
        then: &RecipientFacts,
        recipient: &ClassifiedRecipient,
        sender: &SenderFacts,
    ) -> RecipientFacts {
        RecipientFacts::gather(&RecipientEvidence {
            sender,
            recipient,
            forwarded: then.forwarded,
            named: Named {
                agent: then.agent,
                family: then.family,
                colleague: then.colleague,
                namesake: then.namesake,
                lookalike: then.lookalike,
                forwarded: then.forwarded,
            },
            rank: then.rank,
            list_rows: &mail.message.list_rows,
            policy: self.policy,
            instant: mail.instant,
        })
    }
}

/// The class that lists gave, where a name may have made it another one.
fn listed_class(facts: &RecipientFacts) -> Class {
    if facts.consumer_hosted { Class::Other } else { facts.class }
}
