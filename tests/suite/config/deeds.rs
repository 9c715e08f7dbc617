// SPDX-License-Identifier: EUPL-1.2
//! Deeds that leave a trace: searches by a person's address, attempts on other units' mail, decisions (decision D40).

use octroi::access::{Role, Scope};
use octroi::desk::{AuditQuery, HeldQuery};
use octroi::listen::control::{Answer, Request};
use octroi::store::CopyState;

use super::control::Gateway;

fn find(gateway: &Gateway, what: &str) -> Vec<octroi::desk::Found> {
    match gateway.ask(Request::Find { what: what.into() }).unwrap().0 {
        Answer::Found(found) => found.rows,
        other => panic!("{other:?}"),
    }
}

/// Everything that is asked about a copy, with a reason where one is needed.
const ASKS: [fn(String, String) -> Request; 4] = [
    |id, _| Request::Show { id },
    |id, reason| Request::Release { id, reason, ground: None },
    |id, reason| Request::Reject { id, reason, ground: None },
    |id, reason| Request::Export { id, reason },
];

#[test]
fn what_is_no_id_is_said_to_be_none_and_leaves_no_trace() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    for wrong in ["", "m1-1", "M1-o1", "M1-01", "M1 -1", "M1-1-release", "*"] {
        for ask in ASKS {
            let said = gateway.ask(ask(wrong.to_owned(), "asked by phone".to_owned())).unwrap_err().to_string();
            assert_eq!(said, format!("`{wrong}` is not the id of a held copy or a mail"));
        }
    }
    for wrong in ["", "M1", "M1-1", "m1-o1"] {
        let said = gateway.ask(Request::OutboxRetry { id: Some(wrong.to_owned()) }).unwrap_err().to_string();
        assert_eq!(said, format!("`{wrong}` is not the id of an outbox item"));
    }
    assert_eq!(gateway.audit(), Vec::<String>::new());
}

#[test]
fn mail_of_other_units_is_told_like_an_invented_id_and_the_attempt_is_known() {
    let gateway = Gateway::of(Some((Role::Reviewer, Scope::of(["sg"]))));
    let reason = || "asked by phone".to_owned();
    for (there, invented) in [("M1", "X1"), ("M1-1", "X1-1"), ("M2", "X2"), ("M2-1", "X2-1")] {
        for ask in ASKS {
            let said = |id: &str| gateway.ask(ask(id.to_owned(), reason())).unwrap_err().to_string().replace(id, "ID");
            assert_eq!(said(there), said(invented), "{there}");
        }
    }
    let looks = |id: &str| format!("a.martin: refused-look {id}");
    let pairs = [("M1", "X1"), ("M1-1", "X1-1"), ("M2", "X2"), ("M2-1", "X2-1")];
    let expected: Vec<String> =
        pairs.iter().flat_map(|(there, invented)| vec![[looks(there), looks(invented)]; ASKS.len()].concat()).collect();
    assert_eq!(gateway.audit(), expected, "and both leave the same trace");
}

#[test]
fn a_slip_of_somebody_from_whom_nothing_is_hidden_is_no_attempt() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    for ask in ASKS {
        gateway.ask(ask("X1-1".to_owned(), "asked by phone".to_owned())).unwrap_err();
    }
    assert_eq!(gateway.audit(), Vec::<String>::new());
}

#[test]
fn a_search_by_an_address_is_known_and_the_address_is_not() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    for what in ["M1", "QM1", "<someid@town.example>"] {
        find(&gateway, what);
    }
    assert_eq!(gateway.audit(), Vec::<String>::new(), "no person was searched for");
    find(&gateway, "B@gmail.com");
    let recipient = Some("b@gmail.com".to_owned());
    gateway.ask(Request::List(HeldQuery { recipient, limit: 1, ..HeldQuery::default() })).unwrap();
    find(&gateway, "c@gmail.com");
    let audit = gateway.audit();
    assert_eq!(audit.len(), 3, "{audit:?}");
    assert!(audit.iter().all(|entry| entry.starts_with("a.martin: search ") && !entry.contains('@')), "{audit:?}");
    assert!(audit[0] == audit[1] && audit[1] != audit[2], "one address is one hash: {audit:?}");
}

#[test]
fn the_audit_is_listed_by_mail_copy_and_address_and_by_nothing_else() {
    let gateway = Gateway::start(Some(Role::DataProtectionOfficer));
    find(&gateway, "b@gmail.com");
    gateway.ask(Request::Show { id: "M1".into() }).unwrap();
    gateway.ask(Request::Show { id: "M2".into() }).unwrap();
    let about = |object: &str| {
        gateway.ask(Request::AuditList(AuditQuery { object: Some(object.into()), ..AuditQuery::default() }))
    };
    for (object, entries) in [
        ("M1", 2),
        ("M1-2", 1),
        ("M2", 1),
        ("M2-1", 1),
        ("M", 0),
        ("M1-2-release", 0),
        ("B@gmail.com", 1),
        ("c@gmail.com", 0),
    ] {
        let Answer::AuditEntries(lines) = about(object).unwrap().0 else { panic!("no entries") };
        assert_eq!(lines.len(), entries, "{object}");
    }
    for object in ["", "m1", "gmail.com", "%", "four_eyes=false"] {
        let said = about(object).unwrap_err().to_string();
        assert_eq!(said, format!("`{object}` is neither an id of octroi nor an address"));
    }
}

#[test]
fn find_tells_who_decided_and_no_reply_that_is_about_other_copies() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    let reason = "vu avec le cabinet".to_owned();
    gateway.ask(Request::Release { id: "M1-1".into(), reason, ground: None }).unwrap();
    let rows = find(&gateway, "M1");
    let of = |id: &str| rows.iter().find(|row| row.id == id).unwrap();
    let decision = of("M1-1").decision.as_ref().unwrap();
    assert_eq!((decision.actor.as_str(), decision.action.as_str()), ("a.martin", "release"));
    assert_eq!(decision.note.as_deref(), Some("vu avec le cabinet"));
    assert_eq!((of("M1-2").state, &of("M1-2").decision, &of("M1-2").reply), (Some(CopyState::Held), &None, &None));
}

#[test]
fn an_operator_joins_no_address_to_private_mail() {
    let gateway = Gateway::start(Some(Role::Operator));
    assert!(find(&gateway, "a.martin@home.example").is_empty());
    assert_eq!(find(&gateway, "b@gmail.com").len(), 1);
    assert_eq!(find(&gateway, "M2").len(), 1);
}
