// SPDX-License-Identifier: EUPL-1.2
//! XCLIENT, XFORWARD and the PROXY protocol, each from its own list (decision D6).

use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::{Act, Hop, OFFERS};
use super::{CLERK, message};

fn hop_offering(more: &str) -> Hop {
    let offers = OFFERS.iter().map(|offer| offer.to_string()).chain([more.to_owned()]).collect();
    Hop::at("127.0.0.1:0".parse().unwrap(), offers, None, |step| match step.line.starts_with("XCLIENT") {
        true => Act::Say("220 hop.example ESMTP"),
        false => Act::Usual,
    })
}

fn serve(setup: &mut Setup, smtp: &str) -> Gateway {
    setup.smtp = smtp.into();
    setup.serve()
}

const XCLIENT: &str = "trusted_peers = { xclient = [\"127.0.0.1\"] }\n";
const PROXY: &str = "trusted_peers = { proxy = [\"127.0.0.1\"] }\n";

#[test]
fn the_login_of_xclient_is_the_sender() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.policy(
        "rules/login.cedar",
        "@id(\"boss\") @disposition(\"quarantine\") @reason(\"a test.\")\nforbid (principal, action, resource) when { principal.address == \"boss@justice.gouv.example\" && principal.proof == \"login\" };\n",
    );
    let gateway = serve(&mut setup, XCLIENT);
    let mut client = Client::greet(gateway.address);
    assert!(client.ask("XCLIENT ADDR=192.0.2.7 LOGIN=boss@justice.gouv.example").starts_with("220 "));
    client.ask("EHLO boss.example");
    let reply = client.mail(CLERK, &["one@pass.example"], &message("by-boss"));
    assert!(reply.starts_with("250 2.0.0 accepted as"), "{reply}");
    assert!(client.ask("XCLIENT LOGIN=[UNAVAILABLE]").starts_with("220 "));
    client.ask("EHLO boss.example");
    assert!(client.mail(CLERK, &["one@pass.example"], &message("by-clerk")).starts_with("250 2.0.0 hop ok"));
}

/// Decision D18: a login without a domain names the mailbox at `login_domain`, and where that is not set it is compared by
/// its local part.
#[test]
fn a_bare_login_is_completed_or_compared() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.policy(
        "rules/login.cedar",
        "@id(\"proven\") @disposition(\"quarantine\") @reason(\"a test.\")\nforbid (principal, action, resource) when { principal.address == \"boss@justice.gouv.example\" && principal.proof == \"login\" };\n\
         @id(\"belied\") @disposition(\"reject\") @reason(\"a test.\")\nforbid (principal, action, resource) when { context.sender_mismatch };\n",
    );
    let said = |gateway: &Gateway, login: &str, name: &str| {
        let mut client = Client::greet(gateway.address);
        assert!(client.ask(&format!("XCLIENT LOGIN={login}")).starts_with("220 "));
        client.ask("EHLO pc.example");
        client.mail("boss@justice.gouv.example", &["one@pass.example"], &letter(name))
    };
    let gateway = serve(&mut setup, &format!("login_domain = \"justice.gouv.example\"\n{XCLIENT}"));
    assert!(said(&gateway, "boss", "completed").starts_with("250 2.0.0 accepted as"), "{}", gateway.log());
    assert!(said(&gateway, "anna", "other").starts_with("550 5.7.1"), "{}", gateway.log());
    drop(gateway);
    let gateway = serve(&mut setup, XCLIENT);
    assert!(said(&gateway, "boss", "compared").starts_with("250 2.0.0 hop ok"), "{}", gateway.log());
    assert!(said(&gateway, "JUSTICE+5CBoss", "windows").starts_with("250 2.0.0 hop ok"), "{}", gateway.log());
    assert!(said(&gateway, "anna", "belied").starts_with("550 5.7.1"), "{}", gateway.log());
}

/// The boss's own words.
fn letter(name: &str) -> Vec<u8> {
    let content = String::from_utf8_lossy(&message(name)).replace(CLERK, "boss@justice.gouv.example");
    content.into_bytes()
}

/// The third source of decision D18: who has logged in at a mail server on `trusted_peers.received`.
#[test]
fn the_authenticated_sender_of_a_trusted_received_field_is_the_sender() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.policy(
        "rules/login.cedar",
        "@id(\"anna\") @disposition(\"quarantine\") @reason(\"a test.\")\nforbid (principal, action, resource) when { principal.address == \"anna@justice.gouv.example\" && principal.proof == \"login\" };\n",
    );
    let stamp = "Received: from pc (unknown [192.0.2.7])\r\n\t(Authenticated sender: anna@justice.gouv.example)\r\n\tby \
        mx.example (Postfix) with ESMTPSA id 4F; Mon, 30 Nov 2026 12:00:00 +0000\r\n";
    let stamped = |name: &str| [stamp.as_bytes(), &message(name)].concat();
    let gateway = serve(&mut setup, "trusted_peers = { received = [\"127.0.0.1\"] }\n");
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["one@pass.example"], &stamped("named")).starts_with("250 2.0.0 accepted as"));
    // It is the word on one mail, and not on the next.
    assert!(client.mail(CLERK, &["one@pass.example"], &message("unnamed")).starts_with("250 2.0.0 hop ok"));
    assert!(client.chunk_mail(CLERK, "one@pass.example", &stamped("chunk")).starts_with("250 2.0.0 accepted as"));
    drop(gateway);
    let gateway = serve(&mut setup, "trusted_peers = { xforward = [\"127.0.0.1\"], xclient = [\"127.0.0.1\"] }\n");
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["one@pass.example"], &stamped("stranger")).starts_with("250 2.0.0 hop ok"));
}

#[test]
fn xclient_goes_on_over_a_connection_of_its_own() {
    let hop = hop_offering("XCLIENT NAME ADDR LOGIN");
    let mut setup = Setup::new(hop.address);
    let gateway = serve(&mut setup, XCLIENT);
    let mut told = Client::greet(gateway.address);
    told.ask("XCLIENT ADDR=192.0.2.7 HELO=pc LOGIN=claire");
    told.ask("EHLO mta.example");
    let mut plain = Client::greet(gateway.address);
    for client in [&mut told, &mut plain] {
        for name in ["first", "second"] {
            assert!(client.mail(CLERK, &["one@pass.example"], &message(name)).starts_with("250 2.0.0 hop ok"));
        }
    }
    assert_eq!(hop.mails().len(), 4);
    let apart = hop.conversations();
    assert_eq!(apart.len(), 2, "{apart:?}");
    let own = apart.iter().find(|lines| lines[0].starts_with("XCLIENT")).expect("one connection is claire's");
    // Once for all its mails, without what the hop does not take, and never for anybody else's.
    assert_eq!(own[0], "XCLIENT ADDR=192.0.2.7 LOGIN=claire");
    let mails = |lines: &[String]| lines.iter().filter(|line| line.starts_with("MAIL")).count();
    assert!(apart.iter().all(|lines| mails(lines) == 2), "{apart:?}");
    assert_eq!(apart.iter().flatten().filter(|line| line.starts_with("XCLIENT")).count(), 1);
}

/// What a connection is depends on what was said on it, not on what another one offers meanwhile.
#[test]
fn a_connection_that_bears_a_clients_name_stays_its_own_when_the_offer_changes() {
    let hop = hop_offering("XCLIENT NAME ADDR LOGIN");
    let mut setup = Setup::new(hop.address);
    let gateway = serve(&mut setup, XCLIENT);
    let mut told = Client::greet(gateway.address);
    told.ask("XCLIENT ADDR=192.0.2.7 HELO=pc LOGIN=claire");
    told.ask("EHLO mta.example");
    assert!(told.ask(&format!("MAIL FROM:<{CLERK}>")).starts_with("250 "));
    // The next one that is opened offers it no longer.
    hop.offer(&OFFERS);
    let mut plain = Client::greet(gateway.address);
    assert!(plain.ask(&format!("MAIL FROM:<{CLERK}>")).starts_with("250 "));
    told.ask("RSET");
    for name in ["first", "second"] {
        let mut other = Client::greet(gateway.address);
        assert!(other.mail(CLERK, &["one@pass.example"], &message(name)).starts_with("250 2.0.0 hop ok"));
    }
    let apart = hop.conversations();
    let own = apart.iter().find(|lines| lines[0].starts_with("XCLIENT")).expect("one connection is claire's");
    assert_eq!(own.iter().filter(|line| line.starts_with("MAIL")).count(), 1, "{apart:?}");
}

#[test]
fn xforward_goes_on_before_every_mail() {
    let hop = hop_offering("XFORWARD NAME ADDR PROTO HELO IDENT");
    let mut setup = Setup::new(hop.address);
    let gateway = serve(&mut setup, "trusted_peers = { xforward = [\"127.0.0.1\"] }\n");
    let mut client = Client::greet(gateway.address);
    for ident in ["4F1", "4F2"] {
        assert!(client.ask(&format!("XFORWARD ADDR=192.0.2.7 IDENT={ident} SOURCE=LOCAL")).starts_with("250"));
        client.mail(CLERK, &["one@pass.example"], &message(ident));
    }
    client.mail(CLERK, &["one@pass.example"], &message("nothing-said"));
    let lines: Vec<_> = hop.lines().into_iter().filter(|line| line.starts_with("XFORWARD")).collect();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(lines[0], "XFORWARD ADDR=192.0.2.7 IDENT=4F1");
    assert_eq!(lines[1], "XFORWARD ADDR=192.0.2.7 IDENT=4F2");
    assert!(lines[2].contains("ADDR=127.0.0.1") && lines[2].contains("HELO=client.example"), "{}", lines[2]);
}

#[test]
fn whom_the_balancer_names_is_the_client() {
    let hop = hop_offering("XFORWARD ADDR");
    let mut setup = Setup::new(hop.address);
    let gateway = serve(&mut setup, &format!("clients = [\"192.0.2.0/24\", \"2001:db8::/32\"]\n{PROXY}"));
    let v2 = |family: u8, addresses: &[u8]| {
        let length = (addresses.len() as u16).to_be_bytes();
        [b"\r\n\r\n\0\r\nQUIT\n\x21", &[family][..], &length, addresses].concat()
    };
    let six = [&[0x20, 0x01, 0x0d, 0xb8][..], &[0; 11], &[7], &[0; 16], &[1, 2, 0, 25]].concat();
    for (header, address) in [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\n".to_vec(), "ADDR=192.0.2.7"),
        (v2(0x11, &[192, 0, 2, 8, 198, 51, 100, 1, 1, 2, 0, 25]), "ADDR=192.0.2.8"),
        (v2(0x21, &six), "ADDR=IPV6:2001:db8::7"),
    ] {
        let mut client = Client::connect(gateway.address);
        // In two pieces, and the first command close behind.
        client.send(&header[..5]);
        client.send(&[&header[5..], b"EHLO client.example\r\n"].concat());
        assert!(client.reply().starts_with("220 "));
        client.reply();
        assert!(client.mail(CLERK, &["one@pass.example"], &message(address)).starts_with("250 2.0.0 hop ok"));
        let last = hop.lines().into_iter().rfind(|line| line.starts_with("XFORWARD")).unwrap();
        assert_eq!(last, format!("XFORWARD {address}"));
    }
    // Who stands behind the balancer, and is no client of ours.
    let mut stranger = Client::connect(gateway.address);
    stranger.send(b"PROXY TCP4 203.0.113.9 198.51.100.1 56324 25\r\n");
    assert!(stranger.reply().starts_with("554 5.7.1"));
}

#[test]
fn without_its_header_a_balancer_hears_nothing() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let gateway = serve(&mut setup, PROXY);
    for wrong in ["EHLO client.example\r\n", "PROXY TCP4 192.0.2.7\r\nEHLO c\r\n", "PROXY TCP4 x y 1 2\r\n"] {
        let mut client = Client::connect(gateway.address);
        client.send(wrong.as_bytes());
        assert_eq!(client.line(), None, "{wrong:?}");
    }
    // And who is no balancer must not play one.
    drop(gateway);
    let gateway = serve(&mut setup, "");
    let mut client = Client::connect(gateway.address);
    client.send(b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 25\r\nEHLO c\r\n");
    assert!(client.reply().starts_with("220 ") && client.reply().starts_with("502 "));
    assert_eq!(client.line(), None);
}
