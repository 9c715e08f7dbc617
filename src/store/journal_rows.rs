// SPDX-License-Identifier: EUPL-1.2
//! Entries become the journal's rows: one for the mail, one for each recipient. What is put off again changes its row.

use std::collections::HashSet;
use std::time::Duration;

use super::entry::{Entry, EntryCopy};
use super::journal_hours::{Hours, millis_of, take_ids};
use super::journal_keys::{Keys, Numbers};
use super::journal_words::Words;
use super::keeping::{bare_message_id, json};
use super::packed::{Context, code_of, pack};
use super::rows::retry_key;
use super::tx::{Tx, Value, args, statements};
use super::{StoreError, earlier, micros};
use crate::policy::verdict::Disposition;

statements! {
    MAIL_JOURNALED = "INSERT INTO journaled_mail (id, copies, mail, queue_id, message_id, sender, private, unit, \
        sources, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    COPY_JOURNALED = "INSERT INTO journaled_copy (id, recipient, class, disposition, observed, rules, cause, times, \
        retry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    PUT_OFF_AGAIN = "UPDATE journaled_copy SET times = times + 1, last = $3, cause = $4 WHERE retry IN ($1, $2) \
        AND id >= $5 RETURNING id";
    SAID_AGAIN = "UPDATE journaled_copy SET reply = $2 WHERE id = $1";
}

struct MailRow {
    id: i64,
    copies: i64,
    mail: i64,
    queue_id: Option<i64>,
    message_id: Option<i64>,
    sender: Option<i64>,
    private: bool,
    unit: Option<i64>,
    sources: Option<i64>,
    sealed: Vec<u8>,
}

struct CopyRow {
    id: i64,
    recipient: Option<i64>,
    class: Option<i64>,
    disposition: i64,
    observed: Option<i64>,
    rules: Option<i64>,
    cause: Option<i64>,
    retry: Option<i64>,
}

/// Writes a batch; what was put off before is known by its retry key for as long as `retry` says.
pub(super) async fn insert(
    tx: &mut Tx,
    entries: Vec<Entry>,
    keys: &Keys,
    mut words: Words,
    retry: Duration,
) -> Result<Words, StoreError> {
    let newest = entries.iter().map(|entry| micros(entry.time)).max().unwrap_or(0);
    let slots = |entry: &Entry| entry.recipients.len().max(1) as i64;
    let wanted: i64 = entries.iter().map(slots).sum();
    let mut id = take_ids(tx, newest, wanted).await?;
    // When rows were written is asked of what was put off before.
    let is_put_off = entries.iter().flat_map(|entry| &entry.copies).any(|copy| copy.put_off.is_some());
    let hours = if is_put_off { Hours::read_within(tx).await? } else { Hours::default() };
    let mut rows = Rows::default();
    for mut entry in entries {
        let retries = retry_keys(&entry, keys);
        // What this batch brings must stand there before it can be changed.
        if retries.iter().flatten().any(|key| rows.retries.contains(&key.now)) {
            std::mem::take(&mut rows).write(tx).await?;
        }
        let since = hours.written_since(earlier(entry.time, retry), newest);
        let retries = again(tx, &mut entry, retries, since, keys, &mut words).await?;
        if !entry.copies.is_empty() {
            rows.mails.push(mail_row(tx, id, slots(&entry), &entry, keys, &mut words).await?);
            for (copy, retry) in entry.copies.iter().zip(retries) {
                rows.copies.push(copy_row(tx, id, copy, retry.map(|retry| retry.now), &entry, keys, &mut words).await?);
                rows.retries.extend(retry.map(|retry| retry.now));
            }
        }
        id += slots(&entry);
    }
    rows.write(tx).await?;
    Ok(words)
}

/// What waits to be written.
#[derive(Default)]
struct Rows {
    mails: Vec<MailRow>,
    copies: Vec<CopyRow>,
    retries: HashSet<i64>,
}

impl Rows {
    async fn write(self, tx: &mut Tx) -> Result<(), StoreError> {
        tx.insert_all(MAIL_JOURNALED, self.mails.iter().map(MailRow::values)).await?;
        tx.insert_all(COPY_JOURNALED, self.copies.iter().map(CopyRow::values)).await
    }
}

impl MailRow {
    fn values(&self) -> [Value<'_>; 10] {
        [
            self.id.into(),
            self.copies.into(),
            self.mail.into(),
            self.queue_id.into(),
            self.message_id.into(),
            self.sender.into(),
            self.private.into(),
            self.unit.into(),
            self.sources.into(),
            (&self.sealed).into(),
        ]
    }
}

impl CopyRow {
    fn values(&self) -> [Value<'_>; 9] {
        [
            self.id.into(),
            self.recipient.into(),
            self.class.into(),
            self.disposition.into(),
            self.observed.into(),
            self.rules.into(),
            self.cause.into(),
            1.into(),
            self.retry.into(),
        ]
    }
}

/// What each copy that is put off is known by when it comes again (decision D11).
fn retry_keys(entry: &Entry, keys: &Keys) -> Vec<Option<Numbers>> {
    let key = |copy: &EntryCopy| {
        let recipient = entry.recipients.get(copy.recipient).map(String::as_str).unwrap_or_default();
        Some(keys.retries(&retry_key("put off", &entry.reverse_path, recipient, &copy.put_off?, 0)))
    };
    entry.copies.iter().map(key).collect()
}

/// Changes the rows of copies that were put off before (decision D39); leaves the other copies, and gives their keys.
async fn again(
    tx: &mut Tx,
    entry: &mut Entry,
    retries: Vec<Option<Numbers>>,
    since: i64,
    keys: &Keys,
    words: &mut Words,
) -> Result<Vec<Option<Numbers>>, StoreError> {
    if retries.iter().all(Option::is_none) {
        return Ok(retries);
    }
    let mut left = Vec::with_capacity(retries.len());
    for (copy, retry) in std::mem::take(&mut entry.copies).into_iter().zip(retries) {
        let cause = words.optional(tx, copy.cause.as_deref()).await?;
        let changed: Option<(i64,)> = match retry {
            Some(key) => {
                tx.fetch_optional(PUT_OFF_AGAIN, args![key.now, key.before, micros(entry.time), cause, since]).await?
            }
            None => None,
        };
        let Some((row,)) = changed else {
            entry.copies.push(copy);
            left.push(retry);
            continue;
        };
        let said = copy.reply.as_deref().unwrap_or(&entry.reply);
        let said = if entry.private { code_of(said) } else { said };
        tx.execute(SAID_AGAIN, args![row, &keys.seal_reply(row, said)]).await?;
    }
    Ok(left)
}

async fn mail_row(
    tx: &mut Tx,
    id: i64,
    copies: i64,
    entry: &Entry,
    keys: &Keys,
    words: &mut Words,
) -> Result<MailRow, StoreError> {
    let mut tls = [0; 2];
    for (number, word) in tls.iter_mut().zip([&entry.client_tls, &entry.next_hop_tls]) {
        *number = words.optional(tx, word.as_deref()).await?.unwrap_or(0);
    }
    let judged = entry.judged.as_ref();
    Ok(MailRow {
        id,
        copies,
        mail: keys.name(entry.mail.as_str()),
        queue_id: entry.queue_id.as_deref().map(|queue_id| keys.name(queue_id)),
        message_id: entry.message_id.as_deref().map(|message_id| keys.name(&bare_message_id(message_id))),
        sender: (!entry.private && !entry.reverse_path.is_empty()).then(|| keys.address(&entry.reverse_path)),
        private: entry.private,
        unit: words.optional(tx, judged.map(|judged| judged.unit.as_str())).await?,
        sources: words.optional(tx, judged.map(|judged| &*judged.sources)).await?,
        sealed: keys.seal(id, &pack(entry, &Context { began: millis_of(id), tls })),
    })
}

async fn copy_row(
    tx: &mut Tx,
    mail: i64,
    copy: &EntryCopy,
    retry: Option<i64>,
    entry: &Entry,
    keys: &Keys,
    words: &mut Words,
) -> Result<CopyRow, StoreError> {
    let recipient = entry.recipients.get(copy.recipient).filter(|_| !entry.private);
    let rules = (!copy.rules.is_empty()).then(|| json(&copy.rules));
    Ok(CopyRow {
        id: mail + copy.recipient as i64,
        recipient: recipient.map(|address| keys.address(address)),
        class: copy.class.map(|class| i64::from(class.number())),
        disposition: number_of(copy.disposition),
        observed: copy.observed.map(number_of),
        rules: words.optional(tx, rules.as_deref()).await?,
        cause: words.optional(tx, copy.cause.as_deref()).await?,
        retry,
    })
}

/// The number of a disposition in the journal: its place in the contract's order, which never changes.
fn number_of(disposition: Disposition) -> i64 {
    disposition as i64
}

/// The disposition of a number; never invented where the number is none.
pub(super) fn disposition_of(number: i64) -> Result<Disposition, StoreError> {
    let known = Disposition::ALL.into_iter().find(|disposition| number_of(*disposition) == number);
    known.ok_or_else(|| StoreError::row("what became of a copy in the journal"))
}
