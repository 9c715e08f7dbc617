// SPDX-License-Identifier: EUPL-1.2
//! What is a forward to one private mailbox, which the mail as a whole need not be: a thread taken home in copy, a text
//! under a forwarding subject, a letter that somebody else wrote (decisions D35 and D37).

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{Inspection, excerpt};
use crate::detect::reading::quotations::Quotation;
use crate::mail::Mailbox;

/// Whose mailbox it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// `greeted_by_name`: the text greets the sender by his own given name.
    Sender {
        greeted_by_name: bool,
    },
    Colleague,
    Family,
}

/// Letters under a forwarding subject that make a text.
const LETTERS: usize = 3;

/// Adds what this copy passes on, where the mail is not known as a forward already. `wrote`: whether the reader of the copy
/// wrote a quoted message, which is an answer to him.
pub fn to_private_mailbox(
    inspection: &Inspection<'_>,
    mailbox: &Mailbox,
    owner: Owner,
    wrote: impl Fn(&Quotation) -> bool,
    findings: &mut Vec<Finding>,
) {
    let known = |finding: &Finding| finding.kind == FindingKind::Forward && finding.recipient.is_none();
    if findings.iter().any(known) {
        return;
    }
    if let Some((place, line)) = passed_on(inspection, owner, wrote) {
        let finding = Finding::new(FindingKind::Forward, place).value("inline").excerpt(excerpt(&line));
        findings.push(finding.recipient(mailbox));
    }
}

fn passed_on(
    inspection: &Inspection<'_>,
    owner: Owner,
    wrote: impl Fn(&Quotation) -> bool,
) -> Option<(String, String)> {
    let subject = inspection.subject();
    // The outermost quotation: what stands in it its author has quoted.
    let outermost = inspection.quotations().first();
    let answers = subject.replied && outermost.is_none_or(|quotation| quotation.author.is_empty());
    // An answer that quotes nobody by name answers its reader, unless it is one's own mailbox, which asks nothing.
    let thread = outermost.filter(|quotation| !(wrote(quotation) || answers && owner == Owner::Family));
    if let Some(quotation) = thread {
        return Some((quotation.place.clone(), quotation.line.clone()));
    }
    if owner != Owner::Family && subject.passed_on && outermost.is_none_or(|quotation| !wrote(quotation)) {
        let letters = inspection
            .body_texts()
            .map(|(_, text)| text.normal.chars().filter(|c| c.is_alphabetic()).take(LETTERS).count());
        if letters.max().unwrap_or(0) >= LETTERS {
            return Some(("subject".to_owned(), subject.bare.to_owned()));
        }
    }
    // "Claire, le sous-préfet souhaite…" to Claire's own mailbox.
    if (owner == Owner::Sender { greeted_by_name: true }) && !subject.replied {
        let first =
            inspection.body_texts().find_map(|(_, text)| text.original.lines().find(|line| !line.trim().is_empty()));
        return Some(("body".to_owned(), first.unwrap_or("").to_owned()));
    }
    None
}
