// SPDX-License-Identifier: EUPL-1.2
//! Reads what the journal keeps, oldest first, for those who judge it again (decision D23).

use jiff::Timestamp;

use super::engine::Row;
use super::entry::{Entry, EntryFacts};
use super::journal_rows::{disposition_of, id_at};
use super::tx::{args, statements};
use super::{Store, StoreError, micros};
use crate::directory::Class;

statements! {
    MAILS_AFTER = "SELECT m.id AS mail, m.copies, m.private, m.sealed, u.word AS unit, s.word AS sources \
        FROM journaled_mail m LEFT JOIN journaled_word u ON u.id = m.unit LEFT JOIN journaled_word s ON s.id = m.sources \
        WHERE m.id > $1 ORDER BY m.id LIMIT $2";
    COPIES_OF = "SELECT c.id, c.class, c.disposition, c.observed, r.word AS rules, k.word AS cause \
        FROM journaled_copy c LEFT JOIN journaled_word r ON r.id = c.rules LEFT JOIN journaled_word k ON k.id = c.cause \
        WHERE c.id >= $1 AND c.id < $2 ORDER BY c.id";
}

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalPlace(i64);

impl JournalPlace {
    /// Before everything written since this instant.
    pub fn before(instant: Timestamp) -> JournalPlace {
        JournalPlace(id_at(micros(instant)) - 1)
    }
}

impl Store {
    /// At most so many mails behind a place, with their copies, and the place behind the last of them; `None` where
    /// there are no more.
    pub async fn kept_after(
        &self,
        place: JournalPlace,
        most: u32,
    ) -> Result<Option<(Vec<Entry>, JournalPlace)>, StoreError> {
        let rows: Vec<Row> = self.reader().fetch_all(MAILS_AFTER, args![place.0, i64::from(most)]).await?;
        let Some(last) = rows.last() else { return Ok(None) };
        let end = JournalPlace(last.get("mail")?);
        let mut kept = Vec::with_capacity(rows.len());
        for row in &rows {
            let mut entry = self.mail_opened(row).await?;
            entry.judged = match entry.judged {
                Some(facts) => Some(EntryFacts {
                    unit: row.get::<Option<String>>("unit")?.unwrap_or_default(),
                    sources: row.get::<Option<String>>("sources")?.unwrap_or_default().into(),
                    ..facts
                }),
                None => None,
            };
            let id: i64 = row.get("mail")?;
            let copies: Vec<Row> =
                self.reader().fetch_all(COPIES_OF, args![id, id + row.get::<i64>("copies")?]).await?;
            for row in &copies {
                let recipient = row.get::<i64>("id")? - id;
                let known = entry.copies.iter_mut().find(|copy| copy.recipient as i64 == recipient);
                let Some(copy) = known else { continue };
                let class: Option<i64> = row.get("class")?;
                let rules: Option<String> = row.get("rules")?;
                copy.class = class.and_then(|class| Class::of_number(u8::try_from(class).ok()?));
                copy.disposition = disposition_of(row.get("disposition")?).unwrap_or(copy.disposition);
                copy.observed = row.get::<Option<i64>>("observed")?.and_then(disposition_of);
                copy.rules = rules.and_then(|rules| serde_json::from_str(&rules).ok()).unwrap_or_default();
                copy.cause = row.get("cause")?;
            }
            kept.push(entry);
        }
        Ok(Some((kept, end)))
    }

    /// How many rows since an instant stand from before facts were kept: they cannot be judged again.
    pub async fn kept_without_facts(&self, since: Timestamp) -> Result<u64, StoreError> {
        self.rows_before(micros(since)).await
    }
}
