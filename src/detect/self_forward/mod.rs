// SPDX-License-Identifier: EUPL-1.2
//! Finds out whose private mailbox a recipient is: the sender's own, a relative's, a namesake's, a colleague's, a
//! stranger's.
//!
//! Precision comes first. A citizen may have the same name as an agent; a mail to a citizen greets the citizen, a mail to
//! oneself greets nobody. So weak likeness (an initial, a nickname) counts only if this recipient is not greeted. A greeting
//! is about who stands first in To, a quoted author about himself: neither frees anybody beside (decision D35).

mod colleague;
mod likeness;
mod opening;
mod told;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::forward;
use crate::detect::lookalike::is_mistyped_webmail;
use crate::detect::reading::inspection::Inspection;
use crate::detect::reading::quotations::Quotation;
use crate::directory::fold::{letters, words};
use crate::directory::{Class, ClassifiedRecipient};
use crate::mail::{Identity, Mailbox};

use likeness::{Likeness, Names, base};
use opening::Opening;

/// Recipients looked at: who sends to more private mailboxes than this is not sending home.
const MOST: usize = 200;
/// Private mailboxes beside: a mail to so many is for a group, and one of them has somebody's surname by chance.
const GROUP: usize = 4;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let private = |recipient: &&ClassifiedRecipient| {
        matches!(recipient.class, Class::PrivateWebmail | Class::Disposable)
            || recipient.consumer_hosted
            || is_mistyped_webmail(inspection, recipient)
    };
    let recipients: Vec<&ClassifiedRecipient> =
        inspection.evidence.recipients.iter().filter(private).take(MOST).collect();
    if recipients.is_empty() {
        return;
    }
    let mail = Mail::of(inspection, recipients.len());
    for recipient in recipients {
        let Some(mailbox) = &recipient.mailbox else { continue };
        let reader = mail.reader(mailbox);
        let Some((value, why)) = mail.whose(&reader, recipient) else { continue };
        let finding = match value {
            Whose::Own => Finding::new(FindingKind::SelfForward, "envelope"),
            Whose::Family => Finding::new(FindingKind::Namesake, "envelope").value("family"),
            Whose::Colleague => Finding::new(FindingKind::Namesake, "envelope").value("colleague"),
            Whose::Namesake => Finding::new(FindingKind::Namesake, "envelope").value("namesake"),
        };
        findings.push(finding.excerpt(why).recipient(mailbox));
        let owner = match value {
            Whose::Own => forward::Owner::Sender { greeted_by_name: mail.greets_sender() },
            Whose::Colleague => forward::Owner::Colleague,
            Whose::Family => forward::Owner::Family,
            Whose::Namesake => continue,
        };
        forward::to_private_mailbox(inspection, mailbox, owner, |quotation| reader.wrote(quotation), findings);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Own,
    Family,
    Colleague,
    Namesake,
}

/// What the mail says that is the same for all recipients.
struct Mail<'a, 'm> {
    inspection: &'a Inspection<'m>,
    sender: Names,
    opening: Opening,
    /// The first mailbox of To.
    first: Option<Identity>,
    /// To names somebody.
    has_to: bool,
    /// Private mailboxes among the recipients.
    private: usize,
    passed_on: bool,
    replied: bool,
}

/// One recipient, and what is said of it.
struct Reader<'a> {
    mailbox: &'a Mailbox,
    identity: Identity,
    /// The name that To and Cc give to it.
    display: Vec<String>,
    /// The greeting is for this reader.
    greeted: bool,
}

impl Reader<'_> {
    fn wrote(&self, quotation: &Quotation) -> bool {
        quotation.is_by(&self.identity, &self.display.concat())
    }
}

impl<'a, 'm> Mail<'a, 'm> {
    fn of(inspection: &'a Inspection<'m>, private: usize) -> Mail<'a, 'm> {
        let to = inspection.headers("To").flat_map(addresses).next();
        let subject = inspection.subject();
        Mail {
            inspection,
            sender: Names::of_sender(inspection),
            opening: Opening::of(inspection.evidence, &inspection.tables.words),
            has_to: to.is_some(),
            first: to.map(|mailbox| mailbox.identity()),
            private,
            passed_on: subject.passed_on,
            replied: subject.replied,
        }
    }

    fn reader<'r>(&self, mailbox: &'r Mailbox) -> Reader<'r> {
        let identity = mailbox.identity();
        let display = displayed(self.inspection, mailbox);
        // Who stands in no To is greeted where nobody else could be.
        let alone = !self.has_to && self.inspection.evidence.recipients.len() == 1;
        let greeted = self.first.as_ref() == Some(&identity) || alone;
        Reader { mailbox, identity, display, greeted }
    }

    /// Whether the mail answers this reader: the outermost quotation is the one that is answered. Most recipients bear no
    /// likeness to anybody, and nothing is read for them.
    fn answers(&self, reader: &Reader<'_>) -> bool {
        self.inspection.quotations().first().is_some_and(|quotation| reader.wrote(quotation))
    }

    /// Whether the mail greets the sender himself by his given name: then somebody else wrote it.
    fn greets_sender(&self) -> bool {
        !self.opening.has_title && self.opening.greets_one_of(&self.sender.givens)
    }

    fn is_common(&self, surname: &str) -> bool {
        colleague::is_common(self.inspection.evidence.people, surname)
    }

    fn whose(&self, reader: &Reader<'_>, recipient: &ClassifiedRecipient) -> Option<(Whose, String)> {
        let words = &self.inspection.tables.words;
        let likeness = self.sender.compare(reader.mailbox, &reader.display, recipient.consumer_hosted, words);
        match likeness {
            Likeness::Own(why) => Some((if self.frees_own(reader) { Whose::Namesake } else { Whose::Own }, why)),
            Likeness::Strict { why, common } if self.holds_strict(reader, common) => Some((Whose::Own, why)),
            Likeness::Strict { why, .. } => {
                let known = colleague::of(self, reader);
                Some(known.unwrap_or((Whose::Namesake, why)))
            }
            Likeness::Relative { why, surname } => {
                if let Some(known) = colleague::of(self, reader) {
                    return Some(known);
                }
                let speaks = reader.greeted && self.opening.speaks;
                if self.is_common(&surname) && (speaks || !reader.greeted) {
                    // A name that many bear means something only if nobody is spoken to.
                    return told::of(self, reader);
                }
                let stranger = reader.greeted && self.opening.is_distant && (self.opening.is_formal || !self.passed_on)
                    || !self.passed_on && speaks && self.answers(reader)
                    || self.private > GROUP;
                Some((if stranger { Whose::Namesake } else { Whose::Family }, why))
            }
            Likeness::None => {
                colleague::of(self, reader).or_else(|| told::of(self, reader)).or_else(|| self.weak(reader))
            }
        }
    }

    /// A citizen of the sender's own name: he is greeted formally, and his name in the greeting, his own quoted mail, or an
    /// answer that quotes nobody else says that he is another person.
    fn frees_own(&self, reader: &Reader<'_>) -> bool {
        let opening = &self.opening;
        if !reader.greeted || !opening.is_formal || opening.names_office || self.passed_on {
            return false;
        }
        let mut surnames = self.sender.surnames.iter();
        let common = || self.sender.surnames.iter().any(|surname| self.is_common(surname));
        let quotes_others = self.inspection.quotations().first().is_some_and(|quotation| !quotation.author.is_empty());
        self.answers(reader)
            || self.replied && !quotes_others
            || surnames.any(|surname| opening.greets_surname(surname)) && (self.replied || common())
    }

    /// An initial with the surname, a name cut short: the sender's own only where nobody greets this reader.
    fn holds_strict(&self, reader: &Reader<'_>, common: bool) -> bool {
        let opening = &self.opening;
        let named = || opening.has_title && self.sender.surnames.iter().any(|surname| opening.greets_surname(surname));
        let greeted =
            reader.greeted && (opening.greets || opening.is_formal) && !opening.names_office && !self.greets_sender();
        // Who forwards "Madame la Préfète, …" home greets nobody there.
        let greeted = greeted && (!self.passed_on || named());
        let answered = || !self.passed_on && reader.greeted && opening.speaks && self.answers(reader);
        let same = self.sender.own_local == letters(base(reader.mailbox.local()));
        let common = common || self.sender.surnames.iter().any(|surname| self.is_common(surname));
        let chance = common && !same && (opening.speaks || !reader.greeted);
        !greeted && !chance && !answered()
    }

    /// `clairem1979`, `pyk29`: a likeness that proves nothing but where internal mail is passed on and nobody greeted.
    fn weak(&self, reader: &Reader<'_>) -> Option<(Whose, String)> {
        let silent = !(reader.greeted && (self.opening.greets || self.opening.is_formal));
        let why = self.sender.weak(reader.mailbox, &self.inspection.tables.words)?;
        (silent && self.passes_on_internal(reader)).then_some((Whose::Own, why))
    }

    /// Whether a message from one of us to one of us is quoted.
    fn passes_on_internal(&self, reader: &Reader<'_>) -> bool {
        let ours = |mailbox: &Mailbox| self.inspection.tables.own.iter().any(|own| mailbox.domain().is_within(own));
        self.inspection.quotations().iter().any(|quotation| {
            let from_us = quotation.authors().any(|author| ours(&author));
            let to_us = quotation.addressees().any(|reader| ours(&reader)) || quotation.addressees().next().is_none();
            from_us && to_us && !reader.wrote(quotation)
        })
    }
}

/// The addresses that a header field names, in order.
fn addresses(value: &str) -> impl Iterator<Item = Mailbox> {
    let words = value.split(|c: char| c.is_whitespace() || "<>()\"[],;:".contains(c)).filter(|word| word.contains('@'));
    words.filter_map(|word| Mailbox::parse(word).ok())
}

/// The name that To and Cc give to an address, as folded words; empty where they give none.
fn displayed(inspection: &Inspection<'_>, mailbox: &Mailbox) -> Vec<String> {
    let key = mailbox.key();
    let header = inspection.headers("To").chain(inspection.headers("Cc")).find_map(|value| {
        let lower = value.to_lowercase();
        // Lower case may change lengths; then the place found is only nearly right, which `get` forgives.
        let at = lower.find(&format!("<{key}>"))?;
        value.get(..at).map(str::to_owned)
    });
    let Some(before) = header else { return Vec::new() };
    let display = before.rsplit(['>', ';']).next().unwrap_or("").trim();
    // "Lefèvre, Sébastien" in quotes is one name; else a comma ends the neighbour's.
    let display = match display.strip_suffix('"').and_then(|d| d.rsplit('"').next()) {
        Some(quoted) => quoted,
        None => display.rsplit(',').next().unwrap_or(""),
    };
    words(display)
}
