// SPDX-License-Identifier: EUPL-1.2
//! Words that a newer version left in the store are read as the safest: nothing is sent, forgotten or called over that
//! this version does not understand.

use octroi::store::{ItemState, OutboxKind, RecipientOutcome};

use super::{all_held, connect, days, house, mail, noon, notice};

#[tokio::test]
async fn an_item_of_an_unknown_kind_is_not_sent_and_its_sender_hears_in_the_end() {
    let (folder, store) = house().await;
    let mail = mail("M1", &["a@home.example"]);
    let mut keeping = all_held(&mail);
    keeping.outbox.push(notice());
    store.keep(&keeping).await.unwrap();
    let mut database = connect(folder.path()).await;
    sqlx::raw_sql("UPDATE outbox SET kind = 'parcel', origin = '<agent@town.example>'")
        .execute(&mut database)
        .await
        .unwrap();
    let item = store.outbox_take(noon(), 10).await.unwrap().remove(0);
    assert_eq!(item.kind, OutboxKind::Unknown);
    assert!(store.outbox_work(&item).await.is_err(), "nobody knows what to send");
    let put_off = vec![RecipientOutcome::PutOff { n: 1, reply: "451 4.3.0 not understood".into() }];
    assert_eq!(store.outbox_settle(&item, put_off, noon(), noon()).await.unwrap(), ItemState::Ready);
    // As long as the outbox tries it waits for a version that knows it; then it is told like mail.
    let item = store.outbox_take(noon() + days(6), 10).await.unwrap().remove(0);
    assert_eq!(store.outbox_settle(&item, Vec::new(), noon(), noon() + days(6)).await.unwrap(), ItemState::Failed);
    let rows = store.outbox_list(true, 10).await.unwrap();
    assert!(rows.iter().any(|row| row.kind == OutboxKind::Failure), "{rows:?}");
}

#[tokio::test]
async fn an_unknown_state_is_not_over() {
    let (folder, store) = house().await;
    let mail = mail("M1", &["a@home.example"]);
    let mut keeping = all_held(&mail);
    keeping.outbox.push(notice());
    store.keep(&keeping).await.unwrap();
    let mut database = connect(folder.path()).await;
    sqlx::raw_sql("UPDATE outbox SET state = 'parked'").execute(&mut database).await.unwrap();
    assert!(store.outbox_take(noon(), 10).await.unwrap().is_empty());
    let rows = store.outbox_list(true, 10).await.unwrap();
    assert_eq!(rows[0].state, ItemState::Unknown);
}
