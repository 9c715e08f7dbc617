// SPDX-License-Identifier: EUPL-1.2
//! Which hosts offer which kind of service.

use std::collections::HashMap;

/// The five kinds of service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LinkKind {
    CloudStorage,
    FileTransfer,
    Messenger,
    Social,
    Meeting,
}

impl LinkKind {
    /// The contract's value, and the name of the domain list.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkKind::CloudStorage => "cloud-storage",
            LinkKind::FileTransfer => "file-transfer",
            LinkKind::Messenger => "messenger",
            LinkKind::Social => "social",
            LinkKind::Meeting => "meeting",
        }
    }
}

/// Which hosts offer which service: the five link lists of `policies/domains/`.
#[derive(Debug, Default, Clone)]
pub struct LinkHosts {
    hosts: HashMap<String, LinkKind>,
}

impl LinkHosts {
    /// Entries as the lists hold them, `domain` or `*.domain`; either covers what stands below it, because
    /// services put tenants and regions before their name (`us02web.zoom.us`).
    pub fn new(entries: impl IntoIterator<Item = (String, LinkKind)>) -> LinkHosts {
        let hosts = entries
            .into_iter()
            .map(|(entry, kind)| (entry.trim_start_matches("*.").trim_end_matches('.').to_lowercase(), kind));
        LinkHosts { hosts: hosts.collect() }
    }

    /// The kind of the entry nearest to `host`, compared by label.
    pub fn kind_of(&self, host: &str) -> Option<LinkKind> {
        let mut rest = host;
        loop {
            if let Some(kind) = self.hosts.get(rest) {
                return Some(*kind);
            }
            rest = rest.split_once('.')?.1;
        }
    }
}
