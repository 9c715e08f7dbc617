// SPDX-License-Identifier: EUPL-1.2
//! Policies out of texts, and questions out of a few words.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use octroi::detect::reading::evidence::{Sender, SenderProof};
use octroi::detect::reading::opened::Opened;
use octroi::detect::{Finding, FindingKind};
use octroi::diagnostic::Diagnostics;
use octroi::directory::ClassifiedRecipient;
use octroi::mail::{ForwardPath, Mailbox};
use octroi::policy::again::judged_again;
use octroi::policy::verdict::{Judgement, Verdicts};
use octroi::policy::{CampaignFacts, KeptAddresses, KeptMail, Policy, Question};

/// Lists of a small world, for every test here.
const LISTS: [(&str, &str); 6] = [
    ("domains/own.list", "*.gouv.example\ngouv.example\n"),
    ("domains/partner.list", "town.example\n*.town.example\n"),
    ("domains/private-webmail.list", "gmail.com\norange.fr\n"),
    ("domains/disposable.list", "yopmail.com\n"),
    ("domains/consumer-mx.list", "mail.protonmail.ch\ngoogle.com\n"),
    ("units/people.csv", "mail,unit,role\nclerk@finances.gouv.example,sg/budget,chief\n"),
];

pub fn files(more: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
    LISTS.iter().chain(more).map(|(path, text)| (path.to_string(), text.as_bytes().to_vec())).collect()
}

pub fn policy(more: &[(&str, &str)]) -> Policy {
    Policy::load(&files(more)).unwrap_or_else(|faults| panic!("{faults}"))
}

pub fn faults(more: &[(&str, &str)]) -> Diagnostics {
    Policy::load(&files(more)).map(|policy| policy.version).expect_err("faults")
}

/// The shipped rules over the small world.
pub fn shipped(more: &[(&str, &str)]) -> Policy {
    let mut all = files(more);
    for entry in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("policies/rules")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        all.insert(format!("rules/{name}"), std::fs::read(&path).unwrap());
    }
    Policy::load(&all).unwrap_or_else(|faults| panic!("{faults}"))
}

pub fn noon() -> Timestamp {
    "2026-03-02T12:00:00Z".parse().unwrap()
}

pub fn clerk(proof: Option<SenderProof>) -> Sender {
    Sender { mailbox: Some(Mailbox::parse("clerk@finances.gouv.example").unwrap()), proof, bare_login: None }
}

/// A mail in a few words: who receives it, what was found.
pub struct Asked {
    pub sender: Sender,
    pub to: Vec<String>,
    pub mx: Vec<String>,
    pub findings: Vec<Finding>,
    pub campaign: CampaignFacts,
    pub opened: Vec<Opened>,
    pub sealed: bool,
    pub size: u64,
    pub instant: Timestamp,
}

impl Asked {
    pub fn to(address: &str) -> Asked {
        Asked {
            sender: clerk(Some(SenderProof::Login)),
            to: vec![address.into()],
            mx: Vec::new(),
            findings: Vec::new(),
            campaign: CampaignFacts::default(),
            opened: Vec::new(),
            sealed: false,
            size: 4000,
            instant: noon(),
        }
    }

    pub fn also(mut self, address: &str) -> Asked {
        self.to.push(address.into());
        self
    }

    /// Adds findings as words: `forward/inline`, `marking/2`, `link/meeting@body#quoted`, `fr-nir/12`, `agent` …
    pub fn with(mut self, words: &str) -> Asked {
        let first = Mailbox::parse(&self.to[0]).ok();
        for word in words.split_whitespace() {
            let (word, place) = word.split_once('@').unwrap_or((word, "body"));
            let (kind, value) = word.split_once('/').unwrap_or((word, ""));
            let about = |kind| Finding::new(kind, "envelope").recipient(first.as_ref().unwrap());
            self.findings.push(match kind {
                "agent" => about(FindingKind::SelfForward),
                "family" => about(FindingKind::Namesake).value("family"),
                "colleague" => about(FindingKind::Namesake).value("colleague"),
                "namesake" => about(FindingKind::Namesake).value("namesake"),
                "lookalike" => about(FindingKind::Lookalike),
                "marking" => Finding::new(FindingKind::Marking, place).value("fr/x").rank(value.parse().unwrap()),
                "label" => Finding::new(FindingKind::SensitivityLabel, place).value("C").rank(value.parse().unwrap()),
                "forward" => Finding::new(FindingKind::Forward, place).value(value),
                "document" => Finding::new(FindingKind::Document, place).value(value),
                "link" => Finding::new(FindingKind::Link, place).value(value),
                "invitation" => Finding::new(FindingKind::Invitation, place),
                "private" => Finding::new(FindingKind::PrivateCorrespondence, "subject"),
                "traced" => Finding::new(FindingKind::TracedDocument, place).value("DT-1"),
                "reuse" => Finding::new(FindingKind::ListReuse, "envelope").value(value),
                "rows" => Finding::new(FindingKind::AddressList, place).count(value.parse().unwrap()),
                "listed" => Finding::new(FindingKind::AddressList, place).value(value).count(12).share(1.0),
                "unread" => Finding::new(FindingKind::Uninspectable, place).value(value),
                "encrypted" => Finding::new(FindingKind::Encrypted, place).value(value),
                "disguised" => Finding::new(FindingKind::Disguised, place).value(value),
                "mismatch" => Finding::new(FindingKind::SenderMismatch, "envelope"),
                "malformed" => Finding::new(FindingKind::Malformed, place).value(value),
                data => Finding::new(FindingKind::PersonalData, place).value(data).count(value.parse().unwrap()),
            });
        }
        self
    }

    pub fn recipients(&self, policy: &Policy) -> Vec<ClassifiedRecipient> {
        let mx = (!self.mx.is_empty()).then_some(self.mx.as_slice());
        let path = |to: &String| ForwardPath::parse(to).unwrap();
        self.to.iter().map(|to| policy.lists.classify(&path(to), mx, self.instant)).collect()
    }

    pub fn ask<T>(&self, policy: &Policy, judge: impl Fn(&Question) -> T) -> T {
        let recipients = self.recipients(policy);
        judge(&Question {
            sender: &self.sender,
            recipients: &recipients,
            findings: &self.findings,
            campaign: &self.campaign,
            opened: &self.opened,
            size: self.size,
            sealed: self.sealed,
            instant: self.instant,
        })
    }

    pub fn judged(&self, policy: &Policy) -> Verdicts {
        self.ask(policy, |question| {
            let facts = policy.facts(question);
            let verdicts = policy.judge(question, &facts);
            // Every verdict that a test here looks at is computed again from what the journal keeps.
            let kept = KeptMail::of(policy, question, facts, false);
            judged_again(policy, &kept, &KeptAddresses::of(question), &verdicts).unwrap_or_else(|why| panic!("{why}"));
            verdicts
        })
    }

    pub fn first(&self, policy: &Policy) -> Judgement {
        self.judged(policy).0.swap_remove(0)
    }

    /// `quarantine rule-a rule-b` for the first recipient.
    pub fn said(&self, policy: &Policy) -> String {
        let judgement = self.first(policy);
        let rules = judgement.verdict.because().into_iter().flat_map(|reasons| reasons.rules());
        std::iter::once(judgement.verdict.disposition().as_str()).chain(rules).collect::<Vec<_>>().join(" ")
    }
}
