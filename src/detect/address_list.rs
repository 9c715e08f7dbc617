// SPDX-License-Identifier: EUPL-1.2
//! Detects files and texts that are lists of people's addresses. Mailboxes of offices, the people of a quoted thread and the
//! people invited to a meeting are no list.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{Inspection, file_of, is_body};
use crate::detect::reading::text::Text;
use crate::detect::reading::words::Words;
use crate::directory::fold::fold;

/// Fewer distinct addresses are a conversation; shipped policy speaks of "10 or more" (`docs/contract.md`).
const FEWEST: usize = 10;
/// Addresses of one text that are looked at: beyond it the exact number changes nothing.
const MOST: usize = 200_000;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let recipients = inspection.evidence.recipients.iter().filter_map(|recipient| recipient.mailbox.as_ref());
    let envelope: HashSet<String> = recipients.map(|mailbox| mailbox.key()).collect();
    let calendars = calendars(inspection);
    let read: Vec<(&str, Cow<'_, str>)> = inspection
        .evidence
        .texts
        .iter()
        .enumerate()
        .map_while(|(number, text)| (!inspection.is_over()).then_some((number, text)))
        .filter_map(|(number, text)| Some((text.place.as_str(), readable(inspection, number, text)?)))
        .collect();
    let mut files: BTreeMap<&str, HashSet<&str>> = BTreeMap::new();
    for (place, text) in &read {
        // In a text those who take part and one's own administration are not a list; in a file they are.
        let body = is_body(place);
        let invited = calendars.iter().any(|calendar| file_of(place) == calendar);
        let known = |address: &str, before: &str| {
            body && (envelope.contains(address) || is_own(inspection, address))
                || invited && before.ends_with("mailto:")
                || is_office(address, &inspection.tables.words)
        };
        files.entry(file_of(place)).or_default().extend(addresses(text, known));
    }
    for (place, addresses) in files {
        if addresses.len() >= FEWEST {
            findings.push(
                Finding::new(FindingKind::AddressList, place).count(u32::try_from(addresses.len()).unwrap_or(u32::MAX)),
            );
        }
    }
}

/// The text in which addresses are counted; `None` where there are none.
fn readable<'t>(inspection: &Inspection<'_>, number: usize, text: &'t Text) -> Option<Cow<'t, str>> {
    let normal = written_out(&text.normal);
    let ats = memchr::memchr_iter(b'@', normal.as_bytes()).take(FEWEST).count();
    if ats == 0 {
        return None;
    }
    // Few addresses: nothing to leave out.
    if ats < FEWEST || !is_body(&text.place) {
        return Some(normal);
    }
    let headers: Vec<_> = inspection.quotations().iter().filter(|quotation| quotation.text == number).collect();
    if headers.is_empty() || text.original.lines().count() != normal.lines().count() {
        return Some(normal);
    }
    // Who stands in From, To and Cc of a quoted message took part in it.
    let own = |at: usize| !headers.iter().any(|quotation| quotation.lines.contains(&at));
    let lines: Vec<&str> = normal.lines().enumerate().filter(|(at, _)| own(*at)).map(|(_, line)| line).collect();
    Some(Cow::Owned(lines.join("\n")))
}

/// Addresses that are hidden from machines, written out: `name (at) host.example`, `name @ host.example`.
fn written_out(normal: &str) -> Cow<'_, str> {
    const AT: [&str; 8] = [" (at) ", "(at)", " [at] ", "[at]", " {at} ", " (arobase) ", " @ ", " [arobase] "];
    const DOT: [&str; 6] = [" (dot) ", "(dot)", " [dot] ", "[dot]", " (point) ", "(punkt)"];
    let mut text = Cow::Borrowed(normal);
    if hides(normal) && AT.iter().any(|at| normal.contains(at)) {
        for (marks, sign) in [(&AT[..], "@"), (&DOT[..], ".")] {
            for mark in marks.iter().filter(|mark| normal.contains(**mark)) {
                text = Cow::Owned(text.replace(mark, sign));
            }
        }
    }
    text
}

/// Whether a bracket closes behind "at", or a sign stands apart: nearly all texts are done with here.
fn hides(normal: &str) -> bool {
    let bytes = normal.as_bytes();
    let bracket = |at: usize| bytes[..at].ends_with(b"at") || bytes[..at].ends_with(b"arobase");
    memchr::memchr3_iter(b')', b']', b'}', bytes).any(bracket)
        || memchr::memchr_iter(b'@', bytes).any(|at| bytes[..at].ends_with(b" ") && bytes[at + 1..].starts_with(b" "))
}

/// Places of the invitations: their attendees are addressees, as in To and Cc.
fn calendars(inspection: &Inspection<'_>) -> Vec<String> {
    let message = inspection.evidence.message;
    let calendar = |kind: &str| matches!(kind, "text/calendar" | "application/ics");
    let parts = message.parts.iter().enumerate().filter(|(_, part)| calendar(&part.declared_type));
    parts.map(|(index, _)| message.place(index)).collect()
}

/// A mailbox of an office, by the first word of its name: `mairie.brec@`, `contact@`, `info2@`.
fn is_office(address: &str, words: &Words) -> bool {
    let local = address.split('@').next().unwrap_or("");
    let first = local.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty()).unwrap_or("");
    words.roles.contains(fold(first).as_str()) || words.roles.contains(local)
}

fn is_own(inspection: &Inspection<'_>, address: &str) -> bool {
    let host = address.rsplit('@').next().unwrap_or("");
    inspection
        .tables
        .own
        .iter()
        .any(|own| host.strip_suffix(own.as_str()).is_some_and(|front| front.is_empty() || front.ends_with('.')))
}

/// Distinct e-mail addresses in a text that are none of `known`, which is told what stands before each.
fn addresses(text: &str, known: impl Fn(&str, &str) -> bool) -> HashSet<&str> {
    let bytes = text.as_bytes();
    let local = |b: &u8| b.is_ascii_alphanumeric() || b"._%+-'&=!#$*/?^`{|}~".contains(b) || !b.is_ascii();
    let domain = |b: &u8| b.is_ascii_alphanumeric() || b".-".contains(b) || !b.is_ascii();
    memchr::memchr_iter(b'@', bytes)
        .filter_map(|at| {
            let start = bytes[..at].iter().rev().take(64).take_while(|b| local(b)).count();
            let end = bytes[at + 1..].iter().take(255).take_while(|b| domain(b)).count();
            let before = text.get(..at - start)?;
            let address = text.get(at - start..at + 1 + end)?;
            let address = address.trim_matches(['.', '-', '\'', '=', '*', '/', '|']);
            let (name, host) = address.split_once('@')?;
            let last = host.rsplit('.').next().unwrap_or("");
            let sound = !name.is_empty()
                && host.contains('.')
                && last.len() >= 2
                && last.bytes().all(|b| b.is_ascii_alphabetic() || !b.is_ascii());
            (sound && !known(address, before)).then_some(address)
        })
        .take(MOST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_counted_once() {
        assert_eq!(addresses("a.b@c.example, <a.b@c.example>; x@y, d@e.example.", |_, _| false).len(), 2);
        let hidden = written_out("a.b (at) c.example, d[at]e[dot]example, f @ g.example");
        assert_eq!(addresses(&hidden, |_, _| false).len(), 3);
    }

    #[test]
    fn offices_are_told_from_persons() {
        let words = Words::shipped();
        for office in ["mairie.brec@x.example", "contact@x.example", "info2@x.example", "secretariat-dir@x.example"] {
            assert!(is_office(office, &words), "{office}");
        }
        for person in ["marie.maire@x.example", "n.post@x.example", "jean.martin@x.example"] {
            assert!(!is_office(person, &words), "{person}");
        }
    }
}
