// SPDX-License-Identifier: EUPL-1.2
//! An attachment of any format. The first octet chooses a name, which no reader may rely on.
#![no_main]

use libfuzzer_sys::fuzz_target;
use octroi::document::{Budget, open};

const NAMES: [&str; 16] = [
    "a.docx", "a.xlsx", "a.pptx", "a.odt", "a.pdf", "a.rtf", "a.doc", "a.xls", "a.msg", "a.zip", "a.7z", "a.tar", "a.cab",
    "winmail.dat", "a.ics", "Index/a.iwa",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let mut budget = Budget { bytes: 8 << 20, text: 1 << 20, ..Budget::default() };
    let _ = open(NAMES[usize::from(first % 16)], bytes, &mut budget, &["secret".to_owned()]);
});
