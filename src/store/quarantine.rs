// SPDX-License-Identifier: EUPL-1.2
//! What stays in quarantine, as people see it: list, show, open, export. Every look leaves a trace; private mail shows
//! its date, rule and recipient and nothing else (decision D20).

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::copy::CopyState;
use super::engine::Row;
use super::tx::{FromRow, args, statements};
use super::{Store, StoreError, instant, micros};
use crate::access::{Entry, Export, Look, Open, Permit, PermitKind};
use crate::mail::{CopyId, MailId, address_key};

/// The columns of a list, and all its filters: the text of one statement whose first table and filter are those
/// that leave the fewest rows. Private mail is found by no address, or the filter would tell what the list hides.
macro_rules! listed {
    ($tables:literal, $first:literal) => {
        concat!(
            "SELECT held.*, mail.sender, mail.private, mail.unit, blob.size FROM ",
            $tables,
            " LEFT JOIN blob ON blob.name = mail.blob WHERE ",
            $first,
            " AND (held.state = $1 OR (CAST($1 AS TEXT) IS NULL AND held.state <> 'pending')) \
            AND (CAST($2 AS TEXT) IS NULL OR (held.address = $2 AND NOT mail.private)) \
            AND (CAST($3 AS TEXT) IS NULL OR (mail.sender = $3 AND NOT mail.private)) \
            AND (CAST($4 AS TEXT) IS NULL OR \
                EXISTS (SELECT 1 FROM held_rule WHERE held_rule.copy = held.id AND held_rule.rule = $4)) \
            AND held.held_at >= $5 AND held.held_at < $6 AND (held.held_at, held.id) < ($7, $8) \
            ORDER BY held.held_at DESC, held.id DESC LIMIT $9"
        )
    };
}

statements! {
    LISTED = listed!("held JOIN mail ON mail.id = held.mail", "held.state <> 'pending'");
    LISTED_IN_STATE = listed!("held JOIN mail ON mail.id = held.mail", "held.state = $1");
    LISTED_BY_RULE = listed!(
        "held_rule AS of_rule JOIN held ON held.id = of_rule.copy JOIN mail ON mail.id = held.mail",
        "of_rule.rule = $4 AND of_rule.held_at >= $5 AND of_rule.held_at < $6"
    );
    LISTED_BY_SENDER = listed!("mail JOIN held ON held.mail = mail.id", "mail.sender = $3");
    LISTED_BY_RECIPIENT = listed!("held JOIN mail ON mail.id = held.mail", "held.address = $2");
    OF_MAIL = "SELECT id FROM held WHERE mail = $1 AND state <> 'pending'";
    HELD_AT = "SELECT held_at FROM held WHERE id = $1";
    COPY = "SELECT held.*, mail.sender, mail.private, mail.unit, mail.blob, mail.reverse_path, mail.received, mail.subject, \
        mail.tell, mail.message_id, mail.client, mail.login, mail.queue_id, blob.size, blob.wrapped \
        FROM held JOIN mail ON mail.id = held.mail LEFT JOIN blob ON blob.name = mail.blob \
        WHERE held.id = $1 AND held.state <> 'pending'";
    COUNTED = "SELECT state, COUNT(*) FROM held GROUP BY state";
}

/// Which copies to list; what is `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<CopyState>,
    pub recipient: Option<String>,
    pub sender: Option<String>,
    pub rule: Option<String>,
    pub since: Option<Timestamp>,
    pub until: Option<Timestamp>,
    /// The id of the last copy of the page before.
    pub after: Option<CopyId>,
    /// At most this many; 0 is 100, and no page is longer than 1000.
    pub limit: u32,
}

/// One line of the list. For private mail all but date, rule, recipient and state is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldRow {
    pub id: CopyId,
    pub recipient: String,
    pub sender: Option<String>,
    pub held_at: Timestamp,
    pub rules: Vec<String>,
    pub reasons: Vec<String>,
    pub kinds: Vec<String>,
    pub rank: Option<u8>,
    pub state: CopyState,
    pub expires: Timestamp,
    pub private: bool,
    pub size: Option<u64>,
    /// The sender's unit when the mail was held; of private mail too, for who may see the row at all.
    pub unit: Option<String>,
    /// Whether a rule that held it asks for two persons.
    pub needs_two: bool,
}

/// What a reviewer sees before opening the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldDetail {
    #[serde(flatten)]
    pub row: HeldRow,
    pub subject: Option<String>,
    /// The findings with their excerpts.
    pub findings: Option<serde_json::Value>,
    pub message_id: Option<String>,
    pub client: Option<String>,
    pub login: Option<String>,
    pub queue_id: Option<String>,
}

/// One copy for use elsewhere.
#[derive(Debug, Clone)]
pub struct Exported {
    pub id: CopyId,
    /// All that followed `MAIL FROM:` and `RCPT TO:`.
    pub reverse_path: String,
    pub recipient: String,
    pub received: Timestamp,
    pub content: Bytes,
}

impl Store {
    /// Held copies, newest first. Copies still pending are listed only where asked for.
    pub async fn list(&self, filter: &Filter) -> Result<Vec<HeldRow>, StoreError> {
        let limit = if filter.limit == 0 { 100 } else { filter.limit.min(1000) };
        let recipient = filter.recipient.as_deref().map(address_key);
        let sender = filter.sender.as_deref().map(address_key);
        let (before, id) = match &filter.after {
            None => (i64::MAX, ""),
            Some(after) => match self.reader().fetch_optional(HELD_AT, args![after]).await? {
                Some((held_at,)) => (held_at, after.as_str()),
                None => return Ok(Vec::new()),
            },
        };
        let values = args![
            filter.state.map(CopyState::as_str),
            &recipient,
            &sender,
            &filter.rule,
            filter.since.map_or(i64::MIN, micros),
            filter.until.map_or(i64::MAX, micros),
            before,
            id,
            i64::from(limit),
        ];
        let listed = match filter {
            Filter { recipient: Some(_), .. } => LISTED_BY_RECIPIENT,
            Filter { sender: Some(_), .. } => LISTED_BY_SENDER,
            Filter { rule: Some(_), .. } => LISTED_BY_RULE,
            Filter { state: Some(_), .. } => LISTED_IN_STATE,
            _ => LISTED,
        };
        self.reader().fetch_readable(listed, values).await
    }

    /// All copies of a mail that were held, whatever became of them, in the order of their recipients. One whose id is
    /// damaged keeps nobody from deciding the others.
    pub async fn copies_of(&self, mail: &MailId) -> Result<Vec<CopyId>, StoreError> {
        let copies: Vec<(CopyId,)> = self.reader().fetch_readable(OF_MAIL, args![mail]).await?;
        let mut copies: Vec<CopyId> = copies.into_iter().map(|(copy,)| copy).collect();
        copies.sort_by_key(CopyId::number);
        Ok(copies)
    }

    /// One copy's facts; a look, so it is audited first.
    pub async fn show(&self, permit: &Permit<Look>, now: Timestamp) -> Result<HeldDetail, StoreError> {
        let id = permit.object();
        let row = self.held(id).await?;
        self.note(now, permit.entry()).await?;
        let shown = held_row(&row)?;
        if shown.private {
            let (subject, findings) = (None, None);
            return Ok(HeldDetail {
                row: shown,
                subject,
                findings,
                message_id: None,
                client: None,
                login: None,
                queue_id: None,
            });
        }
        let (blob, wrapped): (String, Option<Vec<u8>>) = (row.get("blob")?, row.get("wrapped")?);
        // Once the key is destroyed its row goes too, an hour later.
        let wrapped = wrapped.unwrap_or_default();
        let open = |purpose: &str, sealed: Option<Vec<u8>>| match sealed {
            // Metadata goes with the content: once the key is destroyed there is nothing to show.
            Some(sealed) if !wrapped.is_empty() => {
                self.inner.blobs.open_text(&blob, &wrapped, purpose, &sealed).map(Some)
            }
            _ => Ok(None),
        };
        let findings = open(id.as_str(), row.get("findings")?)?.map(|text| serde_json::from_str(&text));
        Ok(HeldDetail {
            subject: open("subject", row.get("subject")?)?,
            findings: findings.transpose().map_err(|_| StoreError::row("the findings of a held copy"))?,
            message_id: row.get("message_id")?,
            client: row.get("client")?,
            login: row.get("login")?,
            queue_id: row.get("queue_id")?,
            row: shown,
        })
    }

    /// The message itself, for a reviewer. The audit has it on disk before a byte is read.
    pub async fn open_content(&self, permit: &Permit<Open>, now: Timestamp) -> Result<Bytes, StoreError> {
        Ok(self.content(permit, now).await?.content)
    }

    /// Message and envelope, for use elsewhere.
    pub async fn export(&self, permit: &Permit<Export>, now: Timestamp) -> Result<Exported, StoreError> {
        self.content(permit, now).await
    }

    /// How many copies are in each state.
    pub async fn counts(&self) -> Result<Vec<(CopyState, u64)>, StoreError> {
        let rows: Vec<(String, i64)> = self.reader().fetch_all(COUNTED, args![]).await?;
        let count = |(state, count): (String, i64)| Some((CopyState::parse(&state)?, count.cast_unsigned()));
        Ok(rows.into_iter().filter_map(count).collect())
    }

    async fn content<K: PermitKind<Id = CopyId>>(
        &self,
        permit: &Permit<K>,
        now: Timestamp,
    ) -> Result<Exported, StoreError> {
        let id = permit.object();
        let row = self.held(id).await?;
        if row.get::<bool>("private")? {
            return Err(StoreError::Private { id: id.to_string() });
        }
        self.note(now, permit.entry()).await?;
        // A decided copy is closed, also while the content waits for other copies or for the outbox.
        if held_row(&row)?.state != CopyState::Held {
            return Err(StoreError::Gone { id: id.to_string() });
        }
        let blob: String = row.get("blob")?;
        let content = self.blob_content(&blob).await.map_err(|e| match e {
            StoreError::Gone { .. } => StoreError::Gone { id: id.to_string() },
            other => other,
        })?;
        Ok(Exported {
            id: id.clone(),
            reverse_path: row.get("reverse_path")?,
            recipient: row.get("verbatim")?,
            received: instant(row.get("received")?),
            content,
        })
    }

    async fn held(&self, id: &CopyId) -> Result<Row, StoreError> {
        self.reader().fetch_optional(COPY, args![id]).await?.ok_or_else(|| StoreError::unknown(id.as_str()))
    }

    /// An audit entry of its own, durable when this returns.
    pub async fn note(&self, now: Timestamp, entry: &Entry) -> Result<(), StoreError> {
        let (chain, entry) = (self.chain(), entry.clone());
        self.write(move |mut tx| async move { chain.add(&mut tx, now, &entry).await }).await
    }
}

impl FromRow for HeldRow {
    fn from_row(row: Row) -> Result<HeldRow, StoreError> {
        held_row(&row)
    }
}

fn held_row(row: &Row) -> Result<HeldRow, StoreError> {
    let private: bool = row.get("private")?;
    let list = |name: &str| -> Result<Vec<String>, StoreError> {
        let text: String = row.get(name)?;
        serde_json::from_str(&text).map_err(|e| StoreError::Damaged { what: format!("a held copy's {name}: {e}") })
    };
    let state: String = row.get("state")?;
    let sender: String = row.get("sender")?;
    let size: Option<i64> = row.get("size")?;
    let rank: Option<i64> = row.get("max_rank")?;
    Ok(HeldRow {
        id: row.get("id")?,
        recipient: row.get("recipient")?,
        sender: (!private).then_some(sender),
        held_at: instant(row.get("held_at")?),
        rules: list("rules")?,
        // Kind and rank are given of private mail too, and the rules' own words hold nothing of it.
        reasons: list("reasons")?,
        kinds: list("kinds")?,
        rank: rank.and_then(|rank| u8::try_from(rank).ok()),
        state: CopyState::parse(&state).ok_or(StoreError::Damaged { what: format!("a held copy is {state}") })?,
        expires: instant(row.get("expires")?),
        private,
        size: size.filter(|_| !private).map(i64::cast_unsigned),
        unit: row.get("unit")?,
        needs_two: row.get("needs_two")?,
    })
}
