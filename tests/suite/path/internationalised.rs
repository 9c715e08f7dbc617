// SPDX-License-Identifier: EUPL-1.2
//! SMTPUTF8 and 8BITMIME from end to end, and a next hop that loses them (RFC 6531, RFC 6152; decision D5).

use super::client::{Client, stuffed};
use super::gateway::Setup;
use super::hop::{Act, Hop, OFFERS, Step};
use super::message;

const FROM: &str = "MAIL FROM:<hélène.élu@préfecture.example> BODY=8BITMIME SMTPUTF8 RET=HDRS";

/// A house of that domain, written once in each of its two forms.
fn house(hop: &Hop) -> Setup {
    let setup = Setup::new(hop.address);
    setup.policy("domains/own.list", "préfecture.example\njustice.gouv.example\n");
    setup
}

fn without(lost: &str) -> Vec<&'static str> {
    OFFERS.iter().copied().filter(|offer| *offer != lost).collect()
}

fn content(name: &str) -> Vec<u8> {
    let header = "From: Hélène <hélène.élu@préfecture.example>\r\nTo: <用户@例子.example>\r\n";
    [header.as_bytes(), &message(name)[..]].concat()
}

#[test]
fn addresses_beyond_ascii_pass_as_written_and_are_judged_by_their_domain() {
    let hop = Hop::friendly();
    let setup = house(&hop);
    setup.policy("rules/utf8.cedar", "@id(\"keep-utf8\") @disposition(\"quarantine\") @reason(\"a test.\")\nforbid (principal, action, resource) when { resource.domain == \"xn--hld-6la.example\" };\n");
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let lines = [
        FROM,
        "RCPT TO:<用户@例子.example> ORCPT=utf-8;用户@例子.example",
        "RCPT TO:<\"dom inique\"@bücher.example>",
        "RCPT TO:<moi@hèld.example> NOTIFY=FAILURE,DELAY ORCPT=utf-8;moi@hèld.example",
        "DATA",
    ];
    let replies = client.ask_all(&lines);
    assert!(replies[..4].iter().all(|reply| reply.starts_with("250")), "{replies:?}");
    let content = content("utf8");
    client.send(&stuffed(&content));
    let reply = client.reply();
    assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}");
    let sent = &hop.mails()[0];
    assert_eq!(format!("MAIL FROM:{}", sent.from), FROM);
    assert_eq!(sent.to.iter().map(|to| format!("RCPT TO:{to}")).collect::<Vec<_>>(), lines[1..3]);
    assert!(sent.content == content);
    let held = setup.copies();
    assert_eq!(held.len(), 1, "{held:?}");
    // Released, the copy still says what its sender asked for.
    assert!(setup.run(&["quarantine", "release", &held[0].id, "--reason", "asked"]).status.success());
    let released = &hop.wait_for_mails(2)[1];
    assert!(released.from.starts_with("<hélène.élu@préfecture.example>"), "{}", released.from);
    assert!(released.from.contains(" SMTPUTF8") && released.from.contains(" RET=HDRS"), "{}", released.from);
    assert_eq!(released.to, ["<moi@hèld.example> NOTIFY=FAILURE,DELAY ORCPT=utf-8;moi@hèld.example"]);
    assert!(released.content.ends_with(&content));
    // It is found by either form of its address.
    assert!(setup.run(&["find", "moi@xn--hld-6la.example"]).status.success());
}

#[test]
fn what_the_hop_loses_in_mid_life_is_451_and_then_refused_for_good() {
    for (lost, mail, code) in [
        ("SMTPUTF8", FROM, "554 5.6.7"),
        ("8BITMIME", "MAIL FROM:<h@préfecture.example> SMTPUTF8 BODY=8BITMIME", "554 5.6.3"),
    ] {
        // The first connection ends at its first RCPT, so that the next one shows the loss.
        let hop = Hop::scripted(|step: &Step| match (step.line, step.nth) {
            ("RCPT TO:<one@pass.example>", 1) => Act::Hangup,
            _ => Act::Usual,
        });
        let setup = house(&hop);
        let gateway = setup.serve();
        let mut client = Client::greet(gateway.address);
        hop.offer(&without(lost));
        client.send(format!("{mail}\r\nRCPT TO:<one@pass.example>\r\n").as_bytes());
        let (first, _) = (client.reply(), client.reply());
        assert!(first.starts_with("451 4.3.0"), "{lost}: {first}");
        let second = client.ask(mail);
        assert!(second.starts_with(code), "{lost}: {second}");
        // Who does not need it goes on in the same session.
        let plain = message("plain");
        let reply = client.mail(super::CLERK, &["two@pass.example"], &plain);
        assert!(reply.starts_with("250 2.0.0 hop ok"), "{lost}: {reply}");
        assert_eq!(hop.mails().len(), 1);
        // It comes back, and with it the mail.
        hop.offer(&OFFERS);
        assert!(client.ask(mail).starts_with("250"), "{lost}");
    }
}

#[test]
fn a_release_that_the_hop_can_no_longer_take_is_told_to_its_sender() {
    let hop = Hop::friendly();
    let setup = house(&hop);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    client.ask_all(&["MAIL FROM:<claire@justice.gouv.example> SMTPUTF8", "RCPT TO:<méi@held.example>", "DATA"]);
    client.send(&stuffed(&content("lost-after-hold")));
    assert!(client.reply().starts_with("250 2.0.0 accepted as"));
    hop.offer(&without("SMTPUTF8"));
    let id = setup.copies()[0].id.clone();
    assert!(setup.run(&["quarantine", "release", &id, "--reason", "asked"]).status.success());
    gateway.wait_for_line("state=put off");
    // Never a silent downgrade: nothing came, until the item is tried again and refused.
    assert!(hop.mails().is_empty());
    let listed = setup.run(&["outbox", "list", "--json"]);
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert!(listed.contains("554 5.6.7"), "{listed}");
    let item = listed.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    assert!(setup.run(&["outbox", "retry", &item]).status.success());
    let report = &hop.wait_for_mails(1)[0];
    assert_eq!((report.from.split(' ').next(), report.to[0].as_str()), (Some("<>"), "<claire@justice.gouv.example>"));
    let text = String::from_utf8_lossy(&report.content);
    assert!(text.contains("utf-8;méi@held.example") && text.contains("5.6.7"), "{text}");
}
