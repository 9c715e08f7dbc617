// SPDX-License-Identifier: EUPL-1.2
//! Defects of the message's form: information, never a reason to hold on its own.

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
