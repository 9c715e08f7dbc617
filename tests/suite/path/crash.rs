// SPDX-License-Identifier: EUPL-1.2
//! The process dies at named points of a transaction, and at random ones, and the client tries again: nothing is
//! lost, nothing is held twice, and only a death after the next hop's 250 may bring a passing copy twice.

use std::net::SocketAddr;
use std::sync::Mutex;

use super::client::Client;
use super::gateway::{Setup, tally};
use super::hop::Hop;
use super::{CLERK, message};

/// Dies at `point` and is started again; how often the passing copy arrived.
fn dies_at(point: &str, to: &[&str]) -> usize {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let content = message(point);
    let mut gateway = setup.serve_with(&[("OCTROI_CRASH_AT", point)]);
    let heard = Client::greet(gateway.address).try_mail(CLERK, to, &content);
    assert_eq!(heard, None, "{point}: it did not die before the answer");
    gateway.ended();
    let gateway = setup.serve();
    let reply = Client::greet(gateway.address).mail(CLERK, to, &content);
    assert!(reply.starts_with("250 "), "{point}: {reply}");
    let held = setup.copies();
    assert_eq!(held.len(), 1, "{point}: {held:?}");
    assert_eq!((held[0].recipient.as_str(), held[0].state.as_str()), ("me@held.example", "held"), "{point}");
    assert!(hop.mails().iter().all(|mail| mail.content == content && mail.to == ["<one@pass.example>"]), "{point}");
    hop.mails().len()
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build does not die on demand")]
fn a_death_at_each_named_point_loses_nothing() {
    let both = ["one@pass.example", "me@held.example"];
    assert_eq!(dies_at("pending", &both), 1);
    assert_eq!(dies_at("delivered", &both), 2);
    assert_eq!(dies_at("confirmed", &both), 2);
    assert_eq!(dies_at("kept", &["me@held.example"]), 0);
}

const COUNT: usize = 300;
const DEATHS: usize = 6;

#[test]
fn deaths_at_random_moments_lose_nothing() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let first = setup.serve();
    let address = Mutex::new(first.address);
    let next = Mutex::new(0);
    let retries = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| send_all(&address, &next, COUNT))).collect();
        let mut gateway = first;
        for death in 1..=DEATHS {
            // After so many messages at the hop, wherever everything else stands just then.
            hop.wait("progress", |heard| heard.mails.len() >= death * COUNT / (DEATHS + 2));
            gateway.kill();
            gateway = setup.serve();
            *address.lock().unwrap() = gateway.address;
        }
        let retries: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        let held = tally(setup.copies().into_iter().map(|copy| (copy.recipient, copy.state)));
        let expected: Vec<_> = (0..COUNT).map(|n| (format!("held{n}@held.example"), "held".to_owned())).collect();
        let mut found: Vec<_> = held.keys().cloned().collect();
        found.sort_by_key(|(recipient, _)| recipient[4..].split('@').next().unwrap().parse::<usize>().unwrap());
        assert_eq!(found, expected, "each is held");
        assert!(held.values().all(|times| *times == 1), "nothing is held twice");
        retries
    });
    let delivered = tally(hop.mails().into_iter().map(|mail| mail.to));
    assert_eq!(delivered.len(), COUNT, "each is delivered");
    let duplicates = delivered.values().map(|times| times - 1).sum::<usize>();
    println!("{COUNT} mails, {DEATHS} deaths, {retries} retries, {duplicates} duplicates onward");
    assert!(duplicates <= retries, "{duplicates} duplicates of {retries} retries");
}

/// Sends messages until `count` are sent, each until it is taken; how many attempts failed.
pub fn send_all(address: &Mutex<SocketAddr>, next: &Mutex<usize>, count: usize) -> usize {
    let mut retries = 0;
    let mut client = None;
    loop {
        let n = {
            let mut next = next.lock().unwrap();
            if *next == count {
                return retries;
            }
            *next += 1;
            *next - 1
        };
        let content = message(&format!("random-{n}"));
        let to = [format!("pass{n}@pass.example"), format!("held{n}@held.example")];
        loop {
            let at = *address.lock().unwrap();
            let Some(mut open) = client.take().or_else(|| Client::try_greet(at)) else { continue };
            let replies = open.try_mail(CLERK, &[&to[0], &to[1]], &content);
            if replies.as_ref().and_then(|all| all.get(4)).is_some_and(|reply| reply.starts_with("250 ")) {
                client = Some(open);
                break;
            }
            retries += 1;
        }
    }
}
