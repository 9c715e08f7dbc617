// SPDX-License-Identifier: EUPL-1.2
//! A balancer's PROXY header.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = octroi::smtp::proxy::read(data);
});
