// SPDX-License-Identifier: EUPL-1.2
//! What is too long for every run has one command, `tests/run --all`, and a row of docs/performance.md with its last
//! figures and their date, or the words that there are none.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Ignored tests under `folder`, but for the processes that other tests start: theirs says "run by".
fn measurements(folder: &Path, found: &mut BTreeSet<String>) -> io::Result<()> {
    let ignored =
        Regex::new(r#"(?m)^\s*#\[ignore(?: = "(.*)")?\]\s+(?:#\[.*\]\s+)*(?:async )?fn (\w+)"#).expect("a pattern");
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            measurements(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for test in ignored.captures_iter(&fs::read_to_string(&path)?) {
                if !test.get(1).is_some_and(|why| why.as_str().starts_with("run by ")) {
                    found.insert(test[2].to_owned());
                }
            }
        }
    }
    Ok(())
}

#[test]
fn every_measurement_is_run_by_all_and_has_its_last_figures() {
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        measurements(&root().join(folder), &mut found).expect("the project");
    }
    let script = fs::read_to_string(root().join("tests/run")).expect("the script");
    let measured = Regex::new(r"(?m)^long .* measure .* (\w+)$").expect("a pattern");
    let run: BTreeSet<String> = measured.captures_iter(&script).map(|line| line[1].to_owned()).collect();
    assert_eq!(found, run, "the ignored tests that measure, and those of tests/run --all");

    let page = fs::read_to_string(root().join("docs/performance.md")).expect("the page");
    let row = Regex::new(r"(?m)^\| `(\w+)` \| .+ \| (?:.*\d{4}-\d\d-\d\d.*|no figures yet) \|$").expect("a pattern");
    let told: BTreeSet<String> = row.captures_iter(&page).map(|row| row[1].to_owned()).collect();
    assert_eq!(found, told, "the ignored tests that measure, and the rows of docs/performance.md");
}

#[test]
fn an_argument_that_the_script_does_not_know_is_an_error() {
    let output = Command::new(root().join("tests/run")).arg("--al").output().expect("bash");
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(error.contains("unknown argument --al;"), "{error}");
}
