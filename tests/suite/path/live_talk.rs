// SPDX-License-Identifier: EUPL-1.2
//! The transcripts of `tests/talk` over a real socket: the client hears every line as written.
//!
//! At the next hop only the messages are compared: XFORWARD and RSET are the relay's affair there, and its lines are
//! told apart from the session's. Left out are talks that set `max_errors` (no setting of the gateway), and those of client
//! certificates and REQUIRETLS, which need certificates on the other side too: `tls.rs` has them.

use std::collections::HashMap;

use super::client::Client;
use super::gateway::House;
use super::hop::{Act, Hop};
use super::tls::Certified;
use crate::smtp::talk::{self, Talk};

#[test]
fn every_talk_goes_as_written_over_a_socket() {
    let mut count = 0;
    talk::each(|name, talk| {
        let left_out = |(key, _): &(String, String)| ["max_errors", "certificate"].contains(&key.as_str());
        if talk.settings.iter().any(left_out) || talk.hop.iter().any(|offer| offer == "REQUIRETLS") {
            return;
        }
        live(name, talk);
        count += 1;
    });
    assert!(count >= 10, "only {count} talks were held");
}

fn live(name: &str, talk: &Talk) {
    let answers: HashMap<String, &'static str> = talk
        .answers
        .iter()
        .map(|(line, reply)| {
            let mut wire = Vec::new();
            reply.write(&mut wire);
            let text = String::from_utf8(wire).unwrap();
            (line.clone(), &*Box::leak(text.trim_end().to_owned().into_boxed_str()))
        })
        .collect();
    let hop = Hop::at("127.0.0.1:0".parse().unwrap(), talk.hop.clone(), None, move |step| {
        answers.get(step.line).map_or(Act::Usual, |reply| Act::Say(reply))
    });
    let mut house = House::new(hop.address);
    let set = |key: &str| talk.settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    house.policy("domains/own.list", &(set("house").unwrap_or_else(|| "own.example".into()) + "\n"));
    house.policy("domains/partner.list", "");
    house.policy("rules/test.cedar", "// no rules: the talks are about the wire\n");
    house.smtp = format!(
        "relay_for = [\"example\"]\nmax_size = \"{} B\"\n",
        set("max_size").unwrap_or_else(|| "1000000".into())
    );
    if let Some(most) = set("max_recipients") {
        house.smtp += &format!("max_recipients = {most}\n");
    }
    for (word, line) in [
        ("pass_bare_newline", "bare_newline = \"pass\"\n"),
        ("auth", "auth = \"pass\"\n"),
        ("stranger", "clients = [\"192.0.2.0/24\"]\n"),
        ("xforward", "trusted_peers.xforward = [\"127.0.0.1\"]\n"),
        ("xclient", "trusted_peers.xclient = [\"127.0.0.1\"]\n"),
        ("received", "trusted_peers.received = [\"127.0.0.1\"]\n"),
    ] {
        if set(word).is_some() {
            house.smtp += line;
        }
    }
    let certified = Certified::new("octroi.example");
    let at_once = super::port::free();
    if set("starttls").is_some() || set("tls_at_once").is_some() {
        let mode = if set("require_tls").is_some() { "required" } else { "opportunistic" };
        certified.write(house.folder.path());
        house.more = format!(
            "[smtp.tls]\nmode = \"{mode}\"\nlisten = [\"{at_once}\"]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n"
        );
    }
    let gateway = house.serve();
    let mut client = if set("tls_at_once").is_some() {
        let mut client = Client::connect(at_once);
        client.start_tls(certified.trusting(), "octroi.example");
        client
    } else {
        Client::connect(gateway.address)
    };
    for exchange in &talk.exchanges {
        client.send(&exchange.client);
        for expected in &exchange.server {
            let heard = client.line().map_or_else(|| "<closed>".to_owned(), |line| without_our_id(&line));
            assert_eq!(heard, *expected, "{name}, after {:?}", exchange.client.escape_ascii().to_string());
        }
        if exchange.tls {
            client.start_tls(certified.trusting(), "octroi.example");
        }
    }
    let contents: Vec<String> = hop.mails().iter().map(|mail| format!("\"{}\"", mail.content.escape_ascii())).collect();
    let refused = talk.answers.iter().any(|(line, _)| line == ".");
    let contents_of_talk = talk.next_hop.iter().map(|line| line.strip_prefix("bare ").unwrap_or(line));
    let expected: Vec<_> = contents_of_talk.filter(|line| line.starts_with('"')).collect();
    assert!(refused || contents == expected, "{name}, at the next hop: {contents:?} and not {expected:?}");
}

/// The hop's words without the id we add to them (decision D24).
fn without_our_id(line: &str) -> String {
    line.split(" (octroi ").next().unwrap_or(line).to_owned()
}
