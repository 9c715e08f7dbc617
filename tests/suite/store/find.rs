// SPDX-License-Identifier: EUPL-1.2
//! The journal and `find`.

use octroi::store::{CopyState, Entry};

use super::*;

fn entry(mail: &str, recipient: &str) -> Entry {
    Entry {
        mail: mail.into(),
        time: noon(),
        client: Some("192.0.2.1".into()),
        queue_id: Some(format!("Q{mail}")),
        message_id: Some(format!("<{mail}@town.example>")),
        sender: "Agent@town.example".into(),
        recipient: recipient.into(),
        class: "private-webmail".into(),
        disposition: "pass".into(),
        observed: None,
        rules: Vec::new(),
        copy: None,
        reply: Some("250 2.0.0 queued as 4711".into()),
        size: 1234,
        facts: "{}".into(),
        policy: "v1".into(),
        maybe_duplicate: false,
        client_tls: Some("TLSv1.3/TLS13_AES_256_GCM_SHA384/verified".into()),
        next_hop_tls: None,
    }
}

#[tokio::test]
async fn every_name_of_a_mail_finds_it() {
    let (folder, store) = house().await;
    let journal = store.journal();
    for n in 0..250 {
        journal.record(entry(&format!("M{n}"), &format!("r{n}@home.example")));
    }
    journal.record(entry("M7", "colleague@town.example"));
    journal.flush().await.unwrap();
    for (query, rows) in [
        ("M7", 2),
        ("QM7", 2),
        ("<M7@town.example>", 2),
        ("M7@town.example", 2),
        ("R7@HOME.example", 1),
        ("agent@town.example", 251),
        ("M", 0),
    ] {
        assert_eq!(store.find(query).await.unwrap().len(), rows, "{query}");
    }
    let row = store.find("r7@home.example").await.unwrap().remove(0);
    assert_eq!(row.recipient, "r7@home.example");
    assert_eq!(row.reply.as_deref(), Some("250 2.0.0 queued as 4711"));
    assert_eq!(journal.dropped(), 0);
    drop(journal);
    store.close().await.unwrap();
    let disk = std::fs::read(folder.path().join("octroi.db")).unwrap();
    let disk = String::from_utf8_lossy(&disk);
    assert!(
        disk.contains("queued as 4711") && !disk.contains("r7@home.example"),
        "addresses of passed mail are sealed"
    );
}

#[tokio::test]
async fn find_tells_the_state_of_today_also_without_a_journal_row() {
    let (_folder, store) = house().await;
    let mail = mail("M1", &["a@home.example", "b@home.example"]);
    store.keep(&all_held(&mail)).await.unwrap();
    let journal = store.journal();
    journal.record(Entry {
        copy: Some("M1-1".into()),
        disposition: "quarantine".into(),
        reply: None,
        ..entry("M1", "a@home.example")
    });
    journal.flush().await.unwrap();
    store.release("M1-1", &reviewer(), noon()).await.unwrap();
    let mut rows = store.find("QM1").await.unwrap();
    rows.sort_by(|a, b| a.recipient.cmp(&b.recipient));
    assert_eq!(rows.len(), 2);
    assert_eq!((rows[0].state, rows[0].outbox.as_deref()), (Some(CopyState::Released), Some("release ready")));
    assert_eq!((rows[1].state, rows[1].outbox.as_deref()), (Some(CopyState::Held), None));
}

#[tokio::test]
async fn of_private_mail_find_names_no_sender_and_is_not_led_by_one() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    let facts = "[[\"private-correspondence\",null,null,null]]";
    journal.record(Entry { facts: facts.into(), ..entry("M1", "a@home.example") });
    journal.record(entry("M2", "b@home.example"));
    journal.flush().await.unwrap();
    let by_sender = store.find("agent@town.example").await.unwrap();
    assert_eq!(by_sender.iter().map(|row| row.mail.as_str()).collect::<Vec<_>>(), ["M2"]);
    for query in ["M1", "QM1", "<M1@town.example>", "a@home.example"] {
        let rows = store.find(query).await.unwrap();
        let [row] = &rows[..] else { panic!("{query}: {rows:?}") };
        assert_eq!((row.sender.as_deref(), row.message_id.as_deref()), (None, None), "{query}");
        assert_eq!(row.recipient, "a@home.example");
    }
}

#[tokio::test]
async fn what_does_not_fit_the_channel_is_counted() {
    let (_folder, store) = house().await;
    // One thread: the journal's task cannot run before the first await, so exactly four rows fit.
    let journal = store.journal_of(4);
    for n in 0..10 {
        journal.record(entry(&format!("M{n}"), "a@home.example"));
    }
    assert_eq!(journal.dropped(), 6);
    journal.flush().await.unwrap();
    assert_eq!(store.find("a@home.example").await.unwrap().len(), 4);
    assert_eq!(store.figures().await.unwrap().journal_dropped, 6);
}

#[tokio::test]
async fn the_journal_expires() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    journal.record(entry("M1", "a@home.example"));
    journal.flush().await.unwrap();
    assert_eq!(store.sweep(noon() + days(182)).await.unwrap().journal_deleted, 0);
    assert_eq!(store.sweep(noon() + days(184)).await.unwrap().journal_deleted, 1);
    assert!(store.find("M1").await.unwrap().is_empty());
}
