// SPDX-License-Identifier: EUPL-1.2
//! `octroi find`: what became of a mail, one row a recipient, over journal, quarantine and outbox (decision D24).

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Serialize;

use super::engine::Row;
use super::keeping::bare_message_id;
use super::tx::{args, statements};
use super::{CopyState, Store, StoreError, instant};
use crate::mail::address_key;

/// Rows that one answer holds at most, the newest.
const LIMIT: i64 = 500;

statements! {
    // A union, each part by its own index: of one OR the engine would rather read the whole journal, newest first.
    JOURNALED = "SELECT * FROM journal WHERE id IN (SELECT id FROM journal WHERE mail = $1 \
        UNION SELECT id FROM journal WHERE queue_id = $1 UNION SELECT id FROM journal WHERE message_id = $1 \
        UNION SELECT id FROM journal WHERE copy = $1 UNION SELECT id FROM journal WHERE sender_hash = $2 \
        UNION SELECT id FROM journal WHERE recipient_hash = $2) ORDER BY at DESC, id DESC LIMIT $3";
    HELD = "SELECT held.*, mail.sender, mail.private, mail.queue_id, mail.message_id FROM held \
        JOIN mail ON mail.id = held.mail WHERE held.state <> 'pending' AND held.id IN \
        (SELECT id FROM held WHERE id = $1 UNION SELECT id FROM held WHERE mail = $1 \
        UNION SELECT id FROM held WHERE address = $2 \
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

/// What became of one recipient of one mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FindRow {
    pub mail: String,
    pub time: Timestamp,
    pub queue_id: Option<String>,
    pub message_id: Option<String>,
    /// Empty for the null reverse-path; absent for private mail (decision D20).
    pub sender: Option<String>,
    pub recipient: String,
    pub disposition: String,
    pub observed: Option<String>,
    pub rules: Vec<String>,
    pub copy: Option<String>,
    /// Where the held copy stands now.
    pub state: Option<CopyState>,
    /// The outbox item for this recipient, in words: `ready`, `sent`, `failed`, with its last reply.
    pub outbox: Option<String>,
    /// The next hop's reply when the mail came by.
    pub reply: Option<String>,
    pub maybe_duplicate: bool,
    /// How both sides of us were protected; `None` in clear, or where the journal does not know.
    pub client_tls: Option<String>,
    pub next_hop_tls: Option<String>,
}

impl Store {
    /// Everything known under a Message-ID (with or without brackets), the client's queue id, our id, or an address.
    pub async fn find(&self, query: &str) -> Result<Vec<FindRow>, StoreError> {
        let text = bare_message_id(query);
        let hash = self.inner.journal_keys.hash(&text);
        let rows: Vec<Row> = self.reader().fetch_all(JOURNALED, args![&text, &hash, LIMIT]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            if !is_private(row)? || named_otherwise(row, &text, &hash)? {
                found.push(self.journaled(row).await?);
            }
        }
        let known: HashSet<String> = found.iter().filter_map(|row| row.copy.clone()).collect();
        for row in self.held_unjournaled(&text).await? {
            if row.copy.as_ref().is_none_or(|copy| !known.contains(copy)) {
                found.push(row);
            }
        }
        found.sort_by_key(|row| std::cmp::Reverse(row.time));
        Ok(found)
    }

    async fn journaled(&self, row: &Row) -> Result<FindRow, StoreError> {
        let mail: String = row.get("mail")?;
        let sealed: Vec<u8> = row.get("addresses")?;
        let (sender, recipient) = self
            .inner
            .journal_keys
            .open(&mail, &sealed)
            .ok_or_else(|| StoreError::Damaged { what: "a journal row's addresses".into() })?;
        let copy: Option<String> = row.get("copy")?;
        let rules: String = row.get("rules")?;
        let state = self.state_of(copy.as_deref()).await?;
        let private = is_private(row)?;
        Ok(FindRow {
            time: instant(row.get("at")?),
            queue_id: row.get("queue_id")?,
            message_id: row.get::<Option<String>>("message_id")?.filter(|_| !private),
            sender: (!private).then_some(sender),
            disposition: row.get("disposition")?,
            observed: row.get("observed")?,
            rules: serde_json::from_str(&rules).unwrap_or_default(),
            state,
            outbox: self.outbox_of(&mail, copy.as_deref(), &recipient).await?,
            reply: row.get("reply")?,
            maybe_duplicate: row.get("maybe_duplicate")?,
            client_tls: row.get("client_tls")?,
            next_hop_tls: row.get("next_hop_tls")?,
            copy,
            recipient,
            mail,
        })
    }

    /// Held copies whose journal row is not there (yet, or lost): they are never invisible.
    async fn held_unjournaled(&self, text: &str) -> Result<Vec<FindRow>, StoreError> {
        let rows: Vec<Row> = self.reader().fetch_all(HELD, args![text, &address_key(text), LIMIT]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in rows {
            let (mail, copy): (String, String) = (row.get("mail")?, row.get("id")?);
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
                outbox: self.outbox_of(&mail, Some(&copy), &recipient).await?,
                reply: None,
                maybe_duplicate: false,
                client_tls: None,
                next_hop_tls: None,
                copy: Some(copy),
                recipient,
                mail,
            });
        }
        Ok(found)
    }

    async fn state_of(&self, copy: Option<&str>) -> Result<Option<CopyState>, StoreError> {
        let Some(copy) = copy else { return Ok(None) };
        let state: Option<(String,)> = self.reader().fetch_optional(STATE_OF, args![copy]).await?;
        Ok(state.and_then(|(state,)| CopyState::parse(&state)))
    }

    async fn outbox_of(&self, mail: &str, copy: Option<&str>, recipient: &str) -> Result<Option<String>, StoreError> {
        let row: Option<(String, String, Option<String>)> =
            self.reader().fetch_optional(OUTBOX_OF, args![copy, mail, &address_key(recipient)]).await?;
        Ok(row.map(|(kind, state, reply)| match reply {
            Some(reply) => format!("{kind} {state}: {reply}"),
            None => format!("{kind} {state}"),
        }))
    }
}

/// Whether the mail was somebody's own affair: the kinds found in it stand in its journal row.
fn is_private(row: &Row) -> Result<bool, StoreError> {
    Ok(row.get::<String>("facts")?.contains("\"private-correspondence\""))
}

/// Private mail is not found by its sender, or the answer would tell what the rows hide.
fn named_otherwise(row: &Row, text: &str, hash: &[u8]) -> Result<bool, StoreError> {
    for name in ["mail", "queue_id", "message_id", "copy"] {
        if row.get::<Option<String>>(name)?.as_deref() == Some(text) {
            return Ok(true);
        }
    }
    Ok(row.get::<Vec<u8>>("recipient_hash")? == hash)
}
