// SPDX-License-Identifier: EUPL-1.2
//! Many clients, slow ones, greedy ones; and a next hop that is ourselves (decision D6).

use super::client::Client;
use super::gateway::House;
use super::hop::{Act, Hop, Step};
use super::{CLERK, message};

#[test]
fn idle_clients_disturb_nobody_and_one_address_has_only_so_many() {
    let hop = Hop::friendly();
    let mut house = House::new(hop.address);
    house.smtp = "max_connections = 600\nmax_connections_per_client = 500\n".into();
    let gateway = house.serve();
    let mut idle: Vec<Client> = (0..499).map(|_| Client::greet(gateway.address)).collect();
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["one@pass.example"], &message("among-many")).starts_with("250 "));
    let mut one_more = Client::connect(gateway.address);
    assert!(one_more.reply().starts_with("421 4.7.0"));
    assert!(idle.iter_mut().all(|client| client.ask("NOOP").starts_with("250")));
    // One goes, one comes.
    idle.pop().unwrap().ask("QUIT");
    let end = std::time::Instant::now() + super::hop::PATIENCE;
    while Client::try_greet(gateway.address).is_none() {
        assert!(std::time::Instant::now() < end, "the place is not given back");
    }
}

#[test]
fn a_line_drawn_out_octet_by_octet_has_only_the_time_of_one_line() {
    let hop = Hop::friendly();
    let mut house = House::new(hop.address);
    house.smtp = "timeouts = { command = \"1s\" }\n".into();
    let gateway = house.serve();
    let mut client = Client::greet(gateway.address);
    // Each octet comes well within the second that an idle client has, for as long as the server takes them.
    while client.try_send(b"N").is_some() {
        if let Some(word) = client.line_within(std::time::Duration::from_millis(100)) {
            assert!(word.starts_with("421 4.4.2"), "{word}");
            return;
        }
    }
    panic!("closed without a word");
}

#[test]
fn a_next_hop_with_our_own_name_is_a_loop() {
    let hop = Hop::scripted(|step: &Step| match step.line.starts_with("EHLO") {
        true => Act::Say("250-octroi.example\r\n250 PIPELINING"),
        false => Act::Usual,
    });
    let house = House::new(hop.address);
    let gateway = house.serve();
    gateway.wait_for_line("same name as octroi");
    let mut client = Client::greet(gateway.address);
    let reply = client.ask(&format!("MAIL FROM:<{CLERK}>"));
    assert!(reply.starts_with("554 5.4.6"), "{reply}");
    assert!(hop.mails().is_empty());
}
