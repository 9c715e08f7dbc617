// SPDX-License-Identifier: EUPL-1.2
//! The journal and `find`.

use octroi::directory::Class;
use octroi::policy::verdict::Disposition;
use octroi::store::{CopyState, Entry, EntryCopy, EntryFacts, MOST_FOUND};

use super::*;

/// A mail that passed to one recipient.
pub fn entry(mail: &str, recipient: &str) -> Entry {
    Entry {
        mail: MailId::parse(mail).unwrap(),
        time: noon(),
        client: Some([192, 0, 2, 1].into()),
        queue_id: Some(format!("Q{mail}")),
        message_id: Some(format!("<{mail}@town.example>")),
        reverse_path: "Agent@town.example".into(),
        recipients: vec![recipient.into()],
        private: false,
        size: 1234,
        reply: "250 2.0.0 queued as 4711".into(),
        maybe_duplicate: false,
        client_tls: Some("TLSv1.3/TLS13_AES_256_GCM_SHA384/verified".into()),
        next_hop_tls: None,
        judged: Some(EntryFacts {
            sender: Some("Agent@town.example".into()),
            unit: "sg/achats".into(),
            sources: "{}".into(),
            bytes: vec![1, 2, 3],
        }),
        copies: vec![copy(0)],
    }
}

pub fn copy(recipient: usize) -> EntryCopy {
    EntryCopy {
        recipient,
        class: Some(Class::PrivateWebmail),
        disposition: Disposition::Pass,
        verdict: Some(Disposition::Pass),
        observed: None,
        rules: Vec::new(),
        held: false,
        reply: None,
        facts: vec![0, 2, 2],
        cause: None,
        put_off: None,
        kept_as: None,
    }
}

/// The same put off by the store's own fault.
fn put_off(mail: &str, recipient: &str, content: u8) -> Entry {
    let off = EntryCopy {
        disposition: Disposition::Defer,
        cause: Some("store".into()),
        put_off: Some([content; 32]),
        ..copy(0)
    };
    Entry { reply: "451 4.3.0 cannot take this now".into(), copies: vec![off], ..entry(mail, recipient) }
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
        assert_eq!(store.find(query).await.unwrap().rows.len(), rows, "{query}");
    }
    let row = store.find("r7@home.example").await.unwrap().rows.remove(0);
    assert_eq!(
        (row.recipient.as_deref(), row.sender.as_deref()),
        (Some("r7@home.example"), Some("Agent@town.example"))
    );
    assert_eq!(
        (row.client_tls.as_deref(), row.next_hop_tls),
        (Some("TLSv1.3/TLS13_AES_256_GCM_SHA384/verified"), None)
    );
    assert_eq!(row.reply.as_deref(), Some("250 2.0.0 queued as 4711"));
    assert_eq!(journal.dropped(), 0);
    drop(journal);
    store.close().await.unwrap();
    let disk = std::fs::read(folder.path().join("octroi.db")).unwrap();
    let disk = String::from_utf8_lossy(&disk);
    assert!(disk.contains("sg/achats"), "units are words");
    for sealed in ["r7@", "home.example", "town.example", "QM7", "queued as 4711"] {
        assert!(!disk.contains(sealed), "{sealed} stands in clear");
    }
}

/// By each name for which an answer may grow too long, over the journal and over copies that have no row there.
#[tokio::test]
async fn a_search_that_finds_more_than_an_answer_holds_says_so() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    for n in 0..=MOST_FOUND {
        let mut one = entry(&format!("M{n}"), if n == 0 { "other@home.example" } else { "one@home.example" });
        one.queue_id = Some("QALL".into());
        journal.record(one);
    }
    journal.flush().await.unwrap();
    let to: Vec<String> = (0..=MOST_FOUND).map(|n| format!("a{n}@home.example")).collect();
    store.keep(&all_held(&mail("H1", &to.iter().map(String::as_str).collect::<Vec<_>>()))).await.unwrap();
    for (query, rows, more) in [
        ("QALL", MOST_FOUND, true),
        ("agent@town.example", MOST_FOUND, true),
        ("one@home.example", MOST_FOUND, false),
        ("other@home.example", 1, false),
        ("H1", MOST_FOUND, true),
        ("H1-1", 1, false),
        ("nobody@home.example", 0, false),
    ] {
        let found = store.find(query).await.unwrap();
        assert_eq!((found.rows.len(), found.more), (rows, more), "{query}");
    }
}

#[tokio::test]
async fn find_tells_the_state_of_today_also_without_a_journal_row() {
    let (_folder, store) = house().await;
    let mail = mail("M1", &["a@home.example", "b@home.example"]);
    store.keep(&all_held(&mail)).await.unwrap();
    let journal = store.journal();
    let held = EntryCopy { held: true, disposition: Disposition::Quarantine, ..copy(0) };
    journal.record(Entry { copies: vec![held], ..entry("M1", "a@home.example") });
    journal.flush().await.unwrap();
    store.release("M1-1", &reviewer(), noon()).await.unwrap();
    let mut rows = store.find("QM1").await.unwrap().rows;
    rows.sort_by(|a, b| a.recipient.cmp(&b.recipient));
    assert_eq!(rows.len(), 2);
    let [by_copy] = &store.find("M1-1").await.unwrap().rows[..] else { panic!("one copy has this id") };
    assert_eq!(by_copy, &rows[0]);
    assert_eq!((rows[0].state, rows[0].outbox.as_deref()), (Some(CopyState::Released), Some("release ready")));
    assert_eq!((rows[1].state, rows[1].outbox.as_deref()), (Some(CopyState::Held), None));
}

#[tokio::test]
async fn private_mail_leaves_no_address_and_is_found_by_its_numbers_alone() {
    let (folder, store) = house().await;
    let journal = store.journal();
    let private =
        Entry { private: true, reply: "250 2.0.0 for a@home.example".into(), ..entry("M1", "a@home.example") };
    journal.record(private);
    journal.record(entry("M2", "b@home.example"));
    journal.flush().await.unwrap();
    let by_sender = store.find("agent@town.example").await.unwrap().rows;
    assert_eq!(by_sender.iter().map(|row| row.mail.as_str()).collect::<Vec<_>>(), ["M2"]);
    assert!(store.find("a@home.example").await.unwrap().rows.is_empty());
    for query in ["M1", "QM1", "<M1@town.example>"] {
        let rows = store.find(query).await.unwrap().rows;
        let [row] = &rows[..] else { panic!("{query}: {rows:?}") };
        assert_eq!((row.sender.as_deref(), row.message_id.as_deref(), row.recipient.as_deref()), (None, None, None));
        assert_eq!((row.mail.as_str(), row.reply.as_deref()), ("M1", Some("250")));
    }
    drop(journal);
    store.close().await.unwrap();
    drop(folder);
}

#[tokio::test]
async fn what_is_put_off_again_changes_its_row() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    journal.record(put_off("M1", "a@home.example", 7));
    // In one batch, and in the next, which another task writes.
    journal.record(Entry { time: noon() + days(1), ..put_off("M2", "a@home.example", 7) });
    journal.flush().await.unwrap();
    let memory = EntryCopy { cause: Some("memory".into()), ..put_off("M3", "", 7).copies[0].clone() };
    let third = Entry {
        time: noon() + days(2),
        reply: "452 4.3.1 no memory".into(),
        copies: vec![memory],
        ..put_off("M3", "a@home.example", 7)
    };
    let other = store.journal();
    other.record(third);
    other.flush().await.unwrap();
    // Another recipient, another content, and the same more than seven days later are others.
    journal.record(put_off("M4", "b@home.example", 7));
    journal.record(put_off("M5", "a@home.example", 8));
    journal.flush().await.unwrap();
    let rows = store.find("M1").await.unwrap().rows;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.times, row.last, row.time), (3, Some(noon() + days(2)), noon()));
    assert_eq!((row.cause.as_deref(), row.reply.as_deref()), (Some("memory"), Some("452 4.3.1 no memory")));
    assert_eq!((row.disposition.as_str(), row.rules.len()), ("defer", 0));
    assert_eq!(store.find("a@home.example").await.unwrap().rows.len(), 2);
    assert_eq!(store.find("b@home.example").await.unwrap().rows[0].times, 1);
    journal.record(Entry { time: noon() + days(9), ..put_off("M6", "a@home.example", 7) });
    journal.flush().await.unwrap();
    assert_eq!(store.find("a@home.example").await.unwrap().rows.len(), 3);
}

/// Nobody judged it: it may be private.
fn unjudged(mail: &str) -> Entry {
    let off = put_off(mail, "a@home.example", 7);
    let copy = EntryCopy { class: None, verdict: None, facts: Vec::new(), ..off.copies[0].clone() };
    Entry { private: true, judged: None, copies: vec![copy], ..off }
}

/// The same judged, and put off by the next hop.
fn judged_later(mail: &str) -> Entry {
    let off = put_off(mail, "a@home.example", 7);
    let copy = EntryCopy {
        verdict: Some(Disposition::Notify),
        observed: Some(Disposition::Quarantine),
        rules: vec!["a-rule".into()],
        cause: Some("next-hop".into()),
        facts: vec![2, 2, 6],
        ..off.copies[0].clone()
    };
    Entry { time: noon() + days(1), reply: "450 4.2.0 later".into(), copies: vec![copy], ..off }
}

#[tokio::test]
async fn what_is_judged_later_has_class_and_facts_in_the_row_of_then() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    journal.record(unjudged("M1"));
    journal.flush().await.unwrap();
    assert!(store.find("a@home.example").await.unwrap().rows.is_empty());
    journal.record(judged_later("M2"));
    // A fault of ours once more: what is known stays.
    journal.record(Entry { time: noon() + days(2), ..unjudged("M3") });
    journal.flush().await.unwrap();
    for query in ["M1", "QM1", "<M1@town.example>", "a@home.example", "agent@town.example"] {
        let rows = store.find(query).await.unwrap().rows;
        let [row] = &rows[..] else { panic!("{query}: {rows:?}") };
        assert_eq!((row.mail.as_str(), row.times, row.time), ("M1", 3, noon()), "{query}");
        assert_eq!((row.last, row.cause.as_deref()), (Some(noon() + days(2)), Some("store")));
        assert_eq!((row.disposition.as_str(), row.observed.as_deref()), ("defer", Some("quarantine")));
        assert_eq!((row.rules.as_slice(), row.unit.as_deref()), (&["a-rule".to_owned()][..], Some("sg/achats")));
        assert_eq!(row.recipient.as_deref(), Some("a@home.example"));
    }
    let page = store.kept_after(store.journal_since(noon()).await.unwrap(), 10).await.unwrap().unwrap();
    let [kept] = &page.entries[..] else { panic!("{page:?}") };
    let expected = judged_later("M1");
    // Why it was put off last stands in its row; the Message-ID and the queue id are those of the attempt judged.
    let [copy] = &kept.copies[..] else { panic!("{kept:?}") };
    assert_eq!(copy, &EntryCopy { cause: Some("store".into()), put_off: None, ..expected.copies[0].clone() });
    assert_eq!((&kept.mail, kept.time, &kept.judged), (&expected.mail, noon() + days(1), &expected.judged));
    assert_eq!((kept.private, &kept.recipients), (false, &expected.recipients));
}

/// What is held too late for the reply is found by the client's next attempt; then its row says so too.
#[tokio::test]
async fn what_was_put_off_and_is_held_says_so() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    journal.record(put_off("M1", "a@home.example", 7));
    journal.flush().await.unwrap();
    store.keep(&all_held(&mail("M1", &["a@home.example"]))).await.unwrap();
    // Before the client has come again.
    let rows = store.find("M1").await.unwrap().rows;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!((row.disposition.as_str(), row.copy.as_ref().map(|copy| copy.as_str())), ("defer", Some("M1-1")));
    assert_eq!(row.state, Some(CopyState::Held));
    let held = |mail: &str, content, kept_as: &str| {
        let held = EntryCopy {
            disposition: Disposition::Quarantine,
            verdict: Some(Disposition::Quarantine),
            held: true,
            put_off: Some([content; 32]),
            kept_as: Some(octroi::mail::CopyId::parse(kept_as).unwrap()),
            ..copy(0)
        };
        Entry { copies: vec![held], ..entry(mail, "a@home.example") }
    };
    journal.record(held("M2", 7, "M1-1"));
    // Of a repeat of what was never put off nothing is written.
    journal.record(held("M3", 8, "M0-1"));
    journal.flush().await.unwrap();
    for query in ["M1", "M1-1", "a@home.example"] {
        let rows = store.find(query).await.unwrap().rows;
        let [row] = &rows[..] else { panic!("{query}: {rows:?}") };
        assert_eq!(
            (row.disposition.as_str(), row.copy.as_ref().map(|copy| copy.as_str()), row.times),
            ("quarantine", Some("M1-1"), 1)
        );
        assert_eq!((row.state, row.cause.as_deref()), (Some(CopyState::Held), Some("store")));
    }
    assert_eq!(journal.dropped(), 0);
}

#[tokio::test]
async fn a_recipient_who_is_named_twice_has_two_rows_that_each_change() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    let twice = |mail: &str| {
        let off = put_off(mail, "a@home.example", 7);
        let copies = vec![off.copies[0].clone(), EntryCopy { recipient: 1, ..off.copies[0].clone() }];
        Entry { recipients: vec!["a@home.example".into(), "A@HOME.example".into()], copies, ..off }
    };
    journal.record(twice("M1"));
    journal.record(twice("M2"));
    journal.flush().await.unwrap();
    journal.record(twice("M3"));
    // Now he is named once.
    journal.record(put_off("M4", "a@home.example", 7));
    journal.flush().await.unwrap();
    let rows = store.find("a@home.example").await.unwrap().rows;
    let mut times: Vec<_> = rows.iter().map(|row| (row.mail.as_str(), row.times)).collect();
    times.sort_unstable();
    assert_eq!(times, [("M1", 3), ("M1", 4)]);
}

#[tokio::test]
async fn what_is_kept_is_read_again_with_its_columns() {
    let (_folder, store) = house().await;
    let journal = store.journal();
    let held = EntryCopy {
        held: true,
        disposition: Disposition::Defer,
        verdict: Some(Disposition::Quarantine),
        observed: Some(Disposition::Notify),
        rules: vec!["a-rule".into()],
        reply: Some("450 4.2.0 later".into()),
        cause: Some("next-hop".into()),
        class: Some(Class::Own),
        ..copy(1)
    };
    let mut all = Vec::new();
    for n in 0..3 {
        let recipients = vec!["x@home.example".into(), "y@home.example".into(), "postmaster".into()];
        let copies = vec![held.clone(), copy(2)];
        all.push(Entry { recipients, copies, ..entry(&format!("M{n}"), "") });
    }
    all.iter().cloned().for_each(|entry| journal.record(entry));
    journal.flush().await.unwrap();
    let mut place = store.journal_since(noon()).await.unwrap();
    let mut read = Vec::new();
    while let Some(page) = store.kept_after(place, 2).await.unwrap() {
        assert_eq!(page.damaged, 0);
        read.extend(page.entries);
        place = page.end;
    }
    assert_eq!(read, all);
    assert_eq!(store.kept_without_facts(noon()).await.unwrap(), 0);
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
    assert_eq!(store.find("a@home.example").await.unwrap().rows.len(), 4);
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
    assert!(store.find("M1").await.unwrap().rows.is_empty());
}

/// The clock jumps by years, either way and back: nothing collides or is lost, and each row goes when it is old.
#[tokio::test]
async fn a_wrong_clock_spoils_no_row() {
    let (folder, store) = house().await;
    let journal = store.journal();
    let clocks = ["2026-11-25", "2026-11-26", "2066-01-01", "2026-11-27", "1970-01-01", "9999-12-01", "2026-11-28"];
    let mut all = Vec::new();
    for (n, day) in clocks.iter().enumerate() {
        for mail in 0..3 {
            let time: Timestamp = format!("{day}T12:00:0{mail}Z").parse().unwrap();
            let recipients = vec!["x@home.example".to_owned(); mail + 1];
            let copies = (0..=mail).map(copy).collect();
            all.push(Entry { time, recipients, copies, ..entry(&format!("M{n}{mail}"), "") });
            journal.record(all[all.len() - 1].clone());
        }
        journal.flush().await.unwrap();
    }
    assert_eq!(journal.dropped(), 0);
    let mut place = store.journal_since(Timestamp::UNIX_EPOCH).await.unwrap();
    let mut read = Vec::new();
    while let Some(page) = store.kept_after(place, 4).await.unwrap() {
        read.extend(page.entries);
        place = page.end;
    }
    assert_eq!(read, all, "in the order in which they were written");
    for entry in &all {
        assert_eq!(store.find(entry.mail.as_str()).await.unwrap().rows.len(), entry.copies.len(), "{}", entry.mail);
    }
    let mut database = connect(folder.path()).await;
    let (largest,): (i64,) =
        sqlx::query_as("SELECT MAX(id) FROM journaled_copy").fetch_one(&mut database).await.unwrap();
    assert!(largest < 1 << 47, "ids follow no clock that jumps by years: {largest}");
    // Half a year later, a day at a time: what the wrong clocks wrote goes with what was written beside it.
    let mut left = Vec::new();
    for day in 183..188 {
        store.sweep(noon() + days(day)).await.unwrap();
        let (count,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM journaled_mail").fetch_one(&mut database).await.unwrap();
        left.push(count);
    }
    assert_eq!(left, [21, 18, 15, 6, 0]);
    let (hours,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM journaled_hour").fetch_one(&mut database).await.unwrap();
    assert_eq!(hours, 0);
}
