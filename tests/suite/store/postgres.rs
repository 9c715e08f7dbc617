// SPDX-License-Identifier: EUPL-1.2
//! Every statement and every migration on PostgreSQL, the engine to come: each is prepared by Debian's server against
//! the same schema, and takes and gives no other types than those of `Value` and `Column`. What gateways race for is
//! raced for here, where two really write at once.

use std::io::{BufRead, BufReader, Lines, Write};
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

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
        for migration in octroi::store::MIGRATIONS {
            server.sql(migration.sql);
        }
        Some(server)
    }

    /// As the user the package made where we are root: the server refuses to run as root.
    fn command(&self, program: &str) -> Command {
        let program = self.programs.join(program);
        let mut command = if we_are_root() {
            let mut command = Command::new("runuser");
            command.args(["-u", "postgres", "--"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.current_dir(self.folder.path());
        command
    }

    fn run(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command(program);
        command.args(arguments);
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

    fn psql(&self) -> [&str; 12] {
        let folder = self.folder.path().to_str().unwrap();
        ["-X", "-q", "-A", "-t", "-F", "|", "-h", folder, "-U", "octroi", "-d", "postgres"]
    }

    /// A gateway at work, with every statement prepared.
    fn gateway(&self) -> Gateway {
        let mut command = self.command("psql");
        let mut psql = command.args(self.psql()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (says, hears) = (psql.stdin.take().unwrap(), BufReader::new(psql.stdout.take().unwrap()).lines());
        let mut gateway = Gateway { psql, says, hears };
        for statement in octroi::store::statements() {
            gateway.say(&format!("PREPARE \"{}\" AS {};", statement.name(), statement.text()));
        }
        gateway
    }

    /// What `psql` says to a script, which must not fail anywhere.
    fn sql(&self, script: &str) -> String {
        let output = self.run("psql", &self.psql(), script);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(errors.is_empty(), "{errors}");
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let mut stop = self.command("pg_ctl");
        // A server that never started need not be stopped.
        let _ = stop.arg("-D").arg(data).args(["-m", "immediate", "-w", "stop"]).stdout(Stdio::null()).status();
    }
}

/// One gateway's connection.
struct Gateway {
    psql: Child,
    says: ChildStdin,
    hears: Lines<BufReader<ChildStdout>>,
}

impl Gateway {
    fn say(&mut self, sql: &str) {
        writeln!(self.says, "{sql}").unwrap();
    }

    /// The rows of everything said so far, once it is done.
    fn hear(&mut self) -> Vec<String> {
        self.say("\\echo heard");
        self.hears.by_ref().map(Result::unwrap).take_while(|line| line != "heard").collect()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

/// Two gateways do the same work, each with its name for `NODE`, the second while the first has not yet committed. What
/// each is answered: for each statement its rows, and how many they were or how many were changed.
fn raced(server: &Server, work: &[&str]) -> [Vec<String>; 2] {
    let begin = |node: &str| {
        let mut gateway = server.gateway();
        gateway.say("BEGIN;");
        for sql in work {
            gateway.say(&format!("EXECUTE {};\n\\echo :ROW_COUNT", sql.replace("NODE", node)));
        }
        gateway
    };
    let mut first = begin("gate-1");
    let one = first.hear();
    let mut second = begin("gate-2");
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock';";
    assert!((0..1000).any(|_| server.sql(waits) == "1\n"), "the second does not wait for the first: {work:?}");
    first.say("COMMIT;");
    first.hear();
    let two = second.hear();
    second.say("COMMIT;");
    second.hear();
    [one, two]
}

fn we_are_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

#[test]
fn every_statement_is_prepared_by_postgresql_with_our_types() {
    let Some(server) = Server::start() else { return crate::skip::skip("postgresql is not installed") };
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

#[test]
fn of_two_gateways_that_race_one_wins() {
    let Some(server) = Server::start() else { return crate::skip::skip("postgresql is not installed") };
    let ready = "INSERT INTO outbox (id, mail, kind, reverse_path, origin, blob, private, state, created, next_attempt, \
        attempts, lease_until, node, epoch) \
        VALUES ('I1', 'M1', 'notice', '<>', '<>', 'b', FALSE, 'ready', 0, 0, 0, 0, 'gate-0', 1);\n";
    let mail = "INSERT INTO mail (id, blob, received, reverse_path, sender, private, tell) \
        VALUES ('M1', 'b1', 0, '<>', '', FALSE, 'a@x.example');\n";
    let held = |id: &str| {
        format!(
            "INSERT INTO held (id, mail, recipient, address, verbatim, rules, reasons, kinds, state, held_at, expires, \
             warned, node, epoch) VALUES ('{id}', 'M1', '', '', '', '', '', '', 'held', 0, 10, FALSE, 'gate-0', 1);\n"
        )
    };
    let others = "INSERT INTO meta (name, value) VALUES ('digest', '\\x01');\n\
        INSERT INTO blob (name, wrapped, size, stored, created) VALUES ('b1', '\\xff', 1, 1, 0);\n";
    server.sql(&format!("{ready}{mail}{}{}{}{others}", held("M1-1"), held("M1-gate-1"), held("M1-gate-2")));
    for work in [
        r#""courier::TAKEN"('NODE', 2000, 1000, 9)"#,
        r#""decide::DECIDED"('released', 5, 'released', 'M1-1')"#,
        r#""sweep::WARNED"(20, 100)"#,
        r#""digest::NEXT_TURN"('\x02', 'digest', '\x01')"#,
        r#""told::TOLD"('a@x.example', 'expiring', 5000, 1000)"#,
        r#""rows::CLAIMED"('\xaa', 'M1-NODE', 9, 5)"#,
        r#""audit::CHECKPOINT_LEFT"('gate-0', 5, '\x00', '\x00')"#,
    ] {
        let [one, two] = raced(&server, &[work]);
        assert_ne!(one.last().unwrap(), "0", "{work}: {one:?}");
        assert_eq!(two, ["0"], "{work}: the second has nothing left");
    }
    // Each decides one of the two last copies of a mail; the one who comes second destroys its key.
    let last = [
        r#""decide::DECIDED"('rejected', 5, NULL, 'M1-NODE')"#,
        r#""expiry::BLOB_LOCKED"('b1')"#,
        r#""expiry::FREED_IF_UNNEEDED"('\x', 7, 'b1')"#,
    ];
    assert_eq!(raced(&server, &last), [["1", "1", "0"], ["1", "1", "1"]]);
}
