// SPDX-License-Identifier: EUPL-1.2
//! The register that `campaigns replay --lists DIR` takes from `lists.json`, without importing it.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::register::{Allowed, Entry, Purpose, Register};
use super::replay::IsOwn;
use crate::lists::entry::Kind;
use crate::lists::template::Template;
use crate::lists::{ListKey, Member, Members, Place};
use crate::mail::Mailbox;

/// One list of `lists.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct ListFile {
    pub file: String,
    #[serde(default)]
    pub purpose: String,
    #[serde(default)]
    pub authorised_senders: Vec<String>,
    /// Text ids; where none is named, any text is the purpose's.
    #[serde(default)]
    pub authorised_texts: Vec<String>,
    #[serde(default)]
    pub universal: bool,
    #[serde(default)]
    pub canaries: Vec<String>,
    #[serde(default)]
    pub kind: Option<String>,
}

/// Reads the lists; `rows` gives a file's text. An address stands in the first cell of a row that is one.
pub fn register(
    lists: BTreeMap<String, ListFile>,
    mut rows: impl FnMut(&str) -> Option<String>,
    texts: &HashMap<String, String>,
    own: IsOwn<'_>,
    key: &ListKey,
    headcount: usize,
) -> Register {
    let member = |address: &str| Some(key.member(&Mailbox::parse(address).ok()?.identity()));
    let entries = lists.into_iter().map(|(name, list)| {
        let text = rows(&list.file).unwrap_or_default();
        let mut members: Vec<(Member, Place)> = Vec::new();
        for line in text.lines() {
            let cells = line.split([',', ';', '\t']).map(|cell| cell.trim_matches([' ', '"', '\u{feff}']));
            let Some(mailbox) = cells.filter(|cell| cell.contains('@')).find_map(|cell| Mailbox::parse(cell).ok())
            else {
                continue;
            };
            let identity = mailbox.identity();
            let place = Place { position: members.len() as u32, own: own(&mailbox) };
            members.push((key.member(&identity), place));
        }
        let templates: Vec<Template> =
            list.authorised_texts.iter().filter_map(|id| texts.get(id)).map(|text| Template::new(text)).collect();
        let sender = |address: &String| Some(key.member(&Mailbox::parse(address).ok()?.sender_identity()));
        // A list that names no text says nothing of texts: its senders alone are judged.
        let free = list.authorised_texts.is_empty();
        Entry {
            name,
            export: None,
            kind: (list.kind.as_deref() == Some("union")).then_some(Kind::Union),
            universal: list.universal,
            purposes: vec![Purpose {
                text: list.purpose.clone(),
                from: None,
                until: None,
                senders: list.authorised_senders.iter().filter_map(sender).collect(),
                links: (!free).then(Vec::new),
                content: if free { Allowed::Free } else { Allowed::Templates(templates) },
            }],
            members: Members::new(members),
            canaries: list.canaries.iter().filter_map(|address| member(address)).collect(),
        }
    });
    Register::new(entries.collect(), headcount)
}
