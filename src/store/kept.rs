// SPDX-License-Identifier: EUPL-1.2
//! Reads what the journal keeps, oldest first, for those who judge it again (decision D23).

use std::collections::HashMap;

use jiff::Timestamp;

use super::engine::Row;
use super::entry::{Entry, EntryCopy, EntryFacts, disposition_of};
use super::find::Damage;
use super::journal_hours::Hours;
use super::journal_words::Spelled;
use super::later::Later;
use super::packed::{Sealed, SealedCopy};
use super::tx::{args, statements};
use super::{Store, StoreError, micros};
use crate::directory::Class;
use crate::mail::MailId;

statements! {
    MAILS_AFTER = "SELECT id AS mail, copies, private, unit, sources, sealed FROM journaled_mail \
        WHERE id > $1 ORDER BY id LIMIT $2";
    COPIES_BETWEEN = "SELECT id, class, disposition, observed, rules, cause, later FROM journaled_copy \
        WHERE id >= $1 AND id < $2 ORDER BY id";
}

/// Copies that a mail has at most in an answer: far more than any listener takes recipients.
const MOST_COPIES: i64 = 65_536;

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalPlace(i64);

/// Mails of the journal, with their copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalPage {
    pub entries: Vec<Entry>,
    /// Copies that cannot be read and are left out; a mail that cannot be read counts once.
    pub damaged: u64,
    /// Behind the last of them.
    pub end: JournalPlace,
}

impl Store {
    /// A place before everything written since an instant; what was written up to an hour before may lie behind it.
    pub async fn journal_since(&self, instant: Timestamp) -> Result<JournalPlace, StoreError> {
        let hours = Hours::read(self.reader()).await?;
        Ok(JournalPlace(hours.written_since(micros(instant), i64::MAX) - 1))
    }

    /// At most so many mails behind a place; `None` where there are no more.
    pub async fn kept_after(&self, place: JournalPlace, most: u32) -> Result<Option<JournalPage>, StoreError> {
        let rows: Vec<Row> = self.reader().fetch_all(MAILS_AFTER, args![place.0, i64::from(most)]).await?;
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(None) };
        let (first, end): (i64, i64) = (first.get("mail")?, last.get("mail")?);
        let behind = end.saturating_add(copies_of(last));
        let copies: Vec<Row> = self.reader().fetch_all(COPIES_BETWEEN, args![first, behind]).await?;
        let mut copies = copies.iter().peekable();
        let mut words = Spelled::by(self.reader());
        let (mut damage, mut entries) = (Damage::default(), Vec::with_capacity(rows.len()));
        for (n, row) in rows.iter().enumerate() {
            let mail: i64 = row.get("mail")?;
            let behind = rows.get(n + 1).map_or(Ok(behind), |next| next.get("mail"))?;
            let mut own = HashMap::new();
            // An id stands in every row: it is the key.
            while let Some(copy) = copies.next_if(|copy| copy.get::<i64>("id").is_ok_and(|id| id < behind)) {
                own.insert(copy.get::<i64>("id")? - mail, copy);
            }
            let opened = self.mail_kept(row, &mut words).await;
            let Some(Sealed { mut entry, copies: sealed, .. }) = damage.without(opened)? else { continue };
            for copy in sealed {
                // A copy whose row is gone has expired, or is lost: nobody knows what became of it.
                let read = match own.get(&(copy.recipient as i64)) {
                    Some(row) => self.copy_kept(copy, row, &entry.mail, &mut words).await,
                    None => Err(StoreError::row("a copy of the journal")),
                };
                match damage.without(read)? {
                    Some(Kept::Copy(copy)) => entry.copies.push(copy),
                    Some(Kept::Later(later)) => entries.push(*later),
                    None => {}
                }
            }
            if !entry.copies.is_empty() {
                entries.push(entry);
            }
        }
        self.note_damage(damage.0);
        Ok(Some(JournalPage { entries, damaged: damage.0, end: JournalPlace(end) }))
    }

    /// What a mail's row holds, with its words.
    async fn mail_kept(&self, row: &Row, words: &mut Spelled<'_>) -> Result<Sealed, StoreError> {
        let mut sealed = self.mail_opened(row, words).await?;
        if let Some(facts) = sealed.entry.judged.take() {
            let unit = words.text(row.get("unit")?).await?.unwrap_or_default();
            let sources = words.text(row.get("sources")?).await?.unwrap_or_default().into();
            sealed.entry.judged = Some(EntryFacts { unit, sources, ..facts });
        }
        Ok(sealed)
    }

    async fn copy_kept(
        &self,
        copy: SealedCopy,
        row: &Row,
        mail: &MailId,
        words: &mut Spelled<'_>,
    ) -> Result<Kept, StoreError> {
        let Some(Later { sealed, unit, sources, kept_as }) = self.later_opened(row, words).await? else {
            return with_columns(copy, row, words).await.map(Kept::Copy);
        };
        let mut entry = Entry { mail: mail.clone(), ..sealed.entry };
        if let Some(facts) = entry.judged.take() {
            let unit = words.text(unit).await?.unwrap_or_default();
            let sources = words.text(sources).await?.unwrap_or_default().into();
            entry.judged = Some(EntryFacts { unit, sources, ..facts });
        }
        for copy in sealed.copies {
            entry.copies.push(EntryCopy { kept_as: kept_as.clone(), ..with_columns(copy, row, words).await? });
        }
        Ok(Kept::Later(Box::new(entry)))
    }

    /// How many rows since an instant stand from before facts were kept: they cannot be judged again.
    pub async fn kept_without_facts(&self, since: Timestamp) -> Result<u64, StoreError> {
        self.rows_before(micros(since)).await
    }
}

/// How many copies a mail has. A damaged number must not ask for the whole journal.
fn copies_of(row: &Row) -> i64 {
    row.get::<i64>("copies").unwrap_or(1).clamp(1, MOST_COPIES)
}

/// A copy as its mail's row has it, or by itself as it was judged later.
enum Kept {
    Copy(EntryCopy),
    Later(Box<Entry>),
}

/// A copy with what its own row says. Nothing is invented: what the row does not say is damage.
async fn with_columns(copy: SealedCopy, row: &Row, words: &mut Spelled<'_>) -> Result<EntryCopy, StoreError> {
    let class = |number: i64| {
        let known = u8::try_from(number).ok().and_then(Class::of_number);
        known.ok_or_else(|| StoreError::row("the class of a copy of the journal"))
    };
    Ok(EntryCopy {
        recipient: copy.recipient,
        class: row.get::<Option<i64>>("class")?.map(class).transpose()?,
        disposition: disposition_of(row.get("disposition")?)?,
        verdict: copy.verdict,
        observed: row.get::<Option<i64>>("observed")?.map(disposition_of).transpose()?,
        rules: words.rules(row.get("rules")?).await?,
        held: copy.held,
        reply: copy.reply,
        facts: copy.facts,
        cause: words.text(row.get("cause")?).await?,
        put_off: None,
        kept_as: None,
    })
}
