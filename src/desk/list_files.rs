// SPDX-License-Identifier: EUPL-1.2
//! Reading an owner's file into the register, and writing it out with canaries. What costs runs apart from mail.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;

use super::{Answered, Refusal};
use crate::lists::export::{self, ExportError};
use crate::lists::rows::{self, Options, Report, RowsError};
use crate::lists::{About, ListKey, Member, MemberFile, Members, Place};
use crate::mail::Domain;
use crate::pipeline::Ruleset;
use crate::store::{MemberStore, MembersError};

/// One file to be registered.
pub(super) struct Import {
    pub store: MemberStore,
    pub list: String,
    pub export: Option<String>,
    pub date: Date,
    pub options: Options,
    pub ruleset: Arc<Ruleset>,
    pub now: Timestamp,
}

/// One file to be written out with canaries, and registered.
pub(super) struct Written {
    pub import: Import,
    pub for_whom: String,
    pub canaries: usize,
}

/// What a file held.
struct Read {
    report: Report,
    members: Members,
    keys: Members,
    /// Members at each domain.
    domains: HashMap<Domain, u64>,
}

/// Registers a file under its list and label.
pub(super) fn import(work: Import, mut source: File) -> Answered<Report> {
    if work.store.one(&work.list, work.export.as_deref())?.is_some_and(|kept| !kept.about.planted.is_empty()) {
        let text = "this label is that of an export with canaries; an import would forget which they are: name another";
        return Err(Refusal::BadRequest(text.to_owned()));
    }
    let key = work.store.key()?;
    let read = read(&work, &key, &mut source)?;
    keep(&work, &key, read, None, Vec::new())
}

/// Writes the owner's file anew with canaries, and registers what was written.
pub(super) fn write_out(work: Written, mut source: File, out: File) -> Answered<(Report, Vec<String>)> {
    let Written { mut import, for_whom, canaries } = work;
    let key = import.store.key()?;
    let owners = read(&import, &key, &mut source)?;
    let stock = import.store.stock()?.0;
    let known = import.ruleset.detectors.lists().exports();
    let planted: Vec<Member> = known.iter().flat_map(|about| about.planted.iter().map(|(member, _)| *member)).collect();
    let seed = MemberStore::seed();
    // A mailbox that lawful mail reaches is no canary.
    let is_used = |identity: &_| {
        let member = key.member(identity);
        planted.contains(&member) || owners.members.place(member).is_some()
    };
    let is_usual =
        |domain: &Domain| owners.domains.get(domain).is_some_and(|members| members * 100 >= owners.report.members);
    let chosen = stock.take(canaries, &is_used, &is_usual, &seed);
    if chosen.len() < canaries {
        let text = format!(
            "the stock of canaries ([lists] canaries) has {} mailboxes left and {canaries} are asked for: add some, or name \
             fewer (--canaries)",
            chosen.len()
        );
        return Err(Refusal::NotNow(text));
    }
    let mut writer = BufWriter::new(out);
    let exported = export::export(&mut source, &mut writer, &import.options, &chosen, &seed)?;
    let mut out = writer.into_inner().map_err(|error| ExportError::Write(error.into_error()))?;
    out.sync_all().and_then(|()| out.rewind()).map_err(ExportError::Write)?;
    import.export = Some(label(&import)?);
    let written = read(&import, &key, &mut out)?;
    let planted: Vec<(Member, u32)> =
        exported.planted.iter().map(|canary| (key.member(&canary.mailbox.identity()), canary.position)).collect();
    let is_there = |(member, position): &(Member, u32)| {
        written.members.place(*member).is_some_and(|place| place.position == *position)
    };
    if !planted.iter().all(is_there) || written.report.members != owners.report.members + planted.len() as u64 {
        let text = "the new file does not read back as it was written; nothing was registered, and it must not be used";
        return Err(Refusal::Unavailable(text.to_owned()));
    }
    let report = keep(&import, &key, written, Some(for_whom), planted)?;
    Ok((report, exported.warnings))
}

/// The day, and a number where there is one of that day already.
fn label(import: &Import) -> Answered<String> {
    let day = import.date.to_string();
    let mut number = 1_u32;
    loop {
        let label = if number == 1 { day.clone() } else { format!("{day}-{number}") };
        if import.store.one(&import.list, Some(&label))?.is_none() {
            return Ok(label);
        }
        number += 1;
    }
}

fn read(work: &Import, key: &ListKey, source: &mut File) -> Answered<Read> {
    let own = |domain: &Domain| work.ruleset.policy.lists.contains("own", domain, work.now);
    let (mut members, mut keys) = (Vec::new(), HashMap::<Member, Option<u32>>::new());
    let mut domains = HashMap::<Domain, u64>::new();
    let imported = rows::import(source, &work.options, key, &mut |person| {
        let domain = person.identity.domain();
        match domains.get_mut(domain) {
            Some(count) => *count += 1,
            None => drop(domains.insert(domain.clone(), 1)),
        }
        members.push((key.member(person.identity), Place { position: person.position, own: own(domain) }));
        for (_, value) in person.keys {
            // What stands in several rows tells none of them.
            let row = keys.entry(key.value(value)).or_insert(Some(person.position));
            *row = row.filter(|row| *row == person.position);
        }
    })?;
    let keys = keys.into_iter().filter_map(|(value, row)| Some((value, Place { position: row?, own: false })));
    Ok(Read {
        report: imported.report(&work.list, work.export.as_deref()),
        members: Members::new(members),
        keys: Members::new(keys.collect()),
        domains,
    })
}

fn keep(
    work: &Import,
    key: &ListKey,
    read: Read,
    for_whom: Option<String>,
    planted: Vec<(Member, u32)>,
) -> Answered<Report> {
    let Read { report, members, keys, .. } = read;
    let exports = work.ruleset.detectors.lists().exports();
    let known = exports.iter().flat_map(|about| &about.planted).filter(|(member, _)| members.place(*member).is_some());
    let canaries = known.count().max(planted.len()) as u64;
    let about = About {
        list: work.list.clone(),
        export: work.export.clone(),
        date: work.date,
        for_whom,
        rows: report.rows,
        keyed_by: work.options.keys.clone(),
        planted,
        key: key.check(),
    };
    let file = MemberFile { about, members, keys };
    let bytes = work.store.keep(&file)?;
    Ok(Report { canaries, bytes, digest: file.members_digest(), ..report })
}

impl From<RowsError> for Refusal {
    fn from(error: RowsError) -> Refusal {
        Refusal::Unreadable(error.to_string())
    }
}

impl From<ExportError> for Refusal {
    fn from(error: ExportError) -> Refusal {
        match error {
            ExportError::TooManyCanaries { .. } => Refusal::BadRequest(error.to_string()),
            ExportError::Write(_) => Refusal::Unavailable(error.to_string()),
            ExportError::Rows(_) | ExportError::Workbook(_) => Refusal::Unreadable(error.to_string()),
        }
    }
}

impl From<MembersError> for Refusal {
    fn from(error: MembersError) -> Refusal {
        Refusal::Unavailable(error.to_string())
    }
}
