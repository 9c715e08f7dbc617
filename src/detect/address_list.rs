// SPDX-License-Identifier: EUPL-1.2
//! Detects files and texts that are lists of people's addresses.

use std::collections::{BTreeMap, HashSet};

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{Inspection, file_of, is_body};

/// Fewer distinct addresses are a conversation; shipped policy speaks of "10 or more" (`docs/contract.md`).
const FEWEST: usize = 10;
/// Addresses of one text that are looked at: beyond it the exact number changes nothing.
const MOST: usize = 200_000;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let mut files: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    let envelope: HashSet<String> = inspection
        .evidence
        .recipients
        .iter()
        .filter_map(|recipient| recipient.mailbox.as_ref())
        .map(|mailbox| mailbox.key())
        .collect();
    for text in inspection.texts() {
        if memchr::memchr(b'@', text.normal.as_bytes()).is_none() {
            continue;
        }
        // In a text those who take part and one's own administration are not a list; in a file they are.
        let body = is_body(&text.place);
        let known = |address: &str| body && (envelope.contains(address) || is_own(inspection, address));
        files.entry(file_of(&text.place)).or_default().extend(addresses(&text.normal, known));
    }
    for (place, addresses) in files {
        if addresses.len() >= FEWEST {
            findings.push(
                Finding::new(FindingKind::AddressList, place).count(u32::try_from(addresses.len()).unwrap_or(u32::MAX)),
            );
        }
    }
}

fn is_own(inspection: &Inspection<'_>, address: &str) -> bool {
    let host = address.rsplit('@').next().unwrap_or("");
    inspection
        .tables
        .own
        .iter()
        .any(|own| host.strip_suffix(own.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.')))
}

/// Distinct e-mail addresses in a text that are none of `known`.
fn addresses(text: &str, known: impl Fn(&str) -> bool) -> HashSet<&str> {
    let bytes = text.as_bytes();
    let local = |b: &u8| b.is_ascii_alphanumeric() || b"._%+-'&=!#$*/?^`{|}~".contains(b) || !b.is_ascii();
    let domain = |b: &u8| b.is_ascii_alphanumeric() || b".-".contains(b) || !b.is_ascii();
    memchr::memchr_iter(b'@', bytes)
        .filter_map(|at| {
            let start = bytes[..at].iter().rev().take(64).take_while(|b| local(b)).count();
            let end = bytes[at + 1..].iter().take(255).take_while(|b| domain(b)).count();
            let address = text.get(at - start..at + 1 + end)?;
            let address = address.trim_matches(['.', '-', '\'', '=', '*', '/', '|']);
            let (name, host) = address.split_once('@')?;
            let last = host.rsplit('.').next().unwrap_or("");
            let sound = !name.is_empty()
                && host.contains('.')
                && last.len() >= 2
                && last.bytes().all(|b| b.is_ascii_alphabetic() || !b.is_ascii());
            (sound && !known(address)).then_some(address)
        })
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_once() {
        assert_eq!(addresses("a.b@c.example, <a.b@c.example>; x@y, d@e.example.", |_| false).len(), 2);
    }
}
