// SPDX-License-Identifier: EUPL-1.2
//! Checks between settings: who may send, complete TLS, no mail loop, limits that fit together.

use std::net::SocketAddr;

use jiff::Timestamp;

use super::verify::Locations;
use super::{House, Policies, PolicyMode, Settings};
use crate::deliver::deadline::{FOR_THE_STORE, PROMISE};
use crate::deliver::settings::{Hop, OutwardTlsMode};
use crate::diagnostic::Diagnostic;
use crate::listen::settings::{Auth, InwardTlsMode, MilterAddress, MilterSettings, SmtpSettings};

/// The faults of settings that do not fit together, and what works but deserves a second look.
pub(super) fn check(settings: &Settings, locations: &Locations) -> (Vec<Diagnostic>, Vec<Diagnostic>) {
    let mut between = Between { locations, faults: Vec::new(), warnings: Vec::new() };
    between.check_who_may_speak(&settings.smtp, &settings.milter);
    between.check_tls(settings);
    between.check_roads(settings);
    between.check_numbers(settings);
    between.check_observe(&settings.policies, Timestamp::now());
    between.check_hostname(&settings.smtp.hostname);
    between.check_house(&settings.house);
    between.check_four_eyes(settings.four_eyes);
    (between.faults, between.warnings)
}

struct Between<'a> {
    locations: &'a Locations,
    faults: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Between<'_> {
    fn report(&mut self, path: &str, text: impl Into<String>, help: impl Into<String>) {
        self.faults.push(self.locations.fault(path, text, help));
    }

    fn warn(&mut self, path: &str, text: impl Into<String>, help: impl Into<String>) {
        self.warnings.push(self.locations.fault(path, text, help).into_warning());
    }

    fn is_set(&self, path: &str) -> bool {
        self.locations.is_set(path)
    }

    /// Decision D6.
    fn check_who_may_speak(&mut self, smtp: &SmtpSettings, milter: &MilterSettings) {
        if smtp.listen.is_empty() && smtp.tls.listen.is_empty() && milter.listen.is_empty() {
            let text = "is empty: octroi would receive no mail";
            self.report("smtp.listen", text, "write listen = [\"127.0.0.1:10025\"]");
        }
        let doors = smtp.listen.iter().chain(&smtp.tls.listen).map(|address| ("smtp.listen", address));
        let open = doors.chain(inet(milter)).find(|(_, address)| !address.ip().to_canonical().is_loopback());
        if let Some((path, address)) = open
            && smtp.clients.is_loopback_only()
            && (path != "smtp.listen" || smtp.client_certs.is_none() && smtp.auth == Auth::Off)
        {
            self.report(
                path,
                format!("other machines can reach {address}, but none of them may send mail"),
                "write in [smtp] which may: clients = [\"127.0.0.0/8\", \"::1\", \"10.20.0.0/16\"], or listen only on 127.0.0.1",
            );
        }
        let mut doors = smtp.listen.iter().chain(&smtp.tls.listen).peekable();
        if doors.peek().is_some()
            && doors.all(|door| door.ip().to_canonical().is_loopback())
            && !smtp.clients.0.iter().any(near)
            && smtp.client_certs.is_none()
            && smtp.auth == Auth::Off
        {
            let text = "only this machine can reach smtp.listen, and it is not among the clients: everybody is refused";
            self.warn("smtp.clients", text, "add \"127.0.0.0/8\" and \"::1\"");
        }
        if smtp.clients.0.iter().any(|network| network.prefix_len() == 0) {
            self.warn(
                "smtp.clients",
                "every machine on the Internet may send mail through this gateway",
                "write only the networks of your own mail servers",
            );
        }
    }

    fn check_tls(&mut self, settings: &Settings) {
        let tls = &settings.smtp.tls;
        if tls.mode == InwardTlsMode::Off {
            for (path, set) in [
                ("smtp.tls.certificate", tls.certificate.is_some()),
                ("smtp.tls.key", tls.key.is_some()),
                ("smtp.tls.listen", !tls.listen.is_empty()),
                ("smtp.client_certs", settings.smtp.client_certs.is_some()),
                ("smtp.auth", settings.smtp.auth != Auth::Off),
            ] {
                if set {
                    let help = "write mode = \"opportunistic\" or \"required\" in [smtp.tls], or remove this key";
                    self.report(path, "is set, but TLS with clients is off", help);
                }
            }
        } else if tls.certificate.is_none() || tls.key.is_none() {
            let missing = if tls.certificate.is_none() { "certificate" } else { "key" };
            let help = format!("write {missing} = \"/etc/octroi/tls/{missing}.pem\" in [smtp.tls]");
            self.report("smtp.tls.mode", format!("TLS with clients is on, but there is no {missing}"), help);
        }
        let hop = &settings.next_hop;
        if settings.smtp.auth == Auth::Pass && hop.tls.mode == OutwardTlsMode::Off && !is_near(&hop.hop) {
            let text =
                "would send passwords without encryption: the next hop is another machine, and TLS with it is off";
            self.report("smtp.auth", text, "write mode = \"required\" or \"verified\" in [smtp.upstream_tls]");
        }
        if settings.next_hop.tls.mode != OutwardTlsMode::Verified {
            for path in ["smtp.upstream_tls.name", "smtp.upstream_tls.ca"] {
                if self.is_set(path) {
                    let help = "write mode = \"verified\" in [smtp.upstream_tls], or remove this key";
                    self.report(path, "is set, but octroi does not verify the certificate of the next hop", help);
                }
            }
        }
    }

    /// No address twice, no circle, and a road for released mail (decision D10).
    fn check_roads(&mut self, settings: &Settings) {
        let doors = settings.smtp.listen.iter().map(|address| ("smtp.listen", *address));
        let doors = doors.chain(settings.smtp.tls.listen.iter().map(|address| ("smtp.tls.listen", *address)));
        let doors = doors.chain(inet(&settings.milter).map(|(path, address)| (path, *address)));
        let pages = [("web.listen", settings.web), ("metrics.listen", settings.metrics)];
        let pages = pages.into_iter().filter_map(|(path, address)| Some((path, address?)));
        let mut taken: Vec<(&str, SocketAddr)> = Vec::new();
        for (path, address) in doors.chain(pages) {
            if let Some((other, _)) = taken.iter().find(|(_, other)| overlap(*other, address)) {
                let text = format!("{other} already uses {address}");
                self.report(path, text, "give each of them its own port");
            }
            taken.push((path, address));
        }
        for (path, hop) in [("smtp.upstream", Some(&settings.next_hop.hop)), ("release.via", settings.release.as_ref())]
        {
            if let Some(hop) = hop
                && settings.smtp.listen.iter().chain(&settings.smtp.tls.listen).any(|door| leads_to(hop, *door))
            {
                let text = format!("octroi itself listens on {hop}: mail would loop");
                self.report(path, text, "write the address of the next mail server");
            }
        }
        if settings.release.is_none() {
            let text = if settings.milter.listen.is_empty() {
                "is not set: released mail goes to the next hop, like mail that passes"
            } else {
                "is not set: released mail goes to smtp.upstream, which must not ask this milter again"
            };
            let help = "name a port that signs, sends nothing back to octroi and expands no aliases: \
                        via = \"127.0.0.1:10028\"";
            self.warn("release.via", text, help);
        }
    }

    fn check_numbers(&mut self, settings: &Settings) {
        // Decision D31: the sum is kept, so it has to fit.
        let both = settings.limits.inspection + settings.next_hop.reply;
        if both + FOR_THE_STORE > PROMISE {
            let path = if settings.limits.inspection > settings.next_hop.reply {
                "limits.inspection"
            } else {
                "limits.next_hop"
            };
            let text = format!("inspection and next_hop together are {} s, but the client waits 100 s", both.as_secs());
            self.report(path, text, "both together may be 90 s at most: inspection = \"45s\", next_hop = \"45s\"");
        }
        if settings.limits.memory < settings.smtp.max_size {
            let text = "is less than smtp.max_size: octroi could never receive the largest message";
            self.report("limits.memory", text, "write memory = \"512 MiB\", or a smaller max_size");
        }
        /// What one file may unpack to, and the program itself.
        const LEAST: u64 = 256 << 20;
        if settings.limits.worker_memory < LEAST {
            let text = "is too little for a worker that opens documents";
            self.report("limits.worker_memory", text, "write worker_memory = \"1 GiB\", or at least \"256 MiB\"");
        }
        if settings.smtp.max_recipients < 100 {
            // RFC 5321 §4.5.3.1.8.
            self.warn(
                "smtp.max_recipients",
                "is less than 100, the number that every mail server must accept (RFC 5321)",
                "write max_recipients = 1000",
            );
        }
        if settings.smtp.max_connections_per_client > settings.smtp.max_connections
            && self.is_set("smtp.max_connections_per_client")
        {
            let text = "is more than smtp.max_connections";
            self.report(
                "smtp.max_connections_per_client",
                text,
                "one client cannot have more than all clients together",
            );
        }
        let (out, all) = (settings.next_hop.pool.size, settings.smtp.max_connections);
        let one = settings.smtp.max_connections_per_client.min(all);
        let in_numbers = ["smtp.pool.size", "smtp.max_connections", "smtp.max_connections_per_client"];
        if out < all && in_numbers.iter().any(|path| self.is_set(path)) {
            let alone = if out < one { format!("one client may have {one} connections, ") } else { String::new() };
            let text =
                format!("is {out}, and {alone}all clients together {all}: what goes beyond it waits, then gets a 451");
            let help = "let clients open no more connections than go on, or raise size";
            self.warn("smtp.pool.size", text, help);
        }
        if settings.retention.warning >= settings.retention.quarantine {
            let path = if self.is_set("retention.warning") { "retention.warning" } else { "retention.quarantine" };
            let text = "the warning would come before the mail: warning must be shorter than quarantine";
            self.report(path, text, "for example: quarantine = \"30d\", warning = \"5d\"");
        }
    }

    /// Others look it up, and it stands behind the @ of our notices (RFC 5321 §2.3.5).
    fn check_hostname(&mut self, name: &str) {
        let top = name.rsplit('.').next().unwrap_or(name);
        let is_none = !name.contains('.')
            || ["localdomain", "invalid", "local", "localhost"].contains(&top)
            || top.bytes().all(|b| b.is_ascii_digit());
        if is_none {
            let text = format!("\"{name}\" is no full name of a host: notices would come from postmaster@{name}");
            self.warn("smtp.hostname", text, "write in [smtp] hostname = \"octroi.example.org\"");
        }
    }

    /// Without them a notice looks like what it warns of.
    fn check_house(&mut self, house: &House) {
        if house.name.is_none() && !self.is_set("house.name") {
            let help = "write the name people know, in [house]: name = \"Ministère de l'Exemple\"";
            self.warn("house.name", "not set: notices do not say who writes", help);
        }
        if house.contact.is_none() && !self.is_set("house.contact") {
            let help = "name a mailbox that people read, in [house]: contact = \"securite@example.org\"";
            self.warn("house.contact", "not set: nobody can answer a notice", help);
        }
    }

    /// Decision D43.
    fn check_four_eyes(&mut self, four_eyes: bool) {
        if !four_eyes {
            let help = "leave four_eyes out: a second person, an approver, then confirms what one proposed";
            self.warn("desk.four_eyes", "false: one person alone decides what a rule with @eyes(\"two\") held", help);
        }
    }

    /// Decision D24.
    fn check_observe(&mut self, policies: &Policies, now: Timestamp) {
        match (policies.mode, policies.until) {
            (PolicyMode::Observe, None) if !self.is_set("policies.until") => self.report(
                "policies.mode",
                "\"observe\" needs a last day, so that nobody forgets it",
                "write until = \"2027-03-31\" in [policies]",
            ),
            (PolicyMode::Observe, Some(until)) if policies.mode_at(now) == PolicyMode::Enforce => self.warn(
                "policies.mode",
                format!("observing has ended with {until} (UTC): octroi enforces the policies"),
                "write mode = \"enforce\", or a later until",
            ),
            (PolicyMode::Observe, Some(until)) => self.warn(
                "policies.mode",
                format!("octroi only observes until the end of {until} (UTC): it holds, notes and refuses nothing"),
                "write mode = \"enforce\" when you have observed enough",
            ),
            (PolicyMode::Enforce, Some(_)) => {
                self.report(
                    "policies.until",
                    "is only for mode = \"observe\"",
                    "remove this key, or write mode = \"observe\"",
                );
            }
            _ => {}
        }
    }
}

/// Whether this machine's own addresses lie in a network.
fn near(network: &ipnet::IpNet) -> bool {
    let own: [std::net::IpAddr; 2] = [std::net::Ipv4Addr::LOCALHOST.into(), std::net::Ipv6Addr::LOCALHOST.into()];
    network.addr().is_loopback() || own.iter().any(|address| network.contains(address))
}

/// Whether a hop is on this machine, as far as its name shows.
fn is_near(hop: &Hop) -> bool {
    match hop {
        Hop::LmtpUnix(_) => true,
        Hop::Smtp { host, .. } | Hop::LmtpTcp { host, .. } => {
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|a| a.to_canonical().is_loopback())
        }
    }
}

/// The milter listener's addresses that are not in the file system.
fn inet(milter: &MilterSettings) -> impl Iterator<Item = (&'static str, &SocketAddr)> {
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

/// Whether a hop is one of our own listeners, as far as addresses and `localhost` show.
fn leads_to(hop: &Hop, door: SocketAddr) -> bool {
    let (Hop::Smtp { host, port } | Hop::LmtpTcp { host, port }) = hop else { return false };
    let local = door.ip().is_unspecified() || door.ip().is_loopback();
    let same = match host.parse::<std::net::IpAddr>() {
        Ok(address) => address == door.ip() || (door.ip().is_unspecified() && address.is_loopback()),
        Err(_) => host == "localhost" && local,
    };
    same && *port == door.port()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::read::Setting;

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
