// SPDX-License-Identifier: EUPL-1.2
//! Whether the store can hold is proven, not believed (decision D33).

use octroi::store::{Store, StoreError, StoreSettings};

use super::{all_held, mail, noon, open, settings};

async fn hold(store: &Store, id: &str) -> Result<(), StoreError> {
    store.keep(&all_held(&mail(id, &["a@home.example"]))).await.map(drop)
}

#[tokio::test]
async fn a_proof_writes_and_fails_as_a_hold_would() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).await.unwrap();
    let commits = store.figures().await.unwrap().commits;
    store.prove(noon()).await.unwrap();
    assert!(store.figures().await.unwrap().commits > commits);
    let left: Vec<_> = std::fs::read_dir(folder.path().join("blobs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    std::fs::remove_dir(folder.path().join("blobs")).unwrap();
    assert!(matches!(store.prove(noon()).await, Err(StoreError::Blob { .. })));
}

/// As in a hasty restore: what SQLite goes on writing to is a file that nobody will read again.
#[tokio::test]
async fn nothing_is_held_in_a_database_that_was_removed_or_replaced() {
    for replaced in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await.unwrap();
        hold(&store, "BEFORE").await.unwrap();
        for name in ["octroi.db", "octroi.db-wal", "octroi.db-shm"] {
            let path = folder.path().join(name);
            if replaced {
                std::fs::copy(&path, folder.path().join("copy")).unwrap();
                std::fs::rename(folder.path().join("copy"), &path).unwrap();
            } else {
                std::fs::remove_file(&path).unwrap();
            }
        }
        let refused = hold(&store, "AFTER").await;
        assert!(matches!(refused, Err(StoreError::Replaced { .. })), "{refused:?}");
        assert!(matches!(store.prove(noon()).await, Err(StoreError::Replaced { .. })));
    }
}

#[tokio::test]
async fn a_disk_with_too_little_room_holds_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let settings = |keep_free| StoreSettings { keep_free, ..settings(folder.path()) };
    let store = Store::open(settings(1), noon()).await.unwrap();
    let free = store.look_at_disks();
    assert!(free > 1 && store.figures().await.unwrap().free > 1);
    hold(&store, "FIRST").await.unwrap();
    assert!(!store.is_disk_filling());
    store.close().await.unwrap();
    // As if the rest were needed for something else: warned of first, then nothing more is held.
    let store = Store::open(settings(free / 5), noon()).await.unwrap();
    assert!(store.is_disk_filling());
    hold(&store, "SECOND").await.unwrap();
    store.close().await.unwrap();
    let store = Store::open(settings(u64::MAX), noon()).await.unwrap();
    assert!(matches!(hold(&store, "THIRD").await, Err(StoreError::DiskLow { .. })));
    assert!(matches!(store.prove(noon()).await, Err(StoreError::DiskLow { .. })));
}
