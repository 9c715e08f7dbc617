// SPDX-License-Identifier: EUPL-1.2
//! Flat texts → settings, and what must hold between them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::{Fault, Faults, Place, Source};
use super::keys;
use super::read::{ByteSize, FileUrl, Language, Page, Setting, SqliteUrl, WebAddress};
use super::values::{Entry, Values};
use super::verify::Places;
use super::words::{listing, nearest};
use super::{Cli, Dns, Limits, Loaded, Mode, Notices, Policies, Retention, Settings, Store};
use crate::deliver::settings::{Hop, NextHop, OutwardTls, OutwardTlsMode, Pool};
use crate::listen::control::{Account, Accounts, Role, User};
use crate::listen::log;
use crate::listen::settings::{
    Door, InwardTls, InwardTlsMode, MilterAddress, MilterDoor, Networks, Timeouts, TrustedPeers,
};
use crate::mail::Domain;

/// Builds the settings; `faults` are those already found.
pub fn build(values: Values, source: Source, base: &Path, faults: Vec<Fault>) -> Result<Loaded, Faults> {
    let mut reader = Reader { values, source, base: base.to_owned(), faults, warnings: Vec::new() };
    let settings = reader.settings();
    reader.check(&settings);
    if !reader.faults.is_empty() {
        return Err(Faults(reader.faults));
    }
    let places = Places::new(reader.values.entries, reader.source);
    Ok(Loaded { settings, warnings: reader.warnings, file: None, places })
}

struct Reader {
    values: Values,
    source: Source,
    base: PathBuf,
    faults: Vec<Fault>,
    warnings: Vec<Fault>,
}

// Reading one key.
impl Reader {
    fn fault_at(&self, place: &Place, text: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault::new(place, Some(&self.source), text, help)
    }

    fn place(&self, path: &str) -> Place {
        self.values.entries.get(path).map_or(Place::Default, |entry| entry.place.clone())
    }

    fn is_set(&self, path: &str) -> bool {
        self.values.entries.contains_key(path)
    }

    /// The values set for a key, or its defaults. A wrong value becomes a fault and is left out.
    fn many<T: Setting>(&mut self, path: &str) -> Vec<T> {
        let key = keys::find(path);
        debug_assert!(key.is_some(), "{path} is not in the table of keys");
        let (default, example) = key.map_or((&[][..], ""), |key| (key.default, key.example));
        let Some(Entry { items, .. }) = self.values.entries.get(path) else {
            return default.iter().filter_map(|text| T::read(text).ok()).collect();
        };
        let mut read = Vec::with_capacity(items.len());
        for item in items {
            match T::read(&item.text) {
                Ok(value) => read.push(value),
                Err(error) => {
                    let help = format!("for example: {example}");
                    self.faults.push(Fault::new(&item.place, Some(&self.source), format!("{path}: {error}"), help));
                }
            }
        }
        read
    }

    fn optional<T: Setting>(&mut self, path: &str) -> Option<T> {
        self.many(path).pop()
    }

    /// A key with a default in the table; a wrong value is a fault, and the default stands in until all are told.
    fn one<T: Setting>(&mut self, path: &str) -> T {
        self.optional(path).unwrap_or_else(|| {
            let default = keys::find(path).and_then(|key| key.default.first()).and_then(|text| T::read(text).ok());
            // Invariant: `one` is only asked for keys whose default reads; the test of the defaults reads them all.
            default.expect("a key with a default that reads")
        })
    }

    fn path(&self, path: PathBuf) -> PathBuf {
        self.base.join(path)
    }

    fn optional_path(&mut self, key: &str) -> Option<PathBuf> {
        self.optional::<PathBuf>(key).map(|path| self.path(path))
    }

    fn networks(&mut self, path: &str) -> Networks {
        Networks(self.many(path))
    }
}

// Building each room's type.
impl Reader {
    fn settings(&mut self) -> Settings {
        self.not_built_yet();
        let store = self.store();
        Settings {
            smtp: self.door(),
            milter: self.milter_door(),
            next_hop: self.next_hop(),
            release: self.optional("release.via"),
            retention: Retention {
                quarantine: self.one("retention.quarantine"),
                warning: self.one("retention.warning"),
                journal: self.one("retention.journal"),
                audit: self.one("retention.audit"),
                outbox: self.one("retention.outbox"),
            },
            web: self.one::<Page>("web.listen").0,
            metrics: self.optional::<Page>("metrics.listen").and_then(|page| page.0),
            policies: Policies {
                path: {
                    let path = self.one("policies.path");
                    self.path(path)
                },
                mode: self.one("policies.mode"),
                until: self.optional("policies.until"),
            },
            notices: Notices {
                from: self.optional("notices.from"),
                language: self.one::<Language>("notices.language").0,
                charter: self.optional::<WebAddress>("notices.charter").map(|address| address.0),
            },
            dns: Dns { server: self.optional("dns.server"), fixed: self.optional_path("dns.static") },
            log: log::Settings {
                format: self.one("log.format"),
                level: self.one("log.level"),
                target: self.one("log.target"),
            },
            limits: Limits {
                memory: self.one::<ByteSize>("limits.memory").0,
                inspection: self.one("limits.inspection"),
                workers: self.one("limits.workers"),
            },
            cli: Cli {
                socket: self.optional_path("cli.socket").unwrap_or_else(|| store.database.with_extension("sock")),
                accounts: self.accounts(),
            },
            store,
        }
    }

    fn not_built_yet(&mut self) {
        for (key, what) in [
            ("smtp.client_certs", "client certificates come"),
            ("smtp.trusted_peers.xclient", "XCLIENT comes"),
            ("smtp.trusted_peers.proxy", "the PROXY protocol comes"),
        ] {
            if let Some(entry) = self.values.entries.get(key)
                && !entry.items.is_empty()
            {
                let text = format!("{key}: {what} with a later version");
                let fault = self.fault_at(&entry.place.clone(), &text, "leave it out; name networks in smtp.clients");
                self.faults.push(fault);
            }
        }
        for key in ["smtp.upstream", "release.via"] {
            if let Some(entry) = self.values.entries.get(key)
                && entry.items.iter().any(|item| item.text.starts_with("lmtp:"))
            {
                let text = format!("{key}: LMTP comes with a later version");
                let fault = self.fault_at(&entry.place.clone(), &text, "write host:port of an SMTP server");
                self.faults.push(fault);
            }
        }
        if let Some(entry) = self.values.entries.get("smtp.bare_newline")
            && entry.items.iter().any(|item| item.text == "pass")
        {
            let text = "smtp.bare_newline: \"pass\" needs BDAT outward, which comes with a later version";
            let fault = self.fault_at(&entry.place.clone(), text, "write bare_newline = \"refuse\", or leave it out");
            self.faults.push(fault);
        }
        if let Some(entry) = self.values.entries.get("shared.url")
            && entry.items.iter().any(|item| item.text != "memory:")
        {
            let text = "shared.url: only \"memory:\" is supported in this version";
            let help = "write url = \"memory:\", or leave [shared] out";
            let fault = self.fault_at(&entry.place.clone(), text, help);
            self.faults.push(fault);
        }
    }

    fn door(&mut self) -> Door {
        Door {
            listen: self.many("smtp.listen"),
            hostname: self
                .optional::<Domain>("smtp.hostname")
                .map_or_else(system_hostname, |name| name.as_str().to_owned()),
            before_us: self.one("smtp.client"),
            clients: self.networks("smtp.clients"),
            client_certs: self.optional_path("smtp.client_certs"),
            trusted_peers: TrustedPeers {
                xclient: self.networks("smtp.trusted_peers.xclient"),
                xforward: self.networks("smtp.trusted_peers.xforward"),
                proxy: self.networks("smtp.trusted_peers.proxy"),
            },
            relay_for: self.many("smtp.relay_for"),
            max_size: self.one::<ByteSize>("smtp.max_size").0,
            max_recipients: self.one("smtp.max_recipients"),
            max_connections: self.one("smtp.max_connections"),
            max_connections_per_client: self.one("smtp.max_connections_per_client"),
            bare_newline: self.one("smtp.bare_newline"),
            tls: InwardTls {
                mode: self.one("smtp.tls.mode"),
                certificate: self.optional_path("smtp.tls.certificate"),
                key: self.optional_path("smtp.tls.key"),
            },
            timeouts: Timeouts { command: self.one("smtp.timeouts.command"), data: self.one("smtp.timeouts.data") },
        }
    }

    fn milter_door(&mut self) -> MilterDoor {
        let listen = self.many("milter.listen");
        let place = |address| match address {
            MilterAddress::Unix(path) => MilterAddress::Unix(self.path(path)),
            inet => inet,
        };
        MilterDoor { listen: listen.into_iter().map(place).collect() }
    }

    fn next_hop(&mut self) -> NextHop {
        NextHop {
            hop: self.one("smtp.upstream"),
            tls: OutwardTls {
                mode: self.one("smtp.upstream_tls.mode"),
                name: self.optional::<Domain>("smtp.upstream_tls.name").map(|name| name.as_str().to_owned()),
                ca: self.optional_path("smtp.upstream_tls.ca"),
            },
            pool: Pool { size: self.one("smtp.pool.size"), idle: self.one("smtp.pool.idle") },
            connect: self.one("limits.connect"),
            reply: self.one("limits.next_hop"),
        }
    }

    /// Blobs and key stand beside the database unless they are set.
    fn store(&mut self) -> Store {
        let SqliteUrl(database) = self.one("store.url");
        let database = self.path(database);
        let beside = database.parent().unwrap_or(Path::new("")).to_owned();
        let mut file = |key, name| match self.optional::<FileUrl>(key) {
            Some(FileUrl(path)) => self.path(path),
            None => beside.join(name),
        };
        let (blobs, key) = (file("store.blobs", "blobs"), file("store.key", "octroi.key"));
        Store { database, blobs, key, quota: self.one::<ByteSize>("store.quota").0 }
    }

    fn accounts(&mut self) -> Accounts {
        let example = "write root = { account = \"a.martin\", role = \"reviewer\" }";
        let mut accounts = Vec::new();
        let mut faults = Vec::new();
        for row in &self.values.accounts {
            let user = row.user.text.trim();
            let (Some(account), Some(role)) = (&row.account, &row.role) else {
                let text = format!("cli.accounts: \"{user}\" needs both an account and a role");
                faults.push(self.fault_at(&row.user.place, text, example));
                continue;
            };
            let user = match user.parse::<u32>() {
                Ok(uid) => User::Id(uid),
                Err(_) => User::Name(user.to_owned()),
            };
            if account.text.trim().is_empty() {
                faults.push(self.fault_at(&account.place, "cli.accounts: the account's name is empty", example));
            }
            match Role::parse(&role.text) {
                Some(role) => {
                    accounts.push((user, Account { name: account.text.trim().to_owned(), role }));
                }
                None => {
                    let known = Role::ALL.iter().map(|role| role.as_str());
                    let help = match nearest(&role.text, known.clone()) {
                        Some(word) => format!("did you mean \"{word}\"?"),
                        None => format!("write {}", listing(known)),
                    };
                    let text = format!("cli.accounts: \"{}\" is no role", role.text);
                    faults.push(self.fault_at(&role.place, text, help));
                }
            }
        }
        self.faults.append(&mut faults);
        Accounts::new(accounts)
    }
}

// What must hold between keys.
impl Reader {
    fn check(&mut self, settings: &Settings) {
        self.check_who_may_speak(&settings.smtp, &settings.milter);
        self.check_tls(settings);
        self.check_roads(settings);
        self.check_numbers(settings);
        self.check_observe(&settings.policies);
    }

    fn report(&mut self, path: &str, text: impl Into<String>, help: impl Into<String>) {
        let fault = self.fault_at(&self.place(path), format!("{path}: {}", text.into()), help);
        self.faults.push(fault);
    }

    fn warn(&mut self, path: &str, text: impl Into<String>, help: impl Into<String>) {
        let fault = self.fault_at(&self.place(path), format!("{path}: {}", text.into()), help);
        self.warnings.push(fault.into_warning());
    }

    /// Decision D6.
    fn check_who_may_speak(&mut self, smtp: &Door, milter: &MilterDoor) {
        if smtp.listen.is_empty()
            && milter.listen.is_empty()
            && !self.faults.iter().any(|fault| fault.text().starts_with("smtp.listen"))
        {
            self.report("smtp.listen", "is empty: no mail could come in", "write listen = [\"127.0.0.1:10025\"]");
        }
        let doors = smtp.listen.iter().map(|address| ("smtp.listen", address));
        let open = doors.chain(inet(milter)).find(|(_, address)| !address.ip().to_canonical().is_loopback());
        if let Some((path, address)) = open
            && smtp.clients.is_loopback_only()
            && (smtp.client_certs.is_none() || path != "smtp.listen")
        {
            self.report(
                path,
                format!("{address} can be reached from other machines, but nobody there may send"),
                "name them in [smtp]: clients = [\"127.0.0.0/8\", \"::1\", \"10.20.0.0/16\"], or listen on 127.0.0.1 only",
            );
        }
        if smtp.clients.0.iter().any(|network| network.prefix_len() == 0) {
            self.warn(
                "smtp.clients",
                "every address of the internet may send through this gateway",
                "name the networks of your own mail servers",
            );
        }
    }

    fn check_tls(&mut self, settings: &Settings) {
        let tls = &settings.smtp.tls;
        if tls.mode == InwardTlsMode::Off {
            for (path, set) in [
                ("smtp.tls.certificate", tls.certificate.is_some()),
                ("smtp.tls.key", tls.key.is_some()),
                ("smtp.client_certs", settings.smtp.client_certs.is_some()),
            ] {
                if set {
                    let help = "write mode = \"opportunistic\" or \"required\" in [smtp.tls], or remove this key";
                    self.report(path, "is set, but TLS towards clients is off", help);
                }
            }
        } else if tls.certificate.is_none() || tls.key.is_none() {
            let missing = if tls.certificate.is_none() { "certificate" } else { "key" };
            let help = format!("write {missing} = \"/etc/octroi/tls/{missing}.pem\" in [smtp.tls]");
            self.report("smtp.tls.mode", format!("TLS towards clients is on, but there is no {missing}"), help);
        }
        if settings.next_hop.tls.mode != OutwardTlsMode::Verified {
            for path in ["smtp.upstream_tls.name", "smtp.upstream_tls.ca"] {
                if self.is_set(path) {
                    let help = "write mode = \"verified\" in [smtp.upstream_tls], or remove this key";
                    self.report(path, "is set, but the next hop's certificate is not verified", help);
                }
            }
        }
    }

    /// No address twice, no circle, and a road for released mail (decision D10).
    fn check_roads(&mut self, settings: &Settings) {
        let doors = settings.smtp.listen.iter().map(|address| ("smtp.listen", *address));
        let doors = doors.chain(inet(&settings.milter).map(|(path, address)| (path, *address)));
        let pages = [("web.listen", settings.web), ("metrics.listen", settings.metrics)];
        let pages = pages.into_iter().filter_map(|(path, address)| Some((path, address?)));
        let mut taken: Vec<(&str, SocketAddr)> = Vec::new();
        for (path, address) in doors.chain(pages) {
            if let Some((other, _)) = taken.iter().find(|(_, other)| overlap(*other, address)) {
                let text = format!("{address} is already taken by {other}");
                self.report(path, text, "give each its own port");
            }
            taken.push((path, address));
        }
        for (path, hop) in [("smtp.upstream", Some(&settings.next_hop.hop)), ("release.via", settings.release.as_ref())]
        {
            if let Some(hop) = hop
                && settings.smtp.listen.iter().any(|door| leads_to(hop, *door))
            {
                let text = format!("{hop} is this gateway's own door: mail would go round in circles");
                self.report(path, text, "name the mail server behind this gateway");
            }
        }
        if settings.release.is_none() {
            let text = if settings.milter.listen.is_empty() {
                "not set: released mail goes to the next hop, signed or expanded there like any other"
            } else {
                "not set: released mail goes to smtp.upstream, which must not ask this filter again"
            };
            let help =
                "name a port that signs but neither comes back here nor expands aliases: via = \"127.0.0.1:10028\"";
            self.warn("release.via", text, help);
        }
    }

    fn check_numbers(&mut self, settings: &Settings) {
        // Decision D4: a reply within 95 s always; 5 s are left for all that is not waiting.
        let both = settings.limits.inspection + settings.next_hop.reply;
        if both > Duration::from_secs(90) {
            let path = if settings.limits.inspection > settings.next_hop.reply {
                "limits.inspection"
            } else {
                "limits.next_hop"
            };
            let text = format!("inspection and next_hop together take {} s; the client waits 100 s", both.as_secs());
            self.report(path, text, "let both together be 90 s at most: inspection = \"45s\", next_hop = \"45s\"");
        }
        if settings.limits.memory < settings.smtp.max_size {
            let text = "is less than smtp.max_size: the largest message could never come in";
            self.report("limits.memory", text, "write memory = \"512 MiB\", or a smaller max_size");
        }
        if settings.smtp.max_recipients < 100 {
            // RFC 5321 §4.5.3.1.8.
            self.warn(
                "smtp.max_recipients",
                "is less than 100, which every client may expect",
                "max_recipients = 1000",
            );
        }
        if settings.smtp.max_connections_per_client > settings.smtp.max_connections
            && self.is_set("smtp.max_connections_per_client")
        {
            let text = "is more than smtp.max_connections";
            self.report("smtp.max_connections_per_client", text, "one client cannot have more than all together");
        }
        if settings.retention.warning >= settings.retention.quarantine {
            let path = if self.is_set("retention.warning") { "retention.warning" } else { "retention.quarantine" };
            let text = "the warning would come before the mail: it must be shorter than quarantine";
            self.report(path, text, "quarantine = \"30d\", warning = \"5d\"");
        }
    }

    /// Decision D24.
    fn check_observe(&mut self, policies: &Policies) {
        match (policies.mode, policies.until) {
            (Mode::Observe, None) if !self.is_set("policies.until") => self.report(
                "policies.mode",
                "observing needs a last day, so that nobody forgets it",
                "write until = \"2027-03-31\" beside it",
            ),
            (Mode::Observe, Some(until)) => self.warn(
                "policies.mode",
                format!("nothing is held until the end of {until} (UTC): mail is only watched"),
                "mode = \"enforce\" when you have seen enough",
            ),
            (Mode::Enforce, Some(_)) => {
                self.report(
                    "policies.until",
                    "only observing has a last day",
                    "remove it, or write mode = \"observe\"",
                );
            }
            _ => {}
        }
    }
}

/// The milter door's addresses that are not in the file system.
fn inet(milter: &MilterDoor) -> impl Iterator<Item = (&'static str, &SocketAddr)> {
    milter.listen.iter().filter_map(|place| match place {
        MilterAddress::Inet(address) => Some(("milter.listen", address)),
        MilterAddress::Unix(_) => None,
    })
}

/// Whether two listening addresses cannot both be had: the same port on the same or on all addresses.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let unspecified = |x: SocketAddr| x.ip().is_unspecified();
    a.port() == b.port()
        && (a.ip() == b.ip()
            || (unspecified(a) && (a.is_ipv6() || b.is_ipv4()))
            || (unspecified(b) && (b.is_ipv6() || a.is_ipv4())))
}

/// Whether a hop is one of our own doors, as far as numbers and `localhost` tell.
fn leads_to(hop: &Hop, door: SocketAddr) -> bool {
    let (Hop::Smtp { host, port } | Hop::LmtpTcp { host, port }) = hop else { return false };
    let local = door.ip().is_unspecified() || door.ip().is_loopback();
    let same = match host.parse::<std::net::IpAddr>() {
        Ok(address) => address == door.ip() || (door.ip().is_unspecified() && address.is_loopback()),
        Err(_) => host == "localhost" && local,
    };
    same && *port == door.port()
}

/// The system's name, where it is one; the operator may set a better one.
fn system_hostname() -> String {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    name.ok()
        .and_then(|name| Domain::parse(name.trim()).ok())
        .map_or_else(|| "localhost".to_owned(), |name| name.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_overlap_when_the_kernel_would_refuse_the_second() {
        let at = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(overlap(at("0.0.0.0:25"), at("127.0.0.1:25")));
        assert!(overlap(at("127.0.0.1:25"), at("[::]:25")));
        assert!(!overlap(at("0.0.0.0:25"), at("[::1]:25")));
        assert!(!overlap(at("127.0.0.1:25"), at("127.0.0.2:25")));
        assert!(!overlap(at("127.0.0.1:25"), at("127.0.0.1:26")));
    }

    #[test]
    fn a_hop_to_our_own_door_is_seen() {
        let hop = |text: &str| Hop::read(text).unwrap();
        let door = |text: &str| text.parse::<SocketAddr>().unwrap();
        assert!(leads_to(&hop("127.0.0.1:25"), door("0.0.0.0:25")));
        assert!(leads_to(&hop("localhost:25"), door("127.0.0.1:25")));
        assert!(!leads_to(&hop("10.0.0.1:25"), door("0.0.0.0:25")));
        assert!(!leads_to(&hop("lmtp:/run/x"), door("0.0.0.0:25")));
    }
}
