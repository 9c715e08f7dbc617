// SPDX-License-Identifier: EUPL-1.2
//! Reports what octroi could not read (decisions D17, D34): a detector that finds nothing does not prove that a file is
//! clean.

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;
use crate::document::DocumentError;
use crate::mime::{AMBIGUOUS, TIME};

/// Detectors were stopped before they had seen everything.
pub fn out_of_time() -> Finding {
    Finding::new(FindingKind::Uninspectable, "body").value("budget").excerpt(TIME)
}

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    for (place, extract) in inspection.files() {
        let value = match extract.fault {
            None => continue,
            Some(DocumentError::Encrypted) => "encrypted",
            Some(DocumentError::Broken) => "broken",
            Some(DocumentError::Budget) => "budget",
            Some(DocumentError::Crashed) => "crashed",
            Some(DocumentError::Unread) => "unread",
            Some(DocumentError::Opaque) => "opaque",
        };
        findings.push(Finding::new(FindingKind::Uninspectable, place).value(value));
    }
    // RFC 2046 §5.2.2: a fragment, which only all its pieces together tell.
    let parts = inspection.evidence.message.parts.iter().enumerate();
    for (index, _) in parts.filter(|(_, part)| part.declared_type == "message/partial") {
        let place = inspection.evidence.message.place(index);
        findings.push(Finding::new(FindingKind::Uninspectable, place).value("opaque"));
    }
    if let Some(budget) = inspection.evidence.message.exceeded {
        let value = if budget == AMBIGUOUS { "broken" } else { "budget" };
        findings.push(Finding::new(FindingKind::Uninspectable, "body").value(value).excerpt(budget));
    }
}
