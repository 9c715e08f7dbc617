// SPDX-License-Identifier: EUPL-1.2
//! Text of any declared charset, calendars and cards, fields of headers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octroi::mime::{card, charset, parameter};

const NAMES: [&str; 12] = [
    "utf-8", "utf-16", "utf-32", "utf-7", "windows-1256", "cp850", "iso-2022-jp", "gb18030", "hz-gb-2312", "mac", "x", "",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let name = NAMES[usize::from(first % 12)];
    let _ = charset::decode(bytes, Some(name));
    let _ = charset::decode_markup(bytes, None);
    let _ = card::read(bytes, Some(name));
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = parameter(text, "filename");
    }
});
