// SPDX-License-Identifier: EUPL-1.2
//! Reads traffic logs for `campaigns replay`: line by line, on all cores, in the log's order. Nothing is sent or kept.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, available_parallelism, scope};

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::policies::{self, PoliciesError};
use crate::campaign::{self, ListFile, LogLine, Prepared, Reading, Register, Replay, Report};
use crate::diagnostic::Diagnostics;
use crate::lists::{ListKey, Member};
use crate::mail::Mailbox;
use crate::policy::Policy;

/// What a replay reads.
#[derive(Debug, Clone, Copy)]
pub struct Logs<'a> {
    pub logs: &'a [PathBuf],
    /// Texts that lines name by `text_id`.
    pub texts: Option<&'a Path>,
    /// The folder of `lists.json`.
    pub lists: Option<&'a Path>,
    /// Own domains, people and their units are taken from there.
    pub policies: Option<&'a Path>,
}

/// Why a log cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("{0} cannot be read: {1}")]
    Unreadable(PathBuf, io::Error),
    #[error("{0} is no file: a log is read twice, first for the domains that send")]
    NoFile(PathBuf),
    #[error("{0}:{1}: {2}")]
    Line(PathBuf, usize, String),
    #[error("{0}: {1}")]
    Lists(PathBuf, String),
    #[error(transparent)]
    Policies(#[from] PoliciesError),
}

/// One line of `--texts`.
#[derive(Deserialize)]
struct TextLine {
    text_id: String,
    text: String,
}

/// What is wanted of a line before anything is judged.
#[derive(Deserialize)]
struct Head {
    mail_from: String,
    time: Timestamp,
}

/// A line as it stands in a log, with its place.
struct Line {
    log: usize,
    number: usize,
    bytes: Vec<u8>,
}

type Batch<T> = Result<Vec<T>, LogError>;

/// Lines that go from thread to thread together.
const BATCH: usize = 64;
/// Batches that wait for the next thread at most.
const WAITING: usize = 8;

/// All campaigns of the logs, each transaction judged in their order, knowing nothing of later ones.
///
/// # Errors
/// Something cannot be read, or a line is none of a log.
pub fn replay(logs: &Logs<'_>) -> Result<Vec<Report>, LogError> {
    // No hash leaves this process.
    let key = ListKey::new([0; 32]);
    let texts: HashMap<String, String> = match logs.texts {
        Some(path) => all_of(path)?.into_iter().map(|line: TextLine| (line.text_id, line.text)).collect(),
        None => HashMap::new(),
    };
    let (senders, begins) = senders(logs.logs)?;
    let policy = logs.policies.map(policy).transpose()?;
    let own = |mailbox: &Mailbox| {
        senders.contains(mailbox.domain().as_str())
            || policy.as_ref().is_some_and(|policy| policy.lists.is_own(mailbox, begins))
    };
    let units = policy.as_ref().map(|policy| units(policy, &key)).unwrap_or_default();
    let headcount = policy.as_ref().map_or(0, |policy| policy.people.by_mail.len());
    let register = match logs.lists {
        Some(folder) => register(folder, &texts, &own, &key, headcount)?,
        None => Register::new(Vec::new(), headcount),
    };
    let reading = Reading { key: &key, register: &register, own: &own, texts: &texts, units: &units };
    judged(logs.logs, &reading)
}

/// Lines are read by one thread, prepared by as many as there are cores, and judged in order by this one.
fn judged(logs: &[PathBuf], reading: &Reading<'_>) -> Result<Vec<Report>, LogError> {
    let workers = available_parallelism().map_or(1, usize::from);
    let mut replay = Replay::new(reading.register);
    scope(|scope| {
        let (unread, prepared): (Vec<_>, Vec<_>) = (0..workers).map(|_| worker(scope, logs, reading)).unzip();
        scope.spawn(move || hand_out(logs, &unread));
        // Batch by batch as they were handed out; where one thread has no more, there is none behind it.
        for next in prepared.iter().cycle() {
            let Ok(batch) = next.recv() else { break };
            batch?.iter().for_each(|line| drop(replay.push(line)));
        }
        Ok(replay.finish())
    })
}

/// A thread that does all that can be done before a line's turn.
fn worker<'s, 'e>(
    scope: &'s Scope<'s, 'e>,
    logs: &'e [PathBuf],
    reading: &'e Reading<'_>,
) -> (SyncSender<Batch<Line>>, Receiver<Batch<Prepared>>) {
    let (unread, lines) = sync_channel::<Batch<Line>>(WAITING);
    let (done, prepared) = sync_channel(WAITING);
    scope.spawn(move || {
        for batch in lines {
            let batch = batch.and_then(|lines| lines.iter().map(|line| prepare(line, logs, reading)).collect());
            // Who judges has met a fault.
            if done.send(batch).is_err() {
                return;
            }
        }
    });
    (unread, prepared)
}

fn prepare(line: &Line, logs: &[PathBuf], reading: &Reading<'_>) -> Result<Prepared, LogError> {
    let fault = |message: String| LogError::Line(logs[line.log].clone(), line.number, message);
    let parsed: LogLine<'_> = serde_json::from_slice(&line.bytes).map_err(|error| fault(error.to_string()))?;
    match parsed.text_id.as_deref().filter(|_| parsed.text.is_none()) {
        Some(id) if !reading.texts.contains_key(id) => {
            Err(fault(format!("there is no text `{id}`: name the file that has it with --texts")))
        }
        _ => Ok(reading.prepare(&parsed)),
    }
}

/// Hands the lines to the threads in turn, until they end or one of them cannot be read.
fn hand_out(logs: &[PathBuf], unread: &[SyncSender<Batch<Line>>]) {
    let mut to = unread.iter().cycle();
    let mut batch = Vec::with_capacity(BATCH);
    let mut send = |batch| to.next().is_some_and(|to| to.send(batch).is_ok());
    let all = logs.iter().enumerate().flat_map(|(log, path)| lines(path).map(move |line| (log, line)));
    for (log, line) in all {
        match line {
            Ok((number, bytes)) => batch.push(Line { log, number, bytes }),
            Err(fault) => {
                send(Err(fault));
                return;
            }
        }
        if batch.len() == BATCH && !send(Ok(std::mem::replace(&mut batch, Vec::with_capacity(BATCH)))) {
            return;
        }
    }
    send(Ok(batch));
}

/// The lines of a file that are not blank, numbered from one.
fn lines(path: &Path) -> impl Iterator<Item = Result<(usize, Vec<u8>), LogError>> + '_ {
    let unreadable = |error| LogError::Unreadable(path.to_owned(), error);
    let (mut source, mut fault) = match File::open(path) {
        Ok(file) => (Some(BufReader::with_capacity(1 << 20, file)), None),
        Err(error) => (None, Some(unreadable(error))),
    };
    let mut number = 0;
    std::iter::from_fn(move || {
        if let Some(fault) = fault.take() {
            return Some(Err(fault));
        }
        loop {
            let mut bytes = Vec::new();
            match source.as_mut()?.read_until(b'\n', &mut bytes) {
                Ok(0) => return None,
                Ok(_) => number += 1,
                Err(error) => {
                    source = None;
                    return Some(Err(unreadable(error)));
                }
            }
            if !bytes.trim_ascii().is_empty() {
                return Some(Ok((number, bytes)));
            }
        }
    })
}

/// Each line of a file, as JSON.
fn all_of<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, LogError> {
    lines(path).map(|line| parse(path, line?)).collect()
}

fn parse<T: DeserializeOwned>(path: &Path, (number, bytes): (usize, Vec<u8>)) -> Result<T, LogError> {
    serde_json::from_slice(&bytes).map_err(|error| LogError::Line(path.to_owned(), number, error.to_string()))
}

/// The domains that send in the logs, and the instant of the first line.
fn senders(logs: &[PathBuf]) -> Result<(HashSet<String>, Timestamp), LogError> {
    let (mut begins, mut fault) = (None, None);
    let mut senders = HashSet::new();
    for path in logs {
        let metadata = std::fs::metadata(path).map_err(|error| LogError::Unreadable(path.clone(), error))?;
        if !metadata.is_file() {
            return Err(LogError::NoFile(path.clone()));
        }
        let heads = lines(path).map(|line| parse::<Head>(path, line?));
        let heads = heads.map_while(|head| head.map_err(|error| fault = Some(error)).ok());
        let addresses = heads.map(|head| {
            begins.get_or_insert(head.time);
            head.mail_from
        });
        senders.extend(campaign::own_domains(addresses));
        if let Some(fault) = fault.take() {
            return Err(fault);
        }
    }
    Ok((senders, begins.unwrap_or_default()))
}

fn policy(folder: &Path) -> Result<Policy, LogError> {
    let files = policies::read(folder)?;
    Policy::load(&files)
        .map_err(|Diagnostics(faults)| PoliciesError::Faulty(folder.to_owned(), Diagnostics(faults)).into())
}

/// The unit of each agent, as a number.
fn units(policy: &Policy, key: &ListKey) -> HashMap<Member, u64> {
    let people = policy.people.by_mail.values().filter(|person| !person.unit.is_empty());
    let known = people.filter_map(|person| Some((Mailbox::parse(&person.mail).ok()?, campaign::unit(&person.unit))));
    known.map(|(mailbox, unit)| (key.member(&mailbox.identity()), unit)).collect()
}

/// The register of `lists.json` and the files beside it.
fn register(
    folder: &Path,
    texts: &HashMap<String, String>,
    own: campaign::IsOwn<'_>,
    key: &ListKey,
    headcount: usize,
) -> Result<Register, LogError> {
    let path = folder.join("lists.json");
    let read = |path: &Path| std::fs::read(path).map_err(|error| LogError::Unreadable(path.to_owned(), error));
    let lists: BTreeMap<String, ListFile> =
        serde_json::from_slice(&read(&path)?).map_err(|error| LogError::Lists(path.clone(), error.to_string()))?;
    let mut rows = HashMap::new();
    for (name, list) in &lists {
        // What is left out would make a misuse of the list's own mail, or the other way round.
        let unknown = list.authorised_texts.iter().find(|id| !texts.contains_key(*id));
        if let Some(id) = unknown {
            return Err(LogError::Lists(path, format!("list `{name}` names the text `{id}`, which --texts has not")));
        }
        let addresses = list.authorised_senders.iter().chain(&list.canaries);
        if let Some(address) = addresses.into_iter().find(|address| Mailbox::parse(address).is_err()) {
            return Err(LogError::Lists(path, format!("list `{name}` names `{address}`, which is no address")));
        }
        rows.insert(list.file.clone(), String::from_utf8_lossy(&read(&folder.join(&list.file))?).into_owned());
    }
    Ok(campaign::register(lists, |file| rows.get(file).cloned(), texts, own, key, headcount))
}
