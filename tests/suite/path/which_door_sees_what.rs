// SPDX-License-Identifier: EUPL-1.2
//! A colleague's address that is an alias of a private mailbox, through each wiring (decision D8): only where octroi
//! stands behind the aliases does it see where the mail really goes. The table is printed.

use std::net::SocketAddr;

use super::both_doors::postfix_milter;
use super::client::Client;
use super::gateway::Setup;
use super::hop::{Hop, PATIENCE};
use super::postfix::Postfix;
use super::sendmail::Sendmail;
use super::{CLERK, message};

/// The colleague, and where the alias leads.
const OWN: &str = "paul.mesnard@justice.gouv.example";
const AWAY: &str = "pmesnard@held.example";

fn alias() -> String {
    format!("virtual_alias_maps = inline:{{{{{OWN}={AWAY}}}}}\n")
}

/// Whether a mail to the alias is held, or arrives; `by` hands it in.
fn is_seen(name: &str, hop: &Hop, setup: &Setup, by: impl FnOnce(&[u8])) -> bool {
    by(&message(name));
    let end = std::time::Instant::now() + PATIENCE;
    loop {
        let arrived = hop.mails().iter().any(|mail| mail.to.iter().any(|to| to.starts_with(&format!("<{AWAY}>"))));
        let held = setup.copies().iter().any(|copy| copy.recipient == AWAY);
        if arrived || held {
            assert!(arrived != held, "{name}: both");
            return held;
        }
        assert!(std::time::Instant::now() < end, "{name}: the mail is nowhere");
    }
}

fn by_smtp(to: SocketAddr) -> impl FnOnce(&[u8]) {
    move |content| {
        let reply = Client::greet(to).mail(CLERK, &[OWN], content);
        assert!(reply.starts_with("250 "), "{reply}");
    }
}

/// The house Postfix sends what leaves to octroi.
fn relayhost() -> Option<(bool, bool)> {
    let look = |local: bool| {
        let hop = Hop::friendly();
        let setup = Setup::new(hop.address);
        let gateway = setup.serve();
        let postfix = Postfix::relaying_to(gateway.address, &alias())?;
        Some(is_seen("relayhost", &hop, &setup, |content| match local {
            true => postfix.submit(CLERK, &[OWN], content),
            false => by_smtp(postfix.address)(content),
        }))
    };
    Some((look(false)?, look(true)?))
}

/// Postfix, octroi, and the same Postfix again.
fn within_one_postfix(
    name: &'static str,
    options: &dyn Fn(SocketAddr) -> String,
    pickup: bool,
) -> Option<(bool, bool)> {
    let look = |local: bool| {
        let hop = Hop::friendly();
        let back = super::port::free();
        let setup = Setup::new(back);
        let gateway = setup.serve();
        // Behind a filter of the queue aliases are expanded already; behind a proxy before it they are not yet.
        let expanded = if pickup { "  -o receive_override_options=no_address_mappings\n" } else { "" };
        let services = format!(
            "127.0.0.1:{} inet n - n - - smtpd\n  -o content_filter=\n  -o smtpd_proxy_filter=\n{expanded}",
            back.port()
        );
        let filter = if pickup {
            format!("content_filter = smtp:[127.0.0.1]:{}\n", gateway.address.port())
        } else {
            String::new()
        };
        let postfix = Postfix::with_services(hop.address, &(alias() + &filter), &options(gateway.address), &services)?;
        Some(is_seen(name, &hop, &setup, |content| match local {
            true => postfix.submit(CLERK, &[OWN], content),
            false => by_smtp(postfix.address)(content),
        }))
    };
    Some((look(false)?, look(true)?))
}

fn milter_of_postfix() -> Option<(bool, bool)> {
    let look = |local: bool| {
        let hop = Hop::friendly();
        let mut setup = Setup::new(hop.address);
        let milter = setup.with_milter();
        let _gateway = setup.serve();
        let postfix = Postfix::relaying_to(hop.address, &(alias() + &postfix_milter(milter)))?;
        Some(is_seen("milter", &hop, &setup, |content| match local {
            true => postfix.submit(CLERK, &[OWN], content),
            false => by_smtp(postfix.address)(content),
        }))
    };
    Some((look(false)?, look(true)?))
}

fn milter_of_sendmail() -> Option<bool> {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    let _gateway = setup.serve();
    let local = "LOCAL_DOMAIN(`justice.gouv.example')\n";
    let sendmail = Sendmail::relaying_to(hop.address, milter, local, &format!("paul.mesnard: {AWAY}\n"))?;
    Some(is_seen("sendmail", &hop, &setup, by_smtp(sendmail.address)))
}

#[test]
fn an_alias_to_a_private_mailbox_is_seen_behind_the_aliases_only() {
    let Some(relay) = relayhost() else { return };
    let filter = within_one_postfix("content-filter", &|_| String::new(), true).unwrap();
    let proxy = within_one_postfix(
        "proxy-filter",
        &|octroi| format!("-o smtpd_proxy_filter=127.0.0.1:{}", octroi.port()),
        false,
    )
    .unwrap();
    let milter = milter_of_postfix().unwrap();
    let word = |seen: bool| if seen { "held" } else { "passed unseen" };
    println!("{OWN} is an alias of {AWAY}; a mail to it by SMTP, and made on the machine:");
    for (wiring, seen) in
        [("relayhost", relay), ("content filter", filter), ("proxy filter", proxy), ("milter", milter)]
    {
        println!("  {wiring:<16} {:<14} {}", word(seen.0), word(seen.1));
    }
    assert_eq!((relay, filter, proxy, milter), ((true, true), (true, true), (false, false), (false, false)));
    if let Some(seen) = milter_of_sendmail() {
        println!("  {:<16} {}", "Sendmail milter", word(seen));
        assert!(!seen);
    }
}

#[test]
fn mail_made_on_the_machine_meets_the_milter_too() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    let gateway = setup.serve();
    let Some(postfix) = Postfix::relaying_to(hop.address, &postfix_milter(milter)) else { return };
    postfix.submit(CLERK, &["one@pass.example", "me@held.example"], &message("on-the-machine"));
    let mails = hop.wait_for_mails(1);
    assert!(mails[0].to.len() == 1 && mails[0].to[0].starts_with("<one@pass.example>"), "{:?}", mails[0].to);
    assert_eq!(setup.copies().len(), 1);
    // Deferred, it waits where it was dropped.
    postfix.submit(CLERK, &["one@pass.example", "later@deferred.example"], &message("deferred-there"));
    gateway.wait_for_line("<deferred-there@justice.gouv.example>");
    assert_eq!((postfix.queued(), hop.mails().len(), setup.copies().len()), (1, 1, 1), "{}", postfix.log());
}
