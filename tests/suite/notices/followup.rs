// SPDX-License-Identifier: EUPL-1.2
//! What senders are told after the day of the mail. Days pass by naming another instant.

use crate::desk::{Acts, caller};
use jiff::{SignedDuration, Timestamp};
use octroi::config::PolicyMode;
use octroi::store::OutboxKind;

use super::town::{CHARTER, OUTSIDE, SENDER, Town, flat, marked, read, texts};

const OTHER: &str = "mairie@vallon.example";
const DUTCH: &str = "Goedendag,\n\nhierbij het verslag voor de vergadering, met vriendelijke groeten\nJeanne";

fn reviewer() -> octroi::access::Caller {
    caller("a.martin", &[octroi::access::Role::Reviewer], "*")
}

fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

/// Subject and text of each mail to a person that is not the failure report.
async fn told(town: &Town, now: Timestamp) -> Vec<(String, String, String)> {
    town.pipeline().send_followups(now).await.unwrap();
    let due = town.due(now).await;
    due.into_iter()
        .filter(|(_, content)| content.contains("Auto-Submitted: auto-replied\r\nX-Auto-Response-Suppress"))
        .map(|(to, content)| {
            let message = read(&content);
            (to, message.header("subject").unwrap().to_owned(), flat(&texts(&message).0))
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_is_told_once_for_all_its_copies_in_the_senders_language() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    town.send(SENDER, &[OUTSIDE, OTHER], &marked(SENDER, "Geheim verslag", DUTCH)).await;
    town.hop.next().await;
    let now = Timestamp::now() + days(1);
    let held = town.held().await;
    assert_eq!(held.len(), 2);
    for copy in &held {
        town.pipeline().store.release(copy.id.as_str(), &reviewer(), now).await.unwrap();
    }
    let notices = told(&town, now).await;
    let [(to, subject, text)] = &notices[..] else { panic!("one notice, not {notices:?}") };
    assert_eq!(
        (to.as_str(), subject.as_str()),
        (format!("<{SENDER}>").as_str(), "Uw tegengehouden e-mail is verzonden")
    );
    let reference = held[0].id.mail();
    for named in [OUTSIDE, OTHER, reference.as_str(), CHARTER] {
        assert!(text.contains(named), "{named} is not in {text}");
    }
    assert!(!text.contains("verslag") && !text.contains("RESTREINTE"), "{text}");
    assert!(told(&town, now + days(1)).await.is_empty(), "it is told once");
    town.close().await;
}

/// One event, one mail (decision D40): the words of the notice, and for programs the failure report.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_rejected_or_has_expired_is_one_mail_with_words_and_report() {
    for (rejected, status) in [(true, "5.7.1"), (false, "5.4.7")] {
        let mut town = Town::open(PolicyMode::Enforce).await;
        town.send(SENDER, &[OUTSIDE, OTHER], &marked(SENDER, "Note", "Bonjour, la note est pour vous, merci")).await;
        town.hop.next().await;
        town.notices().await;
        let held = town.held().await;
        let store = town.pipeline().store.clone();
        let now = Timestamp::now() + days(40);
        town.due(now).await;
        let before: Vec<_> = store.outbox_list(true, 100).await.unwrap().into_iter().map(|row| row.id).collect();
        match rejected {
            true => {
                for copy in &held {
                    store.reject(copy.id.as_str(), &reviewer(), now).await.unwrap();
                }
            }
            false => drop(store.sweep(now).await.unwrap()),
        }
        town.pipeline().send_followups(now).await.unwrap();
        // The gateway's own rounds may fall between two rejections, and its outbox may be faster: then each recipient is
        // told of in a mail of its own, or at the next hop.
        let mut mails = town.due(now).await;
        let machine = loop {
            let parts =
                mails.iter().filter_map(|(_, mail)| mail.split("Content-Type: message/delivery-status\r\n").nth(1));
            let machine: String = parts.collect();
            if [OUTSIDE, OTHER].iter().all(|to| machine.contains(&format!("Final-Recipient: rfc822;{to}\r\n"))) {
                break machine;
            }
            let sent = town.hop.next().await;
            mails.push((sent.to.join(" "), sent.content));
        };
        let items = store.outbox_list(true, 100).await.unwrap().into_iter().filter(|row| !before.contains(&row.id));
        let kinds: Vec<_> = items.map(|row| row.kind).collect();
        assert!(kinds.iter().all(|kind| *kind == OutboxKind::Notice), "{status}: {kinds:?}");
        for (to, content) in &mails {
            let message = read(content);
            let kind = message.header("content-type").unwrap();
            assert!(kind.starts_with("multipart/report; report-type=delivery-status"), "{kind}");
            assert_eq!(to, &format!("<{SENDER}>"));
            assert!(flat(&texts(&message).0).contains("Ce courrier avait été retenu"), "{content}");
        }
        for recipient in [OUTSIDE, OTHER] {
            assert!(
                machine.contains(&format!("Final-Recipient: rfc822;{recipient}\r\nAction: failed\r\nStatus: {status}")),
                "{machine}"
            );
        }
        town.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_decides_is_told_each_time() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    for number in 1..=3 {
        let mail =
            marked(SENDER, &format!("Note {number}"), &format!("Bonjour, la note {number} est pour vous, merci"));
        town.send(SENDER, &[OUTSIDE], &mail).await;
    }
    town.hop.next().await;
    let now = Timestamp::now() + days(1);
    let held = town.held().await;
    let store = town.pipeline().store.clone();
    store.reject(held[0].id.as_str(), &reviewer(), now).await.unwrap();
    assert_eq!(told(&town, now).await.len(), 1);
    store.reject(held[1].id.as_str(), &reviewer(), now).await.unwrap();
    store.reject(held[2].id.as_str(), &reviewer(), now).await.unwrap();
    let notices = told(&town, now + SignedDuration::from_mins(1)).await;
    let [(_, subject, text)] = &notices[..] else { panic!("one notice for both, not {notices:?}") };
    assert_eq!(subject, "Votre courrier retenu ne partira pas");
    for copy in &held[1..] {
        assert!(text.contains(copy.id.mail().as_str()), "{text}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_time_does_within_the_hour_waits_and_comes_together() {
    let town = Town::open(PolicyMode::Enforce).await;
    let start = Timestamp::now() + days(1);
    let minutes = SignedDuration::from_mins;
    let mut references = Vec::new();
    for minute in [0, 20, 40] {
        let mail = marked(SENDER, &format!("Note {minute}"), "Bonjour, la note est pour vous, merci");
        references.push(town.hand_in(start + minutes(minute), SENDER, &[OUTSIDE], &mail).await);
    }
    town.notices().await;
    town.due(start + days(1)).await;
    let end = start + days(30);
    let expired = async |minute| {
        town.pipeline().store.sweep(end + minutes(minute)).await.unwrap();
        let notices = told(&town, end + minutes(minute)).await;
        notices
            .into_iter()
            .filter(|(_, subject, _)| subject == "Votre courrier retenu a été effacé")
            .map(|told| told.2)
            .collect::<Vec<_>>()
    };
    let first = expired(1).await;
    assert!(first.len() == 1 && first[0].contains(&references[0]), "{first:?}");
    assert!(expired(21).await.is_empty() && expired(41).await.is_empty(), "the hour is not over");
    let both = expired(61).await;
    assert_eq!(both.len(), 1, "{both:?}");
    assert!(both[0].contains(&references[1]) && both[0].contains(&references[2]), "{both:?}");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_warned_hears_five_days_before_and_again_at_the_end() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    town.send(SENDER, &[OUTSIDE], &marked(SENDER, "Note", "Bonjour, la note est pour vous, merci")).await;
    town.hop.next().await;
    let start = Timestamp::now();
    let store = town.pipeline().store.clone();
    for (day, subject) in [
        (24, None),
        (26, Some("Votre courrier retenu va être effacé")),
        (27, None),
        (31, Some("Votre courrier retenu a été effacé")),
        (32, None),
    ] {
        store.sweep(start + days(day)).await.unwrap();
        let subjects: Vec<String> = told(&town, start + days(day)).await.into_iter().map(|told| told.1).collect();
        assert_eq!(subjects, subject.into_iter().collect::<Vec<_>>(), "on day {day}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_private_mail_a_decision_tells_date_and_count() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let private = marked(SENDER, "PERSONNEL - pour toi", "Bonjour, je te garde une place à table dimanche.");
    town.send(SENDER, &[OUTSIDE], &private).await;
    town.hop.next().await;
    let now = Timestamp::now() + days(1);
    let held = town.held().await;
    town.pipeline().store.reject(held[0].id.as_str(), &reviewer(), now).await.unwrap();
    town.pipeline().send_followups(now).await.unwrap();
    let due = town.due(now).await;
    let notice = due.iter().find(|(_, content)| content.contains("X-Auto-Response-Suppress")).unwrap();
    let message = read(&notice.1);
    assert_eq!(message.header("in-reply-to"), None);
    let text = flat(&texts(&message).0);
    assert!(text.contains("à un destinataire") && !text.contains("atelier") && !text.contains("table"), "{text}");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_told_of_automatic_or_foreign_mail() {
    let town = Town::open(PolicyMode::Enforce).await;
    let automatic =
        marked(SENDER, "Note", "Bonjour").replace("MIME-Version", "Auto-Submitted: auto-generated\nMIME-Version");
    town.send(SENDER, &[OUTSIDE], &automatic).await;
    town.send("agent@guest.example", &[OUTSIDE], &marked(SENDER, "Autre note", "Bonjour")).await;
    let now = Timestamp::now() + days(1);
    let held = town.held().await;
    assert_eq!(held.len(), 2);
    for copy in &held {
        town.pipeline().store.release(copy.id.as_str(), &reviewer(), now).await.unwrap();
    }
    assert!(told(&town, now).await.is_empty());
    town.close().await;
}
