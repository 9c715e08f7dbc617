// SPDX-License-Identifier: EUPL-1.2
//! What `lists show` prints of an entry.

use jiff::Timestamp;
use serde::Serialize;

use super::{Entry, Kind, Purpose};

/// One export of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Export {
    pub label: String,
    pub date: String,
    #[serde(rename = "for")]
    pub for_whom: Option<String>,
    pub rows: u64,
    /// How many; which they are is never shown.
    pub canaries: u64,
}

/// One line of `lists show --json`.
#[derive(Debug, Clone, Serialize)]
pub struct Show<'e> {
    name: &'e str,
    title: &'e str,
    owner: &'e str,
    contact: Option<String>,
    universal: bool,
    kind: Option<&'static str>,
    members: u64,
    exports: &'e [Export],
    purposes: Vec<Version<'e>>,
    in_force: Option<&'e str>,
}

#[derive(Debug, Clone, Serialize)]
struct Version<'e> {
    text: &'e str,
    from: String,
    until: Option<String>,
    allows: &'e str,
    senders: Vec<String>,
    templates: Vec<&'e str>,
    links: Vec<String>,
    content: Option<&'static str>,
    recipients: Vec<String>,
}

impl<'e> Show<'e> {
    pub fn new(entry: &'e Entry, members: u64, exports: &'e [Export], now: Timestamp) -> Show<'e> {
        Show {
            name: &entry.name,
            title: &entry.title,
            owner: &entry.owner,
            contact: entry.contact.as_ref().map(|contact| contact.value.to_string()),
            universal: entry.universal,
            kind: entry.kind.map(|Kind::Union| "union"),
            members,
            exports,
            purposes: entry.purposes.iter().map(Version::new).collect(),
            in_force: entry.in_force(now).map(|purpose| purpose.text.as_str()),
        }
    }
}

impl<'e> Version<'e> {
    fn new(purpose: &'e Purpose) -> Version<'e> {
        Version {
            text: &purpose.text,
            from: purpose.from.to_string(),
            until: purpose.until.map(|day| day.to_string()),
            allows: &purpose.allows,
            senders: purpose.senders.iter().map(|sender| sender.value.to_string()).collect(),
            templates: purpose.templates.iter().map(|template| template.value.as_str()).collect(),
            links: purpose.links.iter().map(|link| link.value.to_string()).collect(),
            content: purpose.is_free.then_some("free"),
            recipients: purpose.recipients.iter().map(|recipient| recipient.value.to_string()).collect(),
        }
    }
}
