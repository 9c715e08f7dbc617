// SPDX-License-Identifier: EUPL-1.2
//! A next hop's replies, cut anywhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octroi::smtp::client::ReplyReader;

fuzz_target!(|data: &[u8]| {
    let Some((first, octets)) = data.split_first() else { return };
    let mut reader = ReplyReader::new();
    for piece in octets.chunks(usize::from(*first) + 1) {
        let mut rest = piece;
        while !rest.is_empty() {
            let Ok((taken, reply)) = reader.feed(rest) else { return };
            assert!(taken <= rest.len() && (taken > 0 || reply.is_some()));
            rest = &rest[taken..];
        }
    }
});
