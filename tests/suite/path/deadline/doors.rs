// SPDX-License-Identifier: EUPL-1.2
//! The whole gateway on a standing clock: the reply comes by the deadline through either listener.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use octroi::app::Gateway;
use octroi::deliver::deadline::PROMISE;
use octroi::listen::log;
use tokio::time::Instant;

use super::hop::{Hop, Slow};
use super::{LATE, TICK, on_a_standing_clock};
use crate::path::client::Client;
use crate::path::gateway::Setup;
use crate::path::mta::{Mta, mail};
use crate::path::{CLERK, message};

/// A gateway in this process, which lives on the test's clock.
async fn serve(setup: &Setup) -> (Gateway, log::Guard) {
    let settings = log::LogSettings {
        format: log::Format::Human,
        level: log::Level::parse("info").unwrap(),
        target: log::Target::Stderr,
    };
    let (writer, guard) = log::start(&settings, Box::new(std::io::sink())).unwrap();
    (Gateway::start(&setup.loaded(), writer).await.unwrap(), guard)
}

#[test]
fn a_hop_that_takes_two_seconds_eight_times_is_left_after_six() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::Each(Duration::from_secs(2)));
        let mut setup = Setup::new(hop.address);
        setup.more = "[limits]\nnext_hop = \"6s\"\n[smtp.upstream_tls]\nmode = \"off\"\n".into();
        let (gateway, _guard) = serve(&setup).await;
        let (address, began) = (gateway.addresses[0], Instant::now());
        let client = tokio::task::spawn_blocking(move || {
            let to =
                ["one@pass.example", "two@pass.example", "three@pass.example", "four@pass.example", "me@held.example"];
            Client::greet(address).mail(CLERK, &to, &message("slow-hop"))
        });
        let reply = client.await.unwrap();
        assert!(reply.starts_with("451 "), "{reply}");
        assert!(began.elapsed() <= Duration::from_secs(6) + LATE, "{:?}", began.elapsed());
        assert_eq!(held(&gateway).await, 0);
    });
}

/// Held by another process until it is dropped.
struct Locked(Child);

impl Locked {
    fn lock(setup: &Setup) -> Locked {
        let database = setup.folder.path().join("var/octroi.db");
        let command = Command::new("sqlite3").arg(database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut process = command.expect("sqlite3 is installed");
        let input = process.stdin.as_mut().unwrap();
        input.write_all(b".timeout 10000\nBEGIN IMMEDIATE;\nSELECT 'locked';\n").unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "locked");
        Locked(process)
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

async fn held(gateway: &Gateway) -> u64 {
    gateway.pipeline.store.figures().await.unwrap().held
}

/// The store does not answer: the client hears so in time, and of its next attempt one copy is held, whether the first
/// was still written or not (decision D11).
async fn store_away(setup: &Setup, gateway: &Gateway, send: impl Fn() -> String + Clone + Send + 'static) {
    let locked = Locked::lock(setup);
    let refused = tokio::task::spawn_blocking(send.clone());
    while gateway.pipeline.under_way.is_empty() {
        tokio::task::yield_now().await;
    }
    // So long, and no longer.
    let began = Instant::now();
    while began.elapsed() < PROMISE - TICK {
        tokio::time::advance(TICK).await;
        tokio::task::yield_now().await;
    }
    tokio::time::advance(2 * TICK).await;
    let refused = refused.await.unwrap();
    assert!(!refused.starts_with('2'), "{refused}");
    drop(locked);
    let taken = tokio::task::spawn_blocking(send).await.unwrap();
    assert!(taken.starts_with('2'), "{taken}");
    assert_eq!(held(gateway).await, 1);
}

#[test]
fn a_store_that_does_not_answer_is_waited_for_until_the_deadline() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::At("never"));
        let setup = Setup::new(hop.address);
        let (gateway, _guard) = serve(&setup).await;
        let address = gateway.addresses[0];
        let content = message("store-away");
        store_away(&setup, &gateway, move || Client::greet(address).mail(CLERK, &["me@held.example"], &content)).await;
    });
}

#[test]
fn through_the_milter_listener_too() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::At("never"));
        let mut setup = Setup::new(hop.address);
        let door = setup.with_milter();
        let (gateway, _guard) = serve(&setup).await;
        let content = message("store-away");
        store_away(&setup, &gateway, move || {
            let mut mta = Mta::agreed(door);
            mta.send(&mail("Q1", "", CLERK, &["me@held.example"], &content));
            let (ending, _) = mta.ending().pop().unwrap();
            // Discarded: octroi has it.
            if ending == 'd' { "2xx".into() } else { ending.to_string() }
        })
        .await;
    });
}

/// A clock that goes on while nothing is asked.
async fn pause(time: Duration) {
    let began = Instant::now();
    while began.elapsed() < time {
        tokio::time::advance(TICK).await;
        tokio::task::yield_now().await;
    }
}

/// The time of a content ends with it: who pauses behind a letter of several reads, for longer than a content may take and
/// shorter than a command may, is served.
#[test]
fn a_pause_behind_a_content_is_none_within_it() {
    on_a_standing_clock(async {
        let hop = Hop::start(Slow::At("never"));
        let mut setup = Setup::new(hop.address);
        let door = setup.with_milter();
        let (gateway, _guard) = serve(&setup).await;
        let address = gateway.addresses[0];
        let content = [message("pause"), "words of a letter\r\n".repeat(20_000).into_bytes()].concat();
        let (paused, pauses) = tokio::sync::oneshot::channel();
        let (go_on, goes_on) = std::sync::mpsc::channel();
        let clients = tokio::task::spawn_blocking(move || {
            let mut client = Client::greet(address);
            let said = client.mail(CLERK, &["one@pass.example"], &content);
            assert!(said.starts_with("250 "), "{said}");
            let mut mta = Mta::agreed(door);
            mta.send(&mail("Q1", "", CLERK, &["one@pass.example"], &content));
            mta.ending().pop().unwrap();
            paused.send(()).unwrap();
            goes_on.recv().unwrap();
            let said = client.mail(CLERK, &["two@pass.example"], &content);
            mta.send(&mail("Q2", "", CLERK, &["two@pass.example"], &content));
            (said, mta.ending().pop().unwrap().0)
        });
        pauses.await.unwrap();
        pause(Duration::from_secs(4 * 60)).await;
        go_on.send(()).unwrap();
        let (said, ending) = clients.await.unwrap();
        assert!(said.starts_with("250 "), "{said}");
        assert_ne!(ending, 't');
    });
}
