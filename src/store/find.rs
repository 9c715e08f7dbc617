// SPDX-License-Identifier: EUPL-1.2
//! `octroi find`: what became of a mail, one row a recipient, over journal, quarantine and outbox (decision D24).

use std::collections::hash_map::Entry as Slot;
use std::collections::{HashMap, HashSet};

use super::engine::Row;
use super::entry::{Entry, FindRow};
use super::journal_rows::{disposition_of, millis_of};
use super::keeping::bare_message_id;
use super::packed::{code_of, unpack};
use super::tx::{args, statements};
use super::{CopyState, Store, StoreError, instant};
use crate::mail::{CopyId, MailId, address_key};

/// Rows that one answer holds at most, the newest.
const LIMIT: i64 = 500;

statements! {
    // Each name by its own index, the newest only. The order of the tables is meant: what the index gives comes first.
    BY_MAIL = "SELECT c.id, c.disposition, c.observed, r.word AS rules, k.word AS cause, c.times, c.last, c.reply, \
        m.id AS mail, m.message_id, m.private, m.sealed, u.word AS unit FROM journaled_mail m CROSS JOIN journaled_copy c \
        LEFT JOIN journaled_word r ON r.id = c.rules LEFT JOIN journaled_word k ON k.id = c.cause \
        LEFT JOIN journaled_word u ON u.id = m.unit \
        WHERE m.id IN (SELECT id FROM journaled_mail WHERE mail = $1 \
            UNION SELECT id FROM journaled_mail WHERE mail = $2 \
            UNION SELECT id FROM journaled_mail WHERE queue_id = $1 \
            UNION SELECT id FROM journaled_mail WHERE message_id = $1) \
        AND c.id >= m.id AND c.id < m.id + m.copies ORDER BY c.id DESC LIMIT $3";
    BY_SENDER = "SELECT c.id, c.disposition, c.observed, r.word AS rules, k.word AS cause, c.times, c.last, c.reply, \
        m.id AS mail, m.message_id, m.private, m.sealed, u.word AS unit FROM journaled_mail m CROSS JOIN journaled_copy c \
        LEFT JOIN journaled_word r ON r.id = c.rules LEFT JOIN journaled_word k ON k.id = c.cause \
        LEFT JOIN journaled_word u ON u.id = m.unit \
        WHERE m.sender = $1 AND c.id >= m.id AND c.id < m.id + m.copies ORDER BY m.id DESC LIMIT $2";
    BY_RECIPIENT = "SELECT c.id, c.disposition, c.observed, r.word AS rules, k.word AS cause, c.times, c.last, c.reply, \
        m.id AS mail, m.message_id, m.private, m.sealed, u.word AS unit FROM journaled_copy c CROSS JOIN journaled_mail m \
        LEFT JOIN journaled_word r ON r.id = c.rules LEFT JOIN journaled_word k ON k.id = c.cause \
        LEFT JOIN journaled_word u ON u.id = m.unit \
        WHERE c.recipient = $1 AND m.id = (SELECT MAX(x.id) FROM journaled_mail x WHERE x.id <= c.id) \
        ORDER BY c.id DESC LIMIT $2";
    WORD_OF = "SELECT word FROM journaled_word WHERE id = $1";
    HELD = "SELECT held.*, mail.sender, mail.private, mail.queue_id, mail.message_id FROM held \
        JOIN mail ON mail.id = held.mail WHERE held.state <> 'pending' AND held.id IN \
        (SELECT id FROM held WHERE id = $1 UNION SELECT id FROM held WHERE mail = $1 \
        UNION SELECT held.id FROM held JOIN mail ON mail.id = held.mail WHERE held.address = $2 AND NOT mail.private \
        UNION SELECT held.id FROM mail JOIN held ON held.mail = mail.id WHERE mail.queue_id = $1 \
        UNION SELECT held.id FROM mail JOIN held ON held.mail = mail.id WHERE mail.message_id = $1 \
        UNION SELECT held.id FROM mail JOIN held ON held.mail = mail.id WHERE mail.sender = $2 AND NOT mail.private) \
        ORDER BY held.held_at DESC LIMIT $3";
    STATE_OF = "SELECT state FROM held WHERE id = $1";
    OUTBOX_OF = "SELECT outbox.kind, CASE WHEN r.state = 'open' THEN outbox.state ELSE r.state END, \
        COALESCE(r.reply, outbox.last_reply) FROM outbox JOIN outbox_recipient r ON r.item = outbox.id \
        WHERE outbox.id IN (SELECT id FROM outbox WHERE copy = $1 UNION SELECT id FROM outbox WHERE mail = $2) \
        AND (outbox.copy = $1 OR r.address = $3) ORDER BY outbox.created DESC LIMIT 1";
}

impl Store {
    /// Everything known under a Message-ID (with or without brackets), the client's queue id, our id, or an address. What
    /// stands in brackets is a Message-ID and no address.
    pub async fn find(&self, query: &str) -> Result<Vec<FindRow>, StoreError> {
        let (text, by_address) = (bare_message_id(query), asks_by_address(query));
        let mut found = self.journaled(&text, by_address).await?;
        found.extend(self.journaled_before(&text, by_address, LIMIT).await?);
        let known: HashSet<CopyId> = found.iter().filter_map(|row| row.copy.clone()).collect();
        for row in self.held_unjournaled(&text, by_address).await? {
            if row.copy.as_ref().is_none_or(|copy| !known.contains(copy)) {
                found.push(row);
            }
        }
        found.sort_by_key(|row| std::cmp::Reverse(row.time));
        Ok(found)
    }

    async fn journaled(&self, text: &str, by_address: bool) -> Result<Vec<FindRow>, StoreError> {
        let keys = &self.inner.journal_keys;
        let (name, address) = (keys.name(text), keys.address(text));
        let whole = CopyId::parse(text).map_or(name, |copy| keys.name(copy.mail().as_str()));
        let mut rows: Vec<Row> = self.reader().fetch_all(BY_MAIL, args![name, whole, LIMIT]).await?;
        if by_address {
            rows.extend(self.reader().fetch_all::<Row>(BY_SENDER, args![address, LIMIT]).await?);
            rows.extend(self.reader().fetch_all::<Row>(BY_RECIPIENT, args![address, LIMIT]).await?);
        }
        let mut mails: HashMap<i64, Entry> = HashMap::new();
        let (mut seen, mut found) = (HashSet::new(), Vec::with_capacity(rows.len()));
        for row in &rows {
            let (id, mail): (i64, i64) = (row.get("id")?, row.get("mail")?);
            if !seen.insert(id) {
                continue;
            }
            let entry = match mails.entry(mail) {
                Slot::Occupied(known) => &*known.into_mut(),
                Slot::Vacant(free) => &*free.insert(self.mail_opened(row).await?),
            };
            let recipient = usize::try_from(id - mail).unwrap_or(usize::MAX);
            let same_hash = entry.private && row.get::<Option<i64>>("message_id")? == Some(name);
            if same_hash || is_named(entry, recipient, text) {
                found.push(self.found(row, entry, recipient).await?);
            }
        }
        Ok(found)
    }

    /// What a mail's row holds, with its words.
    pub(super) async fn mail_opened(&self, row: &Row) -> Result<Entry, StoreError> {
        let (id, sealed): (i64, Vec<u8>) = (row.get("mail")?, row.get("sealed")?);
        let opened = self.inner.journal_keys.open(id, &sealed);
        let read = opened.and_then(|plain| unpack(&plain, millis_of(id), row.get("private").ok()?));
        let (mut entry, [client, next_hop]) =
            read.ok_or_else(|| StoreError::Damaged { what: "a mail of the journal".into() })?;
        entry.client_tls = self.word(client).await?;
        entry.next_hop_tls = self.word(next_hop).await?;
        Ok(entry)
    }

    async fn word(&self, number: i64) -> Result<Option<String>, StoreError> {
        let word: Option<(String,)> = match number {
            0 => None,
            number => self.reader().fetch_optional(WORD_OF, args![number]).await?,
        };
        Ok(word.map(|(word,)| word))
    }

    async fn found(&self, row: &Row, entry: &Entry, recipient: usize) -> Result<FindRow, StoreError> {
        let said = entry.copies.iter().find(|copy| copy.recipient == recipient);
        let copy = said.filter(|copy| copy.held).map(|_| CopyId::new(&entry.mail, recipient));
        let address = entry.recipients.get(recipient).cloned();
        let word = |number: Option<i64>| number.and_then(disposition_of).map(|found| found.as_str().to_owned());
        let rules: Option<String> = row.get("rules")?;
        let again: Option<Vec<u8>> = row.get("reply")?;
        let again = again.and_then(|sealed| self.inner.journal_keys.open_reply(row.get("id").ok()?, &sealed));
        let reply = again.or_else(|| said.and_then(|copy| copy.reply.clone())).unwrap_or_else(|| entry.reply.clone());
        Ok(FindRow {
            time: entry.time,
            queue_id: entry.queue_id.clone(),
            message_id: entry.message_id.as_deref().map(bare_message_id),
            sender: (!entry.private).then(|| entry.reverse_path.clone()),
            disposition: word(Some(row.get("disposition")?)).unwrap_or_default(),
            observed: word(row.get("observed")?),
            rules: rules.and_then(|rules| serde_json::from_str(&rules).ok()).unwrap_or_default(),
            state: self.state_of(copy.as_ref()).await?,
            outbox: self
                .outbox_of(&entry.mail, copy.as_ref(), address.as_deref().unwrap_or_default(), entry.private)
                .await?,
            reply: Some(reply).filter(|reply| !reply.is_empty()),
            cause: row.get("cause")?,
            times: row.get::<i64>("times")?.cast_unsigned(),
            last: row.get::<Option<i64>>("last")?.map(instant),
            maybe_duplicate: entry.maybe_duplicate,
            client_tls: entry.client_tls.clone(),
            next_hop_tls: entry.next_hop_tls.clone(),
            copy,
            recipient: address,
            unit: row.get("unit")?,
            mail: entry.mail.clone(),
        })
    }

    /// Held copies whose journal row is not there (yet, or lost): they are never invisible.
    async fn held_unjournaled(&self, text: &str, by_address: bool) -> Result<Vec<FindRow>, StoreError> {
        // No address is empty; the null reverse-path is not searched for.
        let address = Some(address_key(text)).filter(|_| by_address);
        let rows: Vec<Row> = self.reader().fetch_all(HELD, args![text, &address, LIMIT]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let (mail, copy): (MailId, CopyId) = (row.get("mail")?, row.get("id")?);
            let recipient: String = row.get("recipient")?;
            let (sender, state, rules): (String, String, String) =
                (row.get("sender")?, row.get("state")?, row.get("rules")?);
            let private: bool = row.get("private")?;
            found.push(FindRow {
                time: instant(row.get("held_at")?),
                queue_id: row.get("queue_id")?,
                message_id: row.get::<Option<String>>("message_id")?.filter(|_| !private),
                sender: (!private).then_some(sender),
                disposition: "quarantine".into(),
                observed: None,
                rules: serde_json::from_str(&rules).unwrap_or_default(),
                state: CopyState::parse(&state),
                outbox: self.outbox_of(&mail, Some(&copy), &recipient, private).await?,
                reply: None,
                cause: None,
                times: 1,
                last: None,
                maybe_duplicate: false,
                client_tls: None,
                next_hop_tls: None,
                copy: Some(copy),
                recipient: (!private).then_some(recipient),
                unit: None,
                mail,
            });
        }
        Ok(found)
    }

    pub(super) async fn state_of(&self, copy: Option<&CopyId>) -> Result<Option<CopyState>, StoreError> {
        let Some(copy) = copy else { return Ok(None) };
        let state: Option<(String,)> = self.reader().fetch_optional(STATE_OF, args![copy]).await?;
        Ok(state.and_then(|(state,)| CopyState::parse(&state)))
    }

    pub(super) async fn outbox_of(
        &self,
        mail: &MailId,
        copy: Option<&CopyId>,
        recipient: &str,
        private: bool,
    ) -> Result<Option<String>, StoreError> {
        let row: Option<(String, String, Option<String>)> =
            self.reader().fetch_optional(OUTBOX_OF, args![copy, mail, &address_key(recipient)]).await?;
        // A next hop's words may name people (decision D20).
        let said = |reply: String| if private { code_of(&reply).to_owned() } else { reply };
        Ok(row.map(|(kind, state, reply)| match reply.map(said) {
            Some(reply) => format!("{kind} {state}: {reply}"),
            None => format!("{kind} {state}"),
        }))
    }
}

/// Whether somebody searches by a person's address, which the audit is told (decision D40): what is not in the brackets
/// of a Message-ID and has a sign of an address.
pub fn asks_by_address(query: &str) -> bool {
    let query = query.trim();
    query.contains('@') && !(query.starts_with('<') && query.ends_with('>'))
}

/// Whether the copy is meant by this text, and not only its hash.
fn is_named(entry: &Entry, recipient: usize, text: &str) -> bool {
    let address = |known: &str| address_key(known) == address_key(text);
    let held = || entry.copies.iter().any(|copy| copy.recipient == recipient && copy.held);
    entry.mail == *text
        || entry.queue_id.as_deref() == Some(text)
        || entry.message_id.as_deref().is_some_and(|known| bare_message_id(known) == text)
        || (!entry.reverse_path.is_empty() && address(&entry.reverse_path))
        || entry.recipients.get(recipient).is_some_and(|known| address(known))
        || (CopyId::new(&entry.mail, recipient) == *text && held())
}
