// SPDX-License-Identifier: EUPL-1.2
//! Named accounts, the users of the system they belong to, and what each may (decision D25).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use super::command::DECIDES;
use super::{Action, Actor, Command, Denied, Entry, Ground, GroundError, Object, Permit, PermitKind, Role, Scope};
use crate::mail::{MailOrCopy, Mailbox};

/// A named account of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The name in the audit.
    pub name: String,
    /// At least one.
    pub roles: Vec<Role>,
    pub scope: Scope,
    /// The person's own mailbox, so that nobody approves their own mail.
    pub mail: Option<Mailbox>,
}

/// A user of the system, as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    Id(u32),
    Name(String),
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            User::Id(id) => id.fmt(f),
            User::Name(name) => name.fmt(f),
        }
    }
}

/// The accounts of the settings, user by user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts(Vec<(User, Account)>);

impl Accounts {
    pub fn new(accounts: Vec<(User, Account)>) -> Accounts {
        Accounts(accounts)
    }

    /// Every account; one that several users share comes once for each user.
    pub fn iter(&self) -> impl Iterator<Item = &Account> {
        self.0.iter().map(|(_, account)| account)
    }

    /// What would make one person two, or two one: the same name or mailbox under different accounts, one user with two.
    pub fn conflicts(&self, users: &BTreeMap<String, u32>) -> Vec<String> {
        let id = |user: &User| match user {
            User::Id(id) => Some(*id),
            User::Name(name) => users.get(name).copied(),
        };
        let mut conflicts = Vec::new();
        for (at, (user, account)) in self.0.iter().enumerate() {
            for (other_user, other) in self.0.iter().take(at) {
                let named = account.name.to_lowercase() == other.name.to_lowercase();
                let mail = account.mail.as_ref().map(Mailbox::key);
                if id(user).is_some() && id(user) == id(other_user) {
                    conflicts.push(format!("\"{}\" and \"{}\" belong to the same user", other.name, account.name));
                } else if named && account != other {
                    let differ = "with different roles, units or mailboxes";
                    conflicts.push(format!("{other_user} and {user} both name \"{}\", {differ}", account.name));
                } else if !named && mail.is_some() && mail == other.mail.as_ref().map(Mailbox::key) {
                    conflicts.push(format!("\"{}\" and \"{}\" have the same mailbox", other.name, account.name));
                }
            }
        }
        conflicts
    }

    /// Turns user names into user ids, by the system's users.
    ///
    /// # Errors
    /// The names the system does not know.
    pub fn resolve(&self, users: &BTreeMap<String, u32>) -> Result<Directory, Vec<String>> {
        let mut by_id = BTreeMap::new();
        let mut unknown = Vec::new();
        for (user, account) in &self.0 {
            let account = Arc::new(account.clone());
            match user {
                User::Id(id) => drop(by_id.insert(*id, account)),
                User::Name(name) => match users.get(name) {
                    Some(id) => drop(by_id.insert(*id, account)),
                    None => unknown.push(name.clone()),
                },
            }
        }
        if unknown.is_empty() { Ok(Directory(by_id)) } else { Err(unknown) }
    }
}

/// Which user id is which account.
#[derive(Debug, Clone, Default)]
pub struct Directory(BTreeMap<u32, Arc<Account>>);

impl Directory {
    /// The account of a user id, which the kernel or a session has verified.
    ///
    /// # Errors
    /// A user without an account, unless it is root.
    pub fn caller(&self, uid: u32) -> Result<Caller, Denied> {
        if let Some(account) = self.0.get(&uid) {
            return Ok(Caller { account: account.clone(), uid, unmapped_root: false });
        }
        if uid == 0 {
            let (name, roles) = ("root".to_owned(), vec![Role::Operator]);
            let account = Arc::new(Account { name, roles, scope: Scope::All, mail: None });
            return Ok(Caller { account, uid, unmapped_root: true });
        }
        Err(Denied::Stranger { uid })
    }

    /// How many accounts could confirm what `proposer` proposed about mail of this unit.
    pub fn approvers(&self, unit: Option<&str>, proposer: &str) -> usize {
        self.names(|account| {
            account.name != proposer && account.roles.contains(&Role::Approver) && account.scope.covers(unit)
        })
    }
}

impl Directory {
    /// How many accounts could confirm what `proposer` proposed about a bulk send of these units.
    pub fn approvers_outside(&self, units: &[String], proposer: &str) -> usize {
        self.names(|account| {
            account.name != proposer && account.roles.contains(&Role::Approver) && account.is_outside(units)
        })
    }

    /// Whether two accounts could decide about a bulk send of these units, both outside their branch.
    pub fn decides_outside(&self, units: &[String]) -> bool {
        let decides = |account: &Account| account.roles.iter().any(|role| DECIDES.contains(role));
        self.approvers_outside(units, "") > 0 && self.names(|account| decides(account) && account.is_outside(units)) > 1
    }

    fn names(&self, wanted: impl Fn(&Account) -> bool) -> usize {
        let names: BTreeSet<&str> = self.0.values().filter(|a| wanted(a)).map(|a| a.name.as_str()).collect();
        names.len()
    }
}

impl Account {
    /// Whether no unit of theirs is one of these, or above or below one.
    fn is_outside(&self, units: &[String]) -> bool {
        !units.iter().any(|unit| self.scope.shares_a_branch_with(unit))
    }
}

/// The account that makes a request. Only a [`Directory`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    account: Arc<Account>,
    uid: u32,
    /// Root without an account: an operator, who gets advice on how to add an account.
    unmapped_root: bool,
}

/// What a caller's role opens, for one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reach<'a> {
    /// The role by which, for the audit.
    pub role: Role,
    /// The units whose mail it covers.
    pub scope: &'a Scope,
    /// Only numbers, no copies.
    pub counts_only: bool,
}

impl Caller {
    pub fn name(&self) -> &str {
        &self.account.name
    }

    pub fn has(&self, role: Role) -> bool {
        self.account.roles.contains(&role)
    }

    /// Whether this is the person's own mailbox.
    pub fn is(&self, mailbox: &Mailbox) -> bool {
        self.account.mail.as_ref().is_some_and(|own| own.key() == mailbox.key())
    }

    /// The person's own mailbox, where the account names it.
    pub fn mail(&self) -> Option<&Mailbox> {
        self.account.mail.as_ref()
    }

    /// The unit of these with which they share a branch, if there is one.
    pub(super) fn branch<'u>(&self, units: &'u [String]) -> Option<&'u str> {
        units.iter().map(String::as_str).find(|unit| self.account.scope.shares_a_branch_with(unit))
    }

    /// What a command opens to this caller.
    ///
    /// # Errors
    /// No role of theirs allows it.
    pub fn reach(&self, command: Command) -> Result<Reach<'_>, Denied> {
        let row = command.row();
        let sees_all = Role::DataProtectionOfficer;
        if row.roles.contains(&sees_all) && self.has(sees_all) {
            return Ok(Reach { role: sees_all, scope: &Scope::All, counts_only: false });
        }
        if let Some(role) = row.roles.iter().find(|role| self.has(**role)) {
            // Who keeps the gateway running sees no mail of anybody's, so no unit bounds it.
            let scope = if *role == Role::Operator { &Scope::All } else { &self.account.scope };
            return Ok(Reach { role: *role, scope, counts_only: false });
        }
        if let Some(role) = row.counts.iter().find(|role| self.has(**role)) {
            return Ok(Reach { role: *role, scope: &Scope::All, counts_only: true });
        }
        Err(if self.unmapped_root {
            Denied::UnmappedRoot { deed: row.deed, may: row.roles }
        } else {
            let (name, has) = (self.account.name.clone(), self.account.roles.clone());
            Denied::Role { name, has, deed: row.deed, may: row.roles }
        })
    }

    /// The audit entry of a search by a person's address; `hash` is the keyed hash of the address.
    pub fn search(&self, role: Role, hash: &str) -> Entry {
        Entry::new(Actor::of(self.name(), role), Action::Search, hash, None, None, None)
    }

    /// What the audit says where content of private mail, or an id that no mail of one's units has, was asked for.
    pub fn refused_look(&self, asked: &MailOrCopy) -> Entry {
        let role = self.account.roles.first().copied().unwrap_or(Role::Reviewer);
        Entry::new(Actor::of(self.name(), role), Action::RefusedLook, asked.as_str(), None, None, None)
    }

    /// The permission to do something to something, and its entry in the audit.
    ///
    /// # Errors
    /// Not the role, not the unit, content of private mail, or no reason where one is needed.
    pub fn permit<K: PermitKind>(
        &self,
        object: &Object<'_, K::Id>,
        ground: Option<Ground>,
    ) -> Result<Permit<K>, Denied> {
        let reach = self.reach(K::COMMAND)?;
        let row = K::COMMAND.row();
        if reach.counts_only || !object.is_within(reach.scope) {
            return Err(Denied::OutOfScope { id: object.id.as_ref().to_owned() });
        }
        if row.needs_content && object.private {
            return Err(Denied::Private { id: object.id.as_ref().to_owned() });
        }
        if row.needs_ground && ground.is_none() {
            return Err(GroundError::Blank.into());
        }
        let actor = Actor::of(self.name(), reach.role);
        let entry = Entry::new(actor, K::ACTION, object.id.as_ref(), None, ground.as_ref(), None);
        Ok(Permit::of(object.id.clone(), entry))
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let roles = self.account.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
        write!(f, "{} ({roles}, uid {})", self.account.name, self.uid)
    }
}
