// SPDX-License-Identifier: EUPL-1.2
//! Files and texts that are lists of people's addresses.

use std::collections::{BTreeMap, HashSet};

use crate::detect::finding::{Finding, Kind};
use crate::detect::look::{Look, file_of, is_body};
use crate::detect::personal_data::addresses;

/// Fewer distinct addresses are a conversation; shipped policy speaks of "10 or more" (`contract.md`).
const FEWEST: usize = 10;

pub fn detect(look: &Look<'_>, findings: &mut Vec<Finding>) {
    let mut files: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    let envelope: HashSet<String> = look
        .evidence
        .recipients
        .iter()
        .filter_map(|recipient| recipient.mailbox.as_ref())
        .map(|mailbox| mailbox.key())
        .collect();
    for text in look.texts() {
        if memchr::memchr(b'@', text.normal.as_bytes()).is_none() {
            continue;
        }
        // In a text those who take part and one's own house are no list; in a file they are.
        let body = is_body(&text.place);
        let known = |address: &str| body && (envelope.contains(address) || is_own(look, address));
        files.entry(file_of(&text.place)).or_default().extend(addresses(&text.normal, known));
    }
    for (place, addresses) in files {
        if addresses.len() >= FEWEST {
            findings
                .push(Finding::new(Kind::AddressList, place).count(u32::try_from(addresses.len()).unwrap_or(u32::MAX)));
        }
    }
}

fn is_own(look: &Look<'_>, address: &str) -> bool {
    let host = address.rsplit('@').next().unwrap_or("");
    look.tables
        .own
        .iter()
        .any(|own| host.strip_suffix(own.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.')))
}
