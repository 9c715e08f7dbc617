// SPDX-License-Identifier: EUPL-1.2
//! What an operator reads when a rule is wrong: place, message, remedy.

use super::support::{faults, policy};

const GOOD: &str =
    "@id(\"a\") @disposition(\"quarantine\") @reason(\"because.\")\nforbid (principal, action, resource)\n";

/// Annotations and condition, then line, column, message, help.
fn one(text: &str) -> (Option<(usize, usize)>, String, String) {
    let faults = faults(&[("rules/x.cedar", text)]);
    assert_eq!(faults.0.len(), 1, "{faults}");
    let fault = &faults.0[0];
    (fault.line_column(), fault.message.clone(), fault.help.clone().unwrap_or_default())
}

#[test]
fn a_misspelt_fact_is_an_error_with_the_nearest_word() {
    let (place, message, help) = one(&format!("{GOOD}when {{ context.fowards.isEmpty() }};"));
    assert_eq!(place, Some((3, 8)));
    assert!(message.contains("`a`") && message.contains("fowards"), "{message}");
    assert_eq!(help, "did you mean `forwards`?");
    let (_, _, help) = one(&format!("{GOOD}when {{ resource.clas == \"own\" }};"));
    assert_eq!(help, "did you mean `class`?");
}

#[test]
fn a_wrong_type_and_bad_syntax_are_errors_with_a_place() {
    let (place, message, _) = one(&format!("{GOOD}when {{ context.rank >= \"2\" }};"));
    assert_eq!(place, Some((3, 24)));
    assert!(message.contains("expected Long but saw String"), "{message}");
    let (place, message, help) = one(&format!("{GOOD}when {{ context.rank => 2 }};"));
    assert_eq!(place, Some((3, 22)));
    assert!(message.contains("unexpected token") && help.contains("expected"), "{message} {help}");
    let (_, _, help) = one(&format!("{GOOD}when {{ principal in Octroi::Unti::\"sg\" }};"));
    assert_eq!(help, "did you mean `Octroi::Unit`?");
}

#[test]
fn a_permit_is_an_error() {
    let text = "// first\n\n@id(\"a\")\npermit (principal, action, resource);";
    let (place, message, help) = one(text);
    assert_eq!(place, Some((4, 1)));
    assert!(message.contains("can only forbid") && help.contains("unless"), "{message} {help}");
}

/// Whoever mends a row mends it once.
#[test]
fn one_fault_of_a_row_hides_no_other() {
    const UNITS: &str = "[unit.\"sg/budget\"]\ntitle = \"Budget\"\n";
    let rule = |annotations: &str, condition: &str| {
        format!(
            "@id(\"a\") @disposition(\"notify\") @reason(\"x.\") {annotations}\nforbid (principal, action, resource) when {{ {condition} }};"
        )
    };
    let dates = "@mode(\"obsrve\") @until(\"1.3.2026\")";
    let two = format!("{}\n{}", rule("", "context.rank => 2"), rule(dates, "context.rank > 2"));
    for (path, text, wanted) in [
        (
            "domains/allowed.list",
            "a@gmail.com owner=sg scope=sg/budgt until=2026-13-01 resaon=x noet=y\n",
            &["`2026-13-01` is not a date", "unknown option `resaon`", "unknown option `noet`", "no unit `sg/budgt`"][..],
        ),
        (
            "domains/allowed.list",
            "a@gmail.com until=soon x\n",
            &["not a date", "`x` is not an option", "owner` and `reason"],
        ),
        (
            "domains/partner.list",
            "gmail.com until=2026-02-30\n",
            &["`2026-02-30` is not a date", "cannot be on the list"],
        ),
        ("domains/partner.list", "a@@b until=2026-02-30\n", &["`2026-02-30` is not a date", "is not an address"]),
        (
            "rules/x.cedar",
            &rule(dates, "context.rank => 2"),
            &["unexpected token", "`obsrve` is not a mode", "not a date"],
        ),
        ("rules/x.cedar", &rule(dates, "context.rnak > 2"), &["rnak", "`obsrve` is not a mode", "not a date"]),
        ("rules/x.cedar", &two, &["unexpected token", "`obsrve` is not a mode", "`1.3.2026` is not a date"]),
        (
            "limits.toml",
            "[[limit]]\nper = \"sendr\"\nrecipients = 5\nevery = \"1h\"\nreason = \"r\"\nmode = \"x\"\nonly = [\"unit:sg/budgt\"]\n",
            &["`sendr` is not", "`x` is not a value of `mode`", "no unit `sg/budgt`"],
        ),
    ] {
        let webmail = ("domains/private-webmail.list", "gmail.com\n");
        let faults = faults(&[(path, text), webmail, ("units/units.toml", UNITS)]);
        for wanted in wanted {
            let said = faults.0.iter().filter(|fault| fault.message.contains(wanted)).count();
            assert_eq!(said, 1, "{wanted} of {text}\n{faults}");
        }
        assert_eq!(faults.0.len(), wanted.len(), "{text}\n{faults}");
    }
}

#[test]
fn annotations_are_required_known_and_sound() {
    let rule = "\nforbid (principal, action, resource) when { context.rank > 1 };";
    for (annotations, place, message, help) in [
        (r#"@id("a") @disposition("notify")"#, (2, 1), "the rule has no `@reason`", "write above it: @reason("),
        (r#"@id("a") @reason("x.")"#, (2, 1), "the rule has no `@disposition`", "write above it"),
        (r#"@disposition("notify") @reason("x.")"#, (2, 1), "the rule has no `@id`", "write above it"),
        (r#"@id("a") @disposition("notify") @reason(" ")"#, (1, 33), "`@reason` is empty", "everybody understands"),
        (
            r#"@id("a") @disposition("notify") @raeson("x.")"#,
            (1, 33),
            "unknown annotation `@raeson`",
            "did you mean `reason`?",
        ),
        (
            r#"@id("a") @disposition("quarantin") @reason("x.")"#,
            (1, 10),
            "`quarantin` is not a disposition",
            "did you mean `quarantine`?",
        ),
        (
            r#"@id("a") @disposition("pass") @reason("x.")"#,
            (1, 10),
            "`pass` is not a disposition",
            "write one of notify",
        ),
        (
            r#"@id("a") @disposition("held") @reason("x.")"#,
            (1, 10),
            "`held` is not a disposition",
            "did you mean `quarantine`? Rules and cases use it for `held`",
        ),
        (r#"@id("A b") @disposition("notify") @reason("x.")"#, (1, 1), "`A b` is not a rule id", "lower-case letters"),
        (
            r#"@id("evaluation-error") @disposition("notify") @reason("x.")"#,
            (1, 1),
            "octroi itself uses the id `evaluation-error`",
            "another",
        ),
        (
            r#"@id("a") @disposition("notify") @reason("x.") @mode("watch")"#,
            (1, 47),
            "`watch` is not a mode",
            "observe",
        ),
        (
            r#"@id("a") @disposition("notify") @reason("x.") @from("1.3.2026")"#,
            (1, 47),
            "`1.3.2026` is not a date",
            "2027-03-31",
        ),
        (
            r#"@id("a") @disposition("notify") @reason("x.") @from("2026-03-02") @until("2026-03-01")"#,
            (1, 67),
            "the rule ends before it begins",
            "exchange",
        ),
    ] {
        let (at, said, remedy) = one(&format!("{annotations}{rule}"));
        assert_eq!((at, said.as_str()), (Some(place), message));
        assert!(remedy.contains(help), "{remedy}");
    }
}

#[test]
fn a_duplicate_id_names_the_other_file() {
    let faults = faults(&[
        ("rules/a.cedar", &format!("{GOOD}when {{ context.rank > 1 }};")),
        ("rules/b.cedar", &format!("\n{GOOD}when {{ context.rank > 2 }};")),
    ]);
    assert_eq!(
        faults.to_string(),
        "rules/b.cedar:2:1: there is already a rule `a`, in rules/a.cedar (give each rule its own id)"
    );
}

#[test]
fn all_faults_of_all_files_come_at_once_and_print() {
    let faults = faults(&[
        (
            "rules/a.cedar",
            &format!("{GOOD}when {{ context.rnak > 1 }};\n\n@id(\"b\")\nforbid (principal, action, resource);"),
        ),
        ("rules/b.cedar", "forbid ("),
        ("domains/partner.list", "x..y\n"),
        ("units/people.csv", "mail\nnobody\n"),
        ("rule/c.cedar", ""),
        ("domains/partners.list", "x.example\n"),
        ("rules/notes.txt", "x"),
        ("docs/readme", "x"),
    ]);
    let said = faults.to_string();
    for part in [
        "rules/a.cedar:3:8: ",
        "rules/a.cedar:6:1: the rule has no `@reason`",
        "rules/a.cedar:6:1: the rule has no `@disposition`",
        "rules/b.cedar:1:9: ",
        "domains/partner.list:1:1: `x..y` is not a domain",
        "units/people.csv:2:1: `nobody` is not an address",
        "rule/: octroi does not read a folder with this name (did you mean `rules/`?)",
        "domains/partners.list: `partners` is almost the name of another list (did you mean `partner.list`?",
        "rules/notes.txt: octroi reads only files with the ending `.cedar` in this folder",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
    assert_eq!(faults.0.len(), 9, "{said}");
    let report = faults.draw(false);
    assert!(report.contains("rules/a.cedar:3:8") && report.contains("context.rnak"), "{report}");
}

#[test]
fn the_version_changes_with_any_file() {
    let version = |more: &[(&str, &str)]| policy(more).version;
    assert_eq!(version(&[]), version(&[]));
    assert_ne!(version(&[]), version(&[("notices/x.md", "bonjour")]));
    assert_ne!(version(&[("a", "bc")]), version(&[("ab", "c")]));
}
