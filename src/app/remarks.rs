// SPDX-License-Identifier: EUPL-1.2
//! What works in a policy folder but deserves a second look: above all, what makes rules never apply (decision D41).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::shipped;
use crate::diagnostic::Diagnostic;
use crate::directory::{Person, day};
use crate::mail::Mailbox;
use crate::pipeline::Ruleset;
use crate::policy::verdict::Disposition;
use crate::policy::{Policy, register_warnings, schema};

/// Everything that deserves a second look today.
pub fn remarks(files: &BTreeMap<String, Vec<u8>>, ruleset: &Ruleset, now: Timestamp) -> Vec<Diagnostic> {
    let policy = &ruleset.policy;
    let mut remarks = policy.lists.warnings(day(now));
    remarks.extend(examples(files, policy));
    remarks.extend(missing(files, policy, ruleset.detectors.markings().names().is_empty()));
    remarks.extend(people(policy, now));
    remarks.extend(units(policy));
    remarks.extend(register_warnings(files, policy, now));
    remarks.extend(rules(files, policy, now));
    if files.get("schema.cedarschema").is_some_and(|text| text != schema().as_bytes()) {
        let text = "differs from what rules are checked against: octroi does not read this file";
        remarks.push(of("schema.cedarschema", text, "take the shipped one: it tells your editor the facts"));
    }
    remarks.into_iter().map(Diagnostic::into_warning).collect()
}

fn of(path: &str, text: impl Into<String>, help: impl Into<String>) -> Diagnostic {
    Diagnostic::of_file(path, text).help(help)
}

/// Files of the administration's own that are still as shipped.
fn examples(files: &BTreeMap<String, Vec<u8>>, policy: &Policy) -> Vec<Diagnostic> {
    let mut remarks = Vec::new();
    if policy.lists.has_no_own() {
        let is = if policy.lists.is_empty("own") { "names no domain" } else { "is still the shipped example" };
        let text = format!("{is}: octroi answers 451 to everybody whose domain is not in it");
        remarks.push(of("domains/own.list", text, "write your domains there, one on each line"));
    }
    for (path, help) in [
        ("domains/partner.list", "write your partners, or leave it empty: marked content then leaves to nobody"),
        ("units/people.csv", "write your agents: octroi recognises their private mailboxes by their names"),
        ("units/units.toml", "write your units"),
    ] {
        if files.get(path).is_some_and(|text| shipped::text(path).is_some_and(|shipped| shipped.as_bytes() == text)) {
            remarks.push(of(path, "is still the shipped example", help));
        }
    }
    remarks
}

/// What no file says, and the rules that never apply without it.
fn missing(files: &BTreeMap<String, Vec<u8>>, policy: &Policy, no_markings: bool) -> Vec<Diagnostic> {
    let mut remarks = Vec::new();
    let mut never = |path: &str, what: &str, asking: &[&str]| {
        let rules = policy.rules.asking(asking);
        if !rules.is_empty() {
            let state = if files.contains_key(path) { "names nothing" } else { "is missing" };
            let text = format!("{state}: {what}, and what depends on that in {} never applies", rules.join(", "));
            remarks.push(of(path, text, "take the shipped file"));
        }
    };
    let lists = [
        ("private-webmail", "no recipient is a private mailbox", &["private_mailbox", "private-webmail"][..]),
        ("disposable", "no recipient is disposable", &["disposable"]),
        ("consumer-mx", "no domain is known to be hosted by a consumer provider", &["consumer_hosted"]),
        ("cloud-storage", "no link leads to a consumer cloud", &["cloud-storage"]),
        ("file-transfer", "no link is a file transfer", &["file-transfer"]),
        ("messenger", "no link leads to a messenger", &["messenger"]),
        ("social", "no link leads to a social network", &["social"]),
        ("meeting", "no link leads to a meeting", &["meeting"]),
    ];
    for (list, what, asking) in lists.into_iter().filter(|(list, ..)| policy.lists.is_empty(list)) {
        never(&format!("domains/{list}.list"), what, asking);
    }
    if policy.people.by_mail.is_empty() {
        never("units/people.csv", "octroi knows no agent", &["colleague", "role", "unit"]);
    }
    if no_markings {
        never("markings/", "no text is marked", &["rank", "markings"]);
    }
    remarks
}

/// Agents whose addresses are not ours.
fn people(policy: &Policy, now: Timestamp) -> Option<Diagnostic> {
    let is_ours =
        |person: &&Person| Mailbox::parse(&person.mail).is_ok_and(|mailbox| policy.lists.is_own(&mailbox, now));
    let mut outside: Vec<&Person> = policy.people.by_mail.values().filter(|person| !is_ours(person)).collect();
    outside.sort_by(|a, b| a.mail.cmp(&b.mail));
    let first = outside.first()?;
    let text = match outside.len() {
        1 => format!("{} is not in your own domains (domains/own.list)", first.mail),
        n => format!("{n} addresses are not in your own domains (domains/own.list), such as {}", first.mail),
    };
    Some(of("units/people.csv", text, "write the agents' addresses at work; add their domains to domains/own.list"))
}

/// Units without a title of their own.
fn units(policy: &Policy) -> Vec<Diagnostic> {
    let staffed = |unit: &str| {
        let within = |person: &Person| {
            person.unit.strip_prefix(unit).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        policy.people.by_mail.values().any(within)
    };
    let (people, above): (Vec<&str>, Vec<&str>) = policy.units.unnamed().partition(|unit| staffed(unit));
    let said = |path: &str, units: &[&str], or: &str| {
        let first = units.first()?;
        let text = match units.len() {
            1 => format!("the unit `{first}` is not defined in units/*.toml"),
            n => format!("{n} units are not defined in units/*.toml, such as `{first}`"),
        };
        Some(of(path, text, format!("write [unit.\"{first}\"] in units/units.toml{or}")))
    };
    let in_people = said("units/people.csv", &people, ", or correct the name in people.csv");
    let in_units = said("units/units.toml", &above, ": a unit below it is defined");
    in_people.into_iter().chain(in_units).collect()
}

/// Rules that have ended, name a text that is not there, or ask for what cannot be.
fn rules(files: &BTreeMap<String, Vec<u8>>, policy: &Policy, now: Timestamp) -> Vec<Diagnostic> {
    let mut remarks = Vec::new();
    for rule in policy.rules.iter() {
        let id = &rule.id;
        if let Some(until) = rule.until.filter(|until| *until <= now) {
            let text = format!("the rule `{id}` has ended, at {until}");
            remarks.push(of(&rule.path, text, "write a later `@until`, or remove the rule"));
        }
        let is_held = matches!(rule.disposition, Disposition::Quarantine | Disposition::Strip);
        if rule.needs_two && !is_held {
            let text = format!("the rule `{id}` has @eyes(\"two\") and holds nothing: nobody has to decide");
            remarks.push(of(&rule.path, text, "leave @eyes out, or write @disposition(\"quarantine\")"));
        }
        if let Some(notice) = &rule.notice {
            // French is the language every notice has; the others are fallen back from.
            let path = format!("notices/fr/{notice}.md");
            if !files.contains_key(&path) {
                let text = format!("the rule `{id}` names the notice `{notice}`, but there is no {path}");
                remarks.push(of(&rule.path, text, "write the text, or name another"));
            }
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::policy::Mode;

    /// The shipped folder with other files; an empty text takes a file away.
    fn said(changes: &[(&str, &str)]) -> Vec<String> {
        let mut files = crate::app::read_policies(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap();
        for (path, text) in changes {
            match *text {
                "" => drop(files.remove(*path)),
                text => drop(files.insert((*path).to_owned(), text.as_bytes().to_vec())),
            }
        }
        let ruleset =
            crate::app::ruleset(&files, Path::new("policies"), Mode::Enforce).unwrap_or_else(|e| panic!("{e}"));
        let now = "2026-12-01T12:00:00Z".parse().unwrap();
        remarks(&files, &ruleset, now).iter().map(ToString::to_string).collect()
    }

    /// A house of one's own.
    const OWN: [(&str, &str); 4] = [
        ("domains/own.list", "town.example\n"),
        ("domains/partner.list", "# none\n"),
        ("units/people.csv", "mail,given,surname,unit\na.b@town.example,A,Berger,sg\n"),
        ("units/units.toml", "[unit.sg]\ntitle = \"SG\"\n"),
    ];

    fn with(changes: &[(&str, &str)]) -> Vec<String> {
        said(&OWN.iter().chain(changes).copied().collect::<Vec<_>>())
    }

    #[test]
    fn a_house_of_ones_own_has_no_warning_and_the_shipped_one_is_told_file_by_file() {
        assert_eq!(with(&[]), Vec::<String>::new());
        let said = said(&[]).join("\n");
        for path in ["domains/own.list", "domains/partner.list", "units/people.csv", "units/units.toml"] {
            assert!(said.contains(&format!("{path}: is still the shipped example")), "{path}: {said}");
        }
    }

    #[test]
    fn what_only_makes_rules_never_apply_is_told() {
        let rule = |head: &str| {
            format!("{head} @reason(\"r\")\nforbid (principal, action, resource) when {{ resource.outside }};")
        };
        let ended = rule("@id(\"x\") @disposition(\"quarantine\") @until(\"2026-11-30\")");
        let eyes = rule("@id(\"x\") @disposition(\"notify\") @eyes(\"two\")");
        for (path, text, parts) in [
            ("domains/private-webmail.list", "", &["is missing", "disguised-to-private-mailbox"][..]),
            ("domains/private-webmail.list", "# none\n", &["names nothing"]),
            ("domains/messenger.list", "", &["is missing", "messenger"]),
            ("units/people.csv", "", &["is missing", "no agent"]),
            ("units/people.csv", "mail,unit\nx@webmail.example,sg\n", &["x@webmail.example", "own domains"]),
            ("units/people.csv", "mail,unit\nx@town.example,rh\n", &["units/people.csv", "`rh`", "not defined"]),
            ("units/units.toml", "[unit.\"sgx/achats\"]\n[unit.sg]\n", &["units/units.toml: the unit `sgx`"]),
            ("domains/partner.list", "old.example until=2026-11-30\n", &["counts no more"]),
            ("schema.cedarschema", "rubbish", &["does not read"]),
            ("rules/x.cedar", &ended, &["has ended"]),
            ("rules/x.cedar", &eyes, &["holds nothing"]),
        ] {
            let said = with(&[(path, text)]);
            let all = |line: &&String| parts.iter().all(|part| line.contains(part));
            assert!(said.iter().any(|line| all(&line)), "{path}: {parts:?} in {said:?}");
        }
    }
}
