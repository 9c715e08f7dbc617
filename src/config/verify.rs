// SPDX-License-Identifier: EUPL-1.2
//! Checks what the settings name: does it exist, can octroi use it? Leaves no files behind.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use super::Settings;
use super::values::Entry;
use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};
use crate::listen::settings::{InwardTlsMode, MilterAddress};

/// Where each key was set.
#[derive(Debug, Clone)]
pub struct Locations {
    entries: BTreeMap<&'static str, Location>,
    source: Source,
}

impl Locations {
    pub fn new(entries: BTreeMap<&'static str, Entry>, source: Source) -> Locations {
        Locations { entries: entries.into_iter().map(|(path, entry)| (path, entry.place)).collect(), source }
    }
}

impl Locations {
    pub(super) fn is_set(&self, path: &str) -> bool {
        self.entries.contains_key(path)
    }

    /// The key counts as set where it is set in `old`.
    pub(super) fn set_as_in(&mut self, old: &Locations, path: &'static str) {
        if old.is_set(path) {
            self.entries.entry(path).or_insert(Location::Default);
        } else {
            self.entries.remove(path);
        }
    }

    /// A fault of one key, at its place.
    pub(super) fn fault(&self, path: &str, text: impl Into<String>, help: impl Into<String>) -> Diagnostic {
        let place = self.entries.get(path).unwrap_or(&Location::Default);
        Diagnostic::new(place, Some(&self.source), format!("{path}: {}", text.into()), help)
    }
}

/// Looks at everything the settings name.
pub fn verify(settings: &Settings, locations: &Locations) -> Result<(), Diagnostics> {
    let mut visit = Visit { locations, faults: Vec::new() };
    visit.certificates(settings);
    visit.store(settings);
    visit.policies(settings);
    if let Some(path) = &settings.dns.fixed {
        visit.readable("dns.static", path, "a JSON file: {\"example.org\": [\"mx.example.org\"]}");
    }
    visit.milter_sockets(settings);
    visit.accounts(settings);
    if visit.faults.is_empty() { Ok(()) } else { Err(Diagnostics(visit.faults)) }
}

struct Visit<'a> {
    locations: &'a Locations,
    faults: Vec<Diagnostic>,
}

impl Visit<'_> {
    fn fault(&mut self, path: &str, text: String, help: impl Into<String>) {
        self.faults.push(self.locations.fault(path, text, help));
    }

    /// The file's text, up to 1 MiB: more than any certificate bundle that is meant for one server.
    fn readable(&mut self, key: &str, path: &Path, expected: &str) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let read = std::fs::File::open(path).and_then(|file| file.take(1 << 20).read_to_end(&mut content));
        match read {
            Ok(_) => Some(content),
            Err(error) => {
                let text = format!("cannot read {}: {}", path.display(), plain(&error));
                let help = match error.kind() {
                    std::io::ErrorKind::PermissionDenied => "allow the user that octroi runs as to read it".to_owned(),
                    _ => format!("put {expected} there, or correct the path"),
                };
                self.fault(key, text, help);
                None
            }
        }
    }

    fn certificates(&mut self, settings: &Settings) {
        let tls = &settings.smtp.tls;
        if tls.mode != InwardTlsMode::Off {
            self.pem("smtp.tls.certificate", tls.certificate.as_deref(), "CERTIFICATE", "our certificate in PEM");
            self.pem("smtp.tls.key", tls.key.as_deref(), "PRIVATE KEY", "our private key in PEM");
        }
        let authorities = "the authorities' certificates in PEM";
        self.pem("smtp.client_certs", settings.smtp.client_certs.as_deref(), "CERTIFICATE", authorities);
        self.pem("smtp.upstream_tls.ca", settings.next_hop.tls.ca.as_deref(), "CERTIFICATE", authorities);
    }

    fn pem(&mut self, key: &str, path: Option<&Path>, what: &str, expected: &str) {
        let Some(path) = path else { return };
        let Some(content) = self.readable(key, path, expected) else { return };
        // RFC 7468 §2: `-----BEGIN label-----`; keys are `PRIVATE KEY`, `RSA PRIVATE KEY`, `EC PRIVATE KEY`.
        let text = String::from_utf8_lossy(&content);
        let mut labels = text.lines().filter_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
        if !labels.any(|label| label.ends_with(what) && !label.starts_with("ENCRYPTED")) {
            let text = format!("{} contains no {}", path.display(), what.to_lowercase());
            self.fault(key, text, format!("put {expected} there: a block that begins with -----BEGIN {what}-----"));
        }
    }

    fn store(&mut self, settings: &Settings) {
        let store = &settings.store;
        let database = store.database.parent().unwrap_or(Path::new(""));
        if self.writable("store.url", database) && store.database.is_dir() {
            let text = format!("{} is a folder, not a database", store.database.display());
            self.fault("store.url", text, "name a file: url = \"sqlite:var/octroi.db\"");
        }
        if store.blobs.exists() && !store.blobs.is_dir() {
            let text = format!("{} is a file, not a folder", store.blobs.display());
            self.fault("store.blobs", text, "name a folder: blobs = \"file:var/blobs\"");
        } else {
            self.writable("store.blobs", &store.blobs);
        }
        if store.key.exists() {
            self.readable("store.key", &store.key, "the key this store was made with");
        } else if store.database.exists() {
            // Decision D14: a new key would not open what the old one closed.
            let text = format!("the store exists, but its key file {} does not", store.key.display());
            let help = "restore the key file from your backup; without it nobody can open held mail";
            self.fault("store.key", text, help);
        }
        let socket = settings.cli.socket.parent().unwrap_or(Path::new(""));
        if settings.store.database.parent() != Some(socket) {
            self.writable("cli.socket", socket);
        }
    }

    fn milter_sockets(&mut self, settings: &Settings) {
        for address in &settings.milter.listen {
            if let MilterAddress::Unix(path) = address {
                self.writable("milter.listen", path.parent().unwrap_or(Path::new("")));
            }
        }
    }

    /// Whether we could write into a folder, or make it where it is missing.
    fn writable(&mut self, key: &str, folder: &Path) -> bool {
        let mut existing = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        while !existing.exists() {
            existing = match existing.parent() {
                Some(parent) if !parent.as_os_str().is_empty() => parent,
                _ => Path::new("."),
            };
        }
        let what = if existing == folder || folder.as_os_str().is_empty() {
            format!("cannot write to {}", existing.display())
        } else {
            format!("cannot create {}", folder.display())
        };
        if !existing.is_dir() {
            self.fault(key, format!("{what}: {} is not a folder", existing.display()), "write another path");
            return false;
        }
        // The honest question is an attempt: permission bits say nothing of read-only file systems and ACLs.
        let probe = existing.join(format!(".octroi-check-{}", std::process::id()));
        let attempt = std::fs::OpenOptions::new().write(true).create_new(true).open(&probe);
        match attempt {
            Ok(_) => {
                // A probe that cannot be removed again is empty and harmless.
                let _ = std::fs::remove_file(&probe);
                true
            }
            Err(error) => {
                let help = "allow the user that octroi runs as to write there (chown), or write another path";
                let why = match error.kind() {
                    // The folder is there: it is of those, like /proc, in which nothing can be made.
                    std::io::ErrorKind::NotFound => "octroi cannot create files there".into(),
                    _ => plain(&error),
                };
                self.fault(key, format!("{what}: {why}"), help);
                false
            }
        }
    }

    fn policies(&mut self, settings: &Settings) {
        let path = &settings.policies.path;
        if !path.is_dir() {
            let state = if path.exists() { "is not a folder" } else { "does not exist" };
            let help = "write path = \"/etc/octroi/policies\": the folder with rules/, domains/ and notices/ that came with octroi";
            self.fault("policies.path", format!("{} {state}", path.display()), help);
        }
    }

    fn accounts(&mut self, settings: &Settings) {
        for text in settings.cli.accounts.conflicts(&crate::listen::control::system_users()) {
            let help = "one person is one account, with the same roles, units and mailbox wherever it stands";
            self.fault("cli.accounts", text, help);
        }
        if let Err(unknown) = settings.cli.accounts.resolve(&crate::listen::control::system_users()) {
            for name in unknown {
                let text = format!("there is no user \"{name}\" on this system");
                let help = "check the name; for a user of a directory service write the number (`id -u NAME` shows it)";
                self.fault("cli.accounts", text, help);
            }
        }
    }
}

/// The system's words without its number.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "it does not exist".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}
