// SPDX-License-Identifier: EUPL-1.2
//! All registered exports as one table: which lists a mailbox, or a row known by a key, stands on.

use super::member_file::{About, MemberFile};
use super::{Index, ListKey, Member};
use crate::mail::Identity;

/// Everything that is registered, ready to be asked. Empty where nothing is.
#[derive(Debug, Default)]
pub struct Lookup {
    /// None where nothing is registered.
    key: Option<ListKey>,
    exports: Vec<About>,
    /// By name, in order: how many members the largest export of each has.
    lists: Vec<(String, u64)>,
    /// The list of each export.
    list_of: Vec<usize>,
    index: Option<Index>,
    keys: Option<Index>,
}

impl Lookup {
    pub fn new(key: ListKey, files: Vec<MemberFile>) -> Lookup {
        let mut lists: Vec<(String, u64)> = Vec::new();
        for file in &files {
            let size = file.members.len() as u64;
            match lists.iter_mut().find(|(name, _)| *name == file.about.list) {
                Some((_, most)) => *most = size.max(*most),
                None => lists.push((file.about.list.clone(), size)),
            }
        }
        lists.sort();
        let list_of =
            files.iter().filter_map(|file| lists.iter().position(|(name, _)| *name == file.about.list)).collect();
        let index = Index::new(&files.iter().map(|file| &file.members).collect::<Vec<_>>());
        let keys = Index::new(&files.iter().map(|file| &file.keys).collect::<Vec<_>>());
        let exports = files.into_iter().map(|file| file.about).collect();
        Lookup { key: Some(key), exports, lists, list_of, index: Some(index), keys: Some(keys) }
    }

    pub fn is_empty(&self) -> bool {
        self.exports.is_empty()
    }

    /// Every list that has members, by its number: name and members.
    pub fn lists(&self) -> impl Iterator<Item = (&str, u64)> {
        self.lists.iter().map(|(name, members)| (name.as_str(), *members))
    }

    pub fn exports(&self) -> &[About] {
        &self.exports
    }

    /// Whether rows are known by keys too.
    pub fn has_keys(&self) -> bool {
        self.exports.iter().any(|about| !about.keyed_by.is_empty())
    }

    /// A mailbox as it is known here.
    pub fn member(&self, identity: &Identity) -> Option<Member> {
        self.key.as_ref().map(|key| key.member(identity))
    }

    /// The exports that a mailbox stands on, with its position in each.
    pub fn standings(&self, member: Member) -> impl Iterator<Item = (&About, u32)> {
        let listed = self.index.iter().flat_map(move |index| index.find(member));
        listed.filter_map(|listed| Some((self.exports.get(usize::from(listed.source))?, listed.place.position)))
    }

    /// Calls back with the number of each list that has this mailbox, and its row there.
    pub fn by_address(&self, identity: &Identity, each: &mut dyn FnMut(usize, u32)) {
        if let (Some(member), Some(index)) = (self.member(identity), &self.index) {
            self.rows(index, member, each);
        }
    }

    /// The same by a value of a row that was registered as its key.
    pub fn by_key(&self, value: &str, each: &mut dyn FnMut(usize, u32)) {
        if let (Some(key), Some(index)) = (&self.key, &self.keys) {
            self.rows(index, key.value(value), each);
        }
    }

    fn rows(&self, index: &Index, member: Member, each: &mut dyn FnMut(usize, u32)) {
        let mut told: Vec<usize> = Vec::new();
        for listed in index.find(member) {
            let Some(list) = self.list_of.get(usize::from(listed.source)).copied() else { continue };
            // Somebody stands on several exports of a list: the first of these tells his row.
            if !told.contains(&list) {
                told.push(list);
                // Positions of different exports are different rows.
                let export = u32::from(listed.source).wrapping_mul(0x9e37_79b1);
                each(list, listed.place.position.wrapping_add(export));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::{Members, Place};
    use crate::mail::Mailbox;

    fn identity(address: &str) -> Identity {
        Mailbox::parse(address).expect("a sample address").identity()
    }

    fn file(list: &str, export: Option<&str>, addresses: &[&str]) -> MemberFile {
        let key = ListKey::new([1; 32]);
        let rows = addresses
            .iter()
            .zip(0..)
            .map(|(address, position)| (key.member(&identity(address)), Place { position, own: false }));
        MemberFile {
            about: About {
                list: list.into(),
                export: export.map(str::to_owned),
                date: jiff::civil::Date::constant(2026, 11, 30),
                for_whom: None,
                rows: addresses.len() as u64,
                keyed_by: Vec::new(),
                planted: Vec::new(),
                key: key.check(),
            },
            members: Members::new(rows.collect()),
            keys: Members::new(vec![(key.value("nir1"), Place { position: 0, own: false })]),
        }
    }

    #[test]
    fn a_mailbox_is_found_on_every_export_and_counts_once_for_its_list() {
        let files = vec![
            file("b", None, &["a@x.example", "b@x.example"]),
            file("a", None, &["b@x.example"]),
            file("b", Some("2026"), &["b@x.example", "a@x.example", "c@x.example"]),
        ];
        let lookup = Lookup::new(ListKey::new([1; 32]), files);
        assert_eq!(lookup.lists().collect::<Vec<_>>(), [("a", 1), ("b", 3)]);
        let member = lookup.member(&identity("B+tag@x.example")).unwrap();
        let standings: Vec<_> =
            lookup.standings(member).map(|(about, at)| (about.list.as_str(), about.export.as_deref(), at)).collect();
        assert_eq!(standings, [("b", None, 1), ("a", None, 0), ("b", Some("2026"), 0)]);
        let rows = |address| {
            let mut rows = Vec::new();
            lookup.by_address(&identity(address), &mut |list, row| rows.push((list, row)));
            rows
        };
        let lists = |address| rows(address).iter().map(|(list, _)| *list).collect::<Vec<_>>();
        assert_eq!((lists("b@x.example"), lists("c@x.example"), lists("d@x.example")), (vec![1, 0], vec![1], vec![]));
        // c has position 2 of another export, and is not the third of the first.
        assert_ne!(rows("c@x.example")[0].1, 2);
        let mut keyed = Vec::new();
        lookup.by_key("nir1", &mut |list, _| keyed.push(list));
        assert_eq!(keyed, [1, 0]);
        lookup.by_key("nir2", &mut |_, _| panic!("nobody has this key"));
    }

    #[test]
    fn nothing_is_found_where_nothing_is_registered() {
        let lookup = Lookup::default();
        assert!(lookup.is_empty() && lookup.member(&identity("a@x.example")).is_none());
        lookup.by_address(&identity("a@x.example"), &mut |_, _| panic!("nobody is registered"));
    }
}
