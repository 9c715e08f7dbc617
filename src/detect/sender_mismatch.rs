// SPDX-License-Identifier: EUPL-1.2
//! MAIL FROM, From and login that disagree (decision D18).

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::evidence::SenderProof;
use crate::detect::reading::inspection::{Inspection, excerpt};
use crate::mail::ReversePath;
use crate::mail::identity::plain;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let reverse_path = match &inspection.evidence.envelope.reverse_path {
        // A null reverse-path names nobody who could disagree (RFC 5321 §4.5.5).
        ReversePath::Null => return,
        path => match path.mailbox() {
            Some(mailbox) => plain(mailbox),
            None => return,
        },
    };
    if let Some(from) = inspection.header("From") {
        let lower = from.to_lowercase();
        if lower.contains('@') && !lower.contains(&reverse_path) {
            findings
                .push(Finding::new(FindingKind::SenderMismatch, "header:From").value("from").excerpt(excerpt(from)));
        }
    }
    let sender = inspection.evidence.sender;
    if sender.proof == Some(SenderProof::Login)
        && let Some(login) = &sender.mailbox
        && login.key() != reverse_path
    {
        findings.push(Finding::new(FindingKind::SenderMismatch, "envelope").value("login"));
    }
}
