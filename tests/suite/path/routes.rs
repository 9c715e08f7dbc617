// SPDX-License-Identifier: EUPL-1.2
//! Recipients whose local part is a road to somebody else (decision D30), through each wiring, with a Postfix that is
//! final for the house's domain and reads such a local part as an address: the default of its `allow_percent_hack`,
//! `swap_bangpath` and `resolve_dequoted_address`. None of them may bring a mail to the mailbox that the rules hold.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use super::both_doors::postfix_milter;
use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::{Hop, PATIENCE};
use super::postfix::Postfix;
use super::sendmail::Sendmail;
use super::{CLERK, message};

/// Local parts that lead to `me@held.example`, as they stand in RCPT.
const ROADS: [&str; 11] = [
    "me%held.example",
    "held.example!me",
    "justice.gouv.example!held.example!me",
    "\"me@held.example\"",
    "\"me\\@held.example\"",
    "\"\\m\\e@held.example\"",
    "\"me%held.example\"",
    "\"held.example!me\"",
    "\"@relay.example:me@held.example\"",
    "\" me@held.example\"",
    "\"me@held.example@justice.gouv.example\"",
];

/// Where they stand: at the house, at a partner, at the Postfix itself.
const DOMAINS: [&str; 7] = [
    "justice.gouv.example",
    "JUSTICE.gouv.example.",
    "partner.example",
    "postfix.example",
    "localhost",
    "[127.0.0.1]",
    "[ipv6:::1]",
];

/// Lines of `main.cf`: final for the house, for a partner, and for a domain that is on no list.
const FINAL: &str = "mydestination = justice.gouv.example, partner.example, unlisted.example, postfix.example, localhost\n\
    local_transport = discard:here\n";

/// Every recipient of the matrix, and those at the house's domain with a source route before them too.
fn recipients() -> Vec<String> {
    let plain = DOMAINS.iter().flat_map(|domain| ROADS.iter().map(move |road| format!("{road}@{domain}")));
    let routed = ROADS
        .iter()
        .flat_map(|road| ["relay.example", "held.example"].map(|route| format!("@{route}:{road}@{}", DOMAINS[0])));
    plain.chain(routed).collect()
}

/// Hands in one mail for each recipient; the replies to RCPT.
fn hand_in(to: SocketAddr) -> Vec<(String, String)> {
    // A server closes after some refusals: a new connection for every few.
    let mut said = Vec::new();
    for some in recipients().chunks(6) {
        let mut client = Client::greet(to);
        for recipient in some {
            client.ask("RSET");
            let content = message(&format!("road-{}", said.len()));
            let replies = client.try_mail(CLERK, &[recipient], &content).expect("replies");
            said.push((recipient.clone(), replies[1].clone()));
        }
    }
    said
}

/// Waits until the Postfix has nothing left, and looks who got a mail.
fn nobody_got_it(hop: &Hop, postfix: &Postfix, gateway: &Gateway) {
    let end = Instant::now() + PATIENCE;
    while postfix.queued() > 0 {
        assert!(Instant::now() < end, "{}", postfix.log());
    }
    none_astray(hop, &format!("{}\n{}", gateway.log(), postfix.log()));
}

fn none_astray(hop: &Hop, log: &str) {
    let all = hop.mails().into_iter().flat_map(|mail| mail.to);
    let astray: Vec<_> = all.filter(|to| to.to_lowercase().starts_with("<me@held.example>")).collect();
    assert_eq!(astray, Vec::<String>::new(), "{log}");
}

fn all_refused(replies: &[(String, String)]) {
    for (recipient, reply) in replies {
        assert!(reply.starts_with("553 5.1.3 "), "{recipient}: {reply}");
    }
}

#[test]
fn the_smtp_listener_before_a_final_postfix() {
    let hop = Hop::friendly();
    let Some(postfix) = Postfix::relaying_to(hop.address, FINAL) else { return };
    let setup = Setup::new(postfix.address);
    let gateway = setup.serve();
    let replies = hand_in(gateway.address);
    all_refused(&replies);
    // At a foreign domain a local part is the host's affair (RFC 5321 §2.3.11).
    let foreign = ["100%sure@else.example", "bounce%abc=own.example@lists.else.example", "hub!me@else.example"];
    let said = Client::greet(gateway.address).mail(CLERK, &foreign, &message("foreign"));
    assert!(said.starts_with("250 "), "{said}");
    let mails = hop.wait_for_mails(1);
    let heard: BTreeSet<&str> = mails[0].to.iter().map(|to| to.split(['<', '>']).nth(1).unwrap()).collect();
    assert_eq!(heard, BTreeSet::from(foreign));
    nobody_got_it(&hop, &postfix, &gateway);
}

#[test]
fn the_milter_of_a_final_postfix() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    let gateway = setup.serve();
    let Some(postfix) = Postfix::relaying_to(hop.address, &(postfix_milter(milter) + FINAL)) else { return };
    let replies = hand_in(postfix.address);
    // Postfix may refuse one itself before it asks.
    for (recipient, reply) in &replies {
        assert!(reply.starts_with('5'), "{recipient}: {reply}");
    }
    assert!(replies.iter().filter(|(_, reply)| reply.contains("553 5.1.3")).count() > replies.len() / 2, "{replies:?}");
    // The other recipients of the mail are served.
    let mut client = Client::greet(postfix.address);
    let mixed = client.try_mail(CLERK, &["one@pass.example", "me%held.example@partner.example"], &message("mixed"));
    assert_eq!(mixed.unwrap()[4].get(..4), Some("250 "));
    // A domain that is on no list, and for which this Postfix is final: what it resolves the path to is judged.
    let roads = [
        "me%held.example@unlisted.example",
        "held.example!me@unlisted.example",
        "\"me@held.example\"@unlisted.example",
    ];
    for (n, road) in roads.iter().enumerate() {
        let said = client.mail(CLERK, &[road], &message(&format!("unlisted-{n}")));
        assert!(said.starts_with("250 "), "{said}");
    }
    assert!(setup.copies().iter().all(|copy| copy.recipient == "me@held.example"), "{:?}", setup.copies());
    assert_eq!(setup.copies().len(), 3);
    assert!(hop.wait_for_mails(1)[0].to[0].starts_with("<one@pass.example>"));
    nobody_got_it(&hop, &postfix, &gateway);
}

/// Postfix, octroi, and the same Postfix again, before or behind its queue.
#[test]
fn the_filters_of_a_final_postfix() {
    for is_before in [true, false] {
        let hop = Hop::friendly();
        let back = super::port::free();
        let setup = Setup::new(back);
        let gateway = setup.serve();
        let services =
            format!("127.0.0.1:{} inet n - n - - smtpd\n  -o content_filter=\n  -o smtpd_proxy_filter=\n", back.port());
        let (options, filter) = match is_before {
            true => (format!("-o smtpd_proxy_filter=127.0.0.1:{}", gateway.address.port()), String::new()),
            false => (String::new(), format!("content_filter = smtp:[127.0.0.1]:{}\n", gateway.address.port())),
        };
        let postfix = Postfix::with_services(hop.address, &(FINAL.to_owned() + &filter), &options, &services);
        let Some(postfix) = postfix else { return };
        let replies = hand_in(postfix.address);
        if is_before {
            assert!(replies.iter().all(|(_, reply)| reply.starts_with('5')), "{replies:?}");
        }
        nobody_got_it(&hop, &postfix, &gateway);
    }
}

#[test]
fn the_milter_of_a_final_sendmail() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    let gateway = setup.serve();
    let local =
        "LOCAL_DOMAIN(`justice.gouv.example')\nLOCAL_DOMAIN(`partner.example')\nLOCAL_DOMAIN(`unlisted.example')\n";
    let Some(sendmail) = Sendmail::relaying_to(hop.address, milter, local, "") else { return };
    // Its name is another: at the Postfix of the other tests a local part is the host's affair.
    for (recipient, reply) in hand_in(sendmail.address).iter().filter(|(to, _)| !to.ends_with("@postfix.example")) {
        assert!(reply.starts_with('5'), "{recipient}: {reply}\n{}\n{}", sendmail.log(), gateway.log());
    }
    let mut client = Client::greet(sendmail.address);
    for (n, road) in ["me%held.example@unlisted.example", "held.example!me@unlisted.example"].iter().enumerate() {
        let said = client.mail(CLERK, &[road], &message(&format!("unlisted-{n}")));
        assert!(said.starts_with("250 "), "{said}\n{}", sendmail.log());
    }
    assert!(setup.copies().iter().all(|copy| copy.recipient == "me@held.example"), "{:?}", setup.copies());
    assert_eq!(setup.copies().len(), 2);
    let end = Instant::now() + PATIENCE;
    while sendmail.queued() > 0 {
        assert!(Instant::now() < end, "something stays in the queue");
    }
    none_astray(&hop, &gateway.log());
}
