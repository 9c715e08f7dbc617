// SPDX-License-Identifier: EUPL-1.2
//! `[smtp.pool] size` bounds what stands open towards the next hop (decision D3).

use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;
use super::{CLERK, message};

/// Three clients with an open transaction each, where two connections may go out: the third waits for one of them.
#[test]
fn a_transaction_waits_for_a_connection_that_another_has() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.more.push_str("[smtp.pool]\nsize = 2\n");
    let gateway = setup.serve();
    let begin = format!("MAIL FROM:<{CLERK}>");
    let mut first = Client::greet(gateway.address);
    let mut second = Client::greet(gateway.address);
    let mut third = Client::greet(gateway.address);
    for client in [&mut first, &mut second] {
        assert!(client.ask(&begin).starts_with("250"));
    }
    third.send(format!("{begin}\r\n").as_bytes());
    // Another client of the same gateway is served meanwhile, as far as it needs no next hop.
    assert!(Client::greet(gateway.address).ask("NOOP").starts_with("250"));
    let begun = || hop.lines().iter().filter(|line| line.starts_with("MAIL")).count();
    assert_eq!(begun(), 2, "{:?}", hop.lines());
    assert!(first.ask("RSET").starts_with("250"));
    assert!(third.reply().starts_with("250"));
    assert_eq!(begun(), 3);
    assert_eq!(hop.conversations().len(), 2, "{:?}", hop.conversations());
    // The place of a connection that breaks is free again, and so are those of clients who leave.
    drop(second);
    drop(third);
    for name in ["one", "two", "three"] {
        let mut client = Client::greet(gateway.address);
        let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &message(name));
        assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}\n{}", gateway.log());
    }
    assert!(hop.conversations().len() <= 3, "{:?}", hop.conversations());
}
