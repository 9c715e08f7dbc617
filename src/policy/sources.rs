// SPDX-License-Identifier: EUPL-1.2
//! What a mail was judged by, in so far as judging it again must know (decision D23).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Version;
use super::domains::{CONSUMER_MX, DomainLists};
use super::facts::Asked;

/// Versions, as digests of what stands in the policy folder.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sources {
    /// Of the program.
    pub octroi: String,
    /// Of the whole policy.
    pub policy: String,
    /// Of what findings are made by beside domain lists: markings, words, people and units.
    pub words: String,
    /// Of all domain lists.
    pub domains: String,
    /// Of those in which detectors look things up: own domains, and services that links lead to.
    pub found_by: String,
    pub partner: String,
    pub consumer_mx: String,
    /// The domain lists by name, in the order of their bits.
    pub lists: Vec<String>,
    /// Which facts there were.
    pub facts: Asked,
}

/// The domain lists in which detectors look things up: hosts of links, and our own domains.
const FOUND_BY: [&str; 6] = ["own", "cloud-storage", "file-transfer", "messenger", "social", "meeting"];
/// The folders whose files say what is found.
const WORDS: [&str; 4] = ["markings/", "words/", "units/", "lists/"];

impl Sources {
    pub(super) fn of(files: &BTreeMap<String, Vec<u8>>, lists: &DomainLists, version: Version) -> Sources {
        let mut words = blake3::Hasher::new();
        for (path, bytes) in files.iter().filter(|(path, _)| WORDS.iter().any(|folder| path.starts_with(folder))) {
            for field in [path.as_bytes(), bytes] {
                words.update(&(field.len() as u64).to_le_bytes()).update(field);
            }
        }
        let digest = |names: &[&str]| lists.digest(lists.bits_of(names));
        Sources {
            octroi: env!("CARGO_PKG_VERSION").to_owned(),
            policy: version.to_string(),
            words: words.finalize().to_hex()[..16].to_owned(),
            domains: lists.digest(u64::MAX),
            found_by: digest(&FOUND_BY),
            partner: digest(&["partner"]),
            consumer_mx: digest(&[CONSUMER_MX]),
            lists: lists.all_names().into_iter().map(str::to_owned).collect(),
            facts: Asked::KNOWN,
        }
    }

    /// As the journal keeps it.
    pub fn text(&self) -> String {
        // Plain data: serialising it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads it again; `None` where another octroi wrote it otherwise.
    pub fn parse(text: &str) -> Option<Sources> {
        serde_json::from_str(text).ok()
    }
}
