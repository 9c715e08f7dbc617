// SPDX-License-Identifier: EUPL-1.2
//! Who decides about a copy, over every role, unit, proposal and kinship to the mail (decision D43).

use octroi::access::{
    Action, Case, Decision, Denied, Ground, GroundCode, MANY_RECIPIENTS, Proposal, Resolution, Role, Ruling, Step,
};

use super::{caller, copy, directory};

const ME: &str = "h.lemaitre";

fn ground(to: Resolution) -> Ground {
    let code = if to == Resolution::Release { GroundCode::Authorised } else { GroundCode::Marked };
    Ground::new(code, "seen with the cabinet, ref. 113").unwrap()
}

fn proposal(by: &str, to: Resolution) -> Proposal {
    let at = "2026-11-25T10:00:00Z".parse().unwrap();
    Proposal { to, actor: by.into(), role: Role::Reviewer, at, ground: ground(to) }
}

/// What a decision comes to, in one word.
fn word(ruling: Result<Ruling, Denied>) -> &'static str {
    match ruling {
        Ok(Ruling::Waits) => "waits",
        Ok(Ruling::Decided(decision)) => match decision.step() {
            Step::Alone => "alone",
            Step::Propose { instead_of: None } => "proposes",
            Step::Propose { instead_of: Some(_) } => "proposes instead",
            Step::Confirm { .. } => "confirms",
        },
        Err(Denied::Role { .. }) => "role",
        Err(Denied::OutOfScope { .. }) => "not found",
        Err(Denied::OwnMail { .. }) => "own mail",
        Err(Denied::Recipient { .. }) => "recipient",
        Err(Denied::NeedsApprover { .. }) => "needs an approver",
        Err(other) => panic!("{other}"),
    }
}

/// The rule, told apart from the code: what must follow from one combination.
#[expect(clippy::too_many_arguments, reason = "each is one dimension of the matrix")]
fn expected(
    role: Role,
    in_scope: bool,
    two: bool,
    four_eyes: bool,
    earlier: Option<(&str, Resolution)>,
    to: Resolution,
    sender: bool,
    recipient: bool,
    recipients: u64,
) -> &'static str {
    if role != Role::Reviewer && role != Role::Approver {
        return "role";
    }
    if !in_scope {
        return "not found";
    }
    if !(two && four_eyes) {
        return if sender && to == Resolution::Release { "own mail" } else { "alone" };
    }
    match earlier {
        None => "proposes",
        Some((by, same)) if by == ME && same == to => "waits",
        Some((by, _)) if by == ME => "proposes instead",
        Some(_) if role != Role::Approver => "needs an approver",
        Some(_) if sender => "own mail",
        Some(_) if recipient && recipients <= 30 => "recipient",
        Some((_, same)) if same == to => "confirms",
        Some(_) => "proposes instead",
    }
}

#[test]
fn the_matrix() {
    let both = [Resolution::Release, Resolution::Reject];
    let mut tried = 0;
    let mut seen = std::collections::BTreeSet::new();
    let flags = [false, true];
    for role in Role::ALL {
        for (scope, unit, in_scope) in [
            ("sg", Some("sg"), true),
            ("sg", Some("sg/achats"), true),
            ("*", None, true),
            ("*", Some("dgfip"), true),
            ("sg", Some("dgfip"), false),
            ("sg/achats", Some("sg"), false),
            ("sg", None, false),
        ] {
            let me = caller(ME, &[role], scope);
            let earlier =
                [None].into_iter().chain([ME, "a.martin"].into_iter().flat_map(|by| both.map(|to| Some((by, to)))));
            for earlier in earlier {
                for to in both {
                    for bits in 0..16u8 {
                        let [needs_two, four_eyes, is_sender, is_recipient] =
                            [0, 1, 2, 3].map(|bit| flags[usize::from(bits >> bit & 1)]);
                        for recipients in [1, MANY_RECIPIENTS, MANY_RECIPIENTS + 1] {
                            let case = Case {
                                copy: copy("M1-1"),
                                unit: unit.map(str::to_owned),
                                needs_two,
                                is_sender,
                                is_recipient,
                                recipients,
                                recipients_unknown: false,
                                proposal: earlier.map(|(by, to)| proposal(by, to)),
                            };
                            let found = word(case.decide(&me, to, ground(to), four_eyes));
                            let wanted = expected(
                                role,
                                in_scope,
                                needs_two,
                                four_eyes,
                                earlier,
                                to,
                                is_sender,
                                is_recipient,
                                recipients,
                            );
                            assert_eq!(found, wanted, "{role:?} in {scope}, {to:?}, four eyes {four_eyes}: {case:?}");
                            seen.insert(found);
                            tried += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(tried, 6 * 7 * 5 * 2 * 16 * 3);
    assert_eq!(seen.len(), 10, "some outcome was never reached: {seen:?}");
}

fn decided(case: &Case, me: &str, role: Role, to: Resolution) -> Decision {
    match case.decide(&caller(me, &[role], "*"), to, ground(to), true).unwrap() {
        Ruling::Decided(decision) => decision,
        Ruling::Waits => panic!("{me} waits"),
    }
}

/// Actor, action, what it is about, ground, second.
type Told = (String, &'static str, Option<Action>, Option<&'static str>, Option<String>);

fn entries(decision: &Decision) -> Vec<Told> {
    let entry = |entry: &octroi::access::Entry| {
        assert_eq!(entry.object(), "M1-1");
        let second = entry.second().map(str::to_owned);
        (entry.actor().name().to_owned(), entry.action().as_str(), entry.of(), entry.ground(), second)
    };
    decision.entries().iter().map(entry).collect()
}

#[test]
fn one_person_leaves_one_entry_and_two_leave_both_names() {
    let alone = Case::new(copy("M1-1"));
    let two = Case { needs_two: true, ..alone.clone() };
    let named = |name: &str| name.to_owned();
    assert_eq!(
        entries(&decided(&alone, "a", Role::Reviewer, Resolution::Reject)),
        [(named("a"), "reject", None, Some("marked"), None)]
    );
    assert_eq!(
        entries(&decided(&two, "a", Role::Reviewer, Resolution::Release)),
        [(named("a"), "propose", Some(Action::Release), Some("authorised"), None)]
    );
    let proposed = Case { proposal: Some(proposal("a", Resolution::Release)), ..two.clone() };
    assert_eq!(
        entries(&decided(&proposed, "b", Role::Approver, Resolution::Release)),
        [
            (named("b"), "approve", Some(Action::Release), Some("authorised"), None),
            (named("a"), "release", None, Some("authorised"), Some(named("b"))),
        ]
    );
    assert_eq!(
        entries(&decided(&proposed, "b", Role::Approver, Resolution::Reject)),
        [
            (named("b"), "refuse", Some(Action::Release), Some("marked"), None),
            (named("b"), "propose", Some(Action::Reject), Some("marked"), None),
        ]
    );
    assert_eq!(
        entries(&decided(&proposed, "a", Role::Reviewer, Resolution::Reject)),
        [
            (named("a"), "withdraw", Some(Action::Release), Some("marked"), None),
            (named("a"), "propose", Some(Action::Reject), Some("marked"), None),
        ]
    );
}

#[test]
fn a_ground_of_the_other_kind_is_no_ground() {
    let case = Case::new(copy("M1-1"));
    let me = caller(ME, &[Role::Reviewer], "*");
    let denied = case.decide(&me, Resolution::Release, ground(Resolution::Reject), true).unwrap_err();
    assert_eq!(
        denied.to_string(),
        "\"marked\" is no ground for a release; those are: legitimate, lifted, authorised, mistaken, other"
    );
}

#[test]
fn refusals_say_what_would_allow_it() {
    let case = Case {
        needs_two: true,
        recipients: 2,
        proposal: Some(proposal("a.martin", Resolution::Release)),
        ..Case::new(copy("M1-1"))
    };
    let says = |case: &Case, role| {
        case.decide(&caller(ME, &[role], "*"), Resolution::Release, ground(Resolution::Release), true)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        says(&case, Role::Reviewer),
        "a.martin proposed to release M1-1; an approver confirms or decides otherwise"
    );
    let recipient = Case { is_recipient: true, ..case.clone() };
    assert!(says(&recipient, Role::Approver).starts_with("you are a recipient of M1-1"));
    let sender = Case { is_sender: true, ..case.clone() };
    assert!(says(&sender, Role::Approver).starts_with("you are the sender of M1-1"));
    let people = directory(&[("a.martin", &[Role::Approver], "*"), (ME, &[Role::Approver], "*")]);
    assert_eq!(case.approvers(&people, "a.martin"), 1);
}
