// SPDX-License-Identifier: EUPL-1.2
//! From a mail at the door to the notice at the next hop.

use octroi::config::PolicyMode;

use super::town::{
    CHARTER, COLLEAGUE, GUARD, HOUSE, OUTSIDE, SENDER, Town, flat, link, marked, read, reference, texts,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mail_passes_and_its_sender_is_told_once() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let mail = link(SENDER, "");
    let answer = town.send(SENDER, &[COLLEAGUE], &mail).await;
    assert!(answer.starts_with("250 2.0.0 taken (octroi "), "{answer}");
    let passed = town.hop.next().await;
    assert!(passed.content.contains("https://we.tl/") && passed.to == [format!("<{COLLEAGUE}>")]);

    let notice = town.hop.next().await;
    assert!(notice.from.starts_with("<>"), "{}", notice.from);
    assert_eq!(notice.to, [format!("<{SENDER}>")]);
    let message = read(&notice.content);
    for (name, value) in [
        ("from", format!("{HOUSE} <{GUARD}>").as_str()),
        ("to", SENDER),
        ("subject", "Votre message contient un lien vers un service grand public"),
        ("auto-submitted", "auto-replied"),
        ("in-reply-to", "<photos-1@finances.gouv.example>"),
        ("content-language", "fr"),
    ] {
        assert_eq!(message.header(name), Some(value), "{name}");
    }
    let (plain, html) = texts(&message);
    for text in [&plain, &html] {
        let text = flat(text);
        for told in
            [reference(&answer), CHARTER, COLLEAGUE, "Photos du chantier", "Votre message est parti normalement"]
        {
            assert!(text.contains(told), "{told} is not in {text}");
        }
        for quoted in ["we.tl", "Ab12"] {
            assert!(!text.contains(quoted), "{quoted} is quoted");
        }
    }

    // The client has not heard our 250 and comes again, also after a restart.
    assert!(town.send(SENDER, &[COLLEAGUE], &mail).await.starts_with("250"));
    assert_eq!(town.notices().await.len(), 1);
    town.restart().await;
    assert!(town.send(SENDER, &[COLLEAGUE], &mail).await.starts_with("250"));
    assert_eq!(town.notices().await.len(), 1, "the store knows the mail again");
    assert!(town.send(SENDER, &[COLLEAGUE], &link(SENDER, "X-Second: yes\n")).await.starts_with("250"));
    assert_eq!(town.notices().await.len(), 1, "two within the day are one too many");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_copy_gives_a_notice_with_its_reference() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let dutch = "Goedendag,\n\nhierbij het verslag voor de vergadering, met vriendelijke groeten\nJeanne";
    let mail = marked(SENDER, "Verslag", dutch);
    let answer = town.send(SENDER, &[COLLEAGUE, OUTSIDE], &mail).await;
    assert!(answer.starts_with("250 2.0.0 taken"), "{answer}");
    assert_eq!(town.hop.next().await.to, [format!("<{COLLEAGUE}>")]);
    let notice = town.hop.next().await;
    let message = read(&notice.content);
    assert_eq!(message.header("content-language"), Some("nl"));
    let text = flat(&texts(&message).0);
    assert!(text.contains(reference(&answer)) && text.contains(OUTSIDE), "{text}");
    assert!(text.contains("Uw bericht wordt tegengehouden") && !text.contains(COLLEAGUE), "{text}");

    // Nothing passes: the notice stands in the outbox when the client hears 250. Another sender has an hour of her own.
    let other = "aline.roux@finances.gouv.example";
    let answer = town.send(other, &[OUTSIDE], &marked(other, "Note", "Bonjour, la note est pour vous")).await;
    assert!(answer.starts_with("250 2.0.0 accepted as "), "{answer}");
    assert_eq!(town.notices().await.len(), 2);
    let notice = town.hop.next().await;
    assert!(notice.to == [format!("<{other}>")] && notice.content.contains(reference(&answer)));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_mail_is_told_of_by_date_and_count_alone() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let mail =
        marked(SENDER, "PERSONNEL - pour toi", "Bonjour, je te garde une place à table dimanche avec les enfants.");
    let answer = town.send(SENDER, &[OUTSIDE], &mail).await;
    assert!(answer.starts_with("250 2.0.0 accepted as "), "{answer}");
    let notice = town.hop.next().await;
    let message = read(&notice.content);
    assert_eq!(message.header("subject"), Some("Votre envoi est retenu"));
    assert_eq!(message.header("in-reply-to"), None);
    let text = flat(&texts(&message).0);
    assert!(text.contains("vous avez adressé à un destinataire un message") && !text.contains("atelier"), "{text}");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_null_and_automatic_senders_are_not_told() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    let guest = "agent@guest.example";
    for (from, more) in [
        ("", ""),
        (guest, ""),
        (SENDER, "Auto-Submitted: auto-generated\n"),
        (SENDER, "List-Id: <chantier.finances.gouv.example>\n"),
        (SENDER, "Precedence: bulk\n"),
    ] {
        let author = if from.is_empty() { SENDER } else { from };
        let answer = town.send(from, &[COLLEAGUE], &link(author, more)).await;
        assert!(answer.starts_with("250 2.0.0 taken"), "{from} {more}: {answer}");
        assert!(town.hop.next().await.content.contains("https://we.tl/"));
        assert_eq!(town.notices().await.len(), 0, "{from} {more}");
    }
    // The same mail, by hand, from one of ours: so it was not the mail.
    town.send(SENDER, &[COLLEAGUE], &link(SENDER, "Auto-Submitted: no\n")).await;
    assert_eq!(town.notices().await.len(), 1);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_watches_tells_nobody() {
    let mut town = Town::open(PolicyMode::Observe).await;
    for mail in [link(SENDER, ""), marked(SENDER, "Note", "Bonjour")] {
        assert!(town.send(SENDER, &[OUTSIDE], &mail).await.starts_with("250 2.0.0 taken"));
        town.hop.next().await;
    }
    assert_eq!(town.notices().await.len(), 0);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_next_hop_did_not_take_is_not_told_and_costs_no_turn() {
    let mut town = Town::open(PolicyMode::Enforce).await;
    for (mail, to) in [
        (link(SENDER, ""), vec![COLLEAGUE]),
        (marked(SENDER, "Note", "Bonjour, la note est pour vous"), vec![COLLEAGUE, OUTSIDE]),
    ] {
        let before = town.notices().await.len();
        town.hop.refuse_once("451 4.3.0 not now");
        assert!(town.send(SENDER, &to, &mail).await.starts_with("451 4.3.0 not now"));
        assert_eq!(town.notices().await.len(), before);
        assert!(town.send(SENDER, &to, &mail).await.starts_with("250"));
        assert_eq!(town.notices().await.len(), before + 1);
        // The notice too is at the hop, so that the next refusal meets the next mail.
        assert!(town.hop.next().await.from.starts_with(&format!("<{SENDER}>")));
        assert!(town.hop.next().await.from.starts_with("<>"));
    }
    town.close().await;
}
