// SPDX-License-Identifier: EUPL-1.2
//! A Sendmail of our own, run from where `tests/unpack-sendmail` put it: settings, queue and trace in a folder.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::client::Client;
use super::hop::PATIENCE;

pub struct Sendmail {
    pub address: SocketAddr,
    folder: TempDir,
    daemon: Child,
}

/// Where Debian's packages were unpacked.
fn unpacked() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("target/debian-sendmail")
}

impl Sendmail {
    /// A Sendmail that asks the filter at `milter` and sends everything to `relay`; `more` are lines for its .mc file,
    /// `aliases` for its aliases. `None`, with a word on standard error, where it cannot be run.
    pub fn relaying_to(relay: SocketAddr, milter: SocketAddr, more: &str, aliases: &str) -> Option<Sendmail> {
        let program = unpacked().join("usr/libexec/sendmail/sendmail");
        if !program.exists() {
            crate::skip::skip("no Sendmail in target/debian-sendmail; tests/unpack-sendmail puts it there");
            return None;
        }
        if Command::new("m4").arg("--version").output().is_err() {
            crate::skip::skip("m4, which makes sendmail.cf, is not installed");
            return None;
        }
        if !crate::skip::is_root("Sendmail gets its own host name and hosts file") {
            return None;
        }
        let address = super::port::free();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir(path.join("queue")).unwrap();
        fs::write(path.join("hosts"), "127.0.0.1 localhost sendmail.example\n::1 localhost sendmail.example\n")
            .unwrap();
        // Nobody answers there, at once.
        fs::write(path.join("resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
        fs::write(path.join("switch"), "hosts files\naliases files\n").unwrap();
        fs::write(path.join("aliases"), aliases).unwrap();
        for empty in ["statistics", "helpfile"] {
            fs::write(path.join(empty), "").unwrap();
        }
        fs::write(path.join("sendmail.mc"), settings(path, address, relay, milter, more)).unwrap();
        let macros = unpacked().join("usr/share/sendmail/cf");
        let made = Command::new("m4")
            .arg(format!("-D_CF_DIR_={}/", macros.display()))
            .args([macros.join("m4/cf.m4"), path.join("sendmail.mc")])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        fs::write(path.join("sendmail.cf"), made.stdout).unwrap();
        let aliased = run(&program, path, &["-bi"]).output().unwrap();
        assert!(aliased.status.success(), "{}", String::from_utf8_lossy(&aliased.stdout));
        let daemon = run(&program, path, &["-bD", "-q1s", "-L", "octroi-test"])
            .arg("-X")
            .arg(path.join("trace"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sendmail = Sendmail { address, folder, daemon };
        let end = std::time::Instant::now() + PATIENCE;
        while Client::try_greet(address).is_none() {
            assert!(std::time::Instant::now() < end, "Sendmail does not answer:\n{}", sendmail.log());
        }
        Some(sendmail)
    }

    /// Everything that was said, in both directions.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.folder.path().join("trace")).unwrap_or_default()).into_owned()
    }

    /// Messages that still wait in the queue: a control file each.
    pub fn queued(&self) -> usize {
        let entries = fs::read_dir(self.folder.path().join("queue")).unwrap().flatten();
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with("qf")).count()
    }
}

impl Drop for Sendmail {
    fn drop(&mut self) {
        // Its children stand in its process group.
        let _ = Command::new("kill").arg("--").arg(format!("-{}", self.daemon.id())).status();
        let _ = self.daemon.wait();
    }
}

/// With a host name and name files of its own, in a process group of its own.
fn run(program: &Path, folder: &Path, arguments: &[&str]) -> Command {
    use std::os::unix::process::CommandExt;
    let script = "mount --bind \"$1/hosts\" /etc/hosts && mount --bind \"$1/resolv.conf\" /etc/resolv.conf \
                  && hostname sendmail.example && program=$2 && shift 2 && exec \"$program\" \"$@\"";
    let libraries = ["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib/aarch64-linux-gnu"];
    let libraries = libraries.map(|place| unpacked().join(place).display().to_string()).join(":");
    let mut command = Command::new("unshare");
    command
        .args(["--uts", "--mount", "sh", "-c", script, "sh"])
        .args([folder, program])
        .arg("-C")
        .arg(folder.join("sendmail.cf"))
        .args(arguments)
        .env("LD_LIBRARY_PATH", libraries)
        .process_group(0);
    command
}

fn settings(folder: &Path, listen: SocketAddr, relay: SocketAddr, milter: SocketAddr, more: &str) -> String {
    let folder = folder.display();
    let deployed = include_str!("../../../deploy/sendmail/octroi.mc").lines();
    let filter = deployed.filter(|line| line.starts_with("INPUT_MAIL_FILTER")).collect::<Vec<_>>().join("\n");
    let filter = filter.replace("10027", &milter.port().to_string());
    format!(
        "divert(0)\nVERSIONID(`octroi tests')\nOSTYPE(`linux')\n\
         define(`QUEUE_DIR', `{folder}/queue')\ndefine(`ALIAS_FILE', `{folder}/aliases')\n\
         define(`STATUS_FILE', `{folder}/statistics')\ndefine(`HELP_FILE', `{folder}/helpfile')\n\
         define(`confPID_FILE', `{folder}/pid')\ndefine(`confSERVICE_SWITCH_FILE', `{folder}/switch')\n\
         define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit,MapInUnsafeDirPath,ClassFileInUnsafeDirPath')\n\
         define(`confDOMAIN_NAME', `sendmail.example')\ndefine(`confDONT_PROBE_INTERFACES', `True')\n\
         define(`confDELIVERY_MODE', `background')\ndefine(`confTO_IDENT', `0s')\ndefine(`confMIN_QUEUE_AGE', `1s')\n\
         define(`RELAY_MAILER_ARGS', `TCP $h {relay}')\ndefine(`SMART_HOST', `relay:[127.0.0.1]')\n\
         FEATURE(`nocanonify')\nFEATURE(`accept_unresolvable_domains')\nFEATURE(`promiscuous_relay')\n\
         FEATURE(`no_default_msa')\nDAEMON_OPTIONS(`Name=MTA, Addr=127.0.0.1, Port={listen}')\n\
         {filter}\n\
         {more}\nMAILER(`local')\nMAILER(`smtp')\n",
        relay = relay.port(),
        listen = listen.port(),
    )
}
