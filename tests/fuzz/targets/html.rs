// SPDX-License-Identifier: EUPL-1.2
//! HTML as a reader sees it.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(html) = std::str::from_utf8(data) {
        let _ = octroi::mime::html::text(html);
    }
});
