// SPDX-License-Identifier: EUPL-1.2
//! The administrative lists as campaigns see them: what each says, and how rarely lawful mail hits it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::bets::{Bets, Rates};
use crate::lists::entry::Kind;
use crate::lists::hashed::{Map, Set};
use crate::lists::template::Template;
use crate::lists::{Index, Member, Members};
use crate::mail::Domain;

/// One export of a list, as the register and its import give it.
#[derive(Debug, Clone)]
pub struct Entry {
    pub name: String,
    /// The export's label; several exports of a list are several entries of one name.
    pub export: Option<String>,
    /// A union is exempt from the political score (D21), not from anything else.
    pub kind: Option<Kind>,
    /// Everybody is on it: being on it proves nothing.
    pub universal: bool,
    pub purposes: Vec<Purpose>,
    pub members: Members,
    /// Planted in this export and nowhere else.
    pub canaries: Vec<Member>,
}

/// What a list may be used for, in one version.
#[derive(Debug, Clone)]
pub struct Purpose {
    /// The legal text.
    pub text: String,
    /// In force from here on; `None` always was.
    pub from: Option<Timestamp>,
    /// Not any more from here on.
    pub until: Option<Timestamp>,
    /// Who may write, as keyed hashes of their identities.
    pub senders: Vec<Member>,
    /// Hosts that may be linked beside those of the templates and of the sender's domain; `None` allows all.
    pub links: Option<Vec<Domain>>,
    pub content: Allowed,
}

/// Which texts a purpose allows.
#[derive(Debug, Clone)]
pub enum Allowed {
    /// Those alike to one of these; where there is none, each sender's first text is the template until mended.
    Templates(Vec<Template>),
    /// Any: sender and links alone decide, and the classifier guards it.
    Free,
}

/// A list's export across restarts and changes of the register.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListId(pub(super) u64);

/// One export with what follows from its size and overlap.
#[derive(Debug, Clone)]
pub struct Source {
    pub name: String,
    pub export: Option<String>,
    /// A union is exempt from the political score (D21), not from anything else.
    pub kind: Option<Kind>,
    pub universal: bool,
    pub id: ListId,
    /// Members on it.
    pub size: usize,
    pub rates: Rates,
    pub(super) bets: Bets,
    /// All exports of one list share a number.
    pub(super) list: u16,
    pub(super) purposes: Vec<Purpose>,
}

/// All lists.
#[derive(Debug)]
pub struct Register {
    sources: Vec<Source>,
    index: Index,
    ids: Map<u16>,
    canaries: Map<Vec<u16>>,
}

impl Register {
    /// `headcount` is the number of people of the house where no universal list has their work addresses; 0 if unknown.
    pub fn new(entries: Vec<Entry>, headcount: usize) -> Register {
        let index = Index::new(&entries.iter().map(|entry| &entry.members).collect::<Vec<_>>());
        let universal: Vec<bool> = entries.iter().map(|entry| entry.universal).collect();
        let rates = Rates::of(&index, &universal, headcount);
        let mut canaries: Map<Vec<u16>> = Map::default();
        let mut names: Vec<String> = Vec::new();
        let mut sources = Vec::with_capacity(entries.len());
        for ((number, entry), rates) in (0..=u16::MAX).zip(entries).zip(rates) {
            for canary in &entry.canaries {
                canaries.entry(canary.0).or_default().push(number);
            }
            let list = names.iter().position(|name| *name == entry.name).unwrap_or_else(|| {
                names.push(entry.name.clone());
                names.len() - 1
            });
            sources.push(Source {
                id: ListId::new(&entry.name, entry.export.as_deref()),
                // No more lists than sources, of which there are 65,536 at most.
                list: list as u16,
                size: entry.members.len(),
                bets: Bets::new(&rates, entry.universal),
                rates,
                name: entry.name,
                export: entry.export,
                kind: entry.kind,
                universal: entry.universal,
                purposes: entry.purposes,
            });
        }
        let ids = (0..).zip(&sources).map(|(number, source)| (source.id.0, number)).collect();
        Register { sources, index, ids, canaries }
    }

    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Bytes of the merged index.
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }

    /// The exports on which a mailbox stands: name, label, position.
    pub fn find(&self, member: Member) -> impl Iterator<Item = (&str, Option<&str>, u32)> {
        self.index.find(member).map(|listed| {
            let source = self.source(listed.source);
            (source.name.as_str(), source.export.as_deref(), listed.place.position)
        })
    }

    pub(super) fn index(&self) -> &Index {
        &self.index
    }

    /// Source numbers come from this register's own index.
    pub(super) fn source(&self, number: u16) -> &Source {
        &self.sources[usize::from(number)]
    }

    /// `None` where the list has left the register.
    pub fn by_id(&self, id: ListId) -> Option<&Source> {
        self.ids.get(&id.0).map(|number| self.source(*number))
    }

    pub(super) fn canary(&self, member: Member) -> &[u16] {
        self.canaries.get(&member.0).map_or(&[], Vec::as_slice)
    }

    /// Any canary of any list: what the caller keeps away from pages, notices and logs.
    pub fn canaries(&self) -> impl Iterator<Item = Member> {
        let all: Set = self.canaries.keys().copied().collect();
        all.into_iter().map(Member)
    }
}

impl ListId {
    pub fn new(name: &str, export: Option<&str>) -> ListId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(name.as_bytes()).update(&[0]).update(export.unwrap_or_default().as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
        ListId(u64::from_be_bytes(first))
    }
}
