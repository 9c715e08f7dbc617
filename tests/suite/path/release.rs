// SPDX-License-Identifier: EUPL-1.2
//! A release sends one copy, to one recipient, exactly, once (decision D10).

use std::sync::atomic::{AtomicBool, Ordering};

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop};
use super::{CLERK, message};

#[test]
fn a_released_copy_goes_once_to_its_recipient_and_to_nobody_else() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("released");
    client.mail(CLERK, &["me@held.example", "you@held.example"], &content);
    let id = setup.copies().into_iter().find(|copy| copy.recipient == "me@held.example").unwrap().id;
    let output = setup.run(&["quarantine", "release", &id, "--reason", "asked by phone"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let sent = &hop.wait_for_mails(1)[0];
    assert!(sent.from.starts_with(&format!("<{CLERK}>")), "{}", sent.from);
    assert_eq!(sent.to.len(), 1);
    assert!(sent.to[0].starts_with("<me@held.example>"), "{:?}", sent.to);
    let received = sent.content.strip_suffix(content.as_slice()).expect("every octet, behind one Received");
    let received = String::from_utf8(received.to_vec()).unwrap();
    assert!(received.starts_with("Received:") && received.matches("\r\n").count() >= 1, "{received:?}");
    assert!(received.lines().skip(1).all(|line| line.starts_with([' ', '\t'])), "one field: {received:?}");
    // Again: it is said, and nothing is sent.
    let output = setup.run(&["quarantine", "release", &id, "--reason", "asked again"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("released before"), "{output:?}");
    // A second copy, released after it, is the second mail: there was none between.
    let other = setup.copies().into_iter().find(|copy| copy.recipient == "you@held.example").unwrap().id;
    setup.run(&["quarantine", "release", &other, "--reason", "asked by phone"]);
    let mails = hop.wait_for_mails(2);
    assert!(mails[1].to[0].starts_with("<you@held.example>"), "{:?}", mails[1].to);
    assert_eq!(mails.len(), 2);
    // The mail sent once more by its client is neither held nor sent again.
    let reply = client.mail(CLERK, &["me@held.example", "you@held.example"], &content);
    assert!(reply.starts_with("250 2.0.0 accepted as "), "{reply}");
    assert_eq!(setup.copies().len(), 2);
    assert!(setup.copies().iter().all(|copy| copy.state == "released"));
}

/// A 2xx in the place of 354 is no delivery: nobody has got the content, and it is sent again.
#[test]
fn a_word_before_the_content_is_no_delivery() {
    let is_wrong = AtomicBool::new(true);
    let hop = Hop::scripted(move |step| match step.line == "DATA" && is_wrong.swap(false, Ordering::SeqCst) {
        true => Act::Say("250 2.0.0 taken"),
        false => Act::Usual,
    });
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let content = message("word-before");
    Client::greet(gateway.address).mail(CLERK, &["me@held.example"], &content);
    let id = setup.copies()[0].id.clone();
    assert!(setup.run(&["quarantine", "release", &id, "--reason", "asked by phone"]).status.success());
    hop.wait("the first DATA", |heard| heard.lines.iter().any(|line| line == "DATA"));
    let again = || {
        setup.run(&["outbox", "retry"]);
    };
    hop.wait_urging("the content", |heard| !heard.mails.is_empty(), again);
    assert!(hop.mails()[0].content.ends_with(&content));
}
