// SPDX-License-Identifier: EUPL-1.2
//! `octroi campaigns replay` over a small log.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::{Value, json};
use tempfile::TempDir;

const NOTICE: &str = "Bonjour, votre bulletin de paie du mois de mars est disponible dans votre espace numérique, où vous \
                      pouvez le consulter et le télécharger à tout moment avec votre identifiant habituel.";
const PLEA: &str = "Chers collègues, la réforme que je porte devant le parlement est juste et nécessaire, et je compte sur \
                    chacun d'entre vous pour la défendre autour de lui avant le vote de la semaine prochaine.";
const TEXTS: &str = "texts.jsonl";

fn replay(folder: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_octroi"));
    command.current_dir(folder).env_clear().args(["campaigns", "replay"]).args(more).output().unwrap()
}

fn reports(output: &Output) -> Vec<Value> {
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn member(n: usize) -> String {
    format!("agent.{n}@webmail.example")
}

fn line(tx: usize, from: &str, to: &[String], text: Option<&str>) -> String {
    let time = format!("2026-03-02T{:02}:{:02}:00Z", 8 + tx / 60, tx % 60);
    let (text, id) = (text, text.is_none().then_some("notice"));
    json!({ "tx": format!("t{tx}"), "time": time, "mail_from": from, "rcpt_to": to, "text": text, "text_id": id })
        .to_string()
}

/// A portal of 600 private mailboxes: its notice to all of them, then a plea from elsewhere in the house to 400.
fn town() -> TempDir {
    let folder = TempDir::new().unwrap();
    let members: Vec<String> = (0..600).map(member).collect();
    // An order that is nobody's: what stands beside one another on the list does not come together.
    let mixed: Vec<String> = (0..600).map(|n| member(n * 7 % 600 + n * 7 / 600 % 7)).collect();
    let mut log = String::new();
    for (n, to) in members.chunks(50).enumerate() {
        writeln!(log, "{}", line(n, "ne-pas-repondre@paie.example", to, None)).unwrap();
    }
    for (n, to) in mixed[..400].chunks(10).enumerate() {
        writeln!(log, "\n{}", line(60 + n, "cabinet@ministere.example", to, Some(PLEA))).unwrap();
    }
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("log.jsonl", &log);
    write(TEXTS, &json!({ "text_id": "notice", "text": NOTICE }).to_string());
    write("portal.csv", &format!("nom;courriel\n{}", members.iter().map(|m| format!("x;{m}\n")).collect::<String>()));
    let list = json!({ "file": "portal.csv", "purpose": "décret", "authorised_senders": ["ne-pas-repondre@paie.example"],
        "authorised_texts": ["notice"], "contains_private_webmail": true, "universal": false, "canaries": [] });
    write("lists.json", &json!({ "portal": list }).to_string());
    folder
}

#[test]
fn a_plea_to_a_portals_members_is_stopped_early_and_the_portals_own_notice_is_not() {
    let folder = town();
    let reports = reports(&replay(folder.path(), &["log.jsonl", "--texts", TEXTS, "--lists", ".", "--json"]));
    let [notice, plea] = reports.as_slice() else { panic!("{reports:#?}") };
    assert_eq!(notice["senders"], json!(["ne-pas-repondre@paie.example"]));
    assert_eq!((&notice["flagged"], &notice["purpose_ok"]), (&json!(false), &json!(true)), "{notice}");
    assert_eq!((&notice["transactions"], &notice["recipients"]), (&json!(12), &json!(600)));
    assert_eq!((&notice["flagged_at"], &notice["political"]), (&Value::Null, &Value::Null));
    assert_eq!(plea["senders"], json!(["cabinet@ministere.example"]));
    assert_eq!((&plea["flagged"], &plea["list"], &plea["purpose_ok"]), (&json!(true), &json!("portal"), &json!(false)));
    assert_eq!((&plea["transactions"], &plea["recipients"]), (&json!(40), &json!(400)), "{plea}");
    let before = plea["flagged_at"]["recipients_before"].as_u64().unwrap();
    assert!((20..=60).contains(&before), "{before}");
    assert_eq!(plea["flagged_at"]["tx"], format!("t{}", 60 + before / 10));
    assert!(plea["reasons"].to_string().contains("the sender is none of the list's"), "{plea}");
}

#[test]
fn a_log_in_two_files_is_one_and_people_read_a_table() {
    let folder = town();
    let whole = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let at = whole.match_indices('\n').nth(20).unwrap().0 + 1;
    std::fs::write(folder.path().join("monday.jsonl"), &whole[..at]).unwrap();
    std::fs::write(folder.path().join("tuesday.jsonl"), &whole[at..]).unwrap();
    let split = ["monday.jsonl", "tuesday.jsonl", "--texts", TEXTS, "--lists", "."];
    let one = replay(folder.path(), &["log.jsonl", "--texts", TEXTS, "--lists", "."]);
    let two = replay(folder.path(), &split);
    assert_eq!(two.stdout, one.stdout);
    let table = String::from_utf8_lossy(&one.stdout).into_owned();
    assert!(table.contains("STOPPED AT") && table.contains("portal") && table.lines().count() == 3, "{table}");
}

/// Without a list nothing is explained, and nothing stopped.
#[test]
fn where_no_list_is_known_campaigns_are_only_counted() {
    let folder = town();
    let reports = reports(&replay(folder.path(), &["log.jsonl", "--texts", TEXTS, "--json"]));
    assert_eq!(reports.len(), 2);
    assert!(reports.iter().all(|report| report["flagged"] == json!(false) && report["list"].is_null()), "{reports:#?}");
}

#[test]
fn own_domains_come_from_the_policies_as_well() {
    let folder = town();
    let read = |more: &[&str]| {
        let mut arguments = vec!["log.jsonl", "--texts", TEXTS, "--lists", ".", "--json"];
        arguments.extend(more);
        reports(&replay(folder.path(), &arguments))
    };
    let bits = |reports: &[Value]| reports[1]["reasons"].to_string();
    assert!(bits(&read(&[])).contains("addresses outside the house"));
    std::fs::create_dir_all(folder.path().join("mine/domains")).unwrap();
    std::fs::write(folder.path().join("mine/domains/own.list"), "webmail.example\n").unwrap();
    // Nobody outside is asked any more, and a whole domain is one witness.
    let reports = read(&["--policies", "mine"]);
    assert!(!bits(&reports).contains("addresses outside the house"), "{reports:#?}");
}

#[test]
fn what_cannot_be_read_is_said_with_its_place_and_ends_it() {
    let folder = town();
    let log = std::fs::read_to_string(folder.path().join("log.jsonl")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("broken.jsonl", &log.replace("\"t70\"", "7"));
    write("instant.jsonl", &log.replace("2026-03-02T09:05:00Z", "yesterday"));
    for (arguments, said) in [
        (&["broken.jsonl", "--texts", TEXTS][..], "broken.jsonl:34: "),
        (&["instant.jsonl", "--texts", TEXTS], "instant.jsonl:24: "),
        (&["log.jsonl"], "log.jsonl:1: there is no text `notice`"),
        (&["nowhere.jsonl"], "nowhere.jsonl cannot be read"),
        (&["."], ". is no file"),
        (&["log.jsonl", "--texts", "log.jsonl"], "log.jsonl:1: "),
        (&["log.jsonl", "--texts", TEXTS, "--lists", "nowhere"], "lists.json cannot be read"),
        (&["log.jsonl", "--texts", TEXTS, "--policies", "nowhere"], "there is no policy folder nowhere"),
    ] {
        let output = replay(folder.path(), arguments);
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(text.contains(said) && output.stdout.is_empty(), "{arguments:?}: {text}");
    }
    for (from, to, said) in [
        ("portal.csv", "gone.csv", "gone.csv cannot be read"),
        ("[\"notice\"]", "[\"letter\"]", "list `portal` names the text `letter`"),
        ("\"canaries\":[]", "\"canaries\":[\"nobody\"]", "list `portal` names `nobody`, which is no address"),
    ] {
        let lists = std::fs::read_to_string(folder.path().join("lists.json")).unwrap();
        write("lists.json", &lists.replace(from, to));
        let output = replay(folder.path(), &["log.jsonl", "--texts", TEXTS, "--lists", "."]);
        write("lists.json", &lists);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && text.contains(said), "{text}");
    }
}
