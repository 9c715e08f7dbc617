// SPDX-License-Identifier: EUPL-1.2
//! Builds the settings from flat texts, and checks them together.

use std::path::{Path, PathBuf};

use super::between;
use super::keys;
use super::read::places::{FileUrl, Page, SqliteUrl, WebAddress};
use super::read::{ByteSize, Language, OneLine, Setting};
use super::values::{Entry, Values};
use super::verify::Locations;
use super::{Cli, Dns, House, Limits, Lists, Loaded, Notices, Policies, Retention, Settings, Store};
use crate::deliver::settings::{NextHop, OutwardTls, Pool};
use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};
use crate::listen::log;
use crate::listen::settings::{
    InwardTls, MilterAddress, MilterSettings, Networks, SmtpSettings, Timeouts, TrustedPeers,
};
use crate::mail::Domain;

/// Builds the settings; `faults` are those already found.
pub fn build(values: Values, source: Source, base: &Path, faults: Vec<Diagnostic>) -> Result<Loaded, Diagnostics> {
    let mut reader = Reader { values, source, base: base.to_owned(), faults };
    let settings = reader.settings();
    let Reader { values, source, mut faults, .. } = reader;
    let locations = Locations::new(values.entries, source);
    let (more, warnings) = between::check(&settings, &locations);
    // A listener that could not be read is not missing, and a mode that could not is none to fit a day to.
    let unread = |path: &str| faults.iter().any(|fault| fault.message.starts_with(path));
    let only_follows = [("smtp.listen", "smtp.listen: is empty"), ("policies.mode", "policies.until: is only for")];
    let follows: Vec<&str> = only_follows.iter().filter(|(path, _)| unread(path)).map(|(_, text)| *text).collect();
    faults.extend(more.into_iter().filter(|fault| !follows.iter().any(|text| fault.message.starts_with(text))));
    if !faults.is_empty() {
        return Err(Diagnostics(faults));
    }
    Ok(Loaded { settings, warnings, file: None, locations })
}

pub(super) struct Reader {
    pub(super) values: Values,
    source: Source,
    base: PathBuf,
    pub(super) faults: Vec<Diagnostic>,
}

// Reading one key.
impl Reader {
    pub(super) fn fault_at(&self, place: &Location, text: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        Diagnostic::new(place, Some(&self.source), text, help)
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
                    self.faults.push(Diagnostic::new(
                        &item.place,
                        Some(&self.source),
                        format!("{path}: {error}"),
                        help,
                    ));
                }
            }
        }
        read
    }

    fn optional<T: Setting>(&mut self, path: &str) -> Option<T> {
        self.many(path).pop()
    }

    /// A key with a default in the table. A wrong value is an error; the default replaces it while the rest is read.
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
        let lists = self.lists(&store);
        Settings {
            smtp: self.smtp_settings(),
            milter: self.milter_settings(),
            next_hop: self.next_hop(),
            release: self.optional("release.via"),
            lists,
            campaigns: self.one("campaigns.mode"),
            retention: Retention {
                quarantine: self.one("retention.quarantine"),
                warning: self.one("retention.warning"),
                journal: self.one("retention.journal"),
                audit: self.one("retention.audit"),
                outbox: self.one("retention.outbox"),
            },
            web: self.one::<Page>("web.listen").0,
            metrics: self.optional::<Page>("metrics.listen").and_then(|page| page.0),
            metrics_clients: self.networks("metrics.clients"),
            policies: Policies {
                path: {
                    let path = self.one("policies.path");
                    self.path(path)
                },
                mode: self.one("policies.mode"),
                until: self.optional("policies.until"),
            },
            house: House {
                name: self.optional::<OneLine>("house.name").map(|name| name.0),
                contact: self.optional("house.contact"),
                time_zone: self.optional("house.time_zone"),
            },
            four_eyes: self.one("desk.four_eyes"),
            notices: Notices {
                from: self.optional("notices.from"),
                language: self.one::<Language>("notices.language").0,
                charter: self.optional::<WebAddress>("notices.charter").map(|address| address.0),
                noted_every: self.one("notices.noted_every"),
                digest_to: self.many("notices.digest_to"),
                digest_at: self.one("notices.digest_at"),
            },
            dns: Dns { server: self.optional("dns.server"), fixed: self.optional_path("dns.static") },
            log: log::LogSettings {
                format: self.one("log.format"),
                level: self.one("log.level"),
                target: self.one("log.target"),
            },
            limits: Limits {
                memory: self.one::<ByteSize>("limits.memory").0,
                reading: self.one::<ByteSize>("limits.reading").0,
                inspection: self.one("limits.inspection"),
                workers: self.one("limits.workers"),
                worker_memory: self.one::<ByteSize>("limits.worker_memory").0,
                ocr: self.one("limits.ocr"),
            },
            cli: Cli {
                socket: self.optional_path("cli.socket").unwrap_or_else(|| store.database.with_extension("sock")),
                accounts: self.accounts(),
            },
            store,
        }
    }

    fn not_built_yet(&mut self) {
        if let Some(entry) = self.values.entries.get("shared.url")
            && entry.items.iter().any(|item| item.text != "memory:")
        {
            let text = "shared.url: this version supports only \"memory:\"";
            let help = "write url = \"memory:\", or leave [shared] out";
            let fault = self.fault_at(&entry.place.clone(), text, help);
            self.faults.push(fault);
        }
    }

    fn smtp_settings(&mut self) -> SmtpSettings {
        SmtpSettings {
            listen: self.many("smtp.listen"),
            hostname: self
                .optional::<Domain>("smtp.hostname")
                .map_or_else(system_hostname, |name| name.as_str().to_owned()),
            hostname_is_chosen: self.is_set("smtp.hostname"),
            client_kind: self.one("smtp.client"),
            clients: self.networks("smtp.clients"),
            client_certs: self.optional_path("smtp.client_certs"),
            trusted_peers: TrustedPeers {
                xclient: self.networks("smtp.trusted_peers.xclient"),
                xforward: self.networks("smtp.trusted_peers.xforward"),
                proxy: self.networks("smtp.trusted_peers.proxy"),
                received: self.networks("smtp.trusted_peers.received"),
            },
            relay_for: self.many("smtp.relay_for"),
            max_size: self.one::<ByteSize>("smtp.max_size").0,
            max_recipients: self.one("smtp.max_recipients"),
            max_connections: self.one("smtp.max_connections"),
            max_connections_per_client: self.one("smtp.max_connections_per_client"),
            bare_newline: self.one("smtp.bare_newline"),
            auth: self.one("smtp.auth"),
            login_domain: self.optional("smtp.login_domain"),
            tls: InwardTls {
                mode: self.one("smtp.tls.mode"),
                listen: self.many("smtp.tls.listen"),
                certificate: self.optional_path("smtp.tls.certificate"),
                key: self.optional_path("smtp.tls.key"),
            },
            timeouts: Timeouts { command: self.one("smtp.timeouts.command"), data: self.one("smtp.timeouts.data") },
        }
    }

    fn milter_settings(&mut self) -> MilterSettings {
        let listen = self.many("milter.listen");
        let place = |address| match address {
            MilterAddress::Unix(path) => MilterAddress::Unix(self.path(path)),
            inet => inet,
        };
        MilterSettings { listen: listen.into_iter().map(place).collect() }
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

    /// Blobs and key are next to the database, unless settings name other places.
    fn store(&mut self) -> Store {
        let SqliteUrl(database) = self.one("store.url");
        let database = self.path(database);
        let beside = database.parent().unwrap_or(Path::new("")).to_owned();
        let mut file = |key, name| match self.optional::<FileUrl>(key) {
            Some(FileUrl(path)) => self.path(path),
            None => beside.join(name),
        };
        let (blobs, key) = (file("store.blobs", "blobs"), file("store.key", "octroi.key"));
        let node = self.optional::<Domain>("store.node").map(|name| name.as_str().to_owned());
        let (quota, keep_free) = (self.one::<ByteSize>("store.quota").0, self.one::<ByteSize>("store.keep_free").0);
        Store { database, blobs, key, node, quota, keep_free }
    }

    /// Members, their key and the canaries are next to the database, unless settings name other places. A path that is
    /// not whole starts there too: who moves the store moves them.
    fn lists(&mut self, store: &Store) -> Lists {
        let beside = store.database.parent().unwrap_or(Path::new("")).to_owned();
        let path = self.optional::<PathBuf>("lists.path").unwrap_or_else(|| "lists".into());
        let key = self.optional::<FileUrl>("lists.key").map_or_else(|| "lists.key".into(), |FileUrl(path)| path);
        let canaries = self.optional::<PathBuf>("lists.canaries").unwrap_or_else(|| "canaries.txt".into());
        Lists { path: beside.join(path), key: beside.join(key), canaries: beside.join(canaries) }
    }
}

/// The system's name, where it is one; the operator may set a better one.
fn system_hostname() -> String {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    name.ok()
        .and_then(|name| Domain::parse(name.trim()).ok())
        .map_or_else(|| "localhost".to_owned(), |name| name.as_str().to_owned())
}
