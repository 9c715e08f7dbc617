// SPDX-License-Identifier: EUPL-1.2
//! Two gateways on one store: whatever order their steps come in, each thing is done once and nothing is undone.

use octroi::mail::Mailbox;
use octroi::store::{CopyState, DueItem, FollowupEvent, ItemState, NoticeRecipient, RecipientOutcome};

use super::*;

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

async fn gateways() -> (TempDir, Store, Store) {
    let folder = tempfile::tempdir().unwrap();
    let one = open(folder.path()).await.unwrap();
    let two =
        Store::open(StoreSettings { node: Some("gate-2".into()), ..settings(folder.path()) }, noon()).await.unwrap();
    (folder, one, two)
}

/// A released copy that `one` has taken at noon and `two` has taken after the lease ran out.
async fn taken_twice() -> (TempDir, Store, DueItem, Store, DueItem) {
    let (folder, one, two) = gateways().await;
    one.keep(&all_held(&mail("M1", &["a@home.example"]))).await.unwrap();
    one.release("M1-1", &reviewer(), noon()).await.unwrap();
    let early = one.outbox_take(noon(), 9).await.unwrap().remove(0);
    assert!(two.outbox_take(noon() + minutes(29), 9).await.unwrap().is_empty(), "the lease is another's");
    let late = two.outbox_take(noon() + minutes(31), 9).await.unwrap().remove(0);
    (folder, one, early, two, late)
}

fn sent() -> Vec<RecipientOutcome> {
    vec![RecipientOutcome::Sent { n: 1, reply: "250 ok".into() }]
}

fn put_off() -> Vec<RecipientOutcome> {
    vec![RecipientOutcome::PutOff { n: 1, reply: "450 later".into() }]
}

fn failed() -> Vec<RecipientOutcome> {
    vec![RecipientOutcome::Failed { n: 1, reply: "550 no".into() }]
}

async fn settle(store: &Store, item: &DueItem, outcomes: Vec<RecipientOutcome>, at: i64) -> ItemState {
    store.outbox_settle(item, outcomes, noon() + minutes(at + 1), noon() + minutes(at)).await.unwrap()
}

#[tokio::test]
async fn a_courier_whose_lease_ran_out_does_not_give_away_what_another_took() {
    let (_folder, one, early, two, late) = taken_twice().await;
    settle(&one, &early, put_off(), 32).await;
    assert!(one.outbox_take(noon() + minutes(40), 9).await.unwrap().is_empty(), "it is still the other's");
    assert_eq!(settle(&two, &late, sent(), 41).await, ItemState::Sent);
}

#[tokio::test]
async fn a_courier_whose_lease_ran_out_does_not_fail_what_another_sent() {
    let (_folder, one, early, two, late) = taken_twice().await;
    assert_eq!(settle(&two, &late, sent(), 32).await, ItemState::Sent);
    assert_eq!(settle(&one, &early, failed(), 33).await, ItemState::Sent);
    let rows = one.outbox_list(true, 9).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.state).collect::<Vec<_>>(), [ItemState::Sent], "and no report");
}

#[tokio::test]
async fn what_a_late_courier_sent_is_neither_sent_again_nor_reported() {
    for theirs in [put_off(), failed()] {
        let (_folder, one, early, two, late) = taken_twice().await;
        assert_eq!(settle(&one, &early, sent(), 32).await, ItemState::Ready, "the other has yet to end it");
        assert_eq!(settle(&two, &late, theirs, 33).await, ItemState::Sent);
        let rows = one.outbox_list(true, 9).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.state).collect::<Vec<_>>(), [ItemState::Sent], "and no report");
    }
}

#[tokio::test]
async fn what_a_late_courier_sent_ends_also_where_the_other_died() {
    let (_folder, one, early, two, _died) = taken_twice().await;
    settle(&one, &early, sent(), 32).await;
    assert!(two.outbox_take(noon() + minutes(62), 9).await.unwrap().is_empty(), "there is nothing left to send");
    assert_eq!(one.outbox_list(true, 9).await.unwrap()[0].state, ItemState::Sent);
}

#[tokio::test]
async fn a_gateway_that_takes_its_own_item_again_is_two_couriers_too() {
    let (_folder, one, _two) = gateways().await;
    one.keep(&all_held(&mail("M1", &["a@home.example"]))).await.unwrap();
    one.release("M1-1", &reviewer(), noon()).await.unwrap();
    let early = one.outbox_take(noon(), 9).await.unwrap().remove(0);
    let late = one.outbox_take(noon() + minutes(31), 9).await.unwrap().remove(0);
    settle(&one, &early, put_off(), 32).await;
    assert!(one.outbox_take(noon() + minutes(40), 9).await.unwrap().is_empty());
    assert_eq!(settle(&one, &late, sent(), 41).await, ItemState::Sent);
}

#[tokio::test]
async fn two_who_take_at_once_take_different_items() {
    let (_folder, one, two) = gateways().await;
    let to: Vec<String> = (0..30).map(|n| format!("a{n}@home.example")).collect();
    one.keep(&all_held(&mail("M1", &to.iter().map(String::as_str).collect::<Vec<_>>()))).await.unwrap();
    for n in 1..=30 {
        one.release(&format!("M1-{n}"), &reviewer(), noon()).await.unwrap();
    }
    let mut taken = Vec::new();
    for _ in 0..5 {
        let (some, others) = tokio::join!(one.outbox_take(noon(), 4), two.outbox_take(noon(), 4));
        taken.extend(some.unwrap().into_iter().chain(others.unwrap()).map(|item| item.id));
    }
    let all = taken.len();
    taken.sort();
    taken.dedup();
    assert_eq!((taken.len(), all), (30, 30));
}

#[tokio::test]
async fn of_two_decisions_one_counts_and_the_other_is_told_so() {
    let (_folder, one, two) = gateways().await;
    let to: Vec<String> = (0..20).map(|n| format!("a{n}@home.example")).collect();
    one.keep(&all_held(&mail("M1", &to.iter().map(String::as_str).collect::<Vec<_>>()))).await.unwrap();
    for n in 1..=20 {
        let (id, who) = (format!("M1-{n}"), reviewer());
        let (released, rejected) = tokio::join!(one.release(&id, &who, noon()), two.reject(&id, &who, noon()));
        let refused = [released.err(), rejected.err()].into_iter().flatten().collect::<Vec<_>>();
        assert!(matches!(refused[..], [StoreError::WrongState { .. }]), "{refused:?}");
    }
    assert_eq!(one.outbox_list(true, 99).await.unwrap().len(), 20, "one release or one report each");
}

#[tokio::test]
async fn what_expires_under_two_sweeps_expires_once() {
    let (folder, one, two) = gateways().await;
    let to: Vec<String> = (0..20).map(|n| format!("a{n}@home.example")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    for id in ["M1", "M2"] {
        let mail = mail(id, &to);
        // Not the reverse-path, whose failure report is a mail of its own.
        let tell = NoticeRecipient { to: Mailbox::parse("chief@town.example").unwrap(), language: None };
        let digest = retry_digest(id.as_bytes());
        one.keep(&Keeping { tell: Some(tell), retry_digest: digest, ..all_held(&mail) }).await.unwrap();
    }
    let soon = noon() + days(26);
    let (some, others) = tokio::join!(one.sweep(soon), two.sweep(soon));
    assert_eq!(some.unwrap().expiring.len() + others.unwrap().expiring.len(), 40, "each is warned of once");
    let over = noon() + days(31);
    let (some, others) = tokio::join!(one.sweep(over), two.sweep(over));
    assert_eq!(some.unwrap().expired + others.unwrap().expired, 40);
    let reports = one.outbox_take(over, 99).await.unwrap();
    assert_eq!(reports.len(), 40, "one report each");
    for report in &reports {
        one.outbox_settle(report, sent(), over, over).await.unwrap();
    }
    let later = over + minutes(61);
    let (some, others) = tokio::join!(one.sweep(later), two.sweep(later));
    assert_eq!(some.unwrap().blobs_deleted + others.unwrap().blobs_deleted, 2);
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn bytes_that_another_gateway_kept_or_deleted_are_counted_by_all() {
    let (_folder, one, two) = gateways().await;
    one.keep(&all_held(&mail("M1", &["a@home.example"]))).await.unwrap();
    two.sweep(noon()).await.unwrap();
    let bytes = one.figures().await.unwrap().bytes;
    assert!(bytes > 0);
    assert_eq!(two.figures().await.unwrap().bytes, bytes);
    two.reject("M1-1", &reviewer(), noon()).await.unwrap();
    let report = two.outbox_take(noon(), 9).await.unwrap().remove(0);
    two.outbox_settle(&report, sent(), noon(), noon()).await.unwrap();
    two.sweep(noon() + minutes(61)).await.unwrap();
    one.sweep(noon() + minutes(61)).await.unwrap();
    assert_eq!((one.figures().await.unwrap().bytes, two.figures().await.unwrap().bytes), (0, 0));
}

#[tokio::test]
async fn pending_rows_that_another_gateway_cleared_are_confirmed_no_more_and_disturb_no_retry() {
    let (_folder, one, two) = gateways().await;
    let first = mail("M1", &["a@home.example"]);
    let prepared = one.prepare(&all_held(&first)).await.unwrap();
    assert_eq!(two.sweep(noon() + minutes(14)).await.unwrap().pending_cleared, 0, "it may still be confirmed");
    assert_eq!(two.sweep(noon() + minutes(16)).await.unwrap().pending_cleared, 1);
    let again = mail("M2", &["a@home.example"]);
    let keeping = Keeping { retry_digest: retry_digest(&first.content), ..all_held(&again) };
    let kept = two.keep(&keeping).await.unwrap();
    assert_eq!((kept.copies[0].id.as_str(), kept.copies[0].repeat), ("M2-1", false));
    assert!(matches!(one.confirm(prepared.again()).await, Err(StoreError::Confirm { .. })));
    one.withdraw(prepared).await.unwrap();
    assert_eq!(one.look("M2-1", &reviewer(), noon()).await.unwrap().row.state, CopyState::Held);
    let third = mail("M3", &["a@home.example"]);
    let keeping = Keeping { retry_digest: retry_digest(&first.content), ..all_held(&third) };
    assert!(one.keep(&keeping).await.unwrap().copies[0].repeat, "the retry's key is still known");
}

#[tokio::test]
async fn a_sender_is_told_once_an_hour_whichever_gateway_tells() {
    let (_folder, one, two) = gateways().await;
    let mail = mail("M1", &["a@home.example", "b@home.example"]);
    let tell = NoticeRecipient { to: Mailbox::parse("agent@town.example").unwrap(), language: None };
    one.keep(&Keeping { tell: Some(tell), ..all_held(&mail) }).await.unwrap();
    let now = noon() + days(26);
    one.sweep(now).await.unwrap();
    let untold = one.pending_followups(now).await.unwrap();
    assert_eq!(untold.iter().map(|u| u.event).collect::<Vec<_>>(), [FollowupEvent::Expiring; 2]);
    assert!(one.keep_followup(&untold[..1], notice(), now).await.unwrap());
    // This one had read what is to be told before.
    assert!(!two.keep_followup(&untold[1..], notice(), now).await.unwrap());
    let left = two.pending_followups(now + minutes(61)).await.unwrap();
    assert_eq!(left.len(), 1, "it waits for the next hour");
    assert!(two.keep_followup(&left, notice(), now + minutes(61)).await.unwrap());
}

#[tokio::test]
async fn a_digest_is_sent_by_one() {
    let (_folder, one, two) = gateways().await;
    let before = one.last_digest(noon()).await.unwrap();
    assert_eq!(two.last_digest(noon() + minutes(1)).await.unwrap(), before);
    let turn = noon() + days(1);
    let (some, others) = tokio::join!(
        one.send_digest(before, turn, vec![notice()], turn),
        two.send_digest(before, turn, vec![notice()], turn)
    );
    assert_ne!(some.unwrap(), others.unwrap());
    assert_eq!(one.outbox_list(true, 9).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_audit_of_a_gateway_that_is_gone_expires_and_its_chain_holds() {
    let (_folder, one, two) = gateways().await;
    one.keep(&all_held(&mail("M1", &["a@home.example"]))).await.unwrap();
    for ground in ["first", "second"] {
        one.open("M1-1", &reviewer(), ground, noon()).await.unwrap();
    }
    one.open("M1-1", &reviewer(), "third", noon() + days(2)).await.unwrap();
    one.close().await.unwrap();
    assert_eq!(two.sweep(noon() + days(1097)).await.unwrap().audit_deleted, 2);
    let report = two.audit_verify(&[]).await.unwrap();
    assert_eq!(report.broken, Vec::<String>::new());
    let heads: Vec<(&str, i64)> = report.heads.iter().map(|head| (head.node.as_str(), head.seq)).collect();
    assert!(heads.contains(&("gate-1", 3)), "{heads:?}");
}
