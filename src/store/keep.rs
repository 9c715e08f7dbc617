// SPDX-License-Identifier: EUPL-1.2
//! Keeping: what stays behind of one transaction, in one commit, before anybody hears 250.

use std::sync::atomic::Ordering;

use bytes::Bytes;
use jiff::Timestamp;

use super::rows::Rows;
use super::tx::{Statement, Tx, args, statements};
use super::{CopyState, OutboxKind, Store, StoreError};
use crate::mail::{Mail, MailId, Mailbox};

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
    /// Who is told later what became of the held copies; nobody where it is `None` (decision D16).
    pub tell: Option<NoticeRecipient>,
    pub held: Vec<HeldCopy>,
    pub outbox: Vec<OutboxItem>,
    /// Stands in the names of the outbox items: one mail may be kept more than once, each time in a series of its own.
    pub series: &'static str,
}

/// The sender as notices find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoticeRecipient {
    pub to: Mailbox,
    /// The language of the mail, where it is known; not kept for private mail.
    pub language: Option<String>,
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
    pub kind: OutboxKind,
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
    pub(super) written: Vec<String>,
    pub(super) items: Vec<String>,
}

impl Prepared {
    /// The same once more, for a store that may have to be asked again.
    pub fn again(&self) -> Prepared {
        Prepared { kept: self.kept.clone(), written: self.written.clone(), items: self.items.clone() }
    }
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
    *blake3::hash(crate::mime::trace_free(content)).as_bytes()
}

impl Store {
    /// Holds and queues in state pending, durably: what stands before the next hop hears DATA (decision D2). A copy
    /// known from an earlier attempt yields that attempt's id and writes nothing, also after its release or
    /// rejection. `InFlight` where that attempt is itself still pending.
    pub async fn prepare(&self, keeping: &Keeping<'_>) -> Result<Prepared, StoreError> {
        self.write_keeping(keeping, CopyState::Pending).await
    }

    /// Holds and queues at once: where nothing goes to the next hop.
    pub async fn keep(&self, keeping: &Keeping<'_>) -> Result<Kept, StoreError> {
        let written = self.write_keeping(keeping, CopyState::Held).await?;
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
        self.write(move |mut tx| async move {
            let mut changed = 0;
            for id in &prepared.written {
                changed += set_state(&mut tx, HELD_CONFIRMED, id, &node).await?;
            }
            for id in &prepared.items {
                changed += set_state(&mut tx, ITEM_CONFIRMED, id, &node).await?;
            }
            if changed == expected { Ok(()) } else { Err(StoreError::Confirm { changed, expected }) }
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
        self.write(move |mut tx| async move {
            for id in prepared.written.iter().chain(&prepared.items) {
                super::expiry::clear_pending(&mut tx, super::expiry::Stale::Thing(id), now).await?;
            }
            Ok(())
        })
        .await
    }

    async fn write_keeping(&self, keeping: &Keeping<'_>, state: CopyState) -> Result<Prepared, StoreError> {
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
        let written = self.write_after_blobs(move |mut tx| async move { rows.insert(&mut tx).await }).await?;
        self.inner.used.fetch_add(stored, Ordering::Relaxed);
        Ok(written)
    }

    /// A first look without the writer, so that a repeat costs no blob. The unique key decides in the commit.
    async fn look_for_repeats(&self, rows: &mut Rows) -> Result<(), StoreError> {
        let now = rows.now;
        let things = rows.copies.iter_mut().map(|c| (&c.key, &mut c.repeat));
        let things = things.chain(rows.items.iter_mut().map(|i| (&i.key, &mut i.repeat)));
        for (key, repeat) in things {
            let known: Option<(String,)> = self.reader().fetch_optional(KEPT_BEFORE, args![key, now]).await?;
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

statements! {
    KEPT_BEFORE = "SELECT thing FROM retry WHERE key = $1 AND until > $2";
    HELD_CONFIRMED = "UPDATE held SET state = 'held' \
        WHERE id = $1 AND state = 'pending' AND node = $2 AND epoch = $3";
    ITEM_CONFIRMED = "UPDATE outbox SET state = 'ready' \
        WHERE id = $1 AND state = 'pending' AND node = $2 AND epoch = $3";
}

async fn set_state(tx: &mut Tx, sql: Statement, id: &str, owner: &(String, i64)) -> Result<u64, StoreError> {
    tx.execute(sql, args![id, &owner.0, owner.1]).await
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
