// SPDX-License-Identifier: EUPL-1.2
//! Reports defects in the form of the message. A defect alone is never a reason to hold mail.

use std::collections::BTreeSet;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let mut told = BTreeSet::new();
    for defect in &inspection.evidence.message.defects {
        if told.insert(defect.kind) {
            findings.push(Finding::new(FindingKind::Malformed, defect.place.as_str()).value(defect.kind));
        }
    }
}
