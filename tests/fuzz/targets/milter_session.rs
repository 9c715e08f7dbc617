// SPDX-License-Identifier: EUPL-1.2
//! An MTA's packets into the milter session.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;

use octroi::mail::{Client, reply};
use octroi::milter::{Ending, Event, Session, SessionSettings};

fuzz_target!(|data: &[u8]| {
    let Some((first, octets)) = data.split_first() else { return };
    let settings = Arc::new(SessionSettings { max_size: 4096, max_recipients: 8, ..SessionSettings::default() });
    let mut session = Session::new(settings, first & 1 != 0, Client::default());
    for piece in octets.chunks(usize::from(first >> 1) + 1) {
        session.receive(piece);
        while let Some(event) = session.next_event() {
            match event {
                Event::Mail(_) => session.answer_mail(&Ending::Refused(reply::OUR_FAULT.reply())),
                Event::Sender(_) | Event::Recipient => session.answer_envelope(None),
                Event::Reset => {}
                Event::Close(_) => return,
            }
        }
        session.output().clear();
    }
});
