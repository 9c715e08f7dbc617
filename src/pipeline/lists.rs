// SPDX-License-Identifier: EUPL-1.2
//! Registered lists with their members, as campaigns see them. Part of a ruleset: a reload makes new ones.

use crate::campaign::Register;
use crate::lists::ListKey;

/// All lists that have members.
#[derive(Debug)]
pub struct Lists {
    pub key: ListKey,
    pub register: Register,
}
