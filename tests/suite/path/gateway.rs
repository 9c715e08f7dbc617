// SPDX-License-Identifier: EUPL-1.2
//! A real `octroi serve`, its settings and policies in a folder of its own, and its command line as the desk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use super::hop::PATIENCE;

/// A domain for each disposition, and one sender's house.
const RULES: &str = r#"
@id("keep") @disposition("quarantine") @reason("kept for a test.")
forbid (principal, action, resource) when { resource.domain == "held.example" };
@id("refuse") @disposition("reject") @reason("refused for a test.")
forbid (principal, action, resource) when { resource.domain == "refused.example" };
@id("later") @disposition("defer") @reason("deferred for a test.")
forbid (principal, action, resource) when { resource.domain == "deferred.example" };
"#;

/// What `serve` needs: the folder lives as long as this.
pub struct Setup {
    pub folder: TempDir,
    pub hop: String,
    /// More settings, whole sections; `[smtp]` keys go to `smtp`.
    pub more: String,
    pub smtp: String,
    /// More keys of `[store]`.
    pub store: String,
    /// What the user who runs the tests is at the desk, as the settings write it.
    pub roles: String,
    /// By which name.
    pub account: String,
}

impl Setup {
    pub fn new(hop: SocketAddr) -> Setup {
        let folder = tempfile::tempdir().unwrap();
        let setup = Setup {
            folder,
            hop: hop.to_string(),
            more: String::new(),
            smtp: String::new(),
            store: String::new(),
            roles: "\"reviewer\"".to_owned(),
            account: "a.martin".to_owned(),
        };
        setup.policy("domains/own.list", "justice.gouv.example\n");
        setup.policy("domains/partner.list", "partner.example\n");
        setup.policy("domains/private-webmail.list", "webmail.example\n");
        setup.policy("domains/disposable.list", "throwaway.example\n");
        setup.policy("rules/test.cedar", RULES);
        setup
    }

    pub fn policy(&self, path: &str, text: &str) {
        let path = self.folder.path().join("policies").join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Opens the milter door as well; where it will be.
    pub fn with_milter(&mut self) -> SocketAddr {
        let address = super::port::free();
        self.more.push_str(&format!("[milter]\nlisten = [\"inet:{address}\"]\n"));
        address
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("octroi.toml")
    }

    /// Its settings, for a gateway inside the test program.
    pub fn loaded(&self) -> octroi::config::Loaded {
        self.write_config(super::port::free());
        let text = std::fs::read_to_string(self.config()).unwrap();
        let parsed = octroi::config::parse(&text, &self.config(), std::iter::empty());
        let mut loaded = parsed.unwrap_or_else(|f| panic!("{}", f.draw(false)));
        // Static answers alone: no resolver waits on a clock that stands still.
        std::fs::write(self.folder.path().join("mx.json"), r#"{"mx.example": []}"#).unwrap();
        loaded.settings.dns.server = None;
        loaded
    }

    fn write_config(&self, listen: SocketAddr) {
        let uid = std::fs::metadata("/proc/self").unwrap().uid();
        let more = &self.more;
        let web = if more.contains("[web]") { "" } else { "[web]\nlisten = \"off\"\n" };
        let clients = if self.smtp.contains("clients") { "" } else { "clients = [\"127.0.0.0/8\"]\n" };
        // No resolver: unknown domains have no MX hosts here, at once.
        std::fs::write(self.folder.path().join("mx.json"), "{}").unwrap();
        let text = format!(
            "[smtp]\nlisten = [\"{listen}\"]\nupstream = \"{}\"\nhostname = \"octroi.example\"\n{clients}{}\n\
             [store]\nurl = \"sqlite:var/octroi.db\"\n{}\n[policies]\npath = \"policies\"\n{web}\
             [dns]\nserver = \"127.0.0.1:9\"\nstatic = \"mx.json\"\n\
             [cli.accounts]\n{uid} = {{ account = \"{}\", role = {} }}\n{more}\n",
            self.hop, self.smtp, self.store, self.account, self.roles,
        );
        std::fs::write(self.config(), text).unwrap();
    }

    /// Starts `serve` and waits until it says it is ready.
    pub fn serve(&self) -> Gateway {
        self.serve_with(&[])
    }

    pub fn serve_with(&self, environment: &[(&str, &str)]) -> Gateway {
        loop {
            let mut gateway = self.spawn(environment);
            // Between our look and its start somebody else may have taken the port.
            match gateway.line("ready") {
                Some(_) => return gateway,
                None if gateway.log().contains("cannot listen on") => gateway.kill(),
                None => panic!("{} does not start:\n{}", self.config().display(), gateway.log()),
            }
        }
    }

    /// Starts `serve` without waiting for anything.
    pub fn spawn(&self, environment: &[(&str, &str)]) -> Gateway {
        self.spawn_at(super::port::free(), environment)
    }

    /// Starts `serve` again where an earlier one listened, and waits until it is ready.
    pub fn serve_at(&self, address: SocketAddr) -> Gateway {
        let gateway = self.spawn_at(address, &[]);
        match gateway.line("ready") {
            Some(_) => gateway,
            None => panic!("{} does not start again:\n{}", self.config().display(), gateway.log()),
        }
    }

    /// The same, to listen at this address.
    pub fn spawn_at(&self, address: SocketAddr, environment: &[(&str, &str)]) -> Gateway {
        self.write_config(address);
        let mut child = octroi(&self.config(), &["serve"])
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Arc::new((Mutex::new(Log::default()), Condvar::new()));
        let theirs = log.clone();
        let stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                theirs.0.lock().unwrap().lines.push(line);
                theirs.1.notify_all();
            }
            theirs.0.lock().unwrap().ended = true;
            theirs.1.notify_all();
        });
        Gateway { address, child, log }
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        octroi(&self.config(), arguments).output().unwrap()
    }

    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let output = self.run(arguments);
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Every copy in quarantine, in any state: recipient, state and id.
    pub fn copies(&self) -> Vec<Held> {
        let output = self.run(&["quarantine", "list", "--state", "all", "--limit", "100000", "--json"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let rows = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let mut held: Vec<Held> = rows
            .map(|row| Held { recipient: word(&row, "recipient"), state: word(&row, "state"), id: word(&row, "id") })
            .collect();
        held.sort();
        held
    }

    /// Recipient and disposition, for each copy the journal knows of this mail; waits until there are so many.
    pub fn journal(&self, message_id: &str, count: usize) -> Vec<(String, String)> {
        let end = Instant::now() + PATIENCE;
        loop {
            let rows = self.json(&["find", message_id, "--json"]);
            if rows.len() >= count {
                let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
                let mut found: Vec<_> =
                    rows.iter().map(|row| (word(row, "recipient"), word(row, "disposition"))).collect();
                found.sort();
                return found;
            }
            assert!(Instant::now() < end, "the journal knows only {rows:?} of {message_id}");
        }
    }
}

fn octroi(config: &Path, arguments: &[&str]) -> Command {
    // Another build may be looked at, a release build for the figures of `tests/bench`.
    let program = std::env::var_os("OCTROI_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_octroi").into());
    let mut command = Command::new(program);
    command.args(arguments).arg("--config").arg(config).env_remove("OCTROI_CRASH_AT").env_remove("NOTIFY_SOCKET");
    command
}

/// One row of the quarantine.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Held {
    pub recipient: String,
    pub state: String,
    pub id: String,
}

#[derive(Default)]
struct Log {
    lines: Vec<String>,
    ended: bool,
}

/// The running process; dropped, it is killed.
pub struct Gateway {
    pub address: SocketAddr,
    child: Child,
    log: Arc<(Mutex<Log>, Condvar)>,
}

impl Gateway {
    /// The first line that holds this text; `None` where the process ends without.
    fn line(&self, text: &str) -> Option<String> {
        let end = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().unwrap();
        loop {
            if let Some(line) = log.lines.iter().find(|line| line.contains(text)) {
                return Some(line.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if log.ended || left.is_zero() {
                return None;
            }
            log = self.log.1.wait_timeout(log, left).unwrap().0;
        }
    }

    /// Waits for a line that holds this text.
    pub fn wait_for_line(&self, text: &str) -> String {
        self.line(text).unwrap_or_else(|| panic!("no line with {text:?}:\n{}", self.log()))
    }

    /// Waits until so many lines hold this text.
    pub fn wait_for_lines(&self, text: &str, count: usize) {
        let end = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().unwrap();
        while log.lines.iter().filter(|line| line.contains(text)).count() < count {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!log.ended && !left.is_zero(), "not {count} lines with {text:?}:\n{}", log.lines.join("\n"));
            log = self.log.1.wait_timeout(log, left).unwrap().0;
        }
    }

    /// The process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn log(&self) -> String {
        self.log.0.lock().unwrap().lines.join("\n")
    }

    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(done.unwrap().success());
    }

    /// Waits until the process has ended by itself, and all it said is in the log; its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let end = Instant::now() + PATIENCE;
        let mut log = self.log.0.lock().unwrap();
        while !log.ended {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "octroi does not end:\n{}", log.lines.join("\n"));
            log = self.log.1.wait_timeout(log, left).unwrap().0;
        }
        drop(log);
        self.child.wait().unwrap().code()
    }

    /// kill -9.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.kill();
    }
}

/// GET over a plain socket: status code and body.
pub fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: o\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (code, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// A map of how often each thing occurs.
pub fn tally<T: Ord>(things: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_default() += 1;
    }
    counts
}
