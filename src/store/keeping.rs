// SPDX-License-Identifier: EUPL-1.2
//! What is to stay behind of one transaction, and what became of it.

use bytes::Bytes;
use jiff::Timestamp;

use super::outbox::OutboxKind;
use crate::mail::{CopyId, ItemId, Mail, MailId, Mailbox};

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
    /// The sender's unit, where it is known: whose mail this is (decision D25).
    pub unit: Option<String>,
    /// To whom later notices about the held copies go; `None` for no notices (decision D16).
    pub tell: Option<NoticeRecipient>,
    pub held: Vec<HeldCopy>,
    pub outbox: Vec<OutboxItem>,
    /// Part of the ids of the outbox items: a mail may be kept more than once, each time with another series.
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
    /// Whether a rule that holds it asks for two persons (`@eyes("two")`, decision D43).
    pub needs_two: bool,
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
    pub(super) written: Vec<CopyId>,
    pub(super) items: Vec<ItemId>,
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
    pub outbox: Vec<KeptItem>,
}

impl Kept {
    /// Nothing was written, since an earlier attempt has written all of it (decision D11).
    pub fn all_repeats(&self) -> bool {
        self.copies.iter().all(|copy| copy.repeat) && self.outbox.iter().all(|item| item.repeat)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptCopy {
    /// Of an earlier attempt where this is a repeat.
    pub id: CopyId,
    pub repeat: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptItem {
    /// Of an earlier attempt where this is a repeat.
    pub id: ItemId,
    pub repeat: bool,
}

/// The digest a repeated mail is known by: BLAKE3 of the message without its leading trace fields, which every
/// attempt may write anew (RFC 5321 §4.4; decision D11).
pub fn retry_digest(content: &[u8]) -> [u8; 32] {
    *blake3::hash(crate::mime::trace_free(content)).as_bytes()
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
