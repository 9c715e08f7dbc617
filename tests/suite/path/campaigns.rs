// SPDX-License-Identifier: EUPL-1.2
//! Bulk sends through a real gateway: a text to the members of a list from somebody whose list it is not is flagged and
//! waits, the list's own notice passes untouched.

use serde_json::Value;

use super::CLERK;
use super::client::Client;
use super::gateway::{Gateway, Setup};
use super::hop::Hop;
use super::nothing_in_silence::{pages, wait_until_moved};

const PORTAL: &str = "portail@justice.gouv.example";
const ENTRY: &str = r#"title = "Portail"
owner = "budget"
contact = "budget@justice.gouv.example"
[[purpose]]
text = "décret 1"
from = 2022-11-23
senders = ["portail@justice.gouv.example"]
templates = ["modeles/bulletin.txt"]
links = ["portail.justice.gouv.example"]
"#;
const NOTICE: &str = "Bonjour {nom}, votre bulletin de paie du mois de {mois} est disponible dans votre espace numérique sur \
                      https://portail.justice.gouv.example/ où vous pouvez le consulter avec votre identifiant habituel.";
const PLEA: &str = "Chers collègues, la réforme que je porte devant le parlement est juste et nécessaire, et je compte sur \
                    chacun d'entre vous pour la défendre autour de lui avant le vote de la semaine prochaine.";
const RULE: &str = r#"
@id("list-used-outside-its-purpose") @disposition("quarantine") @reason("a list was used for something else.")
forbid (principal, action, resource) when { !context.list_reuse.isEmpty() };
"#;
const APPLICATION: &str =
    "[application.portail]\nnetworks = [\"127.0.0.1\"]\nsenders = [\"portail@justice.gouv.example\"]\n";
const MEMBERS: usize = 2000;

fn member(n: usize) -> String {
    format!("agent.{n}@webmail.example")
}

/// A house whose portal has two thousand private mailboxes, registered through the gateway.
fn house(hop: &Hop, smtp: &str, more: &str) -> (Setup, Gateway) {
    let mut setup = Setup::new(hop.address);
    setup.roles = r#"["policy-admin", "data-protection-officer", "approver"]"#.to_owned();
    setup.smtp.push_str(smtp);
    setup.more.push_str(more);
    setup.policy("lists/portail.toml", ENTRY);
    setup.policy("lists/modeles/bulletin.txt", NOTICE);
    setup.policy("rules/reuse.cedar", RULE);
    setup.policy("units/applications.toml", APPLICATION);
    let gateway = setup.serve();
    let file = setup.folder.path().join("portail.csv");
    let rows: String = (0..MEMBERS).map(|n| format!("{}\n", member(n))).collect();
    std::fs::write(&file, format!("courriel\n{rows}")).unwrap();
    let imported = setup.run(&["lists", "import", "portail", file.to_str().unwrap()]);
    assert_eq!(imported.status.code(), Some(0), "{}", String::from_utf8_lossy(&imported.stderr));
    (setup, gateway)
}

fn content(from: &str, id: &str, text: &str) -> Vec<u8> {
    format!(
        "From: <{from}>\r\nSubject: information\r\nMessage-ID: <{id}@x.example>\r\nMIME-Version: 1.0\r\n\
         Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    )
    .into_bytes()
}

/// Sends a text to all members in forty transactions; the replies to the final dots.
fn send(client: &mut Client, from: &str, text: &str) -> Vec<String> {
    let all: Vec<String> = (0..MEMBERS).map(member).collect();
    let batches = all.chunks(MEMBERS / 40).enumerate();
    batches
        .map(|(n, batch)| {
            let to: Vec<&str> = batch.iter().map(String::as_str).collect();
            client.mail(from, &to, &content(from, &format!("{n}.{}", text.len()), text))
        })
        .collect()
}

fn notice() -> String {
    NOTICE.replace("{nom}", "").replace("{mois}", "mars")
}

#[test]
fn a_plea_to_a_portals_members_waits_in_the_queue_and_the_portals_notice_passes() {
    let hop = Hop::friendly();
    let (setup, gateway) = house(&hop, "", "");
    let mut client = Client::greet(gateway.address);
    let before = send(&mut client, PORTAL, &notice());
    assert!(before.iter().all(|reply| reply.starts_with("250")), "{before:?}");
    let plea = send(&mut client, CLERK, PLEA);
    let passed = plea.iter().filter(|reply| reply.starts_with("250")).count();
    assert!(passed <= 1, "{plea:?}");
    assert!(plea[passed..].iter().all(|reply| reply.starts_with("451 4.7.1 this bulk mail waits")), "{plea:?}");
    gateway.wait_for_line("a bulk send uses a list outside its purposes");
    // Whoever else writes, and to whom, does not matter: neither for others nor for the portal itself.
    let other =
        client.mail("archives@justice.gouv.example", &[&member(7)], &content(CLERK, "o", "Votre dossier est prêt."));
    assert!(other.starts_with("250"), "{other}");
    let after = send(&mut client, PORTAL, &notice());
    assert!(after.iter().all(|reply| reply.starts_with("250")), "{after:?}");
    assert_eq!(hop.mails().len(), 80 + 1 + passed);
    assert!(setup.copies().is_empty(), "nothing of it is kept");

    // The queue comes again, also after a crash: the flag stands in the store.
    let mut gateway = gateway;
    gateway.kill();
    drop(gateway);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let again = send(&mut client, CLERK, PLEA);
    assert!(again[passed..].iter().all(|reply| reply.starts_with("451 4.7.1")), "{again:?}");
    assert_eq!(gateway.log().matches("a bulk send uses a list").count(), 0, "it is flagged once");
}

#[test]
fn behind_mail_programs_each_copy_is_held() {
    let hop = Hop::friendly();
    let (setup, gateway) = house(&hop, "client = \"submission\"\n", "");
    let mut client = Client::greet(gateway.address);
    let plea = send(&mut client, CLERK, PLEA);
    assert!(plea.iter().all(|reply| reply.starts_with("250")), "{plea:?}");
    let passed = hop.mails().len();
    assert!(passed <= 1);
    let held = setup.copies();
    assert_eq!(held.len(), MEMBERS - passed * MEMBERS / 40);
    let notices = send(&mut client, PORTAL, &notice());
    assert!(notices.iter().all(|reply| reply.starts_with("250")), "{notices:?}");
    assert_eq!((hop.mails().len(), setup.copies().len()), (passed + 40, held.len()));
}

#[test]
fn observed_campaigns_are_told_and_pass() {
    let hop = Hop::friendly();
    let page = pages();
    let (setup, gateway) = house(&hop, "", &format!("[web]\nlisten = \"{page}\"\n[campaigns]\nmode = \"observe\"\n"));
    let mut client = Client::greet(gateway.address);
    let plea = send(&mut client, CLERK, PLEA);
    assert!(plea.iter().all(|reply| reply.starts_with("250")), "{plea:?}");
    let line = gateway.wait_for_line("a bulk send uses a list outside its purposes");
    assert!(line.contains("portail") && line.contains("observed"), "{line}");
    assert!(setup.copies().is_empty() && hop.mails().len() == 40);
    for metric in ["octroi_campaigns_flagged_total", "octroi_campaign_mails_total", "octroi_campaigns_waiting"] {
        wait_until_moved(page, metric);
    }
}

/// The one flagged bulk send, as `campaigns list` has it.
fn flagged(setup: &Setup) -> Value {
    let [row] = setup.json(&["campaigns", "list", "--state", "flagged", "--json"]).try_into().expect("one campaign");
    row
}

/// Exit code and the object that `allow` or `stop` prints.
fn decide(setup: &Setup, verb: &str, id: &str) -> (Option<i32>, Value) {
    let output = setup.run(&["campaigns", verb, id, "--reason", "seen with the list's owner", "--json"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), serde_json::from_str(&said).unwrap_or(Value::String(errors)))
}

fn restart(setup: &Setup, mut gateway: Gateway) -> Gateway {
    gateway.kill();
    drop(gateway);
    setup.serve()
}

#[test]
fn two_persons_allow_a_flagged_send_and_its_retries_pass_also_after_a_crash() {
    let hop = Hop::friendly();
    let (mut setup, gateway) = house(&hop, "", "");
    let mut client = Client::greet(gateway.address);
    let plea = send(&mut client, CLERK, PLEA);
    let passed = plea.iter().filter(|reply| reply.starts_with("250")).count();
    let row = flagged(&setup);
    assert_eq!(row["senders"], serde_json::json!([CLERK]), "{row}");
    assert_eq!((&row["list"], &row["purpose"]["sender"]), (&"portail".into(), &false.into()), "{row}");
    assert_eq!(row["deferred"], 40 - passed, "{row}");
    let id = row["campaign"].as_str().unwrap().to_owned();

    let (code, said) = decide(&setup, "allow", &id);
    assert_eq!((code, &said["state"]), (Some(4), &"flagged".into()), "{said}");
    let (code, said) = decide(&setup, "allow", &id);
    assert_eq!((code, &said["state"]), (Some(4), &"flagged".into()), "one person is not two: {said}");
    // A crash forgets neither the flag, nor who sent it, nor what was proposed.
    let gateway = restart(&setup, gateway);
    let mut client = Client::greet(gateway.address);
    let again = send(&mut client, CLERK, PLEA);
    assert!(again[passed..].iter().all(|reply| reply.starts_with("451 4.7.1")), "{again:?}");
    let row = flagged(&setup);
    assert_eq!(row["senders"], serde_json::json!([CLERK]), "{row}");
    assert_eq!((&row["proposal"]["action"], &row["proposal"]["actor"]), (&"allow".into(), &"a.martin".into()), "{row}");
    assert_eq!(row["deferred"], 40, "what had passed came again and waits, all else is counted once: {row}");

    setup.account = "b.petit".to_owned();
    let gateway = restart(&setup, gateway);
    let (code, said) = decide(&setup, "allow", &id);
    assert_eq!((code, &said["state"]), (Some(0), &"allowed".into()), "{said}");
    let mut client = Client::greet(gateway.address);
    let retried = send(&mut client, CLERK, PLEA);
    assert!(retried.iter().all(|reply| reply.starts_with("250")), "{retried:?}");
    let gateway = restart(&setup, gateway);
    let mut client = Client::greet(gateway.address);
    let retried = send(&mut client, CLERK, PLEA);
    assert!(retried.iter().all(|reply| reply.starts_with("250")), "{retried:?}");
    let [shown] = setup.json(&["campaigns", "show", &id, "--json"]).try_into().unwrap();
    assert_eq!(shown["state"], "allowed", "{shown}");
    let decision = &shown["decision"];
    let who = [&decision["action"], &decision["actor"], &decision["second"], &decision["note"]];
    assert_eq!(who, ["campaign-allow", "a.martin", "b.petit", "seen with the list's owner"], "{shown}");
    let audit = setup.json(&["audit", "list", "--object", &id, "--json"]);
    let actions: Vec<&str> = audit.iter().rev().map(|entry| entry["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["propose", "approve", "campaign-allow", "look"]);
}

#[test]
fn one_person_stops_a_flagged_send_where_one_suffices_and_may_think_again() {
    let hop = Hop::friendly();
    let (setup, gateway) = house(&hop, "", "[desk]\nfour_eyes = false\n");
    let mut client = Client::greet(gateway.address);
    let plea = send(&mut client, CLERK, PLEA);
    let passed = plea.iter().filter(|reply| reply.starts_with("250")).count();
    let id = flagged(&setup)["campaign"].as_str().unwrap().to_owned();
    let (code, said) = decide(&setup, "stop", "0123456789abcdef");
    assert!(code == Some(1) && said.to_string().contains("no bulk send is known"), "{code:?} {said}");
    assert_eq!(decide(&setup, "stop", &id).0, Some(0));
    let stopped = |client: &mut Client| {
        let retried = send(client, CLERK, PLEA);
        assert!(retried[passed..].iter().all(|r| r.starts_with("550 5.7.1 this bulk mail was stopped")), "{retried:?}");
    };
    stopped(&mut client);
    let gateway = restart(&setup, gateway);
    let mut client = Client::greet(gateway.address);
    stopped(&mut client);
    let notices = send(&mut client, PORTAL, &notice());
    assert!(notices.iter().all(|reply| reply.starts_with("250")), "the list's own notice passes: {notices:?}");
    let (code, said) = decide(&setup, "stop", &id);
    assert_eq!((code, &said["note"]), (Some(0), &"was stopped before".into()), "{said}");

    assert_eq!(decide(&setup, "allow", &id).0, Some(0));
    let retried = send(&mut client, CLERK, PLEA);
    assert!(retried.iter().all(|reply| reply.starts_with("250")), "{retried:?}");
    assert_eq!(decide(&setup, "stop", &id).0, Some(0));
    stopped(&mut client);
}
