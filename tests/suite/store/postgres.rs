// SPDX-License-Identifier: EUPL-1.2
//! Every statement and every migration on PostgreSQL, the engine to come: each is prepared by Debian's server against
//! the same schema, and takes and gives no other types than those of `Value` and `Column`.

use std::io::Write;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::*;

/// What text, number, truth and bytes are called there.
const TYPES: [&str; 4] = ["text", "bigint", "boolean", "bytea"];

/// A private server in a folder of its own, heard on a Unix socket there and nowhere else.
struct Server {
    programs: PathBuf,
    folder: TempDir,
}

impl Server {
    /// `None` where the server is not installed.
    fn start() -> Option<Server> {
        let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?.map(|entry| entry.unwrap().path().join("bin"));
        let programs = versions.filter(|bin| bin.join("initdb").exists()).max()?;
        let server = Server { programs, folder: tempfile::tempdir().unwrap() };
        if we_are_root() {
            let id = |flag: &str| -> u32 {
                let known = Command::new("id").args([flag, "postgres"]).output().unwrap();
                String::from_utf8(known.stdout).unwrap().trim().parse().expect("the package makes this user")
            };
            chown(server.folder.path(), Some(id("-u")), Some(id("-g"))).unwrap();
        }
        let data = server.folder.path().join("data");
        let data = data.to_str().unwrap();
        let folder = server.folder.path().to_str().unwrap();
        let made = ["-D", data, "-U", "octroi", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        server.run("initdb", &made, "");
        let options = format!("-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off");
        let log = format!("{folder}/log");
        server.run("pg_ctl", &["-D", data, "-w", "-o", &options, "-l", &log, "start"], "");
        Some(server)
    }

    /// As the user the package made where we are root: the server refuses to run as root.
    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let program = self.programs.join(program);
        let mut command = if we_are_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(self.folder.path());
        // Into files: the server inherits them, and would keep a pipe open for as long as it runs.
        let [out, err] = ["out", "err"].map(|name| self.folder.path().join(name));
        command.stdout(std::fs::File::create(&out).unwrap()).stderr(std::fs::File::create(&err).unwrap());
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let status = child.wait().unwrap();
        let output = Output { status, stdout: std::fs::read(out).unwrap(), stderr: std::fs::read(err).unwrap() };
        assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
        output
    }

    /// What `psql` says to a script, which must not fail anywhere.
    fn sql(&self, script: &str) -> String {
        let folder = self.folder.path().to_str().unwrap();
        let arguments = ["-X", "-q", "-A", "-t", "-F", "|", "-h", folder, "-U", "octroi", "-d", "postgres"];
        let output = self.run("psql", &arguments, script);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.is_empty(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        if data.join("postmaster.pid").exists() {
            self.run("pg_ctl", &["-D", data.to_str().unwrap(), "-m", "immediate", "-w", "stop"], "");
        }
    }
}

fn we_are_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

#[test]
fn every_statement_is_prepared_by_postgresql_with_our_types() {
    let Some(server) = Server::start() else {
        return crate::skip::skip("postgresql is not installed");
    };
    for migration in octroi::store::MIGRATIONS {
        server.sql(migration.sql);
    }
    let mut script = String::new();
    for statement in octroi::store::statements() {
        let (name, text) = (statement.name(), statement.text());
        script += &format!("\\echo {name}\nPREPARE \"{name}\" AS {text};\n{text} \\gdesc\n");
    }
    script += "\\echo parameters\nSELECT name, unnest(parameter_types) FROM pg_prepared_statements;\n";
    script += "\\echo count\nSELECT 'prepared', count(*) FROM pg_prepared_statements;\n";
    let answer = server.sql(&script);
    let all = format!("prepared|{}", octroi::store::statements().count());
    let (mut statement, mut foreign) = ("", Vec::new());
    for line in answer.lines() {
        match line.split_once('|') {
            None => statement = line,
            Some((name, kind)) if !TYPES.contains(&kind) && line != all => {
                foreign.push(format!("{statement}: {name} is {kind}"));
            }
            Some(_) => {}
        }
    }
    assert!(foreign.is_empty(), "\n{}", foreign.join("\n"));
    assert!(answer.lines().any(|line| line == all), "not all are prepared, but {}", answer.lines().last().unwrap());
}
