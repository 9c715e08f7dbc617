// SPDX-License-Identifier: EUPL-1.2
//! `octroi find`: what became of a mail, one row a recipient, over journal, quarantine and outbox (decision D24).

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;

use super::engine::Row;
use super::entry::{FindRow, FindRows, disposition_of};
use super::found::Beside;
use super::journal_hours::millis_of;
use super::journal_keys::Numbers;
use super::journal_words::Spelled;
use super::keeping::bare_message_id;
use super::later::{Later, unpack_later};
use super::packed::{Sealed, unpack};
use super::tx::{args, statements};
use super::{CopyState, Store, StoreError, instant};
use crate::mail::{CopyId, address_key};
use crate::policy::verdict::Disposition;

/// Rows that one answer holds at most, the newest.
pub const MOST_FOUND: usize = 500;
/// Rows that one query gives: one more says that there are more.
const LIMIT: i64 = MOST_FOUND as i64 + 1;

statements! {
    // Each name by its own index, the newest only. The order of the tables is meant: what the index gives comes first.
    BY_MAIL = "SELECT c.id, c.disposition, c.observed, c.rules, c.cause, c.times, c.last, c.reply, c.later, \
        m.id AS mail, m.message_id, m.private, m.unit, m.sealed FROM journaled_mail m CROSS JOIN journaled_copy c \
        WHERE m.id IN (SELECT id FROM journaled_mail WHERE mail IN ($1, $2, $3, $4) \
            UNION SELECT id FROM journaled_mail WHERE queue_id IN ($1, $2) \
            UNION SELECT id FROM journaled_mail WHERE message_id IN ($1, $2)) \
        AND c.id >= m.id AND c.id < m.id + m.copies ORDER BY c.id DESC LIMIT $5";
    BY_SENDER = "SELECT c.id, c.disposition, c.observed, c.rules, c.cause, c.times, c.last, c.reply, c.later, \
        m.id AS mail, m.message_id, m.private, m.unit, m.sealed FROM journaled_mail m CROSS JOIN journaled_copy c \
        WHERE m.sender = $1 AND c.id >= m.id AND c.id < m.id + m.copies ORDER BY m.id DESC LIMIT $2";
    BY_RECIPIENT = "SELECT c.id, c.disposition, c.observed, c.rules, c.cause, c.times, c.last, c.reply, c.later, \
        m.id AS mail, m.message_id, m.private, m.unit, m.sealed FROM journaled_copy c CROSS JOIN journaled_mail m \
        WHERE c.recipient = $1 AND m.id = (SELECT MAX(x.id) FROM journaled_mail x WHERE x.id <= c.id) \
        ORDER BY c.id DESC LIMIT $2";
    HELD = "SELECT held.*, mail.sender, mail.private, mail.queue_id, mail.message_id FROM held \
        JOIN mail ON mail.id = held.mail WHERE held.state <> 'pending' AND held.id IN \
        (SELECT id FROM held WHERE id = $1 UNION SELECT id FROM held WHERE mail = $1 \
        UNION SELECT held.id FROM held JOIN mail ON mail.id = held.mail WHERE held.address = $2 AND NOT mail.private \
        UNION SELECT held.id FROM mail JOIN held ON held.mail = mail.id WHERE mail.queue_id = $1 \
        UNION SELECT held.id FROM mail JOIN held ON held.mail = mail.id WHERE mail.message_id = $1 \
        UNION SELECT held.id FROM mail JOIN held ON held.mail = mail.id WHERE mail.sender = $2 AND NOT mail.private) \
        ORDER BY held.held_at DESC LIMIT $3";
}

impl Store {
    /// Everything known under a Message-ID (with or without brackets), the client's queue id, our id, or an address. What
    /// stands in brackets is a Message-ID and no address. What cannot be read is left out and counted.
    pub async fn find(&self, query: &str) -> Result<FindRows, StoreError> {
        let (text, by_address) = (bare_message_id(query), asks_by_address(query));
        let mut damage = Damage::default();
        let (mut found, mut more) = self.journaled(&text, by_address, &mut damage).await?;
        let before = self.journaled_before(&text, by_address, LIMIT, &mut damage).await?;
        more |= before.len() > MOST_FOUND;
        found.extend(before);
        let mut rows = self.with_beside(found).await?;
        let known: HashSet<CopyId> = rows.iter().filter_map(|row| row.copy.clone()).collect();
        let mut held = self.held_unjournaled(&text, by_address, &mut damage).await?;
        more |= held.len() > MOST_FOUND;
        held.retain(|beside| beside.row.copy.as_ref().is_none_or(|copy| !known.contains(copy)));
        rows.extend(self.with_beside(held).await?);
        rows.sort_by_key(|row| std::cmp::Reverse(row.time));
        more |= rows.len() > MOST_FOUND;
        rows.truncate(MOST_FOUND);
        self.note_damage(damage.0);
        Ok(FindRows { rows, damaged: damage.0, more })
    }

    /// Rows of the journal that were wanted and cannot be read: a line, and the counter.
    pub(super) fn note_damage(&self, rows: u64) {
        if rows > 0 {
            tracing::error!(rows, "rows of the journal are damaged and left out; restore the store from a backup");
            self.inner.journal_damaged.fetch_add(rows, Ordering::Relaxed);
        }
    }

    /// The rows, and whether a query reached its limit.
    async fn journaled(
        &self,
        text: &str,
        by_address: bool,
        damage: &mut Damage,
    ) -> Result<(Vec<Beside>, bool), StoreError> {
        let keys = &self.inner.journal_keys;
        let (name, address) = (keys.names(text), keys.addresses(text));
        let whole = CopyId::parse(text).map_or(name, |copy| keys.names(copy.mail().as_str()));
        let names = args![name.now, name.before, whole.now, whole.before, LIMIT];
        let mut rows: Vec<Row> = self.reader().fetch_all(BY_MAIL, names).await?;
        let mut more = rows.len() > MOST_FOUND;
        // One number each: of two the index could not give the newest first.
        for address in [address.now, address.before].into_iter().filter(|_| by_address) {
            for by in [BY_SENDER, BY_RECIPIENT] {
                let found: Vec<Row> = self.reader().fetch_all(by, args![address, LIMIT]).await?;
                more |= found.len() > MOST_FOUND;
                rows.extend(found);
            }
        }
        let mut reading = Reading { words: Spelled::by(self.reader()), mails: HashMap::new(), seen: HashSet::new() };
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let read = self.journaled_row(row, (text, name), &mut reading).await;
            found.extend(damage.without(read)?.flatten());
        }
        Ok((found, more))
    }

    /// The row, unless it was there before or is meant by its hash alone.
    async fn journaled_row(
        &self,
        row: &Row,
        (text, name): (&str, Numbers),
        reading: &mut Reading<'_>,
    ) -> Result<Option<Beside>, StoreError> {
        let (id, mail): (i64, i64) = (row.get("id")?, row.get("mail")?);
        if !reading.seen.insert(id) {
            return Ok(None);
        }
        let sealed = match reading.mails.entry(mail) {
            Slot::Occupied(known) => &*known.into_mut(),
            Slot::Vacant(free) => &*free.insert(match self.mail_opened(row, &mut reading.words).await {
                Err(StoreError::Damaged { .. }) => None,
                opened => Some(opened?),
            }),
        };
        let sealed = sealed.as_ref().ok_or_else(|| StoreError::row("a mail of the journal"))?;
        let recipient = usize::try_from(id - mail).unwrap_or(usize::MAX);
        let is_its = |known: i64| known == name.now || known == name.before;
        let same_hash = sealed.entry.private && row.get::<Option<i64>>("message_id")?.is_some_and(is_its);
        let later = self.later_opened(row, &mut reading.words).await?;
        let is_named_later = later.as_ref().is_some_and(|later| {
            is_named(&later.sealed, 0, text) || later.kept_as.as_ref().is_some_and(|id| *id == *text)
        });
        if same_hash || is_named_later || is_named(sealed, recipient, text) {
            self.journaled_copy(row, sealed, recipient, later, &mut reading.words).await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// What was judged later of a copy that had been put off.
    pub(super) async fn later_opened(&self, row: &Row, words: &mut Spelled<'_>) -> Result<Option<Later>, StoreError> {
        let Some(bytes) = row.get::<Option<Vec<u8>>>("later")? else { return Ok(None) };
        let opened = self.inner.journal_keys.open_later(row.get("id")?, &bytes);
        let later = opened.and_then(|plain| unpack_later(&plain));
        let mut later = later.ok_or_else(|| StoreError::row("what was judged later of a copy of the journal"))?;
        with_tls(&mut later.sealed, words).await?;
        Ok(Some(later))
    }

    /// What a mail's row holds, with its words.
    pub(super) async fn mail_opened(&self, row: &Row, words: &mut Spelled<'_>) -> Result<Sealed, StoreError> {
        let (id, bytes): (i64, Vec<u8>) = (row.get("mail")?, row.get("sealed")?);
        let opened = self.inner.journal_keys.open(id, &bytes);
        let read = opened.and_then(|plain| unpack(&plain, millis_of(id), row.get("private").ok()?));
        let mut sealed = read.ok_or_else(|| StoreError::row("a mail of the journal"))?;
        with_tls(&mut sealed, words).await?;
        Ok(sealed)
    }

    async fn journaled_copy(
        &self,
        row: &Row,
        first: &Sealed,
        recipient: usize,
        later: Option<Later>,
        words: &mut Spelled<'_>,
    ) -> Result<Beside, StoreError> {
        let id = CopyId::new(&first.entry.mail, recipient);
        // What was judged later counts, under the id and the date of the first attempt.
        let (sealed, at) = later.as_ref().map_or((first, recipient), |later| (&later.sealed, 0));
        let (entry, said) = (&sealed.entry, sealed.copies.iter().find(|copy| copy.recipient == at));
        let said = said.ok_or_else(|| StoreError::row("a copy of the journal"))?;
        let address = entry.recipients.get(at).cloned();
        let disposition = disposition_of(row.get("disposition")?)?;
        let observed = row.get::<Option<i64>>("observed")?.map(disposition_of).transpose()?;
        let again = match row.get::<Option<Vec<u8>>>("reply")? {
            Some(sealed) => {
                let opened = self.inner.journal_keys.open_reply(row.get("id")?, &sealed);
                Some(opened.ok_or_else(|| StoreError::row("a reply of the journal"))?)
            }
            None => None,
        };
        let reply = again.or_else(|| said.reply.clone()).unwrap_or_else(|| entry.reply.clone());
        let may_be = (!said.held && disposition == Disposition::Defer).then(|| id.clone());
        let unit = match &later {
            Some(later) => later.unit,
            None => row.get("unit")?,
        };
        let row = FindRow {
            time: first.entry.time,
            queue_id: first.entry.queue_id.clone(),
            message_id: entry.message_id.as_deref().map(bare_message_id),
            sender: (!entry.private).then(|| entry.reverse_path.clone()),
            disposition: disposition.as_str().to_owned(),
            observed: observed.map(|observed| observed.as_str().to_owned()),
            rules: words.rules(row.get("rules")?).await?,
            state: None,
            outbox: None,
            reply: Some(reply).filter(|reply| !reply.is_empty()),
            cause: words.text(row.get("cause")?).await?,
            times: row.get::<i64>("times")?.cast_unsigned(),
            last: row.get::<Option<i64>>("last")?.map(instant),
            maybe_duplicate: entry.maybe_duplicate,
            client_tls: entry.client_tls.clone(),
            next_hop_tls: entry.next_hop_tls.clone(),
            copy: later.as_ref().and_then(|later| later.kept_as.clone()).or_else(|| said.held.then_some(id)),
            recipient: address.clone(),
            unit: words.text(unit).await?,
            mail: first.entry.mail.clone(),
        };
        Ok(Beside { row, address: address.unwrap_or_default(), private: entry.private, may_be })
    }

    /// Held copies whose journal row is not there (yet, or lost): they are never invisible.
    async fn held_unjournaled(
        &self,
        text: &str,
        by_address: bool,
        damage: &mut Damage,
    ) -> Result<Vec<Beside>, StoreError> {
        // No address is empty; the null reverse-path is not searched for.
        let address = Some(address_key(text)).filter(|_| by_address);
        let rows: Vec<Row> = self.reader().fetch_all(HELD, args![text, &address, LIMIT]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            found.extend(damage.without(held_alone(&row))?);
        }
        Ok(found)
    }
}

/// A held copy by what the quarantine knows.
fn held_alone(row: &Row) -> Result<Beside, StoreError> {
    let recipient: String = row.get("recipient")?;
    let (sender, state, rules): (String, String, String) = (row.get("sender")?, row.get("state")?, row.get("rules")?);
    let private: bool = row.get("private")?;
    let held = FindRow {
        time: instant(row.get("held_at")?),
        queue_id: row.get("queue_id")?,
        message_id: row.get::<Option<String>>("message_id")?.filter(|_| !private),
        sender: (!private).then_some(sender),
        disposition: "quarantine".into(),
        observed: None,
        rules: serde_json::from_str(&rules).map_err(|_| StoreError::row("the rules of a held copy"))?,
        state: CopyState::parse(&state),
        outbox: None,
        reply: None,
        cause: None,
        times: 1,
        last: None,
        maybe_duplicate: false,
        client_tls: None,
        next_hop_tls: None,
        copy: Some(row.get("id")?),
        recipient: (!private).then(|| recipient.clone()),
        unit: None,
        mail: row.get("mail")?,
    };
    Ok(Beside { row: held, address: recipient, private, may_be: None })
}

async fn with_tls(sealed: &mut Sealed, words: &mut Spelled<'_>) -> Result<(), StoreError> {
    let [client, next_hop] = sealed.tls;
    sealed.entry.client_tls = words.text(Some(client)).await?;
    sealed.entry.next_hop_tls = words.text(Some(next_hop)).await?;
    Ok(())
}

/// What is read for one answer.
struct Reading<'r> {
    words: Spelled<'r>,
    /// None for a mail that cannot be read.
    mails: HashMap<i64, Option<Sealed>>,
    seen: HashSet<i64>,
}

/// Rows that cannot be read: one must not hide the others.
#[derive(Default)]
pub(super) struct Damage(pub u64);

impl Damage {
    /// What was read; none for a damaged row, which is counted.
    pub fn without<T>(&mut self, read: Result<T, StoreError>) -> Result<Option<T>, StoreError> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(StoreError::Damaged { .. }) => {
                self.0 += 1;
                Ok(None)
            }
            Err(other) => Err(other),
        }
    }
}

/// Whether a search is by a person's address, so that it becomes an audit entry (decision D40): what is not in the brackets
/// of a Message-ID and has a sign of an address.
pub fn asks_by_address(query: &str) -> bool {
    let query = query.trim();
    query.contains('@') && !(query.starts_with('<') && query.ends_with('>'))
}

/// Whether the text itself names the copy, and not only its hash.
fn is_named(Sealed { entry, copies, .. }: &Sealed, recipient: usize, text: &str) -> bool {
    let address = |known: &str| address_key(known) == address_key(text);
    let held = || copies.iter().any(|copy| copy.recipient == recipient && copy.held);
    entry.mail == *text
        || entry.queue_id.as_deref() == Some(text)
        || entry.message_id.as_deref().is_some_and(|known| bare_message_id(known) == text)
        || (!entry.reverse_path.is_empty() && address(&entry.reverse_path))
        || entry.recipients.get(recipient).is_some_and(|known| address(known))
        || (CopyId::new(&entry.mail, recipient) == *text && held())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::entry::{Entry, EntryCopy};
    use crate::store::{AuditFilter, Retention, StoreSettings};

    statements! {
        AS_BEFORE = "UPDATE journaled_mail SET mail = $1, queue_id = $2, message_id = $3, sender = $4";
        COPY_AS_BEFORE = "UPDATE journaled_copy SET recipient = $1, retry = $2";
        OBJECT = "UPDATE audit SET object = $1 WHERE seq = $2";
    }

    async fn open(folder: &std::path::Path) -> Store {
        let [database, blobs, key_file] = ["db", "blobs", "key"].map(|name| folder.join(name));
        let (node, quota, retention) = (None, None, Retention::default());
        let settings = StoreSettings { database, blobs, key_file, node, shared: false, quota, keep_free: 0, retention };
        Store::open(settings, Timestamp::UNIX_EPOCH).await.unwrap()
    }

    fn put_off(mail: &str) -> Entry {
        Entry {
            mail: crate::mail::MailId::parse(mail).unwrap(),
            time: Timestamp::UNIX_EPOCH,
            client: None,
            queue_id: Some("4FQ".into()),
            message_id: Some("<m@town.example>".into()),
            reverse_path: "clerk@town.example".into(),
            recipients: vec!["b@home.example".into()],
            private: false,
            size: 1,
            reply: "451 4.3.0 later".into(),
            maybe_duplicate: false,
            client_tls: None,
            next_hop_tls: None,
            judged: None,
            copies: vec![EntryCopy {
                recipient: 0,
                class: None,
                disposition: Disposition::Defer,
                verdict: None,
                observed: None,
                rules: Vec::new(),
                held: false,
                reply: None,
                facts: Vec::new(),
                cause: Some("store".into()),
                put_off: Some([7; 32]),
                kept_as: None,
            }],
        }
    }

    /// Rows and entries of when one key hashed names, addresses and retry keys, and what the audit says of addresses.
    #[tokio::test]
    async fn what_the_one_key_of_before_hashed_is_still_found() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).await;
        assert_eq!(STATEMENTS.len(), 3);
        let journal = store.journal();
        journal.record(put_off("M1"));
        journal.flush().await.unwrap();
        let keys = store.inner.journal_keys.clone();
        let key = crate::store::rows::retry_key("put off", "clerk@town.example", "b@home.example", &[7; 32], 0);
        let write = move |mut tx: crate::store::tx::Tx| async move {
            let name = |name: &str| keys.names(name).before;
            let sender = keys.addresses("clerk@town.example").before;
            tx.execute(AS_BEFORE, args![name("M1"), name("4FQ"), name("m@town.example"), sender]).await?;
            let recipient = keys.addresses("b@home.example").before;
            tx.execute(COPY_AS_BEFORE, args![recipient, keys.retries(&key).before]).await
        };
        store.write(write).await.unwrap();
        journal.record(put_off("M2"));
        journal.flush().await.unwrap();
        for query in ["M1", "4FQ", "<m@town.example>", "Clerk@town.example", "b@home.example"] {
            let rows = store.find(query).await.unwrap().rows;
            let [row] = &rows[..] else { panic!("{query}: {rows:?}") };
            assert_eq!((row.mail.as_str(), row.times), ("M1", 2), "{query}");
        }
        for (seq, hash) in (1..).zip([store.hash_before("b@home.example"), store.address_hash("B@home.example")]) {
            let copy = CopyId::parse("M1-1").unwrap();
            store.note(Timestamp::UNIX_EPOCH, &crate::access::Entry::expired(&copy)).await.unwrap();
            let write = move |mut tx: crate::store::tx::Tx| async move { tx.execute(OBJECT, args![&hash, seq]).await };
            assert_eq!(store.write(write).await.unwrap(), 1);
        }
        let about = AuditFilter { object: Some("b@home.example".into()), ..AuditFilter::default() };
        assert_eq!(store.audit_list(&about).await.unwrap().len(), 2);
        let journaled = format!("{:012x}", store.inner.journal_keys.address("b@home.example") << 1);
        assert!(!store.address_hash("b@home.example").starts_with(&journaled[..8]), "the audit leads to no row");
    }
}
