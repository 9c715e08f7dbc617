// SPDX-License-Identifier: EUPL-1.2
//! LMTP as the next hop: an answer for each recipient (RFC 2033; decisions D1 and D2).

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop, Step};
use super::{CLERK, message};

const LATER: &str = "451 4.2.2 mailbox busy";
const NEVER: &str = "552 5.2.2 mailbox full";

/// Answers by the recipient's local part; `later` only the first time.
fn hop() -> Hop {
    Hop::scripted(|step: &Step| match step.line.strip_prefix(". <") {
        Some(to) if to.starts_with("later") && step.nth == 1 => Act::Say(LATER),
        Some(to) if to.starts_with("never") => Act::Say(NEVER),
        _ => Act::Usual,
    })
}

fn house(hop: &Hop) -> Setup {
    let mut setup = Setup::new(hop.address);
    setup.hop = format!("lmtp:{}", hop.address);
    setup
}

#[test]
fn every_mixture_of_answers_has_its_reply() {
    // Recipients, the reply, how many copies are kept, and whether somebody is told.
    for (name, to, reply, held, told) in [
        ("all", &["one@pass.example", "two@pass.example"][..], "250 2.0.0 hop ok", 0, false),
        ("none-now", &["later1@pass.example", "later2@pass.example"], "451 4.2.2", 0, false),
        ("none-ever", &["never1@pass.example", "never2@pass.example"], "552 5.2.2", 0, false),
        ("none", &["never1@pass.example", "later1@pass.example"], "451 4.2.2", 0, false),
        ("some-later", &["one@pass.example", "later1@pass.example"], "250 2.0.0 hop ok", 0, false),
        ("some-never", &["never1@pass.example", "two@pass.example"], "250 2.0.0 hop ok", 0, true),
        ("held-too", &["me@held.example", "one@pass.example", "later1@pass.example"], "250 2.0.0 hop ok", 1, false),
        ("held-none", &["me@held.example", "never1@pass.example"], "552 5.2.2", 0, false),
        ("only-held", &["me@held.example"], "250 2.0.0 accepted as", 1, false),
    ] {
        let hop = hop();
        let setup = house(&hop);
        let gateway = setup.serve();
        let mut client = Client::greet(gateway.address);
        let content = message(name);
        let heard = client.mail(CLERK, to, &content);
        assert!(heard.starts_with(reply), "{name}: {heard}");
        assert_eq!(setup.copies().len(), held, "{name}");
        if told {
            let report = &hop.wait_for_mails(2)[1];
            assert_eq!(report.to, [format!("<{CLERK}>")], "{name}");
            let text = String::from_utf8_lossy(&report.content);
            assert!(text.contains("never1@pass.example") && text.contains("mailbox full"), "{name}: {text}");
        }
        if name == "some-later" || name == "held-too" {
            // The rest comes by the outbox, to its recipient alone, and octet for octet.
            let rest = &hop.wait_for_mails(2)[1];
            assert_eq!(rest.to, ["<later1@pass.example>"], "{name}");
            assert!(rest.content == content, "{name}");
            assert_eq!(hop.mails().len(), 2, "{name}");
        }
        let journal = setup.journal(&format!("<{name}@justice.gouv.example>"), to.len());
        let word = |to: &str| journal.iter().find(|(known, _)| known == to).map(|(_, word)| word.as_str());
        match name {
            "some-later" => assert_eq!(word("later1@pass.example"), Some("defer")),
            "some-never" => assert_eq!(word("never1@pass.example"), Some("reject")),
            "all" => assert_eq!(word("one@pass.example"), Some("pass")),
            _ => {}
        }
    }
}

#[test]
fn a_unix_socket_is_as_good_as_a_port() {
    let hop = hop();
    let mut setup = house(&hop);
    let socket = setup.folder.path().join("lmtp.sock");
    hop.at_socket(&socket);
    setup.hop = format!("lmtp:{}", socket.display());
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("by-socket");
    let to = ["one@pass.example", "me@held.example"];
    assert!(client.mail(CLERK, &to, &content).starts_with("250 2.0.0 hop ok"));
    assert!(hop.mails()[0].content == content);
    let id = setup.copies()[0].id.clone();
    assert!(setup.run(&["quarantine", "release", &id, "--reason", "asked"]).status.success());
    assert!(hop.wait_for_mails(2)[1].content.ends_with(&content));
}
