// SPDX-License-Identifier: EUPL-1.2
//! The register of administrative lists, as it stands in a policy folder: `lists/NAME.toml`, and the templates beside.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::Policy;
use super::domains::DomainLists;
use crate::diagnostic::{Diagnostic, utf8};
use crate::lists::entry::{Entry, House, check};

/// Its folder, in the policies and in those of a house that cases are about.
const FOLDER: &str = "lists/";

/// The entries without a fault, and everything that is wrong with the others or deserves a look. `there` is the folder of
/// another house, whose lists count beside.
pub(super) fn read(
    files: &BTreeMap<String, Vec<u8>>,
    there: Option<&str>,
    domains: &DomainLists,
    now: Timestamp,
) -> (Vec<Entry>, Vec<Diagnostic>) {
    let folders = [Some(FOLDER.to_owned()), there.map(|there| format!("{there}{FOLDER}"))];
    let (mut entries, mut found) = (Vec::<Entry>::new(), Vec::new());
    for folder in folders.into_iter().flatten() {
        let inside = files.iter().filter_map(|(path, bytes)| Some((path, path.strip_prefix(&folder)?, bytes)));
        let mut texts = BTreeMap::new();
        for (path, name, bytes) in inside.filter(|(_, name, _)| is_text(name)) {
            match utf8(path, bytes) {
                Ok(text) => drop(texts.insert(name, (path, text))),
                Err(fault) => found.push(fault),
            }
        }
        let is_entry = |name: &str| name.ends_with(".toml") && !name.contains('/');
        let templates: Vec<&str> = texts.keys().copied().filter(|name| !is_entry(name)).collect();
        let template = |name: &str| texts.get(name).map(|(_, text)| *text);
        let standing = |domain: &_| domains.whose(domain, now);
        let house = House { standing: &standing, template: &template, templates: &templates, now };
        for (name, (path, text)) in texts.iter().filter(|(name, _)| is_entry(name)) {
            let (entry, more) = Entry::parse(name.trim_end_matches(".toml"), path, text);
            found.extend(more);
            if let Some(entry) = entry {
                found.extend(check(&entry, &house));
                entries.retain(|other| other.name != entry.name);
                entries.push(entry);
            }
        }
    }
    (entries, found)
}

/// What deserves a look today in entries that are sound.
pub fn register_warnings(files: &BTreeMap<String, Vec<u8>>, policy: &Policy, now: Timestamp) -> Vec<Diagnostic> {
    read(files, None, &policy.lists, now).1.into_iter().filter(Diagnostic::is_warning).collect()
}

/// Entries and templates; not what is for readers, and not the digests of members.
fn is_text(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    [".toml", ".txt", ".html"].iter().any(|end| name.ends_with(end))
}

/// A file whose ending says that nobody reads it.
pub(super) fn misplaced(path: &str, name: &str) -> Option<Diagnostic> {
    let harmless =
        is_text(name) || name.ends_with('~') || [".md", ".example", MEMBERS].iter().any(|e| name.ends_with(e));
    (!harmless).then(|| {
        let text = "octroi reads only entries (`.toml`) and templates (`.txt`, `.html`) in this folder";
        Diagnostic::of_file(path, text).help("rename it; members come by `octroi lists import`, not by a file here")
    })
}

/// What stands for the members of an export among the files of a policy: their digest, so that they are part of its
/// version (D23).
pub const MEMBERS: &str = ".members";

/// The path of that.
pub fn members_path(list: &str, export: Option<&str>) -> String {
    format!("{FOLDER}{list}@{}{MEMBERS}", export.unwrap_or_default())
}

impl Policy {
    /// The entry of a list.
    pub fn entry(&self, list: &str) -> Option<&Entry> {
        self.register.iter().find(|entry| entry.name == list)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const ENTRY: &str = include_str!("../../policies/lists/agents.toml.example");

    fn shipped() -> BTreeMap<String, Vec<u8>> {
        let policies = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies");
        let (mut files, mut folders) = (BTreeMap::new(), vec![policies.clone()]);
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let name = path.strip_prefix(&policies).unwrap().to_str().unwrap().to_owned();
                    files.insert(name, std::fs::read(path).unwrap());
                }
            }
        }
        files
    }

    /// The policies with this entry, and own domains other than the shipped example.
    fn with(entry: &str, more: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let mut files = shipped();
        files.insert("lists/agents.toml".into(), entry.into());
        files.insert("domains/own.list".into(), b"justice.gouv.example\n".into());
        files.extend(more.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
        files
    }

    fn at(day: &str) -> Timestamp {
        format!("{day}T12:00:00Z").parse().unwrap()
    }

    #[test]
    fn the_shipped_example_is_inert_and_sound_once_it_is_copied() {
        let nobody = Policy::load(&shipped()).unwrap();
        assert!(nobody.register.is_empty() && register_warnings(&shipped(), &nobody, at("2026-12-01")).is_empty());
        let files = with(ENTRY, &[]);
        let policy = Policy::load(&files).unwrap_or_else(|faults| panic!("{faults}"));
        assert_eq!(policy.entry("agents").map(|entry| entry.owner.as_str()), Some("direction-du-budget"));
        assert_eq!(register_warnings(&files, &policy, at("2026-12-01")).len(), 0);
        assert_ne!(policy.version, nobody.version);
    }

    #[test]
    fn every_fault_of_an_entry_is_one_of_the_policies() {
        for (change, said) in [
            (("owner = \"direction-du-budget\"", ""), "the entry has no `owner`"),
            (
                ("ne-pas-repondre@justice.gouv.example", "x@elsewhere.example"),
                "`x@elsewhere.example` is not at an own domain",
            ),
            (("modeles/document-disponible.txt", "modeles/document-disponibles.txt"), "there is no template"),
            (("\"paie.prestataire.example\"", "\"gmail.com\""), "`gmail.com` is everybody's"),
            (("\"paie.prestataire.example\"", "\"gouv.fr\""), "public suffix"),
            (("from = 2022-11-23", "from = 2022-13-23"), "lists/agents.toml"),
            (("universal = false", "universel = false"), "no key `universel`"),
        ] {
            let entry = ENTRY.replace(change.0, change.1);
            assert_ne!(entry, ENTRY, "{change:?}");
            let faults = Policy::load(&with(&entry, &[])).unwrap_err().to_string();
            assert!(faults.contains(said) && faults.contains("lists/agents.toml"), "{change:?}: {faults}");
        }
        let faults = Policy::load(&with(ENTRY, &[("lists/agents.csv", "a@b.example")])).unwrap_err().to_string();
        assert!(faults.contains("lists import"), "{faults}");
    }

    /// The passing of time alone never makes a fault of what served yesterday.
    #[test]
    fn a_purpose_that_ended_is_a_warning() {
        let files = with(&ENTRY.replace("from = 2022-11-23", "from = 2022-11-23\nuntil = 2026-06-30"), &[]);
        let policy = Policy::load(&files).unwrap();
        let said =
            |day| register_warnings(&files, &policy, at(day)).iter().map(ToString::to_string).collect::<String>();
        assert_eq!(said("2026-01-01"), "");
        assert!(said("2026-06-10").contains("ends on 2026-06-30"));
        assert!(said("2026-07-01").contains("ended on 2026-06-30"));
    }
}
