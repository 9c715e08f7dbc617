// SPDX-License-Identifier: EUPL-1.2
//! What is shipped in `policies/` for an administration to edit: lists without slips, notices whole in every language.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Editors check rules by the file, octroi by what its tables of facts give. After a change of those write the file anew:
/// `OCTROI_WRITE_SCHEMA=1 cargo test --test suite shipped::`.
#[test]
fn the_schema_for_editors_is_the_one_rules_are_checked_against() {
    let file = policies().join("schema.cedarschema");
    if std::env::var_os("OCTROI_WRITE_SCHEMA").is_some() {
        fs::write(&file, octroi::policy::schema()).unwrap();
    }
    assert_eq!(read(&file), octroi::policy::schema());
}

const LISTS: [&str; 10] = [
    "own",
    "partner",
    "private-webmail",
    "disposable",
    "consumer-mx",
    "cloud-storage",
    "file-transfer",
    "messenger",
    "social",
    "meeting",
];

#[test]
fn every_list_holds_well_formed_entries_once() {
    for name in LISTS {
        let entries = entries(name);
        let mut seen = BTreeSet::new();
        for entry in &entries {
            let domain = entry.strip_prefix("*.").unwrap_or(entry);
            let labels: Vec<&str> = domain.split('.').collect();
            let label = |l: &&str| {
                let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                (1..=63).contains(&l.len()) && l.chars().all(letters) && !l.starts_with('-') && !l.ends_with('-')
            };
            assert!(labels.len() >= 2 && labels.iter().all(label), "{name}.list: `{entry}` is no domain");
            assert!(seen.insert(entry), "{name}.list: `{entry}` stands twice");
        }
        assert!(!entries.is_empty(), "{name}.list is empty");
    }
    assert!(entries("private-webmail").len() >= 600);
    assert!(entries("disposable").len() >= 150);
}

/// A domain has one class: the lists that give one do not overlap.
#[test]
fn no_domain_has_two_classes() {
    let mut class = BTreeMap::new();
    for name in ["own", "partner", "private-webmail", "disposable"] {
        for entry in entries(name) {
            if let Some(other) = class.insert(entry.clone(), name) {
                panic!("`{entry}` stands in {other}.list and in {name}.list");
            }
        }
    }
}

#[test]
fn the_mailboxes_that_public_lists_miss_are_private() {
    let list = entries("private-webmail");
    let named = "orange.fr free.fr laposte.net wanadoo.fr sfr.fr neuf.fr bbox.fr numericable.fr gmx.fr caramail.fr menara.ma \
                 proximus.be skynet.be telenet.be ziggo.nl kpnmail.nl xs4all.nl tutanota.com hey.com mozmail.com duck.com \
                 privaterelay.appleid.com gmail.com outlook.fr proton.me icloud.com mls.nc mail.pf bluewin.ch btinternet.com";
    for domain in named.split_whitespace() {
        assert!(list.iter().any(|entry| entry == domain), "`{domain}` is missing");
    }
}

#[test]
fn every_notice_stands_in_every_language_with_its_places_and_nothing_else() {
    let names = |language: &str| -> BTreeSet<String> { files(&policies().join("notices").join(language)) };
    let french = names("fr");
    assert!(french.contains("private-mailbox.md") && french.len() >= 10);
    for language in ["fr", "nl", "en"] {
        assert_eq!(names(language), french, "{language}");
        for name in &french {
            let text = read(&policies().join("notices").join(language).join(name));
            let places: BTreeSet<&str> =
                text.split('{').skip(1).map(|rest| rest.split('}').next().unwrap_or_default()).collect();
            let place = format!("{language}/{name}: {places:?}");
            if name == "digest.md" {
                assert_eq!(places.len(), 12, "{place}: the places of every language's digest are the same");
                continue;
            }
            assert!(text.lines().all(|line| line.chars().count() <= 120), "{place}");
            let (needed, allowed): (&[&str], &[&str]) = match name.as_str() {
                "foot.md" => (&["subject", "reference", "charter", "contact", "house"], &[]),
                "several.md" => (&["held", "refused", "stripped"], &[]),
                name if name.starts_with("outcome-") => (&[], &[]),
                _ => (&["recipient", "date"], &["outcome", "reason"]),
            };
            assert_eq!(text.starts_with("# "), !(name == "foot.md" || name.starts_with("outcome-")), "{place}");
            for needed in needed {
                assert!(places.contains(needed), "{place}: no {{{needed}}}");
            }
            let known = |p: &&str| p.starts_with("recipient:") || needed.contains(p) || allowed.contains(p);
            assert!(places.iter().all(known), "{place}");
        }
    }
}

fn entries(name: &str) -> Vec<String> {
    let text = read(&policies().join(format!("domains/{name}.list")));
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split_whitespace().next().unwrap_or_default().to_string()).collect()
}

fn policies() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")
}

fn files(folder: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    entries.map(|entry| entry.expect("a folder of ours").file_name().to_string_lossy().into_owned()).collect()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
