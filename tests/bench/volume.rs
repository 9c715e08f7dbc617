// SPDX-License-Identifier: EUPL-1.2
//! Many messages through a real gateway; every copy must go exactly one way, and the sums must be exact.
//!
//! `cargo bench --bench volume -- [COUNT] [kill] [front] [behind]`: `kill` ends the gateway by SIGKILL ten times on
//! the way, `front` puts a Postfix before it, `behind` another one after it. `OCTROI_PROGRAM` names another build to
//! look at.

#[allow(dead_code, reason = "the harness of the suite, of which this uses a part")]
#[path = "../suite/path/client.rs"]
mod client;
#[allow(dead_code, reason = "the harness of the suite, of which this uses a part")]
#[path = "../suite/path/gateway.rs"]
mod gateway;
#[allow(dead_code, reason = "the harness of the suite, of which this uses a part")]
#[path = "../suite/path/hop.rs"]
mod hop;
#[path = "../suite/skip.rs"]
mod skip;
#[allow(dead_code, reason = "the harness of the suite, of which this uses a part")]
#[path = "../suite/path/port.rs"]
mod port;
// The suite uses more of it.
#[allow(dead_code)]
#[path = "../suite/path/postfix.rs"]
mod postfix;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use client::Client;
use gateway::{Setup, tally};
use hop::{Act, Hop, Step};
use postfix::{Postfix, without_trace};

const CLERK: &str = "claire.vasseur@justice.gouv.example";
const CLIENTS: usize = 8;
const DEATHS: usize = 10;

/// What the Postfix behind refuses of itself, as the scripted hop does: some recipients, some contents; reports about
/// such contents go through.
const BEHIND: &str = "smtpd_recipient_restrictions = \
    check_recipient_access regexp:{{/^unknown-/ 550 5.1.1 no such user}}, permit_mynetworks, reject\n\
    header_checks = regexp:{{/^X-Refuse: yes/ REJECT refused by the hop}}\nnested_header_checks =\nmime_header_checks =\n";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Way {
    Delivered,
    Held,
    Refused,
}

/// The same numbers at every run (splitmix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }
}

/// One in twenty is refused by the next hop: every other of them at one RCPT, the rest at the end of the content.
fn refused_by_hop(n: usize) -> bool {
    n % 20 == 7
}

fn refused_as_content(n: usize) -> bool {
    n % 40 == 7
}

/// Recipients and what must become of them: a third of the messages has mixed verdicts.
fn plan(n: usize) -> Vec<(String, Way)> {
    let mut dice = Dice(n as u64);
    let mut copies = Vec::new();
    for index in 0..=dice.below(20) {
        let (domain, way) = match if n.is_multiple_of(3) { dice.below(4) } else { 9 } {
            0 | 1 => ("held.example", Way::Held),
            2 => ("refused.example", Way::Refused),
            _ => ("pass.example", Way::Delivered),
        };
        copies.push((format!("r{index}-{n}@{domain}"), way));
    }
    if refused_by_hop(n) && !refused_as_content(n) {
        copies.push((format!("unknown-{n}@pass.example"), Way::Refused));
    }
    // What the hop says to the content is the answer for all, and nothing is held; without copies for the hop the
    // rules alone decide.
    if refused_as_content(n) && copies.iter().any(|(_, way)| *way == Way::Delivered) {
        copies.iter_mut().for_each(|(_, way)| *way = Way::Refused);
    }
    copies
}

fn content(n: usize) -> Vec<u8> {
    let mut dice = Dice(!(n as u64));
    let refuse = if refused_as_content(n) { "X-Refuse: yes\r\n" } else { "" };
    let mut content = format!(
        "Message-ID: <volume-{n}@justice.gouv.example>\r\n{refuse}From: <{CLERK}>\r\nSubject: n {n}\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    .into_bytes();
    let size = if n % 500 == 3 { 5_000_000 } else { 200 + dice.below(8000) as usize };
    while content.len() < size {
        match dice.below(6) {
            0 => content.extend_from_slice(b".\r\n..\r\n.one\r\n"),
            1 => content.extend_from_slice("déjà vu à l'école, où ça ?\r\n".as_bytes()),
            2 => content.extend(std::iter::repeat_n(b'x', 1 + dice.below(3000) as usize).chain(*b"\r\n")),
            3 => content.extend_from_slice(b"\xff\xfe\x80 no UTF-8 \t \r\n"),
            _ => content.extend_from_slice(b"Une phrase ordinaire, suivie d'une autre phrase ordinaire.\r\n"),
        }
    }
    content
}

fn number(content: &[u8]) -> Option<usize> {
    let head = String::from_utf8_lossy(content.get(..60)?);
    head.strip_prefix("Message-ID: <volume-")?.split('@').next()?.parse().ok()
}

static CHANGED: AtomicUsize = AtomicUsize::new(0);
static TOLD: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn script(step: &Step) -> Act {
    if step.line.starts_with("RCPT TO:<unknown-") {
        return Act::Say("550 5.1.1 no such user");
    }
    if step.line != "." {
        return Act::Usual;
    }
    let body = without_trace(step.content);
    let Some(n) = number(body) else {
        let report = String::from_utf8_lossy(step.content);
        let told = report.lines().filter_map(|l| l.split_once("rfc822;").filter(|(f, _)| f.starts_with("Final-")));
        TOLD.lock().unwrap().extend(told.map(|(_, address)| address.trim().to_owned()));
        return Act::Usual;
    };
    if body != content(n) {
        CHANGED.fetch_add(1, Ordering::Relaxed);
    }
    if refused_as_content(n) { Act::Say("554 5.7.1 refused by the hop") } else { Act::Usual }
}

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let has = |word: &str| words.iter().any(|w| w == word);
    let count: usize = words.iter().find_map(|w| w.parse().ok()).unwrap_or(20_000);
    let hop = Hop::scripted(script);
    hop.forget_contents();
    let behind = has("behind").then(|| Postfix::relaying_to(hop.address, BEHIND).expect("a Postfix"));
    let setup = Setup::new(behind.as_ref().map_or(hop.address, |behind| behind.address));
    let mut gateway = setup.serve();
    let front = has("front").then(|| Postfix::relaying_to(gateway.address, "").expect("a Postfix"));
    let address = Mutex::new(front.as_ref().map_or(gateway.address, |front| front.address));
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let (refused, retries) = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(|| send_all(count, &address, &next, &done))).collect();
        for death in 1..=if has("kill") { DEATHS } else { 0 } {
            while done.load(Ordering::Relaxed) < death * count / (DEATHS + 1) {
                std::thread::park_timeout(Duration::from_millis(1));
            }
            gateway.kill();
            if front.is_some() {
                gateway = setup.serve_at(gateway.address); // that is where the Postfix in front sends to
            } else {
                gateway = setup.serve();
                *address.lock().unwrap() = gateway.address;
            }
        }
        clients.into_iter().map(|client| client.join().unwrap()).fold((Vec::new(), 0), |(mut all, sum), (more, n)| {
            all.extend(more);
            (all, sum + n)
        })
    });
    let took = began.elapsed();
    println!(
        "{count} messages in {:.1} s, {:.0} a second, {CLIENTS} clients",
        took.as_secs_f64(),
        count as f64 / took.as_secs_f64()
    );
    let queues: Vec<&Postfix> = front.iter().chain(&behind).collect();
    settle(count, &hop, &setup, refused, retries, &queues);
}

/// Compares what became of each copy with the plan.
fn settle(count: usize, hop: &Hop, setup: &Setup, refused: Vec<String>, retries: usize, queues: &[&Postfix]) {
    let plan: BTreeMap<String, Way> = (0..count).flat_map(plan).collect();
    let sums = tally(plan.values().copied());
    let end = Instant::now() + Duration::from_secs(900);
    let mut found;
    loop {
        found = BTreeSet::new();
        let delivered = hop.mails().into_iter().filter(|mail| !mail.to[0].starts_with(&format!("<{CLERK}>")));
        let delivered: Vec<String> = delivered
            .flat_map(|mail| mail.to)
            .map(|to| to.trim_start_matches('<').split('>').next().unwrap_or_default().to_owned())
            .collect();
        let duplicates = delivered.len() - delivered.iter().collect::<BTreeSet<_>>().len();
        let held: Vec<String> = setup.copies().into_iter().map(|copy| copy.recipient).collect();
        let held_twice = held.len() - held.iter().collect::<BTreeSet<_>>().len();
        found.extend(delivered.into_iter().map(|r| (r, Way::Delivered)));
        found.extend(held.into_iter().map(|r| (r, Way::Held)));
        let told = TOLD.lock().unwrap().clone();
        found.extend(refused.iter().cloned().chain(told).map(|r| (r, Way::Refused)));
        let queued: usize = queues.iter().map(|postfix| postfix.queued()).sum();
        if (found.len() >= plan.len() && queued == 0) || Instant::now() > end {
            println!("planned {sums:?}, {} copies", plan.len());
            println!("found   {:?}, {} ways", tally(found.iter().map(|(_, way)| *way)), found.len());
            println!("changed octets {}, held twice {held_twice}", CHANGED.load(Ordering::Relaxed));
            println!("retries {retries}, duplicate copies onward {duplicates}");
            break;
        }
        std::thread::park_timeout(Duration::from_millis(500));
    }
    let expected: BTreeSet<(String, Way)> = plan.into_iter().collect();
    let missing: Vec<_> = expected.difference(&found).take(5).collect();
    let wrong: Vec<_> = found.difference(&expected).take(5).collect();
    println!("missing {missing:?}\nwrong   {wrong:?}");
    assert!(
        missing.is_empty() && wrong.is_empty() && CHANGED.load(Ordering::Relaxed) == 0,
        "not every copy went its way"
    );
    println!("every copy went exactly one way");
}

/// Sends until none is left, each message until it is answered for good; the recipients refused in the dialogue, and
/// how many attempts came to nothing.
fn send_all(count: usize, address: &Mutex<SocketAddr>, next: &AtomicUsize, done: &AtomicUsize) -> (Vec<String>, usize) {
    let (mut refused, mut retries, mut client) = (Vec::new(), 0, None);
    loop {
        let n = next.fetch_add(1, Ordering::Relaxed);
        if n >= count {
            return (refused, retries);
        }
        let (copies, content) = (plan(n), content(n));
        let to: Vec<&str> = copies.iter().map(|(to, _)| to.as_str()).collect();
        loop {
            let at = *address.lock().unwrap();
            let Some(mut open) = client.take().or_else(|| Client::try_greet(at)) else { continue };
            let replies = open.try_mail(CLERK, &to, &content).unwrap_or_default();
            let last = replies.last().map(String::as_str).unwrap_or_default();
            // 503 and 554 to DATA: nobody was accepted.
            let whole = replies.len() == to.len() + 3 || (replies.len() == to.len() + 2 && last.starts_with('5'));
            if !whole || !(last.starts_with("250") || last.starts_with('5')) {
                retries += 1;
                continue;
            }
            client = Some(open);
            for (to, reply) in to.iter().zip(&replies[1..]) {
                if reply.starts_with('5') || last.starts_with('5') {
                    refused.push(to.to_string());
                }
            }
            done.fetch_add(1, Ordering::Relaxed);
            break;
        }
    }
}
