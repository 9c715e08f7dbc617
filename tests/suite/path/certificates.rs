// SPDX-License-Identifier: EUPL-1.2
//! Client certificates, TLS at once, REQUIRETLS, and certificates replaced while mail flows (decisions D6, D10; RFC 8314,
//! RFC 8689).

use std::sync::Arc;

use super::client::{Client, stuffed};
use super::gateway::Setup;
use super::hop::{Act, Hop, OFFERS};
use super::tls::Certified;
use super::{CLERK, message};

const TLS: &str = "[smtp.tls]\nmode = \"opportunistic\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";

#[test]
fn a_certificate_lets_a_stranger_in_and_names_the_sender() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let (ours, theirs) = (Certified::new("octroi.example"), Certified::new("claire.vasseur@justice.gouv.example"));
    ours.write(setup.folder.path());
    std::fs::write(setup.folder.path().join("clients.pem"), &theirs.authority).unwrap();
    setup.policy(
        "rules/proof.cedar",
        "@id(\"proven\") @disposition(\"quarantine\") @reason(\"a test.\")\nforbid (principal, action, resource) when { principal.proof == \"login\" };\n",
    );
    setup.smtp = "clients = [\"192.0.2.0/24\"]\nclient_certs = \"clients.pem\"\n".into();
    let at_once = super::port::free();
    setup.more = format!("{TLS}listen = [\"{at_once}\"]\n");
    let gateway = setup.serve();
    for address in [gateway.address, at_once] {
        let open = |config: Arc<rustls::ClientConfig>| {
            let mut client = Client::connect(address);
            if address == gateway.address {
                client.ask_all(&["EHLO c.example", "STARTTLS"]);
                client.reply();
            }
            client.start_tls(config, "octroi.example");
            if address == at_once {
                client.try_reply()?;
            }
            client.try_send(b"EHLO c.example\r\n")?;
            client.try_reply()?;
            Some(client)
        };
        let mut stranger = open(ours.trusting()).unwrap();
        assert!(stranger.ask(&format!("MAIL FROM:<{CLERK}>")).starts_with("550 5.7.1"));
        // A certificate of another authority is no certificate.
        let false_one = Certified::new("claire.vasseur@justice.gouv.example");
        assert!(open(ours.trusting_and_showing(&false_one)).is_none(), "an unknown authority was believed");
        let mut known = open(ours.trusting_and_showing(&theirs)).unwrap();
        let reply = known.mail(CLERK, &["one@pass.example"], &message("by-certificate"));
        assert!(reply.starts_with("250 2.0.0 accepted as"), "{reply}");
    }
    let line = gateway.wait_for_line("recipient id=");
    assert!(line.contains(" tls-in=TLSv1.3/TLS13_") && line.contains("/verified "), "{line}");
}

#[test]
fn a_new_certificate_is_shown_after_a_reload_and_open_sessions_stay() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let (old, new) = (Certified::new("octroi.example"), Certified::new("octroi.example"));
    old.write(setup.folder.path());
    setup.more = TLS.into();
    let gateway = setup.serve();
    let open = |certified: &Certified| {
        let mut client = Client::greet(gateway.address);
        client.ask("STARTTLS");
        client.start_tls(certified.trusting(), "octroi.example");
        client.try_send(b"EHLO c.example\r\n")?;
        client.try_reply()?;
        Some(client)
    };
    let mut before = open(&old).unwrap();
    new.write(setup.folder.path());
    gateway.signal("HUP");
    gateway.wait_for_line("reloaded");
    assert!(open(&old).is_none() && open(&new).is_some());
    assert!(before.mail(CLERK, &["one@pass.example"], &message("across")).starts_with("250 "));
}

/// A next hop under verified TLS that offers REQUIRETLS there.
fn verified_hop(house_folder: &std::path::Path, name: &str) -> (Hop, Certified) {
    let certified = Certified::new(name);
    std::fs::write(house_folder.join("hop-ca.pem"), &certified.authority).unwrap();
    let offers = OFFERS.iter().copied().chain(["STARTTLS", "REQUIRETLS"]).map(str::to_owned).collect();
    let hop = Hop::at("127.0.0.1:0".parse().unwrap(), offers, Some(certified.serving()), |_| Act::Usual);
    (hop, certified)
}

#[test]
fn requiretls_is_kept_through_hold_and_release_and_never_weakened() {
    let mut setup = Setup::new(super::port::free());
    let (hop, _certified) = verified_hop(setup.folder.path(), "hop.example");
    let ours = Certified::new("octroi.example");
    ours.write(setup.folder.path());
    setup.hop = hop.address.to_string();
    let upstream = |mode: &str| match mode {
        "verified" => {
            "[smtp.upstream_tls]\nmode = \"verified\"\nname = \"hop.example\"\nca = \"hop-ca.pem\"\n".to_owned()
        }
        mode => format!("[smtp.upstream_tls]\nmode = \"{mode}\"\n"),
    };
    setup.more = format!("{TLS}{}", upstream("verified"));
    let gateway = setup.serve();
    let open = |address| {
        let mut client = Client::greet(address);
        client.ask("STARTTLS");
        client.start_tls(ours.trusting(), "octroi.example");
        let offered = client.ask("EHLO client.example");
        (client, offered)
    };
    assert!(!Client::greet(gateway.address).ask("EHLO c").contains("REQUIRETLS"), "not in clear");
    let (mut client, offered) = open(gateway.address);
    assert!(offered.contains("REQUIRETLS"), "{offered}");
    let mail = format!("MAIL FROM:<{CLERK}> REQUIRETLS");
    client.ask_all(&[&mail, "RCPT TO:<one@pass.example>", "RCPT TO:<me@held.example>", "DATA"]);
    client.send(&stuffed(&message("requiretls")));
    assert!(client.reply().starts_with("250 2.0.0 hop ok"));
    assert_eq!(hop.mails()[0].from, format!("<{CLERK}> REQUIRETLS"));
    let line = gateway.wait_for_line("to=<one@pass.example>");
    assert!(line.contains(" tls-out=TLSv1.3/") && line.contains("/verified reply="), "{line}");
    setup.journal("<requiretls@justice.gouv.example>", 2);
    let found = setup.run(&["find", "<requiretls@justice.gouv.example>", "--json"]);
    let found = String::from_utf8_lossy(&found.stdout).into_owned();
    assert!(found.contains("\"client_tls\":\"TLSv1.3/") && found.contains("\"next_hop_tls\":\"TLSv1.3/"), "{found}");
    drop(gateway);
    setup.more = format!("{TLS}{}", upstream("required"));
    let gateway = setup.serve();
    // Under a TLS that is not verified it is not offered, and a release that was promised it is not sent.
    let (mut client, offered) = open(gateway.address);
    assert!(!offered.contains("REQUIRETLS"), "{offered}");
    assert!(client.ask(&mail).starts_with("555"));
    let id = setup.copies()[0].id.clone();
    assert!(setup.run(&["quarantine", "release", &id, "--reason", "asked"]).status.success());
    gateway.wait_for_line("state=put off");
    assert_eq!(hop.mails().len(), 1);
    drop(gateway);
    // With a verified next hop it leaves, and says so.
    setup.more = format!("{TLS}{}", upstream("verified"));
    let gateway = setup.serve();
    let listed = String::from_utf8(setup.run(&["outbox", "list", "--json"]).stdout).unwrap();
    let item = listed.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap().to_owned();
    setup.run(&["outbox", "retry", &item]);
    let released = &hop.wait_for_mails(2)[1];
    assert!(released.from.contains(" REQUIRETLS"), "{}", released.from);
    drop(gateway);
}
