// SPDX-License-Identifier: EUPL-1.2
//! Policy tests: a mail, its recipients, and the expected verdict for each copy. `octroi test` runs them.
//!
//! Judging a mail needs the whole path, so the caller passes it in. This file reads cases, compares, and reports.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use jiff::Timestamp;
use serde::Deserialize;
use toml::Spanned;

use super::verdict::Disposition;
use crate::diagnostic::{Diagnostic, Source};
use crate::mail::{ForwardPath, ReversePath};

/// One case, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Case {
    /// The file it stands in, relative to the policy folder.
    pub path: String,
    pub name: String,
    /// Whose domains, partners and people it is about: a folder of `tests/houses/`; without one, the policy folder's own.
    pub house: Option<String>,
    /// The message, relative to `tests/mail/`.
    pub mail: String,
    pub from: ReversePath,
    /// The envelope's recipients: `to`, else those of `[expect]`.
    pub to: Vec<ForwardPath>,
    /// The instant it is judged at; `None` means now.
    pub at: Option<Timestamp>,
    pub expect: Vec<(String, Expected)>,
}

/// What a case expects for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub verdict: Disposition,
    /// A rule that must be among those that spoke.
    pub rule: Option<String>,
}

/// What became of one recipient: address, disposition, the rules that spoke.
pub type Became = (String, Disposition, Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<String>,
    house: Option<Spanned<String>>,
    mail: Option<Spanned<String>>,
    from: Option<Spanned<String>>,
    to: Option<Vec<Spanned<String>>>,
    at: Option<Spanned<String>>,
    expect: Option<BTreeMap<Spanned<String>, Expect>>,
    #[serde(default)]
    case: Vec<File>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expect {
    verdict: Spanned<String>,
    rule: Option<String>,
}

impl Case {
    /// Reads a file of `tests/`: one case, or several as `[[case]]`.
    pub fn parse(path: &str, text: &str) -> Result<Vec<Case>, Vec<Diagnostic>> {
        let source = Source::new(path, text);
        let file: File = toml::from_str(text).map_err(|error| {
            let span = error.span().unwrap_or(0..text.len());
            vec![Diagnostic::at(&source, span, error.message().trim()).help(
                "a case has `name`, `mail`, `from`, `[expect]` with one line for each recipient, and optionally `to`, `at` and `house`",
            )]
        })?;
        let mut faults = Vec::new();
        let several = !file.case.is_empty();
        let files = if several { file.case } else { vec![file] };
        let at = |span: Range<usize>, message: String| Diagnostic::at(&source, span, message);
        let cases = files.into_iter().filter_map(|file| check(path, file, &mut faults, &at)).collect();
        if faults.is_empty() { Ok(cases) } else { Err(faults) }
    }
}

fn check(
    path: &str,
    file: File,
    faults: &mut Vec<Diagnostic>,
    at: &dyn Fn(Range<usize>, String) -> Diagnostic,
) -> Option<Case> {
    let before = faults.len();
    let name = file.name.unwrap_or_default();
    for (key, there) in [
        ("name", !name.is_empty()),
        ("mail", file.mail.is_some()),
        ("from", file.from.is_some()),
        ("[expect]", file.expect.is_some()),
    ] {
        if !there {
            let called = if name.is_empty() { "the case".to_owned() } else { format!("the case `{name}`") };
            faults.push(Diagnostic::of_file(path, format!("{called} has no {key}")));
        }
    }
    let from = file.from.and_then(|from| match ReversePath::parse(from.get_ref()) {
        Ok(path) => Some(path),
        Err(error) => {
            faults.push(at(from.span(), format!("`{}` is not an address: {error}", from.get_ref())));
            None
        }
    });
    let mail = file.mail.map(|mail| {
        let text = mail.get_ref();
        if text.starts_with('/') || text.split('/').any(|part| part == "..") {
            let message = "the mail must be a file in tests/mail";
            faults.push(at(mail.span(), message.into()).help("write only the name of the file"));
        }
        text.clone()
    });
    let instant = file.at.and_then(|text| {
        let read = text.get_ref().parse::<Timestamp>();
        if read.is_err() {
            faults.push(
                at(text.span(), format!("`{}` is not a date with time", text.get_ref()))
                    .help(r#"write at = "2027-03-31T08:00:00Z""#),
            );
        }
        read.ok()
    });
    let mut addresses = Vec::new();
    let mut address = |text: &str, span: Range<usize>, faults: &mut Vec<Diagnostic>| match ForwardPath::parse(text) {
        Ok(path) => addresses.push(path),
        Err(error) => faults.push(at(span, format!("`{text}` is not an address: {error}"))),
    };
    let listed = file.to.is_some();
    for to in file.to.into_iter().flatten() {
        address(to.get_ref(), to.span(), faults);
    }
    let mut expect = Vec::new();
    for (to, expected) in file.expect.into_iter().flatten() {
        if !listed {
            address(to.get_ref(), to.span(), faults);
        }
        let word = expected.verdict.get_ref();
        match Disposition::ALL.into_iter().find(|d| d.as_str() == word) {
            Some(verdict) => expect.push((to.into_inner(), Expected { verdict, rule: expected.rule })),
            None => faults.push(not_a_verdict(word, at(expected.verdict.span(), format!("`{word}` is not a verdict")))),
        }
    }
    if faults.len() > before {
        return None;
    }
    let house = file.house.map(Spanned::into_inner);
    Some(Case { path: path.to_owned(), name, house, mail: mail?, from: from?, to: addresses, at: instant, expect })
}

/// Offers the right word: the one that a word of prose means, else the nearest, else all of them.
fn not_a_verdict(word: &str, fault: Diagnostic) -> Diagnostic {
    let all = Disposition::ALL.map(Disposition::as_str);
    match Disposition::meant_by(word) {
        Some(meant) => fault.help(format!("did you mean `{}`? Rules and cases use it for `{word}`", meant.as_str())),
        None => fault.help(format!("write one of {}", all.join(", "))).nearest(word, all),
    }
}

/// What came of all cases.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaseReport {
    pub passed: usize,
    /// Case and what was otherwise than expected.
    pub failed: Vec<(Case, String)>,
}

/// Runs cases with the caller's way of judging a mail.
pub fn run(cases: &[Case], judge: impl Fn(&Case) -> Result<Vec<Became>, String>) -> CaseReport {
    let mut report = CaseReport::default();
    for case in cases {
        let differences = match judge(case) {
            Ok(became) => compare(case, &became),
            Err(message) => vec![message],
        };
        if differences.is_empty() {
            report.passed += 1;
        } else {
            report.failed.push((case.clone(), differences.join("\n")));
        }
    }
    report
}

fn compare(case: &Case, became: &[Became]) -> Vec<String> {
    let mut differences = Vec::new();
    for (address, expected) in &case.expect {
        let Some((_, verdict, rules)) = became.iter().find(|(to, ..)| to.eq_ignore_ascii_case(address)) else {
            differences.push(format!("{address}: is not a recipient of this mail"));
            continue;
        };
        let spoke = if rules.is_empty() { "no rule matched".to_owned() } else { rules.join(", ") };
        if *verdict != expected.verdict {
            let (wanted, got) = (expected.verdict.as_str(), verdict.as_str());
            differences.push(format!("{address}: expected {wanted}, got {got} ({spoke})"));
        }
        if let Some(rule) = expected.rule.as_ref().filter(|rule| !rules.contains(rule)) {
            differences.push(format!("{address}: expected rule {rule}, got {spoke}"));
        }
    }
    differences
}

impl fmt::Display for CaseReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (case, differences) in &self.failed {
            writeln!(f, "FAILED {}: {}", case.path, case.name)?;
            for line in differences.lines() {
                writeln!(f, "       {line}")?;
            }
        }
        write!(f, "{} passed, {} failed", self.passed, self.failed.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CASE: &str = r#"name = "a report to a private mailbox is held"
mail = "report.eml"
from = "clerk@town.example"
at = "2026-03-01T08:00:00Z"
[expect]
"clerk.home@webmail.example" = { verdict = "quarantine", rule = "document-to-private-mailbox" }
"head@ministry.example" = { verdict = "pass" }
"#;

    #[test]
    fn a_case_reads_and_compares() {
        let cases = Case::parse("tests/a.toml", CASE).unwrap();
        let right = |_: &Case| {
            Ok(vec![
                (
                    "Clerk.Home@webmail.example".into(),
                    Disposition::Quarantine,
                    vec!["document-to-private-mailbox".into()],
                ),
                ("head@ministry.example".into(), Disposition::Pass, vec![]),
            ])
        };
        assert_eq!(run(&cases, right).to_string(), "1 passed, 0 failed");
        let wrong = |_: &Case| Ok(vec![("clerk.home@webmail.example".into(), Disposition::Pass, vec![])]);
        let report = run(&cases, wrong);
        assert_eq!(report.failed.len(), 1);
        let text = report.to_string();
        assert!(text.contains("expected quarantine, got pass (no rule matched)"), "{text}");
        assert!(text.contains("head@ministry.example: is not a recipient"), "{text}");
        assert!(text.ends_with("0 passed, 1 failed"), "{text}");
        assert_eq!(run(&cases, |_| Err("no such mail".into())).failed[0].1, "no such mail");
    }

    #[test]
    fn faults_name_place_and_remedy() {
        let faults = Case::parse("tests/a.toml", &CASE.replace("quarantine", "quarantene")).unwrap_err();
        assert_eq!(faults[0].line_column().unwrap().0, 6);
        assert_eq!(faults[0].help.as_deref(), Some("did you mean `quarantine`?"));
        for (word, right) in [("held", "quarantine"), ("Noted", "notify"), ("refused", "reject")] {
            let faults = Case::parse("tests/a.toml", &CASE.replace("quarantine", word)).unwrap_err();
            let help = format!("did you mean `{right}`? Rules and cases use it for `{word}`");
            assert_eq!(faults[0].help.as_deref(), Some(help.as_str()));
        }
        let faults = Case::parse("tests/a.toml", &CASE.replace("quarantine", "xyz")).unwrap_err();
        assert_eq!(faults[0].help.as_deref(), Some("write one of pass, notify, strip, quarantine, defer, reject"));
        let faults = Case::parse("tests/a.toml", &CASE.replace("clerk@town", "clerk.town")).unwrap_err();
        assert!(faults[0].message.contains("no @"), "{faults:?}");
        assert!(Case::parse("tests/a.toml", &CASE.replace("report.eml", "../report.eml")).is_err());
        assert!(Case::parse("tests/a.toml", "name = \"x\"").unwrap_err().len() >= 3);
        assert!(Case::parse("tests/a.toml", "nmae = 1").unwrap_err()[0].help.is_some());
    }
}
