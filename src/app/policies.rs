// SPDX-License-Identifier: EUPL-1.2
//! Reads the policy folder from disk and builds the ruleset.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::campaign_register;
use super::members::{self, Registered};

use crate::detect::{Detectors, LinkHosts, LinkKind, Lookalikes, Markings, VocabularyError, Words};
use crate::diagnostic::{Diagnostic, Diagnostics, Source};
use crate::notice::Notices;
use crate::pipeline::Ruleset;
use crate::policy::rules::Rules;
use crate::policy::rules::closed::{Known, unknown_words};
use crate::policy::{self, Mode, Policy};

/// Why policies cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PoliciesError {
    #[error(
        "there is no policy folder {0}: name one with --policies DIR, or settings that name one with --config FILE"
    )]
    Missing(PathBuf),
    #[error("the policies in {0} cannot be read: {1}")]
    Unreadable(PathBuf, io::Error),
    #[error("the policies in {0} contain more than {1} files or {2} bytes")]
    TooMuch(PathBuf, usize, u64),
    #[error("the policies in {0} are not in order:\n{1}")]
    Faulty(PathBuf, Diagnostics),
}

impl PoliciesError {
    /// The fault as a person at a terminal wants it: with the lines it is about, drawn.
    pub fn report(&self, colour: bool) -> String {
        match self {
            PoliciesError::Faulty(folder, faults) => {
                format!("the policies in {} are not in order:\n{}", folder.display(), faults.draw(colour))
            }
            other => format!("{other}\n"),
        }
    }
}

/// Files and bytes of a policy folder at most: it is edited by people.
const MOST_FILES: usize = 5_000;
const MOST_BYTES: u64 = 64 << 20;

/// The vocabularies in the order in which they claim words that several know; others follow by name.
const VOCABULARIES: [&str; 10] =
    ["france", "belgium", "netherlands", "morocco", "eu", "nato", "uk", "germany", "tlp", "usage"];

/// Every file below the folder, by its path there, with `/`. Hidden files and folders are left alone.
pub fn read(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, PoliciesError> {
    let unreadable = |e| PoliciesError::Unreadable(folder.to_owned(), e);
    let too_much = || PoliciesError::TooMuch(folder.to_owned(), MOST_FILES, MOST_BYTES);
    if !folder.exists() {
        return Err(PoliciesError::Missing(folder.to_owned()));
    }
    let mut files = BTreeMap::new();
    let mut bytes = 0;
    let mut waiting = vec![(folder.to_owned(), String::new())];
    while let Some((at, prefix)) = waiting.pop() {
        for entry in std::fs::read_dir(&at).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            // Links count as what they point to; a circle ends at the number of files.
            let metadata = std::fs::metadata(entry.path()).map_err(unreadable)?;
            if metadata.is_dir() {
                waiting.push((entry.path(), format!("{prefix}{name}/")));
            } else {
                bytes += metadata.len();
                files.insert(format!("{prefix}{name}"), std::fs::read(entry.path()).map_err(unreadable)?);
            }
            if files.len() + waiting.len() > MOST_FILES || bytes > MOST_BYTES {
                return Err(too_much());
            }
        }
    }
    Ok(files)
}

/// Checks the files as a whole and builds the detectors from their words and lists. No list has members.
pub fn ruleset(files: &BTreeMap<String, Vec<u8>>, folder: &Path, mode: Mode) -> Result<Ruleset, PoliciesError> {
    build(files, None, Registered::default(), folder, mode)
}

/// The same with the members of lists that are registered.
pub fn ruleset_with(
    files: &BTreeMap<String, Vec<u8>>,
    registered: Registered,
    folder: &Path,
    mode: Mode,
) -> Result<Ruleset, PoliciesError> {
    if registered.files.is_empty() {
        return ruleset(files, folder, mode);
    }
    let mut files = files.clone();
    for kept in &registered.files {
        let path = policy::members_path(&kept.about.list, kept.about.export.as_deref());
        files.insert(path, kept.digest().into_bytes());
    }
    build(&files, None, registered, folder, mode)
}

/// The same for the cases about another house ([`Policy::load_for`]), whose lists have their members in its folder.
pub fn ruleset_for(
    files: &BTreeMap<String, Vec<u8>>,
    house: &str,
    folder: &Path,
    mode: Mode,
) -> Result<Ruleset, PoliciesError> {
    build(files, Some(house), members::of_house(files, house), folder, mode)
}

fn build(
    files: &BTreeMap<String, Vec<u8>>,
    house: Option<&str>,
    registered: Registered,
    folder: &Path,
    mode: Mode,
) -> Result<Ruleset, PoliciesError> {
    let loaded = Policy::load_for(files, house);
    let of_lists = registered.faults(files);
    // A fault elsewhere hides no rule whose text is missing.
    let rules = loaded.is_err().then(|| Rules::parse(Rules::texts(files)).ok()).flatten();
    let rules = loaded.as_ref().ok().map(|policy| &policy.rules).or(rules.as_ref());
    let notices = Notices::load(files, rules);
    let (mut texts, spoken) = (texts_in("markings/", files), texts_in("words/", files));
    texts.sort_by_key(|(path, _)| {
        VOCABULARIES.iter().position(|name| path.contains(name)).unwrap_or(VOCABULARIES.len())
    });
    let markings = Markings::parse(texts.iter().map(|(path, text)| (*path, text.as_str())));
    let words = Words::parse(spoken.iter().map(|(path, text)| (*path, text.as_str())));
    let known = markings.as_ref().map(Markings::names).unwrap_or_default();
    // Lists are checked where they are known.
    let unknown = unknown_words(Rules::texts(files), &Known { lists: None, markings: &known });
    let (policy, notices, markings, words) = match (loaded, notices, markings, words) {
        (Ok(policy), Ok(notices), Ok(markings), Ok(words)) if unknown.is_empty() && of_lists.is_empty() => {
            (policy.in_mode(mode), notices, markings, words)
        }
        // The faults of all files at once, whichever room reads them.
        (policy, notices, markings, words) => {
            let mut faults = policy.err().map(|faults| faults.0).unwrap_or_default();
            faults.extend(unknown);
            faults.extend(of_lists);
            faults.extend(notices.err().into_iter().flatten());
            let text =
                |path: &str| texts.iter().chain(&spoken).find(|(known, _)| *known == path).map_or("", |(_, text)| text);
            let wrong = markings.err().into_iter().chain(words.err()).flatten();
            faults.extend(wrong.map(|error| vocabulary(&error, text(&error.file))));
            return Err(PoliciesError::Faulty(folder.to_owned(), Diagnostics(faults)));
        }
    };
    let services = policy.lists.services();
    let hosts = services.into_iter().filter_map(|(host, list)| Some((host, link_kind(&list)?)));
    let lookalikes = Lookalikes::new(policy.imitable());
    let bulk = campaign_register::lists(&policy, files, &registered);
    let detectors = Detectors::new(markings, LinkHosts::new(hosts), policy.lists.own_domains(), lookalikes, words)
        .knowing(registered.lookup(&policy), universal(&policy));
    Ok(Ruleset { policy, lists: bulk, notices, detectors })
}

fn universal(policy: &Policy) -> Vec<String> {
    policy.register.iter().filter(|entry| entry.universal).map(|entry| entry.name.clone()).collect()
}

/// The files of TOML in a folder, in the order of their names.
fn texts_in<'f>(folder: &str, files: &'f BTreeMap<String, Vec<u8>>) -> Vec<(&'f str, String)> {
    let ours = files.iter().filter(|(path, _)| path.starts_with(folder) && path.ends_with(".toml"));
    ours.map(|(path, bytes)| (path.as_str(), String::from_utf8_lossy(bytes).into_owned())).collect()
}

/// An error in a file of markings or words, in the form of the other policy errors.
fn vocabulary(error: &VocabularyError, text: &str) -> Diagnostic {
    let fault = Diagnostic::at(&Source::new(&error.file, text), error.span.clone(), error.message.clone());
    // "unknown field `rnak`, expected one of `id`, `rank`, …": the reader of TOML names every field in backticks.
    let mut named = error.message.split('`').skip(1).step_by(2);
    match named.next().filter(|_| error.message.starts_with("unknown field")) {
        Some(field) => fault.nearest(field, named),
        None if error.file.starts_with("words/") => fault.help("words/fr.toml shows and explains every key"),
        None => fault.help("markings/france.toml shows and explains every key"),
    }
}

fn link_kind(list: &str) -> Option<LinkKind> {
    [LinkKind::CloudStorage, LinkKind::FileTransfer, LinkKind::Messenger, LinkKind::Social, LinkKind::Meeting]
        .into_iter()
        .find(|kind| kind.as_str() == list)
}
