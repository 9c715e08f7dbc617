// SPDX-License-Identifier: EUPL-1.2
//! The settings: file and environment become checked values, in the types of the rooms that use them.
//!
//! What must not live here: any use of a setting. Rooms get their values from `app`; no room reads a file or the
//! environment itself.
//!
//! How it fails: with [`Diagnostics`]: all errors at once, each with file, line, column and what to write instead.
//! octroi does not start with only a part of its settings.
//!
//! Standards: TOML 1.0; `docs/contract.md` names the keys, [`keys`] is their table, `deploy/octroi.toml` explains
//! them.

mod accounts;
mod between;
mod build;
pub mod keys;
mod read;
mod reload;
mod values;
mod verify;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::access::Accounts;
use crate::deliver::settings::{Hop, NextHop};
use crate::diagnostic::{Diagnostic, Diagnostics, Location, Source};
use crate::listen::log;
use crate::listen::settings::{MilterSettings, Networks, SmtpSettings};
use crate::mail::Mailbox;

pub use reload::{Effect, ROWS, Reloaded};

/// Everything the operator has set, checked and completed. Paths are relative to the working folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub smtp: SmtpSettings,
    pub milter: MilterSettings,
    pub next_hop: NextHop,
    /// Where released mail goes; the next hop if unset (decision D10).
    pub release: Option<Hop>,
    pub store: Store,
    pub lists: Lists,
    /// Whether a flagged bulk send is braked, or only told (decision D22).
    pub campaigns: PolicyMode,
    pub retention: Retention,
    /// Where desk, `/healthz`, `/readyz` (and `/metrics`, unless it has its own address) are served.
    pub web: Option<SocketAddr>,
    pub metrics: Option<SocketAddr>,
    /// Who may see `/metrics`, beside this machine.
    pub metrics_clients: Networks,
    pub policies: Policies,
    pub house: House,
    /// Whether copies that a rule with `@eyes("two")` held are decided by two persons (decision D43).
    pub four_eyes: bool,
    pub notices: Notices,
    pub dns: Dns,
    pub log: log::LogSettings,
    pub limits: Limits,
    pub cli: Cli,
}

/// What we keep and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    /// The SQLite file.
    pub database: PathBuf,
    /// The folder of encrypted blobs.
    pub blobs: PathBuf,
    /// The file with the key that wraps the blobs' keys (decision D14).
    pub key: PathBuf,
    /// The name of this gateway among those that share the store; by default one kept beside the database.
    pub node: Option<String>,
    /// Bytes of blobs at most: warning at 80 %, deferral at 95 % (decision D15).
    pub quota: u64,
    /// Bytes that must stay free on its disks (decision D33).
    pub keep_free: u64,
}

/// Registered lists: who is on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lists {
    /// The folder of members.
    pub path: PathBuf,
    /// The file with the key by which members are hashed.
    pub key: PathBuf,
    /// Mailboxes of the house that canaries are taken from.
    pub canaries: PathBuf,
}

/// How long what is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    pub quarantine: Duration,
    /// How long before its expiry a held copy is announced.
    pub warning: Duration,
    pub journal: Duration,
    pub audit: Duration,
    /// How long delivery from the outbox is tried before a failure DSN (decision D16).
    pub outbox: Duration,
}

/// Whether verdicts bind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyMode {
    Enforce,
    /// Everything is recorded, nothing is held (decision D24).
    Observe,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policies {
    pub path: PathBuf,
    pub mode: PolicyMode,
    /// The last day of observing, UTC; set whenever the mode is observe.
    pub until: Option<jiff::civil::Date>,
}

impl Policies {
    /// The mode at an instant: observing ends by itself after its last day.
    pub fn mode_at(&self, now: jiff::Timestamp) -> PolicyMode {
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        match (self.mode, self.until) {
            (PolicyMode::Observe, Some(until)) if today <= until => PolicyMode::Observe,
            _ => PolicyMode::Enforce,
        }
    }
}

/// Whose gateway this is, as people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct House {
    /// The administration's name, in the From and the signature of notices.
    pub name: Option<String>,
    /// Who answers questions about notices: their Reply-To.
    pub contact: Option<Mailbox>,
    /// The zone in which people read dates; the system's where unset.
    pub time_zone: Option<jiff::tz::TimeZone>,
}

/// Notices to senders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notices {
    /// The `From:` of notices; `postmaster@` our name if unset.
    pub from: Option<Mailbox>,
    /// Where the mail's own language has no texts.
    pub language: String,
    /// The address of the charter that notices name.
    pub charter: Option<String>,
    /// How long a sender is not told again what the same rule noted (decision D16).
    pub noted_every: Duration,
    /// The security team; nobody: no digest.
    pub digest_to: Vec<Mailbox>,
    /// The time of day of the digest, in the house's zone.
    pub digest_at: jiff::civil::Time,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// The resolver to ask; the system's if unset.
    pub server: Option<SocketAddr>,
    /// JSON file: domain → list of MX hosts, asked before any resolver.
    pub fixed: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of message content in flight at most, over all sessions; beyond it 452.
    pub memory: u64,
    /// Bytes for reading messages at most, over all of them; beyond it mail waits, then 452.
    pub reading: u64,
    /// From the final dot to the verdict (decision D4).
    pub inspection: Duration,
    /// Worker processes that open documents.
    pub workers: usize,
    /// Address space of each, and of each reader of pictures, bytes.
    pub worker_memory: u64,
    /// Whether pictures of text are read, where tesseract is installed.
    pub ocr: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cli {
    pub socket: PathBuf,
    pub accounts: Accounts,
}

/// Settings as they were loaded, with what else is to be said about them.
#[derive(Debug, Clone)]
pub struct Loaded {
    pub settings: Settings,
    /// What works but deserves a second look.
    pub warnings: Vec<Diagnostic>,
    /// Where they came from; `None` for the built-in defaults.
    pub file: Option<PathBuf>,
    locations: verify::Locations,
}

impl Loaded {
    /// Looks at what the settings point to: certificates, keys, folders, users. Leaves nothing behind.
    ///
    /// # Errors
    /// Every missing or unreadable thing, each at the line that names it.
    pub fn verify(&self) -> Result<(), Diagnostics> {
        verify::verify(&self.settings, &self.locations)
    }
}

/// The file that is used where none is named: `octroi.toml`, else `/etc/octroi/octroi.toml`, else none.
pub fn default_file() -> Option<PathBuf> {
    ["octroi.toml", "/etc/octroi/octroi.toml"].into_iter().map(PathBuf::from).find(|path| path.exists())
}

/// Loads the named file, else the default one, else the built-in defaults; the environment overrides each.
///
/// # Errors
/// A file that cannot be read, or every fault in it and in the environment.
pub fn load(named: Option<&Path>) -> Result<Loaded, Diagnostics> {
    let file = named.map(Path::to_owned).or_else(default_file);
    let text = match &file {
        Some(path) => std::fs::read_to_string(path).map_err(|error| unreadable(path, &error))?,
        None => String::new(),
    };
    // A variable that is not UTF-8 is not ours or is a fault of another kind of value; it is read with replacement.
    let environment: Vec<(String, String)> = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .filter(|(name, _)| name.starts_with("OCTROI_"))
        .collect();
    let name = file.clone().unwrap_or_else(|| PathBuf::from("built-in defaults"));
    let environment = environment.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let mut loaded = parse(&text, &name, environment)?;
    loaded.file = file;
    Ok(loaded)
}

/// The one fault of a settings file that cannot be read at all.
fn unreadable(path: &Path, error: &std::io::Error) -> Diagnostics {
    let text = format!("cannot read the settings file {}: {error}", path.display());
    let help = match error.kind() {
        std::io::ErrorKind::PermissionDenied => {
            "allow this user to read it (see docs/operations/install.md for its mode), or run octroi as one who may"
        }
        _ => {
            "name an existing file with --config FILE, or leave --config out: octroi then uses ./octroi.toml, else \
             /etc/octroi/octroi.toml, else the built-in defaults"
        }
    };
    Diagnostics(vec![Diagnostic::new(&Location::Default, None, text, help)])
}

/// Where the policies are, also by settings that have faults: as the file says it, else the default.
pub fn policies_folder(named: Option<&Path>) -> PathBuf {
    let file = named.map(Path::to_owned).or_else(default_file).unwrap_or_default();
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let (table, _) = toml::de::DeTable::parse_recoverable(&text);
    let said = table.get_ref().get("policies").and_then(|policies| policies.get_ref().get("path"));
    let path = said.and_then(|path| path.get_ref().as_str()).unwrap_or("policies");
    file.parent().unwrap_or(Path::new("")).join(path)
}

/// Reads settings from a text. Relative paths in it start at the folder of `name`.
///
/// # Errors
/// Every fault of the text and the environment at once.
pub fn parse<'e>(
    text: &str,
    name: &Path,
    environment: impl Iterator<Item = (&'e str, &'e str)>,
) -> Result<Loaded, Diagnostics> {
    let source = Source::new(name.display().to_string(), text);
    let mut faults = Vec::new();
    let values = values::collect(text, &source, environment, &mut faults);
    build::build(values, source, name.parent().unwrap_or(Path::new("")), faults)
}
