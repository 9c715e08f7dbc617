// SPDX-License-Identifier: EUPL-1.2
//! The table of all settings: default, example, meaning. Reading, errors and the test of `deploy/octroi.toml` use it.

/// What shape a key's value has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    One,
    Many,
    /// The one table whose names are the operator's: system users and their accounts.
    Accounts,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Sections and name, joined by dots.
    pub path: &'static str,
    pub shape: Shape,
    /// The default as texts; empty if there is none or where it follows from another key.
    pub default: &'static [&'static str],
    /// A line an operator can copy.
    pub example: &'static str,
}

impl Key {
    /// The section without its brackets.
    pub fn section(&self) -> &'static str {
        self.path.rsplit_once('.').map_or("", |(section, _)| section)
    }

    /// The name inside its section.
    pub fn name(&self) -> &'static str {
        self.path.rsplit_once('.').map_or(self.path, |(_, name)| name)
    }
}

/// Every key there is.
pub fn all() -> &'static [Key] {
    KEYS
}

pub fn find(path: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.path == path)
}

/// Whether a path names a section: something stands below it.
pub fn is_section(path: &str) -> bool {
    below(path).next().is_some()
}

/// The names that may stand directly in a section (the top of the file is the section `""`), each once, in order.
pub fn below(section: &str) -> impl Iterator<Item = &'static str> {
    let mut last = "";
    let section = section.to_owned();
    KEYS.iter().filter_map(move |key| {
        let rest =
            if section.is_empty() { key.path } else { key.path.strip_prefix(section.as_str())?.strip_prefix('.')? };
        let name = rest.split('.').next().unwrap_or(rest);
        if name == last {
            return None;
        }
        last = name;
        Some(name)
    })
}

const fn one(path: &'static str, default: &'static [&'static str], example: &'static str) -> Key {
    Key { path, shape: Shape::One, default, example }
}

const fn many(path: &'static str, default: &'static [&'static str], example: &'static str) -> Key {
    Key { path, shape: Shape::Many, default, example }
}

// The table. Keys of one section stand together: `below` relies on it.
const KEYS: &[Key] = &[
    many("smtp.listen", &["127.0.0.1:10025"], r#"listen = ["127.0.0.1:10025"]"#),
    one("smtp.upstream", &["127.0.0.1:10026"], r#"upstream = "127.0.0.1:10026""#),
    many("smtp.clients", &["127.0.0.0/8", "::1"], r#"clients = ["127.0.0.0/8", "::1", "10.20.0.0/16"]"#),
    one("smtp.client_certs", &[], r#"client_certs = "/etc/octroi/clients-ca.pem""#),
    one("smtp.client", &["queue"], r#"client = "queue""#),
    one("smtp.hostname", &[], r#"hostname = "octroi.example.org""#),
    many("smtp.relay_for", &[], r#"relay_for = ["agency.example.org"]"#),
    one("smtp.max_size", &["50 MiB"], r#"max_size = "50 MiB""#),
    one("smtp.max_recipients", &["1000"], "max_recipients = 1000"),
    one("smtp.max_connections", &["1000"], "max_connections = 1000"),
    one("smtp.max_connections_per_client", &["200"], "max_connections_per_client = 200"),
    one("smtp.bare_newline", &["refuse"], r#"bare_newline = "refuse""#),
    one("smtp.auth", &["off"], r#"auth = "pass""#),
    one("smtp.login_domain", &[], r#"login_domain = "example.org""#),
    many("smtp.trusted_peers.xclient", &[], r#"xclient = ["10.20.0.5"]"#),
    many("smtp.trusted_peers.xforward", &[], r#"xforward = ["10.20.0.5"]"#),
    many("smtp.trusted_peers.proxy", &[], r#"proxy = ["10.20.0.6"]"#),
    many("smtp.trusted_peers.received", &[], r#"received = ["10.20.0.5"]"#),
    one("smtp.tls.mode", &["off"], r#"mode = "opportunistic""#),
    many("smtp.tls.listen", &[], r#"listen = ["127.0.0.1:10465"]"#),
    one("smtp.tls.certificate", &[], r#"certificate = "/etc/octroi/tls/fullchain.pem""#),
    one("smtp.tls.key", &[], r#"key = "/etc/octroi/tls/privkey.pem""#),
    one("smtp.upstream_tls.mode", &["opportunistic"], r#"mode = "verified""#),
    one("smtp.upstream_tls.name", &[], r#"name = "relay.example.org""#),
    one("smtp.upstream_tls.ca", &[], r#"ca = "/etc/octroi/tls/ca.pem""#),
    one("smtp.pool.size", &["100"], "size = 100"),
    one("smtp.pool.idle", &["30s"], r#"idle = "30s""#),
    one("smtp.timeouts.command", &["5min"], r#"command = "5min""#),
    one("smtp.timeouts.data", &["3min"], r#"data = "3min""#),
    one("release.via", &[], r#"via = "127.0.0.1:10028""#),
    many("milter.listen", &[], r#"listen = ["inet:127.0.0.1:10027"]"#),
    one("store.url", &["sqlite:var/octroi.db"], r#"url = "sqlite:var/octroi.db""#),
    one("store.blobs", &[], r#"blobs = "file:var/blobs""#),
    one("store.key", &[], r#"key = "file:var/octroi.key""#),
    one("store.node", &[], r#"node = "gate-1""#),
    one("store.quota", &["10 GiB"], r#"quota = "10 GiB""#),
    one("store.keep_free", &["100 MiB"], r#"keep_free = "100 MiB""#),
    one("lists.path", &[], r#"path = "lists""#),
    one("lists.key", &[], r#"key = "file:lists.key""#),
    one("lists.canaries", &[], r#"canaries = "/etc/octroi/canaries.txt""#),
    one("campaigns.mode", &["enforce"], r#"mode = "observe""#),
    one("retention.quarantine", &["30d"], r#"quarantine = "30d""#),
    one("retention.warning", &["5d"], r#"warning = "5d""#),
    one("retention.journal", &["183d"], r#"journal = "183d""#),
    one("retention.audit", &["1096d"], r#"audit = "1096d""#),
    one("retention.outbox", &["5d"], r#"outbox = "5d""#),
    one("shared.url", &["memory:"], r#"url = "memory:""#),
    one("web.listen", &["127.0.0.1:8025"], r#"listen = "127.0.0.1:8025""#),
    one("metrics.listen", &[], r#"listen = "127.0.0.1:9025""#),
    many("metrics.clients", &[], r#"clients = ["10.20.0.7"]"#),
    one("policies.path", &["policies"], r#"path = "policies""#),
    one("policies.mode", &["enforce"], r#"mode = "enforce""#),
    one("policies.until", &[], r#"until = "2027-03-31""#),
    one("house.name", &[], r#"name = "Ministère de l'Exemple""#),
    one("house.contact", &[], r#"contact = "securite@example.org""#),
    one("house.time_zone", &[], r#"time_zone = "Europe/Paris""#),
    one("desk.four_eyes", &["true"], "four_eyes = true"),
    one("notices.from", &[], r#"from = "postmaster@example.org""#),
    one("notices.language", &["fr"], r#"language = "fr""#),
    one("notices.charter", &[], r#"charter = "https://intranet.example.org/charte""#),
    one("notices.noted_every", &["1d"], r#"noted_every = "1d""#),
    many("notices.digest_to", &[], r#"digest_to = ["securite@example.org"]"#),
    one("notices.digest_at", &["07:30"], r#"digest_at = "07:30""#),
    one("dns.server", &[], r#"server = "127.0.0.1:53""#),
    one("dns.static", &[], r#"static = "mx.json""#),
    one("log.format", &["human"], r#"format = "json""#),
    one("log.level", &["info"], r#"level = "info""#),
    one("log.target", &["stderr"], r#"target = "stderr""#),
    one("limits.memory", &["512 MiB"], r#"memory = "512 MiB""#),
    one("limits.reading", &["512 MiB"], r#"reading = "512 MiB""#),
    one("limits.inspection", &["45s"], r#"inspection = "45s""#),
    one("limits.next_hop", &["45s"], r#"next_hop = "45s""#),
    one("limits.connect", &["10s"], r#"connect = "10s""#),
    one("limits.workers", &["2"], "workers = 2"),
    one("limits.worker_memory", &["1 GiB"], r#"worker_memory = "1 GiB""#),
    one("limits.ocr", &["true"], "ocr = false"),
    one("cli.socket", &[], r#"socket = "/run/octroi/control.sock""#),
    Key {
        path: "cli.accounts",
        shape: Shape::Accounts,
        default: &[],
        example: r#"accounts.root = { account = "a.martin", role = "reviewer" }"#,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_stands_once_and_every_section_in_one_piece() {
        for (at, key) in KEYS.iter().enumerate() {
            assert!(!KEYS[..at].iter().any(|other| other.path == key.path), "{} twice", key.path);
        }
        let sections: Vec<_> = below("").collect();
        for (at, section) in sections.iter().enumerate() {
            assert!(!sections[..at].contains(section), "[{section}] is in two pieces");
        }
    }

    #[test]
    fn an_example_begins_with_the_name_of_its_key() {
        for key in KEYS {
            assert!(key.example.starts_with(key.name()), "{}: {}", key.path, key.example);
        }
    }

    #[test]
    fn sections_hold_names_and_keys_hold_nothing() {
        assert!(is_section("smtp.tls") && is_section("smtp") && !is_section("smtp.listen") && !is_section("smt"));
        assert!(below("smtp").any(|name| name == "tls"));
        assert_eq!(below("release").collect::<Vec<_>>(), ["via"]);
    }
}
