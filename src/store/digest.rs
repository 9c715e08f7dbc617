// SPDX-License-Identifier: EUPL-1.2
//! The figures of the digest to the security team, and the memory of which digest was sent last.
//!
//! Counts by rule and sender; of private mail one count, and nothing else (decision D20).

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::journal_hours::Hours;
use super::rows::insert_blob;
use super::settle::NewItem;
use super::tx::{args, statements};
use super::{OutboxContent, OutboxItem, OutboxKind, Store, StoreError, instant, later, micros};
use crate::mail::ItemId;

/// Groups of sender and rules read at most; more than a day's digest can show.
const MOST_GROUPS: i64 = 50_000;
const LAST: &str = "digest";

statements! {
    WAITING = "SELECT mail.sender, held.rules, COUNT(*) FROM held JOIN mail ON mail.id = held.mail \
        WHERE held.state = 'held' AND NOT mail.private GROUP BY mail.sender, held.rules \
        ORDER BY COUNT(*) DESC LIMIT $1";
    PRIVATE_AND_OLDEST = "SELECT \
        (SELECT COUNT(*) FROM held JOIN mail ON mail.id = held.mail WHERE held.state = 'held' AND mail.private), \
        (SELECT MIN(held.held_at) FROM held JOIN mail ON mail.id = held.mail \
            WHERE held.state = 'held' AND NOT mail.private)";
    EXPIRING = "SELECT COUNT(*) FROM held WHERE state = 'held' AND expires <= $1";
    HELD = "SELECT COUNT(*) FROM held WHERE held_at >= $1 AND held_at < $2 AND state <> 'pending'";
    DECIDED = "SELECT state, COUNT(*) FROM held WHERE decided_at >= $1 AND decided_at < $2 GROUP BY state";
    OBSERVED = "SELECT rules, COUNT(*) FROM journal WHERE observed IS NOT NULL AND at >= $1 AND at < $2 \
        GROUP BY rules LIMIT $3";
    OBSERVED_COPIES = "SELECT w.word, COUNT(*) FROM journaled_copy c JOIN journaled_word w ON w.id = c.rules \
        WHERE c.observed IS NOT NULL AND c.id >= $1 AND c.id < $2 GROUP BY w.word LIMIT $3";
    TURN = "SELECT value FROM meta WHERE name = $1";
    FIRST_TURN = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    NEXT_TURN = "UPDATE meta SET value = $1 WHERE name = $2 AND value = $3";
}

/// Copies that wait for a decision, of one sender and under the same rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Lower-case address; empty for the null reverse-path.
    pub sender: String,
    pub rules: Vec<String>,
    pub copies: u64,
}

/// What a digest tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DigestFigures {
    /// Private mail is not among these.
    pub waiting: Vec<Waiting>,
    /// Copies of private mail that wait.
    pub private: u64,
    /// When the oldest of `waiting` was held.
    pub oldest: Option<Timestamp>,
    /// Copies of either kind that expire within the warning time.
    pub expiring: u64,
    /// Copies held since the last digest, private ones included.
    pub held: u64,
    pub released: u64,
    pub rejected: u64,
    pub expired: u64,
    /// Copies that rules which only observe would not have let pass, by rule, since the last digest.
    pub observed: BTreeMap<String, u64>,
}

impl Store {
    /// Counts what waits at `now` and what happened since `since`.
    pub async fn digest_figures(&self, since: Timestamp, now: Timestamp) -> Result<DigestFigures, StoreError> {
        let reader = self.reader();
        let between = args![micros(since), micros(now)];
        let groups: Vec<(String, String, i64)> = reader.fetch_all(WAITING, args![MOST_GROUPS]).await?;
        let (private, oldest): (i64, Option<i64>) = reader.fetch_one(PRIVATE_AND_OLDEST, args![]).await?;
        let warned = later(now, self.retention().warning);
        let (expiring,): (i64,) = reader.fetch_one(EXPIRING, args![warned]).await?;
        let (held,): (i64,) = reader.fetch_one(HELD, between).await?;
        let decided: Vec<(String, i64)> = reader.fetch_all(DECIDED, between).await?;
        let became =
            |word: &str| decided.iter().filter(|(state, _)| state == word).map(|(_, n)| n.cast_unsigned()).sum();
        Ok(DigestFigures {
            waiting: groups.into_iter().map(|(sender, rules, n)| waiting(sender, &rules, n)).collect(),
            private: private.cast_unsigned(),
            oldest: oldest.map(instant),
            expiring: expiring.cast_unsigned(),
            held: held.cast_unsigned(),
            released: became("released"),
            rejected: became("rejected"),
            expired: became("expired"),
            observed: self.observed(since, now).await?,
        })
    }

    async fn observed(&self, since: Timestamp, now: Timestamp) -> Result<BTreeMap<String, u64>, StoreError> {
        let (since, now) = (micros(since), micros(now));
        let mut rows: Vec<(String, i64)> = self.reader().fetch_all(OBSERVED, args![since, now, MOST_GROUPS]).await?;
        let hours = Hours::read(self.reader()).await?;
        let (first, end) = (hours.written_since(since, now), hours.written_since(now, now));
        rows.extend(self.reader().fetch_all::<(String, i64)>(OBSERVED_COPIES, args![first, end, MOST_GROUPS]).await?);
        let mut observed = BTreeMap::new();
        for (rules, copies) in rows {
            let rules: Vec<String> = serde_json::from_str(&rules).unwrap_or_default();
            for rule in rules {
                *observed.entry(rule).or_default() += copies.cast_unsigned();
            }
        }
        Ok(observed)
    }

    /// The turn of the last digest, also one that was passed over. The first call of all remembers `first`: a new
    /// gateway has nothing to tell of the time before it.
    pub async fn last_digest(&self, first: Timestamp) -> Result<Timestamp, StoreError> {
        let known: Option<(Vec<u8>,)> = self.reader().fetch_optional(TURN, args![LAST]).await?;
        if let Some((value,)) = known {
            return read_turn(&value);
        }
        self.write(move |mut tx| async move {
            tx.execute(FIRST_TURN, args![LAST, &turn(first)]).await?;
            Ok(first)
        })
        .await
    }

    /// Queues the digests of one turn and remembers the turn, in one commit. Gives whether that was done: another
    /// gateway of this store may have been faster.
    pub async fn send_digest(
        &self,
        before: Timestamp,
        turn_at: Timestamp,
        digests: Vec<OutboxItem>,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let (mut sealed, mut stored) = (Vec::new(), 0);
        for item in digests {
            let OutboxContent::Own(content) = item.content else { continue };
            let blob = self.inner.blobs.put_small(content).await?;
            stored += blob.stored;
            sealed.push((blob, item.recipients, item.reverse_path));
        }
        let owner = self.own_epoch();
        let written = self.write_after_blobs(move |mut tx| async move {
            let changed = tx.execute(NEXT_TURN, args![&turn(turn_at), LAST, &turn(before)]).await?;
            if changed != 1 {
                return Ok(false);
            }
            for (n, (blob, to, reverse_path)) in (1u32..).zip(&sealed) {
                insert_blob(&mut tx, blob, micros(now)).await?;
                let id = ItemId::digest(turn_at.as_second(), n);
                let item = NewItem {
                    id: &id,
                    mail: None,
                    copy: None,
                    kind: OutboxKind::Notice,
                    reverse_path,
                    origin: "<>",
                    recipients: to,
                    blob: &blob.name,
                    report: None,
                    private: false,
                    pending: false,
                    created: micros(now),
                    next_attempt: micros(now),
                    owner: (&owner.0, owner.1),
                };
                item.insert(&mut tx).await?;
            }
            Ok(true)
        });
        let done = written.await?;
        if done {
            self.inner.used.fetch_add(stored, Ordering::Relaxed);
            self.inner.outbox.notify_one();
        }
        Ok(done)
    }
}

fn waiting(sender: String, rules: &str, copies: i64) -> Waiting {
    Waiting { sender, rules: serde_json::from_str(rules).unwrap_or_default(), copies: copies.cast_unsigned() }
}

fn turn(at: Timestamp) -> Vec<u8> {
    micros(at).to_string().into_bytes()
}

fn read_turn(value: &[u8]) -> Result<Timestamp, StoreError> {
    let text = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
    text.map(instant).ok_or(StoreError::Damaged { what: "when the last digest was sent".into() })
}
