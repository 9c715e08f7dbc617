// SPDX-License-Identifier: EUPL-1.2
//! From what rules say to what happens: strictest wins, observe, validity, errors, strip.

use octroi::detect::reading::opened::Opened;
use octroi::document::Extract;
use octroi::policy::Mode;
use octroi::policy::verdict::{Disposition, Verdict};

use super::support::{Asked, noon, policy};

fn rule(id: &str, disposition: &str, more: &str, condition: &str) -> String {
    format!(
        "@id(\"{id}\") @disposition(\"{disposition}\") @reason(\"because {id}.\") {more}\nforbid (principal, action, resource) when {{ {condition} }};\n"
    )
}

#[test]
fn the_strictest_wins_and_all_who_spoke_are_named() {
    let text = rule("n", "notify", "@notice(\"soft\")", "true")
        + &rule("q", "quarantine", "", "context.rank > 0")
        + &rule("d", "defer", "", "context.rank > 1")
        + &rule("r", "reject", "", "context.rank > 2");
    let policy = policy(&[("rules/x.cedar", &text)]);
    for (rank, said) in [(0, "notify n"), (1, "quarantine q n"), (2, "defer d q n"), (3, "reject r d q n")] {
        assert_eq!(Asked::to("a@b.example").with(&format!("marking/{rank}")).said(&policy), said);
    }
    let judgement = Asked::to("a@b.example").with("marking/3").first(&policy);
    let Verdict::Reject { because, reply } = judgement.verdict else { panic!("no rejection") };
    assert_eq!(reply.reply().code, 550);
    assert_eq!((because.first().text.as_str(), because.first().notice.as_deref()), ("because r.", None));
    let Verdict::Defer { reply, .. } = Asked::to("a@b.example").with("marking/2").first(&policy).verdict else {
        panic!("no deferral")
    };
    assert_eq!(reply.reply().code, 451);
}

#[test]
fn a_rule_may_observe_and_so_may_the_whole_policy() {
    let text = rule("o", "reject", "@mode(\"observe\")", "true") + &rule("q", "quarantine", "", "true");
    let policy = policy(&[("rules/x.cedar", &text)]);
    let judgement = Asked::to("a@b.example").first(&policy);
    assert_eq!(judgement.verdict.disposition(), Disposition::Quarantine);
    assert_eq!(judgement.observed.unwrap().rules().collect::<Vec<_>>(), ["o"]);

    let policy = policy.in_mode(Mode::Observe { until: Some("2026-03-02T12:00:01Z".parse().unwrap()) });
    let judgement = Asked::to("a@b.example").first(&policy);
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert_eq!(judgement.observed.unwrap().rules().collect::<Vec<_>>(), ["o", "q"]);
    let mut later = Asked::to("a@b.example");
    later.instant = "2026-03-02T12:00:01Z".parse().unwrap();
    assert_eq!(later.said(&policy), "quarantine q", "the watch is over");
}

#[test]
fn from_and_until_are_compared_with_the_instant() {
    let days = rule("days", "notify", "@from(\"2026-03-01\") @until(\"2026-03-02\")", "true");
    let instants =
        rule("instants", "notify", "@from(\"2026-03-02T12:00:00+01:00\") @until(\"2026-03-02T12:00:00Z\")", "true");
    let policy = policy(&[("rules/x.cedar", &(days + &instants))]);
    for (instant, said) in [
        ("2026-02-28T23:59:59.999Z", "pass"),
        ("2026-03-01T00:00:00Z", "notify days"),
        ("2026-03-02T10:59:59Z", "notify days"),
        ("2026-03-02T11:00:00Z", "notify days instants"),
        ("2026-03-02T11:59:59Z", "notify days instants"),
        ("2026-03-02T12:00:00Z", "notify days"),
        ("2026-03-02T23:59:59Z", "notify days"),
        ("2026-03-03T00:00:00Z", "pass"),
        // Again, out of memory: the windows are told apart.
        ("2026-03-02T11:00:00Z", "notify days instants"),
    ] {
        let mut asked = Asked::to("a@b.example");
        asked.instant = instant.parse().unwrap();
        assert_eq!(asked.said(&policy), said, "{instant}");
    }
}

#[test]
fn a_rule_that_cannot_be_evaluated_holds_the_copy() {
    // Strict validation knows types, not overflow.
    let overflow = "(context.recipients + 1) * 9223372036854775807 == 5";
    let text = rule("broken", "notify", "", overflow) + &rule("n", "notify", "", "true");
    let broken = policy(&[("rules/x.cedar", &text)]);
    assert_eq!(Asked::to("a@b.example").said(&broken), "quarantine evaluation-error n");
    assert_eq!(Asked::to("a@gouv.example").said(&broken), "quarantine evaluation-error n");

    let watched = policy(&[("rules/x.cedar", &rule("broken", "notify", "@mode(\"observe\")", overflow))]);
    let judgement = Asked::to("a@b.example").first(&watched);
    assert_eq!(judgement.verdict, Verdict::Pass, "a rule that only observes holds nothing");
    assert_eq!(judgement.observed.unwrap().first().rule, "evaluation-error");

    let over = policy(&[("rules/x.cedar", &rule("broken", "notify", "@until(\"2020-01-01\")", overflow))]);
    assert_eq!(Asked::to("a@b.example").said(&over), "pass");
}

#[test]
fn strip_names_the_attachments_with_findings_and_never_touches_sealed_mail() {
    let policy = policy(&[("rules/x.cedar", &rule("s", "strip", "", "context.rank > 1"))]);
    let opened = |part: usize, place: &str| Opened { part, place: place.into(), extract: Extract::default().into() };
    let mut asked = Asked::to("a@b.example").with("marking/2@attachment:a.zip/n.docx#footer marking/2@body");
    asked.opened = vec![opened(2, "attachment:a"), opened(3, "attachment:a.zip"), opened(4, "attachment:b.pdf")];
    let Verdict::Strip { parts, .. } = asked.first(&policy).verdict else { panic!("no strip") };
    assert_eq!(parts, [3]);
    asked.sealed = true;
    assert_eq!(asked.said(&policy), "quarantine s");
    asked.sealed = false;
    asked.findings.remove(0);
    assert_eq!(asked.said(&policy), "quarantine s", "nothing to take out");
}

#[test]
fn rules_may_name_units_lists_senders_and_recipients() {
    let text = rule("unit", "notify", "", "principal in Octroi::Unit::\"sg\"")
        + &rule("list", "notify", "", "resource in Octroi::DomainList::\"press\"")
        + &rule(
            "sender",
            "notify",
            "",
            "principal.address == \"clerk@finances.gouv.example\" && principal.role == \"chief\"",
        )
        + &rule("proof", "notify", "", "principal.proof == \"login\" && principal.domain like \"*.gouv.example\"")
        + &rule("size", "notify", "", "context.megabytes > 1 && context.recipients == 1 && context.outside == 1")
        + &rule("to", "notify", "", "resource.domain == \"journal.example\" && resource.address like \"desk@*\"");
    let policy = policy(&[("rules/x.cedar", &text), ("domains/press.list", "journal.example\n")]);
    let mut asked = Asked::to("desk@journal.example");
    assert_eq!(asked.said(&policy), "notify list proof sender to unit");
    asked.size = 1_000_001;
    assert_eq!(asked.said(&policy), "notify list proof sender size to unit");
    assert_eq!(Asked::to("desk@gouv.example").said(&policy), "notify proof sender unit");
    asked.sender.mailbox = None;
    assert_eq!(asked.said(&policy), "notify list size to");
}

#[test]
fn without_rules_everything_passes_and_nothing_is_remembered_in_vain() {
    let policy = policy(&[]);
    for address in ["a@b.example", "c@gmail.com", "d@gmail.com"] {
        let mut asked = Asked::to(address).with("marking/4 fr-nir/400");
        asked.instant = noon();
        assert_eq!(asked.said(&policy), "pass");
    }
    assert_eq!(policy.remembered(), 1, "nobody asks for anything");
}
