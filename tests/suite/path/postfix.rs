// SPDX-License-Identifier: EUPL-1.2
//! A Postfix of our own: its settings, queue and log in a folder, started and stopped by its own command.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::client::Client;
use super::hop::PATIENCE;

const SERVICES: &str = "\
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
";

pub struct Postfix {
    pub address: SocketAddr,
    folder: TempDir,
}

impl Postfix {
    /// A Postfix that takes mail for anybody and sends all of it to `relayhost`; `None`, with a word on standard
    /// error, where it is not installed or may not be started.
    pub fn relaying_to(relayhost: SocketAddr, more: &str) -> Option<Postfix> {
        Postfix::with_services(relayhost, more, "", "")
    }

    /// The same with `options` (`-o …`) for the port where mail comes in, and `services`, whole lines of `master.cf`.
    pub fn with_services(relayhost: SocketAddr, more: &str, options: &str, services: &str) -> Option<Postfix> {
        // The built-in default: a package installed without a configuration has no main.cf to ask.
        let found = Command::new("postconf").args(["-d", "-h", "daemon_directory"]).output();
        let Ok(found) = found else {
            crate::skip::skip("postfix is not installed");
            return None;
        };
        if !crate::skip::is_root("Postfix is started") {
            return None;
        }
        let daemons = String::from_utf8(found.stdout).unwrap();
        let address = super::port::free();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["etc", "queue", "data"] {
            fs::create_dir(path.join(name)).unwrap();
        }
        assert!(Command::new("chown").arg("postfix").arg(path.join("data")).status().unwrap().success());
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {p}/queue\ndata_directory = {p}/data\n\
             daemon_directory = {daemons}\nmaillog_file = {p}/log\nmaillog_file_prefixes = {p}\n\
             inet_interfaces = loopback-only\ninet_protocols = ipv4\nmyhostname = postfix.example\n\
             mynetworks = 127.0.0.0/8\nmydestination =\nlocal_recipient_maps =\nalias_maps =\nalias_database =\n\
             local_transport = error:nobody\nrelayhost = [127.0.0.1]:{port}\nsmtp_tls_security_level =\n\
             smtpd_tls_security_level =\nsmtpd_relay_restrictions = permit_mynetworks, reject\nbiff = no\n\
             minimal_backoff_time = 1s\nmaximal_backoff_time = 2s\nqueue_run_delay = 1s\n\
             smtp_destination_concurrency_failed_cohort_limit = 0\nmessage_size_limit = 60000000\n\
             transport_retry_time = 1s\nsmtpd_peername_lookup = no\nsmtpd_error_sleep_time = 0\nsmtp_host_lookup = native\n\
             smtp_line_length_limit = 0\nlocal_header_rewrite_clients =\n",
            p = path.display(),
            daemons = daemons.trim(),
            port = relayhost.port(),
        );
        fs::write(path.join("etc/main.cf"), overridden(&main, more)).unwrap();
        let listen = format!("127.0.0.1:{} inet n - n - - smtpd {options}\n", address.port());
        fs::write(path.join("etc/master.cf"), listen + services + SERVICES).unwrap();
        let postfix = Postfix { address, folder };
        assert!(postfix.command("start"), "{}\n{}", postfix.said(), postfix.log());
        let end = std::time::Instant::now() + PATIENCE;
        while Client::try_greet(address).is_none() {
            assert!(std::time::Instant::now() < end, "postfix does not answer:\n{}", postfix.log());
        }
        Some(postfix)
    }

    /// Whether it could be done, within a time. What it says goes to a file: the daemons it starts inherit where it
    /// speaks, and who waits for the end of a pipe waits for theirs.
    fn command(&self, what: &str) -> bool {
        let said = fs::File::create(self.folder.path().join("said")).unwrap();
        let mut command = Command::new("timeout");
        command.args(["-k", "5", "60", "postfix", "-c"]).arg(self.folder.path().join("etc")).arg(what);
        command.stdin(Stdio::null()).stdout(said.try_clone().unwrap()).stderr(said);
        command.status().unwrap().success()
    }

    fn said(&self) -> String {
        fs::read_to_string(self.folder.path().join("said")).unwrap_or_default()
    }

    /// Hands a mail in as a program of this machine does (`sendmail` of Postfix).
    pub fn submit(&self, from: &str, to: &[&str], content: &[u8]) {
        use std::io::Write;
        let mut child = Command::new("sendmail")
            .arg("-C")
            .arg(self.folder.path().join("etc"))
            .args(["-i", "-f", from, "--"])
            .args(to)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(content).unwrap();
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Whether nothing is on its way and something waits for a later try.
    pub fn all_deferred(&self) -> bool {
        let count = |queue: &str| files(&self.folder.path().join("queue").join(queue));
        count("deferred") > 0 && ["maildrop", "incoming", "active"].iter().all(|queue| count(queue) == 0)
    }

    /// Tries all that waits now.
    pub fn flush(&self) {
        self.command("flush");
    }

    /// Messages that still wait in the queue.
    pub fn queued(&self) -> usize {
        ["maildrop", "incoming", "active", "deferred"]
            .iter()
            .map(|q| files(&self.folder.path().join("queue").join(q)))
            .sum()
    }
}

/// `settings` with `more`, whose entries take the place of those of the same name.
///
/// Of an entry that stands twice every daemon warns as it starts. postlogd does so before it reads its socket, into
/// that same socket, which holds ten lines (`net.unix.max_dgram_qlen`): where the other daemons have filled it, it
/// waits for itself, and all of Postfix for it.
fn overridden(settings: &str, more: &str) -> String {
    let name = |line: &str| line.split_once('=').map(|(name, _)| name.trim().to_owned());
    let lines: Vec<&str> = settings.lines().chain(more.lines()).collect();
    let names: Vec<_> = lines.iter().map(|line| name(line)).collect();
    let is_last = |n: usize| names[n].is_none() || !names[n + 1..].contains(&names[n]);
    lines.iter().enumerate().filter(|(n, _)| is_last(*n)).map(|(_, line)| format!("{line}\n")).collect()
}

#[test]
fn no_entry_of_a_postfix_stands_twice() {
    let text =
        overridden("append_dot_mydomain = no\nmydestination =\n", "mydestination = a.example\nbiff = yes\nbiff = no\n");
    assert_eq!(
        text,
        "append_dot_mydomain = no
mydestination = a.example
biff = no
"
    );
}

fn files(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

impl Drop for Postfix {
    fn drop(&mut self) {
        if self.command("stop") {
            return;
        }
        // Its master leads a group of its own, which ends with it.
        let master = fs::read_to_string(self.folder.path().join("queue/pid/master.pid")).unwrap_or_default();
        if let Ok(master) = master.trim().parse::<u32>() {
            let _ = Command::new("kill").args(["-KILL", "--", &format!("-{master}")]).status();
        }
    }
}

/// A content without the trace fields in front of it that Postfix adds.
pub fn without_trace(content: &[u8]) -> &[u8] {
    let mut rest = content;
    loop {
        let is_trace = rest.starts_with(b"Received:") || rest.starts_with(b"Return-Path:");
        let folded = rest.len() < content.len() && rest.starts_with(b"\t");
        match memchr::memchr(b'\n', rest) {
            Some(end) if is_trace || folded => rest = &rest[end + 1..],
            _ => return rest,
        }
    }
}
