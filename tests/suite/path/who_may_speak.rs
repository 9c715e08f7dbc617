// SPDX-License-Identifier: EUPL-1.2
//! Who may send, and in whose name (decision D6).

use super::client::Client;
use super::gateway::Setup;
use super::hop::Hop;
use super::{CLERK, message};

#[test]
fn a_sender_of_another_domain_is_refused() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let replies = client.try_mail("somebody@elsewhere.example", &["one@pass.example"], &message("foreign")).unwrap();
    assert!(replies[0].starts_with("550 5.7.1"), "{replies:?}");
    assert!(replies[1].starts_with("503") && replies[2].starts_with("503"), "{replies:?}");
    assert!(hop.lines().iter().all(|line| !line.starts_with("MAIL")), "{:?}", hop.lines());
    assert!(client.mail("", &["one@pass.example"], &message("bounce")).starts_with("250 "), "the null sender may");
    assert!(client.mail(CLERK, &["one@pass.example"], &message("own")).starts_with("250 "));
}

#[test]
fn domains_named_in_relay_for_may_send() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "relay_for = [\"elsewhere.example\"]\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    assert!(client.mail("a@elsewhere.example", &["one@pass.example"], &message("x")).starts_with("250 "));
}

#[test]
fn a_client_outside_the_networks_is_turned_away() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "clients = [\"192.0.2.0/24\"]\n".into();
    let gateway = setup.serve();
    let mut client = Client::connect(gateway.address);
    let reply = client.reply();
    assert!(reply.starts_with("554 5.7.1"), "{reply}");
    assert_eq!(client.line(), None);
}
