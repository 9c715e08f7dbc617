// SPDX-License-Identifier: EUPL-1.2
//! Domain lists: which domains are ours, a partner's, private webmail, and which hosts are services.
//!
//! An entry is `domain`, `*.domain` or `local@domain`, followed by `key=value` options. `*.domain` means the
//! sub-domains. On lists of services (webmail, disposable, storage, transfer, messenger, social, meeting, consumer MX
//! hosts) a plain `domain` includes its sub-domains: `orange.fr` includes `mel.orange.fr`. On every other list (own,
//! partner, allowed, lists of the administration) a plain `domain` means only itself, because a sub-domain may belong
//! to somebody else.

mod entry;
mod standing;

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use crate::diagnostic::{Diagnostic, Source, distance};
use crate::directory::{Class, ClassifiedRecipient};
use crate::mail::{Domain, ForwardPath, Identity, Mailbox};
use entry::{Entry, Named, lines};

/// The list of exceptions (decision D19).
pub const ALLOWED: &str = "allowed";
/// MX hosts of consumer mail providers: evidence, never a decision.
pub const CONSUMER_MX: &str = "consumer-mx";
/// Lists of services: their entries cover sub-domains.
const SERVICES: [&str; 8] =
    ["private-webmail", "disposable", "cloud-storage", "file-transfer", "messenger", "social", "meeting", CONSUMER_MX];
/// The lists that always exist, in the order that fixes their bit.
const FIXED: [&str; 11] = [
    "own",
    "partner",
    "disposable",
    "private-webmail",
    ALLOWED,
    CONSUMER_MX,
    "cloud-storage",
    "file-transfer",
    "messenger",
    "social",
    "meeting",
];
const OWN: u64 = 1;
const PARTNER: u64 = 1 << 1;
const DISPOSABLE: u64 = 1 << 2;
const WEBMAIL: u64 = 1 << 3;
const ALLOWED_BIT: u64 = 1 << 4;

/// One exception: who may receive mail, from whom, until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The pattern as written.
    pub pattern: String,
    pub owner: String,
    pub reason: String,
    /// The last day it holds, in UTC.
    pub until: Option<Date>,
    /// Units (`sg/budget`) or senders (`name@domain`) it is for; empty: for everyone.
    pub scope: Vec<String>,
}

#[derive(Debug, Clone, Copy)]
struct Hit {
    list: u8,
    itself: bool,
    below: bool,
    /// First instant at which the entry holds no more.
    ends: Option<Timestamp>,
    /// Index into `exceptions`.
    exception: Option<u32>,
}

/// All lists, in one table.
#[derive(Debug, Clone, Default)]
pub struct DomainLists {
    names: Vec<String>,
    domains: HashMap<Box<str>, Vec<Hit>>,
    /// Whole addresses, by whose mailbox they are.
    addresses: HashMap<Identity, Vec<Hit>>,
    exceptions: Vec<Exception>,
    dated: Vec<standing::Dated>,
    warnings: Vec<Diagnostic>,
}

impl DomainLists {
    /// Reads lists from `(name, path, text)`. Entries without a fault are kept whatever else is wrong.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str, &'a str)>) -> (DomainLists, Vec<Diagnostic>) {
        let mut lists = DomainLists { names: FIXED.map(String::from).to_vec(), ..DomainLists::default() };
        let (mut faults, mut exceptions, mut placed) = (Vec::new(), Vec::new(), Vec::new());
        for (name, path, text) in files {
            let source = Source::new(path, text);
            let list_name = whole_list(name);
            let known = lists.names.iter().position(|known| known == list_name);
            let list = known.unwrap_or(lists.names.len());
            if list >= 64 {
                faults.push(
                    Diagnostic::of_file(path, "there are more than 64 domain lists").help("combine some of them"),
                );
                continue;
            }
            if known.is_none() {
                // A misspelt `partners.list` would silently make a partner of nobody.
                if let Some(near) = FIXED.into_iter().find(|fixed| distance(name, fixed) <= 2) {
                    faults.push(
                        Diagnostic::of_file(path, format!("`{name}` is almost the name of another list"))
                            .help(format!("did you mean `{near}.list`? If not, choose a name that is less similar")),
                    );
                    continue;
                }
                lists.names.push(name.to_owned());
            }
            let name = list_name;
            for (line, span) in lines(text) {
                // An entry with a wrong option is looked at all the same: one fault hides no other.
                let Some(entry) = Entry::parse(line, span.start, &source, &mut faults) else { continue };
                if name == ALLOWED {
                    exceptions.push((entry.clone(), source.clone()));
                }
                if standing::is_looked_at(name, &entry) {
                    let (list, entry, source) = (name.to_owned(), entry.clone(), source.clone());
                    placed.push(standing::Placed { list, entry, source });
                }
                lists.add(list as u8, name, entry);
            }
        }
        faults.extend(exceptions.iter().filter_map(|(entry, source)| lists.check_exception(entry, source)));
        let together = standing::look(&lists, &placed);
        faults.extend(together.faults);
        (lists.dated, lists.warnings) = (together.dated, together.warnings);
        (lists, faults)
    }

    fn add(&mut self, list: u8, name: &str, entry: Entry) {
        let exception = (name == ALLOWED).then(|| {
            self.exceptions.push(Exception {
                pattern: entry.pattern.clone(),
                owner: entry.option("owner").to_owned(),
                reason: entry.option("reason").to_owned(),
                until: entry.until,
                scope: entry
                    .option("scope")
                    .split(',')
                    .filter(|s| !s.is_empty())
                    .map(|s| s.trim().to_owned())
                    .collect(),
            });
            (self.exceptions.len() - 1) as u32
        });
        let ends = entry.until.and_then(|day| day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()).map(|z| z.timestamp());
        let below = entry.wild || SERVICES.contains(&name);
        let hit = Hit { list, itself: !entry.wild, below, ends, exception };
        match entry.names {
            Named::Mailbox(mailbox) => self.addresses.entry(mailbox.identity()).or_default().push(hit),
            Named::Domain(domain) => self.domains.entry(domain.as_str().into()).or_default().push(hit),
        }
    }

    /// Decision D19: an exception has an owner and a reason; a whole webmail domain also a scope and an end.
    fn check_exception(&self, entry: &Entry, source: &Source) -> Option<Diagnostic> {
        let whole_webmail = match &entry.names {
            Named::Domain(domain) => self.of_domain(domain, None) & (WEBMAIL | DISPOSABLE) != 0,
            Named::Mailbox(_) => false,
        };
        let missing = |name: &&&str| entry.option(name).is_empty();
        let needed: &[&str] = if whole_webmail { &["owner", "reason", "scope", "until"] } else { &["owner", "reason"] };
        let missing: Vec<&str> = needed.iter().filter(missing).copied().collect();
        if missing.is_empty() {
            return None;
        }
        let what = if whole_webmail { "an exception for a whole webmail domain" } else { "an exception" };
        Some(
            Diagnostic::at(
                source,
                entry.at..entry.at + entry.pattern.len(),
                format!("{what} needs {}", join(&missing)),
            )
            .help(
                r#"write it like: name@webmail.example owner=sg/budget reason="why" until=2027-03-31 scope=sg/budget"#,
            ),
        )
    }

    /// The lists a domain stands on, as bits; entries that ended before `instant` count no more.
    fn of_domain(&self, domain: &Domain, instant: Option<Timestamp>) -> u64 {
        self.walk(domain, instant, |_| ())
    }

    /// The lists that name a mailbox: by its address, its domain or a parent of its domain.
    pub(crate) fn bits(&self, mailbox: &Mailbox, instant: Timestamp) -> u64 {
        self.of_domain(mailbox.domain(), Some(instant)) | self.of_address(mailbox, instant, |_| ())
    }

    fn of_address(&self, mailbox: &Mailbox, instant: Timestamp, mut exception: impl FnMut(u32)) -> u64 {
        if self.addresses.is_empty() {
            return 0;
        }
        let mut bits = 0;
        for hit in self.addresses.get(&mailbox.identity()).into_iter().flatten() {
            if hit.ends.is_none_or(|end| instant < end) {
                bits |= 1 << hit.list;
                hit.exception.into_iter().for_each(&mut exception);
            }
        }
        bits
    }

    fn walk(&self, domain: &Domain, instant: Option<Timestamp>, mut exception: impl FnMut(u32)) -> u64 {
        if domain.is_literal() {
            return 0;
        }
        let (mut bits, mut rest, mut itself) = (0, domain.as_str(), true);
        loop {
            for hit in self.domains.get(rest).into_iter().flatten() {
                let covers = if itself { hit.itself } else { hit.below };
                let holds = instant.is_none_or(|now| hit.ends.is_none_or(|end| now < end));
                if covers && holds {
                    bits |= 1 << hit.list;
                    hit.exception.into_iter().for_each(&mut exception);
                }
            }
            match rest.split_once('.') {
                Some((_, parent)) => (rest, itself) = (parent, false),
                None => return bits,
            }
        }
    }

    /// Whether a domain or host stands on a list at an instant.
    pub fn contains(&self, list: &str, domain: &Domain, instant: Timestamp) -> bool {
        self.names
            .iter()
            .position(|name| name == list)
            .is_some_and(|i| self.of_domain(domain, Some(instant)) & (1 << i) != 0)
    }

    /// A digest of the entries of some lists: two that are equal say the same of every domain at every instant.
    pub(crate) fn digest(&self, lists: u64) -> String {
        let domains = self.domains.iter().flat_map(|(key, hits)| hits.iter().map(move |hit| (key.to_string(), hit)));
        let addresses =
            self.addresses.iter().flat_map(|(key, hits)| hits.iter().map(move |hit| (key.to_string(), hit)));
        let of_lists = domains.chain(addresses).filter(|(_, hit)| lists & (1 << hit.list) != 0);
        let entry = |(key, hit): (String, &Hit)| {
            let scope = hit.exception.and_then(|i| self.exceptions.get(i as usize)).map(|exception| &exception.scope);
            let Hit { list, itself, below, ends, .. } = hit;
            format!("{key} {list} {itself} {below} {ends:?} {scope:?}")
        };
        let mut entries: Vec<String> = of_lists.map(entry).collect();
        entries.sort_unstable();
        entries.extend(self.names(lists).map(str::to_owned));
        blake3::hash(entries.join("\n").as_bytes()).to_hex()[..16].to_owned()
    }

    /// The bits of the lists of these names.
    pub(crate) fn bits_of(&self, names: &[&str]) -> u64 {
        self.names.iter().enumerate().filter(|(_, name)| names.contains(&name.as_str())).map(|(i, _)| 1 << i).sum()
    }

    /// Every list, in the order of its bit.
    pub(crate) fn all_names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    /// The names of the lists in `bits`.
    pub(crate) fn names(&self, bits: u64) -> impl Iterator<Item = &str> {
        self.names.iter().enumerate().filter(move |(i, _)| bits & (1 << i) != 0).map(|(_, name)| name.as_str())
    }

    /// Service lists with the patterns on them, for detectors that look at the hosts of links:
    /// each pattern covers itself and its sub-domains.
    pub fn services(&self) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = self
            .domains
            .iter()
            .flat_map(|(domain, hits)| hits.iter().map(move |hit| (domain, hit)))
            .filter_map(|(domain, hit)| {
                let name = &self.names[hit.list as usize]; // every hit's list was named when it was read
                SERVICES[2..7].contains(&name.as_str()).then(|| (domain.to_string(), name.clone()))
            })
            .collect();
        all.sort();
        all
    }

    /// The domains of list `own`, without `*.`.
    pub fn own_domains(&self) -> Vec<String> {
        self.named_by(OWN)
    }

    /// The recipient's class by the first list that answers, with the evidence beside it.
    /// `mx` are the hosts of the domain's MX records, where they were asked for and answered in time.
    pub fn classify(&self, path: &ForwardPath, mx: Option<&[String]>, instant: Timestamp) -> ClassifiedRecipient {
        // RFC 5321 §4.5.1: every domain has a postmaster, and the bare one is the server's own.
        let ForwardPath::Mailbox(mailbox) = path else {
            return ClassifiedRecipient { mailbox: None, class: Class::Own, consumer_hosted: false, allowed_by: None };
        };
        let mut exception = None;
        let mut see = |i: u32| exception = exception.or(Some(i));
        let bits = self.of_address(mailbox, instant, &mut see) | self.walk(mailbox.domain(), Some(instant), &mut see);
        let class = match bits {
            b if b & OWN != 0 => Class::Own,
            b if b & PARTNER != 0 => Class::Partner,
            b if b & DISPOSABLE != 0 => Class::Disposable,
            b if b & WEBMAIL != 0 => Class::PrivateWebmail,
            _ => Class::Other,
        };
        ClassifiedRecipient {
            mailbox: Some(mailbox.clone()),
            class,
            consumer_hosted: class == Class::Other && mx.is_some_and(|hosts| self.consumer_hosted(hosts, instant)),
            allowed_by: exception
                .filter(|_| bits & ALLOWED_BIT != 0)
                .and_then(|i| self.exceptions.get(i as usize))
                .map(|e| e.pattern.clone()),
        }
    }

    /// Whether MX hosts could add evidence: only for domains that are on none of the four lists.
    pub fn wants_mx(&self, path: &ForwardPath, instant: Timestamp) -> bool {
        path.mailbox().is_some_and(|mailbox| {
            !mailbox.domain().is_literal() && self.bits(mailbox, instant) & (OWN | PARTNER | DISPOSABLE | WEBMAIL) == 0
        })
    }

    fn consumer_hosted(&self, hosts: &[String], instant: Timestamp) -> bool {
        hosts.iter().any(|host| Domain::parse(host).is_ok_and(|host| self.contains(CONSUMER_MX, &host, instant)))
    }

    /// Whether the sender's address is one of the administration's.
    pub fn is_own(&self, mailbox: &Mailbox, instant: Timestamp) -> bool {
        self.bits(mailbox, instant) & OWN != 0
    }

    /// Whether the address is one of the administration's or of a partner's.
    pub fn is_house(&self, mailbox: &Mailbox, instant: Timestamp) -> bool {
        self.bits(mailbox, instant) & (OWN | PARTNER) != 0
    }

    /// The exceptions, for reports of what ends soon.
    pub fn exceptions(&self) -> &[Exception] {
        &self.exceptions
    }

    /// The exceptions that name a mailbox at an instant.
    pub(crate) fn exceptions_for(&self, mailbox: &Mailbox, instant: Timestamp) -> Vec<&Exception> {
        let mut found = Vec::new();
        let mut see = |i: u32| found.extend(self.exceptions.get(i as usize));
        self.of_address(mailbox, instant, &mut see);
        self.walk(mailbox.domain(), Some(instant), &mut see);
        found
    }

    /// The domains of the lists `own` and `partner`, without `*.`.
    pub(crate) fn imitable(&self) -> Vec<String> {
        self.named_by(OWN | PARTNER)
    }

    fn named_by(&self, lists: u64) -> Vec<String> {
        let names = |hits: &&Vec<Hit>| hits.iter().any(|hit| (1u64 << hit.list) & lists != 0);
        let mut all: Vec<String> =
            self.domains.iter().filter(|(_, hits)| names(hits)).map(|(domain, _)| domain.to_string()).collect();
        all.sort();
        all
    }
}

/// Long lists may stand in several files: `private-webmail-fr.list` adds to `private-webmail`.
fn whole_list(name: &str) -> &str {
    ["private-webmail", "disposable"]
        .into_iter()
        .find(|whole| name.strip_prefix(whole).is_some_and(|rest| rest.starts_with('-')))
        .unwrap_or(name)
}

fn join(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first @ .., last] => {
            format!("{} and `{last}`", first.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", "))
        }
    }
}
