// SPDX-License-Identifier: EUPL-1.2
//! The desk: who may do what, and what becomes of it.

mod bulk_sends;
mod decisions;
mod roles;
mod two_persons;

use std::collections::BTreeMap;

use jiff::Timestamp;
use octroi::access::{
    Account, Accounts, Caller, Case, Directory, Export, Ground, GroundCode, Look, Object, Open, Resolution, Role,
    Ruling, Scope, User,
};
use octroi::mail::{CopyId, MailOrCopy, Mailbox};
use octroi::store::{Change, Exported, HeldDetail, Store, StoreError};

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

/// What one person alone does to a copy, permitted and with a reason: for tests of what follows from it.
pub trait Acts {
    async fn release(&self, id: &str, who: &Caller, now: Timestamp) -> Result<Change, StoreError>;
    async fn reject(&self, id: &str, who: &Caller, now: Timestamp) -> Result<Change, StoreError>;
    async fn look(&self, id: &str, who: &Caller, now: Timestamp) -> Result<HeldDetail, StoreError>;
    async fn open(&self, id: &str, who: &Caller, why: &str, now: Timestamp) -> Result<bytes::Bytes, StoreError>;
    async fn take_out(&self, id: &str, who: &Caller, why: &str, now: Timestamp) -> Result<Exported, StoreError>;
}

impl Acts for Store {
    async fn release(&self, id: &str, who: &Caller, now: Timestamp) -> Result<Change, StoreError> {
        decide(self, id, Resolution::Release, who, &why("seen with the cabinet"), now).await
    }

    async fn reject(&self, id: &str, who: &Caller, now: Timestamp) -> Result<Change, StoreError> {
        decide(self, id, Resolution::Reject, who, &why("seen with the cabinet"), now).await
    }

    async fn look(&self, id: &str, who: &Caller, now: Timestamp) -> Result<HeldDetail, StoreError> {
        self.show(&who.permit::<Look>(&Object::of_the_house(&copy(id)), None).unwrap(), now).await
    }

    async fn open(&self, id: &str, who: &Caller, words: &str, now: Timestamp) -> Result<bytes::Bytes, StoreError> {
        self.open_content(&who.permit::<Open>(&Object::of_the_house(&copy(id)), Some(why(words))).unwrap(), now).await
    }

    async fn take_out(&self, id: &str, who: &Caller, words: &str, now: Timestamp) -> Result<Exported, StoreError> {
        self.export(&who.permit::<Export>(&Object::of_the_house(&copy(id)), Some(why(words))).unwrap(), now).await
    }
}

/// A held copy's id.
pub fn copy(id: &str) -> CopyId {
    CopyId::parse(id).unwrap()
}

/// The id of a mail or a copy.
pub fn named(id: &str) -> MailOrCopy {
    MailOrCopy::parse(id).unwrap()
}

/// Some reason, in these words.
pub fn why(words: &str) -> Ground {
    Ground::new(GroundCode::Other, words).unwrap()
}

/// One person's decision, as if no rule asked for two.
pub async fn decide(
    store: &Store,
    id: &str,
    to: Resolution,
    who: &Caller,
    ground: &Ground,
    now: Timestamp,
) -> Result<Change, StoreError> {
    let case = Case::new(copy(id));
    let Ruling::Decided(decision) = case.decide(who, to, ground.clone(), false).unwrap() else { panic!("it waits") };
    store.decide(&decision, now).await
}
