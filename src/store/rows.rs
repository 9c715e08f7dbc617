// SPDX-License-Identifier: EUPL-1.2
//! The rows of one keeping, on their way into one commit.

use std::collections::HashMap;
use std::str::FromStr;

use bytes::Bytes;

use super::blob::Sealed;
use super::keeping::{bare_message_id, json};
use super::outbox::OutboxKind;
use super::settle::NewItem;
use super::tx::{Tx, args, id_of, statements};
use super::{
    CopyState, Keeping, Kept, KeptCopy, KeptItem, OutboxContent, OutboxItem, Prepared, Retention, StoreError, later,
    micros,
};
use crate::mail::{CopyId, ForwardPath, IdError, ItemId, MailId, Verbatim, address_key};

statements! {
    CLAIMED = "INSERT INTO retry (key, thing, until) VALUES ($1, $2, $3) ON CONFLICT (key) DO UPDATE \
        SET thing = excluded.thing, until = excluded.until WHERE retry.until <= $4 RETURNING thing";
    CLAIMED_BEFORE = "SELECT thing, COALESCE((SELECT state FROM held WHERE id = thing), \
        (SELECT state FROM outbox WHERE id = thing)) FROM retry WHERE key = $1";
    MAIL_ADDED = "INSERT INTO mail (id, blob, received, reverse_path, sender, client, login, queue_id, message_id, \
        private, subject, tell, language, unit, recipients) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    COPY_ADDED = "INSERT INTO held (id, mail, recipient, address, verbatim, rules, reasons, kinds, max_rank, findings, \
        state, held_at, expires, warned, node, epoch, needs_two) \
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, FALSE, $14, $15, $16)";
    RULE_ADDED = "INSERT INTO held_rule (copy, rule, held_at) VALUES ($1, $2, $3) ON CONFLICT (copy, rule) DO NOTHING";
    BLOB_ADDED = "INSERT INTO blob (name, wrapped, size, stored, inline, created) VALUES ($1, $2, $3, $4, $5, $6)";
}

/// The rows of one keeping, owned, on their way to the writer.
pub(super) struct Rows {
    mail: MailRow,
    pub copies: Vec<CopyRow>,
    pub items: Vec<ItemRow>,
    sealed: Option<Sealed>,
    held_state: CopyState,
    pub now: i64,
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
    tell: Option<String>,
    language: Option<String>,
    unit: Option<String>,
    recipients: i64,
}

pub(super) struct CopyRow {
    pub key: [u8; 32],
    pub is_repeat: bool,
    id: CopyId,
    recipient: String,
    address: String,
    verbatim: String,
    rules: Vec<String>,
    reasons: String,
    kinds: String,
    rank: Option<i64>,
    needs_two: bool,
    findings: Option<Vec<u8>>,
}

pub(super) struct ItemRow {
    pub key: [u8; 32],
    pub is_repeat: bool,
    id: ItemId,
    kind: OutboxKind,
    reverse_path: String,
    recipients: Vec<String>,
    not_before: i64,
    pub own: Option<Bytes>,
    pub sealed: Option<Sealed>,
    wants_mail: bool,
}

impl Rows {
    pub fn of(
        k: &Keeping<'_>,
        held_state: CopyState,
        retention: &Retention,
        owner: (String, i64),
    ) -> Result<Rows, StoreError> {
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
                is_repeat: false,
                id: CopyId::new(&k.mail.id, copy.recipient),
                recipient: recipient.path.to_string(),
                address,
                verbatim: recipient.verbatim.clone(),
                rules: copy.rules.clone(),
                reasons: json(&copy.reasons),
                kinds: json(&copy.kinds),
                rank: copy.rank.map(i64::from),
                needs_two: copy.needs_two,
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
                tell: k.tell.as_ref().map(|tell| tell.to.to_string()),
                language: k.tell.as_ref().and_then(|tell| tell.language.clone()).filter(|_| !k.private),
                unit: k.unit.clone(),
                // An envelope has far fewer.
                recipients: i64::try_from(envelope.recipients.len()).unwrap_or(i64::MAX),
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
        let mut seen: HashMap<(OutboxKind, String), u32> = HashMap::new();
        let row = |(n, item): (usize, &OutboxItem)| {
            let to: Vec<String> = item.recipients.iter().map(|r| Verbatim::read(r).key()).collect();
            let to = to.join(" ");
            // Two notices to one person about one mail are two, in the order the policy gives them.
            let nth = seen.entry((item.kind, to.clone())).or_insert(0);
            *nth += 1;
            ItemRow {
                key: retry_key(
                    &format!("{}{}", item.kind.as_str(), k.series.trim_start_matches('o')),
                    &k.mail.envelope.reverse_path.to_string(),
                    &to,
                    &k.retry_digest,
                    *nth,
                ),
                is_repeat: false,
                id: ItemId::with_mail(&k.mail.id, k.series, n + 1),
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

    pub fn wants_mail(&self) -> bool {
        self.copies.iter().any(|c| !c.is_repeat) || self.items.iter().any(|i| i.wants_mail && !i.is_repeat)
    }

    pub fn seal_mail(&mut self, sealed: Sealed, k: &Keeping<'_>) -> Result<(), StoreError> {
        if let Some(subject) = k.subject.as_deref().filter(|_| !k.private) {
            self.mail.subject = Some(sealed.seal_text("subject", subject)?);
        }
        for (row, copy) in self.copies.iter_mut().zip(&k.held) {
            row.findings = Some(sealed.seal_text(row.id.as_str(), &copy.findings_json)?);
        }
        self.sealed = Some(sealed);
        Ok(())
    }

    pub fn stored(&self) -> u64 {
        self.sealed.iter().chain(self.items.iter().filter_map(|i| i.sealed.as_ref())).map(|s| s.stored).sum()
    }

    pub async fn insert(self, tx: &mut Tx) -> Result<Prepared, StoreError> {
        let mut written = Vec::new();
        let mut items = Vec::new();
        let mut kept = Kept { mail: self.mail.id.clone(), copies: Vec::new(), outbox: Vec::new() };
        for copy in &self.copies {
            let earlier = self.claim(tx, &copy.key, &copy.id, &written).await?;
            if earlier.is_none() {
                // A repeat at the first look whose key ran out since; the client's next attempt will be held.
                if self.sealed.is_none() {
                    return Err(StoreError::InFlight);
                }
                self.insert_copy(tx, copy).await?;
                written.push(copy.id.clone());
            }
            let repeat = earlier.is_some();
            kept.copies.push(KeptCopy { id: earlier.unwrap_or_else(|| copy.id.clone()), repeat });
        }
        for item in &self.items {
            let earlier = self.claim(tx, &item.key, &item.id, &items).await?;
            if earlier.is_none() {
                self.insert_item(tx, item).await?;
                items.push(item.id.clone());
            }
            let repeat = earlier.is_some();
            kept.outbox.push(KeptItem { id: earlier.unwrap_or_else(|| item.id.clone()), repeat });
        }
        let needed = !written.is_empty() || self.items.iter().any(|i| i.wants_mail && items.contains(&i.id));
        if let (Some(sealed), true) = (&self.sealed, needed) {
            insert_blob(tx, sealed, self.now).await?;
            if !written.is_empty() {
                self.insert_mail(tx, sealed).await?;
            }
        }
        Ok(Prepared { kept, written, items })
    }

    /// Claims a retry key; gives the thing an earlier attempt claimed it for. One recipient named twice in one
    /// envelope (`ours` knows the first) is one copy.
    async fn claim<Id: AsRef<str> + FromStr<Err = IdError> + PartialEq>(
        &self,
        tx: &mut Tx,
        key: &[u8; 32],
        id: &Id,
        ours: &[Id],
    ) -> Result<Option<Id>, StoreError> {
        let values = args![key, id.as_ref(), self.retry_until, self.now];
        let claimed: Option<(String,)> = tx.fetch_optional(CLAIMED, values).await?;
        if claimed.is_some() {
            return Ok(None);
        }
        let (earlier, state): (String, Option<String>) = tx.fetch_one(CLAIMED_BEFORE, args![key]).await?;
        let earlier = id_of(&earlier)?;
        // Were that attempt withdrawn after our 250, the copy would be lost.
        let pending = state.as_deref() == Some(CopyState::Pending.as_str());
        if pending && !ours.contains(&earlier) { Err(StoreError::InFlight) } else { Ok(Some(earlier)) }
    }

    async fn insert_mail(&self, tx: &mut Tx, sealed: &Sealed) -> Result<(), StoreError> {
        let mail = &self.mail;
        let values = args![
            &mail.id,
            &sealed.name,
            self.now,
            &mail.reverse_path,
            &mail.sender,
            &mail.client,
            &mail.login,
            &mail.queue_id,
            &mail.message_id,
            mail.private,
            &mail.subject,
            &mail.tell,
            &mail.language,
            &mail.unit,
            mail.recipients,
        ];
        tx.execute(MAIL_ADDED, values).await?;
        Ok(())
    }

    async fn insert_copy(&self, tx: &mut Tx, copy: &CopyRow) -> Result<(), StoreError> {
        let rules = json(&copy.rules);
        let values = args![
            &copy.id,
            &self.mail.id,
            &copy.recipient,
            &copy.address,
            &copy.verbatim,
            &rules,
            &copy.reasons,
            &copy.kinds,
            copy.rank,
            &copy.findings,
            self.held_state.as_str(),
            self.now,
            self.expires,
            &self.owner.0,
            self.owner.1,
            copy.needs_two,
        ];
        tx.execute(COPY_ADDED, values).await?;
        insert_rules(tx, copy.id.as_str(), &copy.rules, self.now).await
    }

    async fn insert_item(&self, tx: &mut Tx, item: &ItemRow) -> Result<(), StoreError> {
        if let Some(sealed) = &item.sealed {
            insert_blob(tx, sealed, self.now).await?;
        }
        // As with copies: no content was sealed for what the first look took for a repeat.
        let blob =
            item.sealed.as_ref().or(self.sealed.as_ref().filter(|_| item.wants_mail)).ok_or(StoreError::InFlight)?;
        let row = NewItem {
            id: &item.id,
            mail: Some(&self.mail.id),
            copy: None,
            kind: item.kind,
            reverse_path: &item.reverse_path,
            origin: &self.mail.reverse_path,
            recipients: &item.recipients,
            blob: &blob.name,
            report: None,
            private: self.mail.private,
            pending: self.held_state == CopyState::Pending,
            created: self.now,
            next_attempt: item.not_before,
            owner: (&self.owner.0, self.owner.1),
        };
        row.insert(tx).await
    }
}

/// The rules of a held copy, by which it is found.
pub(super) async fn insert_rules(tx: &mut Tx, copy: &str, rules: &[String], held_at: i64) -> Result<(), StoreError> {
    for rule in rules {
        tx.execute(RULE_ADDED, args![copy, rule, held_at]).await?;
    }
    Ok(())
}

pub(super) async fn insert_blob(tx: &mut Tx, sealed: &Sealed, now: i64) -> Result<(), StoreError> {
    let (size, stored) = (sealed.size.cast_signed(), sealed.stored.cast_signed());
    tx.execute(BLOB_ADDED, args![&sealed.name, &sealed.wrapped, size, stored, &sealed.inline, now]).await?;
    Ok(())
}

/// Decision D11. Lengths stand before the texts, so that no two sets of texts give one key.
pub(super) fn retry_key(what: &str, sender: &str, recipient: &str, digest: &[u8; 32], nth: u32) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for text in [what, &sender.to_lowercase(), &address_key(recipient)] {
        hasher.update(&(text.len() as u64).to_be_bytes()).update(text.as_bytes());
    }
    hasher.update(digest).update(&nth.to_be_bytes());
    *hasher.finalize().as_bytes()
}
