// SPDX-License-Identifier: EUPL-1.2
//! The program itself: exit codes, what goes to which output.

use std::path::Path;
use std::process::{Command, Output};

use octroi::access::Role;
use tempfile::TempDir;

use super::control::{Gateway, MESSAGE};

/// Runs the program in a folder, with nothing of our environment but what it needs.
fn octroi(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_octroi"));
    command.current_dir(folder).args(arguments).env_clear().envs(environment.iter().copied());
    command.output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn check_tells_faults_on_standard_error_and_fails() {
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("octroi.toml"), "[smtp]\nupstraem = \"a:25\"\nmax_size = \"5 MB\"\n").unwrap();
    let output = octroi(folder.path(), &["check"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let said = text(&output.stderr);
    for part in ["octroi.toml:2:1", "did you mean \"upstream\"?", "octroi.toml:3:12", "5 MiB"] {
        assert!(said.contains(part), "{part} is not in\n{said}");
    }
    assert!(!said.contains('\u{1b}'), "colour into a pipe");
}

/// The machine's own name may be none.
const NAMED: (&str, &str) = ("OCTROI_SMTP__HOSTNAME", "gate.town.example");

/// What `check` misses in the defaults.
const ALL_SET: [(&str, &str); 4] = [
    NAMED,
    ("OCTROI_RELEASE__VIA", "127.0.0.1:10028"),
    ("OCTROI_HOUSE__NAME", "The Town"),
    ("OCTROI_HOUSE__CONTACT", "help@town.example"),
];

#[test]
fn check_of_a_sound_house_succeeds_and_still_warns() {
    let folder = TempDir::new().unwrap();
    std::fs::create_dir_all(folder.path().join("policies/domains")).unwrap();
    std::fs::write(folder.path().join("policies/domains/own.list"), "town.example\n").unwrap();
    std::fs::write(folder.path().join("mine.toml"), "").unwrap();
    let output = octroi(folder.path(), &["check", "--config", "mine.toml"], &[NAMED]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "mine.toml: in order, with 3 warnings\n");
    for unset in ["release.via", "house.name", "house.contact"] {
        assert!(text(&output.stderr).contains(unset), "{unset} is not told");
    }
    let output = octroi(folder.path(), &["check"], &ALL_SET);
    assert_eq!(text(&output.stdout), "built-in defaults: in order\n", "{}", text(&output.stderr));
}

#[test]
fn check_reads_the_policies_and_draws_what_is_wrong_in_them() {
    let folder = TempDir::new().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir_all(policies.join("rules")).unwrap();
    let rule = |text: &str| std::fs::write(policies.join("rules/mine.cedar"), text).unwrap();
    let head = "@id(\"mine\")\n@disposition(\"quarantine\")\n@notice(\"nowhere\")\n@reason(\"Because.\")\n";
    rule(&format!("{head}forbid (principal, action, resource) when {{ context.privat }};\n"));
    let output = octroi(folder.path(), &["check"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.contains("rules/mine.cedar:5:") && said.contains("private"), "{said}");

    rule(&format!("{head}forbid (principal, action, resource) when {{ context.private }};\n"));
    let output = octroi(folder.path(), &["check"], &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("there is no notice `nowhere`"), "{output:?}");

    let silent = head.replace("@notice(\"nowhere\")\n", "");
    rule(&format!("{silent}forbid (principal, action, resource) when {{ context.private }};\n"));
    let output = octroi(folder.path(), &["check"], &ALL_SET);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(text(&output.stdout), "built-in defaults: in order, with 1 warning\n", "{said}");
    assert!(said.contains("own.list: names no domain"), "{said}");
}

#[test]
fn a_reviewer_works_from_the_shell() {
    let gateway = Gateway::start(Some(Role::Reviewer));
    let folder = TempDir::new().unwrap();
    let socket = [("OCTROI_CLI__SOCKET", gateway.socket.to_str().unwrap())];
    let run = |arguments: &[&str]| octroi(folder.path(), arguments, &socket);

    let output = run(&["quarantine", "list", "--json"]);
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 3, "{}", text(&output.stderr));
    let keys: Vec<_> = lines[0].as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys.len(), 8);
    for key in ["id", "recipient", "sender", "held_at", "rules", "state", "unit", "eyes"] {
        assert!(keys.iter().any(|found| found == key), "{key}");
    }
    assert!(text(&run(&["quarantine", "list"]).stdout).starts_with("ID    HELD AT"));
    assert!(text(&run(&["quarantine", "show", "M2-1"]).stdout).contains("sender     (private mail: not shown)"));

    // One of two fails: the other is still done, and the exit code says that not all is well.
    let output = run(&["quarantine", "release", "7", "M1-1", "--reason", "asked"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout), "M1-1: released\n");
    assert!(text(&output.stderr).contains("7: there is no held copy and no outbox item with the id 7"));

    assert_eq!(run(&["quarantine", "export", "M1-2", "--reason", "asked by the judge"]).stdout, MESSAGE);
    assert_eq!(run(&["quarantine", "export", "M1-2", "--reason", "file 7", "-o", "held.eml"]).status.code(), Some(0));
    assert_eq!(std::fs::read(folder.path().join("held.eml")).unwrap(), MESSAGE);
    assert_eq!(
        run(&["quarantine", "export", "M1-2", "--reason", "file 7", "-o", "held.eml"]).status.code(),
        Some(1),
        "a file was overwritten"
    );

    let output = run(&["find", "<unknown@x>"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("nothing is known about <unknown@x>"));
}

#[test]
fn what_is_no_id_is_said_to_be_none_before_anybody_is_asked() {
    let folder = TempDir::new().unwrap();
    for (arguments, said) in [
        (&["quarantine", "show", "m1-1"][..], "`m1-1` is not the id of a held copy or a mail"),
        (
            &["quarantine", "release", "M1-o1", "--reason", "asked"],
            "M1-o1: `M1-o1` is not the id of a held copy or a mail",
        ),
        (&["quarantine", "reject", "M1_1", "--reason", "asked"], "M1_1: `M1_1` is not the id of a held copy or a mail"),
        (&["quarantine", "export", "", "--reason", "asked"], "`` is not the id of a held copy or a mail"),
        (&["outbox", "retry", "M1-1"], "`M1-1` is not the id of an outbox item"),
    ] {
        let output = octroi(folder.path(), arguments, &[("OCTROI_CLI__SOCKET", "nobody-answers-here")]);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
    }
}

/// Every command that asks the gateway: where nobody listens, and where somebody listens who says nothing.
#[test]
fn a_gateway_that_does_not_answer_is_exit_code_3() {
    let folder = TempDir::new().unwrap();
    let mute = folder.path().join("mute");
    let listener = std::os::unix::net::UnixListener::bind(&mute).unwrap();
    std::thread::spawn(move || listener.incoming().for_each(drop));
    for socket in [Path::new("nobody"), &mute] {
        let socket = [("OCTROI_CLI__SOCKET", socket.to_str().unwrap())];
        for arguments in [
            &["quarantine", "list"][..],
            &["quarantine", "list", "--json"],
            &["quarantine", "show", "M1-1"],
            &["quarantine", "release", "M1-1", "M1-2", "--reason", "asked"],
            &["quarantine", "reject", "M1-1", "--reason", "asked"],
            &["quarantine", "export", "M1-1", "--reason", "asked"],
            &["find", "M1"],
            &["outbox", "list"],
            &["outbox", "retry"],
            &["audit", "list"],
            &["audit", "verify"],
        ] {
            let output = octroi(folder.path(), arguments, &socket);
            let said = text(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{arguments:?}: {said}");
            assert_eq!((said.lines().count(), output.stdout.len()), (1, 0), "{arguments:?}: {said}");
            let why = ["no gateway answers at nobody; start it with `octroi serve`", "closed the connection"];
            assert!(why.iter().any(|why| said.contains(why)), "{arguments:?}: {said}");
        }
    }
}

#[test]
fn an_operator_gets_counts_and_json_stays_json() {
    let gateway = Gateway::start(Some(Role::Operator));
    let folder = TempDir::new().unwrap();
    let socket = [("OCTROI_CLI__SOCKET", gateway.socket.to_str().unwrap())];
    let output = octroi(folder.path(), &["quarantine", "list"], &socket);
    assert!(text(&output.stdout).starts_with("3 held, 0 pending"), "{}", text(&output.stdout));
    let output = octroi(folder.path(), &["quarantine", "list", "--json"], &socket);
    assert!(output.stdout.is_empty() && text(&output.stderr).contains("3 held"));
    let output = octroi(folder.path(), &["audit", "verify"], &socket);
    assert_eq!(text(&output.stdout), "0 entries, the chain is unbroken, tail not proven\n");
}

#[test]
fn manual_and_completions_are_printed() {
    let folder = TempDir::new().unwrap();
    let man = octroi(folder.path(), &["man", "quarantine", "release"], &[]);
    assert!(text(&man.stdout).contains(".TH"), "{}", text(&man.stderr));
    assert!(text(&octroi(folder.path(), &["completions", "bash"], &[]).stdout).contains("quarantine"));
    assert_eq!(octroi(folder.path(), &["man", "fly"], &[]).status.code(), Some(1));
    let all = octroi(folder.path(), &["man", "--output", "man1"], &[]);
    assert_eq!(all.status.code(), Some(0), "{}", text(&all.stderr));
    let release = std::fs::read_to_string(folder.path().join("man1/octroi-quarantine-release.1")).unwrap();
    assert_eq!(release.as_bytes(), man.stdout);
    // A page that cannot be written is named, and the others are written.
    std::fs::remove_file(folder.path().join("man1/octroi-serve.1")).unwrap();
    std::fs::remove_file(folder.path().join("man1/octroi-test.1")).unwrap();
    std::fs::create_dir(folder.path().join("man1/octroi-serve.1")).unwrap();
    let all = octroi(folder.path(), &["man", "--output", "man1"], &[]);
    assert_eq!(all.status.code(), Some(1));
    assert!(text(&all.stderr).contains("cannot write man1/octroi-serve.1"), "{}", text(&all.stderr));
    assert!(folder.path().join("man1/octroi-test.1").is_file());
    assert_eq!(octroi(folder.path(), &["fly"], &[]).status.code(), Some(2));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (from, to) = (entry.as_ref().unwrap().path(), to.join(entry.as_ref().unwrap().file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap();
        }
    }
}

/// The shipped cases are about an example house, and are judged as enforced, whatever the settings say.
#[test]
fn the_shipped_cases_pass_with_lists_of_ones_own_and_while_observing() {
    let folder = TempDir::new().unwrap();
    let policies = folder.path().join("policies");
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies"), &policies);
    for (path, text) in [
        ("domains/own.list", "town.example\n"),
        ("domains/partner.list", "# none\n"),
        ("units/people.csv", "mail,given,surname,unit\na.b@town.example,Anne,Berger,sg\n"),
        ("units/units.toml", "[unit.sg]\n"),
    ] {
        std::fs::write(policies.join(path), text).unwrap();
    }
    let observing = [("OCTROI_POLICIES__MODE", "observe"), ("OCTROI_POLICIES__UNTIL", "2999-01-01")];
    let output = octroi(folder.path(), &["test"], &observing);
    assert!(text(&output.stdout).trim_end().ends_with(" passed, 0 failed"), "{}", text(&output.stdout));
    assert!(text(&output.stderr).contains("as in mode \"enforce\""), "{}", text(&output.stderr));
}
