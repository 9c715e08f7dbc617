// SPDX-License-Identifier: EUPL-1.2
//! Signed and enveloped objects, mailboxes, files in texts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octroi::mime::{cms, envelope, filetype, hidden};

fuzz_target!(|data: &[u8]| {
    if let Some(cms::Cms::Clear(inner)) = cms::read(data) {
        assert!(inner.len() <= data.len());
    }
    assert!(envelope::messages(data).iter().map(|message| message.len()).sum::<usize>() <= data.len());
    let _ = (filetype::sniff(data), envelope::emlx(data), hidden::yencoded(data), hidden::encoded_twice(data));
});
