// SPDX-License-Identifier: EUPL-1.2
//! Every setting: changed in the file, and a reload either puts it in force or names it.

use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::PATIENCE;
use crate::app::{Gateway, shipped};
use crate::config::{self, Effect, Loaded, ROWS};
use crate::listen::log;
use tracing::instrument::WithSubscriber;

/// A change of one setting, as the environment says it, with what must change beside it; and, where it takes effect at
/// once, what a part of the gateway has of it before and after.
struct Case {
    path: &'static str,
    to: &'static str,
    with: &'static [(&'static str, &'static str)],
    seen: Seen,
    before: &'static str,
    after: &'static str,
}

type Seen = Option<fn(&Gateway) -> String>;

fn now(
    path: &'static str,
    to: &'static str,
    before: &'static str,
    after: &'static str,
    seen: fn(&Gateway) -> String,
) -> Case {
    Case { path, to, with: &[], seen: Some(seen), before, after }
}

fn later(path: &'static str, to: &'static str) -> Case {
    Case { path, to, with: &[], seen: None, before: "", after: "" }
}

const TLS: &[(&str, &str)] = &[
    ("OCTROI_SMTP__TLS__MODE", "required"),
    ("OCTROI_SMTP__TLS__CERTIFICATE", "cert.pem"),
    ("OCTROI_SMTP__TLS__KEY", "key.pem"),
];
const CA: &[(&str, &str)] =
    &[("OCTROI_SMTP__UPSTREAM_TLS__MODE", "verified"), ("OCTROI_SMTP__UPSTREAM_TLS__CA", "cert.pem")];

macro_rules! door {
    ($($field:ident).+) => { |gateway| format!("{:?}", gateway.smtp.load().settings().$($field).+) };
}

macro_rules! notices {
    ($($field:ident).+) => { |gateway| format!("{:?}", gateway.pipeline.notices.load().$($field).+) };
}

macro_rules! retention {
    ($field:ident) => {
        |gateway| format!("{:?}", gateway.pipeline.store.retention().$field)
    };
}

fn observes(gateway: &Gateway) -> String {
    format!("{:?}", gateway.pipeline.inspector.ruleset.load().policy.mode)
}

fn cases() -> Vec<Case> {
    let with = |case: Case, with| Case { with, ..case };
    vec![
        later("smtp.listen", "127.0.0.1:10099"),
        later("smtp.upstream", "127.0.0.1:9"),
        now("smtp.clients", "127.0.0.0/8", "::1", "127.0.0.0/8", door!(clients)),
        with(now("smtp.client_certs", "cert.pem", "None", "cert.pem", door!(client_certs)), TLS),
        now("smtp.client", "submission", "Queue", "Submission", door!(client_kind)),
        later("smtp.hostname", "other.example"),
        now("smtp.relay_for", "guest.example", "[]", "guest.example", door!(relay_for)),
        now("smtp.max_size", "7 MiB", "52428800", "7340032", door!(max_size)),
        now("smtp.max_recipients", "200", "1000", "200", door!(max_recipients)),
        now("smtp.max_connections", "300", "1000", "300", door!(max_connections)),
        now("smtp.max_connections_per_client", "30", "200", "30", door!(max_connections_per_client)),
        now("smtp.bare_newline", "pass", "Refuse", "Pass", door!(bare_newline)),
        with(now("smtp.auth", "pass", "Off", "Pass", door!(auth)), TLS),
        now("smtp.login_domain", "home.example", "None", "home.example", door!(login_domain)),
        now("smtp.trusted_peers.xclient", "127.0.0.1", "[]", "127.0.0.1", door!(trusted_peers.xclient)),
        now("smtp.trusted_peers.xforward", "127.0.0.1", "[]", "127.0.0.1", door!(trusted_peers.xforward)),
        now("smtp.trusted_peers.proxy", "127.0.0.1", "[]", "127.0.0.1", door!(trusted_peers.proxy)),
        now("smtp.trusted_peers.received", "127.0.0.1", "[]", "127.0.0.1", door!(trusted_peers.received)),
        with(now("smtp.tls.mode", "required", "Off", "Required", door!(tls.mode)), TLS),
        with(later("smtp.tls.listen", "127.0.0.1:10465"), TLS),
        with(now("smtp.tls.certificate", "cert.pem", "None", "cert.pem", door!(tls.certificate)), TLS),
        with(now("smtp.tls.key", "key.pem", "None", "key.pem", door!(tls.key)), TLS),
        later("smtp.upstream_tls.mode", "required"),
        with(later("smtp.upstream_tls.name", "relay.example"), CA),
        with(later("smtp.upstream_tls.ca", "cert.pem"), CA),
        later("smtp.pool.size", "7"),
        later("smtp.pool.idle", "7s"),
        now("smtp.timeouts.command", "7min", "300s", "420s", door!(timeouts.command)),
        now("smtp.timeouts.data", "7min", "180s", "420s", door!(timeouts.data)),
        later("release.via", "127.0.0.1:9"),
        later("milter.listen", "inet:127.0.0.1:10098"),
        later("store.url", "sqlite:var/other.db"),
        later("store.blobs", "file:var/others"),
        later("store.key", "file:octroi.key2"),
        later("store.node", "gate-9"),
        now("store.quota", "7 GiB", "10737418240", "7516192768", |g| format!("{:?}", g.pipeline.store.quota())),
        now("store.keep_free", "7 MiB", "104857600", "7340032", |g| g.pipeline.store.keep_free().to_string()),
        later("lists.path", "members"),
        later("lists.key", "file:other.key"),
        later("lists.canaries", "stock.txt"),
        now("campaigns.mode", "observe", "false", "true", |g| g.pipeline.bulk.observes().to_string()),
        now("retention.quarantine", "40d", "2592000s", "3456000s", retention!(quarantine)),
        now("retention.warning", "4d", "432000s", "345600s", retention!(warning)),
        now("retention.journal", "10d", "15811200s", "864000s", retention!(journal)),
        now("retention.audit", "1000d", "94694400s", "86400000s", retention!(audit)),
        now("retention.outbox", "4d", "432000s", "345600s", retention!(outbox)),
        later("web.listen", "127.0.0.1:10097"),
        later("metrics.listen", "127.0.0.1:10096"),
        later("metrics.clients", "127.0.0.1"),
        now("policies.path", "others", "own.example", "others.example", |g| {
            format!("{:?}", g.pipeline.inspector.ruleset.load().policy.lists.own_domains())
        }),
        with(
            now("policies.mode", "observe", "Enforce", "Observe", observes),
            &[("OCTROI_POLICIES__UNTIL", "2999-01-01")],
        ),
        with(
            now("policies.until", "2999-01-01", "Enforce", "2999-01-02", observes),
            &[("OCTROI_POLICIES__MODE", "observe")],
        ),
        now("house.name", "Ministère", "None", "Ministère", notices!(house.name)),
        now("house.contact", "a@own.example", "None", "own.example", notices!(house.contact)),
        now("house.time_zone", "Asia/Tokyo", "", "Tokyo", notices!(zone)),
        now("desk.four_eyes", "false", "true", "false", |g| g.desk.persons().four_eyes.to_string()),
        now("notices.from", "b@own.example", "postmaster", "own.example", notices!(from)),
        now("notices.language", "nl", "fr", "nl", notices!(language)),
        now("notices.charter", "https://x.example/", "None", "x.example", notices!(charter)),
        now("notices.noted_every", "7d", "86400s", "604800s", notices!(noted_every)),
        now("notices.digest_to", "c@own.example", "None", "own.example", notices!(digest)),
        with(
            now("notices.digest_at", "09:15", "None", "09:15", notices!(digest)),
            &[("OCTROI_NOTICES__DIGEST_TO", "c@own.example")],
        ),
        later("dns.server", "127.0.0.1:54"),
        later("dns.static", "mx2.json"),
        later("log.format", "json"),
        now("log.level", "debug", "false", "true", |_| tracing::enabled!(tracing::Level::DEBUG).to_string()),
        later("log.target", "stdout"),
        now("limits.memory", "60 MiB", "536870912", "62914560", |g| g.memory.limit().to_string()),
        now("limits.reading", "60 MiB", "536870912", "62914560", |g| g.pipeline.inspector.memory.bytes().to_string()),
        later("limits.inspection", "40s"),
        later("limits.next_hop", "40s"),
        later("limits.connect", "7s"),
        later("limits.workers", "1"),
        later("limits.worker_memory", "512 MiB"),
        later("limits.ocr", "false"),
        later("cli.socket", "var/other.sock"),
        now("cli.accounts", "", "has no account", "someone", |g| match g.desk.caller(54321) {
            Ok(caller) => caller.name().to_owned(),
            Err(refusal) => refusal.to_string(),
        }),
    ]
}

fn load(folder: &Path, case: Option<&Case>) -> Loaded {
    let accounts = case.filter(|case| case.path == "cli.accounts");
    let accounts = accounts.map_or("", |_| "[cli.accounts]\n54321 = { account = \"someone\", role = \"reviewer\" }\n");
    let text = format!(
        "[smtp]\nhostname = \"gate.example\"\n[smtp.upstream_tls]\nmode = \"off\"\n[web]\nlisten = \"off\"\n\
         [dns]\nstatic = \"mx.json\"\n{accounts}"
    );
    let own = case.filter(|case| !case.to.is_empty());
    let own = own.map(|case| (format!("OCTROI_{}", case.path.replace('.', "__").to_uppercase()), case.to));
    let with = case.map_or(&[][..], |case| case.with);
    let environment = own.iter().map(|(name, to)| (name.as_str(), *to)).chain(with.iter().copied());
    let loaded = config::parse(&text, &folder.join("octroi.toml"), environment);
    let mut loaded = loaded.unwrap_or_else(|faults| panic!("{}", faults.draw(false)));
    if case.is_none_or(|case| case.path != "smtp.listen") {
        // Any free port: a file cannot say so.
        loaded.settings.smtp.listen = vec!["127.0.0.1:0".parse().unwrap()];
    }
    loaded
}

/// A folder with all that the cases name.
fn house() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    for policies in ["policies", "others"] {
        shipped::write(&at(policies)).unwrap();
    }
    std::fs::write(at("policies/domains/own.list"), "own.example\n").unwrap();
    std::fs::write(at("others/domains/own.list"), "others.example\n").unwrap();
    for name in ["mx.json", "mx2.json", "octroi.key2"] {
        std::fs::write(at(name), "{}").unwrap();
    }
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate =
        rcgen::CertificateParams::new(vec!["gate.example".to_owned()]).unwrap().self_signed(&key).unwrap();
    std::fs::write(at("cert.pem"), certificate.pem()).unwrap();
    std::fs::write(at("key.pem"), key.serialize_pem()).unwrap();
    folder
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A gateway, and what a reload of it logs.
struct Running {
    gateway: Gateway,
    log: log::Log,
    settings: log::LogSettings,
}

impl Running {
    async fn start(folder: &Path) -> Running {
        let loaded = load(folder, None);
        let settings = loaded.settings.log.clone();
        let (log, guard) = log::start(&settings, Box::new(std::io::sink())).unwrap();
        drop(guard);
        let gateway = Gateway::start(&loaded, log.clone()).await.unwrap();
        Running { gateway, log, settings }
    }

    async fn reload(&self, read: Result<Loaded, crate::diagnostic::Diagnostics>) -> String {
        self.reload_by(move || read).await
    }

    async fn reload_by(
        &self,
        read: impl FnOnce() -> Result<Loaded, crate::diagnostic::Diagnostics> + Send + 'static,
    ) -> String {
        let lines = Lines::default();
        let sink = lines.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || sink.clone()).finish();
        self.gateway.reload(read).with_subscriber(subscriber).await;
        let text = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(text).unwrap()
    }

    fn seen(&self, of: fn(&Gateway) -> String) -> String {
        of(&self.gateway)
    }
}

#[tokio::test]
async fn every_setting_changes_at_once_or_is_named() {
    let folder = house();
    let running = Running::start(folder.path()).await;
    // What the log lets through is seen through the log's own subscriber.
    let own = running.log.subscriber(&running.settings, false);
    let _own = tracing::subscriber::set_default(own);
    let cases = cases();
    assert_eq!(
        cases.iter().map(|case| case.path).collect::<Vec<_>>(),
        ROWS.iter().map(|row| row.path).collect::<Vec<_>>(),
        "every setting has its case"
    );
    for (case, row) in cases.iter().zip(ROWS) {
        let path = case.path;
        let before = case.seen.map(|seen| running.seen(seen)).unwrap_or_default();
        assert!(before.contains(case.before), "{path} before: {before}");
        let log = running.reload(Ok(load(folder.path(), Some(case)))).await;
        assert!(log.contains(" reloaded "), "{path}: {log}");
        let line = |of: &str| log.lines().find(|line| line.contains(of)).unwrap_or_default().to_owned();
        match case.seen {
            Some(seen) => {
                assert_eq!(row.effect, Effect::AtOnce, "{path}");
                let after = running.seen(seen);
                assert!(after.contains(case.after) && after != before, "{path}: {before} -> {after}");
                assert!(line(" reloaded ").contains(path), "{path}: {log}");
            }
            None => {
                assert_eq!(row.effect, Effect::AtStart, "{path}");
                assert!(line("next start").contains(path), "{path}: {log}");
            }
        }
        let log = running.reload(Ok(load(folder.path(), None))).await;
        assert!(log.contains(" reloaded "), "{path} and back: {log}");
        assert!(!log.contains("next start"), "{path}: what waited never was in force: {log}");
        assert_eq!(case.seen.map(|seen| running.seen(seen)).unwrap_or_default(), before, "{path} and back");
    }
    running.gateway.stop().await;
}

#[tokio::test]
async fn a_broken_file_changes_nothing() {
    let folder = house();
    let running = Running::start(folder.path()).await;
    let mode = |running: &Running| running.seen(observes);
    let broken = "[policies]\nmode = \"observe\"\nuntil = \"2999-01-01\"\n[smtp]\nmax_size = \"10 Mo\"\n";
    let log = running.reload(config::parse(broken, &folder.path().join("octroi.toml"), std::iter::empty())).await;
    assert!(log.contains("reload refused") && log.contains("10 MiB") && !log.contains(" reloaded "), "{log}");
    assert_eq!(mode(&running), "Enforce");
    // Sound settings with broken policies: no half of them.
    let rule = folder.path().join("policies/rules/bad.cedar");
    std::fs::write(&rule, "forbid (").unwrap();
    let observe = cases().into_iter().find(|case| case.path == "policies.mode").unwrap();
    let log = running.reload(Ok(load(folder.path(), Some(&observe)))).await;
    assert!(log.contains("reload refused") && log.contains("bad.cedar"), "{log}");
    assert_eq!(mode(&running), "Enforce");
    std::fs::remove_file(rule).unwrap();
    let log = running.reload(Ok(load(folder.path(), Some(&observe)))).await;
    assert!(log.contains("octroi only observes"), "{log}");
    assert!(mode(&running).starts_with("Observe"));
    running.gateway.stop().await;
}

#[tokio::test]
async fn files_that_do_not_come_in_time_change_nothing() {
    let folder = house();
    let running = Running::start(folder.path()).await;
    let observe = cases().into_iter().find(|case| case.path == "policies.mode").unwrap();
    let late = load(folder.path(), Some(&observe));
    let (end, ended) = std::sync::mpsc::channel::<()>();
    tokio::time::pause();
    let reload = running.reload_by(move || {
        let _ = ended.recv();
        Ok(late)
    });
    let clock = async {
        tokio::task::yield_now().await;
        tokio::time::advance(PATIENCE + std::time::Duration::from_secs(1)).await;
    };
    let (log, ()) = tokio::join!(reload, clock);
    tokio::time::resume();
    assert!(log.contains("reload refused") && log.contains("took longer than 30 s"), "{log}");
    drop(end);
    assert_eq!(running.seen(observes), "Enforce");
    assert!(running.reload(Ok(load(folder.path(), None))).await.contains(" reloaded "), "the next one is heard");
    running.gateway.stop().await;
}
