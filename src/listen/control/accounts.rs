// SPDX-License-Identifier: EUPL-1.2
//! Who asks: system users, their accounts, and what each role may do (decision D25).

use std::collections::BTreeMap;
use std::fmt;

use super::{Refusal, Request};

/// The roles of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Reviewer,
    Approver,
    PolicyAdmin,
    Auditor,
    DataProtectionOfficer,
    Operator,
}

impl Role {
    pub const ALL: [Role; 6] =
        [Role::Reviewer, Role::Approver, Role::PolicyAdmin, Role::Auditor, Role::DataProtectionOfficer, Role::Operator];

    pub fn as_str(self) -> &'static str {
        match self {
            Role::Reviewer => "reviewer",
            Role::Approver => "approver",
            Role::PolicyAdmin => "policy-admin",
            Role::Auditor => "auditor",
            Role::DataProtectionOfficer => "data-protection-officer",
            Role::Operator => "operator",
        }
    }

    pub fn parse(text: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether a list shows addresses; to others it is a count.
    pub fn sees_copies(self) -> bool {
        !matches!(self, Role::Operator | Role::PolicyAdmin)
    }
}

/// A named account of the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    pub name: String,
    pub role: Role,
}

/// A user of the system, as the settings name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    Id(u32),
    Name(String),
}

/// The accounts of the settings, user by user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts(Vec<(User, Account)>);

impl Accounts {
    pub fn new(accounts: Vec<(User, Account)>) -> Accounts {
        Accounts(accounts)
    }

    /// Turns user names into user ids, by the system's users.
    ///
    /// # Errors
    /// The names the system does not know.
    pub fn resolve(&self, users: &BTreeMap<String, u32>) -> Result<Directory, Vec<String>> {
        let mut by_id = BTreeMap::new();
        let mut unknown = Vec::new();
        for (user, account) in &self.0 {
            match user {
                User::Id(id) => drop(by_id.insert(*id, account.clone())),
                User::Name(name) => match users.get(name) {
                    Some(id) => drop(by_id.insert(*id, account.clone())),
                    None => unknown.push(name.clone()),
                },
            }
        }
        if unknown.is_empty() { Ok(Directory(by_id)) } else { Err(unknown) }
    }
}

/// The users of this system by name, from `/etc/passwd`. Users of a directory service are written by number.
pub fn system_users() -> BTreeMap<String, u32> {
    passwd(&std::fs::read_to_string("/etc/passwd").unwrap_or_default())
}

fn passwd(text: &str) -> BTreeMap<String, u32> {
    let user = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let id = fields.nth(1)?.parse().ok()?;
        Some((name, id))
    };
    text.lines().filter_map(user).collect()
}

/// Which user id is which account.
#[derive(Debug, Clone, Default)]
pub struct Directory(BTreeMap<u32, Account>);

/// Who asks, known by the peer's user id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The account's name, for the audit.
    pub name: String,
    pub role: Role,
    pub uid: u32,
    /// Root without an account of its own: an operator who can be told how to become more.
    pub unmapped_root: bool,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}, uid {})", self.name, self.role.as_str(), self.uid)
    }
}

impl Directory {
    /// Who a user id is.
    ///
    /// # Errors
    /// A user without an account, unless it is root.
    pub fn caller(&self, uid: u32) -> Result<Caller, Refusal> {
        if let Some(account) = self.0.get(&uid) {
            return Ok(Caller { name: account.name.clone(), role: account.role, uid, unmapped_root: false });
        }
        if uid == 0 {
            return Ok(Caller { name: "root".into(), role: Role::Operator, uid, unmapped_root: true });
        }
        Err(Refusal::NotAllowed(format!(
            "user {uid} has no account on this gateway; to add one, write in section [cli.accounts] of the settings: \
             {uid} = {{ account = \"a.martin\", role = \"reviewer\" }}"
        )))
    }
}

impl Caller {
    /// Whether the role allows a request.
    ///
    /// # Errors
    /// A refusal that says what would allow it.
    pub fn may(&self, request: &Request) -> Result<(), Refusal> {
        use Role::*;
        let (deed, roles): (&str, &[Role]) = match request {
            // Who may not see copies gets counts instead, so that everybody may list.
            Request::List(_) | Request::Find { .. } => return Ok(()),
            Request::Show { .. } => ("look at a held copy", &[Reviewer, Approver, Auditor, DataProtectionOfficer]),
            Request::Release { .. } => ("release", &[Reviewer, Approver, DataProtectionOfficer]),
            Request::Reject { .. } => ("reject", &[Reviewer, Approver, DataProtectionOfficer]),
            Request::Export { .. } => ("export a message", &[Reviewer, Approver, DataProtectionOfficer]),
            Request::OutboxList => ("see the outbox", &[Reviewer, Approver, Auditor, DataProtectionOfficer, Operator]),
            Request::OutboxRetry { .. } => ("retry the outbox", &[Reviewer, Approver, Operator]),
            Request::AuditVerify { .. } => ("verify the audit", &[Auditor, DataProtectionOfficer, Operator]),
        };
        if roles.contains(&self.role) {
            return Ok(());
        }
        let names = roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
        Err(Refusal::NotAllowed(if self.unmapped_root {
            format!(
                "root without an account has the role operator and may not {deed} (roles that may: {names}); to give the \
                 person at this terminal an account, write in section [cli.accounts] of the settings: \
                 root = {{ account = \"a.martin\", role = \"{}\" }}",
                roles[0].as_str() // every row of the table above names a role
            )
        } else {
            format!("{} has the role {} and may not {deed}; roles that may: {names}", self.name, self.role.as_str())
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let account = |name: &str, role| Account { name: name.into(), role };
        Accounts::new(vec![
            (User::Id(1001), account("a.martin", Role::Reviewer)),
            (User::Name("sophie".into()), account("s.leroy", Role::Auditor)),
        ])
    }

    #[test]
    fn names_become_ids_and_unknown_names_are_told() {
        let users = passwd("root:x:0:0::/root:/bin/sh\nsophie:x:1002:1002::/:/bin/sh\n\nbroken:line\n");
        let directory = accounts().resolve(&users).unwrap();
        assert_eq!(directory.caller(1001).unwrap().name, "a.martin");
        assert_eq!(directory.caller(1002).unwrap().role, Role::Auditor);
        assert_eq!(accounts().resolve(&passwd("")).unwrap_err(), ["sophie"]);
    }

    #[test]
    fn a_stranger_is_refused_and_root_is_operator() {
        let directory = Directory::default();
        assert!(directory.caller(1234).unwrap_err().to_string().contains("1234 = { account ="));
        let root = directory.caller(0).unwrap();
        assert_eq!(root.role, Role::Operator);
        let refusal = root.may(&Request::Release { id: "x".into(), reason: "y".into() }).unwrap_err();
        assert!(refusal.to_string().contains("[cli.accounts]"), "{refusal}");
        assert!(root.may(&Request::AuditVerify { anchor: None }).is_ok());
    }

    #[test]
    fn an_auditor_looks_and_does_not_act() {
        let auditor = Caller { name: "s".into(), role: Role::Auditor, uid: 7, unmapped_root: false };
        assert!(auditor.may(&Request::Show { id: "x".into() }).is_ok());
        assert!(auditor.may(&Request::Reject { id: "x".into(), reason: "y".into() }).is_err());
        assert!(auditor.may(&Request::Export { id: "x".into() }).is_err());
    }
}
