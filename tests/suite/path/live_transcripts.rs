// SPDX-License-Identifier: EUPL-1.2
//! The transcripts of `tests/transcripts` over a real socket: the client hears every line as written.
//!
//! At the next hop only the messages are compared: XFORWARD and RSET are the relay's affair there, and its lines are
//! told apart from the session's. Left out are transcripts that set `max_errors` (no setting of the gateway), and those of client
//! certificates and REQUIRETLS, which need certificates on the other side too: `tls.rs` has them.

use std::collections::HashMap;

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop};
use super::tls::Certified;
use crate::smtp::transcript::{self, Transcript};

#[test]
fn every_transcript_goes_as_written_over_a_socket() {
    let mut count = 0;
    transcript::each(|name, transcript| {
        let left_out = |(key, _): &(String, String)| ["max_errors", "certificate"].contains(&key.as_str());
        if transcript.settings.iter().any(left_out) || transcript.hop.iter().any(|offer| offer == "REQUIRETLS") {
            return;
        }
        live(name, transcript);
        count += 1;
    });
    assert!(count >= 10, "only {count} transcripts were held");
}

fn live(name: &str, transcript: &Transcript) {
    let answers: HashMap<String, &'static str> = transcript
        .answers
        .iter()
        .map(|(line, reply)| {
            let mut wire = Vec::new();
            reply.write(&mut wire);
            let text = String::from_utf8(wire).unwrap();
            (line.clone(), &*Box::leak(text.trim_end().to_owned().into_boxed_str()))
        })
        .collect();
    let hop = Hop::at("127.0.0.1:0".parse().unwrap(), transcript.hop.clone(), None, move |step| {
        answers.get(step.line).map_or(Act::Usual, |reply| Act::Say(reply))
    });
    let mut setup = Setup::new(hop.address);
    let set = |key: &str| transcript.settings.iter().find(|(known, _)| known == key).map(|(_, value)| value.clone());
    setup.policy("domains/own.list", &(set("house").unwrap_or_else(|| "own.example".into()) + "\n"));
    setup.policy("domains/partner.list", "");
    setup.policy("rules/test.cedar", "// no rules: the transcripts are about the wire\n");
    setup.smtp = format!(
        "relay_for = [\"example\"]\nmax_size = \"{} B\"\n",
        set("max_size").unwrap_or_else(|| "1000000".into())
    );
    if let Some(most) = set("max_recipients") {
        setup.smtp += &format!("max_recipients = {most}\n");
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
            setup.smtp += line;
        }
    }
    let certified = Certified::new("octroi.example");
    let at_once = super::port::free();
    if set("starttls").is_some() || set("tls_at_once").is_some() {
        let mode = if set("require_tls").is_some() { "required" } else { "opportunistic" };
        certified.write(setup.folder.path());
        setup.more = format!(
            "[smtp.tls]\nmode = \"{mode}\"\nlisten = [\"{at_once}\"]\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n"
        );
    }
    let gateway = setup.serve();
    let mut client = if set("tls_at_once").is_some() {
        let mut client = Client::connect(at_once);
        client.start_tls(certified.trusting(), "octroi.example");
        client
    } else {
        Client::connect(gateway.address)
    };
    for exchange in &transcript.exchanges {
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
    let refused = transcript.answers.iter().any(|(line, _)| line == ".");
    let contents_of_transcript = transcript.next_hop.iter().map(|line| line.strip_prefix("bare ").unwrap_or(line));
    let expected: Vec<_> = contents_of_transcript.filter(|line| line.starts_with('"')).collect();
    assert!(refused || contents == expected, "{name}, at the next hop: {contents:?} and not {expected:?}");
}

/// The hop's words without the id we add to them (decision D24).
fn without_our_id(line: &str) -> String {
    line.split(" (octroi ").next().unwrap_or(line).to_owned()
}
