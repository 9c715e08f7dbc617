// SPDX-License-Identifier: EUPL-1.2
//! Decision D33: a store has one owner, and who cannot be it changes nothing.

use octroi::store::{Claim, CopyState};

use super::*;

#[tokio::test]
async fn a_second_start_on_a_store_in_use_fails_and_takes_nothing_from_the_first() {
    let (folder, store) = house().await;
    let prepared = store.prepare(&all_held(&mail("M1", &["a@home.example"]))).await.unwrap();
    match open(folder.path()).await {
        Err(StoreError::InUse { owner, .. }) => assert_eq!(owner, std::process::id().to_string()),
        other => panic!("{:?}", other.err()),
    }
    store.confirm(prepared).await.expect("what is pending is still its own");
    store.close().await.unwrap();
    let store = open(folder.path()).await.expect("nobody has it now");
    assert_eq!(store.look("M1-1", &reviewer(), noon()).await.unwrap().row.state, CopyState::Held);
}

#[tokio::test]
async fn a_claim_alone_makes_nothing_of_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings { node: None, ..settings(folder.path()) };
    drop(Claim::take(settings.clone()).unwrap());
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["octroi.db.lock"]);
    Store::open(settings, noon()).await.unwrap();
}

#[tokio::test]
async fn a_gateway_without_a_name_makes_one_and_keeps_it_beside_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let settings = StoreSettings { node: None, ..settings(folder.path()) };
    let store = Store::open(settings.clone(), noon()).await.unwrap();
    let name = store.node().to_owned();
    assert_eq!(std::fs::read_to_string(folder.path().join("octroi.db.node")).unwrap().trim(), name);
    store.close().await.unwrap();
    assert_eq!(Store::open(settings, noon()).await.unwrap().node(), name);
    let elsewhere = tempfile::tempdir().unwrap();
    let other = StoreSettings { node: None, ..super::settings(elsewhere.path()) };
    assert_ne!(Store::open(other, noon()).await.unwrap().node(), name, "no two gateways have one name");
}

#[tokio::test]
async fn a_name_that_could_be_a_path_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for node in ["", "../x", "a b", &"x".repeat(65)] {
        let settings = StoreSettings { node: Some(node.into()), ..settings(folder.path()) };
        assert!(matches!(Claim::take(settings), Err(StoreError::Open { .. })), "{node:?}");
    }
}

#[tokio::test]
async fn another_name_is_no_way_round_the_lock() {
    let folder = tempfile::tempdir().unwrap();
    let alone =
        |node: Option<&str>| StoreSettings { node: node.map(str::to_owned), shared: false, ..settings(folder.path()) };
    let first = Store::open(alone(None), noon()).await.unwrap();
    let own = std::fs::read_to_string(folder.path().join("octroi.db.node")).unwrap();
    for node in [None, Some("gate-2"), Some(own.trim())] {
        let second = Claim::take(alone(node));
        assert!(matches!(second, Err(StoreError::InUse { .. })), "{node:?}");
    }
    first.close().await.unwrap();
    assert!(Claim::take(alone(Some("gate-2"))).is_ok());
}
