// SPDX-License-Identifier: EUPL-1.2
//! Postfix before octroi and Postfix behind it, as an administration runs them.

use std::collections::BTreeMap;

use super::client::Client;
use super::gateway::{Setup, tally};
use super::hop::{Act, Hop, PATIENCE, Step};
use super::postfix::{Postfix, without_trace};
use super::{CLERK, message};

const COUNT: usize = 200;

/// Recipients of message `n`: one to four, some held, some refused by rule, some refused by the hop.
fn recipients(n: usize) -> Vec<String> {
    let mut to = vec![format!("a{n}@pass.example")];
    if n.is_multiple_of(3) {
        to.push(format!("b{n}@held.example"));
    }
    if n.is_multiple_of(4) {
        to.push(format!("c{n}@partner.example"));
    }
    if n.is_multiple_of(20) {
        to.push(format!("refused{n}@pass.example"));
    }
    if n % 10 == 5 {
        to = vec![format!("d{n}@held.example")];
    }
    to
}

#[test]
fn two_hundred_mails_come_from_postfix_and_each_copy_goes_one_way() {
    from_postfix(false);
}

#[test]
fn killed_on_the_way_it_gets_from_postfix_again_what_it_had_not_answered_for() {
    from_postfix(true);
}

fn from_postfix(killed: bool) {
    let sink = Hop::scripted(|step: &Step| {
        if step.line.starts_with("RCPT TO:<refused") { Act::Say("550 5.1.1 no such user") } else { Act::Usual }
    });
    let setup = Setup::new(sink.address);
    let mut gateway = setup.serve();
    let Some(front) = Postfix::relaying_to(gateway.address, "") else { return };
    let mut client = Client::greet(front.address);
    let mut expected: BTreeMap<String, &str> = BTreeMap::new();
    for n in 0..COUNT {
        if killed && n == COUNT / 2 {
            gateway.kill();
            gateway = setup.serve_at(gateway.address);
        }
        let to = recipients(n);
        let lines: Vec<&str> = to.iter().map(String::as_str).collect();
        let reply = client.mail(CLERK, &lines, &message(&format!("bulk-{n}")));
        assert!(reply.starts_with("250 "), "{reply}");
        for recipient in to {
            let way = match recipient.as_str() {
                r if r.contains("@held") => "held",
                r if r.starts_with("refused") => "refused",
                _ => "delivered",
            };
            expected.insert(recipient, way);
        }
    }
    let ways = tally(expected.values().copied());
    // Reports that Postfix makes of refusals go out through octroi too, to the sender's own domain.
    let is_report = |to: &[String]| to.iter().all(|to| to.starts_with(&format!("<{CLERK}>")));
    // What Postfix found "still being delivered" when it wanted to try again it puts off for minutes, whatever its
    // settings say.
    let try_again = || {
        if killed && front.all_deferred() {
            front.flush();
        }
    };
    sink.wait_urging(
        "all copies and reports",
        |heard| {
            let copies: usize = heard.mails.iter().filter(|m| !is_report(&m.to)).map(|m| m.to.len()).sum();
            let reports = heard.mails.iter().filter(|m| is_report(&m.to)).count();
            copies >= ways["delivered"] && reports >= ways["refused"]
        },
        try_again,
    );
    let end = std::time::Instant::now() + PATIENCE;
    while front.queued() > 0 {
        assert!(std::time::Instant::now() < end, "{}", front.log());
    }
    let mut found: Vec<(String, &str)> = Vec::new();
    for mail in sink.mails() {
        if is_report(&mail.to) {
            let text = String::from_utf8_lossy(&mail.content);
            let refused = text.lines().find_map(|l| l.strip_prefix("Final-Recipient: rfc822; ")).expect("a report");
            found.push((refused.trim().to_owned(), "refused"));
            continue;
        }
        let n: usize =
            mail.to[0].trim_start_matches(['<', 'a', 'b', 'c', 'd']).split('@').next().unwrap().parse().unwrap();
        assert!(without_trace(&mail.content) == message(&format!("bulk-{n}")), "message {n} has changed");
        for to in &mail.to {
            let path = to.split('>').next().unwrap().trim_start_matches('<');
            found.push((path.to_owned(), "delivered"));
        }
    }
    found.extend(setup.copies().into_iter().map(|copy| (copy.recipient, "held")));
    found.sort();
    if killed {
        // What the next hop had taken when the answer was lost goes there again: SMTP has no other way.
        found.dedup_by(|a, b| a == b && a.1 == "delivered");
    }
    let expected: Vec<(String, &str)> = expected.into_iter().collect();
    assert_eq!(found, expected, "each copy goes exactly one way");
}

#[test]
fn postfix_behind_gets_the_same_octets_and_its_answers_come_back() {
    let sink = Hop::friendly();
    let more = "smtpd_recipient_restrictions = check_recipient_access inline:{nobody@pass.example=reject}, permit_mynetworks, reject";
    let Some(behind) = Postfix::relaying_to(sink.address, more) else { return };
    let setup = Setup::new(behind.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let content = message("behind");
    let to = ["one@pass.example", "nobody@pass.example", "me@held.example"];
    let replies = client.try_mail(CLERK, &to, &content).unwrap();
    assert!(replies[2].starts_with("554 5.7.1"), "{replies:?}");
    // Postfix's own queue id comes back, with ours.
    assert!(
        replies[5].starts_with("250 2.0.0 Ok: ")
            && replies[5].contains(" queued as ")
            && replies[5].contains("(octroi "),
        "{replies:?}"
    );
    let mails = sink.wait_for_mails(1);
    assert!(mails[0].to[0].starts_with("<one@pass.example>") && mails[0].to.len() == 1, "{:?}", mails[0].to);
    assert!(without_trace(&mails[0].content) == content);
    assert_eq!(setup.copies().len(), 1);
}
