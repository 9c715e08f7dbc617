// SPDX-License-Identifier: EUPL-1.2
//! Judges the journal again: what is kept, under these policies or others (decision D23).

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::mail::{ForwardPath, MailId, Mailbox};
use crate::policy::verdict::{Disposition, Reasons};
use crate::policy::{KeptAddresses, KeptMail, Policy, Replay, Replayed, Sources, Unknown};
use crate::store::{Entry, EntryCopy, JournalPage, Store, StoreError};

/// Mails read at once.
const PAGE: u32 = 500;

/// One copy, judged then and now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Again {
    pub mail: MailId,
    pub time: Timestamp,
    /// Absent for private mail (decision D20).
    pub recipient: Option<String>,
    pub was: Disposition,
    pub was_rules: Vec<String>,
    pub now: Option<(Disposition, Vec<String>)>,
    pub change: Change,
}

/// What another policy makes of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Same,
    /// It would not leave.
    NewlyHeld,
    NewlyFreed,
    /// Another disposition or other rules.
    Other,
    Unknown(Unknown),
}

/// Counts of copies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplaySum {
    pub entries: u64,
    pub same: u64,
    pub newly_held: u64,
    pub newly_freed: u64,
    pub other: u64,
    pub unknown: u64,
    /// Rows of before facts were kept or of another octroi, and copies that nobody judged.
    pub left_out: u64,
    /// Rows that cannot be read.
    pub damaged: u64,
}

/// Judges again everything written since an instant, and tells of each copy.
///
/// # Errors
/// The store cannot be read.
pub async fn replay(
    store: &Store,
    policy: &Policy,
    since: Timestamp,
    mut tell: impl FnMut(Again),
) -> Result<ReplaySum, StoreError> {
    let replay = Replay::new(policy);
    let mut sum = ReplaySum { left_out: store.kept_without_facts(since).await?, ..ReplaySum::default() };
    let mut known: HashMap<Arc<str>, Option<Arc<Sources>>> = HashMap::new();
    let mut place = store.journal_since(since).await?;
    while let Some(JournalPage { entries, damaged, end }) = store.kept_after(place, PAGE).await? {
        sum.damaged += damaged;
        for entry in entries.into_iter().filter(|entry| entry.time >= since) {
            let Some(mail) = kept_mail(&entry, &mut known) else {
                sum.left_out += entry.copies.len() as u64;
                continue;
            };
            let said = replay.mail(&mail, kept_addresses(&entry).as_ref());
            for (copy, said) in entry.copies.iter().zip(said) {
                let again = compared(&entry, copy, said);
                sum.count(again.change);
                tell(again);
            }
        }
        place = end;
    }
    Ok(sum)
}

impl ReplaySum {
    fn count(&mut self, change: Change) {
        self.entries += 1;
        *match change {
            Change::Same => &mut self.same,
            Change::NewlyHeld => &mut self.newly_held,
            Change::NewlyFreed => &mut self.newly_freed,
            Change::Other => &mut self.other,
            Change::Unknown(_) => &mut self.unknown,
        } += 1;
    }
}

fn kept_mail(entry: &Entry, known: &mut HashMap<Arc<str>, Option<Arc<Sources>>>) -> Option<KeptMail> {
    let judged = entry.judged.as_ref()?;
    let sources = known.entry(judged.sources.clone()).or_insert_with(|| Sources::parse(&judged.sources).map(Arc::new));
    let mut mail = KeptMail::read(entry.time, sources.clone()?, &judged.unit, &judged.bytes)?;
    for copy in &entry.copies {
        mail.read_copy(copy.recipient, &copy.facts)?;
    }
    Some(mail)
}

fn kept_addresses(entry: &Entry) -> Option<KeptAddresses> {
    if entry.private {
        return None;
    }
    let sender = entry.judged.as_ref().and_then(|judged| judged.sender.as_deref());
    let mailbox = |address: &String| ForwardPath::parse(address).ok()?.mailbox().cloned();
    Some(KeptAddresses {
        sender: sender.and_then(|sender| Mailbox::parse(sender).ok()),
        recipients: entry.recipients.iter().map(mailbox).collect(),
    })
}

fn compared(entry: &Entry, copy: &EntryCopy, said: Replayed) -> Again {
    let was = copy.verdict.unwrap_or(copy.disposition);
    let was_rules: Vec<String> = copy.rules.iter().filter(|rule| !rule.starts_with("limit:")).cloned().collect();
    let (now, change) = match said {
        Replayed::Unknown(why) => (None, Change::Unknown(why)),
        Replayed::Judged { disposition, opinion } => {
            let named = |reasons: &Option<Reasons>| -> Vec<String> {
                reasons.iter().flat_map(Reasons::rules).map(str::to_owned).collect()
            };
            let rules = [named(&opinion.because), named(&opinion.observed)].concat();
            let change = match (leaves(was), leaves(disposition)) {
                (true, false) => Change::NewlyHeld,
                (false, true) => Change::NewlyFreed,
                _ if was == disposition && was_rules == rules => Change::Same,
                _ => Change::Other,
            };
            (Some((disposition, rules)), change)
        }
    };
    let recipient = entry.recipients.get(copy.recipient).cloned();
    Again { mail: entry.mail.clone(), time: entry.time, recipient, was, was_rules, now, change }
}

fn leaves(disposition: Disposition) -> bool {
    disposition < Disposition::Quarantine
}
