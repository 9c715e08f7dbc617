// SPDX-License-Identifier: EUPL-1.2
//! Decision D39: whatever is refused or goes wrong leaves a line, moves a counter and, from MAIL on, is found again.
//! The lists are those of the program itself, so that a metric or setting that is added is missed here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use serde_json::Value;

use super::client::Client;
use super::gateway::{Gateway, Setup, get};
use super::hop::{Act, Hop, PATIENCE, Step};
use super::{CLERK, message};
use crate::skip::skip;

/// Metrics that no mail of this test moves, each with the test that does: file and name.
const ELSEWHERE: [(&str, &str, &str); 10] = [
    ("octroi_campaigns_flagged_total", "tests/suite/path/campaigns.rs", "observed_campaigns_are_told_and_pass"),
    ("octroi_campaigns_waiting", "tests/suite/path/campaigns.rs", "observed_campaigns_are_told_and_pass"),
    ("octroi_campaign_mails_total", "tests/suite/path/campaigns.rs", "observed_campaigns_are_told_and_pass"),
    ("octroi_build_info", "src/listen/metrics.rs", "every_sample_follows_its_type"),
    ("octroi_journal_dropped_total", "tests/suite/store/find.rs", "what_does_not_fit_the_channel_is_counted"),
    ("octroi_journal_damaged_total", "tests/suite/store/damaged.rs", "a_damaged_row_hides_no_other_and_is_counted"),
    ("octroi_log_dropped_total", "src/listen/log.rs", "a_full_buffer_drops_and_counts"),
    ("octroi_pool_refusals_total", "src/deliver/next_hop.rs", "a_transaction_that_finds_no_place_in_time_is_counted"),
    ("octroi_reading_crashes_total", "tests/suite/path/crashing.rs", "a_mail_that_crashes_its_reader_is_held"),
    (
        "octroi_worker_unprotected",
        "tests/suite/path/nothing_in_silence.rs",
        "a_kernel_that_refuses_the_sandbox_is_told",
    ),
];

pub fn pages() -> SocketAddr {
    super::port::free()
}

/// The samples of each family of a metrics page.
fn families(page: &str) -> BTreeMap<String, Vec<String>> {
    let (mut families, mut family) = (BTreeMap::<String, Vec<String>>::new(), String::new());
    for line in page.lines() {
        if let Some(named) = line.strip_prefix("# TYPE ") {
            family = named.split(' ').next().unwrap().to_owned();
            families.entry(family.clone()).or_default();
        } else if !line.starts_with('#') {
            families.get_mut(&family).unwrap().push(line.to_owned());
        }
    }
    families
}

/// Waits until this family shows something else than a gateway that has done nothing.
pub fn wait_until_moved(page: SocketAddr, family: &str) {
    let still = families(&octroi::listen::metrics::Metrics::default().render());
    assert!(still.contains_key(family), "there is no metric {family}");
    let end = Instant::now() + PATIENCE;
    loop {
        let now = families(&get(page, "/metrics").1);
        if now[family] != still[family] {
            return;
        }
        assert!(Instant::now() < end, "{family} does not move: {:?}", now[family]);
        std::thread::yield_now();
    }
}

#[test]
fn every_metric_moves() {
    let hop = Hop::scripted(|step: &Step| match step.line {
        line if line.contains("never@") => Act::Say("550 5.1.1 nobody here, says the hop"),
        // What we write to senders stays with us.
        line if line.starts_with("MAIL FROM:<>") => Act::Say("451 4.3.0 not now, says the hop"),
        _ => Act::Usual,
    });
    let mut setup = Setup::new(hop.address);
    let page = pages();
    setup.smtp = "max_size = \"1 MiB\"\n".into();
    setup.more = format!("[web]\nlisten = \"{page}\"\n[limits]\nmemory = \"1 MiB\"\n");
    let limit = "[[limit]]\nid = \"few\"\nper = \"sender\"\nrecipients = 3\nevery = \"1h\"\nreason = \"few\"\n";
    setup.policy("limits.toml", limit);
    let rule = "@id(\"seen\") @disposition(\"quarantine\") @mode(\"observe\") @reason(\"seen in a test.\")\n\
                forbid (principal, action, resource) when { resource.domain == \"seen.example\" };\n";
    setup.policy("rules/seen.cedar", rule);
    let gateway = setup.serve();
    let mut moved = BTreeSet::new();
    let mut moves = |names: &[&'static str]| {
        for name in names {
            wait_until_moved(page, name);
            moved.insert(*name);
        }
    };
    let mut client = Client::greet(gateway.address);
    moves(&["octroi_sessions_total", "octroi_sessions_open", "octroi_policy_info", "octroi_store_free_bytes"]);
    assert!(client.mail(CLERK, &["one@pass.example"], &message("passes")).starts_with("250 "));
    moves(&[
        "octroi_mails_total",
        "octroi_recipients_total",
        "octroi_content_bytes_total",
        "octroi_inspection_seconds",
    ]);
    moves(&["octroi_unit_copies_total"]);
    assert!(client.mail("b@justice.gouv.example", &["a@held.example"], &message("held")).starts_with("250 "));
    moves(&["octroi_held", "octroi_store_used_bytes", "octroi_rule_copies_total"]);
    let mixed = ["one@pass.example", "me@refused.example"];
    assert!(client.mail("i@justice.gouv.example", &mixed, &message("mixed")).starts_with("250 "));
    moves(&["octroi_outbox"]);
    assert!(client.mail("c@justice.gouv.example", &["a@seen.example"], &message("seen")).starts_with("250 "));
    moves(&["octroi_observed_total"]);
    assert!(client.mail("d@justice.gouv.example", &["never@pass.example"], &message("never")).starts_with("5"));
    moves(&["octroi_next_hop_errors_total", "octroi_refusals_total"]);
    let many = ["a@pass.example", "b@pass.example", "c@pass.example", "d@pass.example"];
    client.mail("e@justice.gouv.example", &many, &message("many"));
    moves(&["octroi_limit_met_total"]);
    // One has most of the memory, the other asks for more than is left.
    let large = vec![b'x'; 700_000];
    let mut first = Client::greet(gateway.address);
    first.ask_all(&["MAIL FROM:<f@justice.gouv.example>", "RCPT TO:<one@pass.example>", "DATA"]);
    first.send(&large);
    moves(&["octroi_content_in_flight_bytes"]);
    let mut second = Client::greet(gateway.address);
    second.ask_all(&["MAIL FROM:<g@justice.gouv.example>", "RCPT TO:<one@pass.example>", "DATA"]);
    let _ = second.try_send(&large);
    moves(&["octroi_memory_refusals_total"]);
    gateway.signal("HUP");
    moves(&["octroi_reloads_total"]);
    setup.policy("rules/more.cedar", "forbid (principal, action, resource)");
    gateway.signal("HUP");
    moves(&["octroi_reloads_refused_total"]);
    let document = crate::document::make::docx();
    assert!(client.mail("h@justice.gouv.example", &["one@pass.example"], &with_file(&document, 1)).starts_with("250 "));
    kill_workers(&gateway);
    client.mail("h@justice.gouv.example", &["one@pass.example"], &with_file(&document, 2));
    moves(&["octroi_worker_kills_total"]);
    drop(gateway);
    std::fs::remove_file(setup.folder.path().join("policies/rules/more.cedar")).unwrap();
    let _gateway = setup.serve_with(&[("OCTROI_POLICIES__MODE", "observe"), ("OCTROI_POLICIES__UNTIL", "2999-12-31")]);
    moves(&["octroi_observing"]);
    let known: BTreeSet<String> = families(&octroi::listen::metrics::Metrics::default().render()).into_keys().collect();
    let named = ELSEWHERE.iter().map(|(metric, ..)| *metric);
    let seen: BTreeSet<String> = moved.into_iter().chain(named).map(str::to_owned).collect();
    assert_eq!(known, seen, "a metric that nothing here moves");
    ELSEWHERE.iter().for_each(|(_, file, test)| assert_test(file, test));
}

/// A message with a file in it that is read in a worker; `n` makes it another file.
pub fn with_file(document: &[u8], n: u8) -> Vec<u8> {
    use base64::Engine;
    // What stands behind the end of a zip is no part of it.
    let file = base64::engine::general_purpose::STANDARD.encode([document, &[n]].concat());
    let lines: Vec<&str> = file.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!(
        "From: h@justice.gouv.example\r\nSubject: file {n}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\
         \r\n--b\r\nContent-Type: application/octet-stream; name=a.docx\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n--b--\r\n",
        lines.join("\r\n")
    )
    .into_bytes()
}

/// The processes that a process has started.
pub fn children(process: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// Kills the workers of a gateway, and nothing else.
fn kill_workers(gateway: &Gateway) {
    let children = children(gateway.id());
    assert!(!children.is_empty(), "no worker is there");
    for child in children {
        let line = std::fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
        let is_worker = line.split('\0').nth(1) == Some("worker");
        assert!(is_worker, "{child} is no worker");
        assert!(Command::new("kill").args(["-KILL", &child]).status().unwrap().success());
    }
}

/// Whether a test of this name stands in this file.
pub fn assert_test(file: &str, name: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(text.contains(&format!("fn {name}(")), "{file} has no test {name}");
}

/// The rows `find` gives about a name.
pub fn found(setup: &Setup, what: &str) -> Vec<Value> {
    let output = setup.run(&["find", what, "--json"]);
    String::from_utf8(output.stdout).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Waits until `find` knows so many rows.
pub fn wait_for_rows(setup: &Setup, what: &str, count: usize) -> Vec<Value> {
    let end = Instant::now() + PATIENCE;
    loop {
        let rows = found(setup, what);
        if rows.len() >= count {
            return rows;
        }
        assert!(Instant::now() < end, "only {rows:?} about {what}");
    }
}

#[test]
fn every_reply_that_refuses_has_its_line_and_its_count() {
    let hop = Hop::scripted(|step: &Step| match step.line {
        line if line.contains("never@") => Act::Say("550 5.1.1 nobody here, says the hop"),
        line if line.contains("later@") => Act::Say("450 4.2.1 busy, says the hop"),
        line if line.contains("MAIL FROM:<nobody@") => Act::Say("452 4.3.1 full, says the hop"),
        _ => Act::Usual,
    });
    let mut setup = Setup::new(hop.address);
    let page = pages();
    setup.smtp = "max_size = \"1 MiB\"\nmax_recipients = 100\n".into();
    setup.more = format!("[web]\nlisten = \"{page}\"\n");
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let mut heard: Vec<String> = Vec::new();
    for line in [
        "RCPT TO:<a@b.example>",
        "XYZZY",
        "MAIL FROM:<not an address",
        "MAIL FROM:<boss@elsewhere.example>",
        "MAIL FROM:<nobody@justice.gouv.example>",
        "MAIL FROM:<clerk@justice.gouv.example> SIZE=99999999",
        "MAIL FROM:<clerk@justice.gouv.example> COLOUR=blue",
        "STARTTLS",
        "MAIL FROM:<clerk@justice.gouv.example>",
        "MAIL FROM:<clerk@justice.gouv.example>",
        "RCPT TO:<never@pass.example>",
        "RCPT TO:<later@pass.example>",
        "RCPT TO:<not an address",
        "RCPT TO:<me%webmail.example@justice.gouv.example>",
        "DATA",
        "RCPT TO:<one@pass.example>",
        "DATA",
    ] {
        heard.push(client.ask(line));
    }
    assert!(heard.last().unwrap().starts_with("354"), "{heard:?}");
    client.send(b"Subject: bare\r\n\r\na\nb\r\n.\r\n");
    heard.push(client.reply());
    // One that is judged and refused: its line is that of its recipient.
    heard.push(client.mail(CLERK, &["me@refused.example"], &message("refused")));
    let refusals: Vec<&str> =
        heard.iter().filter(|reply| reply.as_bytes()[0] >= b'4').map(|reply| &reply[..3]).collect();
    assert!(refusals.len() > 12, "{heard:?}");
    client.ask("QUIT");
    gateway.wait_for_line("disposition=reject");
    for reply in heard.iter().filter(|reply| reply.as_bytes()[0] >= b'4') {
        gateway.wait_for_line(reply);
    }
    let log = gateway.log();
    let lines = log.lines().filter(|line| line.contains(" refused listener=smtp ")).count();
    assert_eq!(lines + 1, refusals.len(), "{log}");
    // Each code as often as it was heard.
    let mut counts = BTreeMap::<&str, u64>::new();
    refusals.iter().for_each(|code| *counts.entry(code).or_default() += 1);
    let metrics = get(page, "/metrics").1;
    for (code, count) in counts {
        let sample = format!("octroi_refusals_total{{listener=\"smtp\",code=\"{code}\"}} {count}");
        assert!(metrics.lines().any(|line| line == sample), "{sample} in\n{metrics}");
    }
    for kind in ["refused", "deferred"] {
        let sample = format!("octroi_next_hop_errors_total{{kind=\"{kind}\"}} ");
        assert!(metrics.lines().any(|line| line.starts_with(&sample) && !line.ends_with(" 0")), "{metrics}");
    }
    // From MAIL on it is found again.
    let by_sender = |sender: &str, code: &str| {
        let rows = wait_for_rows(&setup, sender, 1);
        assert!(rows.iter().any(|row| row["reply"].as_str().unwrap().starts_with(code)), "{rows:?}");
    };
    by_sender("boss@elsewhere.example", "550 5.7.1");
    by_sender("nobody@justice.gouv.example", "452 4.3.1");
    by_sender("never@pass.example", "550 5.1.1");
    by_sender("later@pass.example", "450 4.2.1");
    by_sender("me%webmail.example@justice.gouv.example", "553 5.1.3");
}

/// A next hop that is away: the client hears 421, and it is told on every side (N6).
#[test]
fn a_next_hop_that_is_away_is_told_everywhere() {
    let nobody = super::port::free();
    let mut setup = Setup::new(nobody);
    let page = pages();
    setup.more = format!("[web]\nlisten = \"{page}\"\n");
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let reply = client.ask(&format!("MAIL FROM:<{CLERK}>"));
    assert!(reply.starts_with("421 4.4.1"), "{reply}");
    let line = gateway.wait_for_line("refused listener=smtp");
    for word in ["client=127.0.0.1", "at=MAIL", CLERK, "code=421", "the next server cannot be reached"] {
        assert!(line.contains(word), "{word} in {line}");
    }
    gateway.wait_for_line("the next hop failed kind=\"connect\" cause=Connection refused");
    let metrics = get(page, "/metrics").1;
    assert!(metrics.contains("octroi_refusals_total{listener=\"smtp\",code=\"421\"} 1\n"), "{metrics}");
    assert!(!metrics.contains("octroi_next_hop_errors_total{kind=\"connect\"} 0\n"), "{metrics}");
    let rows = wait_for_rows(&setup, CLERK, 1);
    assert_eq!((rows[0]["disposition"].as_str(), rows[0]["sender"].as_str()), (Some("defer"), Some(CLERK)));
}

#[test]
fn a_stranger_is_turned_away_with_a_line() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.smtp = "clients = [\"127.0.0.9\"]\n".into();
    let gateway = setup.serve();
    let reply = Client::connect(gateway.address).reply();
    assert!(reply.starts_with("554 5.7.1"), "{reply}");
    let line = gateway.wait_for_line("refused listener=smtp");
    assert!(line.contains("client=127.0.0.1 at=connect code=554"), "{line}");
}

#[test]
fn metrics_have_an_address_of_their_own_where_it_is_set() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let (health, figures) = (pages(), pages());
    setup.more = format!("[web]\nlisten = \"{health}\"\n[metrics]\nlisten = \"{figures}\"\n");
    let _gateway = setup.serve();
    assert_eq!([get(health, "/healthz").0, get(health, "/metrics").0], [200, 404]);
    assert_eq!([get(figures, "/healthz").0, get(figures, "/metrics").0], [404, 200]);
}

/// A kernel without seccomp, as far as octroi and its workers can tell: `check`, the log and a gauge say so.
#[test]
fn a_kernel_that_refuses_the_sandbox_is_told() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let page = pages();
    setup.more = format!("[web]\nlisten = \"{page}\"\n");
    // Once as usual: its settings are written then.
    let address = setup.serve().address;
    let refused = |command: &str| {
        let mut strace = Command::new("strace");
        strace.args(["-f", "-o", "/dev/null", "-e", "trace=seccomp", "-e", "inject=seccomp:error=EINVAL"]);
        strace.arg(env!("CARGO_BIN_EXE_octroi")).arg(command).arg("--config").arg(setup.config());
        strace
    };
    let Ok(check) = refused("check").output() else { return skip("strace is not installed") };
    let said = String::from_utf8_lossy(&check.stderr).into_owned();
    assert!(said.contains("weaker sandbox") && said.contains("seccomp"), "{said}");
    let log = setup.folder.path().join("log");
    let mut serving = refused("serve").stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    let mut client = loop {
        match Client::try_greet(address) {
            Some(client) => break client,
            None => assert!(Instant::now() < end, "{}", std::fs::read_to_string(&log).unwrap()),
        }
    };
    let document = crate::document::make::docx();
    let reply = client.mail("h@justice.gouv.example", &["one@pass.example"], &with_file(&document, 3));
    assert!(reply.starts_with("250 "), "{reply}");
    wait_until_moved(page, "octroi_worker_unprotected");
    let gateway = children(serving.id()).remove(0);
    assert!(Command::new("kill").args(["-TERM", &gateway]).status().unwrap().success());
    serving.wait().unwrap();
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("documents are opened in a weaker sandbox"), "{log}");
}
