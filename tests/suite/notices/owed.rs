// SPDX-License-Identifier: EUPL-1.2
//! What was held or refused is always told: the first at once, those of the following hour together, across restarts;
//! what was noted, once a day (decision D16). Time passes by naming another instant.

use crate::desk::{Acts, caller};
use jiff::{SignedDuration, Timestamp};
use octroi::config::PolicyMode;
use octroi::mime::Message;

use super::town::{COLLEAGUE, CONTACT, GUARD, HOUSE, OUTSIDE, SENDER, Town, flat, link, marked, read, texts};

const OTHER: &str = "aline.roux@finances.gouv.example";
const THIRD: &str = "mairie@vallon.example";

/// Tomorrow: what is due then, the gateway's own outbox leaves alone.
fn tomorrow() -> Timestamp {
    Timestamp::now() + SignedDuration::from_hours(24)
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

fn note(number: u32) -> String {
    marked(SENDER, &format!("Note {number}"), &format!("Bonjour, voici la note {number}, avec mes salutations"))
}

fn text(message: &Message) -> String {
    flat(&texts(message).0)
}

fn one(mut notices: Vec<(String, Message)>) -> Message {
    assert_eq!(notices.len(), 1, "{:?}", notices.iter().map(|(to, m)| (to, text(m))).collect::<Vec<_>>());
    notices.remove(0).1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_is_told_at_once_and_those_of_the_hour_together_also_after_a_restart() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let start = tomorrow();
    let first = town.hand_in(start, SENDER, &[OUTSIDE], &note(1)).await;
    let message = one(town.told(start).await);
    assert!(text(&message).contains(&first), "{}", text(&message));
    assert_eq!(message.header("in-reply-to"), Some("<note-1@finances.gouv.example>"));

    let mut more = Vec::new();
    for (minute, number, to) in [(1, 2, OUTSIDE), (10, 3, THIRD), (59, 4, OUTSIDE)] {
        more.push(town.hand_in(start + minutes(minute), SENDER, &[to], &note(number)).await);
    }
    let private = marked(SENDER, "PERSONNEL - pour toi", "Bonjour, je te garde une place à table dimanche.");
    more.push(town.hand_in(start + minutes(20), SENDER, &["amie@maison.example"], &private).await);
    assert!(town.told(start + minutes(59)).await.is_empty(), "the hour is not over");
    // Another sender has an hour of her own.
    town.hand_in(start + minutes(20), OTHER, &[OUTSIDE], &marked(OTHER, "Note", "Bonjour, merci")).await;
    assert_eq!(one(town.told(start + minutes(20)).await).header("to"), Some(OTHER));

    town.restart().await;
    assert!(town.told(start + minutes(59)).await.is_empty(), "the hour is remembered");
    let message = one(town.told(start + minutes(60)).await);
    assert_eq!(message.header("in-reply-to"), None);
    let (plain, html) = texts(&message);
    for text in [flat(&plain), flat(&html.replace('\u{a0}', " "))] {
        for reference in &more {
            assert_eq!(text.matches(reference.as_str()).count(), 1, "{reference} in {text}");
        }
        assert!(!text.contains(&first), "the first was told: {text}");
        for named in ["Note 2", "Note 3", "Note 4", THIRD, "mention de protection", "un destinataire"] {
            assert!(text.contains(named), "{named} is not in {text}");
        }
        for hidden in ["PERSONNEL", "amie", "table"] {
            assert!(!text.contains(hidden), "{hidden} is told");
        }
    }
    assert!(town.told(start + minutes(61)).await.is_empty(), "each is told once");

    // The hour is over and its debts are paid: the next is a first one again.
    let next = town.hand_in(start + minutes(70), SENDER, &[OUTSIDE], &note(5)).await;
    assert!(text(&one(town.told(start + minutes(70)).await)).contains(&next));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_at_one_instant_are_told_each_once() {
    let town = Town::open(PolicyMode::Enforce).await;
    let start = tomorrow();
    let notes: Vec<String> = (0..6).map(note).collect();
    let references: Vec<String> = {
        let handed = notes.iter().map(|note| town.hand_in(start, SENDER, &[OUTSIDE], note));
        let mut handed: Vec<_> = handed.map(Box::pin).collect();
        let mut references = Vec::new();
        // All are begun before the first is waited for.
        std::future::poll_fn(|context| {
            handed.retain_mut(|mail| match mail.as_mut().poll(context) {
                std::task::Poll::Ready(reference) => {
                    references.push(reference);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if handed.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
        })
        .await;
        references
    };
    let mut notices = town.told(start).await;
    assert_eq!(notices.len(), 1, "one at once");
    notices.extend(town.told(start + minutes(60)).await);
    let all = notices.iter().map(|(_, message)| text(message)).collect::<Vec<_>>().join("\n");
    for reference in references {
        assert_eq!(all.matches(reference.as_str()).count(), 1, "{reference} in {all}");
    }
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_decided_meanwhile_is_told_as_decided_alone() {
    let town = Town::open(PolicyMode::Enforce).await;
    let start = tomorrow();
    town.hand_in(start, SENDER, &[OUTSIDE], &note(1)).await;
    one(town.told(start).await);
    let released = town.hand_in(start + minutes(5), SENDER, &[OUTSIDE], &note(2)).await;
    let store = &town.pipeline().store;
    let reviewer = caller("a.martin", &[octroi::access::Role::Reviewer], "*");
    store.release(&format!("{released}-1"), &reviewer, start + minutes(6)).await.unwrap();
    town.pipeline().send_followups(start + minutes(7)).await.unwrap();
    let message = one(town.told(start + minutes(7)).await);
    assert!(text(&message).contains(&released) && text(&message).contains("parti"), "{}", text(&message));
    assert!(town.told(start + minutes(60)).await.is_empty(), "it is held no more");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_that_comes_again_is_owed_once() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let start = tomorrow();
    town.hand_in(start, SENDER, &[OUTSIDE], &note(1)).await;
    one(town.told(start).await);
    let second = town.hand_in(start + minutes(1), SENDER, &[OUTSIDE], &note(2)).await;
    town.hand_in(start + minutes(2), SENDER, &[OUTSIDE], &note(2)).await;
    town.hand_in(start + minutes(3), SENDER, &[OUTSIDE], &note(1)).await;
    town.restart().await;
    let message = one(town.told(start + minutes(60)).await);
    // One mail alone is told in its rule's own words.
    assert_eq!(message.header("subject"), Some("Votre envoi porte une mention de protection"));
    assert_eq!(text(&message).matches(&second).count(), 1, "{}", text(&message));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_noted_is_told_once_a_day_for_each_sender_and_rule() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let start = tomorrow();
    let mail = |number: u32| link(SENDER, &format!("X-Number: {number}\n"));
    town.hand_in(start, SENDER, &[COLLEAGUE], &mail(1)).await;
    one(town.told(start).await);
    town.hand_in(start + minutes(61), SENDER, &[COLLEAGUE], &mail(2)).await;
    assert!(town.told(start + minutes(61)).await.is_empty(), "an hour is not a day");
    town.restart().await;
    let day = minutes(24 * 60);
    town.pipeline().store.sweep(start + day - minutes(1)).await.unwrap();
    town.hand_in(start + day - minutes(1), SENDER, &[COLLEAGUE], &mail(3)).await;
    assert!(town.told(start + day - minutes(1)).await.is_empty(), "a restart forgets nothing");
    town.hand_in(start + minutes(62), OTHER, &[COLLEAGUE], &link(OTHER, "")).await;
    one(town.told(start + minutes(62)).await);
    // What was held has nothing to do with it.
    town.hand_in(start + minutes(63), SENDER, &[OUTSIDE], &note(1)).await;
    one(town.told(start + minutes(63)).await);
    town.hand_in(start + day, SENDER, &[COLLEAGUE], &mail(4)).await;
    one(town.told(start + day).await);
    town.close().await;
}

/// One event, one mail (decision D40): the words for held and for refused copies, and the failure report for programs.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_beside_held_copies_is_told_in_the_same_mail() {
    const HELD: &str = "archives@atelier.example";
    const REFUSED: &str = "copie@atelier.example";
    for own_text in ["", "@notice(\"lookalike\")\n"] {
        let rules = rule("paper", "quarantine", "", HELD) + &rule("never", "reject", own_text, REFUSED);
        let town = Town::with_rules(PolicyMode::Enforce, &rules).await;
        let start = tomorrow();
        let mail =
            |number: u32| link(SENDER, &format!("X-Number: {number}\n")).replace("we.tl", "intranet.gouv.example");
        let id = town.hand_in(start, SENDER, &[HELD, REFUSED], &mail(1)).await;
        town.notices().await;
        let due = town.due(start).await;
        let [(to, content)] = &due[..] else { panic!("one mail, not {due:?}") };
        assert_eq!(to, &format!("<{SENDER}>"));
        let message = read(content);
        let kind = message.header("content-type").unwrap();
        assert!(kind.starts_with("multipart/report; report-type=delivery-status"), "{kind}");
        let machine = content.split("Content-Type: message/delivery-status\r\n").nth(1).unwrap();
        assert!(machine.contains(&format!("Final-Recipient: rfc822;{REFUSED}\r\nAction: failed\r\nStatus: 5.7.1")));
        assert!(!machine.contains(HELD), "{machine}");
        let said = text(&message);
        for words in [
            format!("{HELD} : Votre message est retenu"),
            format!("{REFUSED} : Votre message est refusé"),
            "le destinataire concerné".into(),
            id,
        ] {
            assert!(said.contains(&words), "{words} is not in {said}");
        }
        // What was decided before it is told goes without saying; what was refused beside it does not.
        let second = town.hand_in(start + minutes(1), SENDER, &[HELD, REFUSED], &mail(2)).await;
        town.notices().await;
        let reviewer = caller("a.martin", &[octroi::access::Role::Reviewer], "*");
        let store = &town.pipeline().store;
        for copy in town.held().await.iter().filter(|copy| copy.id.mail() == *second.as_str()) {
            store.reject(copy.id.as_str(), &reviewer, start + minutes(2)).await.unwrap();
        }
        town.pipeline().tell_owed(None, start + minutes(60)).await.unwrap();
        let due = town.due(start + minutes(60)).await;
        let [(_, content)] = &due[..] else { panic!("one mail, not {due:?}") };
        assert!(content.contains(&format!("Final-Recipient: rfc822;{REFUSED}\r\nAction: failed")), "{content}");
        assert!(content.contains(&second) && !content.contains(HELD), "{content}");
        // In the words of its rule, or in those of every failure report.
        let message = read(content);
        let own = message.header("subject") != Some("Message non remis / Mail not delivered");
        assert_eq!(own, !own_text.is_empty(), "{content}");
        assert!(!content.contains("Votre message est retenu") && !content.contains("envoi est retenu"), "{content}");
        town.close().await;
    }
}

fn rule(id: &str, disposition: &str, more: &str, to: &str) -> String {
    format!(
        "@id(\"{id}\")\n@disposition(\"{disposition}\")\n@reason(\"Les archives partent sur papier.\")\n{more}\
         forbid (principal, action, resource) when {{ resource.address == \"{to}\" }};\n"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rule_without_a_text_is_told_by_its_reason_and_a_refusal_stands_among_the_others() {
    let rules = rule("paper", "quarantine", "", "archives@atelier.example")
        + &rule("never", "reject", "@notice(\"lookalike\")\n", "copie@atelier.example");
    let town = Town::with_rules(PolicyMode::Enforce, &rules).await;
    let start = tomorrow();
    let mail = |number: u32| link(SENDER, &format!("X-Number: {number}\n")).replace("https://we.tl/t-Ab12Cd34Ef", "");
    town.hand_in(start, SENDER, &["archives@atelier.example"], &mail(1)).await;
    let message = one(town.told(start).await);
    assert_eq!(message.header("subject"), Some("Votre envoi est retenu"));
    assert!(text(&message).contains("Les archives partent sur papier."), "{}", text(&message));
    let refused = town.hand_in(start + minutes(1), SENDER, &[COLLEAGUE, "copie@atelier.example"], &mail(2)).await;
    let held = town.hand_in(start + minutes(2), SENDER, &["archives@atelier.example"], &mail(3)).await;
    let said = text(&one(town.told(start + minutes(60)).await));
    assert!(said.find(&held) < said.find(&refused) && said.contains("Messages refusés"), "{said}");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_says_whose_it_is_and_which_mail_it_is_about() {
    let town = Town::open(PolicyMode::Enforce).await;
    let start: Timestamp = "2031-01-15T16:09:00Z".parse().unwrap();
    let several: Vec<String> = (0..31).map(|n| format!("p{n}@atelier.example")).collect();
    let several: Vec<&str> = several.iter().map(String::as_str).collect();
    town.hand_in(start, SENDER, &several, &note(7)).await;
    let message = one(town.told(start).await);
    let from = message.header("from").unwrap();
    assert!(from.contains(HOUSE) && from.contains(GUARD), "{from}");
    assert_eq!(message.header("reply-to"), Some(CONTACT));
    let said = text(&message);
    for told in ["15 janvier 2031 à 17:09 (heure de Paris)", "Note 7", HOUSE, CONTACT, "les destinataires"] {
        assert!(said.contains(told), "{told} is not in {said}");
    }
    town.hand_in(start, OTHER, &[OUTSIDE], &marked(OTHER, "Note", "Bonjour")).await;
    let said = text(&one(town.told(start).await));
    assert!(said.contains("le destinataire") && !said.contains("les destinataires"), "{said}");
    town.close().await;
}
