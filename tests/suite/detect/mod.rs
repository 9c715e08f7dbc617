// SPDX-License-Identifier: EUPL-1.2
//! Detectors against their examples and counter-examples in `tests/detect/`, with the shipped vocabulary.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use octroi::detect::reading::evidence::{Evidence, Sender, SenderProof};
use octroi::detect::reading::opened::Opened;
use octroi::detect::reading::text::Text;
use octroi::detect::{Detectors, Finding, FindingKind, LinkHosts, LinkKind, Lookalikes, Markings, Words};
use octroi::directory::{Class, ClassifiedRecipient};
use octroi::directory::{People, Person};
use octroi::document::Extract;
use octroi::mail::{Envelope, Mailbox, Parameters, ReversePath};
use octroi::mime::{Body, Header, Message, Part, Stop};
use serde::Deserialize;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

const ORDER: &[&str] =
    &["around", "france", "belgium", "netherlands", "morocco", "eu", "nato", "uk", "germany", "tlp", "usage"];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Examples {
    kind: String,
    example: Vec<Example>,
    counter: Vec<Example>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    /// Where the example comes from: a program, a text of law, a habit.
    source: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    body: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    /// Texts in other places, such as `attachment:a.docx#footer`.
    #[serde(default)]
    texts: Vec<(String, String)>,
    /// Files: name, true kind, size, encrypted as.
    #[serde(default)]
    files: Vec<File>,
    #[serde(default = "clerk")]
    from: String,
    #[serde(default = "firm")]
    to: String,
    /// Other recipients: private webmail, or own by their domain.
    #[serde(default)]
    also: Vec<String>,
    #[serde(default = "other")]
    class: String,
    #[serde(default)]
    consumer_hosted: bool,
    /// Values that must be found, sorted (`-` where the kind has none); in a counter-example, values that must not be, or none for all.
    #[serde(default)]
    values: Vec<String>,
    count: Option<u32>,
    rank: Option<u8>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    #[serde(default)]
    kind: String,
    declared: Option<String>,
    encrypted: Option<String>,
    #[serde(default)]
    properties: Vec<(String, String)>,
    #[serde(default)]
    size: usize,
}

fn clerk() -> String {
    "helene.lemarchal@finances.gouv.example".into()
}

fn firm() -> String {
    "projet@imprimerie.example".into()
}

fn other() -> String {
    "other".into()
}

fn shipped() -> Detectors {
    let texts: Vec<(String, String)> = ORDER
        .iter()
        .map(|name| (format!("{name}.toml"), fs::read_to_string(format!("policies/markings/{name}.toml")).expect(name)))
        .collect();
    let markings =
        Markings::parse(texts.iter().map(|(name, text)| (name.as_str(), text.as_str()))).expect("shipped markings");
    let hosts = [
        ("drive.google.com", LinkKind::CloudStorage),
        ("docs.google.com", LinkKind::CloudStorage),
        ("dropbox.com", LinkKind::CloudStorage),
        ("1drv.ms", LinkKind::CloudStorage),
        ("wetransfer.com", LinkKind::FileTransfer),
        ("swisstransfer.com", LinkKind::FileTransfer),
        ("wa.me", LinkKind::Messenger),
        ("chat.whatsapp.com", LinkKind::Messenger),
        ("t.me", LinkKind::Messenger),
        ("facebook.com", LinkKind::Social),
        ("teams.microsoft.com", LinkKind::Meeting),
        ("zoom.us", LinkKind::Meeting),
    ];
    let links = LinkHosts::new(hosts.map(|(host, kind)| (host.to_owned(), kind)));
    let own = ["gouv.example", "wallonie.example", "rijk.example", "maroc.example", "govuk.example"]
        .map(str::to_owned)
        .to_vec();
    Detectors::new(markings, links, own.clone(), Lookalikes::new(own), Words::shipped())
}

fn staff() -> People {
    let row = |mail: &str, given: &str, surname: &str, birth_name: &str, nickname: &str| Person {
        mail: mail.into(),
        given: given.into(),
        surname: surname.into(),
        birth_name: birth_name.into(),
        nickname: nickname.into(),
        ..Person::default()
    };
    People::new([
        row("helene.lemarchal@finances.gouv.example", "Hélène", "Lemarchal", "Orsini", "Lena"),
        row("bastien.kervadoux@finances.gouv.example", "Bastien", "Kervadoux", "", ""),
        row("f.van.der.oord@mindef.rijk.example", "Femke", "van der Oord", "", ""),
        row("n.benchekroun@interieur.maroc.example", "Nadia", "Benchekroun", "", ""),
    ])
}

/// What the reader of messages hands over: compatibility forms, accents, case and invisible characters folded.
fn normal(text: &str) -> String {
    let invisible = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{640}' | '\u{ad}');
    text.nfkc().nfd().filter(|c| !is_combining_mark(*c) && !invisible(*c)).collect::<String>().to_lowercase()
}

fn inspect(detectors: &Detectors, example: &Example) -> Vec<Finding> {
    inspect_until(detectors, example, &Stop::never())
}

fn inspect_until(detectors: &Detectors, example: &Example, stop: &Stop<'_>) -> Vec<Finding> {
    let mut headers: Vec<Header> =
        example.headers.iter().map(|(name, value)| Header { name: name.clone(), value: value.clone() }).collect();
    headers.push(Header { name: "Subject".into(), value: example.subject.clone() });
    let part = |file: &File| Part {
        path: "2".into(),
        parent: Some(0),
        depth: 0,
        name: Some(file.name.clone()).filter(|name| !name.is_empty()),
        declared_type: file.declared.clone().unwrap_or_else(|| "application/octet-stream".into()),
        true_type: String::new(),
        extension: file.kind.clone(),
        headers: Vec::new(),
        body: if file.declared.as_deref() == Some("message/rfc822") {
            Body::Message(Vec::new())
        } else {
            Body::Attachment(vec![0; file.size].into())
        },
        range: None,
    };
    let root = Part {
        path: "1".into(),
        parent: None,
        depth: 0,
        name: None,
        declared_type: "multipart/mixed".into(),
        true_type: String::new(),
        extension: String::new(),
        headers: Vec::new(),
        body: Body::Multipart,
        range: None,
    };
    let parts = std::iter::once(root).chain(example.files.iter().map(part)).collect();
    let message = Message { headers, parts, ..Message::default() };
    let opened: Vec<Opened> = example
        .files
        .iter()
        .enumerate()
        .map(|(at, file)| Opened {
            part: at + 1,
            place: format!("attachment:{}", file.name),
            extract: Extract {
                kind: file.kind.clone(),
                encrypted: file.encrypted.clone(),
                properties: file.properties.clone(),
                ..Extract::default()
            }
            .into(),
        })
        .collect();
    let text =
        |place: &str, original: &str| Text { place: place.into(), original: original.into(), normal: normal(original) };
    let mut texts = vec![text("subject", &example.subject), text("body", &example.body)];
    texts.extend(example.texts.iter().map(|(place, original)| text(place, original)));
    let mailbox = Mailbox::parse(&example.from).expect("the example's sender");
    let envelope = Envelope {
        reverse_path: ReversePath::Mailbox(mailbox.clone()),
        parameters: Parameters::default(),
        verbatim: String::new(),
        recipients: Vec::new(),
    };
    let class = match example.class.as_str() {
        "own" => Class::Own,
        "partner" => Class::Partner,
        "private-webmail" => Class::PrivateWebmail,
        "disposable" => Class::Disposable,
        _ => Class::Other,
    };
    let recipient = |address: &str, class, consumer_hosted| ClassifiedRecipient {
        mailbox: Some(Mailbox::parse(address).expect("the example's recipient")),
        class,
        consumer_hosted,
        allowed_by: None,
    };
    let beside = |address: &String| {
        recipient(address, if address.contains("gouv.example") { Class::Own } else { Class::PrivateWebmail }, false)
    };
    let mut recipients = vec![recipient(&example.to, class, example.consumer_hosted)];
    recipients.extend(example.also.iter().map(beside));
    let sender = Sender { mailbox: Some(mailbox), proof: Some(SenderProof::Claimed), bare_login: None };
    let people = staff();
    let evidence = Evidence {
        envelope: &envelope,
        sender: &sender,
        recipients: &recipients,
        message: &message,
        texts: &texts,
        opened: &opened,
        people: &people,
        day: jiff::civil::date(2026, 3, 3),
    };
    detectors.inspect_until(&evidence, stop)
}

#[test]
fn every_example_is_found_and_no_counter_example_is() {
    let detectors = shipped();
    let mut files: Vec<_> = fs::read_dir(Path::new("tests/detect"))
        .expect("tests/detect")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    let mut faults = Vec::new();
    for path in &files {
        let text = fs::read_to_string(path).expect("a file of examples");
        let examples: Examples = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert!(
            !examples.example.is_empty() && !examples.counter.is_empty(),
            "{} lacks examples or counter-examples",
            path.display()
        );
        let of_kind = |example: &Example| {
            let found =
                inspect(&detectors, example).into_iter().filter(|finding| finding.kind.as_str() == examples.kind);
            found.collect::<Vec<_>>()
        };
        let value = |finding: &Finding| finding.value.clone().unwrap_or_else(|| "-".into());
        for example in &examples.example {
            let found = of_kind(example);
            let mut values: Vec<String> = found.iter().map(value).collect();
            values.sort();
            values.dedup();
            let count = example.count.is_none_or(|count| found.iter().any(|finding| finding.count == Some(count)));
            let rank = example.rank.is_none_or(|rank| found.iter().any(|finding| finding.rank == Some(rank)));
            if values != example.values || !count || !rank {
                faults.push(format!(
                    "{}: {} {:?}\n  wants {:?}, has {found:?}",
                    examples.kind, example.source, example.subject, example.values
                ));
            }
        }
        for example in &examples.counter {
            let found: Vec<Finding> = of_kind(example)
                .into_iter()
                .filter(|finding| example.values.is_empty() || example.values.contains(&value(finding)))
                .collect();
            if !found.is_empty() {
                faults.push(format!(
                    "{}: {} {:?}\n  must not find {found:?}",
                    examples.kind, example.source, example.subject
                ));
            }
        }
    }
    assert!(files.len() >= 9, "only {} files of examples", files.len());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_private_mail_keeps_kind_and_rank_and_no_word() {
    let example: Example = toml::from_str(
        "source = \"decision D20\"\nsubject = \"[PERSONNEL] plan\"\nbody = \"DIFFUSION RESTREINTE\\n\\nhttps://www.dropbox.com/s/abc/plan\"\n",
    )
    .expect("the example");
    let found = inspect(&shipped(), &example);
    assert!(found.iter().any(|finding| finding.kind.as_str() == "marking" && finding.rank == Some(2)));
    assert!(found.iter().any(|finding| finding.kind.as_str() == "private-correspondence"));
    assert!(found.iter().all(|finding| finding.excerpt.is_none()), "{found:?}");
}

#[test]
fn detectors_end_when_told_to_and_what_they_left_out_is_held() {
    let example: Example = toml::from_str(
        "source = \"decision D17\"\nsubject = \"[PERSONNEL] plan\"\nbody = \"DIFFUSION RESTREINTE\\n\\n06 39 98 77 48\"\n",
    )
    .expect("the example");
    let all = inspect(&shipped(), &example);
    assert!(!all.iter().any(|finding| finding.kind.as_str() == "uninspectable"));
    let asked = std::cell::Cell::new(0);
    let never = || {
        asked.set(asked.get() + 1);
        false
    };
    inspect_until(&shipped(), &example, &Stop::when(&never));
    // Whenever it comes, the word is obeyed, said, and never costs the mail its privacy (decision D20).
    for nth in 1..=asked.get() {
        let left = std::cell::Cell::new(nth);
        let told = || {
            left.set(left.get() - 1);
            left.get() == 0
        };
        let found = inspect_until(&shipped(), &example, &Stop::when(&told));
        let unread =
            found.iter().filter(|f| f.kind.as_str() == "uninspectable" && f.value.as_deref() == Some("budget"));
        assert_eq!(unread.count(), 1, "at ask {nth}: {found:?}");
        assert!(found.iter().any(|finding| finding.kind.as_str() == "private-correspondence"), "at ask {nth}");
    }
}

#[test]
fn nonsense_breaks_nothing() {
    let detectors = shipped();
    let bodies = [
        "\u{0}\u{fffd}//@://%%%zz\u{202e}".repeat(50),
        "a/".repeat(20_000),
        "SECRET ".repeat(5_000),
        "@".repeat(10_000),
        "1 ".repeat(20_000),
        "S E C R E T\n".repeat(3_000),
        "De : a@b\nObjet : x\n".repeat(2_000),
        "É\n\u{301}\n\t\t\t[DR".into(),
        // What stands around a mark is looked at once a mark: rows of marks, marks below marks, lines without an end.
        "SECRET\t".repeat(60_000),
        "SECRET\tHabilitation\tTRÈS SECRET\t[DR]\n".repeat(20_000),
        "Déclassifié par décision du 3 mai 2015\nSECRET\nde Philippe Grimbert\n".repeat(10_000),
        format!("{}\nSECRET\n{}", "film ".repeat(100_000), "roman ".repeat(100_000)).repeat(3),
        "Le 3 mai 2026, X a écrit :\n> SECRET\n".repeat(10_000),
    ];
    for body in bodies {
        let example = Example {
            source: String::new(),
            subject: body.chars().take(300).collect(),
            headers: vec![
                ("msip_labels".into(), body.clone()),
                ("From".into(), body.clone()),
                ("X-Protective-Marking".into(), body.clone()),
            ],
            texts: vec![("attachment:x#header".into(), body.clone()), ("body#quoted".into(), body.clone())],
            body,
            files: Vec::new(),
            from: clerk(),
            to: "h@gmail.com".into(),
            also: vec!["lemarchal@gmail.com".into()],
            class: "private-webmail".into(),
            consumer_hosted: true,
            values: Vec::new(),
            count: None,
            rank: None,
        };
        let findings = inspect(&detectors, &example);
        let marks = || findings.iter().filter(|finding| finding.kind == FindingKind::Marking);
        let places: BTreeSet<_> = marks().map(|finding| (&finding.place, &finding.value)).collect();
        assert_eq!(marks().count(), places.len(), "one finding a place and level");
    }
}
