// SPDX-License-Identifier: EUPL-1.2
use crate::detect::finding::Finding;
use crate::detect::look::Look;
pub fn detect(_look: &Look<'_>, _findings: &mut Vec<Finding>) {}
