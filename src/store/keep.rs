// SPDX-License-Identifier: EUPL-1.2
//! Keeping: what stays behind of one transaction, in one commit, before anybody hears 250.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use jiff::Timestamp;
use sqlx::SqliteConnection;

use super::blob::Sealed;
use super::verbatim::{Verbatim, address_key};
use super::{Kind, Retention, State, Store, StoreError, later, micros};
use crate::mail::{ForwardPath, Mail, MailId};

/// Everything of one transaction that stays behind; one commit.
pub struct Keeping<'a> {
    pub mail: &'a Mail,
    /// BLAKE3 of the message without its leading trace fields: [`retry_digest`].
    pub retry_digest: [u8; 32],
    pub message_id: Option<String>,
    /// Sealed, and not kept at all for private mail.
    pub subject: Option<String>,
    /// Decision D20: held but unreadable.
    pub private: bool,
    pub held: Vec<HeldCopy>,
    pub outbox: Vec<OutboxItem>,
}

/// One recipient's copy, held.
#[derive(Debug, Clone, Default)]
pub struct HeldCopy {
    /// Its place in the envelope's recipients.
    pub recipient: usize,
    pub rules: Vec<String>,
    /// The rules' own words; they hold nothing of the mail.
    pub reasons: Vec<String>,
    /// The findings with their excerpts, as JSON; sealed.
    pub findings_json: String,
    /// Kinds of finding, for lists and counts.
    pub kinds: Vec<String>,
    pub rank: Option<u8>,
}

/// One transaction to be made later by the outbox.
pub struct OutboxItem {
    pub kind: Kind,
    /// All that follows `MAIL FROM:`, such as `<>`.
    pub reverse_path: String,
    /// All that follows `RCPT TO:`, for each recipient.
    pub recipients: Vec<String>,
    pub content: OutboxContent,
    pub not_before: Timestamp,
}

/// What the outbox is to send.
pub enum OutboxContent {
    /// The mail's own bytes, kept once for all copies.
    Mail,
    /// Other bytes: a notice, a failure report, a stripped message.
    Own(Bytes),
}

/// Written and durable, but not yet ours: the next hop has still to answer.
#[derive(Debug)]
#[must_use = "what was prepared must be confirmed or withdrawn"]
pub struct Prepared {
    pub kept: Kept,
    written: Vec<String>,
    items: Vec<String>,
}

/// What became of each copy asked to be held and each outbox item, in the order asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub mail: MailId,
    pub copies: Vec<KeptCopy>,
    pub outbox: Vec<KeptCopy>,
}

impl Kept {
    /// Nothing was written: all of it stands there from an earlier attempt (decision D11).
    pub fn all_repeats(&self) -> bool {
        self.copies.iter().chain(&self.outbox).all(|copy| copy.repeat)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCopy {
    /// The held copy's (or outbox item's) id; of an earlier attempt where this is a repeat.
    pub id: String,
    pub repeat: bool,
}

/// The digest a repeated mail is known by: BLAKE3 of the message without its leading trace fields, which every
/// attempt may write anew (RFC 5321 §4.4; decision D11).
pub fn retry_digest(content: &[u8]) -> [u8; 32] {
    *blake3::hash(content.get(trace_len(content)..).unwrap_or_default()).as_bytes()
}

/// The length of the leading `Received` and `Return-Path` fields with their folded lines.
fn trace_len(content: &[u8]) -> usize {
    let mut at = 0;
    let mut in_trace = false;
    while let Some(rest) = content.get(at..) {
        let folded = in_trace && matches!(rest.first(), Some(b' ' | b'\t'));
        let trace = [&b"received:"[..], b"return-path:"]
            .iter()
            .any(|name| rest.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)));
        let Some(end) = memchr::memchr(b'\n', rest) else { break };
        if !folded && !trace {
            break;
        }
        in_trace = true;
        at += end + 1;
    }
    at
}

impl Store {
    /// Holds and queues in state pending, durably: what stands before the next hop hears DATA (decision D2). A copy
    /// known from an earlier attempt yields that attempt's id and writes nothing, also after its release or
    /// rejection. `InFlight` where that attempt is itself still pending.
    pub async fn prepare(&self, keeping: &Keeping<'_>) -> Result<Prepared, StoreError> {
        self.write(keeping, State::Pending).await
    }

    /// Holds and queues at once: where nothing goes to the next hop.
    pub async fn keep(&self, keeping: &Keeping<'_>) -> Result<Kept, StoreError> {
        let written = self.write(keeping, State::Held).await?;
        self.inner.outbox.notify_one();
        Ok(written.kept)
    }

    /// The next hop has said yes: what was prepared is held, and the outbox may send. Exactly what was written must
    /// still be pending (decision D12), else nothing is changed and the answer to the client is 451.
    pub async fn confirm(&self, prepared: Prepared) -> Result<(), StoreError> {
        let expected = (prepared.written.len() + prepared.items.len()) as u64;
        if expected == 0 {
            return Ok(());
        }
        let node = self.own_epoch();
        self.inner
            .writer
            .run(move |c| {
                Box::pin(async move {
                    let mut changed = 0;
                    for id in &prepared.written {
                        changed += set_state(c, HELD_CONFIRMED, id, &node).await?;
                    }
                    for id in &prepared.items {
                        changed += set_state(c, ITEM_CONFIRMED, id, &node).await?;
                    }
                    if changed == expected { Ok(()) } else { Err(StoreError::Confirm { changed, expected }) }
                })
            })
            .await?;
        self.inner.outbox.notify_one();
        Ok(())
    }

    /// The next hop has said no: nothing stays, and the client's next attempt is a first one.
    pub async fn withdraw(&self, prepared: Prepared) -> Result<(), StoreError> {
        if prepared.written.is_empty() && prepared.items.is_empty() {
            return Ok(());
        }
        let now = Timestamp::UNIX_EPOCH;
        self.inner
            .writer
            .run(move |c| {
                Box::pin(async move {
                    for id in prepared.written.iter().chain(&prepared.items) {
                        super::expiry::clear_pending(c, super::expiry::Stale::Thing(id), now).await?;
                    }
                    Ok(())
                })
            })
            .await
    }

    fn own_epoch(&self) -> (String, i64) {
        (self.inner.node.clone(), self.inner.epoch)
    }

    async fn write(&self, keeping: &Keeping<'_>, state: State) -> Result<Prepared, StoreError> {
        let mut rows = Rows::of(keeping, state, &self.inner.retention, self.own_epoch())?;
        self.look_for_repeats(&mut rows).await?;
        if rows.wants_mail() {
            self.check_quota(keeping.mail.content.len() as u64)?;
            rows.seal_mail(self.inner.blobs.put(keeping.mail.content.0.clone()).await?, keeping)?;
        }
        for item in rows.items.iter_mut().filter(|i| i.repeat.is_none()) {
            if let Some(own) = item.own.take() {
                self.check_quota(own.len() as u64)?;
                item.sealed = Some(self.inner.blobs.put_small(own).await?);
            }
        }
        let stored = rows.stored();
        let written = self.inner.writer.run_after_blobs(move |c| Box::pin(async move { rows.insert(c).await })).await?;
        self.inner.used.fetch_add(stored, Ordering::Relaxed);
        Ok(written)
    }

    /// A first look without the writer, so that a repeat costs no blob. The unique key decides in the commit.
    async fn look_for_repeats(&self, rows: &mut Rows) -> Result<(), StoreError> {
        let now = rows.now;
        let things = rows.copies.iter_mut().map(|c| (&c.key, &mut c.repeat));
        let things = things.chain(rows.items.iter_mut().map(|i| (&i.key, &mut i.repeat)));
        for (key, repeat) in things {
            let known: Option<(String,)> = sqlx::query_as("SELECT thing FROM retry WHERE key = $1 AND until > $2")
                .bind(key.as_slice())
                .bind(now)
                .fetch_optional(&self.inner.readers)
                .await?;
            *repeat = known.map(|(thing,)| thing);
        }
        Ok(())
    }

    // Decision D15. The size before compression stands in for the size after it.
    fn check_quota(&self, more: u64) -> Result<(), StoreError> {
        let Some(quota) = self.inner.quota else { return Ok(()) };
        let used = self.inner.used.load(Ordering::Relaxed);
        if used.saturating_add(more) > quota / 100 * 95 {
            return Err(StoreError::QuotaUsed { used, quota });
        }
        Ok(())
    }
}

/// The rows of one keeping, owned, on their way to the writer.
struct Rows {
    mail: MailRow,
    copies: Vec<CopyRow>,
    items: Vec<ItemRow>,
    sealed: Option<Sealed>,
    held_state: State,
    now: i64,
    expires: i64,
    retry_until: i64,
    owner: (String, i64),
}

struct MailRow {
    id: MailId,
    reverse_path: String,
    sender: String,
    client: Option<String>,
    login: Option<String>,
    queue_id: Option<String>,
    message_id: Option<String>,
    private: bool,
    subject: Option<Vec<u8>>,
}

struct CopyRow {
    key: [u8; 32],
    repeat: Option<String>,
    id: String,
    recipient: String,
    address: String,
    verbatim: String,
    rules: String,
    reasons: String,
    kinds: String,
    rank: Option<i64>,
    findings: Option<Vec<u8>>,
}

struct ItemRow {
    key: [u8; 32],
    repeat: Option<String>,
    id: String,
    kind: Kind,
    reverse_path: String,
    recipients: Vec<String>,
    not_before: i64,
    own: Option<Bytes>,
    sealed: Option<Sealed>,
    wants_mail: bool,
}

impl Rows {
    fn of(k: &Keeping<'_>, held_state: State, retention: &Retention, owner: (String, i64)) -> Result<Rows, StoreError> {
        let envelope = &k.mail.envelope;
        let sender = envelope.reverse_path.mailbox().map(|m| m.key()).unwrap_or_default();
        let mut copies = Vec::with_capacity(k.held.len());
        for copy in &k.held {
            let recipient = envelope.recipients.get(copy.recipient).ok_or_else(|| StoreError::unknown("recipient"))?;
            let address = match &recipient.path {
                ForwardPath::Mailbox(mailbox) => mailbox.key(),
                ForwardPath::Postmaster => "postmaster".to_owned(),
            };
            copies.push(CopyRow {
                key: retry_key("held", &envelope.reverse_path.to_string(), &address, &k.retry_digest, 0),
                repeat: None,
                id: format!("{}-{}", k.mail.id, copy.recipient + 1),
                recipient: recipient.path.to_string(),
                address,
                verbatim: recipient.verbatim.clone(),
                rules: json(&copy.rules),
                reasons: json(&copy.reasons),
                kinds: json(&copy.kinds),
                rank: copy.rank.map(i64::from),
                findings: None,
            });
        }
        Ok(Rows {
            mail: MailRow {
                id: k.mail.id.clone(),
                reverse_path: envelope.verbatim.clone(),
                sender,
                client: k.mail.client.address.map(|a| a.to_string()),
                login: k.mail.client.login.clone(),
                queue_id: k.mail.client.queue_id.clone(),
                message_id: k.message_id.as_deref().map(bare_message_id),
                private: k.private,
                subject: None,
            },
            copies,
            items: Rows::items(k),
            sealed: None,
            held_state,
            now: micros(k.mail.received),
            expires: later(k.mail.received, retention.quarantine),
            retry_until: later(k.mail.received, retention.retry_key),
            owner,
        })
    }

    fn items(k: &Keeping<'_>) -> Vec<ItemRow> {
        let mut seen: HashMap<(Kind, String), u32> = HashMap::new();
        let row = |(n, item): (usize, &OutboxItem)| {
            let to: Vec<String> = item.recipients.iter().map(|r| Verbatim::read(r).key()).collect();
            let to = to.join(" ");
            // Two notices to one person about one mail are two, in the order the policy gives them.
            let nth = seen.entry((item.kind, to.clone())).or_insert(0);
            *nth += 1;
            ItemRow {
                key: retry_key(
                    item.kind.as_str(),
                    &k.mail.envelope.reverse_path.to_string(),
                    &to,
                    &k.retry_digest,
                    *nth,
                ),
                repeat: None,
                id: format!("{}-o{}", k.mail.id, n + 1),
                kind: item.kind,
                reverse_path: item.reverse_path.clone(),
                recipients: item.recipients.clone(),
                not_before: micros(item.not_before),
                own: match &item.content {
                    OutboxContent::Own(bytes) => Some(bytes.clone()),
                    OutboxContent::Mail => None,
                },
                sealed: None,
                wants_mail: matches!(item.content, OutboxContent::Mail),
            }
        };
        k.outbox.iter().enumerate().map(row).collect()
    }

    fn wants_mail(&self) -> bool {
        self.copies.iter().any(|c| c.repeat.is_none()) || self.items.iter().any(|i| i.wants_mail && i.repeat.is_none())
    }

    fn seal_mail(&mut self, sealed: Sealed, k: &Keeping<'_>) -> Result<(), StoreError> {
        if let Some(subject) = k.subject.as_deref().filter(|_| !k.private) {
            self.mail.subject = Some(sealed.seal_text("subject", subject)?);
        }
        for (row, copy) in self.copies.iter_mut().zip(&k.held) {
            row.findings = Some(sealed.seal_text(&row.id, &copy.findings_json)?);
        }
        self.sealed = Some(sealed);
        Ok(())
    }

    fn stored(&self) -> u64 {
        self.sealed.iter().chain(self.items.iter().filter_map(|i| i.sealed.as_ref())).map(|s| s.stored).sum()
    }

    async fn insert(self, c: &mut SqliteConnection) -> Result<Prepared, StoreError> {
        let mut written = Vec::new();
        let mut items = Vec::new();
        let mut kept = Kept { mail: self.mail.id.clone(), copies: Vec::new(), outbox: Vec::new() };
        for copy in &self.copies {
            let earlier = self.claim(c, &copy.key, &copy.id, &written).await?;
            if earlier.is_none() {
                // A repeat at the first look whose key ran out since; the client's next attempt will be held.
                if self.sealed.is_none() {
                    return Err(StoreError::InFlight);
                }
                self.insert_copy(c, copy).await?;
                written.push(copy.id.clone());
            }
            let repeat = earlier.is_some();
            kept.copies.push(KeptCopy { id: earlier.unwrap_or_else(|| copy.id.clone()), repeat });
        }
        for item in &self.items {
            let earlier = self.claim(c, &item.key, &item.id, &items).await?;
            if earlier.is_none() {
                self.insert_item(c, item).await?;
                items.push(item.id.clone());
            }
            let repeat = earlier.is_some();
            kept.outbox.push(KeptCopy { id: earlier.unwrap_or_else(|| item.id.clone()), repeat });
        }
        let needed = !written.is_empty() || self.items.iter().any(|i| i.wants_mail && items.contains(&i.id));
        if let (Some(sealed), true) = (&self.sealed, needed) {
            insert_blob(c, sealed, self.now).await?;
            if !written.is_empty() {
                self.insert_mail(c, sealed).await?;
            }
        }
        Ok(Prepared { kept, written, items })
    }

    /// Claims a retry key; gives the thing an earlier attempt claimed it for. One recipient named twice in one
    /// envelope (`ours` knows the first) is one copy.
    async fn claim(
        &self,
        c: &mut SqliteConnection,
        key: &[u8; 32],
        id: &str,
        ours: &[String],
    ) -> Result<Option<String>, StoreError> {
        let claimed: Option<(String,)> = sqlx::query_as(
            "INSERT INTO retry (key, thing, until) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE \
             SET thing = excluded.thing, until = excluded.until WHERE retry.until <= $4 RETURNING thing",
        )
        .bind(key.as_slice())
        .bind(id)
        .bind(self.retry_until)
        .bind(self.now)
        .fetch_optional(&mut *c)
        .await?;
        if claimed.is_some() {
            return Ok(None);
        }
        let (earlier, state): (String, Option<String>) = sqlx::query_as(
            "SELECT thing, COALESCE((SELECT state FROM held WHERE id = thing), \
             (SELECT state FROM outbox WHERE id = thing)) FROM retry WHERE key = $1",
        )
        .bind(key.as_slice())
        .fetch_one(&mut *c)
        .await?;
        // Were that attempt withdrawn after our 250, the copy would be lost.
        let pending = state.as_deref() == Some(State::Pending.as_str());
        if pending && !ours.contains(&earlier) { Err(StoreError::InFlight) } else { Ok(Some(earlier)) }
    }

    async fn insert_mail(&self, c: &mut SqliteConnection, sealed: &Sealed) -> Result<(), StoreError> {
        let mail = &self.mail;
        sqlx::query(
            "INSERT INTO mail (id, blob, received, reverse_path, sender, client, login, queue_id, message_id, private, subject) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&*mail.id.0)
        .bind(&sealed.name)
        .bind(self.now)
        .bind(&mail.reverse_path)
        .bind(&mail.sender)
        .bind(&mail.client)
        .bind(&mail.login)
        .bind(&mail.queue_id)
        .bind(&mail.message_id)
        .bind(mail.private)
        .bind(&mail.subject)
        .execute(c)
        .await?;
        Ok(())
    }

    async fn insert_copy(&self, c: &mut SqliteConnection, copy: &CopyRow) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO held (id, mail, recipient, address, verbatim, rules, reasons, kinds, max_rank, findings, state, \
             held_at, expires, warned, node, epoch) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, FALSE, $14, $15)",
        )
        .bind(&copy.id)
        .bind(&*self.mail.id.0)
        .bind(&copy.recipient)
        .bind(&copy.address)
        .bind(&copy.verbatim)
        .bind(&copy.rules)
        .bind(&copy.reasons)
        .bind(&copy.kinds)
        .bind(copy.rank)
        .bind(&copy.findings)
        .bind(self.held_state.as_str())
        .bind(self.now)
        .bind(self.expires)
        .bind(&self.owner.0)
        .bind(self.owner.1)
        .execute(c)
        .await?;
        Ok(())
    }

    async fn insert_item(&self, c: &mut SqliteConnection, item: &ItemRow) -> Result<(), StoreError> {
        if let Some(sealed) = &item.sealed {
            insert_blob(c, sealed, self.now).await?;
        }
        // As with copies: no content was sealed for what the first look took for a repeat.
        let blob =
            item.sealed.as_ref().or(self.sealed.as_ref().filter(|_| item.wants_mail)).ok_or(StoreError::InFlight)?;
        let row = super::outbox::NewItem {
            id: &item.id,
            mail: &self.mail.id.0,
            copy: None,
            kind: item.kind,
            reverse_path: &item.reverse_path,
            origin: &self.mail.reverse_path,
            recipients: &item.recipients,
            blob: &blob.name,
            report: None,
            private: self.mail.private,
            pending: self.held_state == State::Pending,
            created: self.now,
            next_attempt: item.not_before,
            owner: (&self.owner.0, self.owner.1),
        };
        row.insert(c).await
    }
}

async fn insert_blob(c: &mut SqliteConnection, sealed: &Sealed, now: i64) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO blob (name, wrapped, size, stored, inline, created) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(&sealed.name)
        .bind(&sealed.wrapped)
        .bind(sealed.size.cast_signed())
        .bind(sealed.stored.cast_signed())
        .bind(&sealed.inline)
        .bind(now)
        .execute(c)
        .await?;
    Ok(())
}

const HELD_CONFIRMED: &str =
    "UPDATE held SET state = 'held' WHERE id = $1 AND state = 'pending' AND node = $2 AND epoch = $3";
const ITEM_CONFIRMED: &str =
    "UPDATE outbox SET state = 'ready' WHERE id = $1 AND state = 'pending' AND node = $2 AND epoch = $3";

async fn set_state(
    c: &mut SqliteConnection,
    sql: &'static str,
    id: &str,
    owner: &(String, i64),
) -> Result<u64, StoreError> {
    Ok(sqlx::query(sql).bind(id).bind(&owner.0).bind(owner.1).execute(c).await?.rows_affected())
}

/// Decision D11. Lengths stand before the texts, so that no two sets of texts give one key.
fn retry_key(what: &str, sender: &str, recipient: &str, digest: &[u8; 32], nth: u32) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for text in [what, &sender.to_lowercase(), &address_key(recipient)] {
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    hasher.update(digest).update(&nth.to_be_bytes());
    *hasher.finalize().as_bytes()
}

/// A Message-ID as it is looked for: without angle brackets and spaces.
pub(super) fn bare_message_id(text: &str) -> String {
    text.trim().trim_start_matches('<').trim_end_matches('>').to_owned()
}

pub(super) fn json(texts: &[String]) -> String {
    // Invariant: texts are valid UTF-8 and make JSON.
    serde_json::to_string(texts).expect("texts become JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_ignores_only_leading_trace_fields() {
        let body = b"From: a@x.example\r\nReceived: by hand\r\n\r\ntext\r\n";
        let one = [&b"Return-Path: <a@x.example>\r\nReceived: from a\r\n\tby b; Mon\r\nRECEIVED: from c\r\n"[..], body]
            .concat();
        let two = [&b"Received: from a\r\n by b; Tue\r\n"[..], body].concat();
        assert_eq!(retry_digest(&one), retry_digest(&two));
        assert_eq!(retry_digest(&one), retry_digest(body));
        assert_ne!(retry_digest(body), retry_digest(b"From: a@x.example\r\n\r\ntext\r\n"));
        for odd in [&b""[..], b"Received: x", b" folded\r\n", b"\r\n"] {
            retry_digest(odd);
        }
    }
}
