// SPDX-License-Identifier: EUPL-1.2
//! Units as scope, and two persons, with a real store behind the desk (decisions D25 and D43).

use std::sync::Arc;

use octroi::access::{Caller, Role, Scope};
use octroi::desk::{Desk, HeldQuery, Listing, Refusal};
use octroi::store::{CopyState, HeldCopy, Keeping, Store};
use tempfile::TempDir;

use super::{copy, directory, named};
use crate::store::{all_held, house, mail, noon};

const REASON: &str = "seen with the cabinet, ref. 113";

struct Office {
    store: Store,
    desk: Desk,
    people: octroi::access::Directory,
    _folder: TempDir,
}

/// Reviewers of purchases, of taxes and of everything, and two approvers. `M1` is from purchases, `M2` from taxes, `M3`
/// of a sender without a unit; what `M1` and `M2` are held by asks for two persons.
async fn office(four_eyes: bool) -> Office {
    let people = directory(&[
        ("r.purchases", &[Role::Reviewer], "sg/achats"),
        ("r.taxes", &[Role::Reviewer], "dgfip"),
        ("r.all", &[Role::Reviewer], "*"),
        ("a.first", &[Role::Approver], "*"),
        ("a.second", &[Role::Approver, Role::Auditor], "*"),
    ]);
    let (folder, store) = house().await;
    for (id, unit) in [("M1", Some("sg/achats/marches")), ("M2", Some("dgfip/cadastre")), ("M3", None)] {
        let mail = mail(id, &["b@gmail.com"]);
        let mut keeping = Keeping { unit: unit.map(str::to_owned), ..all_held(&mail) };
        keeping.held = keeping.held.into_iter().map(|copy| HeldCopy { needs_two: unit.is_some(), ..copy }).collect();
        store.keep(&keeping).await.unwrap();
    }
    let desk = Desk::new(store.clone(), people.clone(), four_eyes, Arc::new(noon));
    Office { store, desk, people, _folder: folder }
}

impl Office {
    fn person(&self, name: &str) -> Caller {
        (1000..1005).map(|uid| self.people.caller(uid).unwrap()).find(|caller| caller.name() == name).unwrap()
    }

    async fn listed(&self, name: &str, unit: Option<&str>) -> Vec<String> {
        let query = HeldQuery { limit: 10, unit: unit.map(str::to_owned), ..HeldQuery::default() };
        let Listing::Copies(rows) = self.desk.list(&self.person(name), &query).await.unwrap() else { panic!("counts") };
        let mut ids: Vec<String> = rows.into_iter().map(|row| row.id.to_string()).collect();
        ids.sort();
        ids
    }

    /// What a decision comes to: the state after it, or the refusal.
    async fn release(&self, name: &str, id: &str) -> Result<CopyState, Refusal> {
        Ok(self.desk.release(&self.person(name), &named(id), None, REASON).await?.remove(0).state)
    }

    async fn reject(&self, name: &str, id: &str) -> Result<CopyState, Refusal> {
        Ok(self.desk.reject(&self.person(name), &named(id), None, REASON).await?.remove(0).state)
    }

    /// Actor, action and second person of each entry, oldest first.
    async fn audit(&self) -> Vec<String> {
        let mut told: Vec<String> = Vec::new();
        for entry in self.store.audit_entries(100).await.unwrap() {
            let of = entry.about.map(|about| format!(" {about}")).unwrap_or_default();
            let second = entry.second.map(|name| format!(" with {name}")).unwrap_or_default();
            told.push(format!("{} {}{of}{second}", entry.actor, entry.action));
        }
        told.reverse();
        told
    }
}

#[tokio::test]
async fn an_account_sees_and_decides_its_units_mail_and_learns_of_no_other() {
    let office = office(true).await;
    assert_eq!(office.listed("r.purchases", None).await, ["M1-1"]);
    assert_eq!(office.listed("r.taxes", None).await, ["M2-1"]);
    assert_eq!(office.listed("r.all", None).await, ["M1-1", "M2-1", "M3-1"]);
    assert_eq!(office.listed("r.all", Some("sg")).await, ["M1-1"], "a unit means those below it");
    assert_eq!(office.listed("r.purchases", Some("dgfip")).await, [""; 0]);
    let purchases = office.person("r.purchases");
    for id in ["M2-1", "M2", "M3-1"] {
        let not_found = |refusal: Refusal| assert!(matches!(refusal, Refusal::NotFound(_)), "{id}: {refusal}");
        not_found(office.desk.show(&purchases, &named(id)).await.unwrap_err());
        not_found(office.desk.export(&purchases, &named(id), REASON).await.unwrap_err());
        not_found(office.release("r.purchases", id).await.unwrap_err());
    }
    assert!(office.desk.find(&purchases, "M2").await.unwrap().rows.is_empty());
    assert_eq!(office.audit().await, ["r.purchases refused-look"; 9], "nothing was done, and each attempt is known");
    // Mail that passed has its unit in the journal.
    let journal = office.store.journal();
    journal.record(crate::store::find::entry("M7", "a@home.example"));
    journal.flush().await.unwrap();
    assert_eq!(office.desk.find(&purchases, "M7").await.unwrap().rows.len(), 1);
    assert!(office.desk.find(&office.person("r.taxes"), "M7").await.unwrap().rows.is_empty());
    assert_eq!(
        office.desk.show(&purchases, &named("M1-1")).await.unwrap()[0].held.unit.as_deref(),
        Some("sg/achats/marches")
    );
}

/// Of two recipients one copy is held and one has gone on: to whom, the store knows only where the mail is not private.
#[tokio::test]
async fn that_nobody_knows_the_recipients_of_private_mail_is_said_to_both_persons() {
    for (private, all_held_back, said) in [(true, false, true), (true, true, false), (false, false, false)] {
        let office = office(true).await;
        let mail = mail("M4", &["b@gmail.com", "a.first@town.example"]);
        let mut keeping = Keeping { private, ..all_held(&mail) };
        keeping.held = keeping.held.into_iter().map(|copy| HeldCopy { needs_two: true, ..copy }).collect();
        keeping.held.truncate(if all_held_back { 2 } else { 1 });
        office.store.keep(&keeping).await.unwrap();
        let decide = async |name: &str| {
            office.desk.release(&office.person(name), &named("M4-1"), None, REASON).await.unwrap().remove(0)
        };
        let (proposed, confirmed) = (decide("r.all").await, decide("a.second").await);
        assert_eq!((proposed.state, confirmed.state), (CopyState::Held, CopyState::Released));
        for note in [proposed.note, confirmed.note] {
            let note = note.unwrap_or_default();
            assert_eq!(note.contains("cannot tell whether"), said, "{private} {all_held_back}: {note}");
        }
    }
}

#[tokio::test]
async fn the_id_of_a_mail_means_all_its_copies_however_many() {
    let office = office(true).await;
    let to: Vec<String> = (0..501).map(|n| format!("a{n}@home.example")).collect();
    let many = mail("M4", &to.iter().map(String::as_str).collect::<Vec<_>>());
    office.store.keep(&all_held(&many)).await.unwrap();
    let shown = office.desk.show(&office.person("r.all"), &named("M4")).await.unwrap();
    let ids: Vec<String> = shown.iter().map(|shown| shown.held.id.to_string()).collect();
    assert_eq!(ids, (1..=501).map(|n| format!("M4-{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn outbox_and_audit_keep_units_apart_too() {
    let office = office(false).await;
    office.release("r.purchases", "M1-1").await.unwrap();
    office.release("r.taxes", "M2-1").await.unwrap();
    let people = directory(&[("taxes.all", &[Role::Auditor, Role::Reviewer], "dgfip")]);
    let taxes = people.caller(1000).unwrap();
    let listed = office.desk.audit_list(&taxes, &octroi::desk::AuditQuery::default()).await.unwrap();
    assert_eq!(listed.iter().map(|line| line.object.as_str()).collect::<Vec<_>>(), ["M2-1"]);
    assert!(matches!(office.desk.outbox_list(&taxes).await.unwrap(), octroi::desk::Queued::Counts(_)));
    assert!(matches!(office.desk.outbox_retry(&taxes, None).await, Err(Refusal::NotAllowed(_))));
    let all = office.person("r.all");
    let octroi::desk::Queued::Items(items) = office.desk.outbox_list(&all).await.unwrap() else { panic!("counts") };
    assert_eq!(items.len(), 2);
}

#[tokio::test]
async fn the_first_proposes_and_the_second_confirms() {
    let office = office(true).await;
    assert_eq!(office.release("r.purchases", "M1-1").await, Ok(CopyState::Held));
    let shown = office.desk.show(&office.person("r.all"), &named("M1-1")).await.unwrap().remove(0);
    let proposal = shown.proposal.expect("it is shown");
    assert_eq!((proposal.action.as_str(), proposal.actor.as_str()), ("release", "r.purchases"));
    assert_eq!((proposal.note.as_str(), shown.held.eyes), (REASON, 2));
    assert_eq!(office.release("r.purchases", "M1-1").await, Ok(CopyState::Held), "the same person once more");
    assert!(
        matches!(office.release("r.all", "M1-1").await, Err(Refusal::NotAllowed(_))),
        "a reviewer confirms nothing"
    );
    assert_eq!(office.release("a.first", "M1-1").await, Ok(CopyState::Released));
    assert_eq!(office.release("a.second", "M1-1").await, Ok(CopyState::Released), "had been done before");
    let expected =
        ["r.purchases propose release", "r.all look", "a.first approve release", "r.purchases release with a.first"];
    assert_eq!(office.audit().await, expected);
    let decided = office.store.decided(&copy("M1-1")).await.unwrap().unwrap();
    assert_eq!((decided.second.as_deref(), decided.note.as_deref()), (Some("a.first"), Some(REASON)));
    assert!(office.store.audit_verify(&[]).await.unwrap().broken.is_empty());
}

#[tokio::test]
async fn who_disagrees_proposes_instead_and_a_third_confirms() {
    let office = office(true).await;
    office.release("r.all", "M1-1").await.unwrap();
    assert_eq!(office.reject("a.first", "M1-1").await, Ok(CopyState::Held));
    assert_eq!(office.reject("a.second", "M1-1").await, Ok(CopyState::Rejected));
    let expected = [
        "r.all propose release",
        "a.first refuse release",
        "a.first propose reject",
        "a.second approve reject",
        "a.first reject with a.second",
    ];
    assert_eq!(office.audit().await, expected);
}

#[tokio::test]
async fn one_suffices_where_no_rule_asks_for_two_or_the_settings_say_so() {
    let with = office(true).await;
    assert_eq!(with.release("r.all", "M3-1").await, Ok(CopyState::Released));
    let without = office(false).await;
    assert_eq!(without.release("r.all", "M1-1").await, Ok(CopyState::Released));
    assert_eq!(without.audit().await, ["r.all release"]);
}

#[tokio::test]
async fn a_proposal_that_changed_meanwhile_is_not_confirmed() {
    let office = office(true).await;
    office.release("r.all", "M1-1").await.unwrap();
    let first = office.person("a.first");
    let seen = office.store.case(&copy("M1-1"), first.mail(), &Scope::All).await.unwrap();
    // Between the look and the confirmation the proposer changes their mind.
    office.reject("r.all", "M1-1").await.unwrap();
    let ruling = seen.case.decide(&first, octroi::access::Resolution::Release, super::why(REASON), true).unwrap();
    let octroi::access::Ruling::Decided(decision) = ruling else { panic!("it waits") };
    let late = office.store.decide(&decision, noon()).await;
    assert!(matches!(late, Err(octroi::store::StoreError::Superseded { .. })), "{late:?}");
    let held = office.store.case(&copy("M1-1"), None, &Scope::All).await.unwrap();
    assert_eq!(held.state, CopyState::Held);
    assert_eq!(held.case.proposal.map(|proposal| proposal.to), Some(octroi::access::Resolution::Reject));
}

#[tokio::test]
async fn sender_and_recipient_do_not_confirm() {
    let office = office(true).await;
    let from = crate::store::mail_from("M4", "<a.first@town.example>", &["a.second@town.example", "b@gmail.com"]);
    let mut keeping = Keeping { unit: Some("sg".into()), ..all_held(&from) };
    keeping.held = keeping.held.into_iter().map(|copy| HeldCopy { needs_two: true, ..copy }).collect();
    office.store.keep(&keeping).await.unwrap();
    office.release("r.all", "M4-2").await.unwrap();
    for name in ["a.first", "a.second"] {
        let refused = office.release(name, "M4-2").await;
        assert!(matches!(refused, Err(Refusal::NotAllowed(_))), "{name}: {refused:?}");
    }
}
