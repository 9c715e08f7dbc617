// SPDX-License-Identifier: EUPL-1.2
//! The store fails between the next hop's 250 and ours (decision D12): the client hears 451, and what was prepared is
//! confirmed as soon as the store is back, not when its lease has run out.

use std::path::PathBuf;
use std::process::Command;
use std::time::Instant;

use super::client::Client;
use super::gateway::Setup;
use super::hop::{Act, Hop, PATIENCE, Step};
use super::{CLERK, message};

fn sql(database: &PathBuf, statement: &str) {
    let done = Command::new("sqlite3").arg("-cmd").arg(".timeout 10000").arg(database).arg(statement).status();
    assert!(done.expect("sqlite3 is installed").success());
}

/// A house whose store loses a table at the first final dot, just before the next hop answers; with its database, and the
/// folder in which the hop finds out where that is.
fn losing_its_table() -> (tempfile::TempDir, Setup, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("database");
    let theirs = place.clone();
    // Where the database is, is known only once the house stands.
    let hop = Hop::scripted(move |step: &Step| {
        if step.line == "." && step.nth == 1 {
            let database = PathBuf::from(std::fs::read_to_string(&theirs).unwrap());
            sql(&database, "ALTER TABLE held RENAME TO held_away");
        }
        Act::Usual
    });
    let setup = Setup::new(hop.address);
    let database = setup.folder.path().join("var/octroi.db");
    std::fs::write(&place, database.to_str().unwrap()).unwrap();
    (folder, setup, database)
}

#[test]
fn what_could_not_be_confirmed_is_confirmed_behind_the_clients_back() {
    let (_folder, setup, database) = losing_its_table();
    let gateway = setup.serve();
    let mut client = Client::greet(gateway.address);
    let to = ["one@pass.example", "me@held.example"];
    let content = message("confirmed-late");
    let reply = client.mail(CLERK, &to, &content);
    assert!(reply.starts_with("451 "), "{reply}");
    sql(&database, "ALTER TABLE held_away RENAME TO held");
    let end = Instant::now() + PATIENCE;
    while setup.copies().iter().all(|copy| copy.state != "held") {
        assert!(Instant::now() < end, "never confirmed: {:?}", setup.copies());
    }
    // The next attempt finds it, and no second copy comes to be.
    assert!(client.mail(CLERK, &to, &content).starts_with("250 2.0.0 hop ok"));
    assert_eq!(setup.copies().len(), 1);
}

/// An order to stop ends the pauses between the attempts, which together take longer than the service manager waits; at
/// the next start the client's next attempt is held.
#[test]
fn a_stop_does_not_wait_for_a_store_that_fails() {
    let (_folder, setup, database) = losing_its_table();
    let mut gateway = setup.serve();
    let to = ["one@pass.example", "me@held.example"];
    let content = message("stopped-meanwhile");
    let reply = Client::greet(gateway.address).mail(CLERK, &to, &content);
    assert!(reply.starts_with("451 "), "{reply}");
    gateway.signal("TERM");
    assert_eq!(gateway.ended(), Some(0), "{}", gateway.log());
    sql(&database, "ALTER TABLE held_away RENAME TO held");
    let gateway = setup.serve();
    assert!(setup.copies().is_empty(), "{:?}", setup.copies());
    assert!(Client::greet(gateway.address).mail(CLERK, &to, &content).starts_with("250 2.0.0 hop ok"));
    let held = setup.copies();
    assert_eq!((held.len(), held[0].state.as_str()), (1, "held"));
}
