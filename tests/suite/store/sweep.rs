// SPDX-License-Identifier: EUPL-1.2
//! Sweeping: in small writes, beside the writer where it can be, and so that what is gone is gone from the disk.

use std::time::{Duration, SystemTime};

use super::find::entry;
use super::*;

async fn journaled(store: &Store, rows: usize) {
    let journal = store.journal();
    for n in 0..rows {
        journal.record(entry(&format!("J{n}"), &format!("a{n}@home.example")));
    }
    journal.flush().await.unwrap();
}

#[tokio::test]
async fn what_expires_goes_in_small_writes() {
    let (_folder, store) = house().await;
    journaled(&store, 1000).await;
    let to: Vec<String> = (0..100).map(|n| format!("a{n}@home.example")).collect();
    store.keep(&all_held(&mail("M1", &to.iter().map(String::as_str).collect::<Vec<_>>()))).await.unwrap();
    let before = store.figures().await.unwrap().commits;
    let swept = store.sweep(noon() + days(184)).await.unwrap();
    assert_eq!((swept.journal_deleted, swept.expired), (1000, 100));
    let writes = store.figures().await.unwrap().commits - before;
    assert!(writes >= 20, "ten for the journal and ten for the copies at least, not {writes}");
}

#[tokio::test]
async fn decided_copies_go_with_all_that_belongs_to_them() {
    let (folder, store) = house().await;
    let to: Vec<String> = (0..250).map(|n| format!("a{n}@home.example")).collect();
    store.keep(&all_held(&mail("M1", &to.iter().map(String::as_str).collect::<Vec<_>>()))).await.unwrap();
    let end = noon() + days(31);
    assert_eq!(store.sweep(end).await.unwrap().expired, 250);
    while let [item, ..] = &store.outbox_take(end, 1).await.unwrap()[..] {
        let sent = octroi::store::RecipientOutcome::Sent { n: 1, reply: "250 ok".into() };
        store.outbox_settle(item, vec![sent], end, end).await.unwrap();
    }
    store.sweep(end + days(184)).await.unwrap();
    store.close().await.unwrap();
    let mut database = connect(folder.path()).await;
    for table in ["held", "held_rule", "mail", "outbox", "outbox_recipient", "blob", "retry"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table}"));
        let (rows,): (i64,) = sqlx::query_as(sql).fetch_one(&mut database).await.unwrap();
        assert_eq!(rows, 0, "{table}");
    }
}

#[tokio::test]
async fn files_that_no_row_names_go_after_an_hour_and_no_others() {
    let (folder, store) = house().await;
    store.keep(&all_held(&mail("M1", &["a@home.example"]))).await.unwrap();
    let blobs = folder.path().join("blobs");
    for name in ["0left", "fleft.new", "young"] {
        std::fs::write(blobs.join(name), b"x").unwrap();
    }
    let old = SystemTime::now() - Duration::from_secs(2 * 60 * 60);
    for entry in std::fs::read_dir(&blobs).unwrap().map(|entry| entry.unwrap().path()) {
        if !entry.ends_with("young") {
            std::fs::File::options().write(true).open(entry).unwrap().set_modified(old).unwrap();
        }
    }
    assert_eq!(store.sweep(noon()).await.unwrap().blobs_deleted, 2);
    assert!(blobs.join("young").exists());
    store.open("M1-1", &reviewer(), "a test", noon()).await.expect("the held mail is still there");
}

#[tokio::test]
async fn a_destroyed_key_is_nowhere_on_the_disk_after_the_sweep() {
    let (folder, store) = house().await;
    // Nobody is to be told, so that the rejection frees the content at once.
    store.keep(&all_held(&mail_from("M1", "<>", &["a@home.example"]))).await.unwrap();
    let mut database = connect(folder.path()).await;
    let (key,): (Vec<u8>,) = sqlx::query_as("SELECT wrapped FROM blob").fetch_one(&mut database).await.unwrap();
    sqlx::Connection::close(database).await.unwrap();
    let on_disk = || -> Vec<String> {
        let files = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let holds = |path: &std::path::PathBuf| {
            path.is_file() && std::fs::read(path).unwrap().windows(key.len()).any(|part| part == key)
        };
        files.filter(holds).map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
    };
    assert_eq!(on_disk(), ["octroi.db-wal"], "where the test must look");
    store.reject("M1-1", &reviewer(), noon()).await.unwrap();
    store.sweep(noon()).await.unwrap();
    assert_eq!(on_disk(), Vec::<String>::new());
}

/// So many holds, four at a time, and how long each waited, in order.
async fn holds(store: &Store, name: &str, many: usize, at: Timestamp) -> Vec<Duration> {
    let mut lanes = tokio::task::JoinSet::new();
    for lane in 0..4 {
        let (store, name) = (store.clone(), name.to_owned());
        lanes.spawn(async move {
            let mut waits = Vec::with_capacity(many / 4);
            for n in 0..many / 4 {
                let mut mail = mail(&format!("{name}{lane}N{n}"), &["a@home.example"]);
                mail.received = at;
                mail.content = Content(Bytes::from(format!("X: {name} {lane} {n}\r\n\r\n{}", "text ".repeat(800))));
                let began = std::time::Instant::now();
                store.keep(&all_held(&mail)).await.unwrap();
                waits.push(began.elapsed());
            }
            waits
        });
    }
    let mut waits = lanes.join_all().await.concat();
    waits.sort();
    waits
}

/// Not a test of right or wrong: `cargo test --test suite a_hundred_thousand -- --ignored --nocapture` prints the figures.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn a_hundred_thousand_held_copies_expire_beside_holds() {
    let (_folder, store) = house().await;
    let to: Vec<String> = (0..100).map(|n| format!("a{n}@home.example")).collect();
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    for n in 0..1000 {
        store.keep(&all_held(&mail(&format!("M{n}"), &to))).await.unwrap();
    }
    let later = noon() + days(31);
    let p99 = |waits: &[Duration]| waits[waits.len() * 99 / 100];
    store.longest_write();
    let alone = holds(&store, "ALONE", 4000, later).await;
    println!("holds alone: p50 {:?}, p99 {:?}, longest write {:?}", alone[2000], p99(&alone), store.longest_write());
    // The sweep by itself, for one half of them.
    let (mut expired, mut longest, began) = (0, Vec::new(), std::time::Instant::now());
    while expired < 50_000 {
        expired += store.sweep(later).await.unwrap().expired;
        longest.push(store.longest_write());
    }
    longest.sort();
    println!(
        "50,000 of 100,000 swept in {:?}, {} sweeps: longest write of each p50 {:?}, worst {:?}",
        began.elapsed(),
        longest.len(),
        longest[longest.len() / 2],
        longest[longest.len() - 1],
    );
    // And beside holds, for the other half.
    let sweeping = tokio::spawn({
        let store = store.clone();
        async move {
            let mut expired = 0;
            while expired < 50_000 {
                expired += store.sweep(later).await.unwrap().expired;
            }
        }
    });
    let (mut beside, mut round) = (Vec::new(), 0);
    while !sweeping.is_finished() {
        round += 1;
        beside.extend(holds(&store, &format!("BESIDE{round}X"), 400, later).await);
    }
    sweeping.await.unwrap();
    beside.sort();
    println!(
        "{} holds beside it: p50 {:?}, p99 {:?}, worst {:?}; longest write {:?}",
        beside.len(),
        beside[beside.len() / 2],
        p99(&beside),
        beside[beside.len() - 1],
        store.longest_write()
    );
    assert_eq!(store.figures().await.unwrap().held as usize, 4000 + beside.len());
}
