// SPDX-License-Identifier: EUPL-1.2
//! Entries become the journal's rows: one for the mail, one for each recipient.

use std::collections::HashSet;
use std::time::Duration;

use super::entry::{Entry, EntryCopy, number_of};
use super::journal_again::{again, retry_keys};
use super::journal_hours::{Hours, millis_of, take_ids};
use super::journal_keys::Keys;
use super::journal_words::Words;
use super::keeping::{bare_message_id, json};
use super::packed::{Context, pack};
use super::tx::{Tx, Value, statements};
use super::{StoreError, earlier, micros};

statements! {
    MAIL_JOURNALED = "INSERT INTO journaled_mail (id, copies, mail, queue_id, message_id, sender, private, unit, \
        sources, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    COPY_JOURNALED = "INSERT INTO journaled_copy (id, recipient, class, disposition, observed, rules, cause, times, \
        retry) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
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

async fn mail_row(
    tx: &mut Tx,
    id: i64,
    copies: i64,
    entry: &Entry,
    keys: &Keys,
    words: &mut Words,
) -> Result<MailRow, StoreError> {
    let tls = words.tls(tx, entry).await?;
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
