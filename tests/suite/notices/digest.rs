// SPDX-License-Identifier: EUPL-1.2
//! The digest to the security team. Days pass by naming another instant.

use jiff::{SignedDuration, Timestamp};
use octroi::config::PolicyMode;

use super::town::{OUTSIDE, SENDER, TEAM, Town, flat, marked, read, texts};
use crate::desk::Acts;

/// Of the unit `cabinet` in the shipped people.
const CABINET: &str = "claire.vasseur@justice.gouv.example";

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_day_is_told_once_in_counts_and_not_again_after_a_restart() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let start = Timestamp::now();
    for (from, subject) in [(SENDER, "Note Kappa"), (CABINET, "Note Lambda"), (CABINET, "Note Sigma")] {
        town.send(from, &[OUTSIDE], &marked(from, subject, "Bonjour, la note Vigie est pour vous, merci")).await;
    }
    let private = marked(SENDER, "PERSONNEL - pour toi", "Bonjour, je te garde une place dimanche.");
    town.send(SENDER, &["amie@maison.example"], &private).await;

    // The gateway has remembered the last turn at its start; within its day nothing is sent.
    assert!(!town.pipeline().digest(start).await.unwrap());
    let tomorrow = start + days(1);
    assert!(town.pipeline().digest(tomorrow).await.unwrap());
    assert!(!town.pipeline().digest(tomorrow).await.unwrap(), "once a day");
    let due = town.due(tomorrow).await;
    let digests: Vec<_> = due.iter().filter(|(to, _)| to.contains(TEAM)).collect();
    let [(to, content)] = &digests[..] else { panic!("one digest, not {due:?}") };
    assert_eq!(to, &format!("<{TEAM}>"));
    let message = read(content);
    assert_eq!(message.header("subject"), Some("Le courrier retenu : point du jour"));
    assert_eq!(message.header("content-language"), Some("fr"));
    let (plain, html) = texts(&message);
    for text in [&plain, &html] {
        let text = flat(&text.replace("<b>", "").replace("</b>", "").replace('\u{a0}', " "));
        for told in [
            "Copies qui attendent une décision : 3",
            "marked-leaves-house : 3",
            "Cabinet du ministre (cabinet) : 2",
            "— : 1",
            "(sans autre détail) : 1",
            "Copies retenues : 4",
            "Copies libérées : 0",
        ] {
            assert!(text.contains(told), "{told:?} is not in {text}");
        }
        for quoted in ["Kappa", "Vigie", "PERSONNEL", "amie", "atelier", "jeanne", "claire"] {
            assert!(!text.contains(quoted), "{quoted} is told");
        }
    }

    town.restart().await;
    assert!(!town.pipeline().digest(tomorrow).await.unwrap(), "the turn is remembered");
    let reviewer = crate::desk::caller("a.martin", &[octroi::access::Role::Approver], "*");
    for copy in town.held().await {
        town.pipeline().store.release(copy.id.as_str(), &reviewer, start + days(2)).await.unwrap();
    }
    // Two turns passed while nobody looked: one digest tells of both days.
    let later = start + days(3);
    assert!(town.pipeline().digest(later).await.unwrap());
    assert!(!town.pipeline().digest(later).await.unwrap());
    let due = town.due(later).await;
    let text = flat(&texts(&read(&due.iter().find(|(to, _)| to.contains(TEAM)).unwrap().1)).0);
    assert!(text.contains("attendent une décision : 0") && text.contains("libérées : 4"), "{text}");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_only_watched_is_counted_apart() {
    let town = Town::open(PolicyMode::Observe).await;
    let start = Timestamp::now();
    town.send(SENDER, &[OUTSIDE], &marked(SENDER, "Note", "Bonjour")).await;
    town.pipeline().journal.flush().await.unwrap();
    assert!(!town.pipeline().digest(start).await.unwrap(), "a new gateway has nothing to tell of before");
    assert!(town.pipeline().digest(start + days(1)).await.unwrap());
    let due = town.due(start + days(1)).await;
    let text = flat(&texts(&read(&due.iter().find(|(to, _)| to.contains(TEAM)).unwrap().1)).0);
    assert!(text.contains("attendent une décision : 0") && text.contains("marked-leaves-house : 1"), "{text}");
    town.close().await;
}

/// `[notices] digest_at`, 17:05 in the town's zone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_digest_comes_at_its_time_of_day() {
    let town = Town::open(PolicyMode::Enforce).await;
    let start = Timestamp::now();
    assert!(!town.pipeline().digest(start).await.unwrap());
    let zone = jiff::tz::TimeZone::get("Europe/Paris").unwrap();
    let today = start.to_zoned(zone).with().time(jiff::civil::time(17, 5, 0, 0)).build().unwrap().timestamp();
    let next = if today > start { today } else { today + days(1) };
    assert!(!town.pipeline().digest(next - SignedDuration::from_mins(1)).await.unwrap(), "before its time");
    assert!(town.pipeline().digest(next).await.unwrap());
    town.close().await;
}
