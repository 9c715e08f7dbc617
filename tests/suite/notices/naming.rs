// SPDX-License-Identifier: EUPL-1.2
//! Rules name texts: one that stands in no language is an error at its rule.

use std::collections::BTreeMap;

use octroi::diagnostic::Diagnostic;
use octroi::notice::Notices;
use octroi::policy::rules::Rules;

/// The errors of a whole language with one text more, `marked`, beside these rules.
fn errors(rules: &str) -> Vec<Diagnostic> {
    let names =
        ["outcome-delivered", "outcome-stripped", "outcome-held", "outcome-refused", "held", "advice", "marked"];
    let text = |name: &str| if name.starts_with("outcome") { "So it is.\n" } else { "# A title\n\nA text.\n" };
    let mut files: BTreeMap<String, Vec<u8>> =
        names.iter().map(|name| (format!("notices/en/{name}.md"), text(name).into())).collect();
    files.insert("rules/x.cedar".into(), rules.into());
    let rules = Rules::parse(Rules::texts(&files)).unwrap();
    Notices::load(&files, Some(&rules)).err().unwrap_or_default()
}

fn rule(id: &str, notice: &str) -> String {
    format!(
        "@id(\"{id}\")\n@notice(\"{notice}\") @disposition(\"notify\") @reason(\"because.\")\nforbid (principal, action, resource);\n"
    )
}

#[test]
fn a_notice_that_stands_in_no_language_is_an_error_at_its_rule() {
    let found = errors(&rule("a", "makred"));
    let [error] = &found[..] else { panic!("one error, not {found:?}") };
    assert_eq!(error.message, "there is no notice `makred`");
    assert_eq!((error.path(), error.line_column()), ("rules/x.cedar", Some((2, 1))));
    assert_eq!(error.help.as_deref(), Some("did you mean `marked`?"));
    assert!(errors(&rule("a", "marked")).is_empty());
    let both = errors(&(rule("first", "x") + &rule("second", "x")));
    let places: Vec<_> = both.iter().filter_map(Diagnostic::line_column).collect();
    assert_eq!(places, [(2, 1), (5, 1)], "each at its own rule");
}

#[test]
fn a_text_that_is_no_utf8_is_an_error() {
    let files = BTreeMap::from([("notices/README.md".to_owned(), b"one\n\xff\n".to_vec())]);
    let found = Notices::load(&files, None).unwrap_err();
    assert_eq!(found.iter().map(|error| error.message.as_str()).collect::<Vec<_>>(), ["line 2 is not UTF-8"]);
}
