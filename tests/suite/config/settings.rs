// SPDX-License-Identifier: EUPL-1.2
//! What is read, and what every fault says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use octroi::access::{Account, Role, Scope};
use octroi::config::{Loaded, PolicyMode, parse};
use octroi::deliver::settings::{Hop, OutwardTlsMode};
use octroi::diagnostic::{Diagnostic, Diagnostics};
use octroi::listen::settings::{Auth, ClientKind, InwardTlsMode};
use octroi::smtp::data::BareNewline;

const NAME: &str = "/etc/octroi/octroi.toml";

fn read(text: &str) -> Loaded {
    parse(text, Path::new(NAME), std::iter::empty()).unwrap_or_else(|faults| panic!("{faults}"))
}

fn faults(text: &str) -> Vec<Diagnostic> {
    parse(text, Path::new(NAME), std::iter::empty()).expect_err("a fault").0
}

fn with_environment(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, Diagnostics> {
    parse(text, Path::new(NAME), environment.iter().copied())
}

/// The text's only fault is at a place and says two things.
#[track_caller]
fn one_fault(text: &str, at: (usize, usize), says: &str, help: &str) {
    let faults = faults(text);
    assert_eq!(faults.len(), 1, "{faults:#?}");
    assert_eq!(faults[0].line_column(), Some(at), "{}", faults[0]);
    assert!(faults[0].message.contains(says), "{}", faults[0]);
    assert!(faults[0].help.as_deref().unwrap_or_default().contains(help), "{}", faults[0]);
}

#[test]
fn nothing_set_is_a_sound_gateway_for_this_machine() {
    let loaded = read("");
    let settings = loaded.settings;
    assert_eq!(settings.smtp.listen, ["127.0.0.1:10025".parse().unwrap()]);
    assert_eq!(settings.next_hop.hop, Hop::Smtp { host: "127.0.0.1".into(), port: 10026 });
    assert!(settings.smtp.clients.is_loopback_only());
    assert_eq!(settings.smtp.max_size, 50 << 20);
    assert_eq!(settings.next_hop.pool.idle, Duration::from_secs(30));
    assert_eq!(settings.limits.memory, 512 << 20);
    assert_eq!(settings.limits.reading, 512 << 20);
    assert_eq!(settings.policies.mode, PolicyMode::Enforce);
    assert!(!settings.smtp.hostname.is_empty());
    // What is worth a warning: the missing release road (decision D10), and notices that do not say whose they are.
    // The machine's own name may be none: that is told too.
    let mut warnings: Vec<&str> =
        loaded.warnings.iter().map(|warning| warning.message.split(':').next().unwrap()).collect();
    warnings.retain(|key| *key != "smtp.hostname");
    assert_eq!(warnings, ["release.via", "house.name", "house.contact"]);
}

#[test]
fn the_contracts_example_is_read() {
    let settings = read(
        r#"
        [smtp]
        listen = ["127.0.0.1:10025"]
        upstream = "mx.example.org:10026"
        clients = ["127.0.0.0/8", "::1"]
        client = "submission"
        tls = { mode = "required", certificate = "tls/cert.pem", key = "/k.pem" }
        upstream_tls.mode = "verified"
        [release]
        via = "relay.example.org:10028"
        [store]
        url = "sqlite:var/octroi.db"
        blobs = "file:/srv/blobs"
        [dns]
        server = "127.0.0.1:5353"
        static = "mx.json"
        "#,
    )
    .settings;
    assert_eq!(settings.smtp.client_kind, ClientKind::Submission);
    assert_eq!(settings.next_hop.hop, Hop::Smtp { host: "mx.example.org".into(), port: 10026 });
    assert_eq!(settings.next_hop.tls.mode, OutwardTlsMode::Verified);
    assert_eq!(settings.smtp.tls.mode, InwardTlsMode::Required);
    assert_eq!(settings.smtp.tls.certificate, Some(PathBuf::from("/etc/octroi/tls/cert.pem")));
    assert_eq!(settings.smtp.tls.key, Some(PathBuf::from("/k.pem")));
    assert_eq!(settings.store.database, Path::new("/etc/octroi/var/octroi.db"));
    assert_eq!(settings.store.blobs, Path::new("/srv/blobs"));
    assert_eq!(settings.dns.fixed, Some(PathBuf::from("/etc/octroi/mx.json")));
}

#[test]
fn key_blobs_and_socket_stand_beside_the_database() {
    let settings = read("[store]\nurl = \"sqlite:/var/lib/octroi/octroi.db\"\n").settings;
    assert_eq!(settings.store.blobs, Path::new("/var/lib/octroi/blobs"));
    assert_eq!(settings.store.key, Path::new("/var/lib/octroi/octroi.key"));
    assert_eq!(settings.cli.socket, Path::new("/var/lib/octroi/octroi.sock"));
}

#[test]
fn an_unknown_key_names_the_nearest_one() {
    one_fault(
        "[smtp]\nupstraem = \"127.0.0.1:26\"\n",
        (2, 1),
        "unknown key \"upstraem\" in [smtp]",
        "did you mean \"upstream\"? For example: upstream = ",
    );
    one_fault("[smpt]\nlisten = []\n", (1, 2), "unknown section [smpt]", "did you mean [smtp]?");
    one_fault("[smtp]\nvia = \"a:25\"\n", (2, 1), "unknown key \"via\"", "\"via\" belongs in [release]: via = ");
    one_fault("[release]\nblinkenlights = 1\n", (2, 1), "unknown key", "write via");
    one_fault("[smtp.tls]\ncertifcate = \"x\"\n", (2, 1), "in [smtp.tls]", "did you mean \"certificate\"?");
    one_fault(
        "[smtp]\ntls = { mod = \"off\" }\n",
        (2, 9),
        "unknown key \"mod\" in [smtp.tls]",
        "did you mean \"mode\"?",
    );
    one_fault("upstream = \"a:25\"\n", (1, 1), "is not in a section", "belongs in [smtp]");
    one_fault("[quux]\n", (1, 2), "unknown section [quux]", "write one of the sections smtp, release");
}

#[test]
fn all_faults_come_at_once_each_at_its_place() {
    let text = "[smtp]\nlisten = [\"127.0.0.1\", \"127.0.0.1:10025\", \"nowhere\"]\nmax_size = \"50 MB\"\nclient = \"mta\"\n\
                [retention]\naudit = 3\n[lgo]\n[store]\nurl = \"postgres://db/octroi\"\n";
    let found: Vec<_> = faults(text).iter().map(|fault| fault.line_column().unwrap()).collect();
    for place in [(2, 11), (2, 43), (3, 12), (4, 10), (6, 9), (7, 2), (9, 7)] {
        assert!(found.contains(&place), "nothing at {place:?}: {found:?}");
    }
    assert_eq!(found.len(), 7);
}

#[test]
fn a_wrong_shape_says_the_right_one() {
    one_fault("[smtp]\nmax_size = [\"1 MiB\"]\n", (2, 12), "must be one value, not a list", "max_size = \"50 MiB\"");
    one_fault("[smtp]\nmax_size = { a = 1 }\n", (2, 12), "is a key, not a section", "max_size =");
    one_fault("[smtp]\nclients = [[\"::1\"]]\n", (2, 12), "each element of this list must be a text", "clients =");
    one_fault("[smtp]\ntls = \"off\"\n", (2, 7), "\"smtp.tls\" is a section", "write [smtp.tls]");
    // A single text is a list of one; a number may be written as a text.
    let smtp = read("[smtp]\nclients = \"::1\"\nmax_recipients = \"500\"\n").settings.smtp;
    assert_eq!((smtp.clients.0.len(), smtp.max_recipients), (1, 500));
}

#[test]
fn a_file_that_is_no_toml_has_a_place() {
    let faults = faults("[smtp]\nlisten = 127.0.0.1:10025\n");
    assert!(faults[0].message.contains("this is not valid TOML"), "{}", faults[0]);
    assert_eq!(faults[0].line_column().unwrap().0, 2);
    assert!(faults[0].help.as_deref().unwrap_or_default().contains("write texts in quotes"));
}

#[test]
fn who_may_speak_is_said_or_nothing_starts() {
    // Decision D6, every way in and out.
    let open = "[smtp]\nlisten = [\"0.0.0.0:25\"]\n";
    one_fault(open, (2, 10), "other machines can reach 0.0.0.0:25", "clients = [");
    one_fault("[smtp]\nlisten = [\"[::]:25\"]\n", (2, 10), "can reach [::]:25", "clients = [");
    let only_us = format!("{open}clients = [\"127.0.0.1\"]\n");
    one_fault(&only_us, (2, 10), "none of them may send", "listen only on 127.0.0.1");
    one_fault(&format!("{open}clients = []\n"), (2, 10), "none of them may send", "listen only on 127.0.0.1");
    read(&format!("{open}clients = [\"127.0.0.0/8\", \"10.0.0.0/8\"]\n"));
    let everybody = read(&format!("{open}clients = [\"0.0.0.0/0\"]\n"));
    assert!(everybody.warnings.iter().any(|warning| warning.message.contains("every machine on the Internet")));
    one_fault("[smtp]\nlisten = []\n", (2, 10), "would receive no mail", "listen = [");
}

#[test]
fn every_way_to_be_believed_is_read() {
    let tls = "tls = { mode = \"required\", certificate = \"c\", key = \"k\", listen = [\"0.0.0.0:465\"] }\n";
    let smtp = read(&format!(
        "[smtp]\nlisten = [\"0.0.0.0:25\"]\nclient_certs = \"ca\"\nauth = \"pass\"\nbare_newline = \"pass\"\n{tls}\
         trusted_peers = {{ xclient = [\"10.0.0.1\"], proxy = [\"10.0.0.2\"] }}\n"
    ))
    .settings
    .smtp;
    assert_eq!((smtp.auth, smtp.bare_newline), (Auth::Pass, BareNewline::Pass));
    assert!(smtp.client_certs.is_some() && smtp.tls.listen.len() == 1);
    assert!(smtp.trusted_peers.xclient.contains([10, 0, 0, 1].into()));
    assert!(smtp.trusted_peers.proxy.contains([10, 0, 0, 2].into()));
    assert!(read("[smtp]\nupstream = \"lmtp:/run/lmtp\"\n").settings.next_hop.hop.is_lmtp());
    assert!(read("[release]\nvia = \"lmtp:[::1]:24\"\n").settings.release.unwrap().is_lmtp());
    assert!(!read("").settings.smtp.hostname_is_chosen);
}

#[test]
fn a_password_never_goes_over_an_open_wire() {
    let in_clear = "TLS with clients is off";
    one_fault("[smtp]\nauth = \"pass\"\n", (2, 8), in_clear, "opportunistic");
    one_fault("[smtp.tls]\nlisten = [\"127.0.0.1:10465\"]\n", (2, 10), in_clear, "opportunistic");
    let tls = "[smtp]\nauth = \"pass\"\ntls = { mode = \"required\", certificate = \"c\", key = \"k\" }\n";
    let far = "upstream = \"relay.example.org:25\"\nupstream_tls = { mode = \"off\" }\n";
    one_fault(&format!("{tls}{far}"), (2, 8), "would send passwords without encryption", "upstream_tls");
    read(&format!("{tls}upstream_tls = {{ mode = \"off\" }}\n"));
    one_fault("[smtp]\nauth = \"passs\"\n", (2, 8), "did you mean \"pass\"?", "auth = ");
}

#[test]
fn tls_is_whole_or_off() {
    one_fault("[smtp.tls]\nmode = \"required\"\nkey = \"k\"\n", (2, 8), "there is no certificate", "certificate = ");
    one_fault("[smtp.tls]\nmode = \"required\"\ncertificate = \"c\"\n", (2, 8), "there is no key", "key = ");
    one_fault("[smtp.tls]\nkey = \"k\"\n", (2, 7), "TLS with clients is off", "mode = \"opportunistic\"");
    one_fault("[smtp.upstream_tls]\nca = \"c\"\n", (2, 6), "does not verify the certificate", "mode = \"verified\"");
}

#[test]
fn mail_never_goes_round_in_circles() {
    one_fault("[smtp]\nupstream = \"127.0.0.1:10025\"\n", (2, 12), "octroi itself listens on", "the next mail server");
    one_fault("[release]\nvia = \"localhost:10025\"\n", (2, 7), "mail would loop", "the next mail server");
    one_fault("[web]\nlisten = \"127.0.0.1:10025\"\n", (2, 10), "smtp.listen already uses", "its own port");
    assert_eq!(read("[web]\nlisten = \"off\"\n").settings.web, None);
}

#[test]
fn numbers_fit_each_other() {
    one_fault("[limits]\ninspection = \"60s\"\n", (2, 14), "together are 105 s", "90 s at most");
    one_fault("[limits]\nmemory = \"10 MiB\"\n", (2, 10), "less than smtp.max_size", "memory = ");
    one_fault("[retention]\nwarning = \"30d\"\n", (2, 11), "would come before the mail", "warning = \"5d\"");
    one_fault("[smtp]\nmax_connections = 0\n", (2, 19), "at least 1", "max_connections = ");
    one_fault(
        "[retention]\naudit = \"forever\"\n",
        (2, 9),
        "retention.audit: \"forever\" is not a length of time",
        "audit =",
    );
}

#[test]
fn observing_has_a_last_day_and_ends_by_itself() {
    one_fault("[policies]\nmode = \"observe\"\n", (2, 8), "needs a last day", "until = ");
    one_fault("[policies]\nuntil = 2027-03-31\n", (2, 9), "is only for mode = \"observe\"", "observe");
    // One fault hides no other, and makes none.
    one_fault("[policies]\nmode = \"observ\"\nuntil = 2027-03-31\n", (2, 8), "did you mean \"observe\"?", "mode = ");
    one_fault("[policies]\nmode = \"observe\"\nuntil = \"soon\"\n", (3, 9), "is not a date", "2027-03-31");
    let both = faults("[policies]\nmode = \"observ\"\nuntil = \"soon\"\n");
    for says in ["not valid", "is not a date"] {
        assert_eq!(both.iter().filter(|fault| fault.message.contains(says)).count(), 1, "{says}: {both:#?}");
    }
    assert_eq!(both.len(), 2, "{both:#?}");
    let loaded = read("[policies]\nmode = \"observe\"\nuntil = 2027-03-31\n");
    assert!(loaded.warnings.iter().any(|warning| warning.message.contains("only observes until")));
    let policies = loaded.settings.policies;
    assert_eq!(policies.mode_at("2027-03-31T23:59:59Z".parse().unwrap()), PolicyMode::Observe);
    assert_eq!(policies.mode_at("2027-04-01T00:00:00Z".parse().unwrap()), PolicyMode::Enforce);
}

#[test]
fn what_is_not_built_yet_does_not_start() {
    one_fault("[shared]\nurl = \"redis://x\"\n", (2, 7), "supports only \"memory:\"", "memory:");
    one_fault("[store]\nurl = \"postgres://db\"\n", (2, 7), "this version does not support \"postgres:\"", "sqlite:");
    one_fault("[store]\nblobs = \"s3://b\"\n", (2, 9), "does not support \"s3:\"", "file:");
}

#[test]
fn the_milter_door_stands_on_addresses_and_on_paths() {
    let loaded = read("[smtp]\nlisten = []\n[milter]\nlisten = [\"inet:127.0.0.1:10027\", \"unix:run/m.sock\"]\n");
    let places: Vec<String> = loaded.settings.milter.listen.iter().map(ToString::to_string).collect();
    assert_eq!(places, ["inet:127.0.0.1:10027", "unix:/etc/octroi/run/m.sock"]);
    let open = ", but none of them may send mail";
    for (place, column, text, help) in [
        ("127.0.0.1:10027", 11, "is not a milter address", "inet:127.0.0.1:10027"),
        ("inet:10027@127.0.0.1", 11, "write the address first: \"inet:127.0.0.1:10027\"", "inet:"),
        ("inet:127.0.0.1", 11, "has no port", "inet:"),
        ("unix:", 11, "is not a milter address", "inet:"),
        ("inet:10.0.0.1:10027", 10, open, "clients ="),
        ("inet:127.0.0.1:10025", 10, "smtp.listen already uses", "its own port"),
    ] {
        one_fault(&format!("[milter]\nlisten = [\"{place}\"]\n"), (2, column), text, help);
    }
}

#[test]
fn accounts_are_users_with_a_role() {
    read(
        "[cli.accounts]\nroot = { account = \"a.martin\", role = \"reviewer\" }\n1001 = { account = \"b\", role = \"auditor\" }\n",
    );
    let wrong = "[cli.accounts]\nroot = { account = \"a\", role = \"reviever\" }\n";
    one_fault(wrong, (2, 32), "\"reviever\" is not a role", "did you mean \"reviewer\"?");
    one_fault("[cli.accounts]\nroot = { account = \"a\" }\n", (2, 1), "needs both an account and a role", "role =");
    one_fault("[cli.accounts]\nroot = \"a\"\n", (2, 8), "a user needs an account and a role", "account =");
}

#[test]
fn an_account_has_roles_units_and_a_mailbox_of_its_own() {
    let settings = read(
        "[cli.accounts]\n\
         1 = { account = \"a\", role = [\"reviewer\", \"approver\"], unit = \"sg\", mail = \"A@town.example\" }\n\
         2 = { account = \"b\", role = \"auditor\", unit = [\"sg/achats\", \"dgfip\"] }\n\
         3 = { account = \"c\", role = \"approver\" }\n",
    )
    .settings;
    let accounts: Vec<&Account> = settings.cli.accounts.iter().collect();
    let [a, b, c] = accounts.as_slice() else { panic!("{accounts:?}") };
    assert_eq!(a.roles, [Role::Reviewer, Role::Approver]);
    assert_eq!(a.mail.as_ref().map(|mail| mail.key()).as_deref(), Some("a@town.example"));
    assert!(a.scope.covers(Some("sg/achats")) && !a.scope.covers(Some("dgfip")) && !a.scope.covers(None));
    assert!(b.scope.covers(Some("dgfip")) && !b.scope.covers(Some("sg")));
    assert_eq!(c.scope, Scope::All);

    let row = |more: &str| format!("[cli.accounts]\nroot = {{ account = \"a\", role = \"auditor\", {more} }}\n");
    one_fault(&row("mail = \"a.martin\""), (2, 50), "the address has no @", "a.martin@example.org");
    one_fault(&row("unit = \"\""), (2, 50), "the name of a unit is empty", "for all");
    one_fault(&row("untis = \"sg\""), (2, 43), "unknown key \"untis\"", "did you mean \"unit\"?");
    let mixed = "[cli.accounts]\nroot = { account = \"a\", role = [\"auditor\", \"king\"] }\n";
    one_fault(mixed, (2, 44), "\"king\" is not a role", "reviewer");
    let environment =
        [("OCTROI_CLI__ACCOUNTS", r#"{"7": {"account": "a", "role": ["auditor", "operator"], "unit": "sg"}}"#)];
    let settings = with_environment("", &environment).unwrap_or_else(|faults| panic!("{faults}")).settings;
    assert_eq!(settings.cli.accounts.iter().next().unwrap().roles, [Role::Auditor, Role::Operator]);
}

#[test]
fn the_environment_wins_over_the_file() {
    let environment = [
        ("OCTROI_SMTP__UPSTREAM", "relay.example.org:25"),
        ("OCTROI_SMTP__CLIENTS", "127.0.0.0/8, 10.0.0.0/8"),
        ("OCTROI_SMTP__RELAY_FOR", r#"["a.example", "b.example"]"#),
        ("OCTROI_SMTP__UPSTREAM_TLS__MODE", "required"),
        ("OCTROI_CLI__ACCOUNTS", r#"{"0": {"account": "a", "role": "reviewer"}}"#),
        // What Kubernetes sets by itself for a service called octroi.
        ("OCTROI_SERVICE_HOST", "10.1.1.1"),
        ("OCTROI_PORT_25_TCP", "tcp://10.1.1.1:25"),
    ];
    let settings = with_environment("[smtp]\nupstream = \"127.0.0.1:26\"\nclients = [\"::1\"]\n", &environment)
        .unwrap_or_else(|faults| panic!("{faults}"))
        .settings;
    assert_eq!(settings.next_hop.hop.to_string(), "relay.example.org:25");
    assert_eq!(settings.next_hop.tls.mode, OutwardTlsMode::Required);
    assert_eq!(settings.smtp.clients.0.len(), 2);
    assert_eq!(settings.smtp.relay_for.len(), 2);
    assert_eq!(settings.cli.accounts.resolve(&Default::default()).unwrap().caller(0).unwrap().name(), "a");
}

#[test]
fn a_wrong_variable_is_named() {
    let says = |name, value| with_environment("", &[(name, value)]).unwrap_err().to_string();
    let text = says("OCTROI_SMTP__UPSTRAEM", "a:25");
    assert!(text.contains("environment, OCTROI_SMTP__UPSTRAEM: there is no such setting"), "{text}");
    assert!(text.contains("did you mean OCTROI_SMTP__UPSTREAM?"), "{text}");
    let text = says("OCTROI_SMTP__MAX_SIZE", "50 MB");
    assert!(text.contains("environment, OCTROI_SMTP__MAX_SIZE: smtp.max_size: \"MB\" is not a unit"), "{text}");
    assert!(says("OCTROI_SMTP__CLIENTS", "[\"::1\"").contains("this is not a list"));
    assert!(says("OCTROI_CLI__ACCOUNTS", "root").contains("this is not a table of accounts"));
}

#[test]
fn a_drawn_fault_shows_file_line_column_and_what_to_write() {
    let text = "[smtp]\n# our relay\nupstraem = \"127.0.0.1:26\"\n";
    let drawn = parse(text, Path::new("octroi.toml"), std::iter::empty()).unwrap_err().draw(false);
    for part in
        ["unknown key \"upstraem\" in [smtp]", "octroi.toml:3:1", "upstraem = \"127.0.0.1:26\"", "help: did you mean"]
    {
        assert!(drawn.contains(part), "{part} is not in\n{drawn}");
    }
    assert!(!drawn.contains('\u{1b}'), "colour where none was wanted");
    let line = parse(text, Path::new("octroi.toml"), std::iter::empty()).unwrap_err().to_string();
    assert!(line.starts_with("octroi.toml:3:1: unknown key"), "{line}");
}
