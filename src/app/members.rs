// SPDX-License-Identifier: EUPL-1.2
//! Members of registered lists on their way from the store into what mail is judged by.

use std::collections::BTreeMap;
use std::io::Cursor;

use jiff::civil::Date;

use crate::config::Settings;
use crate::diagnostic::{Diagnostic, utf8};
use crate::lists::entry::{self, Canary, leaks};
use crate::lists::export::Stock;
use crate::lists::rows::{Options, import};
use crate::lists::{About, ListKey, Lookup, MemberFile, Members, Place};
use crate::policy::Policy;
use crate::store::{MemberStore, MembersError};

/// What the store keeps of lists.
#[derive(Default)]
pub struct Registered {
    /// None where nothing was ever registered.
    key: Option<ListKey>,
    pub files: Vec<MemberFile>,
    /// The house's mailboxes that canaries are taken from.
    stock: Stock,
    /// Lists of a house that cannot be read.
    faults: Vec<Diagnostic>,
}

impl Registered {
    /// Reads what is registered.
    ///
    /// # Errors
    /// What is there cannot be read.
    pub fn read(settings: &Settings) -> Result<Registered, MembersError> {
        let store = member_store(settings);
        let files = store.read()?;
        if files.is_empty() {
            return Ok(Registered::default());
        }
        Ok(Registered { key: Some(store.key()?), files, stock: store.stock()?.0, faults: Vec::new() })
    }

    /// None where nothing was ever registered.
    pub fn key(&self) -> Option<&ListKey> {
        self.key.as_ref()
    }

    /// Lists as detectors ask for them. A list without an entry is none.
    pub fn lookup(self, policy: &Policy) -> Lookup {
        let files: Vec<MemberFile> =
            self.files.into_iter().filter(|file| policy.entry(&file.about.list).is_some()).collect();
        self.key.filter(|_| !files.is_empty()).map(|key| Lookup::new(key, files)).unwrap_or_default()
    }

    /// What is wrong with lists, or with files of the policies because of them.
    pub fn faults(&self, policies: &BTreeMap<String, Vec<u8>>) -> Vec<Diagnostic> {
        [self.faults.clone(), self.leaks(policies)].concat()
    }

    /// Canaries that stand where they must not: in files of the policies, on another list, in two exports.
    fn leaks(&self, policies: &BTreeMap<String, Vec<u8>>) -> Vec<Diagnostic> {
        let Some(key) = &self.key else { return Vec::new() };
        let mut planted = Vec::new();
        for mailbox in &self.stock.mailboxes {
            let identity = mailbox.identity();
            let member = key.member(&identity);
            for file in self.files.iter().filter(|file| file.is_planted(member)) {
                let (list, export) = (file.about.list.clone(), file.about.export.clone().unwrap_or_default());
                planted.push(Canary { list, export, identity: identity.clone() });
            }
        }
        if planted.is_empty() {
            return Vec::new();
        }
        let texts = policies.iter().filter_map(|(path, bytes)| Some((path.as_str(), utf8(path, bytes).ok()?)));
        leaks(&planted, texts, &|identity| {
            let member = key.member(identity);
            let imported = self.files.iter().filter(|file| file.about.planted.is_empty());
            imported.filter(|file| file.members.place(member).is_some()).map(|file| file.about.list.clone()).collect()
        })
    }

    /// What is registered, as remarks about it need it.
    pub fn summaries(&self) -> Vec<entry::Registered> {
        let summary = |file: &MemberFile| entry::Registered {
            list: file.about.list.clone(),
            export: file.about.export.clone().unwrap_or_default(),
            digest: file.members_digest(),
        };
        self.files.iter().map(summary).collect()
    }
}

/// Where members are, as the settings say.
pub fn member_store(settings: &Settings) -> MemberStore {
    let lists = &settings.lists;
    MemberStore::new(lists.path.clone(), lists.key.clone(), lists.canaries.clone())
}

/// The lists of a house that cases are about: `lists/NAME.csv` (or another form that import knows) in its folder. No
/// secret: whoever reads the cases reads them. One that cannot be read is a fault: without its members a case may pass
/// that must not.
pub fn of_house(policies: &BTreeMap<String, Vec<u8>>, house: &str) -> Registered {
    let folder = format!("tests/houses/{house}/lists/");
    let key = ListKey::new([0; 32]);
    let (mut files, mut faults) = (Vec::new(), Vec::new());
    for (path, bytes) in policies {
        let Some(name) = path.strip_prefix(&folder).and_then(|name| name.split_once('.')) else { continue };
        // Entries of the register, and what stands in folders of lists, such as templates, have no members.
        if name.1 == "toml" || name.0.contains('/') {
            continue;
        }
        let mut rows = Vec::new();
        let read = import(&mut Cursor::new(bytes), &Options::default(), &key, &mut |person| {
            rows.push((key.member(person.identity), Place { position: person.position, own: false }));
        });
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                faults.push(Diagnostic::of_file(path, error.to_string()));
                continue;
            }
        };
        let about = About {
            list: name.0.to_owned(),
            export: None,
            date: Date::ZERO,
            for_whom: None,
            rows: read.rows,
            keyed_by: Vec::new(),
            planted: Vec::new(),
            key: key.check(),
        };
        files.push(MemberFile { about, members: Members::new(rows), keys: Members::new(Vec::new()) });
    }
    Registered { key: Some(key), files, stock: Stock::default(), faults }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_a_house_is_read_or_said_to_be_unreadable() {
        let read = "mail\nanne@town.example\nbo@town.example\n";
        for (path, text, lists, faults) in [
            ("agents.csv", read, 1, 0),
            ("agents.csv", "name\nAnne\nBo\n", 0, 1),
            ("agents.csv", "", 0, 1),
            ("agents.xlsx", "PK\u{3}\u{4}", 0, 1),
            ("agents.toml", "owner = \"x\"", 0, 0),
            ("agents.toml", read, 0, 0),
            ("letters/one.txt", "Madam,", 0, 0),
        ] {
            let path = format!("tests/houses/town/lists/{path}");
            let files = BTreeMap::from([(path.clone(), text.as_bytes().to_vec())]);
            let house = of_house(&files, "town");
            let said = house.faults(&files);
            assert_eq!((house.files.len(), said.len()), (lists, faults), "{path}: {text}");
            assert!(said.iter().all(|fault| fault.to_string().contains(&path)), "{said:?}");
        }
    }
}
