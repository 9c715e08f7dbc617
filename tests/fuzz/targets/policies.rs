// SPDX-License-Identifier: EUPL-1.2
//! A policy file of each kind, as an administrator might leave it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

use octroi::notice::Notices;
use octroi::policy::Policy;

const PATHS: [&str; 6] =
    ["domains/own.list", "units/units.toml", "units/people.csv", "limits.toml", "rules/a.cedar", "notices/fr/held.md"];

fuzz_target!(|data: &[u8]| {
    let Some((first, bytes)) = data.split_first() else { return };
    let path = PATHS[usize::from(first % 6)];
    let files = BTreeMap::from([(path.to_owned(), bytes.to_vec())]);
    let _ = Policy::load(&files);
    let _ = Notices::load(&files, None);
});
