// SPDX-License-Identifier: EUPL-1.2
//! The shipped policy tests are sound in themselves; `octroi test` runs them.

use std::path::Path;

use octroi::policy::case::Case;

use super::support::shipped;

#[test]
fn every_case_reads_names_a_mail_that_is_there_and_a_rule_that_exists() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/tests");
    let policy = shipped(&[]);
    let (mut count, mut mails) = (0, std::collections::BTreeSet::new());
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|end| end != "toml") {
            continue;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        for case in Case::parse(&format!("tests/{name}"), &text).unwrap_or_else(|faults| panic!("{faults:?}")) {
            let mail =
                std::fs::read(folder.join("mail").join(&case.mail)).unwrap_or_else(|e| panic!("{}: {e}", case.mail));
            let bare =
                mail.iter().zip(std::iter::once(&0).chain(&mail)).any(|(b, before)| *b == b'\n' && *before != b'\r');
            assert!(!bare, "{}: lines end with CR LF", case.mail);
            for (address, expected) in &case.expect {
                let rule = expected.rule.as_deref();
                assert!(rule.is_none_or(|rule| policy.rules.get(rule).is_some()), "{name}: {address}: {rule:?}");
            }
            mails.insert(case.mail);
            count += 1;
        }
    }
    assert!(count >= 12, "{count} cases");
    assert_eq!(std::fs::read_dir(folder.join("mail")).unwrap().count(), mails.len(), "a mail no case uses");
}
