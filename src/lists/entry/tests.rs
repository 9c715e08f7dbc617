// SPDX-License-Identifier: EUPL-1.2
//! Entries as people write them, with what is wrong in them.

use proptest::prelude::*;

use super::*;
use crate::diagnostic::Diagnostic;

const SOUND: &str = r#"title = "Espace numérique des agents"
owner = "direction-du-budget"
contact = "donnees@house.example"
universal = false
[[purpose]]
text = "décret 2022-1446, art. 1"
from = 2022-11-23
until = 2024-07-19
allows = "a document is available"
senders = ["ne-pas-repondre@house.example"]
templates = ["modeles/document.txt"]
links = ["espace-agent.gouv.example"]
[[purpose]]
text = "décret 2024-848"
from = 2024-07-20
senders = ["ne-pas-repondre@house.example"]
templates = ["modeles/document.txt"]
links = ["espace-agent.gouv.example", "*.cdn.example"]
recipients = ["paie.partner.example", "anne@web.example"]
"#;

const TEMPLATE: &str = "Bonjour {nom}, un nouveau document est disponible dans votre espace numérique.";

fn at(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().unwrap()
}

fn check_at(text: &str, day: &str) -> Vec<Diagnostic> {
    let (entry, mut found) = Entry::parse("agents", "lists/agents.toml", text);
    let standing = |domain: &Domain| match domain.as_str() {
        "house.example" => Standing::Own,
        "web.example" => Standing::Webmail,
        "gouv.example" => Standing::PublicSuffix,
        _ => Standing::Other,
    };
    let template = |path: &str| match path {
        "modeles/document.txt" => Some(TEMPLATE),
        "modeles/empty.txt" => Some("{all}"),
        "modeles/short.txt" => Some("Bonjour {nom}, votre document"),
        _ => None,
    };
    let templates = ["modeles/document.txt", "modeles/empty.txt", "modeles/short.txt"];
    if let Some(entry) = entry {
        let house = House { standing: &standing, template: &template, templates: &templates, now: at(day) };
        found.extend(check(&entry, &house));
    }
    found
}

/// What is said, each with whether it is a warning: a warning's drawing says so.
fn said(text: &str, day: &str) -> Vec<String> {
    check_at(text, day)
        .iter()
        .map(|one| format!("{}{one}", if format!("{one:?}").contains("is_warning: true") { "warning: " } else { "" }))
        .collect()
}

#[test]
fn a_sound_entry_says_nothing_and_its_versions_hold_in_time() {
    assert_eq!(said(SOUND, "2024-03-01"), [] as [&str; 0]);
    let (entry, _) = Entry::parse("agents", "x", SOUND);
    let entry = entry.unwrap();
    let text = |instant: &str| entry.in_force(instant.parse().unwrap()).map(|purpose| purpose.text.as_str());
    assert_eq!(text("2022-11-22T23:59:59Z"), None);
    assert_eq!(text("2022-11-23T00:00:00Z"), Some("décret 2022-1446, art. 1"));
    assert_eq!(text("2024-07-19T23:59:59Z"), Some("décret 2022-1446, art. 1"));
    assert_eq!(text("2024-07-20T00:00:00Z"), Some("décret 2024-848"));
    let purpose = &entry.purposes[1];
    let sender = |text: &str| purpose.is_sender(&Mailbox::parse(text).unwrap().identity());
    assert!(sender("Ne-Pas-Repondre+x@house.example") && !sender("autre@house.example"));
    let link = |text: &str| purpose.has_link(&Domain::parse(text).unwrap());
    assert!(
        link("espace-agent.gouv.example")
            && link("a.cdn.example")
            && !link("cdn.example")
            && !link("x.espace-agent.gouv.example")
    );
    let rows = |text: &str| purpose.may_have_rows(&Mailbox::parse(text).unwrap());
    assert!(rows("x@paie.partner.example") && rows("Anne@web.example") && !rows("bo@web.example"));
    let json = serde_json::to_string(&Show::new(&entry, 5, &[], at("2025-01-01"))).unwrap();
    assert!(json.starts_with("{\"name\":\"agents\",\"title\":\"Espace numérique des agents\",\"owner\":\"direction-du-budget\",\"contact\":\"donnees@house.example\",\"universal\":false,\"kind\":null,\"members\":5,\"exports\":[],\"purposes\":[{\"text\":"), "{json}");
    assert!(json.ends_with("\"in_force\":\"décret 2024-848\"}"), "{json}");
}

#[test]
fn faults_of_form_name_their_place_and_what_to_write() {
    for (from, to, expected) in [
        ("title =", "titel =", "1:1: an entry of the register has no key `titel` (did you mean `title`?)"),
        ("owner = \"direction-du-budget\"\n", "", "1:1: the entry has no `owner` (write owner ="),
        ("owner = \"direction-du-budget\"", "owner = \" \"", "2:9: `owner` is empty"),
        ("universal = false", "universal = \"no\"", "4:13: `universal` must be true or false"),
        ("universal = false", "kind = \"unoin\"", "4:8: `unoin` is no kind (did you mean `union`?)"),
        (
            "universal = false",
            "kind = \"mairie\"",
            "4:8: `mairie` is no kind (write kind = \"union\", or leave `kind` out)",
        ),
        ("from = 2022-11-23", "from = \"soon\"", "7:8: `from` must be a day (write from = 2022-11-23)"),
        ("from = 2022-11-23", "from = 2022-02-30", "7:"),
        ("from = 2022-11-23\n", "", "5:1: the purpose has no `from`"),
        ("until = 2024-07-19", "until = 2022-11-22", "5:1: the purpose ends on 2022-11-22, before it begins"),
        ("allows = ", "alows = ", "9:1: a purpose has no key `alows` (did you mean `allows`?)"),
        ("senders = [\"ne-pas-repondre@house.example\"]", "senders = [\"nobody\"]", "10:12: `nobody` is not a mailbox"),
        (
            "links = [\"espace-agent.gouv.example\"]",
            "links = [\"https://x.example/a\"]",
            "12:10: `https://x.example/a` is not a host (write the host alone",
        ),
        ("links = [\"espace-agent.gouv.example\"]", "links = [\"localhost\"]", "12:10: `localhost` is not a host"),
        (
            "templates = [\"modeles/document.txt\"]",
            "templates = [\"../secret.txt\"]",
            "11:14: `../secret.txt` is not a path below",
        ),
        ("[[purpose]]\ntext = \"décret 2022", "[purpose]\ntext = \"décret 2022", "is not valid TOML"),
        ("allows =", "content = \"fre\"\nallows =", "9:11: `fre` is no content (did you mean `free`?)"),
        ("recipients = [\"paie", "recipients = [\"a b\", \"paie", "19:15: `a b` is not a domain or an address"),
    ] {
        assert!(SOUND.contains(from), "{from}");
        let found = said(&SOUND.replacen(from, to, 1), "2024-03-01");
        assert!(found.iter().any(|one| one.contains(expected) && !one.starts_with("warning")), "{to}: {found:#?}");
    }
    let (_, found) = Entry::parse("Agents 2", "x", SOUND);
    assert!(found[0].message.contains("not the name of a list"), "{found:?}");
}

#[test]
fn faults_against_the_house_are_found() {
    for (from, to, expected) in [
        (
            "senders = [\"ne-pas-repondre@house.example\"]",
            "senders = [\"x@partner.example\"]",
            "10:12: `x@partner.example` is not at an own domain",
        ),
        (
            "modeles/document.txt",
            "modeles/documents.txt",
            "11:14: there is no template `modeles/documents.txt` (did you mean `modeles/document.txt`?)",
        ),
        ("modeles/document.txt", "modeles/empty.txt", "11:14: the template `modeles/empty.txt` has no fixed words"),
        (
            "modeles/document.txt",
            "modeles/short.txt",
            "warning: lists/agents.toml:11:14: the template `modeles/short.txt` has only 3 fixed words",
        ),
        (
            "until = 2024-07-19",
            "until = 2024-07-20",
            "5:1: two versions of the purpose hold on 2024-07-20 (write until = 2024-07-19)",
        ),
        ("until = 2024-07-19\n", "", "warning: lists/agents.toml:5:1: the purpose of 2022-11-23 has no end"),
        ("from = 2024-07-20", "from = 2022-11-23", "two versions of the purpose"),
        (
            "until = 2024-07-19",
            "until = 2024-06-30",
            "warning: lists/agents.toml:13:1: no purpose holds between 2024-06-30 and 2024-07-20",
        ),
        ("anne@web.example", "web.example", "`web.example` is everybody's"),
        ("anne@web.example", "*.gouv.example", "`*.gouv.example` is a public suffix"),
        ("anne@web.example", "house.example", "warning: lists/agents.toml:19:39: rows may go to own domains anyway"),
        ("contact = \"donnees@house.example\"\n", "", "warning: lists/agents.toml: the entry has no `contact`"),
        (
            "contact = \"donnees@house",
            "contact = \"donnees@web",
            "warning: lists/agents.toml:3:11: the contact is outside the house",
        ),
        (
            "templates = [\"modeles/document.txt\"]\n",
            "",
            "warning: lists/agents.toml:5:1: the purpose has no `templates`",
        ),
        ("allows =", "content = \"free\"\nallows =", "warning: lists/agents.toml:5:1: templates bind nothing"),
        (
            "senders = [\"ne-pas-repondre@house.example\"]\n",
            "",
            "warning: lists/agents.toml:5:1: the purpose has no `senders`",
        ),
        (
            "\"*.cdn.example\"",
            "\"espace-agent.gouv.example\"",
            "warning: lists/agents.toml:18:39: this host stands here twice",
        ),
    ] {
        assert!(SOUND.contains(from), "{from}");
        let found = said(&SOUND.replacen(from, to, 1), "2024-03-01");
        let place =
            |one: &String| one.contains(expected) && (expected.starts_with("warning") == one.starts_with("warning"));
        assert!(found.iter().any(place), "{to}: {found:#?}");
    }
}

#[test]
fn time_alone_makes_no_fault() {
    let ended = SOUND.replace("from = 2024-07-20", "from = 2024-07-20\nuntil = 2024-12-31");
    for (text, day, expected) in [
        (ended.as_str(), "2024-12-15", "the purpose ends on 2024-12-31"),
        (&ended, "2025-01-01", "the purpose ended on 2024-12-31"),
        (SOUND, "2022-11-01", "the purpose begins only on 2022-11-23"),
        ("title = \"x\"\nowner = \"y\"\n", "2024-03-01", "the entry has no purpose"),
    ] {
        let found = said(text, day);
        assert!(found.iter().any(|one| one.contains(expected)), "{found:#?}");
        assert!(found.iter().all(|one| one.starts_with("warning")), "{found:#?}");
    }
}

#[test]
fn canaries_that_stand_elsewhere_are_told_without_their_address() {
    let canary = |export: &str, address: &str| Canary {
        list: "agents".into(),
        export: export.into(),
        identity: Mailbox::parse(address).unwrap().identity(),
    };
    let canaries = [
        canary("a", "zoe.roux@web.example"),
        canary("a", "lea.petit@web.example"),
        canary("b", "Zoe.Roux@web.example"),
    ];
    let on_lists = |identity: &Identity| match identity.local() {
        "lea.petit" => vec!["agents".to_owned(), "unions".into()],
        _ => Vec::new(),
    };
    let files = [
        ("units/people.csv", "mail,given\nLea.Petit+x@web.example,Léa\n"),
        ("lists/modeles/document.txt", "Écrivez à <zoe.roux@web.example>."),
        ("domains/partner.list", "web.example\n"),
    ];
    let found: Vec<String> = leaks(&canaries, files, &on_lists).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 5, "{found:#?}");
    for (path, words) in [
        ("lists/agents.toml", "is also one of `agents`, export `a`"),
        ("lists/agents.toml", "is a member of the list by an import"),
        ("lists/agents.toml", "is on the list `unions` too"),
        ("units/people.csv", "export `a`, stands in this file"),
        ("lists/modeles/document.txt", "export `b`, stands in this file"),
    ] {
        assert!(found.iter().any(|one| one.starts_with(path) && one.contains(words)), "{words}: {found:#?}");
    }
    assert!(
        found.iter().all(|one| !one.contains('@') && !one.contains("petit") && !one.contains("roux")),
        "{found:#?}"
    );
}

#[test]
fn members_and_entries_belong_together() {
    let (entry, _) = Entry::parse("agents", "lists/agents.toml", SOUND);
    let (other, _) = Entry::parse("voters", "lists/voters.toml", SOUND);
    let kept = |list: &str, export: &str, digest: &str| Registered {
        list: list.into(),
        export: export.into(),
        digest: digest.into(),
    };
    let registered = [kept("agents", "a", "1"), kept("agents", "b", "1"), kept("agent", "c", "2")];
    let found: Vec<String> =
        check_members(&[entry.unwrap(), other.unwrap()], &registered).iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("lists/voters.toml: the list has no members yet"), "{found:#?}");
    assert!(found[1].contains("`agents`, export `b`, has the members of `agents`, export `a`"), "{found:#?}");
    assert!(found[2].contains("did you mean `agents`?"), "{found:#?}");
}

proptest! {
    #[test]
    fn no_file_is_a_surprise(text in any::<String>(), at in any::<prop::sample::Index>(), with in "[\\[\\]\"=a0\n-]{1,3}") {
        check_at(&text, "2024-01-01");
        let mut cut = at.index(SOUND.len());
        while !SOUND.is_char_boundary(cut) {
            cut -= 1;
        }
        let (before, after) = SOUND.split_at(cut);
        check_at(&format!("{before}{with}{after}"), "2024-01-01");
    }

    #[test]
    fn one_version_at_most_holds_and_it_is_one_that_covers_the_day(
        days in prop::collection::vec((0i64..400, prop::option::of(0i64..100)), 0..6),
        asked in 0i64..500,
    ) {
        let first: Date = "2024-01-01".parse().unwrap();
        let day = |n: i64| first.checked_add(jiff::Span::new().days(n)).unwrap();
        let mut text = "title = \"x\"\nowner = \"y\"\n".to_owned();
        for (from, length) in &days {
            text.push_str(&format!("[[purpose]]\ntext = \"t\"\nfrom = {}\n", day(*from)));
            if let Some(length) = length {
                text.push_str(&format!("until = {}\n", day(from + length)));
            }
        }
        let (entry, found) = Entry::parse("x", "x", &text);
        prop_assert!(found.is_empty(), "{found:?}");
        let holds = |(from, length): &&(i64, Option<i64>)| *from <= asked && length.is_none_or(|length| asked <= from + length);
        let expected = days.iter().filter(holds).map(|(from, _)| day(*from)).max();
        let entry = entry.unwrap();
        let found = entry.in_force(at(&day(asked).to_string()));
        prop_assert_eq!(found.map(|purpose| purpose.from), expected);
    }
}
