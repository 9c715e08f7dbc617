// SPDX-License-Identifier: EUPL-1.2
//! The desk: list, show, open, release, reject, export one held copy. Every look leaves a trace; private mail shows
//! its date, rule and recipient and nothing else (decision D20).

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use super::audit::{Actor, Chain};
use super::copy::{Change, CopyState};
use super::engine::Row;
use super::followup::FollowupEvent;
use super::outbox::OutboxKind;
use super::settle::{NewItem, queue_report};
use super::tx::{FromRow, Tx, args, statements};
use super::{Store, StoreError, instant, micros};
use crate::mail::address_key;
use crate::notice::{Cause, FailureReport, ReportedRecipient};

/// The columns of a list, and all its filters: the text of one statement whose first table and filter are those
/// that leave the fewest rows. Private mail is found by no address, or the filter would tell what the list hides.
macro_rules! listed {
    ($tables:literal, $first:literal) => {
        concat!(
            "SELECT held.*, mail.sender, mail.private, blob.size FROM ",
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
    HELD_AT = "SELECT held_at FROM held WHERE id = $1";
    COPY = "SELECT held.*, mail.sender, mail.private, mail.blob, mail.reverse_path, mail.received, mail.subject, \
        mail.tell, mail.message_id, mail.client, mail.login, mail.queue_id, blob.size, blob.wrapped \
        FROM held JOIN mail ON mail.id = held.mail LEFT JOIN blob ON blob.name = mail.blob \
        WHERE held.id = $1 AND held.state <> 'pending'";
    DECIDED = "UPDATE held SET state = $1, decided_at = $2, \
        untold = (SELECT CASE WHEN mail.tell IS NULL THEN NULL ELSE CAST($3 AS TEXT) END \
            FROM mail WHERE mail.id = held.mail) WHERE id = $4 AND state = 'held'";
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
    pub after: Option<String>,
    /// At most this many; 0 is 100, and no page is longer than 1000.
    pub limit: u32,
}

/// One line of the list. For private mail all but date, rule, recipient and state is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HeldRow {
    pub id: String,
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
    pub id: String,
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
        self.reader().fetch_all(listed, values).await
    }

    /// One copy's facts; a look, so it is audited first.
    pub async fn show(&self, id: &str, actor: &Actor, now: Timestamp) -> Result<HeldDetail, StoreError> {
        let row = self.held(id).await?;
        self.note(now, actor, "look", id, "").await?;
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
        let findings = open(id, row.get("findings")?)?;
        Ok(HeldDetail {
            subject: open("subject", row.get("subject")?)?,
            findings: findings.and_then(|text| serde_json::from_str(&text).ok()),
            message_id: row.get("message_id")?,
            client: row.get("client")?,
            login: row.get("login")?,
            queue_id: row.get("queue_id")?,
            row: shown,
        })
    }

    /// The message itself, for a reviewer with a ground. The audit has it on disk before a byte is read.
    pub async fn open_content(
        &self,
        id: &str,
        actor: &Actor,
        ground: &str,
        now: Timestamp,
    ) -> Result<Bytes, StoreError> {
        Ok(self.content(id, actor, "open", ground, now).await?.content)
    }

    /// Message and envelope, for use elsewhere.
    pub async fn export(&self, id: &str, actor: &Actor, ground: &str, now: Timestamp) -> Result<Exported, StoreError> {
        self.content(id, actor, "export", ground, now).await
    }

    /// Sends the copy on: into the outbox in the same commit. Only this copy, to this recipient (decision D10).
    pub async fn release(&self, id: &str, actor: &Actor, now: Timestamp) -> Result<Change, StoreError> {
        let change = self.decide(id, actor, now, CopyState::Released, "release").await?;
        self.inner.outbox.notify_one();
        Ok(change)
    }

    /// Refuses the copy for good; the sender gets a failure report (decision D16).
    pub async fn reject(&self, id: &str, actor: &Actor, now: Timestamp) -> Result<Change, StoreError> {
        let change = self.decide(id, actor, now, CopyState::Rejected, "reject").await?;
        self.inner.outbox.notify_one();
        Ok(change)
    }

    async fn decide(
        &self,
        id: &str,
        actor: &Actor,
        now: Timestamp,
        to: CopyState,
        action: &'static str,
    ) -> Result<Change, StoreError> {
        let decide = Decide {
            id: id.to_owned(),
            actor: actor.clone(),
            now,
            to,
            action,
            chain: self.chain(),
            owner: self.own_epoch(),
        };
        self.write(move |mut tx| async move { decide.write(&mut tx).await }).await
    }

    async fn content(
        &self,
        id: &str,
        actor: &Actor,
        action: &str,
        ground: &str,
        now: Timestamp,
    ) -> Result<Exported, StoreError> {
        let row = self.held(id).await?;
        if row.get::<bool>("private")? {
            self.note(now, actor, "refused-look", id, ground).await?;
            return Err(StoreError::Private { id: id.to_owned() });
        }
        self.note(now, actor, action, id, ground).await?;
        let blob: String = row.get("blob")?;
        let content = self.blob_content(&blob).await.map_err(|e| match e {
            StoreError::Gone { .. } => StoreError::Gone { id: id.to_owned() },
            other => other,
        })?;
        Ok(Exported {
            id: id.to_owned(),
            reverse_path: row.get("reverse_path")?,
            recipient: row.get("verbatim")?,
            received: instant(row.get("received")?),
            content,
        })
    }

    async fn held(&self, id: &str) -> Result<Row, StoreError> {
        self.reader().fetch_optional(COPY, args![id]).await?.ok_or_else(|| StoreError::unknown(id))
    }

    /// An audit entry of its own, durable when this returns.
    pub(super) async fn note(
        &self,
        now: Timestamp,
        actor: &Actor,
        action: &str,
        object: &str,
        ground: &str,
    ) -> Result<(), StoreError> {
        let (chain, actor) = (self.chain(), actor.clone());
        let [action, object, ground] = [action, object, ground].map(str::to_owned);
        self.write(move |mut tx| async move { chain.add(&mut tx, now, &actor, &action, &object, &ground).await }).await
    }
}

/// One reviewer's (or the calendar's) decision on one copy.
pub(super) struct Decide {
    pub id: String,
    pub actor: Actor,
    pub now: Timestamp,
    pub to: CopyState,
    pub action: &'static str,
    pub chain: Chain,
    pub owner: (String, i64),
}

impl Decide {
    pub async fn write(self, tx: &mut Tx) -> Result<Change, StoreError> {
        // First the change, then the look at what was changed: of two who decide at once, one finds it decided.
        let untold = FollowupEvent::of(self.to).map(FollowupEvent::as_str);
        let changed = tx.execute(DECIDED, args![self.to.as_str(), micros(self.now), untold, &self.id]).await?;
        let row: Option<Row> = tx.fetch_optional(COPY, args![&self.id]).await?;
        let row = row.ok_or_else(|| StoreError::unknown(&self.id))?;
        let state: String = row.get("state")?;
        if changed == 0 {
            let already = state == self.to.as_str();
            return if already { Ok(Change::Already) } else { Err(StoreError::WrongState { id: self.id, state }) };
        }
        let blob: String = row.get("blob")?;
        match self.to {
            CopyState::Released => self.queue_release(tx, &row, &blob).await?,
            _ => self.queue_report(tx, &row, &blob).await?,
        }
        self.chain.add(tx, self.now, &self.actor, self.action, &self.id, "").await?;
        super::expiry::free_unneeded(tx, &blob, self.now).await?;
        Ok(Change::Done)
    }

    async fn queue_release(&self, tx: &mut Tx, row: &Row, blob: &str) -> Result<(), StoreError> {
        let reverse_path: String = row.get("reverse_path")?;
        let item = NewItem {
            id: &format!("{}-release", self.id),
            mail: &row.get::<String>("mail")?,
            copy: Some(&self.id),
            kind: OutboxKind::Release,
            reverse_path: &reverse_path,
            origin: &reverse_path,
            recipients: &[row.get("verbatim")?],
            blob,
            report: None,
            private: row.get("private")?,
            pending: false,
            created: micros(self.now),
            next_attempt: micros(self.now),
            owner: (&self.owner.0, self.owner.1),
        };
        item.insert(tx).await
    }

    async fn queue_report(&self, tx: &mut Tx, row: &Row, blob: &str) -> Result<(), StoreError> {
        let report = FailureReport {
            cause: if self.to == CopyState::Expired { Cause::Expired } else { Cause::Rejected },
            mail: row.get("mail")?,
            reverse_path: row.get("reverse_path")?,
            received: instant(row.get("received")?),
            private: row.get("private")?,
            recipients: vec![ReportedRecipient { verbatim: row.get("verbatim")?, reply: None }],
        };
        let id = format!("{}-{}", self.id, self.to.as_str());
        queue_report(tx, &id, Some(&self.id), blob, report, self.now, (&self.owner.0, self.owner.1)).await?;
        Ok(())
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
    })
}
