// SPDX-License-Identifier: EUPL-1.2
//! Every setting has an effect: another value makes other settings, and a test shows what that does. The list is that of
//! the program, so that a setting that is added without a row here is missed.

use std::collections::BTreeSet;
use std::path::Path;

use octroi::config::{Settings, keys};

use crate::path::nothing_in_silence::assert_test;

/// The setting, another value than the default, what must stand beside it; and the test that shows the effect.
struct Row {
    path: &'static str,
    to: &'static str,
    beside: &'static [(&'static str, &'static str)],
    file: &'static str,
    test: &'static str,
}

macro_rules! every_setting {
    ($($path:literal = $to:literal, $beside:expr, $effect:ident$(($($seen:tt)*))?, $file:literal $test:literal;)*) => {
        const ROWS: &[Row] =
            &[$(Row { path: $path, to: $to, beside: $beside, file: $file, test: $test }),*];
    };
}

include!("every_setting.in");

/// Those that have one value only, any other of which is refused.
const CONSTANT: &[&str] = &["shared.url"];

#[test]
fn every_setting_has_a_row() {
    let known: BTreeSet<&str> = keys::all().iter().map(|key| key.path).collect();
    let rows = ROWS.iter().map(|row| row.path).chain(CONSTANT.iter().copied());
    let named: BTreeSet<&str> = rows.clone().collect();
    assert_eq!(known, named);
    assert_eq!(rows.count(), named.len(), "a setting has two rows");
    for Row { path, file, test, .. } in ROWS {
        println!("{path}: {file} {test}");
        assert_test(file, test);
    }
}

/// The settings of an empty file with these variables beside it.
fn settings(variables: &[(&str, &str)]) -> Option<Settings> {
    let folder = Path::new("/etc/octroi/octroi.toml");
    let loaded = octroi::config::parse("", folder, variables.iter().copied());
    loaded.ok().map(|loaded| loaded.settings)
}

#[test]
fn another_value_makes_other_settings() {
    // The environment has no accounts one by one.
    for Row { path, to, beside, .. } in ROWS.iter().filter(|row| row.path != "cli.accounts") {
        let name = format!("OCTROI_{}", path.replace('.', "__").to_uppercase());
        let beside: Vec<_> = beside.iter().copied().filter(|(other, _)| *other != name).collect();
        let with: Vec<_> = beside.iter().copied().chain([(name.as_str(), *to)]).collect();
        let with = settings(&with).unwrap_or_else(|| panic!("{path} = {to} is not taken"));
        // What needs it is nothing without it.
        let without = settings(&beside);
        assert!(without.is_none_or(|without| without != with), "{path} = {to} changes nothing");
    }
}
