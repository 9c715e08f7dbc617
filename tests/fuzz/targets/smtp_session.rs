// SPDX-License-Identifier: EUPL-1.2
//! A client's octets, cut anywhere, into the SMTP session.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use std::time::Duration;

use octroi::mail::{Client, FinalDomains, reply};
use octroi::smtp::Capabilities;
use octroi::smtp::server::{BareNewline, Event, Peer, Session, SessionSettings, Trust};

fuzz_target!(|data: &[u8]| {
    let Some((first, octets)) = data.split_first() else { return };
    let settings = SessionSettings {
        hostname: "gate.example".into(),
        max_size: 4096,
        max_recipients: 8,
        max_errors: 20,
        bare_newline: if first & 1 == 0 { BareNewline::Refuse } else { BareNewline::Pass },
        final_domains: FinalDomains::default(),
        login_domain: None,
        require_tls: false,
        auth: first & 2 != 0,
        command_timeout: Duration::from_secs(300),
        data_timeout: Duration::from_secs(180),
    };
    let trust = Trust { xclient: first & 4 != 0, xforward: first & 8 != 0, received: true };
    let peer = Peer { client: Client::default(), starttls: false, trust, admitted: true };
    let mut session = Session::new(Arc::new(settings), Arc::new(Capabilities::default()), peer);
    for piece in octets.chunks(usize::from(first >> 4) + 1) {
        session.receive(piece);
        while let Some(event) = session.next_event() {
            match event {
                Event::Offer(offer) => {
                    let replies = usize::from(offer.mail.is_some()) + offer.recipients.len();
                    session.answer_offer(vec![reply::OK.reply(); replies]);
                }
                Event::Mail(_) => session.answer_mail(reply::OUR_FAULT.reply()),
                Event::Login(_) => session.answer_login(reply::AUTH_UNAVAILABLE.reply()),
                Event::Reset => {}
                Event::StartTls | Event::Close => return,
            }
        }
        session.output().clear();
    }
});
