// SPDX-License-Identifier: EUPL-1.2
//! A next hop that says a word too much, or one that belongs elsewhere: its replies are no longer those to our commands.
//! The client must not hear that a message was taken which was refused, and the connection is not used again.

use std::sync::{Arc, Mutex};

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop, Step};
use super::{CLERK, message};

/// What the hop does wrong while it is armed. To the content it says 550.
const FAULTS: [&str; 7] = [
    "two words to MAIL",
    "two words to RCPT",
    "two words to RSET",
    // The word too much is all that is there when RCPT is to be answered.
    "two words to MAIL, the next late",
    "250 behind 354",
    "354 to MAIL",
    "354 to RCPT",
];

fn wrong(fault: &str, step: &Step) -> Act {
    let verb = step.line.split([' ', ':']).next().unwrap_or_default();
    match (fault, verb) {
        ("two words to MAIL" | "two words to MAIL, the next late", "MAIL") => {
            Act::Say("250 2.1.0 ok\r\n250 2.1.5 more")
        }
        ("two words to MAIL, the next late", "RCPT") if step.line.starts_with("RCPT TO:<one@") => Act::Say(""),
        ("two words to MAIL, the next late", "DATA") => Act::Say("250 2.1.5 late\r\n354 go"),
        ("two words to MAIL, the next late", ".") => Act::Say("250 2.1.5 late\r\n550 5.7.1 no"),
        ("two words to RCPT", "RCPT") => Act::Say("250 2.1.5 ok\r\n250 2.1.5 more"),
        ("two words to RSET", "RSET") => Act::Say("250 2.0.0 ok\r\n250 2.0.0 more"),
        ("250 behind 354", "DATA") => Act::Say("354 go\r\n250 2.0.0 taken"),
        ("354 to MAIL", "MAIL") => Act::Say("354 go"),
        ("354 to RCPT", "RCPT") => Act::Say("354 go"),
        (_, ".") => Act::Say("550 5.7.1 no"),
        _ => Act::Usual,
    }
}

fn armed(offers: &[&str]) -> (Hop, Arc<Mutex<&'static str>>) {
    let fault = Arc::new(Mutex::new(""));
    let theirs = fault.clone();
    let offers = offers.iter().chain(&["8BITMIME"]).map(|offer| offer.to_string()).collect();
    let hop = Hop::at("127.0.0.1:0".parse().unwrap(), offers, None, move |step| match *theirs.lock().unwrap() {
        "" => Act::Usual,
        fault => wrong(fault, step),
    });
    (hop, fault)
}

fn nobody_is_told_what_is_not_so(offers: &[&str], protocol: &str) {
    let (hop, armed) = armed(offers);
    let mut setup = Setup::new(hop.address);
    setup.hop = format!("{protocol}{}", hop.address);
    let gateway = setup.serve();
    for (n, fault) in FAULTS.into_iter().enumerate() {
        if protocol == "lmtp:" && fault.ends_with("late") {
            continue; // a recipient without an answer has none to the content either
        }
        for to in [
            &["one@pass.example"][..],
            &["one@pass.example", "two@pass.example"],
            &["me@held.example", "one@pass.example"],
        ] {
            let told = format!("{offers:?} {protocol} {fault} {to:?}");
            // A mail before it, so that the fault meets a connection from the pool.
            let mut client = Client::greet(gateway.address);
            assert!(
                client.mail(CLERK, &["one@pass.example"], &message("before")).starts_with("250 2.0.0 hop ok"),
                "{told}"
            );
            *armed.lock().unwrap() = fault;
            let name = format!("wrong-{n}-{}", to.len());
            let replies = client.try_mail(CLERK, to, &message(&name)).unwrap_or_default();
            *armed.lock().unwrap() = "";
            let last = replies.last().map(String::as_str).unwrap_or("421");
            // Where the fault met nothing, the content was refused in the hop's own words.
            assert!(last.starts_with(['4', '5']), "{told}: {replies:?}\n{}", gateway.log());
            let envelope = &replies[..replies.len().min(1 + to.len())];
            assert!(envelope.iter().all(|reply| !reply.starts_with('3')), "{told}: {replies:?}");
            assert!(setup.copies().is_empty(), "{told}: {:?}", setup.copies());
            let mut client = Client::greet(gateway.address);
            let said = client.mail(CLERK, &["one@pass.example"], &message("after"));
            assert!(said.starts_with("250 2.0.0 hop ok"), "{told}: {said}");
            assert!(hop.mails().last().is_some_and(|mail| mail.content == message("after")), "{told}");
        }
    }
}

#[test]
fn by_data() {
    nobody_is_told_what_is_not_so(&[], "");
}

#[test]
fn by_data_pipelined() {
    nobody_is_told_what_is_not_so(&["PIPELINING"], "");
}

#[test]
fn by_chunks() {
    nobody_is_told_what_is_not_so(&["CHUNKING"], "");
}

#[test]
fn by_chunks_pipelined() {
    nobody_is_told_what_is_not_so(&["CHUNKING", "PIPELINING"], "");
}

#[test]
fn by_lmtp() {
    nobody_is_told_what_is_not_so(&["PIPELINING"], "lmtp:");
}

#[test]
fn by_lmtp_in_chunks() {
    nobody_is_told_what_is_not_so(&["PIPELINING", "CHUNKING"], "lmtp:");
}

/// A hop that takes the message and leaves has taken it.
#[test]
fn one_that_leaves_behind_its_answer_has_given_it() {
    for offers in [&["CHUNKING"][..], &["CHUNKING", "PIPELINING"]] {
        let offers = offers.iter().map(|offer| offer.to_string()).collect();
        let hop = Hop::at("127.0.0.1:0".parse().unwrap(), offers, None, |step: &Step| match step.line {
            "." => Act::SayAndHangup("250 2.0.0 taken"),
            _ => Act::Usual,
        });
        let setup = Setup::new(hop.address);
        let gateway = setup.serve();
        for name in ["first", "second"] {
            let said = Client::greet(gateway.address).mail(CLERK, &["one@pass.example"], b"Subject: x\r\n\r\nx\r\n");
            assert!(said.starts_with("250 2.0.0 taken"), "{name}: {said}");
        }
        assert_eq!(hop.mails().len(), 2);
    }
}
