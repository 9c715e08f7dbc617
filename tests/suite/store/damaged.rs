// SPDX-License-Identifier: EUPL-1.2
//! Rows of the journal that cannot be read any more hide no others, and nothing is invented in their place.

use octroi::policy::verdict::Disposition;
use octroi::store::{EntryCopy, JournalPage};

use super::find::{copy, entry};
use super::*;

/// What is done to the oldest mail, and how many rows of an answer, and of a page for those who judge again, that costs.
const DAMAGE: [(&str, u64, u64); 14] = [
    ("UPDATE journaled_mail SET sealed = x'00' WHERE id = (SELECT MIN(id) FROM journaled_mail)", 1, 1),
    ("UPDATE journaled_mail SET sealed = 'text' WHERE id = (SELECT MIN(id) FROM journaled_mail)", 1, 1),
    ("UPDATE journaled_mail SET private = 'x' WHERE id = (SELECT MIN(id) FROM journaled_mail)", 1, 1),
    ("UPDATE journaled_mail SET unit = 4711 WHERE id = (SELECT MIN(id) FROM journaled_mail)", 1, 1),
    ("UPDATE journaled_mail SET sources = 4711 WHERE id = (SELECT MIN(id) FROM journaled_mail)", 0, 1),
    ("UPDATE journaled_copy SET disposition = 99 WHERE id = (SELECT MIN(id) FROM journaled_copy)", 1, 1),
    ("UPDATE journaled_copy SET disposition = 'x' WHERE id = (SELECT MIN(id) FROM journaled_copy)", 1, 1),
    ("UPDATE journaled_copy SET observed = -1 WHERE id = (SELECT MIN(id) FROM journaled_copy)", 1, 1),
    ("UPDATE journaled_copy SET rules = 4711 WHERE id = (SELECT MIN(id) FROM journaled_copy)", 1, 1),
    ("UPDATE journaled_copy SET cause = 4711 WHERE id = (SELECT MIN(id) FROM journaled_copy)", 1, 1),
    ("UPDATE journaled_copy SET class = 77 WHERE id = (SELECT MIN(id) FROM journaled_copy)", 0, 1),
    ("UPDATE journaled_copy SET reply = x'0102' WHERE id = (SELECT MIN(id) FROM journaled_copy)", 1, 0),
    ("UPDATE journaled_copy SET later = x'0102' WHERE id = (SELECT MIN(id) FROM journaled_copy)", 1, 1),
    // Of a copy without a row nobody knows what became of it.
    ("DELETE FROM journaled_copy WHERE id = (SELECT MIN(id) FROM journaled_copy)", 0, 1),
];

/// Four mails to one address, each with a rule and a cause.
async fn four() -> (TempDir, Store) {
    let (folder, store) = house().await;
    let journal = store.journal();
    for n in 0..4 {
        let held = EntryCopy {
            disposition: Disposition::Quarantine,
            rules: vec!["a-rule".into()],
            cause: Some("store".into()),
            ..copy(0)
        };
        journal.record(octroi::store::Entry { copies: vec![held], ..entry(&format!("M{n}"), "a@home.example") });
    }
    journal.flush().await.unwrap();
    (folder, store)
}

async fn page(store: &Store) -> JournalPage {
    store.kept_after(store.journal_since(noon()).await.unwrap(), 10).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_damaged_row_hides_no_other_and_is_counted() {
    for (damage, of_an_answer, of_a_page) in DAMAGE {
        let (folder, store) = four().await;
        let mut database = connect(folder.path()).await;
        sqlx::raw_sql(sqlx::AssertSqlSafe(damage)).execute(&mut database).await.unwrap();
        let found = store.find("a@home.example").await.unwrap();
        let left = if damage.starts_with("DELETE") { 3 } else { 4 - of_an_answer };
        assert_eq!((found.rows.len() as u64, found.damaged), (left, of_an_answer), "{damage}");
        assert!(found.rows.iter().all(|row| row.disposition == "quarantine" && row.rules == ["a-rule"]), "{damage}");
        let page = page(&store).await;
        let copies: Vec<_> = page.entries.iter().flat_map(|entry| &entry.copies).collect();
        assert_eq!((copies.len() as u64, page.damaged), (4 - of_a_page, of_a_page), "{damage}");
        assert!(copies.iter().all(|copy| copy.disposition == Disposition::Quarantine), "{damage}");
        assert_eq!(store.figures().await.unwrap().journal_damaged, of_an_answer + of_a_page, "{damage}");
    }
}

/// One byte of what is sealed, anywhere in it, changed to anything.
#[tokio::test]
async fn a_flipped_byte_costs_one_row() {
    let (folder, store) = four().await;
    let mut database = connect(folder.path()).await;
    let (id, whole): (i64, Vec<u8>) = sqlx::query_as("SELECT id, sealed FROM journaled_mail ORDER BY id LIMIT 1")
        .fetch_one(&mut database)
        .await
        .unwrap();
    let mut dice = 7u64;
    for at in 0..whole.len() {
        dice = dice.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        let mut flipped = whole.clone();
        flipped[at] ^= (dice >> 33) as u8 | 1;
        let sql = "UPDATE journaled_mail SET sealed = ? WHERE id = ?";
        sqlx::query(sql).bind(&flipped).bind(id).execute(&mut database).await.unwrap();
        let found = store.find("a@home.example").await.unwrap();
        assert_eq!((found.rows.len(), found.damaged), (3, 1), "{at}");
        let page = page(&store).await;
        assert_eq!((page.entries.len(), page.damaged), (3, 1), "{at}");
    }
}

/// A mail's id means its copies, whatever became of the journal.
#[tokio::test]
async fn held_copies_of_a_damaged_row_are_found() {
    let (folder, store) = house().await;
    store.keep(&all_held(&mail("M1", &["a@home.example", "b@home.example"]))).await.unwrap();
    let journal = store.journal();
    let held = EntryCopy { held: true, disposition: Disposition::Quarantine, ..copy(0) };
    journal.record(octroi::store::Entry { copies: vec![held], ..entry("M1", "a@home.example") });
    journal.flush().await.unwrap();
    let mut database = connect(folder.path()).await;
    sqlx::raw_sql("UPDATE journaled_mail SET sealed = x'00'").execute(&mut database).await.unwrap();
    let found = store.find("M1").await.unwrap();
    let mut copies: Vec<_> = found.rows.iter().filter_map(|row| row.copy.as_ref()).map(|copy| copy.as_str()).collect();
    copies.sort_unstable();
    assert_eq!((copies, found.damaged), (vec!["M1-1", "M1-2"], 1));
}

/// An id that is none, in each table whose rows are work: what stands beside it is done.
#[tokio::test]
async fn a_damaged_id_stops_no_work_but_its_own() {
    let (folder, store) = house().await;
    let kept = mail("M1", &["a@home.example", "b@home.example"]);
    store.keep(&Keeping { outbox: vec![notice(), notice()], ..all_held(&kept) }).await.unwrap();
    let mut database = connect(folder.path()).await;
    let damage = "PRAGMA foreign_keys = OFF; UPDATE held SET id = 'x' WHERE id = 'M1-1'; \
        UPDATE outbox SET id = 'y' WHERE id = (SELECT MIN(id) FROM outbox)";
    sqlx::raw_sql(damage).execute(&mut database).await.unwrap();
    let listed = store.list(&Default::default()).await.unwrap();
    assert_eq!(listed.len(), 1, "the quarantine's list");
    let copies = store.copies_of(&kept.id).await.unwrap();
    assert_eq!(copies.iter().map(|copy| copy.as_str()).collect::<Vec<_>>(), ["M1-2"], "a mail's copies");
    let found = store.find("M1").await.unwrap();
    assert_eq!((found.rows.len(), found.damaged), (1, 1), "the search");
    assert_eq!(store.outbox_list(true, 10).await.unwrap().len(), 1, "the outbox's list");
    assert_eq!(store.outbox_take(noon(), 10).await.unwrap().len(), 1, "the courier");
    assert_eq!(store.sweep(noon() + days(400)).await.unwrap().expired, 1, "the sweep");
}

/// Who went where is not known of a mail whose rows are damaged: its second person is told so, and it stays held.
#[tokio::test]
async fn a_second_person_is_not_taken_for_a_stranger_where_rows_are_damaged() {
    let (folder, store) = house().await;
    let kept = mail("M1", &["a@home.example", "b@home.example"]);
    let mut keeping = all_held(&kept);
    keeping.held.iter_mut().for_each(|copy| copy.needs_two = true);
    store.keep(&keeping).await.unwrap();
    let journal = store.journal();
    journal.record(octroi::store::Entry { copies: vec![copy(0)], ..entry("M1", "c@home.example") });
    journal.flush().await.unwrap();
    let own = octroi::mail::Mailbox::parse("c@home.example").unwrap();
    let id = "M1-1".parse().unwrap();
    let asked = store.case(&id, Some(&own), &octroi::access::Scope::All).await;
    assert!(asked.unwrap().case.is_recipient);
    let mut database = connect(folder.path()).await;
    sqlx::raw_sql("UPDATE journaled_mail SET sealed = x'00'").execute(&mut database).await.unwrap();
    let asked = store.case(&id, Some(&own), &octroi::access::Scope::All).await;
    assert!(matches!(asked, Err(StoreError::Damaged { .. })), "{asked:?}");
}

/// What was decided about a bulk send, and who sent it: a start reads both, and does not fail over one row.
#[tokio::test]
async fn a_damaged_decision_about_a_bulk_send_hides_no_other() {
    let (folder, store) = house().await;
    let mut database = connect(folder.path()).await;
    for row in [
        "INSERT INTO campaign_decision VALUES ('no id', 'allow', 0)",
        "INSERT INTO campaign_decision VALUES ('9f1c33d06a4be217', 'release', 0)",
        "INSERT INTO campaign_decision VALUES ('9f1c33d06a4be218', x'00', 0)",
        "INSERT INTO campaign_decision VALUES ('9f1c33d06a4be219', 'stop', 1)",
        "INSERT INTO campaign_sender VALUES (1, x'00')",
    ] {
        sqlx::raw_sql(sqlx::AssertSqlSafe(row)).execute(&mut database).await.unwrap();
    }
    let decided = store.campaign_decisions().await.unwrap();
    assert_eq!(decided.iter().map(|decided| decided.campaign.to_string()).collect::<Vec<_>>(), ["9f1c33d06a4be219"]);
    assert_eq!(store.campaign_senders().await.unwrap(), []);
}
