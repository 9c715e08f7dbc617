// SPDX-License-Identifier: EUPL-1.2
//! What stands beside the rows of an answer of `find`: where held copies stand now, and what the outbox has for each
//! recipient. Asked for many rows at once: an answer of five hundred takes a few questions, not a thousand.

use std::collections::{HashMap, HashSet};

use super::engine::Row;
use super::entry::FindRow;
use super::packed::code_of;
use super::sql::Value;
use super::tx::statements;
use super::{CopyState, Store, StoreError};
use crate::mail::{CopyId, MailId, address_key};

/// Ids of one question.
const AT_ONCE: usize = 32;

statements! {
    STATES = "SELECT id, state FROM held WHERE id IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
        $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32)";
    ITEMS = "SELECT outbox.mail, outbox.copy, outbox.kind, r.address, \
        CASE WHEN r.state = 'open' THEN outbox.state ELSE r.state END AS state, \
        COALESCE(r.reply, outbox.last_reply) AS reply FROM outbox JOIN outbox_recipient r ON r.item = outbox.id \
        WHERE outbox.mail IN ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, \
        $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32) \
        ORDER BY outbox.created DESC";
}

/// A row of an answer on its way.
pub(super) struct Beside {
    pub row: FindRow,
    /// As the outbox knows the recipient; empty where nobody does.
    pub address: String,
    pub private: bool,
    /// The id that the copy would be held under, where it was put off: a write that came too late for the reply may hold
    /// it all the same.
    pub may_be: Option<CopyId>,
}

/// An item of the outbox, for one recipient.
struct Item {
    copy: Option<CopyId>,
    address: String,
    kind: String,
    state: String,
    reply: Option<String>,
}

impl Store {
    /// The same rows with what is known of them beside the journal.
    pub(super) async fn with_beside(&self, rows: Vec<Beside>) -> Result<Vec<FindRow>, StoreError> {
        let copies = rows.iter().filter_map(|beside| beside.row.copy.as_ref().or(beside.may_be.as_ref()));
        let states = self.states_of(copies).await?;
        let items = self.items_of(rows.iter().map(|beside| &beside.row.mail)).await?;
        let with = |beside: Beside| {
            let Beside { mut row, address, private, may_be } = beside;
            let held = |id: &CopyId| states.get(id).is_some_and(|state| *state != CopyState::Pending);
            row.copy = row.copy.or_else(|| may_be.filter(held));
            row.state = row.copy.as_ref().and_then(|copy| states.get(copy).copied());
            let address = address_key(&address);
            let is_its = |item: &&Item| (item.copy.is_some() && item.copy == row.copy) || item.address == address;
            row.outbox =
                items.get(&row.mail).and_then(|items| items.iter().find(is_its)).map(|item| item.said(private));
            row
        };
        Ok(rows.into_iter().map(with).collect())
    }

    async fn states_of<'i>(
        &self,
        copies: impl Iterator<Item = &'i CopyId>,
    ) -> Result<HashMap<CopyId, CopyState>, StoreError> {
        let mut states = HashMap::new();
        for ids in pieces(copies.map(CopyId::as_str)) {
            let rows: Vec<Row> = self.reader().fetch_all(STATES, &ids).await?;
            for row in &rows {
                if let Some(state) = CopyState::parse(&row.get::<String>("state")?) {
                    states.insert(row.get("id")?, state);
                }
            }
        }
        Ok(states)
    }

    async fn items_of<'i>(
        &self,
        mails: impl Iterator<Item = &'i MailId>,
    ) -> Result<HashMap<MailId, Vec<Item>>, StoreError> {
        let mut items: HashMap<MailId, Vec<Item>> = HashMap::new();
        for ids in pieces(mails.map(MailId::as_str)) {
            let rows: Vec<Row> = self.reader().fetch_all(ITEMS, &ids).await?;
            for row in &rows {
                items.entry(row.get("mail")?).or_default().push(Item {
                    copy: row.get("copy")?,
                    address: row.get("address")?,
                    kind: row.get("kind")?,
                    state: row.get("state")?,
                    reply: row.get("reply")?,
                });
            }
        }
        Ok(items)
    }
}

impl Item {
    /// A next hop's words may name people (decision D20).
    fn said(&self, private: bool) -> String {
        let Item { kind, state, reply, .. } = self;
        match reply {
            Some(reply) if private => format!("{kind} {state}: {}", code_of(reply)),
            Some(reply) => format!("{kind} {state}: {reply}"),
            None => format!("{kind} {state}"),
        }
    }
}

/// Each id once, as the values of questions; the last question is filled with what it asks already.
fn pieces<'i>(ids: impl Iterator<Item = &'i str>) -> Vec<Vec<Value<'i>>> {
    let mut seen = HashSet::new();
    let ids: Vec<&str> = ids.filter(|id| seen.insert(*id)).collect();
    let filled = |piece: &[&'i str]| {
        let last = piece.last().copied();
        let ids = piece.iter().copied().map(Some).chain(std::iter::repeat(last)).take(AT_ONCE);
        ids.map(Value::Text).collect()
    };
    ids.chunks(AT_ONCE).map(filled).collect()
}
