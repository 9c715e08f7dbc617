// SPDX-License-Identifier: EUPL-1.2
//! The same mails through the SMTP door, and through the milter door of Postfix and of Sendmail: the same verdicts, the
//! same copies onward, the same rows in the quarantine and the journal. Where they differ it is said here.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Instant;

use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::{Hop, PATIENCE, Received};
use super::postfix::{Postfix, without_trace};
use super::sendmail::Sendmail;
use super::{CLERK, message};

/// One mail and what becomes of it.
struct Scenario {
    name: &'static str,
    from: &'static str,
    to: &'static [&'static str],
    /// How the reply to the final dot begins.
    reply: &'static str,
    /// A word for each recipient, in the journal's order: by address.
    journal: &'static [(&'static str, &'static str)],
}

const SCENARIOS: [Scenario; 10] = [
    Scenario {
        name: "all-pass",
        from: CLERK,
        to: &["one@pass.example", "two@pass.example"],
        reply: "250 ",
        journal: &[("one@pass.example", "pass"), ("two@pass.example", "pass")],
    },
    Scenario {
        name: "one-held",
        from: CLERK,
        to: &["one@pass.example", "me@held.example", "two@pass.example"],
        reply: "250 ",
        journal: &[("me@held.example", "quarantine"), ("one@pass.example", "pass"), ("two@pass.example", "pass")],
    },
    Scenario {
        name: "all-held",
        from: CLERK,
        to: &["a@held.example", "b@held.example"],
        reply: "250 ",
        journal: &[("a@held.example", "quarantine"), ("b@held.example", "quarantine")],
    },
    Scenario {
        name: "one-refused",
        from: CLERK,
        to: &["one@pass.example", "no@refused.example"],
        reply: "250 ",
        journal: &[("no@refused.example", "reject"), ("one@pass.example", "pass")],
    },
    Scenario {
        name: "all-refused",
        from: CLERK,
        to: &["no@refused.example", "none@refused.example"],
        reply: "550 5.7.1 ",
        journal: &[("no@refused.example", "reject"), ("none@refused.example", "reject")],
    },
    Scenario {
        name: "null-sender",
        from: "",
        to: &["no@refused.example", "one@pass.example"],
        reply: "550 5.7.1 ",
        journal: &[("no@refused.example", "reject"), ("one@pass.example", "reject")],
    },
    Scenario {
        name: "deferred",
        from: CLERK,
        to: &["one@pass.example", "me@held.example", "no@refused.example", "later@deferred.example"],
        reply: "451 4.7.1 ",
        journal: &[
            ("later@deferred.example", "defer"),
            ("me@held.example", "defer"),
            ("no@refused.example", "defer"),
            ("one@pass.example", "defer"),
        ],
    },
    Scenario {
        name: "all-stripped",
        from: CLERK,
        to: &["a@stripped.example", "b@stripped.example"],
        reply: "250 ",
        journal: &[("a@stripped.example", "strip"), ("b@stripped.example", "strip")],
    },
    Scenario {
        name: "whole-stripped",
        from: CLERK,
        to: &["a@stripped.example"],
        reply: "250 ",
        journal: &[("a@stripped.example", "strip")],
    },
    Scenario {
        name: "some-stripped",
        from: CLERK,
        to: &["one@pass.example", "a@stripped.example", "me@held.example"],
        reply: "250 ",
        journal: &[("a@stripped.example", "strip"), ("me@held.example", "quarantine"), ("one@pass.example", "pass")],
    },
];

/// Its word for a copy of the journal that goes on.
fn goes_on(word: &str) -> bool {
    ["pass", "notify", "strip"].contains(&word)
}

/// An attachment that nobody can read: `strip` takes out what holds a finding.
const BROKEN: &str = "Content-Type: application/zip; name=\"plan.zip\"\r\nContent-Transfer-Encoding: base64\r\n\
                      Content-Disposition: attachment; filename=\"plan.zip\"\r\n\r\nUEsDBBQAAAAIAAAAAAAAAAAAAAAA\r\n";

impl Scenario {
    fn content(&self) -> Vec<u8> {
        let head = format!(
            "Message-ID: <{}@justice.gouv.example>\r\nFrom: <{CLERK}>\r\nTo: undisclosed-recipients:;\r\nSubject: Plan\r\n\
             X-Folded: one\r\n\ttwo\r\n   three\r\nMIME-Version: 1.0\r\n",
            self.name
        );
        let text = "Content-Type: text/plain; charset=utf-8\r\n\r\nVoir le plan.\r\n";
        match self.name {
            "whole-stripped" => format!("{head}{BROKEN}").into_bytes(),
            name if name.ends_with("stripped") => format!(
                "{head}Content-Type: multipart/mixed; boundary=\"cut\"\r\n\r\n--cut\r\n{text}--cut\r\n{BROKEN}--cut--\r\n"
            )
            .into_bytes(),
            name => message(name),
        }
    }
}

/// What became of all of them.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// Name and beginning of the reply, without what the server says of itself.
    replies: Vec<(&'static str, String)>,
    /// Name, recipient, and what arrived, without trace fields.
    onward: BTreeSet<(String, String, String)>,
    /// Recipients of whom the sender is told that they were refused.
    reported: BTreeSet<String>,
    held: Vec<(String, String)>,
    journal: Vec<(&'static str, Vec<(String, String)>)>,
}

fn house(hop: &Hop) -> Setup {
    let setup = Setup::new(hop.address);
    setup.policy(
        "rules/strip.cedar",
        "@id(\"strip\") @disposition(\"strip\") @reason(\"stripped for a test.\")\n\
         forbid (principal, action, resource) when { resource.domain == \"stripped.example\" };\n",
    );
    setup
}

/// Sends all scenarios to `to` and waits until nothing is under way: `queued` says how much still is.
fn play(hop: &Hop, setup: &Setup, gateway: &Gateway, to: SocketAddr, queued: &dyn Fn() -> usize) -> Outcome {
    let mut client = Client::greet(to);
    let replies: Vec<_> = SCENARIOS
        .iter()
        .map(|scenario| {
            let reply = client.mail(scenario.from, scenario.to, &scenario.content());
            assert!(reply.starts_with(scenario.reply), "{}: {reply}\n{}", scenario.name, gateway.log());
            // A refusal is in our words through any door; an acceptance is in the MTA's.
            let kept = if reply.starts_with('2') { "250".to_owned() } else { reply };
            (scenario.name, kept)
        })
        .collect();
    let accepted = SCENARIOS.iter().filter(|scenario| scenario.reply == "250 ");
    let expected: usize =
        accepted.map(|scenario| scenario.journal.iter().filter(|(_, word)| goes_on(word)).count()).sum();
    hop.wait("every copy and the report", |heard| {
        let copies: usize = heard.mails.iter().filter(|mail| !is_report(mail)).map(|mail| mail.to.len()).sum();
        copies >= expected && heard.mails.iter().any(is_report)
    });
    let end = Instant::now() + PATIENCE;
    while queued() > 0 {
        assert!(Instant::now() < end, "something stays in the queue");
    }
    let mut onward = BTreeSet::new();
    let mut reported = BTreeSet::new();
    for mail in hop.mails() {
        let text = String::from_utf8_lossy(without_trace(&mail.content)).into_owned();
        if is_report(&mail) {
            let told = text.lines().filter_map(|line| line.strip_prefix("Final-Recipient: rfc822;"));
            reported.extend(told.map(|recipient| recipient.trim().to_owned()));
            continue;
        }
        let name = text.split("Message-ID: <").nth(1).and_then(|rest| rest.split('@').next()).unwrap_or_default();
        for to in &mail.to {
            let to = to.split('>').next().unwrap_or_default().trim_start_matches('<').to_owned();
            assert!(onward.insert((name.to_owned(), to.clone(), text.clone())), "{name} went twice to {to}");
        }
    }
    let journal = SCENARIOS
        .iter()
        .map(|s| (s.name, setup.journal(&format!("<{}@justice.gouv.example>", s.name), s.journal.len())))
        .collect();
    let held = setup.copies().into_iter().map(|copy| (copy.recipient, copy.state)).collect();
    Outcome { replies, onward, reported, held, journal }
}

fn is_report(mail: &Received) -> bool {
    mail.from.starts_with("<>")
}

fn by_smtp() -> Outcome {
    let hop = Hop::friendly();
    let setup = house(&hop);
    let gateway = setup.serve();
    play(&hop, &setup, &gateway, gateway.address, &|| 0)
}

/// What each scenario says must be so.
fn check(outcome: &Outcome) {
    for (scenario, (_, journal)) in SCENARIOS.iter().zip(&outcome.journal) {
        let expected: Vec<_> = scenario.journal.iter().map(|(to, word)| (to.to_string(), word.to_string())).collect();
        assert_eq!(*journal, expected, "{}", scenario.name);
        let gone: Vec<&str> =
            outcome.onward.iter().filter(|(name, ..)| name == scenario.name).map(|(_, to, _)| to.as_str()).collect();
        let due: Vec<&str> = scenario.journal.iter().filter(|(_, word)| goes_on(word)).map(|(to, _)| *to).collect();
        assert_eq!(gone, due, "{}", scenario.name);
        for (name, to, text) in outcome.onward.iter().filter(|(name, ..)| name == scenario.name) {
            let original = String::from_utf8_lossy(&scenario.content()).into_owned();
            if to.ends_with("@stripped.example") {
                assert!(!text.contains("UEsDBBQ") && text.contains("An attachment (zip) was not passed on"), "{text}");
                assert!(text.contains("X-Folded: one\r\n\ttwo\r\n   three\r\n"), "{text}");
            } else {
                assert!(*text == original, "{name} to {to} has changed:\n{text}");
            }
        }
    }
    assert_eq!(outcome.reported.iter().map(String::as_str).collect::<Vec<_>>(), ["no@refused.example"]);
    let held: Vec<&str> = outcome.held.iter().map(|(to, _)| to.as_str()).collect();
    assert_eq!(held, ["a@held.example", "b@held.example", "me@held.example", "me@held.example"]);
    assert!(outcome.held.iter().all(|(_, state)| state == "held"));
}

/// Asserts that both are the same, but for two things: the note about a stripped part names the mail, which has another
/// id every time; and an MTA that changes its own header keeps the places of its fields.
fn same(milter: &Outcome, smtp: &Outcome) {
    assert_eq!(milter.replies, smtp.replies);
    assert_eq!(milter.journal, smtp.journal);
    assert_eq!((&milter.reported, &milter.held), (&smtp.reported, &smtp.held));
    let plain = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(|line| line.split("reference: ").next().unwrap_or_default()).collect();
        let fields = lines.iter().position(|line| line.is_empty()).unwrap_or(0);
        lines[..fields].sort_unstable();
        lines.join("\n")
    };
    for (one, other) in milter.onward.iter().zip(&smtp.onward) {
        assert_eq!((&one.0, &one.1, plain(&one.2)), (&other.0, &other.1, plain(&other.2)));
    }
    assert_eq!(milter.onward.len(), smtp.onward.len());
}

#[test]
fn the_smtp_door_is_the_measure() {
    check(&by_smtp());
}

fn by_postfix(version: u32) -> Option<Outcome> {
    let hop = Hop::friendly();
    let mut setup = house(&hop);
    let milter = setup.with_milter();
    let gateway = setup.serve();
    let lines = postfix_milter(milter).replace("milter_protocol = 6", &format!("milter_protocol = {version}"));
    let more = lines + "disable_mime_output_conversion = yes\n";
    let postfix = Postfix::relaying_to(hop.address, &more)?;
    Some(play(&hop, &setup, &gateway, postfix.address, &|| postfix.queued()))
}

#[test]
fn postfix_with_the_milter_does_the_same() {
    let Some(outcome) = by_postfix(6) else { return };
    check(&outcome);
    let measure = by_smtp();
    same(&outcome, &measure);
    // As old Postfixes speak: each step answered, and no spaces shown that stand behind a colon.
    for version in [2, 4] {
        let outcome = by_postfix(version).expect("as before");
        check(&outcome);
        same(&outcome, &measure);
    }
}

#[test]
fn sendmail_with_the_milter_does_the_same() {
    let hop = Hop::friendly();
    let mut setup = house(&hop);
    let milter = setup.with_milter();
    let gateway = setup.serve();
    let Some(sendmail) = Sendmail::relaying_to(hop.address, milter, "", "") else { return };
    let mut outcome = play(&hop, &setup, &gateway, sendmail.address, &|| sendmail.queued());
    // The one difference: Sendmail itself adds a Date to a mail without one, behind its filters.
    let dateless = |text: &str| {
        let (header, body) = text.split_once("\r\n\r\n").expect("a header and a body");
        let fields: Vec<&str> = header.split("\r\n").filter(|line| !line.starts_with("Date: ")).collect();
        format!("{}\r\n\r\n{body}", fields.join("\r\n"))
    };
    outcome.onward = outcome.onward.into_iter().map(|(name, to, text)| (name, to, dateless(&text))).collect();
    check(&outcome);
    same(&outcome, &by_smtp());
}

/// A header as programs write it, and a body with what is rare.
const ODD: &[u8] = b"Message-ID: <odd@justice.gouv.example>\r\nX-None:nothing between\r\nX-Two:  two spaces\r\nX-Tab:\ta tab\r\n\
    X-Folded: one\r\n\t two\r\n  three  \r\nX-Empty:\r\nx-none: again\r\nFrom: <claire.vasseur@justice.gouv.example>\r\n\
    Date: Mon, 02 Mar 2026 12:00:00 +0000\r\nSubject: caf\xc3\xa9 100 %s\r\n\r\n.\r\n..dots\r\n \t \r\n\xff\xfe\r\n\r\n\r\n";

/// What is kept of [`ODD`] for a held copy.
fn held_octets(setup: &Setup, mta: SocketAddr) -> Vec<u8> {
    let reply = Client::greet(mta).mail(CLERK, &["me@held.example"], ODD);
    assert!(reply.starts_with("250 "), "{reply}");
    let held = setup.copies();
    assert_eq!(held.len(), 1);
    setup.run(&["quarantine", "export", &held[0].id, "--reason", "the test looks at every octet"]).stdout
}

#[test]
fn postfix_shows_every_octet() {
    let hop = Hop::friendly();
    let mut setup = house(&hop);
    let milter = setup.with_milter();
    let _gateway = setup.serve();
    let Some(postfix) = Postfix::relaying_to(hop.address, &postfix_milter(milter)) else { return };
    let held = held_octets(&setup, postfix.address);
    assert!(held == ODD, "{}", String::from_utf8_lossy(&held));
}

#[test]
fn sendmail_shows_every_octet() {
    let hop = Hop::friendly();
    let mut setup = house(&hop);
    let milter = setup.with_milter();
    let _gateway = setup.serve();
    let Some(sendmail) = Sendmail::relaying_to(hop.address, milter, "", "") else { return };
    let held = held_octets(&setup, sendmail.address);
    assert!(held == ODD, "{}", String::from_utf8_lossy(&held));
}

/// The lines of `deploy/postfix/milter.cf` for `main.cf`, with the place of this filter.
pub fn postfix_milter(milter: SocketAddr) -> String {
    let text = include_str!("../../../deploy/postfix/milter.cf");
    let section = text.split("# ---- main.cf ").nth(1).and_then(|rest| rest.split("# ---- master.cf ").next()).unwrap();
    let lines = section.lines().filter(|line| line.contains(" = ") && !line.starts_with('#'));
    let lines: Vec<String> = lines.map(|line| line.replace("127.0.0.1:10027", &milter.to_string())).collect();
    assert_eq!(lines.len(), 7, "{lines:?}");
    lines.join("\n") + "\n"
}
