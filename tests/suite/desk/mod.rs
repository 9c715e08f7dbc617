// SPDX-License-Identifier: EUPL-1.2
//! The desk: who may do what, and what becomes of it.

mod decisions;
mod roles;

use std::collections::BTreeMap;

use octroi::access::{Account, Accounts, Caller, Directory, Role, Scope, User};
use octroi::mail::Mailbox;

/// One account of a test, by name: its roles, its units (`*` for all), its mailbox.
pub type Person<'a> = (&'a str, &'a [Role], &'a str);

/// The accounts in order, as the users 1000, 1001, …; each has the mailbox `NAME@town.example`.
pub fn directory(people: &[Person<'_>]) -> Directory {
    let account = |(uid, (name, roles, unit)): (u32, &Person<'_>)| {
        let mail = Some(Mailbox::parse(&format!("{name}@town.example")).unwrap());
        (User::Id(uid), Account { name: (*name).into(), roles: roles.to_vec(), scope: Scope::of([*unit]), mail })
    };
    Accounts::new((1000..).zip(people).map(account).collect()).resolve(&BTreeMap::new()).unwrap()
}

/// One account alone.
pub fn caller(name: &str, roles: &[Role], unit: &str) -> Caller {
    directory(&[(name, roles, unit)]).caller(1000).unwrap()
}
