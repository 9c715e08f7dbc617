// SPDX-License-Identifier: EUPL-1.2
//! Every shipped text, in every language, for every outcome, as the mail it becomes.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use octroi::mail::Mailbox;
use octroi::notice::{Heading, HouseFacts, NoticeFacts, NoticeOutcome, Notices, compose, counted, date_in};

use super::town::{CHARTER, SENDER, flat, read, shipped_files, texts};

fn composed(notices: &Notices, language: &str, name: &str, outcome: NoticeOutcome) -> String {
    let date: Timestamp = "2026-11-25T16:09:00Z".parse().unwrap();
    let contact = Mailbox::parse("securite@finances.gouv.example").unwrap();
    let chosen = notices.choose(name, &[language]).unwrap();
    let filled = chosen.fill(&NoticeFacts {
        recipients: Some("paul@home.example"),
        count: 1,
        date: &date_in(language, date, &TimeZone::get("Europe/Paris").unwrap()),
        reference: Some("M-7"),
        subject: Some("Note <b>Kappa</b>"),
        reason: Some("Because of the rule."),
        outcome: Some(outcome),
        house: HouseFacts { name: Some("Ministère des Finances"), contact: Some(&contact), charter: Some(CHARTER) },
        ..NoticeFacts::default()
    });
    let heading = Heading {
        from: &Mailbox::parse("postmaster@gate.example").unwrap(),
        name: Some("Ministère des Finances"),
        reply_to: Some(&contact),
        to: &Mailbox::parse(SENDER).unwrap(),
        date,
        message_id: "notice-M-7@gate.example",
        about: Some("<original@finances.gouv.example>"),
    };
    String::from_utf8(compose(&filled, &heading).unwrap()).unwrap()
}

#[test]
fn three_languages_say_the_same_in_their_own_words() {
    let notices = Notices::load(&shipped_files(), None).unwrap();
    for (language, subject, said) in [
        (
            "fr",
            "Votre envoi porte une mention de protection",
            "Le 25 novembre 2026 à 17:09 (heure de Paris), vous avez adressé à paul@home.example un message",
        ),
        (
            "nl",
            "Uw bericht draagt een rubricering of markering",
            "Op 25 november 2026 om 17:09 (tijd in Parijs) stuurde u aan paul@home.example een bericht",
        ),
        (
            "en",
            "Your message carries a protective marking",
            "On 25 November 2026 at 17:09 (Paris time) you sent paul@home.example a message",
        ),
    ] {
        let wire = composed(&notices, language, "marked", NoticeOutcome::Held);
        for header in [
            "<postmaster@gate.example>\r\n",
            "Reply-To: securite@finances.gouv.example\r\n",
            "To: jeanne.aubertin@finances.gouv.example\r\n",
            "Date: Wed, 25 Nov 2026 16:09:00 +0000\r\n",
            "Message-ID: <notice-M-7@gate.example>\r\n",
            "In-Reply-To: <original@finances.gouv.example>\r\n",
            "References: <original@finances.gouv.example>\r\n",
            "Auto-Submitted: auto-replied\r\n",
            "X-Auto-Response-Suppress: All\r\n",
            &format!("Content-Language: {language}\r\n"),
            "MIME-Version: 1.0\r\n",
        ] {
            assert!(wire.contains(header), "{header} is not in\n{wire}");
        }
        let message = read(&wire);
        assert_eq!(message.parts.len(), 3, "two versions of one text");
        assert_eq!(message.header("subject"), Some(subject));
        assert_eq!(message.header("from"), Some("Ministère des Finances <postmaster@gate.example>"));
        let (plain, html) = texts(&message);
        assert!(flat(&plain).contains(said), "{plain}");
        assert!(flat(&html).contains(said), "{html}");
        assert!(html.contains(&format!("<html lang=\"{language}\">")) && html.contains(&format!("href=\"{CHARTER}\"")));
        assert!(plain.contains("M-7\n") || plain.contains("M-7\r\n"), "{plain}");
        assert!(plain.contains("Note <b>Kappa</b>") && html.contains("Note &lt;b&gt;Kappa&lt;/b&gt;"), "{html}");
        for text in [&plain, &html] {
            assert!(
                text.contains("Ministère des Finances") && text.contains("securite@finances.gouv.example"),
                "{text}"
            );
        }
    }
}

#[test]
fn every_text_leaves_whole_for_every_outcome() {
    let notices = Notices::load(&shipped_files(), None).unwrap();
    let names: Vec<String> = shipped_files()
        .into_keys()
        .filter_map(|path| Some(path.strip_prefix("notices/fr/")?.strip_suffix(".md")?.to_owned()))
        .filter(|name| !name.starts_with("outcome-") && !["digest", "foot", "several"].contains(&name.as_str()))
        .collect();
    assert!(names.len() >= 13 && names.iter().any(|name| name == "advice"), "{names:?}");
    assert_eq!(notices.languages().collect::<Vec<_>>(), ["en", "fr", "nl"]);
    for language in ["fr", "nl", "en"] {
        for name in &names {
            let mut told = Vec::new();
            for outcome in
                [NoticeOutcome::Delivered, NoticeOutcome::Stripped, NoticeOutcome::Held, NoticeOutcome::Refused]
            {
                let wire = composed(&notices, language, name, outcome);
                assert!(wire.is_ascii() && wire.lines().all(|line| line.len() <= 998), "{language}/{name}");
                assert!(!wire.replace("\r\n", "").contains(['\r', '\n']), "{language}/{name}: bare newlines");
                let (plain, html) = texts(&read(&wire));
                assert!(!plain.contains(['{', '}']) && !html.contains(['{', '}']), "{language}/{name}: {plain}");
                assert!(plain.lines().all(|line| line.chars().count() <= 78), "{language}/{name}: {plain}");
                told.push(plain);
            }
            told.sort();
            told.dedup();
            // Texts that speak of a decision later on have no outcome to tell.
            let later = ["expired", "expiring", "rejected", "released"].contains(&name.as_str());
            assert_eq!(told.len(), if later { 1 } else { 4 }, "{language}/{name}");
        }
    }
}

#[test]
fn a_language_without_texts_gives_way() {
    let notices = Notices::load(&shipped_files(), None).unwrap();
    assert_eq!(notices.choose("marked", &["de", "nl"]).unwrap().language, "nl");
    assert!(notices.choose("marked", &["de"]).is_some(), "any is better than none");
    assert!(notices.choose("outcome-held", &["fr"]).is_none() && notices.choose("x", &["fr"]).is_none());
    assert_eq!(counted("nl", 2), "2 ontvangers");
}
