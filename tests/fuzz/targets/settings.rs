// SPDX-License-Identifier: EUPL-1.2
//! The settings file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::Path;

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = octroi::config::parse(text, Path::new("octroi.toml"), std::iter::empty());
    }
});
