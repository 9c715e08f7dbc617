// SPDX-License-Identifier: EUPL-1.2
//! A message, as MIME and as text.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use octroi::detect::Words;
use octroi::detect::reading::text;
use octroi::mime::{self, ParseBudget};

static WORDS: LazyLock<Words> = LazyLock::new(Words::shipped);

fuzz_target!(|data: &[u8]| {
    let message = mime::parse(data, &ParseBudget::default());
    let _ = text::gather(&message, &[], &WORDS);
    let all: Vec<usize> = (1..message.parts.len()).collect();
    let _ = mime::cut(data, &message, &all, |_| Vec::new());
});
