// SPDX-License-Identifier: EUPL-1.2
//! Many clients, slow ones, greedy ones; and a next hop that is ourselves (decision D6).

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;

use super::client::Client;
use super::gateway::{Setup, get};
use super::hop::{Act, Hop, PATIENCE, Step};
use super::{CLERK, message};

#[test]
fn idle_clients_disturb_nobody_and_one_address_has_only_so_many() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "max_connections = 600\nmax_connections_per_client = 500\n".into();
    let gateway = setup.serve();
    let mut idle: Vec<Client> = (0..499).map(|_| Client::greet(gateway.address)).collect();
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["one@pass.example"], &message("among-many")).starts_with("250 "));
    let mut one_more = Client::connect(gateway.address);
    assert!(one_more.reply().starts_with("421 4.7.0"));
    assert!(idle.iter_mut().all(|client| client.ask("NOOP").starts_with("250")));
    // One goes, one comes.
    idle.pop().unwrap().ask("QUIT");
    let end = std::time::Instant::now() + PATIENCE;
    while Client::try_greet(gateway.address).is_none() {
        assert!(std::time::Instant::now() < end, "the place is not given back");
    }
}

/// Who stands at the health pages takes nothing from mail: neither descriptors nor time.
#[test]
fn half_requests_at_the_health_page_are_few_and_end_and_mail_flows() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let pages = super::port::free();
    setup.more = format!("[web]\nlisten = \"{pages}\"\n");
    let gateway = setup.serve();
    let half = || {
        let mut stream = TcpStream::connect(pages).unwrap();
        // Where it was closed already, that shows below.
        let _ = stream.write_all(b"GET /healthz HT");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    let requests: Vec<TcpStream> = (0..200).map(|_| half()).collect();
    gateway
        .wait_for_lines("refused listener=http client=127.0.0.1 at=connect code=0 cause=\"too many connections", 184);
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["one@pass.example"], &message("beside-pages")).starts_with("250 "));
    // Those that were let in have the time of one head, and no more.
    for mut stream in requests {
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        assert!(!ended.is_err_and(|e| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)), "still open");
    }
    assert_eq!(get(pages, "/healthz").0, 200);
}

/// A page wants no body: what comes as one is not read, and the head has a bound.
#[test]
fn a_request_is_bounded() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let pages = super::port::free();
    setup.more = format!("[web]\nlisten = \"{pages}\"\n");
    let _gateway = setup.serve();
    let answer = |head: String, body: &[u8]| {
        let mut stream = TcpStream::connect(pages).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let _ = stream.write_all(head.as_bytes());
        // As much as it takes: it closes long before the end.
        let taken = (0..10_000).take_while(|_| stream.write_all(body).is_ok()).count();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        (taken, String::from_utf8_lossy(&answer).into_owned())
    };
    let head = "POST /healthz HTTP/1.1\r\nHost: o\r\nContent-Length: 99999999999\r\n\r\n";
    let (taken, _) = answer(head.to_owned(), &[b'x'; 64 * 1024]);
    assert!(taken < 1000, "{taken} pieces of a body were taken");
    let (_, said) = answer(format!("GET /healthz HTTP/1.1\r\nHost: o\r\nX: {}\r\n\r\n", "x".repeat(100_000)), b"");
    assert!(!said.contains("alive"), "{said}");
}

#[test]
fn a_line_drawn_out_octet_by_octet_has_only_the_time_of_one_line() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "timeouts = { command = \"1s\" }\n".into();
    let gateway = setup.serve();
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
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    gateway.wait_for_line("same name as octroi");
    let mut client = Client::greet(gateway.address);
    let reply = client.ask(&format!("MAIL FROM:<{CLERK}>"));
    assert!(reply.starts_with("554 5.4.6"), "{reply}");
    assert!(hop.mails().is_empty());
}
