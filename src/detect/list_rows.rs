// SPDX-License-Identifier: EUPL-1.2
//! Detects rows of registered administrative lists that leave: which list, how many of its rows, what part of what is here.

use std::collections::HashSet;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::reading::inspection::{Inspection, file_of, is_body};
use crate::directory::Class;
use crate::lists::attachment::{List, Register, Search, Searched};
use crate::mail::Domain;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let tables = inspection.tables;
    let leaves = inspection.evidence.recipients.iter().any(|recipient| recipient.class != Class::Own);
    if tables.lists.is_empty() || !leaves {
        return;
    }
    let lists: Vec<List<'_>> = tables
        .lists
        .lists()
        .map(|(name, members)| List { name, members, universal: tables.universal.iter().any(|known| known == name) })
        .collect();
    let by_address = |identity: &_, each: &mut dyn FnMut(usize, u32)| tables.lists.by_address(identity, each);
    let by_key = |value: &str, each: &mut dyn FnMut(usize, u32)| tables.lists.by_key(value, each);
    let register = Register {
        lists: &lists,
        by_address: &by_address,
        by_key: tables.lists.has_keys().then_some(&by_key as _),
        is_own: &|domain: &Domain| tables.own.iter().any(|own| domain.is_within(own)),
    };
    let mut search = Search::new(&register);
    for text in inspection.texts().filter(|text| !is_body(&text.place)) {
        search.text(file_of(&text.place), &text.original);
    }
    // In what people write, those who take part in the talk are no rows.
    search.leave_out(inspection.evidence.recipients.iter().filter_map(|recipient| recipient.mailbox.as_ref()));
    let quoted: HashSet<(usize, usize)> = inspection
        .quotations()
        .iter()
        .flat_map(|quotation| quotation.lines.clone().map(|line| (quotation.text, line)))
        .collect();
    for (number, text) in inspection.evidence.texts.iter().enumerate().filter(|(_, text)| is_body(&text.place)) {
        if inspection.is_over() {
            break;
        }
        let written = text.original.lines().enumerate().filter(|(at, _)| !quoted.contains(&(number, *at)));
        let written: Vec<&str> = written.map(|(_, line)| line).collect();
        search.text(&text.place, &written.join("\n"));
    }
    report(search.finish(), &lists, findings);
}

fn report(searched: Searched, lists: &[List<'_>], findings: &mut Vec<Finding>) {
    // Rows beyond the bound were not looked up: nobody may take them for clean.
    findings.extend(searched.cut.map(|place| Finding::new(FindingKind::Uninspectable, place).value("budget")));
    for found in searched.found {
        let Some(list) = lists.get(found.list) else { continue };
        let rows = u32::try_from(found.rows).unwrap_or(u32::MAX);
        findings
            .push(Finding::new(FindingKind::AddressList, found.place).value(list.name).count(rows).share(found.share));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_beyond_the_bound_are_uninspectable() {
        for (cut, expected) in [(None, 0), (Some("attachment:list.csv".to_owned()), 1)] {
            let mut findings = Vec::new();
            report(Searched { found: Vec::new(), cut: cut.clone() }, &[], &mut findings);
            assert_eq!(findings.len(), expected);
            for finding in findings {
                assert_eq!((finding.kind, finding.value.as_deref()), (FindingKind::Uninspectable, Some("budget")));
                assert_eq!(Some(finding.place), cut);
            }
        }
    }
}
