// SPDX-License-Identifier: EUPL-1.2
//! octroi dies again and again while Postfix asks its milter: nothing is lost, nothing passes unseen
//! (`milter_default_action = tempfail`), nothing is held twice.

use std::sync::Mutex;

use super::both_doors::postfix_milter;
use super::crash::send_all;
use super::gateway::{Setup, tally};
use super::hop::Hop;
use super::mta::{Mta, Packet, mail};
use super::postfix::Postfix;
use super::{CLERK, message};

/// Dies at `point`, without an answer to the MTA, and is started again; what the MTA is told the second time.
fn dies_at(point: &str, to: &[&str]) -> Vec<Packet> {
    let hop = Hop::friendly();
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    let sent = mail("Q", "", CLERK, to, &message(point));
    let mut gateway = setup.serve_with(&[("OCTROI_CRASH_AT", point)]);
    let mut mta = Mta::agreed(milter);
    mta.send(&sent);
    assert_eq!(mta.after_recipients(), None, "{point}: it did not die before the answer");
    gateway.ended();
    let _gateway = setup.serve();
    let mut mta = Mta::agreed(milter);
    mta.send(&sent);
    let told = mta.ending();
    let held = setup.copies();
    assert_eq!(held.len(), 1, "{point}: {held:?}");
    assert_eq!((held[0].recipient.as_str(), held[0].state.as_str()), ("me@held.example", "held"), "{point}");
    told
}

#[test]
#[cfg_attr(not(debug_assertions), ignore = "a release build does not die on demand")]
fn a_death_at_each_named_point_loses_nothing() {
    let some = [('-', b"<me@held.example>\0".to_vec()), ('c', Vec::new())];
    for point in ["pending", "delivered", "confirmed"] {
        assert_eq!(dies_at(point, &["one@pass.example", "me@held.example"]), some, "{point}");
    }
    assert_eq!(dies_at("kept", &["me@held.example"]), [('d', Vec::new())]);
}

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
    let mut setup = Setup::new(hop.address);
    let milter = setup.with_milter();
    let first = setup.serve();
    let Some(postfix) = Postfix::relaying_to(hop.address, &postfix_milter(milter)) else { return };
    let (address, next) = (Mutex::new(postfix.address), Mutex::new(0));
    let retries = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4).map(|_| scope.spawn(|| send_all(&address, &next, count))).collect();
        let mut gateway = first;
        for death in 1..=DEATHS {
            hop.wait("progress", |heard| heard.mails.len() >= death * count / (DEATHS + 2));
            gateway.kill();
            // Some mails meet nobody at all.
            hop.wait("the queue to run dry or a mail more", |heard| {
                heard.mails.len() > death * count / (DEATHS + 2) || postfix.queued() == 0
            });
            gateway = setup.serve();
        }
        let retries: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
        let held = tally(setup.copies().into_iter().map(|copy| (copy.recipient, copy.state)));
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
