// SPDX-License-Identifier: EUPL-1.2
//! Mailboxes, domains and paths: what is parsed prints, and parses again to the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octroi::mail::{Domain, ForwardPath, Mailbox, ReversePath};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(mailbox) = Mailbox::parse(text) {
        assert_eq!(Mailbox::parse(&mailbox.to_string()).ok(), Some(mailbox));
    }
    if let Ok(domain) = Domain::parse(text) {
        assert_eq!(Domain::parse(domain.as_str()).ok(), Some(domain));
    }
    let _ = ReversePath::parse(text);
    let _ = ForwardPath::parse(text);
});
