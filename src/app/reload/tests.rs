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

/// A change of one setting, as the environment says it, with what must stand beside it; and, where it takes effect at
/// once, what a part of the gateway has of it before and after.
struct Case {
    path: &'static str,
    to: &'static str,
    beside: &'static [(&'static str, &'static str)],
    seen: Option<Seen>,
}

type Seen = (fn(&Gateway) -> String, &'static str, &'static str);

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

fn once(seen: fn(&Gateway) -> String, before: &'static str, after: &'static str) -> Seen {
    (seen, before, after)
}

macro_rules! seen {
    (at_start) => {
        None
    };
    (at_once $seen:expr, $before:literal, $after:literal) => {
        Some(once($seen, $before, $after))
    };
}

macro_rules! every_setting {
    ($($path:literal = $to:literal, $beside:expr, $effect:ident$(($($seen:tt)*))?, $file:literal $test:literal;)*) => {
        fn cases() -> Vec<Case> {
            vec![$(Case { path: $path, to: $to, beside: $beside, seen: seen!($effect $($($seen)*)?) }),*]
        }
    };
}

include!("../../../tests/suite/config/every_setting.in");

fn load(folder: &Path, case: Option<&Case>) -> Loaded {
    let accounts = case.filter(|case| case.path == "cli.accounts");
    let accounts = accounts.map_or("", |_| "[cli.accounts]\n54321 = { account = \"someone\", role = \"reviewer\" }\n");
    let text = format!(
        "[smtp]\nhostname = \"gate.example\"\n[smtp.upstream_tls]\nmode = \"off\"\n[web]\nlisten = \"off\"\n\
         [dns]\nstatic = \"mx.json\"\n{accounts}"
    );
    let own = case.filter(|case| !case.to.is_empty());
    let own = own.map(|case| (format!("OCTROI_{}", case.path.replace('.', "__").to_uppercase()), case.to));
    let beside = case.map_or(&[][..], |case| case.beside);
    let environment = own.iter().map(|(name, to)| (name.as_str(), *to)).chain(beside.iter().copied());
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
        let before = case.seen.map(|(seen, ..)| running.seen(seen)).unwrap_or_default();
        let log = running.reload(Ok(load(folder.path(), Some(case)))).await;
        assert!(log.contains(" reloaded "), "{path}: {log}");
        let line = |of: &str| log.lines().find(|line| line.contains(of)).unwrap_or_default().to_owned();
        match case.seen {
            Some((seen, had, has)) => {
                assert_eq!(row.effect, Effect::AtOnce, "{path}");
                let after = running.seen(seen);
                let changed = before.contains(had) && after.contains(has) && after != before;
                assert!(changed, "{path}: {before} -> {after}");
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
        assert_eq!(case.seen.map(|(seen, ..)| running.seen(seen)).unwrap_or_default(), before, "{path} and back");
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
