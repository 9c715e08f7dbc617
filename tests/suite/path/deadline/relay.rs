// SPDX-License-Identifier: EUPL-1.2
//! The next hop is slow after the final dot: at each of its phases, at all of them a little, or octet by octet.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use octroi::deliver::connection::OurName;
use octroi::deliver::deadline::Deadline;
use octroi::deliver::next_hop::{NextHop, NextHopSettings, Tls};
use octroi::deliver::outbox::HopAddress;
use octroi::deliver::relay::Relay;
use octroi::deliver::{NextHopError, Onward};
use octroi::mail::{Client, Content, Envelope, ForwardPath, Mail, MailId, Parameters, Recipient, Reply, ReversePath};
use octroi::smtp::Capabilities;
use octroi::smtp::server::{MailCommand, Offer};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::hop::{Hop, Slow};
use super::{LATE, on_a_standing_clock, while_stuck};
use crate::path::CLERK;
use crate::path::tls::Certified;

const ALLOWED: Duration = Duration::from_secs(6);

fn recipient(to: &str) -> Recipient {
    let path = ForwardPath::parse(to).unwrap();
    Recipient { path, parameters: Parameters::default(), verbatim: format!("<{to}>") }
}

/// A relay to this next hop that has offered MAIL and three RCPT, and the mail.
async fn offered(hop: &Hop) -> (Relay, Mail) {
    let generous = Duration::from_secs(3600);
    let next_hop = NextHop::new(NextHopSettings {
        address: HopAddress::Tcp(hop.address.to_string()),
        lmtp: false,
        us: OurName { name: "octroi.example".into(), is_chosen: true },
        tls: Tls::Opportunistic(TlsConnector::from(Certified::new("hop.example").trusting())),
        tls_name: None,
        pool: 1,
        idle: generous,
        connect: generous,
        timeout: generous,
        faults: Arc::default(),
    });
    let mut relay = Relay::new(Arc::new(next_hop), Capabilities::default());
    let recipients: Vec<_> = ["a@x.example", "b@x.example", "c@x.example"].map(recipient).into();
    let path = ReversePath::parse(CLERK).unwrap();
    let verbatim = format!("<{CLERK}>");
    let command = MailCommand { path: path.clone(), parameters: Parameters::default(), verbatim: verbatim.clone() };
    let offer =
        Offer { mail: Some(command), recipients: recipients.clone(), xforward: Vec::new(), xclient: Vec::new() };
    let replies = relay.offer(&offer, &Client::default()).await;
    assert!(replies.iter().all(Reply::is_positive), "{replies:?}");
    // More than the sockets on the way hold.
    let content = "words of a long letter\r\n".repeat(1_000_000);
    let envelope = Envelope { reverse_path: path, parameters: Parameters::default(), verbatim, recipients };
    let mail = Mail {
        id: MailId::parse("M1").unwrap(),
        received: Timestamp::UNIX_EPOCH,
        client: Client::default(),
        envelope,
        content: Content(content.into()),
    };
    (relay, mail)
}

/// Two of three copies go on: RSET, the envelope again, the content. What came of it, and after how long.
async fn handed_on(hop: &Hop) -> (Result<Reply, NextHopError>, Duration) {
    while_stuck(&hop.stuck);
    let (mut relay, mail) = offered(hop).await;
    let began = Instant::now();
    let deadline = Deadline::after(ALLOWED);
    let outcome = match relay.choose(&mail, &[0, 1], deadline).await {
        Ok(()) => relay.deliver(&mail, &[0, 1], &mail.content, deadline).await,
        Err(fault) => Err(fault),
    };
    (outcome, began.elapsed())
}

#[test]
fn a_next_hop_that_says_nothing_at_a_phase_is_left_at_the_deadline() {
    let phases = [
        "connect",
        "greeting",
        "EHLO",
        "STARTTLS",
        "handshake",
        "MAIL",
        "first RCPT",
        "second RCPT",
        "DATA",
        "content",
        ".",
    ];
    for phase in phases {
        on_a_standing_clock(async {
            let hop = Hop::start(Slow::At(phase));
            let (outcome, took) = handed_on(&hop).await;
            let fault = outcome.expect_err(phase);
            // Only where the content was on its way may it have arrived.
            let begun = ["content", "."].contains(&phase);
            assert_eq!(fault == NextHopError::MaybeDuplicate, begun, "{phase}: {fault}");
            assert!(took >= ALLOWED && took < ALLOWED + LATE, "{phase}: {took:?}");
        });
    }
}

#[test]
fn one_that_does_not_answer_rset_is_asked_on_a_new_connection() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::At("RSET"));
        let (outcome, took) = handed_on(&hop).await;
        assert!(outcome.is_ok_and(|reply| reply.is_positive()));
        assert!(took < ALLOWED, "{took:?}");
        assert_eq!(hop.heard.lock().unwrap()[..3], ["RSET", "EHLO", "MAIL"]);
    });
}

#[test]
fn one_that_does_not_answer_the_rset_of_an_abandoned_mail_is_left() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::At("RSET"));
        while_stuck(&hop.stuck);
        let (mut relay, _) = offered(&hop).await;
        let began = Instant::now();
        relay.abandon(Deadline::after(Duration::from_secs(1))).await;
        assert!(began.elapsed() < Duration::from_secs(1) + LATE, "{:?}", began.elapsed());
    });
}

#[test]
fn one_that_is_a_little_slow_each_time_is_left_at_the_deadline_too() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::Each(Duration::from_secs(2)));
        let (outcome, took) = handed_on(&hop).await;
        assert!(outcome.is_err(), "{outcome:?}");
        assert!(took <= ALLOWED + LATE, "{took:?}");
        let heard = hop.heard.lock().unwrap().clone();
        assert!(heard.len() <= 4 && !heard.contains(&"DATA".to_owned()), "{heard:?}");
    });
}

#[test]
fn a_reply_that_drips_is_one_reply() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::Octet(Duration::from_millis(1500)));
        let (outcome, took) = handed_on(&hop).await;
        assert!(outcome.is_err(), "{outcome:?}");
        assert!(took <= ALLOWED + LATE, "{took:?}");
    });
}
