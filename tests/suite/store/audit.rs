// SPDX-License-Identifier: EUPL-1.2
//! The chain notices what was changed, cut or forged.

use octroi::access::{Ground, GroundCode, Resolution};
use octroi::store::{Anchor, AuditFilter};
use sqlx::Connection;

use super::*;
use crate::desk::{copy, decide};

async fn with_entries(n: usize) -> (TempDir, Store) {
    let (folder, store) = house().await;
    let mail = mail("M1", &["a@home.example"]);
    store.keep(&all_held(&mail)).await.unwrap();
    for n in 0..n {
        store.open("M1-1", &reviewer(), &format!("ground {n}"), noon()).await.unwrap();
    }
    (folder, store)
}

async fn edit(folder: &Path, sql: &'static str) {
    let mut connection = connect(folder).await;
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn an_untouched_chain_holds_and_its_tail_is_proven_by_an_anchor_alone() {
    let (_folder, store) = with_entries(3).await;
    let report = store.audit_verify(&[]).await.unwrap();
    assert_eq!((report.entries, report.broken.len(), report.tail_proven), (3, 0, false));
    let noted: Anchor = format!("Nov 25 gate octroi: {}", store.audit_head().await.unwrap()).parse().unwrap();
    store.open("M1-1", &reviewer(), "one more", noon()).await.unwrap();
    let report = store.audit_verify(&[noted]).await.unwrap();
    assert_eq!((report.entries, report.broken.len()), (4, 0));
    assert_eq!((report.proven_to, report.tail_proven), (Some(3), false), "an old anchor proves no new entry");
    let newest = store.audit_head().await.unwrap();
    let report = store.audit_verify(&[newest]).await.unwrap();
    assert_eq!((report.proven_to, report.tail_proven), (Some(4), true));
}

#[tokio::test]
async fn every_edit_breaks_the_chain() {
    for sql in [
        "UPDATE audit SET actor = 'somebody' WHERE seq = 2",
        "UPDATE audit SET ground = '' WHERE seq = 1",
        "UPDATE audit SET at = at + 1 WHERE seq = 3",
        "DELETE FROM audit WHERE seq = 2",
        "DELETE FROM audit WHERE seq = 1",
        "UPDATE audit SET mac = (SELECT mac FROM audit WHERE seq = 1) WHERE seq = 2",
        "INSERT INTO audit_checkpoint VALUES ('gate-1', 1, zeroblob(32), zeroblob(32))",
    ] {
        let (folder, store) = with_entries(3).await;
        edit(folder.path(), sql).await;
        assert_ne!(store.audit_verify(&[]).await.unwrap().broken.len(), 0, "{sql}");
    }
}

#[tokio::test]
async fn a_cut_tail_is_seen_against_the_anchor() {
    let (folder, store) = with_entries(3).await;
    let anchor = store.audit_head().await.unwrap();
    edit(folder.path(), "DELETE FROM audit WHERE seq = 3").await;
    assert!(store.audit_verify(&[]).await.unwrap().broken.is_empty(), "without an anchor the tail is not proven");
    let report = store.audit_verify(std::slice::from_ref(&anchor)).await.unwrap();
    assert!(!report.tail_proven && report.broken.len() == 1);
    edit(folder.path(), "DELETE FROM audit").await;
    assert!(!store.audit_verify(&[anchor]).await.unwrap().broken.is_empty());
}

#[tokio::test]
async fn expiry_leaves_a_checkpoint_and_the_chain_goes_on() {
    let (_folder, store) = with_entries(2).await;
    let later = noon() + days(1100);
    assert_eq!(store.sweep(later).await.unwrap().audit_deleted, 2);
    assert_eq!(store.audit_head().await.unwrap().seq, 3, "the sweep's own expiry of M1-1 is an entry");
    let report = store.audit_verify(&[]).await.unwrap();
    assert_eq!((report.entries, report.broken), (1, Vec::<String>::new()));
}

#[tokio::test]
async fn an_anchor_of_before_proves_nothing_of_a_tail_that_was_cut() {
    let (folder, store) = with_entries(3).await;
    let [first, last] =
        ["octroi-audit gate-1 0 ".to_owned() + &"0".repeat(64), store.audit_head().await.unwrap().to_string()];
    edit(folder.path(), "DELETE FROM audit WHERE seq > 1").await;
    let report = store.audit_verify(&[first.parse().unwrap()]).await.unwrap();
    assert_eq!((report.proven_to, report.tail_proven, report.broken.len()), (Some(0), false, 0));
    let report = store.audit_verify(&[last.parse().unwrap()]).await.unwrap();
    assert_eq!((report.broken_at, report.tail_proven), (Some(2), false), "{:?}", report.broken);
}

#[tokio::test]
async fn reasons_are_kept_sealed_and_cannot_be_changed_or_moved() {
    let (folder, store) = with_entries(0).await;
    let ground = Ground::new(GroundCode::Authorised, "vu avec le cabinet").unwrap();
    decide(&store, "M1-1", Resolution::Release, &reviewer(), &ground, noon()).await.unwrap();
    let decided = store.decided(&copy("M1-1")).await.unwrap().unwrap();
    assert_eq!((decided.actor.as_str(), decided.action.as_str()), ("r.martin", "release"));
    assert_eq!((decided.ground.as_str(), decided.note.as_deref()), ("authorised", Some("vu avec le cabinet")));
    let listed = store.audit_list(&AuditFilter { object: Some("M1".into()), ..AuditFilter::default() }).await.unwrap();
    assert_eq!(listed[0].note.as_deref(), Some("vu avec le cabinet"), "a mail's id means its copies");
    let none = AuditFilter { actor: Some("somebody".into()), ..AuditFilter::default() };
    assert!(store.audit_list(&none).await.unwrap().is_empty());

    let mut disk = std::fs::read(folder.path().join("octroi.db")).unwrap();
    disk.extend(std::fs::read(folder.path().join("octroi.db-wal")).unwrap_or_default());
    let disk = String::from_utf8_lossy(&disk);
    assert!(disk.contains("authorised") && !disk.contains("cabinet"), "the code is in clear, the words are not");

    assert!(store.audit_verify(&[]).await.unwrap().broken.is_empty());
    edit(folder.path(), "UPDATE audit SET note = zeroblob(length(note)) WHERE action = 'release'").await;
    let report = store.audit_verify(&[]).await.unwrap();
    assert_eq!(report.broken_at, Some(1), "{report:?}");
    let decided = store.decided(&copy("M1-1")).await.unwrap().unwrap();
    assert!(decided.note.is_some_and(|note| note.starts_with("(unreadable")));
}
