// SPDX-License-Identifier: EUPL-1.2
//! Every role at every command, against the table of the contract and decisions D25 and D43.

use octroi::access::{
    Account, Accounts, COMMANDS, Command, Denied, Directory, Export, Look, Object, Open, Role, Scope, User,
};
use octroi::access::{Ground, GroundCode, GroundError};

use super::{caller, copy, directory};

/// What each role gets: `+` the thing itself, `#` counts or lines without addresses, `-` a refusal.
/// The columns are reviewer, approver, policy-admin, auditor, data protection officer, operator.
const TABLE: [(Command, &str); 21] = [
    (Command::List, "++#++#"),
    (Command::Show, "++-++-"),
    (Command::Open, "++-++-"),
    (Command::Release, "++----"),
    (Command::Reject, "++----"),
    (Command::Export, "++--+-"),
    (Command::Find, "++-++#"),
    (Command::OutboxList, "++-++#"),
    (Command::OutboxRetry, "++---+"),
    (Command::AuditVerify, "---+++"),
    (Command::AuditList, "---++-"),
    (Command::ListsShow, "++++++"),
    (Command::ListsMatch, "++-++-"),
    (Command::ListsImport, "--+---"),
    (Command::ListsExport, "--+---"),
    (Command::ListsCanaries, "--+++-"),
    (Command::ListsReveal, "----+-"),
    (Command::CampaignsList, "++#++#"),
    (Command::CampaignsShow, "++-++-"),
    (Command::CampaignsAllow, "++----"),
    (Command::CampaignsStop, "++----"),
];

fn answer(roles: &[Role], command: Command) -> char {
    match caller("a.martin", roles, "sg").reach(command) {
        Ok(reach) if reach.counts_only => '#',
        Ok(_) => '+',
        Err(_) => '-',
    }
}

#[test]
fn each_role_may_what_the_contract_gives_it() {
    assert_eq!(TABLE.len(), COMMANDS.len());
    for (command, expected) in TABLE {
        let found: String = Role::ALL.map(|role| answer(&[role], command)).iter().collect();
        assert_eq!(found, expected, "{command:?}");
    }
}

#[test]
fn several_roles_add_up() {
    for (command, row) in TABLE {
        let of = |role: Role| row.chars().nth(role as usize).unwrap();
        for first in Role::ALL {
            for second in Role::ALL {
                let both = [of(first), of(second)];
                let best = ['+', '#', '-'].into_iter().find(|best| both.contains(best)).unwrap();
                assert_eq!(answer(&[first, second], command), best, "{command:?} {first:?} {second:?}");
            }
        }
    }
}

#[test]
fn a_reviewer_sees_a_unit_and_the_data_protection_officer_all() {
    let reviewer = caller("a.martin", &[Role::Reviewer], "sg");
    let officer = caller("d.petit", &[Role::DataProtectionOfficer], "sg");
    let copy = copy("M1-1");
    let look = |caller: &octroi::access::Caller, unit| caller.permit::<Look>(&Object::held(&copy, unit, false), None);
    assert!(look(&reviewer, Some("sg/achats")).is_ok());
    for outside in [Some("sgx"), Some("dgfip"), None] {
        let denied = look(&reviewer, outside).unwrap_err();
        assert_eq!(denied, Denied::OutOfScope { id: "M1-1".into() });
        assert_eq!(
            denied.to_string(),
            "there is no held copy and no outbox item with the id M1-1",
            "that it exists is not told"
        );
        assert!(look(&officer, outside).is_ok());
    }
    // A role that sees all does not lend its sight to one that decides.
    let both = caller("b.both", &[Role::Reviewer, Role::DataProtectionOfficer], "sg");
    assert!(look(&both, Some("dgfip")).is_ok());
    assert!(!both.reach(Command::Release).unwrap().scope.covers(Some("dgfip")));
}

#[test]
fn content_is_nobodys_where_mail_is_private_and_leaves_only_with_a_reason() {
    let ground = || Some(Ground::new(GroundCode::Other, "asked by the judge, file 7").unwrap());
    let copy = copy("M1-1");
    for role in Role::ALL {
        let caller = caller("x", &[role], "*");
        let private = Object::held(&copy, None, true);
        assert!(caller.permit::<Open>(&private, ground()).is_err(), "{role:?}");
        assert!(caller.permit::<Export>(&private, ground()).is_err(), "{role:?}");
    }
    let reviewer = caller("r", &[Role::Reviewer], "*");
    let open = Object::held(&copy, None, false);
    assert_eq!(reviewer.permit::<Export>(&open, None).unwrap_err(), Denied::Ground(GroundError::Blank));
    assert_eq!(
        reviewer.permit::<Export>(&Object::held(&copy, None, true), ground()).unwrap_err(),
        Denied::Private { id: "M1-1".into() }
    );
    let permit = reviewer.permit::<Export>(&open, ground()).unwrap();
    let entry = permit.entry();
    assert_eq!((entry.actor().name(), entry.actor().role()), ("r", Some(Role::Reviewer)));
    assert_eq!((entry.action().as_str(), entry.object()), ("export", "M1-1"));
    assert_eq!((entry.ground(), entry.note()), (Some("other"), Some("asked by the judge, file 7")));
}

#[test]
fn a_stranger_is_refused_and_root_without_an_account_is_operator() {
    let nobody = Directory::default();
    assert!(nobody.caller(1234).unwrap_err().to_string().contains("1234 = { account ="));
    let root = nobody.caller(0).unwrap();
    let refused = root.reach(Command::Release).unwrap_err().to_string();
    assert!(
        refused.contains("root without an account has the role operator") && refused.contains("[cli.accounts]"),
        "{refused}"
    );
    assert!(root.reach(Command::List).unwrap().counts_only);
    assert!(root.permit::<Look>(&Object::held(&copy("M1-1"), None, false), None).is_err());
    let refused = caller("s.leroy", &[Role::Auditor], "*").reach(Command::Release).unwrap_err().to_string();
    assert_eq!(refused, "s.leroy has the role auditor and may not release; roles that may: reviewer, approver");
}

#[test]
fn names_of_users_become_ids_and_unknown_ones_are_told() {
    let account = |name: &str| Account { name: name.into(), roles: vec![Role::Auditor], scope: Scope::All, mail: None };
    let accounts =
        Accounts::new(vec![(User::Id(1001), account("a.martin")), (User::Name("sophie".into()), account("s.leroy"))]);
    let directory = accounts.resolve(&[("sophie".to_owned(), 1002)].into()).unwrap();
    assert_eq!(directory.caller(1001).unwrap().name(), "a.martin");
    assert_eq!(directory.caller(1002).unwrap().name(), "s.leroy");
    assert_eq!(accounts.resolve(&Default::default()).unwrap_err(), ["sophie"]);
}

#[test]
fn those_who_could_confirm_are_counted_once_a_person() {
    let approver: &[Role] = &[Role::Approver];
    let people = directory(&[
        ("a", approver, "sg"),
        ("a", approver, "sg"),
        ("b", &[Role::Reviewer, Role::Approver], "*"),
        ("c", approver, "dgfip"),
        ("d", &[Role::Reviewer], "*"),
    ]);
    assert_eq!(people.approvers(Some("sg/achats"), "nobody"), 2);
    assert_eq!(people.approvers(Some("sg/achats"), "a"), 1);
    assert_eq!(people.approvers(None, "d"), 1, "who has no unit belongs to `*`");
}

#[test]
fn one_person_is_one_account() {
    use octroi::access::{Account, Accounts, Scope, User};
    let account = |name: &str, mail: Option<&str>| Account {
        name: name.into(),
        roles: vec![Role::Approver],
        scope: Scope::All,
        mail: mail.map(|mail| octroi::mail::Mailbox::parse(mail).unwrap()),
    };
    let users = std::collections::BTreeMap::from([("clerk".to_owned(), 7)]);
    let rows = [
        ((User::Id(1), account("a.b", None)), (User::Id(2), account("a.b", None)), 0),
        ((User::Id(1), account("a.b", None)), (User::Id(2), account("c.d", None)), 0),
        ((User::Id(1), account("a.b", None)), (User::Id(2), account("A.B", None)), 1),
        ((User::Id(1), account("a.b", Some("x@y.example"))), (User::Id(2), account("a.b", None)), 1),
        ((User::Id(1), account("a.b", Some("x@y.example"))), (User::Id(2), account("c.d", Some("X@y.example"))), 1),
        ((User::Id(7), account("a.b", None)), (User::Name("clerk".into()), account("c.d", None)), 1),
    ];
    for (one, two, conflicts) in rows {
        let said = Accounts::new(vec![one, two]).conflicts(&users);
        assert_eq!(said.len(), conflicts, "{said:?}");
    }
}
