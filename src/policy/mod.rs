// SPDX-License-Identifier: EUPL-1.2
//! Policy: recipient classes, rules, the facts that rules use, and the verdict on each copy. A [`Policy`] is the
//! folder that an administration edits, read and checked as a whole. Judging with it is a pure function of facts and
//! instant.
//!
//! What must not live here: looking at content (`detect`), reading files or asking DNS (texts and MX hosts are passed
//! in), settling different verdicts into one reply, and any default that is not written in a rule.
//!
//! How it fails: loading gives all [`Diagnostics`] of all files at once, with place and remedy, and then no policy.
//! Judging never fails: a rule that cannot be evaluated gives the reason `evaluation-error`, and the copy is held
//! (decision D17).
//!
//! Standards: Cedar (strict validation) for rules; decisions D17 to D20, D23, D24 and D29; the contract's names.

pub mod again;
pub mod bytes;
pub mod case;
pub mod domains;
mod evaluate;
mod facts;
pub mod judge;
mod kept;
pub mod limits;
mod question;
mod register;
mod replay;
pub mod rules;
pub mod settle;
mod sources;
pub mod verdict;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use domains::DomainLists;
pub use facts::{Asked, Facts, MessageFacts, RecipientFacts, SenderFacts, schema};
pub use judge::{Mode, Opinion};
pub use kept::{KeptAddresses, KeptCopy, KeptMail, of_private_again};
use limits::Limit;
pub use question::{CampaignFacts, Question};
pub use register::{MEMBERS, members_path, register_warnings};
pub use replay::{Replay, Replayed, Unknown};
use rules::Rules;
use rules::closed::{Known, unknown_words};
pub use sources::Sources;

use crate::diagnostic::{Diagnostic, Diagnostics, slip_of, utf8};
use crate::directory::{People, Units};
use crate::lists::entry::Entry;

/// The folders of a policy that some room reads.
pub const FOLDERS: [&str; 8] = ["rules", "domains", "units", "markings", "words", "lists", "notices", "tests"];

/// BLAKE3 over names and contents of all files: two policies with one version are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version(pub [u8; 32]);

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Sixteen digits tell policies apart; the whole is in `Version`.
        self.0.iter().take(8).try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A policy folder, read and checked. Reloading makes a new one; the old stays until the new is sound.
#[derive(Debug)]
pub struct Policy {
    pub version: Version,
    /// What its verdicts are made by, for the journal.
    pub sources: Arc<Sources>,
    /// The same as JSON.
    pub sources_text: Arc<str>,
    pub lists: DomainLists,
    pub people: People,
    pub units: Units,
    pub rules: Rules,
    pub limits: Vec<Arc<Limit>>,
    /// The administrative lists that are registered.
    pub register: Vec<Entry>,
    pub mode: Mode,
    memo: judge::Memo,
}

impl Policy {
    /// Reads a policy from its files: path relative to the policy folder (with `/`), content. Folders that other rooms
    /// read are left to them; a misspelt folder is a fault.
    pub fn load(files: &BTreeMap<String, Vec<u8>>) -> Result<Policy, Diagnostics> {
        Policy::load_for(files, None)
    }

    /// The same for the cases about another house: its domains and partners, in `tests/houses/NAME/domains`, count beside
    /// the folder's own, and its people, in `units/people.csv` there, in their stead.
    pub fn load_for(files: &BTreeMap<String, Vec<u8>>, house: Option<&str>) -> Result<Policy, Diagnostics> {
        let mut faults = misplaced(files);
        let mut texts = Vec::new();
        let there = house.map(|house| format!("tests/houses/{house}/")).filter(|there| {
            let is_known = files.keys().any(|path| path.starts_with(there.as_str()));
            if !is_known {
                let help = "write its domains/own.list there, or leave `house` out of the case";
                faults.push(Diagnostic::of_file(there, "there is no such house").help(help));
            }
            is_known
        });
        for (path, bytes) in files {
            let ours = path == limits::FILE
                || ["rules/", "domains/", "units/"].iter().any(|folder| path.starts_with(folder))
                || there.as_ref().is_some_and(|there| path.starts_with(there.as_str()));
            match utf8(path, bytes) {
                Ok(text) if ours => texts.push((path.as_str(), text)),
                Err(fault) if ours => faults.push(fault),
                _ => {}
            }
        }
        let within = |folder: Option<String>, end: &'static str| {
            texts.iter().filter_map(move |(path, text)| {
                let name = path.strip_prefix(folder.as_deref()?)?.strip_suffix(end)?;
                (!name.contains('/')).then_some((name, *path, *text))
            })
        };
        let of = |folder: &str, end| within(Some(folder.to_owned()), end);
        let of_there = |folder: &str, end| within(there.as_ref().map(|there| format!("{there}{folder}")), end);
        let (lists, list_faults) = DomainLists::parse(of("domains/", ".list").chain(of_there("domains/", ".list")));
        faults.extend(list_faults);
        let (register, more) = register::read(files, there.as_deref(), &lists, Timestamp::UNIX_EPOCH);
        // What time makes of an entry is never a fault.
        faults.extend(more.into_iter().filter(|found| !found.is_warning()));
        let mut read = |file: Option<(&str, &str, &str)>| {
            let (people, more) = file.map(|(_, path, text)| People::from_csv(path, text)).unwrap_or_default();
            faults.extend(more);
            people
        };
        let here = read(of("units/people", ".csv").next());
        let elsewhere = read(of_there("units/people", ".csv").next());
        // Rules may name the units of both.
        let both = People::new(here.by_mail.values().chain(elsewhere.by_mail.values()).cloned());
        let people = if there.is_some() { elsewhere } else { here };
        let (units, unit_faults) = Units::parse(of("units/", ".toml").map(|(_, path, text)| (path, text)), &both);
        faults.extend(unit_faults);
        let (rule_files, exceptions) = (of("rules/", ".cedar"), of("domains/allowed", ".list"));
        faults.extend(units.unknown_in(rule_files.chain(exceptions).map(|(_, path, text)| (path, text))));
        // The markings are another room's: words of theirs are checked where both are known.
        let known = Known { lists: Some(&lists.all_names()), markings: &[] };
        faults.extend(unknown_words(Rules::texts(files), &known));
        let limits = match texts.iter().find(|(path, _)| *path == limits::FILE) {
            Some((path, text)) => {
                let (limits, more) = Limit::parse(path, text, &units.known().collect::<Vec<_>>(), &lists.all_names());
                faults.extend(more);
                limits.into_iter().map(Arc::new).collect()
            }
            None => Vec::new(),
        };
        let rules = match Rules::parse(Rules::texts(files)) {
            Ok(rules) => Some(rules),
            Err(more) => {
                faults.extend(more);
                None
            }
        };
        match rules {
            Some(rules) if faults.is_empty() => {
                let (version, memo) = (version(files), judge::Memo::new());
                let sources = Arc::new(Sources::of(files, &lists, version));
                let sources_text = sources.text().into();
                Ok(Policy {
                    version,
                    sources,
                    sources_text,
                    lists,
                    people,
                    units,
                    rules,
                    limits,
                    register,
                    mode: Mode::Enforce,
                    memo,
                })
            }
            _ => Err(Diagnostics(faults)),
        }
    }

    /// The same policy in another mode (decision D24).
    pub fn in_mode(self, mode: Mode) -> Policy {
        Policy { mode, ..self }
    }

    /// The domains worth imitating: own, partners', and those of the agents' addresses.
    pub fn imitable(&self) -> Vec<String> {
        let mut all = self.lists.imitable();
        all.extend(self.people.by_mail.keys().filter_map(|mail| Some(mail.rsplit_once('@')?.1.to_owned())));
        all.sort();
        all.dedup();
        all
    }

    /// The same policy with another bound on the answers it remembers.
    pub fn remembering(mut self, most: usize) -> Policy {
        self.memo.most = most;
        self
    }
}

/// Files that no room would read because of a misspelt name.
fn misplaced(files: &BTreeMap<String, Vec<u8>>) -> Vec<Diagnostic> {
    let mut faults: Vec<Diagnostic> = Vec::new();
    for path in files.keys() {
        let fault = match path.split_once('/') {
            Some((folder, _)) if !FOLDERS.contains(&folder) => {
                let folder = format!("{folder}/");
                if faults.iter().any(|fault| fault.path() == folder) {
                    continue;
                }
                slip_of(folder.trim_end_matches('/'), FOLDERS).map(|near| {
                    Diagnostic::of_file(&folder, "octroi does not read a folder with this name")
                        .help(format!("did you mean `{near}/`?"))
                })
            }
            // A misspelt file of limits would limit nothing.
            None if path != limits::FILE && path.ends_with(".toml") => slip_of(path, [limits::FILE]).map(|near| {
                Diagnostic::of_file(path, "octroi does not read a file with this name")
                    .help(format!("did you mean `{near}`?"))
            }),
            Some(("rules", name)) if !name.ends_with(".cedar") => ending(path, name, "cedar"),
            Some(("words", name)) if !name.ends_with(".toml") => ending(path, name, "toml"),
            Some(("domains", name)) if !name.ends_with(".list") => ending(path, name, "list"),
            Some(("lists", name)) => register::misplaced(path, name),
            _ => None,
        };
        faults.extend(fault);
    }
    faults
}

/// A file with another ending in one of our folders; hidden files and notes for readers are allowed.
fn ending(path: &str, name: &str, end: &str) -> Option<Diagnostic> {
    let harmless = name.starts_with('.') || name.ends_with('~') || name.ends_with(".md");
    (!harmless).then(|| {
        Diagnostic::of_file(path, format!("octroi reads only files with the ending `.{end}` in this folder"))
            .help(format!("rename it to end in `.{end}`"))
    })
}

fn version(files: &BTreeMap<String, Vec<u8>>) -> Version {
    let mut hasher = blake3::Hasher::new();
    for (path, bytes) in files {
        for field in [path.as_bytes(), bytes] {
            hasher.update(&(field.len() as u64).to_le_bytes());
            hasher.update(field);
        }
    }
    Version(*hasher.finalize().as_bytes())
}
