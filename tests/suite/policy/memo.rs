// SPDX-License-Identifier: EUPL-1.2
//! What is remembered is what would be said.

use proptest::prelude::*;

use super::support::{Asked, policy, shipped};

const WORDS: [&str; 24] = [
    "agent",
    "family",
    "lookalike",
    "marking/1",
    "marking/2",
    "label/3",
    "forward/inline",
    "forward/automatic",
    "document/office",
    "document/pdf",
    "link/meeting",
    "link/cloud-storage",
    "link/social@body#quoted",
    "invitation",
    "private",
    "traced",
    "reuse/ensap",
    "rows/12",
    "unread/encrypted",
    "unread/crashed",
    "disguised/exe",
    "fr-nir/3",
    "fr-nir/12",
    "mismatch",
];
const RECIPIENTS: [&str; 6] = [
    "head@justice.gouv.example",
    "desk@town.example",
    "someone@gmail.com",
    "x@yopmail.com",
    "shop@firm.example",
    "other@gmail.com",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn memory_changes_no_verdict(
        mails in prop::collection::vec(
            (prop::collection::vec(0..WORDS.len(), 0..5), prop::collection::vec(0..RECIPIENTS.len(), 1..4), 0i64..3),
            1..12,
        )
    ) {
        let shipped = shared();
        for (words, recipients, day) in mails {
            let mut asked = Asked::to(RECIPIENTS[recipients[0]]);
            for more in &recipients[1..] {
                asked = asked.also(RECIPIENTS[*more]);
            }
            let words: Vec<&str> = words.iter().map(|word| WORDS[*word]).collect();
            asked = asked.with(&words.join(" "));
            asked.instant = asked.instant.checked_add(jiff::SignedDuration::from_hours(24 * day)).unwrap();
            let remembered = asked.judged(shipped);
            let afresh = asked.ask(shipped, |question| shipped.judge_afresh(question, &shipped.facts(question)));
            prop_assert_eq!(remembered, afresh);
        }
    }
}

/// The shipped rules and two that begin and end, loaded once for all cases.
fn shared() -> &'static octroi::policy::Policy {
    static POLICY: std::sync::OnceLock<octroi::policy::Policy> = std::sync::OnceLock::new();
    POLICY.get_or_init(|| {
        let text = "@id(\"x-window\") @disposition(\"notify\") @reason(\"x.\") @from(\"2026-03-03\") @until(\"2026-03-03\")\n\
                    forbid (principal, action, resource) when { context.identifiers > 2 };\n\
                    @id(\"x-watch\") @disposition(\"reject\") @reason(\"x.\") @mode(\"observe\")\n\
                    forbid (principal, action, resource) when { resource.address like \"other@*\" };";
        shipped(&[("rules/extra.cedar", text)])
    })
}

#[test]
fn a_thousand_like_mails_are_asked_about_once() {
    let policy = shipped(&[]);
    for i in 0..1000 {
        Asked::to(&format!("citizen{i}@gmail.com")).also("desk@town.example").judged(&policy);
    }
    assert_eq!(policy.remembered(), 2);
}

#[test]
fn a_mail_of_a_campaign_is_not_taken_for_one_of_none() {
    let policy = shipped(&[]);
    let mut asked = Asked::to("someone@gmail.com");
    assert_eq!(asked.said(&policy), "pass");
    asked.campaign.list_reuse.push("payslips".into());
    assert_eq!(asked.said(&policy), "quarantine list-used-outside-its-purpose");
    assert_eq!(policy.remembered(), 2);
}

#[test]
fn memory_is_bounded() {
    let text = "@id(\"x\") @disposition(\"notify\") @reason(\"x.\")\n\
                forbid (principal, action, resource) when { context.identifiers > 2 };";
    let policy = policy(&[("rules/x.cedar", text)]).remembering(50);
    let mut most = 0;
    for i in 0..120 {
        Asked::to("a@b.example").with(&format!("fr-nir/{i}")).judged(&policy);
        most = most.max(policy.remembered());
    }
    assert_eq!(most, 50);
    assert_eq!(policy.remembered(), 20);
}
