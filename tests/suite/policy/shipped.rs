// SPDX-License-Identifier: EUPL-1.2
//! The shipped rules, each with what it must catch and what it must let go.

use octroi::detect::reading::evidence::Sender;

use super::support::{Asked, shipped};

const OWN: &str = "head@justice.gouv.example";
const PARTNER: &str = "desk@town.example";
const WEBMAIL: &str = "someone@gmail.com";
const THROWAWAY: &str = "x@yopmail.com";
const OTHER: &str = "shop@firm.example";

/// Recipient, findings, what the policy says: disposition and the rules that spoke, strictest first.
const TABLE: &[(&str, &str, &str)] = &[
    // Plain mail.
    (OWN, "", "pass"),
    (WEBMAIL, "", "pass"),
    (THROWAWAY, "", "pass"),
    (OTHER, "mismatch malformed/bad-encoding", "pass"),
    ("postmaster", "marking/4 document/office", "pass"),
    // Marked and labelled content.
    (OTHER, "marking/2", "quarantine marked-leaves-house"),
    (WEBMAIL, "label/3", "quarantine marked-leaves-house"),
    (WEBMAIL, "private marking/2", "quarantine marked-leaves-house"),
    (OTHER, "marking/1", "notify internal-leaves-house"),
    (PARTNER, "marking/1", "pass"),
    (WEBMAIL, "private marking/1", "pass"),
    (OWN, "marking/4", "pass"),
    (PARTNER, "marking/2", "pass"),
    ("desk@mel.town.example", "marking/2", "pass"),
    (OTHER, "traced", "quarantine traced-document-leaves-house"),
    (PARTNER, "traced", "pass"),
    // Private mailboxes of agents, relatives, colleagues.
    (WEBMAIL, "agent forward/inline", "quarantine forward-to-private-mailbox"),
    (WEBMAIL, "family forward/attached", "quarantine forward-to-private-mailbox"),
    (WEBMAIL, "agent private forward/inline", "quarantine forward-to-private-mailbox"),
    (WEBMAIL, "colleague forward/inline", "quarantine forward-to-private-mailbox"),
    (WEBMAIL, "namesake forward/inline document/pdf", "pass"),
    (WEBMAIL, "forward/inline", "pass"),
    (PARTNER, "agent forward/inline", "pass"),
    (WEBMAIL, "agent document/office", "quarantine document-to-private-mailbox"),
    (WEBMAIL, "family document/pdf", "quarantine document-to-private-mailbox"),
    (WEBMAIL, "document/office", "pass"),
    (WEBMAIL, "agent private document/pdf", "pass"),
    (WEBMAIL, "agent", "pass"),
    (WEBMAIL, "agent link/meeting", "quarantine meeting-link-to-private-mailbox"),
    (WEBMAIL, "agent invitation", "quarantine meeting-link-to-private-mailbox"),
    (WEBMAIL, "agent link/meeting@body#quoted", "pass"),
    (WEBMAIL, "link/meeting invitation", "pass"),
    (WEBMAIL, "agent private link/meeting", "pass"),
    (WEBMAIL, "agent marking/1", "quarantine self-forward"),
    (WEBMAIL, "agent link/file-transfer", "quarantine self-forward consumer-link"),
    (WEBMAIL, "colleague document/office", "quarantine document-to-private-mailbox"),
    (WEBMAIL, "colleague label/1", "quarantine self-forward"),
    (WEBMAIL, "family marking/1", "notify internal-leaves-house"),
    (WEBMAIL, "forward/automatic", "quarantine automatic-forward-leaves-house"),
    (OTHER, "forward/automatic", "pass"),
    (PARTNER, "forward/automatic", "pass"),
    (THROWAWAY, "document/office", "quarantine official-content-to-disposable-mailbox"),
    (THROWAWAY, "forward/inline private", "quarantine official-content-to-disposable-mailbox"),
    (THROWAWAY, "document/pdf private", "pass"),
    // Data of persons.
    (OTHER, "fr-nir/10", "quarantine many-persons-leave-house"),
    (WEBMAIL, "rows/10", "quarantine many-persons-leave-house"),
    (WEBMAIL, "private rows/12", "quarantine many-persons-leave-house"),
    (OTHER, "fr-nir/9 phone/40", "pass"),
    (WEBMAIL, "fr-nir/1", "pass"),
    (PARTNER, "fr-nir/300", "pass"),
    (PARTNER, "rows/300", "pass"),
    (PARTNER, "listed/ensap", "quarantine list-rows-leave-house"),
    (WEBMAIL, "private listed/ensap", "quarantine list-rows-leave-house many-persons-leave-house"),
    (OWN, "listed/ensap", "pass"),
    (OWN, "reuse/ensap", "quarantine list-used-outside-its-purpose"),
    (WEBMAIL, "private reuse/ensap", "quarantine list-used-outside-its-purpose"),
    // Links.
    (OWN, "link/cloud-storage", "notify consumer-link"),
    (PARTNER, "link/messenger", "notify consumer-link"),
    (OTHER, "link/social", "pass"),
    (OWN, "link/cloud-storage marking/2", "quarantine consumer-link-with-marked-content consumer-link"),
    (OWN, "link/meeting", "pass"),
    (WEBMAIL, "link/file-transfer@body#quoted", "pass"),
    (WEBMAIL, "link/social@body#signature", "pass"),
    (WEBMAIL, "private link/file-transfer", "pass"),
    // What could not be read.
    (WEBMAIL, "encrypted/zip unread/encrypted", "quarantine unopened-to-private-mailbox"),
    (WEBMAIL, "encrypted/pgp", "quarantine unopened-to-private-mailbox"),
    (OTHER, "encrypted/smime", "pass"),
    (THROWAWAY, "unread/broken", "quarantine unopened-to-private-mailbox"),
    (OTHER, "unread/encrypted", "pass"),
    (WEBMAIL, "unread/opaque", "quarantine unopened-to-private-mailbox"),
    (OTHER, "unread/opaque", "pass"),
    (WEBMAIL, "unread/unread", "pass"),
    (OTHER, "unread/unread", "pass"),
    (THROWAWAY, "unread/unread", "quarantine unread-to-own-mailbox"),
    (WEBMAIL, "encrypted/zip", "pass"),
    (WEBMAIL, "private unread/broken", "pass"),
    (OTHER, "unread/budget", "quarantine budget-or-crash"),
    (PARTNER, "unread/crashed", "quarantine budget-or-crash"),
    (WEBMAIL, "private unread/crashed", "quarantine budget-or-crash"),
    (OWN, "unread/crashed", "pass"),
    (WEBMAIL, "disguised/exe", "quarantine disguised-to-private-mailbox"),
    (OTHER, "disguised/docx", "notify disguised-leaves-house"),
    (PARTNER, "disguised/docx", "pass"),
    // Look-alikes.
    (OTHER, "lookalike", "notify mail-to-lookalike"),
    (OTHER, "lookalike document/pdf", "quarantine official-content-to-lookalike mail-to-lookalike"),
    (OTHER, "lookalike fr-nir/1", "quarantine official-content-to-lookalike mail-to-lookalike"),
];

#[test]
fn every_rule_catches_and_lets_go() {
    let policy = shipped(&[]);
    let wrong: Vec<String> = TABLE
        .iter()
        .filter_map(|(to, findings, expected)| {
            let said = Asked::to(to).with(findings).said(&policy);
            (said != *expected).then(|| format!("{to} [{findings}]: expected {expected}, said {said}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_shipped_rule_stands_in_the_table_and_reads_aloud() {
    let policy = shipped(&[]);
    for rule in policy.rules.iter() {
        let caught = TABLE.iter().any(|(.., said)| said.split(' ').any(|word| word == rule.id));
        assert!(caught, "{} has no example", rule.id);
        assert!(rule.reason.ends_with('.') && rule.reason.len() > 40, "{}: {}", rule.id, rule.reason);
        assert!(rule.notice.is_some(), "{} has no notice", rule.id);
    }
}

#[test]
fn marked_content_and_lists_reused_are_decided_by_two_persons() {
    let policy = shipped(&[]);
    let asking: Vec<&str> = policy.rules.iter().filter(|rule| rule.needs_two).map(|rule| rule.id.as_str()).collect();
    assert_eq!(asking, ["list-used-outside-its-purpose", "marked-leaves-house"]);
}

#[test]
fn one_private_mailbox_holds_back_one_copy() {
    let policy = shipped(&[]);
    let asked = Asked::to(WEBMAIL).also(OWN).also(PARTNER).also(OTHER).with("agent document/office");
    let words: Vec<_> = asked.judged(&policy).0.iter().map(|j| j.verdict.disposition().as_str()).collect();
    assert_eq!(words, ["quarantine", "pass", "pass", "pass"]);
}

#[test]
fn automatic_replies_pass() {
    let policy = shipped(&[]);
    let mut asked = Asked::to(WEBMAIL).with("agent");
    asked.sender = Sender { mailbox: None, proof: None, bare_login: None };
    assert_eq!(asked.said(&policy), "pass");
}

#[test]
fn a_vanity_domain_with_consumer_mx_and_the_agents_name_is_a_private_mailbox() {
    let policy = shipped(&[]);
    let mut asked = Asked::to("post@veldkamp.example").with("agent unread/encrypted forward/automatic");
    asked.mx = vec!["mail.protonmail.ch".into()];
    assert!(asked.said(&policy).contains("automatic-forward-leaves-house"));
    // A firm with the same MX hosts and no such name is none.
    asked.findings.retain(|finding| finding.recipient.is_none());
    assert_eq!(
        asked.said(&policy),
        "quarantine automatic-forward-leaves-house",
        "an automatic forward to a consumer-hosted domain"
    );
    asked.findings.retain(|finding| finding.value.as_deref() != Some("automatic"));
    assert_eq!(asked.said(&policy), "pass");
}

#[test]
fn an_exception_frees_documents_but_never_marked_content_or_lists() {
    let list = r#"someone@gmail.com owner=sg reason="home office, decision 12" until=2026-03-31 scope=sg"#;
    let policy = shipped(&[("domains/allowed.list", list)]);
    assert_eq!(Asked::to(WEBMAIL).with("agent document/office").said(&policy), "pass");
    assert!(Asked::to(WEBMAIL).with("agent marking/2").said(&policy).starts_with("quarantine"));
    assert!(Asked::to(WEBMAIL).with("rows/12").said(&policy).starts_with("quarantine"));
    assert!(Asked::to(WEBMAIL).with("traced").said(&policy).starts_with("quarantine"));
    assert!(Asked::to(WEBMAIL).with("reuse/x").said(&policy).starts_with("quarantine"));
    assert!(Asked::to("another@gmail.com").with("agent document/pdf").said(&policy).starts_with("quarantine"));
    // D18: a scope frees by sender, so a claimed sender is not enough.
    let mut claimed = Asked::to(WEBMAIL).with("agent document/office");
    claimed.sender = super::support::clerk(Some(octroi::detect::reading::evidence::SenderProof::Claimed));
    assert!(claimed.said(&policy).starts_with("quarantine"));
    // The last day counts whole, the next no more.
    let mut late = Asked::to(WEBMAIL).with("agent document/office");
    late.instant = "2026-03-31T23:59:59Z".parse().unwrap();
    assert_eq!(late.said(&policy), "pass");
    late.instant = "2026-04-01T00:00:00Z".parse().unwrap();
    assert!(late.said(&policy).starts_with("quarantine"));
}
