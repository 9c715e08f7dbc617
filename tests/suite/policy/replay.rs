// SPDX-License-Identifier: EUPL-1.2
//! Kept mails are judged again: by the same policies exactly (promise 10), by others as if the mail came under them,
//! or not at all.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;
use octroi::app::{read_policies, ruleset};
use octroi::deliver::deadline::{Deadline, PROMISE};
use octroi::deliver::mx::MxResolver;
use octroi::mail::{Client, Envelope, ForwardPath, Parameters, Recipient};
use octroi::mime;
use octroi::pipeline::{Inspector, Judged, MemoryBudget, Ruleset};
use octroi::policy::again::is_same;
use octroi::policy::case::Case;
use octroi::policy::{Asked, CampaignFacts, KeptAddresses, KeptCopy, Mode, Replay, Replayed, Sources, Unknown};
use octroi::worker::{WorkerSettings, Workers};

pub(super) type Files = BTreeMap<String, Vec<u8>>;

/// Recipients beside those of the cases: on no list, some by a name of the sender's; a colleague; a partner.
const MORE: [&str; 6] = [
    "jeanne.aubertin@chez-nous.example",
    "claire.vasseur@chez-nous.example",
    "j.aubertin@atelier-voisin.example",
    "etude@notaires-reunis.example",
    "paul.mesnard@interieur.gouv.example",
    "greffe@cour-appel.example",
];

pub(super) struct Sent {
    pub name: String,
    pub envelope: Envelope,
    pub content: Vec<u8>,
    pub at: Timestamp,
}

/// Every mail of `policies/tests`, as its cases send it and to more people.
fn sent(files: &Files) -> Vec<Sent> {
    let mut all = Vec::new();
    let is_case =
        |path: &str| path.strip_prefix("tests/").is_some_and(|name| name.ends_with(".toml") && !name.contains('/'));
    for (path, bytes) in files.iter().filter(|(path, _)| is_case(path)) {
        for case in Case::parse(path, std::str::from_utf8(bytes).unwrap()).unwrap() {
            let more = MORE.map(|address| ForwardPath::parse(address).unwrap());
            let all_of_them: Vec<ForwardPath> = case.to.iter().chain(&more).cloned().collect();
            for to in [case.to.clone(), all_of_them, vec![more[0].clone()], vec![more[2].clone()]] {
                let recipient = |path: ForwardPath| {
                    let verbatim = format!("<{path}>");
                    Recipient { path, parameters: Parameters::default(), verbatim }
                };
                all.push(Sent {
                    name: case.name.clone(),
                    envelope: Envelope {
                        verbatim: format!("<{}>", case.from),
                        reverse_path: case.from.clone(),
                        parameters: Parameters::default(),
                        recipients: to.into_iter().map(recipient).collect(),
                    },
                    content: files[&format!("tests/mail/{}", case.mail)].clone(),
                    at: case.at.unwrap(),
                });
            }
        }
    }
    all
}

pub(super) fn shipped() -> Files {
    read_policies(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap()
}

pub(super) fn load(files: &Files, mode: Mode) -> Ruleset {
    ruleset(files, Path::new("policies"), mode).unwrap_or_else(|faults| panic!("{faults}"))
}

pub(super) fn inspector(ruleset: Ruleset) -> Inspector {
    Inspector {
        ruleset: ArcSwap::from_pointee(ruleset),
        mx: MxResolver::offline(),
        workers: Arc::new(Workers::new(WorkerSettings::new(env!("CARGO_BIN_EXE_octroi").into()))),
        budget: mime::ParseBudget::default(),
        timeout: std::time::Duration::from_secs(45),
        memory: MemoryBudget::new(512 << 20),
        crashes: Default::default(),
    }
}

pub(super) async fn judge(inspector: &Inspector, sent: &Sent) -> Judged {
    let inspected = inspector
        .inspect(&sent.envelope, &Client::default(), &sent.content, sent.at, Deadline::after(PROMISE))
        .await
        .unwrap();
    inspector.judge(inspected, &CampaignFacts::default()).unwrap()
}

pub(super) fn addresses(judged: &Judged) -> KeptAddresses {
    let recipients = judged.recipients.iter().map(|recipient| recipient.mailbox.clone()).collect();
    KeptAddresses { sender: judged.sender.mailbox.clone(), recipients }
}

/// What replay says of all mails under other policies: how many copies as when they had come under them, and how many
/// for each reason not to say. Anything else is a guess.
async fn replayed(other: &Files, mode: Mode) -> BTreeMap<&'static str, usize> {
    replayed_of(&sent(&shipped()), other, mode).await
}

async fn replayed_of(all: &[Sent], other: &Files, mode: Mode) -> BTreeMap<&'static str, usize> {
    let (then, now) = (inspector(load(&shipped(), Mode::Enforce)), inspector(load(other, mode)));
    let now_in_force = now.ruleset.load_full();
    let replay = Replay::new(&now_in_force.policy);
    let mut said = BTreeMap::new();
    for sent in all {
        let (kept, fresh) = (judge(&then, sent).await, judge(&now, sent).await);
        let addresses = addresses(&kept);
        let again = replay.mail(&kept.kept, (!kept.is_private()).then_some(&addresses));
        assert_eq!(again.len(), fresh.verdicts.0.len());
        for (n, (again, fresh)) in again.iter().zip(&fresh.verdicts.0).enumerate() {
            let word = match again {
                Replayed::Unknown(why) => {
                    assert!(kept.is_private() || *why != Unknown::Sealed, "{}", sent.name);
                    why.as_str()
                }
                known => {
                    let to = &sent.envelope.recipients[n].path;
                    assert!(is_same(known, fresh), "{} to {to}: {known:?} instead of {fresh:?}", sent.name);
                    "same"
                }
            };
            *said.entry(word).or_default() += 1;
        }
    }
    said
}

fn with(mut files: Files, path: &str, line: &str) -> Files {
    let text = files.entry(path.to_owned()).or_default();
    text.extend_from_slice(format!("\n{line}\n").as_bytes());
    files
}

fn without(mut files: Files, path: &str, domain: &str) -> Files {
    let text = String::from_utf8(files[path].clone()).unwrap();
    let kept: Vec<&str> = text.lines().filter(|line| line.split_whitespace().next() != Some(domain)).collect();
    assert!(kept.len() < text.lines().count(), "{path} names {domain}");
    files.insert(path.to_owned(), kept.join("\n").into_bytes());
    files
}

/// But for private mail, of which some facts are not kept.
fn only_same(said: &BTreeMap<&str, usize>) {
    assert_eq!(open(said), 0, "{said:?}");
    assert!(said["same"] > 100, "{said:?}");
}

/// How many copies have no answer, private mail aside, whose addresses are not kept.
fn open(said: &BTreeMap<&str, usize>) -> usize {
    let answered = ["same", Unknown::Sealed.as_str()];
    said.iter().filter(|(word, _)| !answered.contains(word)).map(|(_, n)| n).sum()
}

#[tokio::test]
async fn yesterdays_verdicts_come_again() {
    only_same(&replayed(&shipped(), Mode::Enforce).await);
}

#[tokio::test]
async fn a_policy_that_only_observes_is_known() {
    only_same(&replayed(&shipped(), Mode::Observe { until: None }).await);
}

const TRIAL: &str = r#"
    @id("replay-trial") @disposition("reject") @reason("A trial.") @notice("private-mailbox")
    forbid (principal, action, resource)
    when { context.documents.contains("pdf") || context.rank >= 2 || resource.agent || resource.outside };
"#;

#[tokio::test]
async fn other_rules_are_known() {
    only_same(&replayed(&with(shipped(), "rules/trial.cedar", TRIAL), Mode::Enforce).await);
    let days = TRIAL.replace("@id", "@from(\"2026-03-02\") @until(\"2026-03-03\") @id");
    only_same(&replayed(&with(shipped(), "rules/trial.cedar", &days), Mode::Enforce).await);
}

#[tokio::test]
async fn other_exceptions_are_known() {
    let exceptions = "chez-nous.example owner=x reason=y until=2030-01-01\natelier-voisin.example owner=x reason=y \
                      scope=cabinet until=2030-01-01";
    let said = replayed(&with(shipped(), "domains/allowed.list", exceptions), Mode::Enforce).await;
    assert_eq!(open(&said), 0, "{said:?}");
}

#[tokio::test]
async fn other_classes_are_known_where_no_detector_looked_at_them() {
    for files in [
        with(shipped(), "domains/partner.list", "atelier-voisin.example owner=x reason=y until=2030-01-01"),
        with(shipped(), "domains/disposable.list", "gmail.com"),
        with(shipped(), "domains/notaries.list", "notaires-reunis.example"),
    ] {
        let said = replayed(&with(files, "rules/trial.cedar", TRIAL), Mode::Enforce).await;
        assert!(open(&said) * 5 < said["same"], "{said:?}");
    }
    // Of these alone other questions were asked: whose mailbox it is, and who hosts its domain.
    for files in [
        without(shipped(), "domains/partner.list", "cour-appel.example"),
        with(shipped(), "domains/private-webmail.list", "chez-nous.example"),
        without(shipped(), "domains/private-webmail.list", "gmail.com"),
        with(shipped(), "domains/partner.list", "chez-n0us.example owner=x reason=y until=2030-01-01"),
    ] {
        let said = replayed(&with(files, "rules/trial.cedar", TRIAL), Mode::Enforce).await;
        assert!(said["same"] > 50 && said[Unknown::Lists.as_str()] > 0, "{said:?}");
    }
}

#[tokio::test]
async fn what_other_lists_would_have_found_is_never_guessed() {
    for files in [
        with(shipped(), "domains/cloud-storage.list", "partage.example"),
        without(shipped(), "domains/meeting.list", "zoom.us"),
        with(shipped(), "domains/own.list", "chez-nous.example"),
    ] {
        let said = replayed(&files, Mode::Enforce).await;
        let unknown = [Unknown::Sealed.as_str(), Unknown::Lists.as_str()];
        assert!(said.keys().all(|word| unknown.contains(word)), "{said:?}");
    }
}

/// His own words may go back to the only one outside who wrote them. Where he is no longer outside, they count.
#[tokio::test]
async fn quoted_words_that_went_back_to_their_author_are_left_open() {
    let files = shipped();
    let mut mail = sent(&files).swap_remove(0);
    let to = "etude.martel@atelier-voisin.example";
    mail.envelope.recipients.truncate(1);
    mail.envelope.recipients[0].path = ForwardPath::parse(to).unwrap();
    mail.envelope.recipients[0].verbatim = format!("<{to}>");
    mail.content = format!(
        "From: {}\r\nTo: {to}\r\nSubject: Re: dossier\r\n\r\nBonjour, bien recu, merci.\r\n\r\n\
         Le 3 mai 2026 a 10:12, Etude Martel <{to}> a ecrit :\r\n> DIFFUSION RESTREINTE\r\n>\r\n> Voici le dossier.\r\n",
        mail.envelope.reverse_path
    )
    .into_bytes();
    let partner = "atelier-voisin.example owner=x reason=y until=2030-01-01";
    let other = with(with(files, "domains/partner.list", partner), "rules/trial.cedar", TRIAL);
    let (then, now) = (inspector(load(&shipped(), Mode::Enforce)), inspector(load(&other, Mode::Enforce)));
    let (kept, fresh) = (judge(&then, &mail).await, judge(&now, &mail).await);
    assert_eq!((kept.kept.message.rank, fresh.kept.message.rank), (0, 2));
    let said = replayed_of(&[mail], &other, Mode::Enforce).await;
    assert_eq!(said.keys().collect::<Vec<_>>(), [&Unknown::Lists.as_str()], "{said:?}");
}

#[tokio::test]
async fn what_other_words_or_people_would_have_found_is_never_guessed() {
    for files in [
        with(shipped(), "units/people.csv", "j.neuf@finances.gouv.example,Jean,Neuf,,,cabinet,,2025-09-01,"),
        with(shipped(), "markings/france.toml", "# another word"),
        with(shipped(), "words/fr.toml", "# another word"),
    ] {
        let said = replayed(&files, Mode::Enforce).await;
        assert_eq!(said.keys().collect::<Vec<_>>(), [&Unknown::Words.as_str()], "{said:?}");
    }
}

/// A later octroi has facts that an earlier one did not gather.
#[tokio::test]
async fn what_nobody_gathered_then_is_unknown() {
    let inspector = inspector(load(&shipped(), Mode::Enforce));
    let in_force = inspector.ruleset.load_full();
    let judged = judge(&inspector, &sent(&shipped())[0]).await;
    let mut kept = judged.kept.clone();
    kept.sources = Arc::new(Sources { facts: Asked::default(), ..(*kept.sources).clone() });
    let again = Replay::new(&in_force.policy).mail(&kept, Some(&addresses(&judged)));
    assert!(!again.is_empty() && again.iter().all(|said| *said == Replayed::Unknown(Unknown::Facts)), "{again:?}");
}

/// A mail that no detector of this octroi has read: `Unknown::Version` where the answer depends on what was found.
async fn of_another_version(sent: &[Sent], rule: &str) -> BTreeMap<&'static str, usize> {
    let bare: Files = shipped().into_iter().filter(|(path, _)| !path.starts_with("rules/")).collect();
    let trial = with(bare, "rules/trial.cedar", rule);
    let (then, now) = (inspector(load(&shipped(), Mode::Enforce)), inspector(load(&trial, Mode::Enforce)));
    let in_force = now.ruleset.load_full();
    let replay = Replay::new(&in_force.policy);
    let mut said = BTreeMap::new();
    for sent in sent {
        let (judged, fresh) = (judge(&then, sent).await, judge(&now, sent).await);
        if judged.is_private() {
            continue;
        }
        let mut kept = judged.kept.clone();
        kept.sources = Arc::new(Sources { octroi: "0.0.9".into(), ..(*kept.sources).clone() });
        let addresses = addresses(&judged);
        for (again, fresh) in replay.mail(&kept, Some(&addresses)).iter().zip(&fresh.verdicts.0) {
            let word = match again {
                Replayed::Unknown(why) => why.as_str(),
                known => {
                    assert!(is_same(known, fresh), "{}: {known:?} instead of {fresh:?}", sent.name);
                    "same"
                }
            };
            *said.entry(word).or_default() += 1;
        }
    }
    said
}

fn asking(condition: &str) -> String {
    format!(
        "@id(\"trial\") @disposition(\"reject\") @reason(\"A trial.\") forbid (principal, action, resource) {condition};"
    )
}

#[tokio::test]
async fn what_another_version_found_is_never_guessed() {
    let files = shipped();
    let all = sent(&files);
    // What detectors had no part in is as certain as ever.
    for rule in [
        asking("when { context.outside > 1 && principal.proof == \"claimed\" }"),
        asking("when { resource.address == \"x@y.example\" || resource.allowed || resource.outside }"),
        asking("when { context.rank > 0 }").replace("@id", "@until(\"2020-01-01\") @id"),
    ] {
        let said = of_another_version(&all, &rule).await;
        assert_eq!(said.keys().collect::<Vec<_>>(), [&"same"], "{rule}: {said:?}");
    }
    for found in [
        "context.rank > 0",
        "context.official",
        "context.private",
        "!context.labels.isEmpty()",
        "context.phones > 3",
        "context.sender_mismatch",
        "resource.agent",
        "resource.namesake",
        "resource.lookalike",
        "resource.forwarded",
        "resource.rank > 0",
    ] {
        let rule = asking(&format!("when {{ {found} }}"));
        let said = of_another_version(&all, &rule).await;
        assert_eq!(said.keys().collect::<Vec<_>>(), [&Unknown::Version.as_str()], "{rule}: {said:?}");
    }
}

/// The name that makes a mailbox at a provider a private one was found by a detector. Elsewhere lists say the class.
#[tokio::test]
async fn the_class_of_another_version_is_unknown_where_a_name_may_have_made_it() {
    let inspector = inspector(load(&shipped(), Mode::Enforce));
    let judged = judge(&inspector, &sent(&shipped())[0]).await;
    let mut kept = judged.kept.clone();
    let one = kept.copies[0].clone();
    kept.copies = vec![one.clone(), KeptCopy { recipient: 1, ..one }];
    kept.copies[1].facts.consumer_hosted = true;
    kept.sources = Arc::new(Sources { octroi: "0.0.9".into(), ..(*kept.sources).clone() });
    let bare: Files = shipped().into_iter().filter(|(path, _)| !path.starts_with("rules/")).collect();
    for (condition, second) in [
        ("when { resource.class == \"other\" }", Some(Unknown::Version)),
        ("when { resource.private_mailbox }", Some(Unknown::Version)),
        ("when { resource.consumer_hosted || resource.outside }", None),
    ] {
        let policy = load(&with(bare.clone(), "rules/trial.cedar", &asking(condition)), Mode::Enforce).policy;
        let addresses = KeptAddresses { sender: None, recipients: vec![None, None] };
        let said = Replay::new(&policy).mail(&kept, Some(&addresses));
        let unknown = |said: &Replayed| match said {
            Replayed::Unknown(why) => Some(*why),
            Replayed::Judged { .. } => None,
        };
        assert_eq!(said.iter().map(unknown).collect::<Vec<_>>(), [None, second], "{condition}");
    }
}

/// Rules may ask of private mail what is kept of it (decision D20); the rest is unknown, and never guessed.
#[tokio::test]
async fn of_private_mail_kinds_and_ranks_are_judged_again() {
    let all = private_mails();
    for (condition, sealed) in [
        ("context.rank >= 1 || context.official || context.private", 0),
        ("resource.class == \"private-webmail\" || resource.allowed || context.recipients > 3", 0),
        ("context.traced || context.null_sender || resource.agent", 0),
        ("context.megabytes > 3", 2),
        ("principal.role == \"chief\"", 2),
        ("principal.domain == \"x.example\"", 2),
        ("resource in Octroi::DomainList::\"meeting\"", 2),
        ("resource.address == \"x@y.example\"", 2),
        // A link stands in one of them.
        ("!context.own_links.isEmpty()", 1),
        ("context.links.contains(\"social\")", 1),
        ("context.phones > 0", 0),
    ] {
        let bare: Files = shipped().into_iter().filter(|(path, _)| !path.starts_with("rules/")).collect();
        let rule = asking(&format!("when {{ {condition} }}"));
        let said = replayed_of(&all, &with(bare, "rules/trial.cedar", &rule), Mode::Enforce).await;
        let unknown = said.get(Unknown::Sealed.as_str()).copied().unwrap_or(0);
        assert_eq!((unknown, said.values().sum::<usize>()), (sealed, 2), "{condition}: {said:?}");
    }
}

/// Two mails marked personal, one with a link in it.
fn private_mails() -> Vec<Sent> {
    let mail = |text: &str| {
        let mut mail = sent(&shipped()).swap_remove(0);
        mail.envelope.recipients.truncate(1);
        mail.content = format!(
            "From: {}\r\nTo: somebody@gmail.com\r\nSubject: [Personnel] ce soir\r\n\r\nBonjour, {text}\r\n",
            mail.envelope.reverse_path
        )
        .into_bytes();
        mail
    };
    vec![mail("je serai en retard."), mail("regarde https://www.facebook.com/groups/1234 avant ce soir.")]
}

/// The journal keeps what no rule of the day asks for.
#[tokio::test]
async fn facts_are_kept_whether_or_not_a_rule_asks() {
    let bare: Files = shipped().into_iter().filter(|(path, _)| !path.starts_with("rules/")).collect();
    let (then, now) = (inspector(load(&bare, Mode::Enforce)), inspector(load(&shipped(), Mode::Enforce)));
    let in_force = now.ruleset.load_full();
    let replay = Replay::new(&in_force.policy);
    let mut stopped = 0;
    for sent in sent(&shipped()) {
        let (kept, fresh) = (judge(&then, &sent).await, judge(&now, &sent).await);
        let addresses = addresses(&kept);
        let again = replay.mail(&kept.kept, (!kept.is_private()).then_some(&addresses));
        for (again, fresh) in again.iter().zip(&fresh.verdicts.0) {
            let sealed = kept.is_private() && *again == Replayed::Unknown(Unknown::Sealed);
            assert!(sealed || is_same(again, fresh), "{}: {again:?} instead of {fresh:?}", sent.name);
            stopped += usize::from(fresh.verdict.because().is_some());
        }
    }
    assert!(stopped > 50, "{stopped}");
}
