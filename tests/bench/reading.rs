// SPDX-License-Identifier: EUPL-1.2
//! What reading and judging one mail costs, stage by stage, in microseconds; attachments stay closed.
//!
//! `cargo bench --bench reading -- FOLDER [ROUNDS]` reads every file of the folder so many times (default 50).

use std::path::Path;
use std::time::{Duration, Instant};

use octroi::app::{read_policies, ruleset};
use octroi::detect::reading::evidence::{Evidence, Sender, SenderProof};
use octroi::detect::reading::text;
use octroi::directory::{Class, ClassifiedRecipient};
use octroi::mail::{Envelope, Mailbox, Parameters, ReversePath};
use octroi::mime;
use octroi::policy::{CampaignFacts, Mode, Question};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let Some(folder) = arguments.first() else {
        eprintln!("usage: cargo bench --bench reading -- FOLDER [ROUNDS]");
        std::process::exit(2);
    };
    let rounds: u32 = arguments.get(1).and_then(|n| n.parse().ok()).unwrap_or(50);
    let mut mails = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of mails") {
        mails.push(std::fs::read(entry.expect("an entry").path()).expect("a mail"));
    }
    let policies = Path::new("policies");
    let files = read_policies(policies).expect("the shipped policies");
    let ruleset = ruleset(&files, policies, Mode::Enforce).expect("the shipped policies are in order");

    let mailbox = |address: &str| Mailbox::parse(address).expect("an address");
    let envelope = Envelope {
        reverse_path: ReversePath::Mailbox(mailbox("clerk@example.com")),
        parameters: Parameters::default(),
        verbatim: String::new(),
        recipients: Vec::new(),
    };
    let sender = Sender {
        mailbox: envelope.reverse_path.mailbox().cloned(),
        proof: Some(SenderProof::Claimed),
        bare_login: None,
    };
    let recipients = [ClassifiedRecipient {
        mailbox: Some(mailbox("user@example.net")),
        class: Class::Other,
        consumer_hosted: false,
        allowed_by: None,
    }];

    let mut spent = [Duration::ZERO; 4];
    let mut bytes = 0;
    for _ in 0..rounds {
        for mail in &mails {
            bytes += mail.len();
            let start = Instant::now();
            let message = mime::parse(mail, &mime::ParseBudget::default());
            let parsed = Instant::now();
            let texts = text::gather(&message, &[], ruleset.detectors.words());
            let gathered = Instant::now();
            let evidence = Evidence {
                envelope: &envelope,
                sender: &sender,
                recipients: &recipients,
                message: &message,
                texts: &texts,
                opened: &[],
                people: &ruleset.policy.people,
                day: jiff::civil::date(2026, 3, 3),
            };
            let findings = ruleset.detectors.inspect(&evidence);
            let inspected = Instant::now();
            let question = Question {
                sender: &sender,
                recipients: &recipients,
                findings: &findings,
                campaign: &CampaignFacts::default(),
                opened: &[],
                size: mail.len() as u64,
                sealed: mime::is_signed_or_encrypted(&message),
                instant: jiff::Timestamp::UNIX_EPOCH,
            };
            let verdicts = ruleset.policy.judge(&question, &ruleset.policy.facts(&question));
            std::hint::black_box(verdicts);
            let ends = [parsed - start, gathered - parsed, inspected - gathered, inspected.elapsed()];
            spent.iter_mut().zip(ends).for_each(|(sum, end)| *sum += end);
        }
    }
    let each = |time: &Duration| time.as_secs_f64() * 1e6 / f64::from(rounds) / mails.len() as f64;
    for (stage, time) in ["parse", "gather", "inspect", "judge"].iter().zip(&spent) {
        println!("{stage:8} {:8.1} us a mail", each(time));
    }
    let all: Duration = spent.iter().sum();
    println!("{:8} {:8.1} us a mail, {:.1} ns a byte", "all", each(&all), all.as_secs_f64() * 1e9 / bytes as f64);
}
