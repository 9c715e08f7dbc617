// SPDX-License-Identifier: EUPL-1.2
//! Rows of registered lists in the text of attachments: which list, how many distinct rows, what part.
//!
//! What must not live here: opening of documents (`document`), members (the caller looks them up), who may receive
//! (`entry`), and what follows (`policy`). No address is kept or given back.
//!
//! How it fails: it does not. Text beyond the bounds is not looked at, and that is said.
//!
//! Standards: none.

mod scan;

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};

use crate::lists::hashed::Set;
use crate::lists::rows::key_of;
use crate::mail::{Domain, Identity, Mailbox};

/// Rows above which they are a list that leaves.
pub const MANY: usize = 10;
/// Addresses, and as many keys, of one mail that are looked up.
const MAX_ELEMENTS: usize = 4_000_000;
/// A smaller list that has this part of the rows of a larger one is what they were taken from.
const EXPLAINS: f64 = 0.9;

/// A list as far as its rows can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List<'l> {
    pub name: &'l str,
    pub members: u64,
    /// Everybody is on it: its rows prove nothing.
    pub universal: bool,
}

/// Finds by an address, or by a key; calls back with a list's number and the row's position.
pub type ByAddress<'r> = dyn Fn(&Identity, &mut dyn FnMut(usize, u32)) + 'r;
pub type ByKey<'r> = dyn Fn(&str, &mut dyn FnMut(usize, u32)) + 'r;

/// What the caller knows of members.
pub struct Register<'r> {
    pub lists: &'r [List<'r>],
    pub by_address: &'r ByAddress<'r>,
    /// Only where lists were imported with keys.
    pub by_key: Option<&'r ByKey<'r>>,
    pub is_own: &'r dyn Fn(&Domain) -> bool,
}

/// Rows of one list.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The list's number.
    pub list: usize,
    /// Distinct rows.
    pub rows: usize,
    /// Part of the addresses, and of the keys that some list has, that are on this list, 0 to 1.
    pub share: f64,
    /// Part of the list that is here.
    pub coverage: f64,
    /// Where the first of them stood.
    pub place: String,
}

/// What a search ends with.
#[derive(Debug, Clone, PartialEq)]
pub struct Searched {
    pub found: Vec<Found>,
    /// Where there was more than is looked at.
    pub cut: Option<String>,
}

/// One mail's attachments while they are searched.
pub struct Search<'r> {
    register: &'r Register<'r>,
    /// Rows by list, each with the address or key that hit it, and where the first stood.
    hits: HashMap<usize, (Vec<(u32, u32)>, String)>,
    /// Addresses met, and keys that a list has.
    elements: u32,
    /// Addresses met, by hashes nobody can foresee, so that each counts once and a large file takes little.
    seen: Set,
    /// The same of keys. Any cell may be one, so they have a bound of their own: no address is left out for them.
    seen_keys: Set,
    hasher: RandomState,
    /// Who is no row.
    talking: HashSet<Identity>,
    most: usize,
    cut: Option<String>,
}

impl<'r> Search<'r> {
    pub fn new(register: &'r Register<'r>) -> Search<'r> {
        Search::bounded(register, MAX_ELEMENTS)
    }

    fn bounded(register: &'r Register<'r>, most: usize) -> Search<'r> {
        Search {
            register,
            hits: HashMap::new(),
            elements: 0,
            seen: Set::default(),
            seen_keys: Set::default(),
            hasher: RandomState::new(),
            talking: HashSet::new(),
            most,
            cut: None,
        }
    }

    /// These are no rows from here on: they take part in the talk.
    pub fn leave_out<'m>(&mut self, mailboxes: impl Iterator<Item = &'m Mailbox>) {
        self.talking.extend(mailboxes.map(Mailbox::identity));
    }

    /// Searches a text: a line a row or paragraph, cells parted by tabs.
    pub fn text(&mut self, place: &str, text: &str) {
        scan::addresses(text, &mut |mailbox| {
            if (self.register.is_own)(mailbox.domain()) {
                return;
            }
            let identity = mailbox.identity();
            let hash = self.hasher.hash_one(&identity);
            if self.talking.contains(&identity) || self.seen.contains(&hash) {
                return;
            }
            if self.seen.len() >= self.most {
                self.cut.get_or_insert_with(|| place.to_owned());
                return;
            }
            self.seen.insert(hash);
            let mut hits = Vec::new();
            (self.register.by_address)(&identity, &mut |list, position| hits.push((list, position)));
            if hits.is_empty()
                && let Some(plain) = scan::without_accents(&mailbox)
            {
                (self.register.by_address)(&plain.identity(), &mut |list, position| hits.push((list, position)));
            }
            self.element(hits, place);
        });
        if let Some(by_key) = self.register.by_key {
            for cell in text.split(['\t', '\n']).filter(|cell| cell.len() >= 5) {
                let Some(key) = key_of(cell) else { continue };
                let hash = self.hasher.hash_one(&key);
                if self.seen_keys.contains(&hash) {
                    continue;
                }
                if self.seen_keys.len() >= self.most {
                    self.cut.get_or_insert_with(|| place.to_owned());
                    break;
                }
                self.seen_keys.insert(hash);
                let mut hits = Vec::new();
                by_key(&key, &mut |list, position| hits.push((list, position)));
                // What no list knows may be anything: a name, a town.
                if !hits.is_empty() {
                    self.element(hits, place);
                }
            }
        }
    }

    fn element(&mut self, hits: Vec<(usize, u32)>, place: &str) {
        self.elements += 1;
        for (list, position) in hits {
            if self.register.lists.get(list).is_some_and(|list| !list.universal) {
                let (hits, _) = self.hits.entry(list).or_insert_with(|| (Vec::new(), place.to_owned()));
                hits.push((position, self.elements));
            }
        }
    }

    /// The lists of which more than [`MANY`] rows were found: first the one that explains most, then those that explain what
    /// it leaves.
    pub fn finish(mut self) -> Searched {
        let all = self.elements as usize;
        let mut found = Vec::new();
        while let Some((list, rows)) = self.best() {
            let Some((hits, place)) = self.hits.remove(&list) else { break };
            let members = self.register.lists.get(list).map_or(0, |list| list.members);
            let elements: HashSet<u32> = hits.iter().map(|(_, element)| *element).collect();
            found.push(Found {
                list,
                rows,
                share: elements.len() as f64 / all.max(1) as f64,
                coverage: rows as f64 / members.max(rows as u64) as f64,
                place,
            });
            for (hits, _) in self.hits.values_mut() {
                hits.retain(|(_, element)| !elements.contains(element));
            }
        }
        Searched { found, cut: self.cut }
    }

    /// The list with most rows, or the smallest that has nearly as many.
    fn best(&self) -> Option<(usize, usize)> {
        let distinct = |hits: &[(u32, u32)]| hits.iter().map(|(position, _)| *position).collect::<HashSet<_>>().len();
        let mut many: Vec<(usize, usize)> = self
            .hits
            .iter()
            .map(|(list, (hits, _))| (*list, distinct(hits)))
            .filter(|(_, rows)| *rows > MANY)
            .collect();
        let most = many.iter().map(|(_, rows)| *rows).max()?;
        many.retain(|(_, rows)| *rows as f64 >= most as f64 * EXPLAINS);
        many.into_iter().min_by_key(|(list, _)| (self.register.lists.get(*list).map(|list| list.members), *list))
    }
}

#[cfg(test)]
mod tests;
