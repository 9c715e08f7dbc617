// SPDX-License-Identifier: EUPL-1.2
//! States and their transitions, private mail, expiry, sealed contents.

use octroi::notice::Cause;
use octroi::store::{Change, CopyState, Filter, ItemState, RecipientOutcome, StoreError, Work};

use super::*;

async fn one_held(private: bool) -> (TempDir, Store) {
    let (folder, store) = house().await;
    let mail = mail("M1", &["a@home.example", "b@home.example"]);
    store.keep(&Keeping { private, ..all_held(&mail) }).await.unwrap();
    (folder, store)
}

/// Everything the database has on the disk, as one text.
async fn on_disk(folder: TempDir, store: Store) -> String {
    store.close().await.unwrap();
    let mut all = Vec::new();
    for name in ["octroi.db", "octroi.db-wal"] {
        all.extend(std::fs::read(folder.path().join(name)).unwrap_or_default());
    }
    for file in std::fs::read_dir(folder.path().join("blobs")).unwrap() {
        all.extend(std::fs::read(file.unwrap().path()).unwrap());
    }
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn release_is_idempotent_and_sends_one_copy_with_its_own_bytes() {
    let (_folder, store) = one_held(false).await;
    assert_eq!(store.release("M1-2", &reviewer(), noon()).await.unwrap(), Change::Done);
    assert_eq!(store.release("M1-2", &reviewer(), noon()).await.unwrap(), Change::Already);
    assert!(matches!(store.reject("M1-2", &reviewer(), noon()).await, Err(StoreError::WrongState { .. })));
    let due = store.outbox_take(noon(), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!((due[0].kind, due[0].reverse_path.as_str()), (OutboxKind::Release, "<agent@town.example>"));
    assert_eq!(due[0].recipients, [(1, "<b@home.example>".to_owned())]);
    let Work::Content(content) = store.outbox_work(&due[0]).await.unwrap() else { panic!("no content") };
    assert_eq!(content, mail("M1", &[]).content.0);
    assert!(store.outbox_take(noon(), 10).await.unwrap().is_empty(), "taken once");
    let states: Vec<CopyState> = store.list(&Filter::default()).await.unwrap().iter().map(|row| row.state).collect();
    assert_eq!(states, [CopyState::Released, CopyState::Held]);
}

#[tokio::test]
async fn a_rejection_is_reported_but_never_to_the_null_path_nor_against_notify() {
    let (_folder, store) = house().await;
    for (id, from, to) in [
        ("M1", "<agent@town.example> ENVID=e1", "<a@home.example>"),
        ("M2", "<>", "<a@home.example>"),
        ("M3", "<agent@town.example>", "<a@home.example> NOTIFY=NEVER"),
    ] {
        let mut mail = mail_from(id, from, &["a@home.example"]);
        mail.envelope.recipients[0].verbatim = to.into();
        store.keep(&all_held(&mail)).await.unwrap();
        assert_eq!(store.reject(&format!("{id}-1"), &reviewer(), noon()).await.unwrap(), Change::Done);
        assert_eq!(store.reject(&format!("{id}-1"), &reviewer(), noon()).await.unwrap(), Change::Already);
    }
    let due = store.outbox_take(noon(), 10).await.unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].reverse_path, "<>");
    assert_eq!(due[0].recipients[0].1, "<agent@town.example>");
    let Work::FailureReport { report, .. } = store.outbox_work(&due[0]).await.unwrap() else { panic!("no report") };
    assert_eq!((report.cause, report.reverse_path.as_str()), (Cause::Rejected, "<agent@town.example> ENVID=e1"));
    assert_eq!(store.list(&Filter { state: Some(CopyState::Rejected), ..Filter::default() }).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_expires_is_reported_once_and_its_key_is_destroyed_when_nobody_needs_it() {
    let (folder, store) = one_held(false).await;
    let early = store.sweep(noon() + days(26)).await.unwrap();
    assert_eq!((early.expired, early.expiring.len()), (0, 2));
    assert!(store.sweep(noon() + days(26)).await.unwrap().expiring.is_empty(), "warned once");
    let late = noon() + days(30);
    assert_eq!(store.sweep(late).await.unwrap().expired, 2);
    assert_eq!(store.sweep(late).await.unwrap().expired, 0);
    let due = store.outbox_take(late, 10).await.unwrap();
    assert_eq!(due.len(), 2);
    for item in due {
        let sent = vec![RecipientOutcome::Sent { n: 1, reply: "250 ok".into() }];
        assert_eq!(store.outbox_settle(&item, sent, late, late).await.unwrap(), ItemState::Sent);
    }
    let gone = store.open("M1-1", &reviewer(), "too late", late).await;
    assert!(matches!(gone, Err(StoreError::Gone { .. })), "{gone:?}");
    assert_eq!(files(folder.path()), 1, "the file waits an hour");
    store.sweep(late + SignedDuration::from_mins(59)).await.unwrap();
    assert_eq!(files(folder.path()), 1);
    assert_eq!(store.sweep(late + SignedDuration::from_mins(61)).await.unwrap().blobs_deleted, 1);
    assert_eq!(files(folder.path()), 0);
    assert_eq!(store.figures().await.unwrap().bytes, 0);
    assert_eq!(store.list(&Filter { state: Some(CopyState::Expired), ..Filter::default() }).await.unwrap().len(), 2);
}

#[tokio::test]
async fn private_mail_can_be_released_and_never_read() {
    let (_folder, store) = one_held(true).await;
    let row = store.list(&Filter::default()).await.unwrap().remove(0);
    assert_eq!((row.sender, row.size, row.rank), (None, None, Some(2)));
    assert_eq!(row.kinds, ["marking"], "kind and rank are given (decision D20)");
    assert!(row.private);
    assert_eq!(row.rules, ["document-to-private-mailbox"]);
    let sender = Some("agent@town.example".into());
    assert!(store.list(&Filter { sender, ..Filter::default() }).await.unwrap().is_empty());
    let detail = store.look("M1-1", &reviewer(), noon()).await.unwrap();
    assert_eq!((detail.subject, detail.findings, detail.message_id), (None, None, None));
    for refused in [
        store.open("M1-1", &reviewer(), "curious", noon()).await.map(|_| ()),
        store.take_out("M1-1", &reviewer(), "curious", noon()).await.map(|_| ()),
    ] {
        assert!(matches!(refused, Err(StoreError::Private { .. })), "{refused:?}");
    }
    assert_eq!(store.release("M1-1", &reviewer(), noon()).await.unwrap(), Change::Done);
    let actions: Vec<String> = store.audit_entries(10).await.unwrap().into_iter().map(|e| e.action).collect();
    assert_eq!(actions, ["release", "look"]);
}

#[tokio::test]
async fn a_reviewer_sees_what_the_disk_does_not_show() {
    let (folder, store) = one_held(false).await;
    let detail = store.look("M1-1", &reviewer(), noon()).await.unwrap();
    assert_eq!(detail.subject.as_deref(), Some(SECRET));
    assert_eq!(detail.findings.unwrap()[0]["excerpt"], SECRET);
    let disk = on_disk(folder, store).await;
    assert!(disk.contains("agent@town.example"), "the disk was looked at");
    assert!(!disk.contains(SECRET));
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let (_folder, store) = house().await;
    for n in 0..5 {
        let mut mail = mail(&format!("M{n}"), &[if n == 3 { "Odd@home.example" } else { "a@home.example" }]);
        mail.received = noon() + SignedDuration::from_secs(n / 2);
        store.keep(&all_held(&mail)).await.unwrap();
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.list(&Filter { after, limit: 2, ..Filter::default() }).await.unwrap();
        seen.extend(page.iter().map(|row| row.id.clone()));
        match page.last() {
            Some(last) => after = Some(last.id.clone()),
            None => break,
        }
    }
    assert_eq!(seen, ["M4-1", "M3-1", "M2-1", "M1-1", "M0-1"]);
    let odd = Filter { recipient: Some("ODD@HOME.EXAMPLE".into()), ..Filter::default() };
    assert_eq!(store.list(&odd).await.unwrap()[0].id, "M3-1");
    let rule = Filter { rule: Some("document-to-private".into()), ..Filter::default() };
    assert!(store.list(&rule).await.unwrap().is_empty(), "a part of a rule's name is no rule");
    let rule = Filter { rule: Some("document-to-private-mailbox".into()), ..Filter::default() };
    assert_eq!(store.list(&rule).await.unwrap().len(), 5);
}

#[tokio::test]
async fn a_changed_or_missing_blob_is_noticed() {
    let (folder, store) = one_held(false).await;
    let file = std::fs::read_dir(folder.path().join("blobs")).unwrap().next().unwrap().unwrap().path();
    let mut bytes = std::fs::read(&file).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let changed = store.open("M1-1", &reviewer(), "test", noon()).await;
    assert!(matches!(changed, Err(StoreError::Damaged { .. })), "{changed:?}");
    std::fs::remove_file(&file).unwrap();
    let missing = store.open("M1-1", &reviewer(), "test", noon()).await;
    assert!(matches!(missing, Err(StoreError::Blob { .. })), "{missing:?}");
}

/// Who releases a copy hears at once that there is nothing to release; it stays held, and can be rejected.
#[tokio::test]
async fn a_copy_whose_content_is_damaged_is_not_released() {
    let (folder, store) = one_held(false).await;
    let file = std::fs::read_dir(folder.path().join("blobs")).unwrap().next().unwrap().unwrap().path();
    let whole = std::fs::read(&file).unwrap();
    let mut changed = whole.clone();
    let last = changed.len() - 20;
    changed[last] ^= 1;
    std::fs::write(&file, changed).unwrap();
    let damaged = store.release("M1-1", &reviewer(), noon()).await;
    assert!(matches!(damaged, Err(StoreError::Damaged { .. })), "{damaged:?}");
    std::fs::remove_file(&file).unwrap();
    let missing = store.release("M1-1", &reviewer(), noon()).await;
    assert!(matches!(missing, Err(StoreError::Blob { .. })), "{missing:?}");
    assert!(store.outbox_list(true, 10).await.unwrap().is_empty());
    std::fs::write(&file, whole).unwrap();
    store.release("M1-1", &reviewer(), noon()).await.expect("restored, it leaves");
    assert_eq!(store.outbox_list(true, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_wrong_or_missing_key_is_an_error_at_opening() {
    let (folder, store) = one_held(false).await;
    store.close().await.unwrap();
    let key = folder.path().join("key");
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, [7; 32]).unwrap();
    let wrong = open(folder.path()).await.err().unwrap();
    assert!(matches!(wrong, StoreError::WrongKey { .. }), "{wrong}");
    std::fs::remove_file(&key).unwrap();
    let missing = open(folder.path()).await.err().unwrap();
    assert!(missing.to_string().contains("it does not exist, but the store needs it"), "{missing}");
    assert!(!key.exists(), "no new key in place of the lost one");
    std::fs::write(&key, right).unwrap();
    assert!(std::fs::metadata(&key).is_ok() && open(folder.path()).await.is_err(), "every user can read it");
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    open(folder.path()).await.unwrap();
}

#[tokio::test]
async fn a_store_whose_key_cannot_be_written_does_not_come_to_be() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), b"").unwrap();
    let key_file = folder.path().join("file/key");
    let error = Store::open(StoreSettings { key_file, ..settings(folder.path()) }, noon()).await.err().unwrap();
    assert!(matches!(error, StoreError::Key { .. }), "{error}");
    open(folder.path()).await.expect("with a folder for its key it is a first start again");
}

#[tokio::test]
async fn a_damaged_database_says_so() {
    let folder = tempfile::tempdir().unwrap();
    octroi::store::KeyFile::create_or_load(&folder.path().join("key")).unwrap();
    std::fs::write(folder.path().join("octroi.db"), [b'x'; 8192]).unwrap();
    let error = open(folder.path()).await.err().unwrap();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
}

#[tokio::test]
async fn a_closed_store_refuses() {
    let (_folder, store) = house().await;
    let other = store.clone();
    store.close().await.unwrap();
    let mail = mail("M1", &["a@home.example"]);
    assert!(other.keep(&all_held(&mail)).await.is_err());
}

/// The content of the mail stays for the other copy, and the decided one is closed all the same.
#[tokio::test]
async fn a_decided_copy_is_closed_while_another_is_held() {
    for release in [false, true] {
        let (_folder, store) = house().await;
        store.keep(&all_held(&mail("M1", &["a@home.example", "b@home.example"]))).await.unwrap();
        match release {
            true => store.release("M1-1", &reviewer(), noon()).await.unwrap(),
            false => store.reject("M1-1", &reviewer(), noon()).await.unwrap(),
        };
        let opened = store.open("M1-1", &reviewer(), "to see", noon()).await;
        assert!(matches!(opened, Err(StoreError::Gone { .. })), "{opened:?}");
        let taken = store.take_out("M1-1", &reviewer(), "to see", noon()).await;
        assert!(matches!(taken, Err(StoreError::Gone { .. })), "released: {release}");
        assert!(store.open("M1-2", &reviewer(), "to see", noon()).await.is_ok());
    }
}
