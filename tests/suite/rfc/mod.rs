// SPDX-License-Identifier: EUPL-1.2
//! The list of sections (`sections.txt`): what it names exists, and nothing of the table of RFC 5321 is missing.

use std::collections::BTreeSet;
use std::path::Path;

const LIST: &str = include_str!("sections.txt");

struct Line {
    document: &'static str,
    section: &'static str,
    /// Tests and transcripts; none where it is not covered.
    shown_by: Vec<&'static str>,
}

fn lines() -> Vec<Line> {
    let rows = LIST.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    rows.map(|row| {
        let fields: Vec<&str> = row.split(" | ").collect();
        let [document, section, _, last] = fields[..] else { panic!("{row:?} has not four fields") };
        let shown_by = match last.strip_prefix("not: ") {
            Some(why) => {
                assert!(!why.is_empty(), "{row:?} does not say why");
                Vec::new()
            }
            None => last.split(", ").collect(),
        };
        Line { document, section, shown_by }
    })
    .collect()
}

/// Every test of the sources, by its name.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            tests(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            let after = text.split("#[test]\n").skip(1).chain(text.split("#[tokio::test]\n").skip(1));
            found.extend(after.filter_map(|rest| Some(rest.split_once("fn ")?.1.split_once('(')?.0.to_owned())));
        }
    }
}

#[test]
fn every_test_that_is_named_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut known = BTreeSet::new();
    tests(&root.join("src"), &mut known);
    tests(&root.join("tests/suite"), &mut known);
    for line in lines() {
        for name in line.shown_by {
            let exists = match name.ends_with(".transcript") {
                true => root.join("tests/transcripts").join(name).is_file(),
                false => known.contains(name),
            };
            assert!(exists, "{} §{}: there is no {name}", line.document, line.section);
        }
    }
}

#[test]
fn every_section_of_the_table_is_in_the_list() {
    let listed: Vec<(&str, &str)> = lines().iter().map(|line| (line.document, line.section)).collect();
    for section in super::smtp::rfc5321::sections() {
        let (document, section) = match section.split_once(" §") {
            Some((document, section)) => (document, section),
            None => ("RFC 5321", section.trim_start_matches('§')),
        };
        for section in section.split(", ") {
            let has = |known: &str| known == section || section.strip_prefix(known).is_some_and(|r| r.starts_with('.'));
            let found = listed.iter().any(|(d, known)| *d == document && has(known));
            assert!(found, "{document} §{section} is tested and not listed");
        }
    }
}
