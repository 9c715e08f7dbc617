// SPDX-License-Identifier: EUPL-1.2
//! Who the sender is, and what that frees and binds (decision D18).

use octroi::detect::reading::evidence::{Sender, SenderProof};
use octroi::mail::Mailbox;

use super::support::{Asked, clerk, faults, policy};

const HOLDS: &str = "@id(\"hold\") @disposition(\"quarantine\") @reason(\"r\") forbid (principal, action, resource)";

fn said(rule: &str, sender: Sender) -> String {
    let policy = policy(&[("rules/a.cedar", rule)]);
    Asked { sender, ..Asked::to("b@firm.example") }.said(&policy)
}

#[test]
fn what_frees_needs_a_login_and_what_binds_needs_nothing() {
    let (login, claimed) = (|| clerk(Some(SenderProof::Login)), || clerk(Some(SenderProof::Claimed)));
    for frees in [
        "unless { principal in Octroi::Unit::\"sg\" };",
        "unless { principal.unit == \"sg/budget\" };",
        "unless { principal.address == \"clerk@finances.gouv.example\" };",
        "unless { principal.domain == \"finances.gouv.example\" };",
        "when { !(principal in Octroi::Unit::\"sg/budget\") };",
        "unless { principal.role == \"chief\" };",
    ] {
        let rule = format!("{HOLDS} {frees}");
        assert_eq!(said(&rule, login()), "pass", "{frees}");
        assert_eq!(said(&rule, claimed()), "quarantine hold", "{frees}");
    }
    for binds in [
        "when { principal in Octroi::Unit::\"sg\" };",
        "when { principal.role == \"chief\" };",
        "when { principal.domain == \"finances.gouv.example\" };",
    ] {
        let rule = format!("{HOLDS} {binds}");
        assert_eq!(said(&rule, login()), "quarantine hold", "{binds}");
        assert_eq!(said(&rule, claimed()), "quarantine hold", "{binds}");
    }
    // The null reverse-path is a fact of the envelope, and nobody's claim.
    let null = format!("{HOLDS} when {{ principal.address == \"\" }};");
    assert_eq!(said(&null, claimed()), "pass");
    assert_eq!(said(&null, Sender { mailbox: None, proof: None, bare_login: None }), "quarantine hold");
}

#[test]
fn what_relays_do_to_an_address_is_undone_first() {
    let rule = format!("{HOLDS} when {{ principal in Octroi::Unit::\"sg\" }};");
    for written in [
        "prvs=0123abcd=clerk@finances.gouv.example",
        "SRS0=HHH=TT=finances.gouv.example=clerk@relay.example",
        "clerk+bob=web.example@finances.gouv.example",
        "Clerk@Finances.gouv.example",
    ] {
        let sender = Sender {
            mailbox: Some(Mailbox::parse(written).unwrap()),
            proof: Some(SenderProof::Claimed),
            bare_login: None,
        };
        assert_eq!(said(&rule, sender), "quarantine hold", "{written}");
    }
}

#[test]
fn an_exception_for_a_unit_frees_who_has_logged_in() {
    let allowed = "b@firm.example owner=sg reason=r scope=sg\n";
    let rule = format!("{HOLDS} unless {{ resource.allowed }};");
    let policy = policy(&[("rules/a.cedar", &rule), ("domains/allowed.list", allowed)]);
    let said = |local: &str, proof| {
        let mailbox = Mailbox::parse(&format!("{local}@finances.gouv.example")).unwrap();
        let sender = Sender { mailbox: Some(mailbox), proof: Some(proof), bare_login: None };
        Asked { sender, ..Asked::to("b@firm.example") }.said(&policy)
    };
    assert_eq!(said("clerk", SenderProof::Login), "pass");
    assert_eq!(said("prvs=0123abcd=clerk", SenderProof::Login), "pass");
    assert_eq!(said("clerk", SenderProof::Claimed), "quarantine hold");
    assert_eq!(said("other", SenderProof::Login), "quarantine hold");
}

#[test]
fn a_unit_that_nobody_knows_is_a_fault_where_it_is_named() {
    let rule = format!("{HOLDS}\nwhen {{ principal in Octroi::Unit::\"sg/budgte\" }};");
    let faults = faults(&[
        ("rules/a.cedar", rule.as_str()),
        ("domains/allowed.list", "b@firm.example owner=sg reason=r scope=sg,dsi\n"),
    ]);
    let text = faults.to_string();
    assert!(text.contains("rules/a.cedar:2:36: there is no unit `sg/budgte` (did you mean `sg/budget`?)"), "{text}");
    assert!(text.contains("domains/allowed.list:1:43: there is no unit `dsi`"), "{text}");
}
