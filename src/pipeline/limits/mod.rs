// SPDX-License-Identifier: EUPL-1.2
//! The counters for the limits of the policy. A transaction reserves what it needs as it goes (the mail at MAIL, each
//! recipient at RCPT, classes of recipients at the final dot) and gives it back unless it ends with a 2xx. So mail
//! that a limit or the next hop defers, and repeated mail, is not counted (decision D11).
//!
//! Counters belong to this process and are empty at its start. What a transaction gives back is reduced by what has
//! flowed off since it was taken, so no order of taking and giving back allows more than the limit.

mod exceeded;
mod levels;
mod reservation;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
pub use exceeded::Exceeded;
use governor::clock::{Clock, DefaultClock};
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter};
use levels::Shared;
pub use reservation::Reservation;
use reservation::{Open, Tell, Track};

use crate::policy::limits::{Counted, Key, Limit, Originator};

/// All limits in force, with their counters.
pub struct Counters<C: Clock = DefaultClock> {
    set: ArcSwap<Vec<Counter<C>>>,
    clock: C,
}

/// One limit and how far it is used.
struct Counter<C: Clock> {
    limit: Arc<Limit>,
    flow: Arc<Flow<C>>,
}

/// What outlives a reload that leaves the limit as it was.
struct Flow<C: Clock> {
    limiter: RateLimiter<Key, Shared, C, NoOpMiddleware<C::Instant>>,
    levels: Shared,
    /// Nanoseconds in which one message or recipient flows off.
    cell: u64,
    refused: AtomicU64,
    observed: AtomicU64,
}

/// How often a limit was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitFigure {
    pub limit: Arc<str>,
    /// Transactions or recipients refused.
    pub refused: u64,
    /// Those that would have been, had the limit or the policy not only observed.
    pub observed: u64,
}

impl<C: Clock + Clone> Counters<C> {
    /// No limits yet.
    pub fn new(clock: C) -> Counters<C> {
        Counters { set: ArcSwap::default(), clock }
    }

    /// Puts limits in force. One that counts like one before goes on with its counters.
    pub fn adopt(&self, limits: &[Arc<Limit>]) {
        let before = self.set.load();
        let counter = |limit: &Arc<Limit>| {
            let known = before.iter().find(|counter| counter.limit.counts_like(limit));
            let flow = known.map_or_else(|| Arc::new(Flow::new(limit, self.clock.clone())), |known| known.flow.clone());
            Counter { limit: limit.clone(), flow }
        };
        let fresh = limits.iter().map(counter).collect();
        self.set.store(Arc::new(fresh));
    }

    /// Whether there is anything to count.
    pub fn is_empty(&self) -> bool {
        self.set.load().is_empty()
    }

    /// Opens a transaction at MAIL, which counts as one message. `observes`: the whole policy only watches (decision
    /// D24).
    ///
    /// # Errors
    /// A limit is used up; nothing is reserved.
    pub fn begin(&self, originator: &Originator, observes: bool) -> Result<Reservation<C>, Exceeded> {
        let set = self.set.load_full();
        let now = self.clock.now();
        let of = |(at, counter): (usize, &Counter<C>)| {
            let track = move |key| Track { counter: at, key, taken: 0, pending: 0, since: now };
            counter.limit.keys(originator).into_iter().map(track)
        };
        let tracks: Vec<Track<C::Instant>> = set.iter().enumerate().flat_map(of).collect();
        if tracks.is_empty() {
            return Ok(Reservation::default());
        }
        let mut reservation = Reservation { open: Some(Open { set, tracks, observes, clock: self.clock.clone() }) };
        reservation.take(|limit| u32::from(limit.is_early() && limit.counted == Counted::Messages), Tell::Always)?;
        Ok(reservation)
    }

    /// Forgets keys that were not used for so long that their limit is whole again. Call it every minute.
    pub fn forget_idle(&self) {
        for counter in self.set.load().iter() {
            counter.flow.limiter.retain_recent();
        }
    }

    /// How often each limit was met since it is in force.
    pub fn figures(&self) -> Vec<LimitFigure> {
        let figure = |counter: &Counter<C>| LimitFigure {
            limit: counter.limit.id.clone(),
            refused: counter.flow.refused.load(Ordering::Relaxed),
            observed: counter.flow.observed.load(Ordering::Relaxed),
        };
        self.set.load().iter().map(figure).collect()
    }
}

impl<C: Clock> Flow<C> {
    fn new(limit: &Limit, clock: C) -> Flow<C> {
        let cell = limit.every / limit.amount.get();
        let cell = cell.max(Duration::from_nanos(1));
        // Never none: the period is longer than nothing.
        let quota = Quota::with_period(cell).unwrap_or(Quota::per_second(NonZeroU32::MIN)).allow_burst(limit.burst);
        let levels = Shared::default();
        Flow {
            limiter: RateLimiter::new(quota, levels.clone(), clock),
            levels,
            cell: u64::try_from(cell.as_nanos()).unwrap_or(u64::MAX),
            refused: AtomicU64::new(0),
            observed: AtomicU64::new(0),
        }
    }

    /// Takes all or nothing; the error is how long to wait, or none where the burst can never hold so much.
    fn take(&self, key: &Key, cells: NonZeroU32, now: C::Instant) -> Result<(), Option<Duration>> {
        match self.limiter.check_key_n(key, cells) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(not_until)) => Err(Some(not_until.wait_time_from(now))),
            Err(_insufficient) => Err(None),
        }
    }

    fn give_back(&self, key: &Key, cells: u32, elapsed: Nanos) {
        let taken = self.cell.saturating_mul(cells.into());
        self.levels.lower(key, taken.saturating_sub(elapsed.as_u64()));
    }
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;
    use crate::detect::reading::evidence::{Sender, SenderProof};
    use crate::directory::Class;
    use crate::mail::Mailbox;
    use crate::policy::Policy;
    use crate::policy::limits::Addressed;

    fn policy(limits: &str) -> Policy {
        let people = "mail,unit\nanne@town.example,sg/achats\nbob@town.example,sg/numerique\n";
        let files = [("limits.toml", limits), ("units/people.csv", people), ("domains/own.list", "town.example\n")];
        let files = files.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()));
        Policy::load(&files.into()).unwrap_or_else(|faults| panic!("{faults}"))
    }

    fn addressed(world: &World, class: Class) -> Addressed {
        Addressed::new(class, None, false, &world.policy, jiff::Timestamp::UNIX_EPOCH)
    }

    fn row(rest: &str) -> String {
        format!("[[limit]]\nreason = \"r\"\n{rest}\n")
    }

    struct World {
        policy: Policy,
        counters: Counters<FakeRelativeClock>,
        clock: FakeRelativeClock,
    }

    impl World {
        fn with(rows: &str) -> World {
            let clock = FakeRelativeClock::default();
            let world = World { policy: policy(rows), counters: Counters::new(clock.clone()), clock };
            world.counters.adopt(&world.policy.limits);
            world
        }

        fn begin(&self, sender: &str) -> Result<Reservation<FakeRelativeClock>, Exceeded> {
            let mailbox = Some(Mailbox::parse(sender).unwrap());
            let sender = Sender { mailbox, proof: Some(SenderProof::Claimed), bare_login: None };
            let client = Some([192, 0, 2, 1].into());
            self.counters.begin(&Originator::new(client, None, &sender, &self.policy), false)
        }

        /// One whole transaction to so many; how many recipients were let through.
        fn send(&self, sender: &str, recipients: usize) -> usize {
            let Ok(mut reserved) = self.begin(sender) else { return 0 };
            let (admitted, _) = reserved.recipients(recipients);
            reserved.keep();
            admitted
        }
    }

    #[test]
    fn fifty_clients_at_once_get_exactly_what_there_is() {
        let rows = row("per = \"everyone\"\nmessages = 1000\nevery = \"1h\"");
        let world = World::with(&(rows + &row("per = \"sender\"\nrecipients = 50000\nevery = \"1h\"")));
        let passed = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for _ in 0..50 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        passed.fetch_add(world.send("anne@town.example", 3) as u64, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(passed.load(Ordering::Relaxed), 3000);
        let figures = world.counters.figures();
        assert_eq!((figures[0].refused, figures[1].refused), (4000, 0));
    }

    #[test]
    fn a_spent_limit_comes_back_with_time_and_says_when() {
        let world = World::with(&row("per = \"sender\"\nmessages = 6\nevery = \"1h\"\nburst = 2"));
        assert!((0..2).all(|_| world.send("anne@town.example", 1) == 1));
        let exceeded = world.begin("anne@town.example").err().unwrap();
        assert_eq!(exceeded.wait, Some(Duration::from_secs(600)));
        let said = exceeded.at_mail().to_string();
        assert_eq!(said, "450 4.7.1 too much mail for now, try again in 10 minutes");
        assert!(!said.contains(&*exceeded.limit), "a rule is not told");
        assert_eq!(world.send("bob@town.example", 1), 1, "another sender has his own");
        world.clock.advance(Duration::from_secs(600));
        assert_eq!((world.send("anne@town.example", 1), world.send("anne@town.example", 1)), (1, 0));
    }

    #[test]
    fn what_does_not_end_well_is_not_counted() {
        let world = World::with(&row("per = \"sender\"\nrecipients = 10\nevery = \"1h\""));
        for _ in 0..100 {
            let mut reserved = world.begin("anne@town.example").unwrap();
            assert_eq!(reserved.recipients(10).0, 10); // deferred, and dropped
        }
        let mut reserved = world.begin("anne@town.example").unwrap();
        assert_eq!(reserved.recipients(6), (6, None));
        reserved.refused_onward(2); // the next hop does not know two of them
        reserved.keep();
        assert_eq!(world.send("anne@town.example", 10), 6);
    }

    #[test]
    fn giving_back_late_frees_no_more_than_is_still_held() {
        let world = World::with(&row("per = \"sender\"\nmessages = 3600\nevery = \"1h\"\nburst = 10"));
        let held: Vec<_> = (0..10).map(|_| world.begin("anne@town.example").ok().unwrap()).collect();
        world.clock.advance(Duration::from_secs(10)); // all of it has flowed off
        assert_eq!((0..20).map(|_| world.send("anne@town.example", 1)).sum::<usize>(), 10);
        drop(held);
        assert_eq!(world.send("anne@town.example", 1), 0);
    }

    #[test]
    fn recipients_beyond_the_room_are_told_to_come_again() {
        let world = World::with(&row("per = \"client\"\nrecipients = 4\nevery = \"1h\""));
        let mut reserved = world.begin("anne@town.example").unwrap();
        let (admitted, exceeded) = reserved.recipients(6);
        assert_eq!(admitted, 4);
        let said = exceeded.unwrap().at_recipient().to_string();
        assert_eq!(said, "452 4.5.3 too many recipients for now, try again in 15 minutes");
        assert_eq!(world.counters.figures()[0].refused, 2);
    }

    #[test]
    fn only_the_class_counts_and_more_than_a_burst_is_refused_for_good() {
        let world = World::with(&row("per = \"sender\"\nrecipients = 3\nevery = \"1h\"\nclass = \"private-webmail\""));
        let (own, webmail) = (Class::Own, Class::PrivateWebmail);
        let ask = |classes: &[Class]| {
            let mut reserved = world.begin("anne@town.example").unwrap();
            assert_eq!(reserved.recipients(classes.len()), (classes.len(), None));
            let asked = reserved.addressed(&classes.iter().map(|class| addressed(&world, *class)).collect::<Vec<_>>());
            if asked.is_ok() {
                reserved.keep();
            }
            asked.map_err(|exceeded| exceeded.at_end().to_string())
        };
        assert_eq!(
            ask(&[webmail; 4]).unwrap_err(),
            "550 5.5.3 more recipients than one mail may have, send it to fewer at once"
        );
        assert_eq!(ask(&[own; 90]), Ok(()));
        assert_eq!(ask(&[own, webmail, webmail]), Ok(()));
        assert_eq!(ask(&[webmail, webmail]).unwrap_err(), "451 4.7.1 too much mail for now, try again in 20 minutes");
        assert_eq!(ask(&[webmail, own]), Ok(()));
    }

    #[test]
    fn a_unit_counts_with_those_above_it_and_takes_from_all_or_none() {
        let rows = row("id = \"u\"\nper = \"unit\"\nmessages = 3\nevery = \"1h\"");
        let world = World::with(&rows);
        assert!((0..2).all(|_| world.send("anne@town.example", 1) == 1));
        assert_eq!(world.send("bob@town.example", 1), 1);
        // `sg` is spent: bob's own unit is not, and must not be charged for what `sg` refuses.
        assert!((0..5).all(|_| world.send("bob@town.example", 1) == 0));
        world.clock.advance(Duration::from_secs(1200));
        assert_eq!(world.send("bob@town.example", 1), 1);
        assert_eq!(world.send("stranger@town.example", 1), 1, "whose unit is unknown is not counted");
    }

    #[test]
    fn observing_counts_and_refuses_nothing() {
        let world = World::with(&row("per = \"sender\"\nmessages = 2\nevery = \"1h\"\nmode = \"observe\""));
        assert!((0..5).all(|_| world.send("anne@town.example", 1) == 1));
        let figures = world.counters.figures();
        assert_eq!((figures[0].refused, figures[0].observed), (0, 3));
        let strict = World::with(&row("per = \"everyone\"\nmessages = 1\nevery = \"1h\""));
        assert_eq!(strict.send("anne@town.example", 1), 1);
        let originator =
            Originator::new(None, None, &Sender { mailbox: None, proof: None, bare_login: None }, &strict.policy);
        assert!(strict.counters.begin(&originator, true).is_ok(), "the whole policy only watches");
    }

    #[test]
    fn a_reload_keeps_the_counters_of_what_it_leaves() {
        let same = row("per = \"sender\"\nmessages = 2\nevery = \"1h\"");
        let world = World::with(&same);
        assert!((0..2).all(|_| world.send("anne@town.example", 1) == 1));
        world.counters.adopt(&policy(&(row("per = \"client\"\nmessages = 9\nevery = \"1h\"") + &same)).limits);
        assert_eq!(world.send("anne@town.example", 1), 0);
        world.counters.adopt(&policy(&same.replace("= 2", "= 5")).limits);
        assert_eq!(world.send("anne@town.example", 1), 1);
        world.counters.adopt(&[]);
        assert!(world.counters.is_empty() && world.send("anne@town.example", 9) == 9);
    }

    #[test]
    fn keys_are_bounded_and_the_idle_are_forgotten() {
        let world = World::with(&row("per = \"sender\"\nmessages = 1\nevery = \"1m\""));
        let flow = world.counters.set.load()[0].flow.clone();
        let most = levels::SHARDS * (levels::MOST_KEYS + 1);
        for n in 0..most + 4_000 {
            let key = Key::Name(n.to_string().into());
            let _ = flow.take(&key, NonZeroU32::MIN, world.clock.now());
        }
        assert!(flow.limiter.len() <= most, "{}", flow.limiter.len());
        world.clock.advance(Duration::from_secs(121));
        world.counters.forget_idle();
        assert!(flow.limiter.is_empty());
    }

    /// `cargo test --release --lib limits::tests::the_cost -- --ignored --nocapture`.
    #[test]
    #[ignore = "a measurement"]
    fn the_cost_of_a_message_under_five_limits() {
        const MESSAGES: u32 = 200_000;
        let rows = ["client", "login", "sender", "unit", "everyone"]
            .map(|per| row(&format!("per = \"{per}\"\nid = \"{per}\"\nrecipients = 90000000\nevery = \"1h\"")));
        let world = World::with(&rows.concat());
        let to = [addressed(&world, Class::Other)];
        let began = std::time::Instant::now();
        for _ in 0..MESSAGES {
            let mut reserved = world.begin("anne@town.example").unwrap();
            assert_eq!(reserved.recipients(1).0, 1);
            reserved.addressed(&to).unwrap();
            reserved.keep();
        }
        println!("{} ns a message", (began.elapsed() / MESSAGES).as_nanos());
    }
}
