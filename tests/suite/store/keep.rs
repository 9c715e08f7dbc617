// SPDX-License-Identifier: EUPL-1.2
//! Prepare, confirm, withdraw, keep; the retry key; crashes.

use octroi::store::{CopyState, Filter, StoreError};

use super::*;
use crate::desk::copy;

#[tokio::test]
async fn a_repeat_yields_the_first_copy_and_writes_nothing_also_after_its_release() {
    let (folder, store) = house().await;
    let first = mail("M1", &["a@home.example", "b@home.example"]);
    let mut keeping = all_held(&first);
    keeping.outbox.push(notice());
    let kept = store.keep(&keeping).await.unwrap();
    assert!(!kept.all_repeats());
    assert_eq!(kept.copies[1].id, "M1-2");
    store.release("M1-1", &reviewer(), noon()).await.unwrap();
    store.reject("M1-2", &reviewer(), noon()).await.unwrap();

    let outbox = store.outbox_list(true, 100).await.unwrap().len();
    let files_before = files(folder.path());
    let mut again = mail("M2", &["a@home.example", "b@home.example"]);
    again.content = Content(Bytes::from([b"Received: from x\r\n", &first.content[..]].concat()));
    let mut keeping = all_held(&again);
    keeping.outbox.push(notice());
    let prepared = store.prepare(&keeping).await.unwrap();
    assert!(prepared.kept.all_repeats());
    assert_eq!(
        prepared.kept.copies,
        [("M1-1"), ("M1-2")].map(|id| octroi::store::KeptCopy { id: copy(id), repeat: true })
    );
    store.confirm(prepared).await.unwrap();
    assert_eq!(store.outbox_list(true, 100).await.unwrap().len(), outbox);
    assert_eq!(files(folder.path()), files_before);
    assert_eq!(store.list(&Filter::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_retry_key_knows_sender_recipient_and_content_and_ends_after_seven_days() {
    let (_folder, store) = house().await;
    let first = mail("M1", &["a@home.example"]);
    store.keep(&all_held(&first)).await.unwrap();
    let mut other = first.clone();
    other.id = MailId::parse("M2").unwrap();
    other.envelope.reverse_path = ReversePath::parse("other@town.example").unwrap();
    assert!(!store.keep(&all_held(&other)).await.unwrap().all_repeats(), "another sender");
    let mut other = mail("M3", &["c@home.example"]);
    other.content = first.content.clone();
    assert!(!store.keep(&all_held(&other)).await.unwrap().all_repeats(), "another recipient");
    let other = mail("M4", &["a@home.example"]);
    assert!(!store.keep(&all_held(&other)).await.unwrap().all_repeats(), "another content");
    let mut late = first.clone();
    late.id = MailId::parse("M5").unwrap();
    late.received = noon() + days(7) - SignedDuration::from_secs(1);
    assert!(store.keep(&all_held(&late)).await.unwrap().all_repeats(), "within seven days");
    late.received = noon() + days(7);
    assert!(!store.keep(&all_held(&late)).await.unwrap().all_repeats(), "after seven days");
}

#[tokio::test]
async fn what_is_pending_is_invisible_and_a_repeat_of_it_is_put_off() {
    let (_folder, store) = house().await;
    let first = mail("M1", &["a@home.example"]);
    let prepared = store.prepare(&all_held(&first)).await.unwrap();
    assert!(store.list(&Filter::default()).await.unwrap().is_empty());
    assert!(store.find("M1").await.unwrap().rows.is_empty());
    assert!(matches!(store.release("M1-1", &reviewer(), noon()).await, Err(StoreError::Unknown { .. })));
    let mut again = first.clone();
    again.id = MailId::parse("M2").unwrap();
    assert!(matches!(store.prepare(&all_held(&again)).await, Err(StoreError::InFlight)));
    store.withdraw(prepared).await.unwrap();
    // After the withdrawal the next attempt is a first one.
    let prepared = store.prepare(&all_held(&again)).await.unwrap();
    assert!(!prepared.kept.copies[0].repeat);
    store.confirm(prepared).await.unwrap();
    assert_eq!(store.list(&Filter::default()).await.unwrap()[0].id, "M2-1");
}

#[tokio::test]
async fn a_recipient_named_twice_is_one_copy() {
    let (_folder, store) = house().await;
    let twice = mail("M1", &["a@home.example", "A@HOME.example"]);
    let prepared = store.prepare(&all_held(&twice)).await.unwrap();
    assert_eq!(prepared.kept.copies[1], octroi::store::KeptCopy { id: copy("M1-1"), repeat: true });
    store.confirm(prepared).await.unwrap();
    assert_eq!(store.list(&Filter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn confirm_changes_exactly_what_was_prepared_or_nothing() {
    let (_folder, store) = house().await;
    let first = mail("M1", &["a@home.example", "b@home.example"]);
    let mut keeping = all_held(&first);
    keeping.outbox.push(notice());
    let prepared = store.prepare(&keeping).await.unwrap();
    // The lease runs out: what nobody confirmed for a quarter of an hour belongs to nobody (D12).
    let swept = store.sweep(noon() + SignedDuration::from_mins(16)).await.unwrap();
    assert_eq!(swept.pending_cleared, 3);
    let error = store.confirm(prepared).await.unwrap_err();
    assert!(matches!(error, StoreError::Confirm { changed: 0, expected: 3 }), "{error}");
    assert!(store.list(&Filter::default()).await.unwrap().is_empty());
    assert!(store.outbox_list(true, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_crash_before_confirm_leaves_nothing_held_and_the_retry_is_a_first_attempt() {
    let (folder, store) = house().await;
    let first = mail("M1", &["a@home.example"]);
    let mut keeping = all_held(&first);
    keeping.outbox.push(notice());
    let prepared = store.prepare(&keeping).await.unwrap();
    let confirmed = mail("M0", &["a@home.example"]);
    store.keep(&all_held(&confirmed)).await.unwrap();
    drop(store);

    let store = open(folder.path()).await.unwrap();
    assert_eq!(store.figures().await.unwrap().pending, 0);
    assert_eq!(store.list(&Filter::default()).await.unwrap()[0].id, "M0-1");
    assert!(store.confirm(prepared).await.is_err(), "an older epoch confirms nothing");
    assert!(!store.keep(&keeping).await.unwrap().all_repeats());
    assert_eq!(store.list(&Filter::default()).await.unwrap().len(), 2);
}

#[tokio::test]
async fn another_nodes_pending_rows_are_left_alone() {
    let (folder, store) = house().await;
    let first = mail("M1", &["a@home.example"]);
    let prepared = store.prepare(&all_held(&first)).await.unwrap();
    let neighbour = StoreSettings { node: Some("gate-2".into()), ..settings(folder.path()) };
    let neighbour = Store::open(neighbour, noon()).await.unwrap();
    store.confirm(prepared).await.unwrap();
    assert_eq!(neighbour.list(&Filter::default()).await.unwrap()[0].state, CopyState::Held);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_at_once_are_all_kept_in_few_commits() {
    let (folder, store) = house().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        tasks.spawn(async move {
            let mail = mail(&format!("M{n:03}"), &["a@home.example"]);
            store.keep(&all_held(&mail)).await.unwrap().copies[0].id.clone()
        });
    }
    let mut ids = tasks.join_all().await;
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 200);
    let figures = store.figures().await.unwrap();
    assert_eq!(figures.held, 200);
    assert_eq!(files(folder.path()), 200);
    assert!(figures.commits < 200, "{} commits", figures.commits);
    let content = store.open("M042-1", &reviewer(), "test", noon()).await.unwrap();
    assert!(content.ends_with(b"body of M042\r\n"));
}

#[tokio::test]
async fn one_failing_job_takes_no_other_with_it() {
    let (_folder, store) = house().await;
    let good = mail("M1", &["a@home.example"]);
    let bad = mail("M1", &["b@home.example"]); // the id is taken
    let (one, two) = (all_held(&good), all_held(&bad));
    let (one, two) = tokio::join!(store.keep(&one), store.keep(&two));
    assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
    assert_eq!(store.list(&Filter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn holds_are_refused_near_the_quota_and_the_warning_comes_before() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(StoreSettings { quota: Some(2000), ..settings(folder.path()) }, noon()).await.unwrap();
    let mut warned = false;
    for n in 0.. {
        let mail = mail(&format!("M{n}"), &["a@home.example"]);
        match store.keep(&all_held(&mail)).await {
            Ok(_) => warned |= store.figures().await.unwrap().quota_warning,
            Err(error) => {
                assert!(matches!(error, StoreError::QuotaUsed { quota: 2000, .. }), "{error}");
                break;
            }
        }
    }
    assert!(warned);
}

/// Not a test of right or wrong: `cargo test --test suite holds_a_second -- --ignored --nocapture` prints the figure.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn holds_a_second() {
    let (_folder, store) = house().await;
    for at_once in [1, 16, 64, 200] {
        let (total, start) = (2000, std::time::Instant::now());
        let before = store.figures().await.unwrap().commits;
        let mut tasks = tokio::task::JoinSet::new();
        for lane in 0..at_once {
            let store = store.clone();
            tasks.spawn(async move {
                for n in 0..total / at_once {
                    let mut mail = mail(&format!("{at_once}L{lane}N{n}"), &["a@home.example"]);
                    mail.content = Content(Bytes::from(format!("X: {lane} {n}\r\n\r\n{}", "text ".repeat(800))));
                    store.keep(&all_held(&mail)).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        let commits = store.figures().await.unwrap().commits - before;
        let done = total / at_once * at_once;
        println!(
            "{at_once:>3} at once: {:.0} holds/s, {commits} commits for {done}",
            f64::from(done) / start.elapsed().as_secs_f64()
        );
    }
}
