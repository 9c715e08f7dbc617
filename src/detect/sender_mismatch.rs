// SPDX-License-Identifier: EUPL-1.2
//! Detects different senders in MAIL FROM, From and login (decision D18).

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::evidence::SenderProof;
use crate::detect::reading::inspection::{Inspection, excerpt};
use crate::mail::{Mailbox, ReversePath};

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    // A null reverse-path names nobody who could disagree (RFC 5321 §4.5.5).
    let ReversePath::Mailbox(mailbox) = &inspection.evidence.envelope.reverse_path else { return };
    let (written, reverse_path) = (mailbox.original().key(), mailbox.sender_identity());
    if let Some(from) = inspection.header("From") {
        let words = from.split(|c: char| c.is_whitespace() || "<>()\"[],;:".contains(c));
        let mut authors = words.filter_map(|word| Mailbox::parse(word).ok()).map(|author| author.sender_identity());
        if from.contains('@') && !from.to_lowercase().contains(&written) && authors.all(|author| author != reverse_path)
        {
            findings
                .push(Finding::new(FindingKind::SenderMismatch, "header:From").value("from").excerpt(excerpt(from)));
        }
    }
    let sender = inspection.evidence.sender;
    if let Some(login) = &sender.bare_login {
        // Without a domain of its own it can be compared by its local part, behind the domain that Windows puts before it.
        let local = login.rsplit('\\').next().unwrap_or(login);
        let completed = Mailbox::parse(&format!("{local}@{}", mailbox.original().domain()));
        if completed.is_ok_and(|login| login.sender_identity() != reverse_path) {
            findings.push(Finding::new(FindingKind::SenderMismatch, "envelope").value("login"));
            return;
        }
    }
    if sender.proof == Some(SenderProof::Login)
        && let Some(login) = &sender.mailbox
        && login.sender_identity() != reverse_path
    {
        findings.push(Finding::new(FindingKind::SenderMismatch, "envelope").value("login"));
    }
}
