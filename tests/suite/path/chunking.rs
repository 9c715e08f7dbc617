// SPDX-License-Identifier: EUPL-1.2
//! BDAT inward and outward (RFC 3030; decision D5): the same octets whichever way they take.

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop, OFFERS, Step};
use super::{CLERK, message};

fn chunking_hop(script: impl Fn(&Step) -> Act + Send + Sync + 'static) -> Hop {
    let offers = OFFERS.iter().copied().chain(["CHUNKING"]).map(str::to_owned).collect();
    Hop::at("127.0.0.1:0".parse().unwrap(), offers, None, script)
}

fn envelope(client: &mut Client, to: &[&str]) {
    assert!(client.ask(&format!("MAIL FROM:<{CLERK}> BODY=8BITMIME")).starts_with("250"));
    for to in to {
        assert!(client.ask(&format!("RCPT TO:<{to}>")).starts_with("250"));
    }
}

#[test]
fn chunks_become_data_with_its_dots_doubled_and_its_end_added() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let mut content = message("chunks-to-data");
    content.truncate(content.len() - 4); // no final CR LF
    envelope(&mut client, &["one@pass.example"]);
    // Three chunks and the commands behind them in one write.
    let (first, second) = content.split_at(content.len() / 2);
    let mut wire = format!("BDAT {}\r\n", first.len()).into_bytes();
    wire.extend_from_slice(first);
    wire.extend_from_slice(format!("BDAT 0\r\nBDAT {} LAST\r\n", second.len()).as_bytes());
    wire.extend_from_slice(second);
    wire.extend_from_slice(b"NOOP\r\n");
    client.send(&wire);
    let replies: Vec<String> = (0..4).map(|_| client.reply()).collect();
    assert!(replies.iter().all(|reply| reply.starts_with("250 ")), "{replies:?}");
    assert!(replies[2].contains("hop ok"), "{replies:?}");
    content.extend_from_slice(b"\r\n");
    assert!(hop.mails()[0].content == content);
    assert!(hop.lines().contains(&"DATA".to_owned()));
    gateway.wait_for_line("did not end with CR LF");
}

#[test]
fn chunks_and_data_leave_by_bdat_octet_for_octet() {
    let hop = chunking_hop(|_| Act::Usual);
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("data-to-bdat");
    assert!(client.mail(CLERK, &["one@pass.example"], &content).starts_with("250 2.0.0 hop ok"));
    let odd = [&content[..], b"no line end"].concat();
    envelope(&mut client, &["one@pass.example"]);
    assert!(client.chunk(&odd).starts_with("250 2.0.0 hop ok"));
    let mails = hop.mails();
    assert!(mails[0].content == content && mails[1].content == odd);
    assert!(!hop.lines().contains(&"DATA".to_owned()), "{:?}", hop.lines());
    // Held and released, it is the same octets once more.
    envelope(&mut client, &["me@held.example"]);
    assert!(client.chunk(&odd).starts_with("250 2.0.0 accepted as"));
    let id = setup.copies()[0].id.clone();
    assert!(setup.run(&["quarantine", "release", &id, "--reason", "asked"]).status.success());
    assert!(hop.wait_for_mails(3)[2].content.ends_with(&odd));
}

#[test]
fn a_lone_newline_goes_by_bdat_or_not_at_all() {
    let with = chunking_hop(|_| Act::Usual);
    let mut setup = Setup::new(with.address);
    setup.smtp = "bare_newline = \"pass\"\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = [&message("lone")[..], b"a\nb\r\n"].concat();
    assert!(client.mail(CLERK, &["one@pass.example"], &content).starts_with("250 2.0.0 hop ok"));
    assert!(with.mails()[0].content == content);
    // The next hop loses BDAT: nothing is sent, and nothing kept.
    drop(gateway);
    let without = Hop::friendly();
    setup.hop = without.address.to_string();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &content);
    assert!(reply.starts_with("550 5.6.11"), "{reply}");
    assert!(without.mails().is_empty() && setup.copies().is_empty());
}

#[test]
fn a_chunk_the_hop_refuses_is_refused_and_the_connection_is_reset() {
    let hop = chunking_hop(
        |step| {
            if step.line == "." && step.nth == 1 { Act::Say("554 5.6.0 not this") } else { Act::Usual }
        },
    );
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &message("refused-chunk"));
    assert_eq!(reply, "554 5.6.0 not this");
    assert!(setup.copies().is_empty());
    assert_eq!(hop.lines().last().unwrap(), "RSET");
    assert!(client.mail(CLERK, &["one@pass.example"], &message("next")).starts_with("250 2.0.0 hop ok"));
}

#[test]
fn a_hop_that_left_before_bdat_is_found_again_once() {
    // It answers the last RCPT and leaves.
    let hop = chunking_hop(|step| match (step.line, step.nth) {
        ("RCPT TO:<one@pass.example>", 1) => Act::SayAndHangup("250 2.1.5 ok"),
        _ => Act::Usual,
    });
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("left-before-bdat");
    let replies = client.try_mail(CLERK, &["one@pass.example"], &content).unwrap();
    assert!(replies.last().unwrap().starts_with("250 2.0.0 hop ok"), "{replies:?}");
    assert_eq!(hop.mails().len(), 1);
    assert!(hop.mails()[0].content == content);
}

#[test]
fn a_chunk_beyond_the_limit_is_read_and_thrown_away() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "max_size = \"100 KiB\"\n".into();
    setup.more = "[limits]\nmemory = \"100 KiB\"\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    envelope(&mut client, &["one@pass.example"]);
    let reply = client.chunk(&vec![b'x'; 5_000_000]);
    assert!(reply.starts_with("552 5.3.4"), "{reply}");
    assert!(client.ask("BDAT 0 LAST").starts_with("503"));
    assert!(client.mail(CLERK, &["one@pass.example"], &message("small")).starts_with("250 "));
}
