// SPDX-License-Identifier: EUPL-1.2
//! Domain lists: entries, classes, exceptions, look-alikes.

use octroi::directory::{Class, ClassifiedRecipient};
use octroi::mail::{Domain, ForwardPath};
use octroi::policy::Policy;

use super::support::{faults, noon, policy};

fn class(policy: &Policy, to: &str, mx: Option<&[String]>) -> ClassifiedRecipient {
    policy.lists.classify(&ForwardPath::parse(to).unwrap(), mx, noon())
}

#[test]
fn the_first_list_that_answers_gives_the_class() {
    let policy = policy(&[
        ("domains/own.list", "gouv.example\n*.gouv.example # all ministries\n"),
        ("domains/partner.list", "town.example\ngreffe@gmail.com\nfinances.gouv.example\n"),
        ("domains/disposable.list", "yopmail.com\ngmail.com\n"),
    ]);
    for (to, expected) in [
        ("a@gouv.example", Class::Own),
        ("a@deep.finances.gouv.example", Class::Own),
        ("a@notgouv.example", Class::Other),
        ("postmaster", Class::Own),
        ("postmaster@gmail.com", Class::Disposable),
        ("a@town.example", Class::Partner),
        ("a@mel.town.example", Class::Other),
        ("Greffe@GMAIL.com", Class::Partner),
        ("x@yopmail.com", Class::Disposable),
        ("x@alt.yopmail.com", Class::Disposable),
        ("x@orange.fr", Class::PrivateWebmail),
        ("x@mel.orange.fr", Class::PrivateWebmail),
        ("x@notorange.fr", Class::Other),
        ("x@orange.fr.firm.example", Class::Other),
        ("x@[192.0.2.1]", Class::Other),
    ] {
        assert_eq!(class(&policy, to, None).class, expected, "{to}");
    }
}

#[test]
fn mx_hosts_are_evidence_and_never_a_class() {
    let policy = policy(&[]);
    let consumer = ["aspmx.l.google.com".to_owned()];
    let firm = class(&policy, "a@firm.example", Some(&consumer));
    assert_eq!((firm.class, firm.consumer_hosted), (Class::Other, true));
    assert!(!class(&policy, "a@firm.example", Some(&["mx.firm.example".to_owned()])).consumer_hosted);
    assert!(!class(&policy, "a@firm.example", None).consumer_hosted);
    assert!(!class(&policy, "a@gouv.example", Some(&consumer)).consumer_hosted);
    let wants = |to| policy.lists.wants_mx(&ForwardPath::parse(to).unwrap(), noon());
    assert!(wants("a@firm.example"));
    assert!(!wants("a@gmail.com") && !wants("a@gouv.example") && !wants("postmaster") && !wants("a@[192.0.2.1]"));
}

#[test]
fn exceptions_are_named_and_leave_the_class_alone() {
    let policy = policy(&[(
        "domains/allowed.list",
        "firm.example owner=sg reason=\"contract 12\"\ngmail.com owner=sg reason=x until=2026-03-01 scope=sg\n",
    )]);
    let firm = class(&policy, "a@firm.example", None);
    assert_eq!((firm.class, firm.allowed_by.as_deref()), (Class::Other, Some("firm.example")));
    assert_eq!(class(&policy, "a@x.firm.example", None).allowed_by, None);
    assert_eq!(class(&policy, "a@gmail.com", None).allowed_by, None, "ended the day before");
    assert_eq!(policy.lists.exceptions().len(), 2);
}

#[test]
fn an_exception_for_a_mailbox_holds_whichever_way_it_is_written() {
    let policy = policy(&[(
        "domains/allowed.list",
        "j.dupont@gmail.com owner=sg reason=x\nchief@partner.example owner=sg reason=x\n",
    )]);
    for (to, allowed) in [
        ("jdupont+sg@googlemail.com", Some("j.dupont@gmail.com")),
        ("Chief+sg@partner.example", Some("chief@partner.example")),
        ("prvs=0123abcd=chief@partner.example", Some("chief@partner.example")),
        ("jdupond@gmail.com", None),
        // It goes to elsewhere.example, whomever it names.
        ("SRS0=HHH=TT=partner.example=chief@elsewhere.example", None),
    ] {
        assert_eq!(class(&policy, to, None).allowed_by.as_deref(), allowed, "{to}");
    }
}

#[test]
fn long_lists_may_stand_in_several_files() {
    let policy =
        policy(&[("domains/private-webmail-public.list", "bbox.fr\n"), ("domains/press.list", "journal.example\n")]);
    assert_eq!(class(&policy, "a@bbox.fr", None).class, Class::PrivateWebmail);
    assert_eq!(class(&policy, "a@journal.example", None).class, Class::Other);
    assert!(policy.lists.contains("press", &Domain::parse("journal.example").unwrap(), noon()));
    assert!(!policy.lists.contains("press", &Domain::parse("x.journal.example").unwrap(), noon()));
}

#[test]
fn services_are_listed_for_those_who_look_at_links() {
    let policy = policy(&[("domains/meeting.list", "zoom.us\n"), ("domains/messenger.list", "wa.me # invitations\n")]);
    let expected = [("wa.me", "messenger"), ("zoom.us", "meeting")].map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(policy.lists.services(), expected);
}

#[test]
fn every_fault_of_a_list_is_named_with_its_line() {
    let text = "ok.example\nnot a domain\n\nbad..example\nx@ \nfirm.example untill=2027-01-01\nfirm.example until=soon\nfirm.example reason=\"open\n";
    let faults = faults(&[("domains/partner.list", text)]);
    let said: Vec<_> = faults.0.iter().map(|f| (f.line_column().unwrap(), f.message.as_str())).collect();
    assert_eq!(
        said,
        [
            ((2, 5), "`a` is not an option"),
            ((4, 1), "`bad..example` is not a domain"),
            ((5, 1), "`x@` is not an address: the part after the @ is not a domain"),
            ((6, 14), "unknown option `untill`"),
            ((7, 14), "`soon` is not a date"),
            ((8, 14), "the closing quotation mark is missing"),
        ]
    );
    assert_eq!(faults.0[3].help.as_deref(), Some("did you mean `until`?"));
}

#[test]
fn an_exception_without_owner_or_for_a_whole_webmail_domain_is_a_fault() {
    let faults = faults(&[(
        "domains/allowed.list",
        "firm.example\ngmail.com owner=sg reason=x\n*.orange.fr owner=sg reason=x until=2027-01-01\na@gmail.com owner=sg reason=x\n",
    )]);
    let said: Vec<_> = faults.0.iter().map(|f| f.message.as_str()).collect();
    assert_eq!(
        said,
        [
            "an exception needs `owner` and `reason`",
            "an exception for a whole webmail domain needs `scope` and `until`",
            "an exception for a whole webmail domain needs `scope`",
        ]
    );
    assert!(faults.0[0].help.as_deref().unwrap().contains("until="));
}

#[test]
fn own_and_partner_domains_and_those_of_agents_are_worth_imitating() {
    let policy = policy(&[("domains/own.list", "*.gouv.example\nfinances.gouv.example\n")]);
    let imitable = policy.imitable();
    assert!(["gouv.example", "finances.gouv.example", "town.example"].iter().all(|d| imitable.iter().any(|i| i == d)));
    assert!(!imitable.iter().any(|d| d == "gmail.com"));
    assert_eq!(policy.lists.own_domains(), ["finances.gouv.example", "gouv.example"]);
}
