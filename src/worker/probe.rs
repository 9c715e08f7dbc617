// SPDX-License-Identifier: EUPL-1.2
//! Whether the sandbox stands, known by trying what it must not allow.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Stdio};

use super::process::ENVIRONMENT;
use super::sandbox;

/// What a document's reader must not be able to do, and whether it can.
type Deed = (&'static str, fn(u32) -> bool);

const DEEDS: [Deed; 5] = [
    ("open a file", |_| File::open("/proc/self/status").is_ok()),
    ("open a socket", |_| TcpListener::bind("127.0.0.1:0").is_ok()),
    ("start a program", |_| Command::new("/bin/true").stdin(Stdio::null()).status().is_ok()),
    ("send a signal to the gateway", sandbox::can_signal),
    ("run memory that it wrote", |_| sandbox::can_run_memory()),
];

/// What this process, enclosed, can still do, tried in the thread that asks. `gateway` is who started it.
pub(super) fn still_possible(gateway: u32) -> impl Iterator<Item = &'static str> {
    DEEDS.into_iter().filter(move |(_, can)| can(gateway)).map(|(deed, _)| deed)
}

/// Starts a worker that tries what it must not be able to do, and says what is wrong with its sandbox.
pub fn faults(executable: &Path) -> Vec<String> {
    let mut worker = Command::new(executable);
    worker.args(["worker", "try"]).env_clear().envs(ENVIRONMENT).stdin(Stdio::null()).stderr(Stdio::null());
    let lines = match worker.output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).into_owned(),
        Ok(output) => format!("it ended with {}", output.status),
        Err(error) => format!("it could not be started: {error}"),
    };
    lines.lines().map(str::to_owned).collect()
}
