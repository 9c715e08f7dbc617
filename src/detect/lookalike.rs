// SPDX-License-Identifier: EUPL-1.2
//! Detects recipients in domains that imitate a domain of the administration, of a partner, or of a well-known webmail
//! service.

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;
use crate::detect::reading::lookalikes::WEBMAIL;
use crate::directory::{Class, ClassifiedRecipient};

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    for recipient in inspection.evidence.recipients.iter().filter(|recipient| recipient.class == Class::Other) {
        let Some(mailbox) = &recipient.mailbox else { continue };
        if let Some(imitated) = inspection.tables.lookalikes.imitated(mailbox.domain()) {
            findings.push(Finding::new(FindingKind::Lookalike, "envelope").value(imitated).recipient(mailbox));
        }
    }
}

/// Whether the recipient's domain is a slip of the pen for a webmail service's.
pub(super) fn is_mistyped_webmail(inspection: &Inspection<'_>, recipient: &ClassifiedRecipient) -> bool {
    recipient.class == Class::Other
        && recipient.mailbox.as_ref().is_some_and(|mailbox| {
            inspection.tables.lookalikes.imitated(mailbox.domain()).is_some_and(|imitated| WEBMAIL.contains(&imitated))
        })
}
