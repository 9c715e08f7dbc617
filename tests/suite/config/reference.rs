// SPDX-License-Identifier: EUPL-1.2
//! `deploy/octroi.toml` names every key, and its defaults are the built-in ones.

use std::path::Path;

use octroi::config::{keys, parse};

const TEXT: &str = include_str!("../../../deploy/octroi.toml");

#[test]
fn the_reference_loads_and_changes_nothing() {
    let read = |text| parse(text, Path::new("octroi.toml"), std::iter::empty()).unwrap_or_else(|f| panic!("{f}"));
    assert_eq!(read(TEXT).settings, read("").settings);
}

#[test]
fn every_key_is_named_with_its_default() {
    let table: toml::Table = TEXT.parse().unwrap();
    for key in keys::all() {
        let value = key.path.split('.').try_fold(&toml::Value::Table(table.clone()), |at, name| at.get(name)).cloned();
        let texts: Option<Vec<String>> = value.map(|value| match value {
            toml::Value::Array(items) => items.iter().map(text).collect(),
            toml::Value::Table(table) => table.keys().cloned().collect(),
            one => vec![text(&one)],
        });
        match texts {
            Some(texts) => assert_eq!(texts, key.default, "{}", key.path),
            None => assert!(key.default.is_empty(), "{} has a default and is not set in the reference", key.path),
        }
        assert!(is_named(key), "{} is not named in its section", key.path);
    }
}

fn text(value: &toml::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether the key stands in its section, set or commented out.
fn is_named(key: &keys::Key) -> bool {
    let header = format!("[{}]", key.section());
    let mut inside = false;
    TEXT.lines().any(|line| {
        if line.starts_with('[') {
            inside = line == header;
            return line == format!("[{}]", key.path);
        }
        inside && line.trim_start_matches("# ").starts_with(&format!("{} = ", key.name()))
    })
}

#[test]
fn every_example_is_understood() {
    for key in keys::all() {
        let text = format!("[{}]\n{}\n", key.section(), key.example);
        if let Err(faults) = parse(&text, Path::new("octroi.toml"), std::iter::empty()) {
            // An example alone may lack its companion (a certificate its key); what it says must still read.
            for fault in faults.0 {
                let says = fault.to_string();
                assert!(!says.contains("unknown") && !says.contains("for example"), "{}: {says}", key.path);
            }
        }
    }
}

#[test]
fn every_value_commented_out_is_understood() {
    let mut section = "";
    for line in TEXT.lines() {
        if line.starts_with('[') {
            section = line;
        }
        let Some(value) = line.strip_prefix("# ").filter(|rest| rest.split(' ').nth(1) == Some("=")) else { continue };
        let text = format!("{section}\n{value}\n");
        if let Err(faults) = parse(&text, Path::new("octroi.toml"), std::iter::empty()) {
            for fault in faults.0 {
                let says = fault.to_string();
                assert!(!says.contains("unknown") && !says.contains("for example"), "{line}: {says}");
            }
        }
    }
}
