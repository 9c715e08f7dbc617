// SPDX-License-Identifier: EUPL-1.2
//! The transcripts of `tests/talk` over a real socket: the client hears every line as written.
//!
//! At the next hop only the messages are compared: XFORWARD and RSET are the relay's affair there, and its lines are
//! told apart from the session's. A talk that sets `max_errors` (no setting of the gateway) or `xforward` is left out.

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
        if talk.settings.iter().any(|(key, _)| ["max_errors", "xforward", "pass_bare_newline"].contains(&key.as_str()))
        {
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
    house.policy("domains/own.list", "b.example\n*.example\n");
    house.policy("rules/test.cedar", "// no rules: the talks are about the wire\n");
    let set = |key: &str| talk.settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    house.smtp = format!("max_size = \"{} B\"\n", set("max_size").unwrap_or_else(|| "1000000".into()));
    if let Some(most) = set("max_recipients") {
        house.smtp += &format!("max_recipients = {most}\n");
    }
    let certified = Certified::new("octroi.example");
    if set("starttls").is_some() {
        let mode = if set("require_tls").is_some() { "required" } else { "opportunistic" };
        certified.write(house.folder.path());
        house.more = format!("[smtp.tls]\nmode = \"{mode}\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n");
    }
    let gateway = house.serve();
    let mut client = Client::connect(gateway.address);
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
    let expected: Vec<String> = talk.next_hop.iter().filter(|line| line.starts_with('"')).cloned().collect();
    assert!(refused || contents == expected, "{name}, at the next hop: {contents:?} and not {expected:?}");
}

/// The hop's words without the id we add to them (decision D24).
fn without_our_id(line: &str) -> String {
    line.split(" (octroi ").next().unwrap_or(line).to_owned()
}
