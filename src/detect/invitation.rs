// SPDX-License-Identifier: EUPL-1.2
//! Detects meeting invitations: iCalendar parts and files (RFC 5545, RFC 6047).

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::Inspection;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    for part in &inspection.evidence.message.parts {
        let named = part.name.as_deref().is_some_and(|name| name.to_lowercase().ends_with(".ics"));
        if part.declared_type == "text/calendar" || part.declared_type == "application/ics" || named {
            let place = format!("attachment:{}", part.name.as_deref().unwrap_or("invite.ics"));
            findings.push(Finding::new(FindingKind::Invitation, place));
        }
    }
}
