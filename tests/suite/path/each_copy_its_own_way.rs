// SPDX-License-Identifier: EUPL-1.2
//! Mixed verdicts in one transaction (decision D1).

use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;
use super::{CLERK, message};

fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
    all.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect()
}

#[test]
fn all_pass_and_the_octets_are_the_same() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("all-pass");
    let reply = client.mail(CLERK, &["one@pass.example", "two@pass.example"], &content);
    assert!(reply.starts_with("250 2.0.0 hop ok (octroi "), "{reply}");
    let mails = hop.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].from, format!("<{CLERK}>"));
    assert_eq!(mails[0].to, ["<one@pass.example>", "<two@pass.example>"]);
    assert!(mails[0].content == content);
    assert!(setup.copies().is_empty());
    let expected = pairs(&[("one@pass.example", "pass"), ("two@pass.example", "pass")]);
    assert_eq!(setup.journal("<all-pass@justice.gouv.example>", 2), expected);
    // The transaction stood as the client made it: nothing was said twice.
    assert_eq!(hop.lines().iter().filter(|line| line.starts_with("RCPT")).count(), 2);
}

#[test]
fn one_is_held_among_colleagues_and_they_do_not_see_it() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("one-held");
    let reply = client.mail(CLERK, &["one@pass.example", "me@held.example", "two@pass.example"], &content);
    assert!(reply.starts_with("250 2.0.0 hop ok (octroi "), "{reply}");
    let mails = hop.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, ["<one@pass.example>", "<two@pass.example>"]);
    assert!(mails[0].content == content);
    let held = setup.copies();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].recipient.as_str(), held[0].state.as_str()), ("me@held.example", "held"));
    let expected =
        pairs(&[("me@held.example", "quarantine"), ("one@pass.example", "pass"), ("two@pass.example", "pass")]);
    assert_eq!(setup.journal("<one-held@justice.gouv.example>", 3), expected);
}

#[test]
fn all_are_held_and_nothing_goes_on() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["a@held.example", "b@held.example"], &message("all-held"));
    assert!(reply.starts_with("250 2.0.0 accepted as "), "{reply}");
    assert!(hop.mails().is_empty());
    assert_eq!(hop.lines().last().map(String::as_str), Some("RSET"));
    assert!(!hop.lines().contains(&"DATA".to_owned()));
    let id = reply.rsplit(' ').next().unwrap();
    let held = setup.copies();
    assert_eq!(held.len(), 2);
    assert!(held.iter().all(|copy| copy.state == "held" && copy.id.starts_with(id)), "{held:?} {reply}");
    let expected = pairs(&[("a@held.example", "quarantine"), ("b@held.example", "quarantine")]);
    assert_eq!(setup.journal("<all-held@justice.gouv.example>", 2), expected);
}

#[test]
fn one_is_refused_beside_others_and_the_sender_is_told() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("one-refused");
    let reply = client.mail(CLERK, &["one@pass.example", "no@refused.example"], &content);
    assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}");
    let mails = hop.wait_for_mails(2);
    let (report, passed) =
        if mails[0].from.starts_with("<>") { (&mails[0], &mails[1]) } else { (&mails[1], &mails[0]) };
    assert_eq!(passed.to, ["<one@pass.example>"]);
    assert!(passed.content == content);
    assert!(report.from.starts_with("<>"), "{}", report.from);
    assert!(report.to[0].starts_with(&format!("<{CLERK}>")), "{:?}", report.to);
    let text = String::from_utf8_lossy(&report.content);
    assert!(text.contains("multipart/report") && text.contains("no@refused.example"), "{text}");
    assert!(text.contains("Action: failed") && !text.contains("one@pass.example"), "{text}");
    assert!(setup.copies().is_empty());
    let expected = pairs(&[("no@refused.example", "reject"), ("one@pass.example", "pass")]);
    assert_eq!(setup.journal("<one-refused@justice.gouv.example>", 2), expected);
}

#[test]
fn all_are_refused_and_the_client_hears_it() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["no@refused.example", "none@refused.example"], &message("all-refused"));
    assert!(reply.starts_with("550 5.7.1"), "{reply}");
    // A report cannot reach the null sender, so all is refused there (decision D1 c).
    let reply = client.mail("", &["no@refused.example", "one@pass.example"], &message("null-sender"));
    assert!(reply.starts_with("550 5.7.1"), "{reply}");
    assert!(hop.mails().is_empty() && setup.copies().is_empty());
    let expected = pairs(&[("no@refused.example", "reject"), ("one@pass.example", "reject")]);
    assert_eq!(setup.journal("<null-sender@justice.gouv.example>", 2), expected);
}

#[test]
fn one_defer_defers_all_and_nothing_is_kept() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let to = ["one@pass.example", "me@held.example", "no@refused.example", "later@deferred.example"];
    let reply = client.mail(CLERK, &to, &message("deferred"));
    assert!(reply.starts_with("451 4.7.1"), "{reply}");
    assert!(hop.mails().is_empty() && setup.copies().is_empty());
    assert_eq!(hop.lines().last().map(String::as_str), Some("RSET"));
    let journal = setup.journal("<deferred@justice.gouv.example>", 4);
    assert!(journal.iter().all(|(_, disposition)| disposition == "defer"), "{journal:?}");
}

/// All three are one mailbox for people, lists, exceptions, limits and campaigns; on the way they are three.
#[test]
fn one_mailbox_written_in_three_ways_gets_three_copies() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let to = ["xy+a@gmail.com", "xy+b@gmail.com", "X.Y@gmail.com"];
    let content = message("three-ways");
    assert!(client.mail(CLERK, &to, &content).starts_with("250 2.0.0 hop ok"));
    let mails = hop.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to, to.map(|address| format!("<{address}>")));
    let passed = setup.journal("<three-ways@justice.gouv.example>", 3);
    assert_eq!(passed, pairs(&[("X.Y@gmail.com", "pass"), ("xy+a@gmail.com", "pass"), ("xy+b@gmail.com", "pass")]));
}

#[test]
fn each_way_is_held_and_released_by_itself() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let rule = "@id(\"gmail\") @disposition(\"quarantine\") @reason(\"kept for a test.\")\n\
                forbid (principal, action, resource) when { resource.domain == \"gmail.com\" };\n";
    setup.policy("rules/gmail.cedar", rule);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let to = ["xy+a@gmail.com", "xy+b@gmail.com", "X.Y@gmail.com"];
    let content = message("three-held");
    assert!(client.mail(CLERK, &to, &content).starts_with("250 2.0.0 accepted as "));
    let held = setup.copies();
    assert_eq!(held.iter().map(|copy| copy.recipient.as_str()).collect::<Vec<_>>(), ["X.Y@gmail.com", to[0], to[1]]);
    let output = setup.run(&["quarantine", "release", &held[1].id, "--reason", "asked by phone"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sent = &hop.wait_for_mails(1)[0];
    assert!(sent.to.len() == 1 && sent.to[0].starts_with("<xy+a@gmail.com>"), "{:?}", sent.to);
    let states = setup.copies().into_iter().map(|copy| copy.state).collect::<Vec<_>>();
    assert_eq!(states, ["held", "released", "held"]);
    // Sent again by its client, all three are the repeats they are (decision D11).
    assert!(client.mail(CLERK, &to, &content).starts_with("250 2.0.0 accepted as "));
    assert_eq!(setup.copies().len(), 3);
}
