// SPDX-License-Identifier: EUPL-1.2
//! Permits as values: one action on one object, with its audit entry.

use std::marker::PhantomData;

use super::{Action, Command, Ground, Role, Scope};
use crate::mail::{CopyId, ItemId};

/// The actor of an audit entry. Only this room makes one: from a checked session, or for what the gateway does itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    name: String,
    role: Option<Role>,
}

impl Actor {
    pub(super) fn of(name: &str, role: Role) -> Actor {
        Actor { name: name.to_owned(), role: Some(role) }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The role by which they acted; none where the gateway itself did.
    pub fn role(&self) -> Option<Role> {
        self.role
    }
}

/// One entry for the audit, before it has a number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    actor: Actor,
    action: Action,
    object: String,
    of: Option<Action>,
    ground: Option<&'static str>,
    note: Option<String>,
    second: Option<String>,
}

impl Entry {
    pub(super) fn new(
        actor: Actor,
        action: Action,
        object: &str,
        of: Option<Action>,
        ground: Option<&Ground>,
        second: Option<&str>,
    ) -> Entry {
        Entry {
            actor,
            action,
            object: object.to_owned(),
            of,
            ground: ground.map(|ground| ground.code().as_str()),
            note: ground.map(|ground| ground.words().to_owned()),
            second: second.map(str::to_owned),
        }
    }

    /// A held copy came to the end of its time.
    pub fn expired(copy: &CopyId) -> Entry {
        Entry::of_the_gateway(Action::Expire, copy.as_str(), None)
    }

    /// Mail of our own could not be sent; `why` is a word for counting.
    pub fn given_up(item: &ItemId, why: &'static str) -> Entry {
        Entry::of_the_gateway(Action::GiveUp, item.as_str(), Some(why))
    }

    /// The gateway runs in a mode that people should be able to read about later.
    pub fn mode(what: &'static str) -> Entry {
        Entry::of_the_gateway(Action::Mode, what, None)
    }

    fn of_the_gateway(action: Action, object: &str, ground: Option<&'static str>) -> Entry {
        let actor = Actor { name: "octroi".into(), role: None };
        Entry { actor, action, object: object.to_owned(), of: None, ground, note: None, second: None }
    }

    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    pub fn action(&self) -> Action {
        self.action
    }

    /// The id of what it is done to.
    pub fn object(&self) -> &str {
        &self.object
    }

    /// What was proposed, where this is about a proposal.
    pub fn of(&self) -> Option<Action> {
        self.of
    }

    /// The ground's code.
    pub fn ground(&self) -> Option<&'static str> {
        self.ground
    }

    /// The person's own words; to be sealed.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Who confirmed, where two decided.
    pub fn second(&self) -> Option<&str> {
        self.second.as_deref()
    }
}

/// What a permit is for.
pub trait PermitKind {
    /// What it is done to.
    type Id: AsRef<str> + Clone;
    const COMMAND: Command;
    const ACTION: Action;
}

/// Looking at what a copy is held for.
#[derive(Debug)]
pub enum Look {}
/// Reading its message at the desk.
#[derive(Debug)]
pub enum Open {}
/// Taking its message away.
#[derive(Debug)]
pub enum Export {}
/// Looking at a bulk send.
#[derive(Debug)]
pub enum LookAtBulk {}
/// Trying an item of the outbox now.
#[derive(Debug)]
pub enum Retry {}
/// Asking which lists an address is on.
#[derive(Debug)]
pub enum ListMatch {}
/// Registering members of a list.
#[derive(Debug)]
pub enum ListImport {}
/// Writing a list out with canaries.
#[derive(Debug)]
pub enum ListExport {}
/// Seeing which mailboxes are canaries.
#[derive(Debug)]
pub enum Reveal {}

impl PermitKind for Look {
    type Id = CopyId;
    const COMMAND: Command = Command::Show;
    const ACTION: Action = Action::Look;
}

impl PermitKind for LookAtBulk {
    type Id = String;
    const COMMAND: Command = Command::CampaignsShow;
    const ACTION: Action = Action::Look;
}

impl PermitKind for Open {
    type Id = CopyId;
    const COMMAND: Command = Command::Open;
    const ACTION: Action = Action::Open;
}

impl PermitKind for Export {
    type Id = CopyId;
    const COMMAND: Command = Command::Export;
    const ACTION: Action = Action::Export;
}

impl PermitKind for Retry {
    type Id = ItemId;
    const COMMAND: Command = Command::OutboxRetry;
    const ACTION: Action = Action::Retry;
}

impl PermitKind for ListMatch {
    /// The keyed hash of the address.
    type Id = String;
    const COMMAND: Command = Command::ListsMatch;
    const ACTION: Action = Action::ListMatch;
}

impl PermitKind for ListImport {
    /// The list's name.
    type Id = String;
    const COMMAND: Command = Command::ListsImport;
    const ACTION: Action = Action::ListImport;
}

impl PermitKind for ListExport {
    /// The list's name.
    type Id = String;
    const COMMAND: Command = Command::ListsExport;
    const ACTION: Action = Action::ListExport;
}

impl PermitKind for Reveal {
    /// The list's name.
    type Id = String;
    const COMMAND: Command = Command::ListsReveal;
    const ACTION: Action = Action::Look;
}

/// The permission to do one thing to one thing. Only a [`super::Caller`] gives it.
#[derive(Debug, Clone)]
pub struct Permit<K: PermitKind> {
    object: K::Id,
    entry: Entry,
    kind: PhantomData<fn() -> K>,
}

impl<K: PermitKind> Permit<K> {
    pub(super) fn of(object: K::Id, entry: Entry) -> Permit<K> {
        Permit { object, entry, kind: PhantomData }
    }

    /// Its audit entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// The id of the object.
    pub fn object(&self) -> &K::Id {
        &self.object
    }
}

/// Something of the gateway that one may do something to.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a, Id> {
    pub id: &'a Id,
    /// Decision D20.
    pub private: bool,
    belongs: Belongs<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Belongs<'a> {
    /// To the sender's unit; `None` if the unit is not known.
    Unit(Option<&'a str>),
    /// To no unit: the role suffices.
    House,
}

impl<'a, Id> Object<'a, Id> {
    /// A held copy.
    pub fn held(id: &'a Id, unit: Option<&'a str>, private: bool) -> Object<'a, Id> {
        Object { id, private, belongs: Belongs::Unit(unit) }
    }

    /// The gateway's own affair, such as an item of its outbox.
    pub fn of_the_house(id: &'a Id) -> Object<'a, Id> {
        Object { id, private: false, belongs: Belongs::House }
    }

    pub(super) fn is_within(&self, scope: &Scope) -> bool {
        match self.belongs {
            Belongs::Unit(unit) => scope.covers(unit),
            Belongs::House => true,
        }
    }
}
