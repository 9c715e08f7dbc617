// SPDX-License-Identifier: EUPL-1.2
//! octroi dies again and again while Postfix asks its milter: nothing is lost, nothing passes unseen
//! (`milter_default_action = tempfail`), nothing is held twice.

use std::sync::Mutex;

use super::both_doors::postfix_milter;
use super::client::Client;
use super::gateway::{House, tally};
use super::hop::Hop;
use super::postfix::Postfix;
use super::{CLERK, message};

/// Mails sent; more by the environment, for a long look.
fn count() -> usize {
    std::env::var("OCTROI_MILTER_CRASH_MAILS").ok().and_then(|count| count.parse().ok()).unwrap_or(300)
}
const DEATHS: usize = 6;

#[test]
fn deaths_at_random_moments_lose_nothing_and_let_nothing_by() {
    let count = count();
    let hop = Hop::friendly();
    hop.forget_contents();
    let mut house = House::new(hop.address);
    let milter = house.with_milter();
    let first = house.serve();
    let Some(postfix) = Postfix::relaying_to(hop.address, &postfix_milter(milter)) else { return };
    let next = Mutex::new(0);
    let retries = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| send_all(&postfix, &next, count))).collect();
        let mut gateway = first;
        for death in 1..=DEATHS {
            hop.wait("progress", |heard| heard.mails.len() >= death * count / (DEATHS + 2));
            gateway.kill();
            // Some mails meet nobody at all.
            hop.wait("the queue to run dry or a mail more", |heard| {
                heard.mails.len() > death * count / (DEATHS + 2) || postfix.queued() == 0
            });
            gateway = house.serve();
        }
        let retries: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        let held = tally(house.copies().into_iter().map(|copy| (copy.recipient, copy.state)));
        let mut expected: Vec<_> = (0..count).map(|n| (format!("held{n}@held.example"), "held".to_owned())).collect();
        expected.sort();
        assert_eq!(held.keys().cloned().collect::<Vec<_>>(), expected, "each is held");
        assert!(held.values().all(|times| *times == 1), "nothing is held twice");
        retries
    });
    hop.wait("every passing copy", |heard| {
        tally(heard.mails.iter().flat_map(|mail| mail.to.iter().map(|to| path(to)))).len() >= count
    });
    let end = std::time::Instant::now() + super::hop::PATIENCE;
    while postfix.queued() > 0 {
        assert!(std::time::Instant::now() < end, "{}", postfix.log());
    }
    let onward = tally(hop.mails().into_iter().flat_map(|mail| mail.to).map(|to| path(&to)));
    assert!(onward.keys().all(|to| to.ends_with("@pass.example")), "a copy went by unseen");
    assert_eq!(onward.len(), count, "each is delivered");
    let twice = onward.values().map(|times| times - 1).sum::<usize>();
    println!("{count} mails through Postfix, {DEATHS} deaths, {retries} retries, {twice} delivered twice");
    // Postfix has no answer to lose between its own 250 and us: what it refused it did not send.
    assert_eq!(twice, 0);
}

fn path(to: &str) -> String {
    to.split('>').next().unwrap_or_default().trim_start_matches('<').to_owned()
}

/// Sends mails until none is left, each until it is taken; how many attempts failed.
fn send_all(postfix: &Postfix, next: &Mutex<usize>, count: usize) -> usize {
    let mut retries = 0;
    let mut client = None;
    loop {
        let n = {
            let mut next = next.lock().unwrap();
            if *next == count {
                return retries;
            }
            *next += 1;
            *next - 1
        };
        let content = message(&format!("milter-{n}"));
        let to = [format!("pass{n}@pass.example"), format!("held{n}@held.example")];
        loop {
            let mut open = match client.take().or_else(|| Client::try_greet(postfix.address)) {
                Some(open) => open,
                None => continue,
            };
            let replies = open.try_mail(CLERK, &[&to[0], &to[1]], &content);
            if replies.as_ref().and_then(|all| all.get(4)).is_some_and(|reply| reply.starts_with("250 ")) {
                client = Some(open);
                break;
            }
            retries += 1;
        }
    }
}
