// SPDX-License-Identifier: EUPL-1.2
//! What is wrong with the register as a whole: canaries that stand elsewhere, members registered twice or not at all.
//!
//! A canary's address is never part of what is said.

use std::collections::{BTreeSet, HashMap};
use std::fmt;

use super::Entry;
use crate::diagnostic::{Diagnostic, nearest};
use crate::lists::rows::addresses;
use crate::mail::Identity;

/// A canary and the export it was planted in.
#[derive(Clone, PartialEq, Eq)]
pub struct Canary {
    pub list: String,
    pub export: String,
    pub identity: Identity,
}

/// Not the mailbox: canaries are in no log.
impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a canary of {}, {}", self.list, self.export)
    }
}

/// Members that the store keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    pub list: String,
    pub export: String,
    /// Of the members, without their order.
    pub digest: String,
}

/// Canaries that stand where they must not: in files of the policy folder and the like, `(path, text)`; on another list; in
/// two exports. `lists` says which lists an identity is on by a file that was imported, exports aside.
pub fn leaks<'t>(
    canaries: &[Canary],
    files: impl IntoIterator<Item = (&'t str, &'t str)>,
    lists: &dyn Fn(&Identity) -> Vec<String>,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let mut known: HashMap<&Identity, &Canary> = HashMap::new();
    let entry_of = |list: &str| format!("lists/{list}.toml");
    for canary in canaries {
        let said = |message: String| {
            let help = format!("the data protection officer sees which: octroi lists canaries {}", canary.list);
            Diagnostic::of_file(entry_of(&canary.list), message).help(help)
        };
        let place = format!("a canary of the list `{}`, export `{}`,", canary.list, canary.export);
        if let Some(other) = known.insert(&canary.identity, canary) {
            found.push(said(format!(
                "{place} is also one of `{}`, export `{}`: a hit tells neither",
                other.list, other.export
            )));
        }
        for list in lists(&canary.identity) {
            let message = match list == canary.list {
                true => format!("{place} is a member of the list by an import: a lawful mail would hit it"),
                false => format!("{place} is on the list `{list}` too: a lawful mail would hit it"),
            };
            found.push(said(message));
        }
    }
    for (path, text) in files {
        let mut told = BTreeSet::new();
        for identity in mentioned(text) {
            if let Some(canary) = known.get(&identity)
                && told.insert((&canary.list, &canary.export))
            {
                let message =
                    format!("a canary of the list `{}`, export `{}`, stands in this file", canary.list, canary.export);
                let help = format!(
                    "take it out; the data protection officer sees which: octroi lists canaries {}",
                    canary.list
                );
                found.push(Diagnostic::of_file(path, message).help(help));
            }
        }
    }
    found
}

/// The mailboxes that a text names.
fn mentioned(text: &str) -> impl Iterator<Item = Identity> {
    let apart = |c: char| c.is_whitespace() || "\"'<>()[]{},;=|:`".contains(c);
    text.split(apart)
        .filter(|word| word.contains('@'))
        .filter_map(addresses)
        .flatten()
        .map(|mailbox| mailbox.identity())
}

/// Members without an entry, entries without members, and members that are kept twice.
pub fn check_members(entries: &[Entry], registered: &[Registered]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for entry in entries.iter().filter(|entry| !registered.iter().any(|kept| kept.list == entry.name)) {
        let help = format!("octroi lists import {} FILE", entry.name);
        found.push(Diagnostic::of_file(entry.source.name(), "the list has no members yet").help(help).into_warning());
    }
    let (mut unknown, mut digests) = (BTreeSet::new(), HashMap::new());
    for kept in registered {
        let path = format!("lists/{}.toml", kept.list);
        let has_entry = entries.iter().any(|entry| entry.name == kept.list);
        if !has_entry && unknown.insert(&kept.list) {
            let near = nearest(&kept.list, entries.iter().map(|entry| entry.name.as_str()));
            let help = near.map_or_else(
                || "write its entry".to_owned(),
                |near| format!("write its entry, or did you mean `{near}`?"),
            );
            found.push(
                Diagnostic::of_file(path.clone(), format!("members are kept for `{}`, which has no entry", kept.list))
                    .help(help)
                    .into_warning(),
            );
        }
        if let Some(first) = digests.insert(&kept.digest, kept) {
            let message = format!(
                "`{}`, export `{}`, has the members of `{}`, export `{}`",
                kept.list, kept.export, first.list, first.export
            );
            let help = "which of the two was used cannot be told: was the same file imported twice?";
            found.push(Diagnostic::of_file(path, message).help(help).into_warning());
        }
    }
    found
}
