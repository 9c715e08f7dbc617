// SPDX-License-Identifier: EUPL-1.2
//! What the gateway's journal keeps gives its verdicts again (promise 10), and mail that is put off has a row that
//! changes (decision D39).

use std::path::Path;
use std::time::Instant;

use octroi::app::read_policies;
use octroi::app::replay::{Change, replay};
use octroi::policy::case::Case;
use octroi::policy::{Policy, Unknown};
use octroi::store::{Retention, Store, StoreSettings};

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Hop, PATIENCE};
use super::{CLERK, message};

#[test]
fn every_mail_of_the_shipped_cases_is_judged_again_out_of_the_journal() {
    let shipped = read_policies(&Path::new(env!("CARGO_MANIFEST_DIR")).join("policies")).unwrap();
    let hop = Hop::friendly();
    let setup = Setup::new(hop.address);
    std::fs::remove_file(setup.folder.path().join("policies/rules/test.cedar")).unwrap();
    for (path, bytes) in shipped.iter().filter(|(path, _)| !path.starts_with("tests/") && *path != "limits.toml") {
        setup.policy(path, std::str::from_utf8(bytes).unwrap());
    }
    let mut gateway = setup.serve();
    let own = Policy::load(&shipped).unwrap();
    let (mut client, mut copies) = (Client::greet(gateway.address), 0);
    let is_case =
        |path: &str| path.strip_prefix("tests/").is_some_and(|name| name.ends_with(".toml") && !name.contains('/'));
    for (path, bytes) in shipped.iter().filter(|(path, _)| is_case(path)) {
        for case in Case::parse(path, std::str::from_utf8(bytes).unwrap()).unwrap() {
            if !case.from.mailbox().is_some_and(|from| own.lists.is_own(from, jiff::Timestamp::now())) {
                continue; // nobody may send so
            }
            let mut to: Vec<String> = case.to.iter().map(ToString::to_string).collect();
            let another = "contact@atelier-voisin.example".to_owned();
            to.extend((!to.contains(&another)).then_some(another));
            let recipients: Vec<&str> = to.iter().map(String::as_str).collect();
            // Two cases may send one mail: the second copy that is held would be a repeat.
            let mut content = format!("X-Case: {copies}\r\n").into_bytes();
            content.extend_from_slice(&shipped[&format!("tests/mail/{}", case.mail)]);
            let reply = client.mail(&case.from.to_string(), &recipients, &content);
            assert!(reply.starts_with("250 "), "{}: {reply}", case.name);
            copies += recipients.len() as u64;
        }
    }
    gateway.signal("TERM");
    assert_eq!(gateway.ended(), Some(0));

    let files = read_policies(&setup.folder.path().join("policies")).unwrap();
    let (same, other) = (Policy::load(&files).unwrap(), Policy::load(&without_rules(files)).unwrap());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = open(setup.folder.path()).await;
        let mut different = Vec::new();
        let tell = |again: octroi::app::replay::Again| {
            // Of private mail some facts that rules ask for are not kept, nor any address (decision D20).
            let sealed = again.recipient.is_none() && again.change == Change::Unknown(Unknown::Sealed);
            different.extend((again.change != Change::Same && !sealed).then_some(again));
        };
        let sum = replay(&store, &same, jiff::Timestamp::UNIX_EPOCH, tell).await.unwrap();
        assert!(different.is_empty(), "{different:?}");
        assert_eq!((sum.entries, sum.same + sum.unknown, sum.left_out), (copies, copies, 0));
        assert!(sum.unknown * 4 < sum.same, "{sum:?}");
        // Without rules everything leaves, and nobody has to guess.
        let mut freed = 0;
        let tell = |again: octroi::app::replay::Again| {
            assert!(again.now.is_some_and(|(_, rules)| rules.is_empty()));
            freed += u64::from(again.change == Change::NewlyFreed);
        };
        let sum = replay(&store, &other, jiff::Timestamp::UNIX_EPOCH, tell).await.unwrap();
        assert_eq!((sum.newly_freed, sum.unknown, sum.newly_held), (freed, 0, 0));
        assert!(freed >= 5 && freed < copies, "{sum:?}");
        store.close().await.unwrap();
    });
}

fn without_rules(files: std::collections::BTreeMap<String, Vec<u8>>) -> std::collections::BTreeMap<String, Vec<u8>> {
    files.into_iter().filter(|(path, _)| !path.starts_with("rules/")).collect()
}

async fn open(folder: &Path) -> Store {
    let settings = StoreSettings {
        database: folder.join("var/octroi.db"),
        blobs: folder.join("var/blobs"),
        key_file: folder.join("var/octroi.key"),
        node: None,
        shared: false,
        quota: None,
        keep_free: 0,
        retention: Retention::default(),
    };
    Store::open(settings, jiff::Timestamp::now()).await.unwrap()
}

#[test]
fn mail_put_off_by_a_fault_of_ours_has_one_row_that_says_how_often_and_why() {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    setup.store.push_str("quota = \"1 KiB\"");
    let gateway = setup.serve();
    let content = message("put-off");
    for _ in 0..3 {
        let reply = Client::greet(gateway.address).mail(CLERK, &["me@held.example"], &content);
        assert!(reply.starts_with("451 "), "{reply}");
    }
    let end = Instant::now() + PATIENCE;
    let row = loop {
        assert!(Instant::now() < end, "no row that was changed twice");
        let rows = setup.json(&["find", "<put-off@justice.gouv.example>", "--json"]);
        assert!(rows.len() <= 1, "{rows:?}");
        // The journal is written in batches, behind the replies.
        match rows.into_iter().next() {
            Some(row) if row["times"] == 3 => break row,
            _ => {}
        }
    };
    assert_eq!((row["disposition"].as_str(), row["cause"].as_str()), (Some("defer"), Some("store")), "{row}");
    assert_eq!(row["rules"][0], "keep");
    assert!(row["last"].as_str() > row["received"].as_str(), "{row}");
}
