// SPDX-License-Identifier: EUPL-1.2
//! AUTH passed to the next hop (decision D7): judged there, on a connection of the client's own, and kept nowhere.

use std::path::Path;

use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::{Act, Hop, OFFERS, Step};
use super::tls::Certified;
use super::{CLERK, message};

// claire.vasseur@justice.gouv.example, and `verysecret`, as PLAIN has them.
const RIGHT: &str = "AUTH PLAIN AGNsYWlyZS52YXNzZXVyQGp1c3RpY2UuZ291di5leGFtcGxlAHZlcnlzZWNyZXQ=";
const SECRETS: [&str; 3] = ["verysecret", "AGNsYWlyZS52YXNz", "dmVyeXNlY3JldA"];

pub fn hop(script: impl Fn(&Step) -> Act + Send + Sync + 'static) -> Hop {
    let offers = OFFERS.iter().copied().chain(["AUTH PLAIN LOGIN"]).map(str::to_owned).collect();
    Hop::at("127.0.0.1:0".parse().unwrap(), offers, None, move |step: &Step| match (step.line, script(step)) {
        (RIGHT, Act::Usual) => Act::Say("235 2.7.0 welcome"),
        (line, Act::Usual) if line.starts_with("AUTH") => Act::Say("535 5.7.8 wrong"),
        (_, act) => act,
    })
}

/// A house where strangers may come in by their login alone.
pub fn house(hop: &Hop) -> (Setup, Certified) {
    let mut setup = Setup::new(hop.address);
    let certified = Certified::new("octroi.example");
    certified.write(setup.folder.path());
    setup.smtp = "auth = \"pass\"\nclients = [\"192.0.2.0/24\"]\n".into();
    setup.more = "[smtp.tls]\nmode = \"required\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n\
                  [log]\nlevel = \"trace\"\n"
        .into();
    (setup, certified)
}

pub fn greet(gateway: &Gateway, certified: &Certified) -> Client {
    let mut client = Client::greet(gateway.address);
    assert!(client.ask("STARTTLS").starts_with("220"));
    client.start_tls(certified.trusting(), "octroi.example");
    assert!(client.ask("EHLO client.example").contains("AUTH PLAIN LOGIN"));
    client
}

/// Every file below a folder.
fn files(folder: &Path, found: &mut Vec<u8>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files(&path, found),
            false => found.extend(std::fs::read(path).unwrap_or_default()),
        }
    }
}

#[test]
fn who_logged_in_at_the_hop_is_the_sender_and_nothing_of_it_stays() {
    let hop = hop(|_| Act::Usual);
    let (setup, certified) = house(&hop);
    setup.policy(
        "rules/login.cedar",
        "@id(\"proven\") @disposition(\"quarantine\") @reason(\"a test.\")\nforbid (principal, action, resource) when { resource.domain == \"proven.example\" && principal.proof == \"login\" };\n",
    );
    let gateway = setup.serve();
    let mut client = greet(&gateway, &certified);
    assert!(client.ask(&format!("MAIL FROM:<{CLERK}>")).starts_with("530 5.7.0"));
    assert!(client.ask("AUTH PLAIN AGEAYg==").starts_with("535"));
    assert!(client.ask(RIGHT).starts_with("235"));
    for name in ["first", "second"] {
        let reply = client.mail(CLERK, &["one@pass.example", "me@proven.example"], &message(name));
        assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}");
    }
    assert_eq!(setup.copies().len(), 2);
    // Another client gets nothing of that connection.
    let mut other = greet(&gateway, &certified);
    assert!(other.ask(&format!("MAIL FROM:<{CLERK}>")).starts_with("530 5.7.0"));
    let apart = hop.conversations();
    let own: Vec<_> = apart.iter().filter(|lines| lines.iter().any(|line| line.starts_with("MAIL"))).collect();
    assert_eq!(own.len(), 1, "one connection for the login and all its mails: {apart:?}");
    assert_eq!(own[0].iter().filter(|line| line.starts_with("MAIL")).count(), 4, "twice narrowed: {apart:?}");
    drop(client);
    gateway.signal("TERM");
    let mut gateway = gateway;
    gateway.ended();
    let mut kept = gateway.log().into_bytes();
    assert!(kept.len() > 1000, "the log is at its loudest");
    files(setup.folder.path(), &mut kept);
    for secret in SECRETS {
        assert!(memchr::memmem::find(&kept, secret.as_bytes()).is_none(), "{secret} was kept");
    }
}

#[test]
fn a_login_lost_with_its_connection_is_for_the_client_to_renew() {
    let hop = hop(|step| match (step.line, step.nth) {
        ("RCPT TO:<one@pass.example>", 2) => Act::Hangup,
        _ => Act::Usual,
    });
    let (setup, certified) = house(&hop);
    let gateway = setup.serve();
    let mut client = greet(&gateway, &certified);
    assert!(client.ask(RIGHT).starts_with("235"));
    assert!(client.mail(CLERK, &["one@pass.example"], &message("first")).starts_with("250 2.0.0 hop ok"));
    let replies = client.try_mail(CLERK, &["one@pass.example"], &message("second")).unwrap_or_default();
    assert!(replies.iter().all(|reply| reply.starts_with("421 4.4.2")), "{replies:?}");
    assert_eq!(client.line(), None);
    assert_eq!(hop.mails().len(), 1, "never over a connection without the login");
}

#[test]
fn a_hop_without_auth_is_no_proof() {
    let hop = hop(|_| Act::Usual);
    let (setup, certified) = house(&hop);
    let gateway = setup.serve();
    let mut client = greet(&gateway, &certified);
    hop.offer(&OFFERS);
    let reply = client.ask(RIGHT);
    assert!(reply.starts_with("454 4.7.0"), "{reply}");
    assert!(client.ask(&format!("MAIL FROM:<{CLERK}>")).starts_with("530 5.7.0"));
}

/// A place among the connections to the next hop is for who sends, not for who once failed to log in.
#[test]
fn a_failed_login_keeps_no_connection() {
    let hop = hop(|_| Act::Usual);
    let (mut setup, certified) = house(&hop);
    setup.more.push_str("[smtp.pool]\nsize = 1\n");
    let gateway = setup.serve();
    let mut wrong = greet(&gateway, &certified);
    assert!(wrong.ask("AUTH PLAIN AGEAYg==").starts_with("535"));
    let mut right = greet(&gateway, &certified);
    assert!(right.ask(RIGHT).starts_with("235"));
    assert!(right.mail(CLERK, &["one@pass.example"], &message("first")).starts_with("250 2.0.0 hop ok"));
    drop(right);
    // And the first may try again.
    assert!(wrong.ask(RIGHT).starts_with("235"));
    assert!(wrong.mail(CLERK, &["one@pass.example"], &message("second")).starts_with("250 2.0.0 hop ok"));
}
