// SPDX-License-Identifier: EUPL-1.2
//! The same mail again: the same id and no second copy (decision D11).

use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;
use super::{CLERK, message};

#[test]
fn a_repeat_has_the_id_of_the_first_and_no_second_copy() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("repeat");
    let first = client.mail(CLERK, &["me@held.example"], &content);
    assert!(first.starts_with("250 2.0.0 accepted as "), "{first}");
    assert_eq!(client.mail(CLERK, &["me@held.example"], &content), first);
    // Another trace in front is the same mail.
    let again = [&b"Received: from elsewhere by here; Mon, 2 Mar 2026 12:00:00 +0000\r\n"[..], &content].concat();
    assert_eq!(Client::greet(gateway.address).mail(CLERK, &["me@held.example"], &again), first);
    let held = setup.copies();
    assert_eq!(held.len(), 1, "{held:?}");
    assert!(held[0].id.starts_with(first.rsplit(' ').next().unwrap()));
    // Other content is another mail.
    let other = client.mail(CLERK, &["me@held.example"], &message("another"));
    assert_ne!(other, first);
    assert_eq!(setup.copies().len(), 2);
    assert!(hop.mails().is_empty());
}

#[test]
fn two_at_once_are_one_copy() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let content = message("at-once");
    let replies: Vec<String> = std::thread::scope(|scope| {
        let send = || Client::greet(gateway.address).mail(CLERK, &["me@held.example"], &content);
        let all: Vec<_> = (0..8).map(|_| scope.spawn(send)).collect();
        all.into_iter().map(|one| one.join().unwrap()).collect()
    });
    assert!(replies.iter().all(|reply| reply.starts_with("250 ") || reply.starts_with("451 ")), "{replies:?}");
    assert!(replies.iter().any(|reply| reply.starts_with("250 ")));
    assert_eq!(setup.copies().len(), 1);
}
