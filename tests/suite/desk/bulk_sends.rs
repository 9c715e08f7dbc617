// SPDX-License-Identifier: EUPL-1.2
//! Who decides about a bulk send: two persons, neither of a sender's branch (decisions D22 and D43).

use octroi::access::{
    Action, CampaignCase, Denied, Directory, Ground, GroundCode, Proposal, Resolution, Role, Ruling, Step,
};

use super::directory;

const ID: &str = "9f1c33d06a4be217";

/// A reviewer and an approver of everything, an approver of the ministers' office, one of taxes, and an auditor.
fn people() -> Directory {
    directory(&[
        ("reviewer", &[Role::Reviewer], "*"),
        ("approver", &[Role::Approver], "*"),
        ("office", &[Role::Approver], "cabinet"),
        ("taxes", &[Role::Approver], "dgfip/cadastre"),
        ("auditor", &[Role::Auditor], "*"),
    ])
}

fn ground() -> Ground {
    Ground::new(GroundCode::Other, "seen with the list's owner").unwrap()
}

fn case(units: &[&str]) -> CampaignCase {
    let units = units.iter().map(|unit| (*unit).to_owned()).collect();
    CampaignCase { id: ID.to_owned(), units, is_sender: false, proposal: None }
}

fn proposed(by: &str, to: Resolution, units: &[&str]) -> CampaignCase {
    let at = "2026-11-25T10:00:00Z".parse().unwrap();
    let proposal = Proposal { to, actor: by.to_owned(), role: Role::Reviewer, at, ground: ground() };
    CampaignCase { proposal: Some(proposal), ..case(units) }
}

fn ask(people: &Directory, case: &CampaignCase, who: &str, to: Resolution, two: bool) -> String {
    let caller = (1000..1010).filter_map(|uid| people.caller(uid).ok()).find(|caller| caller.name() == who).unwrap();
    match case.decide(&caller, to, ground(), two, people) {
        Ok(Ruling::Waits) => "waits".to_owned(),
        Ok(Ruling::Decided(decision)) => match decision.step() {
            Step::Alone => "alone".to_owned(),
            Step::Propose { instead_of: None } => "proposes".to_owned(),
            Step::Propose { instead_of: Some(_) } => "proposes instead".to_owned(),
            Step::Confirm { proposer } => format!("confirms {proposer}"),
        },
        Err(Denied::Role { .. }) => "role".to_owned(),
        Err(Denied::OwnMail { .. }) => "own mail".to_owned(),
        Err(Denied::Branch { unit, .. }) => format!("branch of {unit}"),
        Err(Denied::NeedsApprover { .. }) => "needs an approver".to_owned(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_bulk_send_is_decided_by_two_persons_of_other_branches() {
    use Resolution::{Allow, Stop};
    let people = people();
    let sender = CampaignCase { is_sender: true, ..case(&[]) };
    let rows: &[(CampaignCase, &str, Resolution, bool, &str)] = &[
        (case(&[]), "reviewer", Allow, true, "proposes"),
        (case(&[]), "reviewer", Stop, true, "proposes"),
        (case(&[]), "reviewer", Allow, false, "alone"),
        (case(&[]), "auditor", Allow, true, "role"),
        (case(&["cabinet/presse"]), "office", Allow, true, "branch of cabinet/presse"),
        (case(&["dgfip"]), "taxes", Stop, false, "branch of dgfip"),
        (case(&["sg", "dgfip/cadastre/75"]), "taxes", Stop, true, "branch of dgfip/cadastre/75"),
        (case(&["cabinet"]), "taxes", Stop, true, "proposes"),
        (sender, "approver", Allow, true, "own mail"),
        (proposed("reviewer", Allow, &[]), "reviewer", Allow, true, "waits"),
        (proposed("reviewer", Allow, &[]), "reviewer", Stop, true, "proposes instead"),
        (proposed("reviewer", Allow, &[]), "approver", Allow, true, "confirms reviewer"),
        (proposed("reviewer", Allow, &[]), "approver", Stop, true, "proposes instead"),
        (proposed("approver", Allow, &[]), "reviewer", Allow, true, "needs an approver"),
        (proposed("reviewer", Allow, &["cabinet"]), "office", Allow, true, "branch of cabinet"),
    ];
    for (case, who, to, two, wanted) in rows {
        assert_eq!(ask(&people, case, who, *to, *two), *wanted, "{who} {to:?} {two} {case:?}");
    }
    assert_eq!(case(&["cabinet"]).approvers(&people, "reviewer"), 2);
    assert_eq!(case(&["cabinet"]).approvers(&people, "approver"), 1);
}

#[test]
fn where_all_accounts_lie_in_one_branch_it_binds_nobody() {
    let few = directory(&[("office", &[Role::Approver], "cabinet"), ("press", &[Role::Approver], "cabinet/presse")]);
    assert_eq!(ask(&few, &case(&["cabinet"]), "office", Resolution::Stop, true), "proposes");
    let one_outside = directory(&[("office", &[Role::Approver], "cabinet"), ("approver", &[Role::Approver], "*")]);
    assert_eq!(ask(&one_outside, &case(&["cabinet"]), "office", Resolution::Stop, true), "proposes");
    assert_eq!(case(&["cabinet"]).approvers(&one_outside, "office"), 1);
}

#[test]
fn the_audit_has_both_persons() {
    let (people, case) = (people(), proposed("reviewer", Resolution::Stop, &[]));
    let approver = people.caller(1001).unwrap();
    let Ruling::Decided(decision) = case.decide(&approver, Resolution::Stop, ground(), true, &people).unwrap() else {
        panic!("it waits")
    };
    let told: Vec<_> = decision
        .entries()
        .iter()
        .map(|entry| (entry.actor().name(), entry.action(), entry.object(), entry.of(), entry.second()))
        .collect();
    assert_eq!(
        told,
        [
            ("approver", Action::Approve, ID, Some(Action::CampaignStop), None),
            ("reviewer", Action::CampaignStop, ID, None, Some("approver")),
        ]
    );
}
