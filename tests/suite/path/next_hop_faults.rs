// SPDX-License-Identifier: EUPL-1.2
//! A next hop that refuses, drops, changes its mind, loses what it offered, or is away (decisions D2 and D3).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::client::Client;
use super::gateway::{Setup, get};
use super::hop::{Act, Hop, Step};
use super::{CLERK, message};

fn hop_that(when: &'static str, act: fn(usize) -> Act) -> Hop {
    Hop::scripted(move |step: &Step| if step.line == when { act(step.nth) } else { Act::Usual })
}

#[test]
fn a_recipient_the_hop_refuses_hears_its_own_words() {
    let hop = hop_that("RCPT TO:<two@pass.example>", |_| Act::Say("550 5.1.1 no such user here"));
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("rcpt-refused");
    let to = ["one@pass.example", "two@pass.example", "me@held.example"];
    let replies = client.try_mail(CLERK, &to, &content).unwrap();
    assert_eq!(replies[2], "550 5.1.1 no such user here");
    assert!(replies[5].starts_with("250 "), "{replies:?}");
    let mails = hop.mails();
    assert_eq!((mails.len(), mails[0].to.as_slice()), (1, &["<one@pass.example>".to_owned()][..]));
    assert!(mails[0].content == content);
    assert_eq!(setup.copies().len(), 1);
    assert_eq!(setup.journal("<rcpt-refused@justice.gouv.example>", 2).len(), 2);
}

#[test]
fn what_the_hop_says_to_the_content_is_the_answer_and_nothing_is_held() {
    for said in ["554 5.7.1 spam, says the hop", "452 4.3.1 disk full, says the hop"] {
        let hop = Hop::scripted(move |step: &Step| if step.line == "." { Act::Say(said) } else { Act::Usual });
        let setup = Setup::new(hop.address);
        let gateway = setup.serve();
        let mut client = Client::greet(gateway.address);
        let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &message("refused"));
        assert_eq!(reply, said);
        assert!(hop.mails().is_empty());
        assert!(setup.copies().is_empty(), "{:?}", setup.copies());
        let word = if said.starts_with('5') { "reject" } else { "defer" };
        let journal = setup.journal("<refused@justice.gouv.example>", 2);
        assert!(journal.iter().all(|(_, disposition)| disposition == word), "{journal:?}");
    }
}

#[test]
fn what_the_hop_says_to_data_is_the_answer_and_nothing_is_held() {
    let hop = hop_that("DATA", |_| Act::Say("451 4.3.0 not now, says the hop"));
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &message("data-refused"));
    assert_eq!(reply, "451 4.3.0 not now, says the hop");
    assert!(hop.mails().is_empty() && setup.copies().is_empty());
}

#[test]
fn a_354_to_the_content_is_no_acceptance() {
    let hop = hop_that(".", |_| Act::Say("354 more?"));
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    for to in [&["one@pass.example"][..], &["one@pass.example", "me@held.example"]] {
        let reply = client.mail(CLERK, to, &message("nonsense"));
        assert!(reply.starts_with("451 "), "{reply}");
    }
    assert!(setup.copies().is_empty());
}

#[test]
fn dropped_while_it_takes_the_content_it_is_not_sent_again() {
    for when in ["<content>", "."] {
        let hop = hop_that(when, |nth| if nth == 1 { Act::Hangup } else { Act::Usual });
        let setup = Setup::new(hop.address);
        let gateway = setup.serve();
        let mut client = Client::greet(gateway.address);
        let content = message("dropped");
        let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &content);
        assert!(reply.starts_with("451 4.4.2"), "{reply}");
        assert!(setup.copies().is_empty(), "{:?}", setup.copies());
        // One transaction with DATA, whatever else was said: never again by ourselves.
        assert_eq!(hop.lines().iter().filter(|line| *line == "DATA").count(), 1);
        let journal = setup.journal("<dropped@justice.gouv.example>", 2);
        assert!(journal.iter().all(|(_, disposition)| disposition == "defer"), "{journal:?}");
        // The client's next attempt is a first one.
        let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &content);
        assert!(reply.starts_with("250 "), "{reply}");
        assert_eq!(setup.copies().len(), 1);
        assert!(hop.mails().last().unwrap().content == content);
    }
}

#[test]
fn dropped_between_rcpt_and_data_it_is_played_again_once() {
    let hop = hop_that("DATA", |nth| if nth == 1 { Act::Hangup } else { Act::Usual });
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("replayed");
    let reply = client.mail(CLERK, &["one@pass.example", "two@pass.example"], &content);
    assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}");
    assert_eq!(hop.mails().len(), 1);
    assert_eq!(hop.mails()[0].to.len(), 2);
    assert!(hop.mails()[0].content == content);
    let mails_from = hop.lines().iter().filter(|line| line.starts_with("MAIL")).count();
    assert_eq!(mails_from, 2);
    assert_eq!(setup.journal("<replayed@justice.gouv.example>", 2)[0].1, "pass");
}

#[test]
fn dropped_twice_between_rcpt_and_data_is_told_to_the_client() {
    let hop = hop_that("DATA", |_| Act::Hangup);
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &message("twice"));
    assert!(reply.starts_with("451 4.4.2"), "{reply}");
    assert!(hop.mails().is_empty() && setup.copies().is_empty());
}

#[test]
fn an_answer_that_changes_on_the_second_asking_keeps_nothing() {
    let hop =
        hop_that(
            "RCPT TO:<one@pass.example>",
            |nth| {
                if nth == 1 { Act::Usual } else { Act::Say("450 4.2.1 mailbox busy") }
            },
        );
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &message("changed"));
    assert!(reply.starts_with("451 4.3.0"), "{reply}");
    assert!(hop.mails().is_empty() && setup.copies().is_empty());
    assert_eq!(setup.journal("<changed@justice.gouv.example>", 2)[0].1, "defer");
}

#[test]
fn a_hop_that_offers_less_than_promised_is_not_used() {
    // The first connection ends at its first RCPT, so that a second one is opened, which offers less.
    let hop = hop_that("RCPT TO:<one@pass.example>", |nth| if nth == 1 { Act::Hangup } else { Act::Usual });
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    hop.offer(&["PIPELINING", "ENHANCEDSTATUSCODES"]);
    let replies = client.try_mail(CLERK, &["one@pass.example"], &message("less")).unwrap_or_default();
    assert!(replies.iter().all(|reply| reply.starts_with('4') || reply.starts_with("503")), "{replies:?}");
    assert!(hop.mails().is_empty());
    // A client that connects again is told the truth.
    let mut client = Client::connect(gateway.address);
    client.reply();
    let offered = client.ask("EHLO client.example");
    assert!(!offered.contains("8BITMIME") && offered.contains("PIPELINING"), "{offered}");
    assert!(client.mail(CLERK, &["one@pass.example"], &message("less")).starts_with("250 "));
}

#[test]
fn a_hop_that_never_answers_the_content_is_given_up() {
    let hop = hop_that(".", |_| Act::Silence);
    let mut setup = Setup::new(hop.address);
    setup.more = "[limits]\nnext_hop = \"1s\"\n".into();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.mail(CLERK, &["one@pass.example", "me@held.example"], &message("silence"));
    assert!(reply.starts_with("451 4.4.2"), "{reply}");
    assert!(setup.copies().is_empty());
}

#[test]
fn a_hop_that_is_away_defers_mail_and_readiness_says_so() {
    // A port that was free a moment ago: nobody listens.
    let free = || super::port::free();
    let (away, web) = (free(), free());
    let mut setup = Setup::new(away);
    setup.more = format!("[web]\nlisten = \"{web}\"\n");
    let gateway = setup.serve();
    assert_eq!(get(web, "/healthz").0, 200);
    let (code, text) = get(web, "/readyz");
    assert_eq!((code, text.contains("next hop")), (503, true), "{text}");
    let mut client = Client::greet(gateway.address);
    let reply = client.ask(&format!("MAIL FROM:<{CLERK}>"));
    assert!(reply.starts_with("421 4.4.1"), "{reply}");
    assert!(setup.copies().is_empty());
    // It comes, and mail goes.
    let offers = super::hop::OFFERS.iter().map(|o| o.to_string()).collect();
    let hop = Hop::at(away, offers, None, |_| Act::Usual);
    let content = message("late");
    let reply = Client::greet(gateway.address).mail(CLERK, &["one@pass.example"], &content);
    assert!(reply.starts_with("250 "), "{reply}");
    assert!(hop.mails()[0].content == content);
    let end = std::time::Instant::now() + super::hop::PATIENCE;
    while get(web, "/readyz").0 != 200 {
        assert!(std::time::Instant::now() < end, "readiness does not come back");
    }
}

/// The gauges go on while the next hop is silent about whether it is there.
#[test]
fn a_next_hop_that_hangs_when_asked_stops_no_gauge() {
    let (asked, greeted) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (theirs, greetings) = (asked.clone(), greeted.clone());
    let hop = Hop::scripted(move |step: &Step| match step.line {
        "NOOP" => {
            theirs.store(true, Ordering::SeqCst);
            Act::Silence
        }
        line if line.starts_with("EHLO") => {
            greetings.fetch_add(1, Ordering::SeqCst);
            Act::Usual
        }
        _ => Act::Usual,
    });
    let mut setup = Setup::new(hop.address);
    let page = super::nothing_in_silence::pages();
    setup.more = format!("[web]\nlisten = \"{page}\"\n");
    let gateway = setup.serve();
    hop.wait("a NOOP", |_| asked.load(Ordering::SeqCst));
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["me@held.example"], &message("gauged")).starts_with("250 "));
    let before = greeted.load(Ordering::SeqCst);
    super::nothing_in_silence::wait_until_moved(page, "octroi_held");
    // The answer is still waited for: nobody gave it up and asked on another connection.
    assert_eq!(greeted.load(Ordering::SeqCst), before);
}
