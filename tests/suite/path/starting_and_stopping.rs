// SPDX-License-Identifier: EUPL-1.2
//! SIGTERM drains, SIGHUP reloads or says why not, and nothing starts half-configured.

use std::process::Command;
use std::time::Instant;

use super::client::{Client, stuffed};
use super::gateway::Setup;
use super::hop::{Hop, PATIENCE};
use super::{CLERK, message};

#[test]
fn an_open_transaction_is_finished_before_the_end() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let mut gateway = setup.serve();
    let mut idle = Client::greet(gateway.address);
    let mut client = Client::greet(gateway.address);
    client.ask(&format!("MAIL FROM:<{CLERK}>"));
    client.ask("RCPT TO:<one@pass.example>");
    client.ask("RCPT TO:<me@held.example>");
    assert!(client.ask("DATA").starts_with("354"));
    let content = message("drained");
    let wire = stuffed(&content);
    client.send(&wire[..100]);
    gateway.signal("TERM");
    gateway.wait_for_line("stopping");
    // Whoever is idle is told to go; nobody new is served.
    let goodbye = idle.reply();
    assert!(goodbye.starts_with("421 4.3.2"), "{goodbye}");
    client.send(&wire[100..]);
    let reply = client.reply();
    assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}");
    let goodbye = client.reply();
    assert!(goodbye.starts_with("421 4.3.2"), "{goodbye}");
    assert_eq!(gateway.ended(), Some(0), "{}", gateway.log());
    assert!(hop.mails()[0].content == content);
    // What was held and written down is there at the next start.
    let _gateway = setup.serve();
    assert_eq!(setup.copies().len(), 1);
    assert_eq!(setup.journal("<drained@justice.gouv.example>", 2).len(), 2);
}

#[test]
fn a_broken_rule_is_refused_with_its_reason_and_the_old_ones_stay() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    setup.policy("rules/more.cedar", "@id(\"x\") @disposition(\"reject\")\nforbid (principal, action, resource);\n");
    gateway.signal("HUP");
    gateway.wait_for_line("reload refused");
    gateway.wait_for_line("more.cedar");
    gateway.wait_for_line("@reason");
    let mut client = Client::greet(gateway.address);
    assert!(client.mail(CLERK, &["one@pass.example"], &message("old")).starts_with("250 2.0.0 hop ok"));
    assert!(client.mail(CLERK, &["me@held.example"], &message("old")).starts_with("250 2.0.0 accepted as"));
    // Mended, it is taken.
    let rule = "@id(\"x\") @disposition(\"reject\") @reason(\"no.\")\nforbid (principal, action, resource);\n";
    setup.policy("rules/more.cedar", rule);
    gateway.signal("HUP");
    gateway.wait_for_line("reloaded");
    assert!(client.mail(CLERK, &["one@pass.example"], &message("new")).starts_with("550 5.7.1"));
}

#[test]
fn faults_of_the_settings_are_told_and_nothing_starts() {
    let hop = Hop::friendly();
    let refused = |change: &dyn Fn(&mut Setup), words: &[&str]| {
        let mut setup = Setup::new(hop.address);
        change(&mut setup);
        let mut gateway = setup.spawn(&[]);
        assert_ne!(gateway.ended(), Some(0));
        let log = gateway.log();
        assert!(words.iter().all(|word| log.contains(word)), "{words:?} in:\n{log}");
        assert!(!log.contains("ready"), "{log}");
    };
    // A file where the store's folder should be: not even root can write below it.
    let no_store = |setup: &mut Setup| std::fs::write(setup.folder.path().join("var"), "").unwrap();
    refused(&no_store, &["store.url", "var"]);
    refused(&|setup| setup.smtp = "max_sice = \"1 MiB\"\n".into(), &["max_sice", "max_size"]);
    refused(&|setup| setup.policy("rules/bad.cedar", "forbid (principal, action, resource)"), &["bad.cedar"]);
    let no_certificate = |setup: &mut Setup| {
        setup.more = "[smtp.tls]\nmode = \"required\"\ncertificate = \"no.pem\"\nkey = \"no.key\"\n".into();
    };
    refused(&no_certificate, &["smtp.tls.certificate", "no.pem"]);
    let wrong_key = |setup: &mut Setup| {
        setup.serve();
        std::fs::write(setup.folder.path().join("var/octroi.key"), "0".repeat(64)).unwrap();
    };
    refused(&wrong_key, &["key"]);
}

/// Decision D33: the store's lock first, the listeners second, the epoch third.
#[test]
fn a_start_that_fails_takes_nothing_from_the_gateway_that_runs() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    client.ask(&format!("MAIL FROM:<{CLERK}>"));
    client.ask("RCPT TO:<one@pass.example>");
    client.ask("RCPT TO:<me@held.example>");
    assert!(client.ask("DATA").starts_with("354"));
    // The same settings once more, by hand: at ports of its own, and at those that are taken.
    for mut second in [setup.spawn(&[]), setup.spawn_at(gateway.address, &[])] {
        assert_eq!(second.ended(), Some(1), "{}", second.log());
        second.wait_for_line(&format!("is in use by another octroi (process {})", gateway.id()));
    }
    client.send(&stuffed(&message("first")));
    let reply = client.reply();
    assert!(reply.starts_with("250 2.0.0 hop ok"), "{reply}");
    assert_eq!(setup.copies().len(), 1);
}

#[test]
fn a_start_that_cannot_listen_makes_no_store() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut gateway = setup.spawn_at(taken.local_addr().unwrap(), &[]);
    assert_eq!(gateway.ended(), Some(1));
    gateway.wait_for_line("cannot listen on");
    let made = std::fs::read_dir(setup.folder.path().join("var")).unwrap();
    let made: Vec<_> = made.map(|entry| entry.unwrap().file_name()).filter(|name| name != "octroi.db.lock").collect();
    assert!(made.is_empty(), "{made:?}");
}

/// octroi takes all descriptors it may have, and says where they are too few for the settings.
#[test]
fn the_soft_limit_of_descriptors_is_raised_and_a_low_hard_one_is_told() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    // Once as usual: its settings are written then.
    let address = setup.serve().address;
    let limited = |command: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -Sn 300; ulimit -Hn 900; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_octroi"), command]);
        shell.arg("--config").arg(setup.config());
        shell
    };
    let warning = "smtp.max_connections = 1000 needs up to 2292 open descriptors, and the limit is 900";
    let check = limited("check").output().unwrap();
    let said = String::from_utf8_lossy(&check.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(check.status.success() && said.contains(warning), "{said}");
    let log = setup.folder.path().join("log");
    let mut serving = limited("serve").stderr(std::fs::File::create(&log).unwrap()).spawn().unwrap();
    let end = Instant::now() + PATIENCE;
    while Client::try_greet(address).is_none() {
        assert!(Instant::now() < end, "{}", std::fs::read_to_string(&log).unwrap());
    }
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", serving.id())).unwrap();
    let files = limits.lines().find_map(|line| line.strip_prefix("Max open files")).unwrap();
    assert!(Command::new("kill").args(["-TERM", &serving.id().to_string()]).status().unwrap().success());
    serving.wait().unwrap();
    assert_eq!(files.split_whitespace().collect::<Vec<_>>(), ["900", "900", "files"]);
    let log = std::fs::read_to_string(&log).unwrap();
    assert!(log.contains("WARN") && log.contains(warning), "{log}");
}

#[test]
fn the_allocator_gives_back_what_was_freed_unless_told_otherwise() {
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    for (environment, wanted) in [(&[][..], "1"), (&[("MIMALLOC_PURGE_DELAY", "500")][..], "500")] {
        let gateway = setup.serve_with(environment);
        let has = std::fs::read(format!("/proc/{}/environ", gateway.id())).unwrap();
        let has = String::from_utf8(has).unwrap();
        let settings: Vec<_> = has.split('\0').filter(|entry| entry.starts_with("MIMALLOC_PURGE_DELAY=")).collect();
        assert_eq!(settings, [format!("MIMALLOC_PURGE_DELAY={wanted}")]);
    }
}
