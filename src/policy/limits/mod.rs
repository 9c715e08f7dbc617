// SPDX-License-Identifier: EUPL-1.2
//! Limits: how much mail may be sent in a certain time. Reads the rows of `limits.toml`, and decides which of them
//! concern a transaction, under which key and with which weight. All facts come from envelope and session, never from
//! a header.
//!
//! What must not live here: counters and clocks (`pipeline`), replies, and any limit that is not in the file.
//!
//! How it fails: reading reports every error of the file with its place; asking never fails. A limit does not count a
//! sender without its key (no login, no unit, the null reverse-path).
//!
//! Standards: RFC 5321 §4.5.3.1.10 (too many recipients); decisions D11, D18 and D24.

mod read;

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use jiff::Timestamp;

use super::Policy;
use crate::detect::reading::evidence::{Sender, SenderProof};
use crate::diagnostic::Diagnostic;
use crate::directory::Class;
use crate::directory::upwards;
use crate::mail::{Domain, Identity, Mailbox};

/// The file of the policy folder.
pub const FILE: &str = "limits.toml";

/// Whose sending is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Per {
    /// The address that connects; an IPv6 client is its /64, which one machine may use as it likes (RFC 8981).
    Client,
    Login,
    /// The sender of decision D18: who writes from `a+1@`, `a+2@` … is one sender, and so is who is relayed by SRS.
    Sender,
    /// The sender's unit, and each unit above it with all that is below.
    Unit,
    Everyone,
}

/// What is added up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Transactions.
    Messages,
    /// Recipients of the envelope.
    Recipients,
}

/// Who a limit is for, or is not for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// A unit and all below it.
    Unit(String),
    /// One sender, whichever way the address is written.
    Sender(Identity),
    /// Every sender of a domain.
    Domain(Domain),
    Login(String),
    Client(IpNet),
}

/// One row: `burst` at once, and `amount` in each `every` in steady flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limit {
    /// Its name in log and metrics, unique in the file.
    pub id: Arc<str>,
    pub per: Per,
    pub counted: Counted,
    pub amount: NonZeroU32,
    pub every: Duration,
    pub burst: NonZeroU32,
    /// Only recipients of this class count.
    pub class: Option<Class>,
    /// Only recipients on this domain list count.
    pub list: Option<LimitList>,
    /// Only these; empty: all.
    pub only: Vec<Scope>,
    /// But not these.
    pub except: Vec<Scope>,
    /// It counts and reports, and refuses nothing (decision D24).
    pub observes: bool,
    pub reason: String,
}

/// A list of `domains/`, by its name and its bit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitList {
    pub name: Arc<str>,
    pub(crate) bit: u64,
}

/// One recipient of the envelope, as limits see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addressed {
    pub class: Class,
    /// Bits of the domain lists that name it.
    pub(crate) lists: u64,
}

impl Addressed {
    /// `lists` is asked only where some limit counts by list.
    pub fn new(
        class: Class,
        mailbox: Option<&Mailbox>,
        by_list: bool,
        policy: &Policy,
        instant: Timestamp,
    ) -> Addressed {
        let mailbox = mailbox.filter(|_| by_list);
        Addressed { class, lists: mailbox.map_or(0, |mailbox| policy.lists.bits(mailbox, instant)) }
    }
}

/// Under which name a limit counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    Everyone,
    Client(IpAddr),
    /// A login, a sender or a unit, whichever the limit is per.
    Name(Box<str>),
}

/// Who sends a transaction, as far as limits ask.
#[derive(Debug, Clone, Default)]
pub struct Originator {
    client: Option<IpAddr>,
    login: Option<String>,
    sender: Option<(Identity, Domain)>,
    /// The sender is a login that the session saw proven.
    proven: bool,
    /// The path of the sender's unit; empty if unknown.
    unit: String,
}

impl Originator {
    /// `login` is the one the session saw proven, if any; `sender` is decision D18's.
    pub fn new(client: Option<IpAddr>, login: Option<&str>, sender: &Sender, policy: &Policy) -> Originator {
        let mailbox = sender.mailbox.as_ref();
        let person = mailbox.and_then(|mailbox| policy.people.sender(mailbox));
        Originator {
            client: client.map(network_of),
            login: login.map(str::to_lowercase),
            sender: mailbox.map(|mailbox| (mailbox.sender_identity(), mailbox.domain().clone())),
            proven: sender.proof == Some(SenderProof::Login),
            unit: person.map(|person| person.unit.clone()).unwrap_or_default(),
        }
    }

    fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Unit(unit) => is_below(&self.unit, unit),
            Scope::Sender(key) => self.sender.as_ref().is_some_and(|(sender, _)| sender == key),
            Scope::Domain(domain) => self.sender.as_ref().is_some_and(|(_, of)| of.is_within(domain.as_str())),
            Scope::Login(login) => self.login.as_ref() == Some(login),
            Scope::Client(network) => self.client.is_some_and(|client| network.contains(&client)),
        }
    }

    /// What frees by sender or unit needs a proven sender; what binds needs nothing (decision D18).
    fn is_freed_by(&self, scope: &Scope) -> bool {
        let needs_proof = matches!(scope, Scope::Unit(_) | Scope::Sender(_) | Scope::Domain(_));
        (self.proven || !needs_proof) && self.is_in(scope)
    }
}

impl Limit {
    /// Reads the rows of `limits.toml`. Rows without a fault are kept whatever else is wrong. `units` are all there are,
    /// `lists` the domain lists in the order of their bits.
    pub fn parse(path: &str, text: &str, units: &[&str], lists: &[&str]) -> (Vec<Limit>, Vec<Diagnostic>) {
        read::limits(path, text, units, lists)
    }

    /// The counters this originator's sending goes to: none, one, or one for each unit from the sender's own upwards.
    pub fn keys(&self, originator: &Originator) -> Vec<Key> {
        let bound = self.only.is_empty() || self.only.iter().any(|scope| originator.is_in(scope));
        if !bound || self.except.iter().any(|scope| originator.is_freed_by(scope)) {
            return Vec::new();
        }
        let name = |name: &str| Key::Name(name.into());
        match self.per {
            Per::Everyone => vec![Key::Everyone],
            Per::Client => originator.client.map(Key::Client).into_iter().collect(),
            Per::Login => originator.login.as_deref().map(name).into_iter().collect(),
            Per::Sender => originator.sender.iter().map(|(sender, _)| name(&sender.to_string())).collect(),
            Per::Unit => upwards(&originator.unit).map(name).collect(),
        }
    }

    /// Whether it can be asked before the message comes: classes of recipients are known after it only, and lists are
    /// asked for with them.
    pub fn is_early(&self) -> bool {
        self.class.is_none() && self.list.is_none()
    }

    /// What a transaction to these recipients weighs.
    pub fn weight(&self, recipients: &[Addressed]) -> u32 {
        let counts = |to: &&Addressed| {
            self.class.is_none_or(|wanted| wanted == to.class)
                && self.list.as_ref().is_none_or(|list| to.lists & list.bit != 0)
        };
        let recipients = u32::try_from(recipients.iter().filter(counts).count()).unwrap_or(u32::MAX);
        match self.counted {
            Counted::Recipients => recipients,
            Counted::Messages => recipients.min(1),
        }
    }

    /// Whether the counters of one may go on as those of the other, so that a reload forgets nothing.
    pub fn counts_like(&self, other: &Limit) -> bool {
        let quota = |limit: &Limit| (limit.per, limit.counted, limit.amount, limit.every, limit.burst, limit.class);
        quota(self) == quota(other) && self.list == other.list && self.only == other.only && self.except == other.except
    }
}

fn is_below(unit: &str, above: &str) -> bool {
    unit.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn originator(sender: &str, proof: SenderProof, unit: &str) -> Originator {
        let mailbox = Mailbox::parse(sender).unwrap();
        Originator {
            client: Some(network_of("2001:db8:1:2:3:4:5:6".parse().unwrap())),
            login: None,
            sender: Some((mailbox.sender_identity(), mailbox.domain().clone())),
            proven: proof == SenderProof::Login,
            unit: unit.into(),
        }
    }

    const LISTS: [&str; 12] = ["own", "", "", "", "", "", "", "", "", "", "", "press"];

    fn limit(row: &str) -> Limit {
        let (mut limits, faults) =
            read::limits(FILE, &format!("[[limit]]\nreason = \"r\"\nevery = \"1h\"\n{row}"), &[], &LISTS);
        assert!(faults.is_empty(), "{faults:?}");
        limits.remove(0)
    }

    fn names(limit: &Limit, originator: &Originator) -> Vec<String> {
        let said = |key| match key {
            Key::Everyone => "everyone".to_owned(),
            Key::Client(address) => address.to_string(),
            Key::Name(name) => name.into(),
        };
        limit.keys(originator).into_iter().map(said).collect()
    }

    #[test]
    fn each_kind_of_limit_counts_under_its_own_name() {
        let anne = originator("Anne+7@Town.example", SenderProof::Claimed, "sg/achats/marches");
        for (per, keys) in [
            ("client", &["2001:db8:1:2::"][..]),
            ("login", &[]),
            ("sender", &["anne@town.example"]),
            ("unit", &["sg/achats/marches", "sg/achats", "sg"]),
            ("everyone", &["everyone"]),
        ] {
            assert_eq!(names(&limit(&format!("per = \"{per}\"\nmessages = 1")), &anne), keys, "{per}");
        }
        let nobody = Originator::default();
        for per in ["client", "login", "sender", "unit"] {
            assert_eq!(limit(&format!("per = \"{per}\"\nmessages = 1")).keys(&nobody), [], "{per}");
        }
    }

    #[test]
    fn rewriting_a_sender_makes_no_new_sender() {
        let per_sender = limit("per = \"sender\"\nmessages = 1");
        for written in [
            "prvs=0123abcd=anne@town.example",
            "SRS0=HHH=TT=town.example=anne@relay.example",
            "anne+bob=web.example@town.example",
            "ANNE+x@town.example",
        ] {
            let sender = originator(written, SenderProof::Claimed, "");
            assert_eq!(names(&per_sender, &sender), ["anne@town.example"], "{written}");
        }
    }

    #[test]
    fn a_scope_binds_whoever_claims_it_and_frees_only_who_proves_it() {
        let only = limit("per = \"sender\"\nmessages = 1\nonly = [\"unit:sg\", \"sender:town.example\"]");
        let except = limit("per = \"sender\"\nmessages = 1\nexcept = [\"unit:sg\"]");
        let network = limit("per = \"sender\"\nmessages = 1\nexcept = [\"client:2001:db8::/32\"]");
        let (claims, proves) = (SenderProof::Claimed, SenderProof::Login);
        let asked = |limit: &Limit, proof, unit| limit.keys(&originator("a@gouv.example", proof, unit)).len();
        assert_eq!(asked(&only, claims, "sg/achats"), 1);
        assert_eq!(asked(&only, claims, "sgx"), 0);
        assert_eq!(only.keys(&originator("a@town.example", claims, "")).len(), 1);
        assert_eq!(asked(&except, claims, "sg/achats"), 1);
        assert_eq!(asked(&except, proves, "sg/achats"), 0);
        assert_eq!(asked(&except, proves, "dsj"), 1);
        assert_eq!(asked(&network, claims, ""), 0, "a named network needs no proof");
    }

    #[test]
    fn only_recipients_of_the_class_weigh() {
        let classes = [Class::Own, Class::PrivateWebmail, Class::PrivateWebmail, Class::Other];
        let classes = classes.map(|class| Addressed { class, lists: 1 << 11 });
        let weight = |row: &str| limit(&format!("per = \"everyone\"\n{row}")).weight(&classes);
        assert_eq!(weight("recipients = 9"), 4);
        assert_eq!(weight("messages = 9"), 1);
        assert_eq!(weight("recipients = 9\nclass = \"private-webmail\""), 2);
        assert_eq!(weight("messages = 9\nclass = \"private-webmail\""), 1);
        assert_eq!(weight("messages = 9\nclass = \"disposable\""), 0);
        assert_eq!(weight("recipients = 9\nlist = \"press\""), 4);
        assert_eq!(weight("recipients = 9\nlist = \"own\""), 0);
    }
}
