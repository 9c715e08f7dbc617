// SPDX-License-Identifier: EUPL-1.2
//! The register as campaigns see it: entries of the policies with the members that are registered.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

use super::members::Registered;
use crate::campaign::{self, Allowed, Register};
use crate::lists::entry::{Entry, Purpose};
use crate::lists::template::Template;
use crate::lists::{ListKey, MemberFile};
use crate::mime::html;
use crate::pipeline::Lists;
use crate::policy::Policy;

/// `None` where no list of the policies has members: mail is then seen beside no other.
pub fn lists(policy: &Policy, files: &BTreeMap<String, Vec<u8>>, registered: &Registered) -> Option<Arc<Lists>> {
    let key = registered.key()?;
    let of_file = |file: &MemberFile| {
        let entry = policy.entry(&file.about.list)?;
        Some(campaign::Entry {
            name: entry.name.clone(),
            export: file.about.export.clone(),
            kind: entry.kind,
            universal: entry.universal,
            purposes: purposes(entry, files, key),
            members: file.members.clone(),
            canaries: file.about.planted.iter().map(|(canary, _)| *canary).collect(),
        })
    };
    let entries: Vec<campaign::Entry> = registered.files.iter().filter_map(of_file).collect();
    (!entries.is_empty()).then(|| {
        let register = Register::new(entries, policy.people.by_mail.len());
        Arc::new(Lists { key: key.clone(), register })
    })
}

fn purposes(entry: &Entry, files: &BTreeMap<String, Vec<u8>>, key: &ListKey) -> Vec<campaign::Purpose> {
    let purpose = |purpose: &Purpose| campaign::Purpose {
        text: purpose.text.clone(),
        from: midnight(purpose.from),
        // The last day belongs to it.
        until: purpose.until.and_then(|last| midnight(last.saturating_add(1.day()))),
        senders: purpose.senders.iter().map(|sender| key.member(&sender.value.sender_identity())).collect(),
        links: Some(purpose.links.iter().map(|link| link.value.domain().clone()).collect()),
        content: if purpose.is_free {
            Allowed::Free
        } else {
            Allowed::Templates(purpose.templates.iter().filter_map(|path| template(&path.value, files)).collect())
        },
    };
    entry.purposes.iter().map(purpose).collect()
}

/// That it is there was checked with the entry.
fn template(path: &str, files: &BTreeMap<String, Vec<u8>>) -> Option<Template> {
    let text = String::from_utf8_lossy(files.get(&format!("lists/{path}"))?);
    let text = if path.ends_with(".html") { html::text(&text).shown.into() } else { text };
    Some(Template::new(&text))
}

/// Days are UTC's.
fn midnight(day: Date) -> Option<Timestamp> {
    day.to_zoned(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
}
