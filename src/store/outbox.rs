// SPDX-License-Identifier: EUPL-1.2
//! The outbox: what is still to be sent, with its attempts. Sending it is `deliver`'s.

use bytes::Bytes;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::blob::BlobRow;
use super::settle::Settle;
use super::{Actor, Change, Store, StoreError, earlier, instant, later, micros};

/// How long a deliverer may keep an item to itself; after a crash elsewhere another takes it up then.
const LEASE: std::time::Duration = std::time::Duration::from_secs(30 * 60);

/// What an item is for; decides what follows when it cannot be delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutboxKind {
    /// A failure report of ours (RFC 3464), from the null reverse-path.
    Failure,
    /// A notice to a sender or an officer.
    Notice,
    /// A held copy, released.
    Release,
    /// A copy without the parts held back.
    Stripped,
    /// Recipients an LMTP next hop put off while it took the others (decision D2).
    Remainder,
}

impl OutboxKind {
    pub fn as_str(self) -> &'static str {
        match self {
            OutboxKind::Failure => "failure",
            OutboxKind::Notice => "notice",
            OutboxKind::Release => "release",
            OutboxKind::Stripped => "stripped",
            OutboxKind::Remainder => "remainder",
        }
    }

    fn parse(text: &str) -> OutboxKind {
        [OutboxKind::Failure, OutboxKind::Release, OutboxKind::Stripped, OutboxKind::Remainder]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .unwrap_or(OutboxKind::Notice)
    }

    /// Whether it is somebody's mail, whose sender must hear when it fails (decision D16).
    pub(super) fn is_mail(self) -> bool {
        matches!(self, OutboxKind::Release | OutboxKind::Stripped | OutboxKind::Remainder)
    }
}

/// Where an item stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemState {
    /// Written before the next hop had answered.
    Pending,
    Ready,
    Sent,
    Failed,
}

impl ItemState {
    pub fn as_str(self) -> &'static str {
        match self {
            ItemState::Pending => "pending",
            ItemState::Ready => "ready",
            ItemState::Sent => "sent",
            ItemState::Failed => "failed",
        }
    }

    pub(super) fn parse(text: &str) -> ItemState {
        [ItemState::Pending, ItemState::Ready, ItemState::Sent]
            .into_iter()
            .find(|state| state.as_str() == text)
            .unwrap_or(ItemState::Failed)
    }
}

/// One line of `octroi outbox list`.
#[derive(Debug, Clone)]
pub struct OutboxRow {
    pub id: String,
    pub mail: String,
    pub kind: OutboxKind,
    pub reverse_path: String,
    /// Those not yet sent or failed.
    pub recipients: Vec<String>,
    pub state: ItemState,
    pub created: Timestamp,
    pub next_attempt: Timestamp,
    pub attempts: u32,
    pub last_reply: Option<String>,
}

/// An item taken up for one attempt.
#[derive(Debug, Clone)]
pub struct DueItem {
    pub id: String,
    pub mail: String,
    /// The held copy it releases.
    pub copy: Option<String>,
    pub kind: OutboxKind,
    /// All that follows `MAIL FROM:`.
    pub reverse_path: String,
    /// Place and all that follows `RCPT TO:`, for each recipient still open.
    pub recipients: Vec<(i64, String)>,
    pub created: Timestamp,
    /// Attempts before this one.
    pub attempts: u32,
    pub(super) blob: String,
    report: Option<String>,
}

/// What is to be sent.
pub enum Work {
    /// These bytes; a release gets its Received line in front (decision D10).
    Content(Bytes),
    /// A failure report, to be composed of the original's header.
    FailureReport { report: FailureReport, original: Bytes },
}

/// Why a failure report is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// Refused by the rules while other copies went on (decision D1).
    Refused,
    /// A reviewer rejected the held copy.
    Rejected,
    /// Nobody decided in time.
    Expired,
    /// The next hop refused it for good.
    Undeliverable,
    /// The next hop did not take it within the outbox's time.
    TimedOut,
}

/// The facts of a failure report (RFC 3464).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureReport {
    pub cause: Cause,
    pub mail: String,
    /// All that followed `MAIL FROM:` of the original (RET, ENVID).
    pub reverse_path: String,
    pub received: Timestamp,
    /// Of private mail no header is returned.
    pub private: bool,
    pub recipients: Vec<ReportedRecipient>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedRecipient {
    /// All that followed `RCPT TO:` (NOTIFY, ORCPT).
    pub verbatim: String,
    /// The next hop's reply, where it was the next hop.
    pub reply: Option<String>,
}

/// How one attempt ended for one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecipientOutcome {
    Sent {
        n: i64,
        reply: String,
    },
    /// To be tried again.
    PutOff {
        n: i64,
        reply: String,
    },
    Failed {
        n: i64,
        reply: String,
    },
}

impl Store {
    /// Items in state ready or pending (all of them where `all`), oldest first.
    pub async fn outbox_list(&self, all: bool, limit: u32) -> Result<Vec<OutboxRow>, StoreError> {
        let rows =
            sqlx::query("SELECT * FROM outbox WHERE state IN ('ready', 'pending') OR $1 ORDER BY created, id LIMIT $2")
                .bind(all)
                .bind(i64::from(limit))
                .fetch_all(&self.inner.readers)
                .await?;
        let mut list = Vec::with_capacity(rows.len());
        for row in rows {
            let id: String = row.try_get("id")?;
            let open: Vec<(String,)> =
                sqlx::query_as("SELECT verbatim FROM outbox_recipient WHERE item = $1 AND state = 'open' ORDER BY n")
                    .bind(&id)
                    .fetch_all(&self.inner.readers)
                    .await?;
            list.push(outbox_row(id, &row, open.into_iter().map(|(v,)| v).collect())?);
        }
        Ok(list)
    }

    /// Makes an item due at once (`octroi outbox retry`).
    pub async fn outbox_retry(&self, id: &str, actor: &Actor, now: Timestamp) -> Result<Change, StoreError> {
        let (id, actor, chain) = (id.to_owned(), actor.clone(), self.chain());
        let change = self
            .inner
            .writer
            .run(move |c| {
                Box::pin(async move {
                    let due = sqlx::query("UPDATE outbox SET next_attempt = $1 WHERE id = $2 AND state = 'ready'")
                        .bind(micros(now))
                        .bind(&id)
                        .execute(&mut *c)
                        .await?;
                    if due.rows_affected() == 0 {
                        return Err(StoreError::unknown(&id));
                    }
                    chain.add(c, now, &actor, "retry", &id, "").await?;
                    Ok(Change::Done)
                })
            })
            .await?;
        self.inner.outbox.notify_one();
        Ok(change)
    }

    /// When the next item is due, as far as it is known now.
    pub async fn outbox_next(&self) -> Result<Option<Timestamp>, StoreError> {
        let (next,): (Option<i64>,) = sqlx::query_as(
            "SELECT MIN(CASE WHEN lease_until > next_attempt THEN lease_until ELSE next_attempt END) \
             FROM outbox WHERE state = 'ready'",
        )
        .fetch_one(&self.inner.readers)
        .await?;
        Ok(next.map(instant))
    }

    /// Takes up to `limit` due items for this node; nobody else takes them until they are settled or half an hour passed.
    pub async fn outbox_take(&self, now: Timestamp, limit: u32) -> Result<Vec<DueItem>, StoreError> {
        if self.outbox_next().await?.is_none_or(|next| next > now) {
            return Ok(Vec::new());
        }
        let node = self.inner.node.clone();
        self.inner.writer.run(move |c| Box::pin(async move { take(c, &node, now, limit).await })).await
    }

    /// What a due item sends.
    pub async fn outbox_work(&self, item: &DueItem) -> Result<Work, StoreError> {
        let original = self.blob_content(&item.blob).await?;
        match &item.report {
            None => Ok(Work::Content(original)),
            Some(text) => {
                let report = serde_json::from_str(text)
                    .map_err(|e| StoreError::Damaged { what: format!("the report {}: {e}", item.id) })?;
                Ok(Work::FailureReport { report, original })
            }
        }
    }

    /// Writes down how an attempt ended. Recipients not named stay open. What failed is reported to the sender where it
    /// was somebody's mail, else noted in the audit; so are recipients still open when the outbox's time is over.
    pub async fn outbox_settle(
        &self,
        item: &DueItem,
        outcomes: Vec<RecipientOutcome>,
        next_attempt: Timestamp,
        now: Timestamp,
    ) -> Result<ItemState, StoreError> {
        let settle = Settle {
            item: item.clone(),
            outcomes,
            next_attempt: micros(next_attempt),
            over: micros(item.created) <= earlier(now, self.inner.retention.outbox),
            now,
            chain: self.chain(),
            owner: (self.inner.node.clone(), self.inner.epoch),
        };
        let state = self.inner.writer.run(move |c| Box::pin(async move { settle.write(c).await })).await?;
        self.inner.outbox.notify_one();
        Ok(state)
    }

    pub(super) async fn blob_content(&self, name: &str) -> Result<Bytes, StoreError> {
        let row = sqlx::query("SELECT name, wrapped, size, inline FROM blob WHERE name = $1")
            .bind(name)
            .fetch_optional(&self.inner.readers)
            .await?
            .ok_or_else(|| StoreError::Gone { id: name.to_owned() })?;
        self.inner
            .blobs
            .get(BlobRow {
                name: row.try_get("name")?,
                wrapped: row.try_get("wrapped")?,
                size: row.try_get("size")?,
                inline: row.try_get("inline")?,
            })
            .await
    }
}

async fn take(c: &mut SqliteConnection, node: &str, now: Timestamp, limit: u32) -> Result<Vec<DueItem>, StoreError> {
    let rows = sqlx::query(
        "UPDATE outbox SET lease_node = $1, lease_until = $2 WHERE id IN (SELECT id FROM outbox \
         WHERE state = 'ready' AND next_attempt <= $3 AND lease_until <= $3 ORDER BY next_attempt LIMIT $4) RETURNING *",
    )
    .bind(node)
    .bind(later(now, LEASE))
    .bind(micros(now))
    .bind(i64::from(limit))
    .fetch_all(&mut *c)
    .await?;
    let mut due = Vec::with_capacity(rows.len());
    for row in rows {
        let id: String = row.try_get("id")?;
        let recipients =
            sqlx::query_as("SELECT n, verbatim FROM outbox_recipient WHERE item = $1 AND state = 'open' ORDER BY n")
                .bind(&id)
                .fetch_all(&mut *c)
                .await?;
        due.push(DueItem {
            recipients,
            mail: row.try_get("mail")?,
            copy: row.try_get("copy")?,
            kind: OutboxKind::parse(row.try_get("kind")?),
            reverse_path: row.try_get("reverse_path")?,
            created: instant(row.try_get("created")?),
            attempts: count(row.try_get("attempts")?),
            blob: row.try_get("blob")?,
            report: row.try_get("report")?,
            id,
        });
    }
    Ok(due)
}

fn outbox_row(id: String, row: &SqliteRow, recipients: Vec<String>) -> Result<OutboxRow, StoreError> {
    Ok(OutboxRow {
        id,
        mail: row.try_get("mail")?,
        kind: OutboxKind::parse(row.try_get("kind")?),
        reverse_path: row.try_get("reverse_path")?,
        recipients,
        state: ItemState::parse(row.try_get("state")?),
        created: instant(row.try_get("created")?),
        next_attempt: instant(row.try_get("next_attempt")?),
        attempts: count(row.try_get("attempts")?),
        last_reply: row.try_get("last_reply")?,
    })
}

fn count(n: i64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}
