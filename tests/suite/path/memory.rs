// SPDX-License-Identifier: EUPL-1.2
//! Memory for reading is what the settings say: who finds none is told to come back, and the gateway stays up.

use std::sync::{Arc, Condvar, Mutex};

use super::client::Client;
use super::gateway::House;
use super::hop::{Act, Hop};

const CLERK: &str = "claire.vasseur@justice.gouv.example";

#[test]
fn a_mail_without_room_is_deferred_and_the_next_finds_it() {
    let gate = Arc::new((Mutex::new(true), Condvar::new()));
    let shut = gate.clone();
    // The hop does not answer the first content until it may: its mail keeps its room.
    let hop = Hop::scripted(move |step| {
        if step.line == "." {
            let closed = shut.0.lock().unwrap();
            drop(shut.1.wait_while(closed, |closed| *closed).unwrap());
        }
        Act::Usual
    });
    let mut house = House::new(hop.address);
    house.more = "[limits]\nreading = \"64 KiB\"\ninspection = \"1s\"\n".into();
    let gateway = house.serve();
    let content = format!(
        "Message-ID: <much@justice.gouv.example>\r\nSubject: much\r\n\r\n{}",
        "words of a long letter\r\n".repeat(3_000)
    )
    .into_bytes();
    let address = gateway.address;
    let long = content.clone();
    let first = std::thread::spawn(move || Client::greet(address).mail(CLERK, &["one@pass.example"], &long));
    hop.wait("the first content", |heard| heard.lines.iter().any(|line| line == "."));
    let mut client = Client::greet(address);
    let reply = client.mail(CLERK, &["two@pass.example"], &content);
    assert!(reply.starts_with("452 4.3.1"), "{reply}");
    // Nobody looked whether it is somebody's own affair: its row names nobody, and no address leads to it.
    house.journal("<much@justice.gouv.example>", 1);
    let rows = house.json(&["find", "<much@justice.gouv.example>", "--json"]);
    assert_eq!((rows[0]["cause"].as_str(), rows[0]["disposition"].as_str()), (Some("memory"), Some("defer")));
    assert!(rows[0]["sender"].is_null() && rows[0]["recipient"].is_null(), "{rows:?}");
    assert!(house.json(&["find", "two@pass.example", "--json"]).is_empty());
    *gate.0.lock().unwrap() = false;
    gate.1.notify_all();
    let reply = first.join().unwrap();
    assert!(reply.starts_with("250 "), "{reply}");
    let reply = client.mail(CLERK, &["two@pass.example"], &content);
    assert!(reply.starts_with("250 "), "{reply}");
    assert!(hop.wait_for_mails(2).iter().all(|mail| mail.content == content));
}
