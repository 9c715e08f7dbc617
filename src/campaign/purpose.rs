// SPDX-License-Identifier: EUPL-1.2
//! Whether a mail is within what a list is for: sender, links, and a text that is its template's.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::keyed::Tracked;
use super::register::{Allowed, Purpose, Register, Source};
use super::transaction::Transaction;
use super::verdict::Reason;
use crate::lists::hashed::{Map, mix};
use crate::lists::template::{Residue, Template};

/// To more recipients than this nothing in a text is personal.
const PERSONAL: usize = 2;
/// Shingles beyond the template that a text for many may have, and those that may recur in personal copies.
const SLIPS: usize = 3;
/// Copies remembered, to tell what recurs.
const COPIES: usize = 200;

/// How a mail stands to a list's purpose.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    pub in_force: bool,
    pub sender: bool,
    pub links: bool,
    pub content: bool,
    /// The part of the text that is in no template.
    pub foreign: f32,
}

impl Fit {
    pub fn admits(&self) -> bool {
        self.in_force && self.sender && self.links && self.content
    }

    pub(super) fn faults(&self) -> Vec<Reason> {
        if !self.in_force {
            return vec![Reason::NotInForce];
        }
        let mut faults = Vec::new();
        faults.extend((!self.sender).then_some(Reason::Sender));
        faults.extend((!self.content).then_some(Reason::Text { foreign: self.foreign }));
        faults.extend((!self.links).then_some(Reason::Links));
        faults
    }
}

/// What purposes remember of senders: which words recur in personal copies, and provisional templates.
#[derive(Debug, Clone, Default)]
pub(super) struct Purposes {
    pub merges: Tracked<Merge>,
    pub provisional: Tracked<Template>,
}

/// The last personal copies of one sender to one list: their shingles beyond the template.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Merge {
    copies: VecDeque<Vec<u64>>,
    counts: Map<u16>,
}

impl Purposes {
    /// The list that admits this transaction, if one does. A universal list comes last: what it admits is explained whole.
    /// What is seen `again` is not remembered twice.
    pub fn admitting<'a>(&mut self, tx: &Transaction, register: &'a Register, again: bool) -> Vec<&'a Source> {
        let mut admitting: Vec<&Source> = Vec::new();
        for source in register.sources() {
            let known = admitting.iter().any(|other| other.list == source.list);
            if !known && self.admits(tx, source, again) {
                admitting.push(source);
            }
        }
        admitting
    }

    fn admits(&mut self, tx: &Transaction, source: &Source, again: bool) -> bool {
        source.purposes.iter().filter(|purpose| purpose.in_force(tx.at)).any(|purpose| {
            if !purpose.allows_sender(tx) {
                return false;
            }
            let key = mix(source.id.0 ^ mix(tx.sender.member.0));
            let Allowed::Templates(templates) = &purpose.content else { return purpose.allows_links(tx, &[]) };
            let first;
            let templates = if templates.is_empty() {
                if self.provisional.get(key).is_none() {
                    if !purpose.allows_links(tx, &[]) {
                        return false;
                    }
                    self.provisional.entry(key, || Template::of(&tx.signature.text));
                }
                first = self.provisional.get(key).cloned();
                first.as_slice()
            } else {
                templates
            };
            let Some((template, residue)) = nearest(templates, tx) else { return false };
            if !purpose.allows_links(tx, &template.hosts) || !residue.alike() {
                return false;
            }
            if tx.recipients.len() > PERSONAL {
                return residue.foreign.len() <= SLIPS;
            }
            if residue.foreign.len() > 10.max(residue.of / 5) {
                return false;
            }
            match self.merges.get(key).filter(|_| again) {
                Some(merge) => merge.recur(&residue.foreign) <= SLIPS,
                None => self.merges.entry(key, Merge::default).admits(residue.foreign),
            }
        })
    }

    /// How this transaction stands to the purposes of a list that it was flagged for. Remembers nothing.
    pub fn fit(&self, tx: &Transaction, source: &Source) -> Fit {
        let key = mix(source.id.0 ^ mix(tx.sender.member.0));
        let fits = source.purposes.iter().filter(|purpose| purpose.in_force(tx.at)).map(|purpose| {
            let first = self.provisional.get(key).cloned();
            let (templates, free) = match &purpose.content {
                Allowed::Templates(templates) if templates.is_empty() => (first.as_slice(), false),
                Allowed::Templates(templates) => (templates.as_slice(), false),
                Allowed::Free => (&[][..], true),
            };
            let nearest = nearest(templates, tx);
            let hosts = nearest.as_ref().map_or(&[][..], |(template, _)| &template.hosts);
            let (foreign, content) = match &nearest {
                None => (if free { 0.0 } else { 1.0 }, free),
                Some((_, residue)) => {
                    let most = if tx.recipients.len() > PERSONAL { SLIPS } else { 10.max(residue.of / 5) };
                    (residue.share(), residue.alike() && residue.foreign.len() <= most)
                }
            };
            let links = purpose.allows_links(tx, hosts);
            Fit { in_force: true, sender: purpose.allows_sender(tx), links, content, foreign }
        });
        let none = Fit { in_force: false, sender: false, links: false, content: false, foreign: 1.0 };
        fits.max_by_key(|fit| (fit.sender, fit.content, fit.links)).unwrap_or(none)
    }
}

fn nearest<'a>(templates: &'a [Template], tx: &Transaction) -> Option<(&'a Template, Residue)> {
    let residues = templates.iter().map(|template| (template, template.residue(&tx.signature.text)));
    residues.min_by_key(|(_, residue)| (!residue.alike(), residue.foreign.len()))
}

impl Purpose {
    fn in_force(&self, at: Timestamp) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// What frees needs proof (D18).
    fn allows_sender(&self, tx: &Transaction) -> bool {
        let sender = &tx.sender;
        let is_ours = |member| self.senders.contains(&member);
        sender.proven && (is_ours(sender.member) || sender.header.is_some_and(is_ours))
    }

    fn allows_links(&self, tx: &Transaction, template: &[String]) -> bool {
        let Some(links) = &self.links else { return true };
        let below = |host: &str, domain: &str| {
            host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
        };
        tx.signature.hosts().all(|host| {
            below(host, tx.sender.domain.as_str())
                || links.iter().any(|domain| below(host, domain.as_str()))
                || template.iter().any(|known| known == host)
        })
    }
}

impl Merge {
    /// Whether few words beyond the template recur: a passage that many copies share is no personal detail.
    fn admits(&mut self, mut foreign: Vec<u64>) -> bool {
        foreign.sort_unstable();
        foreign.dedup();
        for shingle in &foreign {
            *self.counts.entry(*shingle).or_default() += 1;
        }
        self.copies.push_back(foreign.clone());
        if self.copies.len() > COPIES {
            for shingle in self.copies.pop_front().into_iter().flatten() {
                if let Some(count) = self.counts.get_mut(&shingle) {
                    *count -= 1;
                    if *count == 0 {
                        self.counts.remove(&shingle);
                    }
                }
            }
        }
        self.recur(&foreign) <= SLIPS
    }

    /// How many of these recur.
    fn recur(&self, foreign: &[u64]) -> usize {
        let least = (self.copies.len() / 4).max(5);
        let recurs = |shingle: &&u64| self.counts.get(shingle).is_some_and(|count| usize::from(*count) >= least);
        foreign.iter().filter(recurs).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn personal_details_pass_and_a_shared_passage_does_not() {
        let mut merge = Merge::default();
        for copy in 0..500_u64 {
            assert!(merge.admits((0..8).map(|n| mix(copy * 100 + n)).collect()), "{copy}");
        }
        assert!(merge.copies.len() == COPIES && merge.counts.len() == COPIES * 8);
        let passage = |copy: u64| (0..6).map(mix).chain([mix(copy + 1_000_000)]).collect::<Vec<_>>();
        let passed = (0..100).take_while(|copy| merge.admits(passage(*copy))).count();
        assert!(passed < 51, "a quarter of two hundred");
        let mut fresh = Merge::default();
        assert_eq!((0..100).take_while(|copy| fresh.admits(passage(*copy))).count(), 4);
    }
}
