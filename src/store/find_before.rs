// SPDX-License-Identifier: EUPL-1.2
//! `octroi find` over the journal's rows of before facts were kept, which stand until they expire.

use super::engine::Row;
use super::entry::FindRow;
use super::find::Damage;
use super::found::Beside;
use super::packed::code_of;
use super::tx::{args, statements};
use super::{Store, StoreError, instant};
use crate::mail::MailId;

statements! {
    // A union, each part by its own index: of one OR the engine would rather read the whole journal, newest first.
    BEFORE = "SELECT * FROM journal WHERE id IN (SELECT id FROM journal WHERE mail = $1 \
        UNION SELECT id FROM journal WHERE queue_id = $1 UNION SELECT id FROM journal WHERE message_id = $1 \
        UNION SELECT id FROM journal WHERE copy = $1 UNION SELECT id FROM journal WHERE sender_hash = $2 \
        UNION SELECT id FROM journal WHERE recipient_hash = $2) ORDER BY at DESC, id DESC LIMIT $3";
    LEFT_OUT = "SELECT COUNT(*) FROM journal WHERE at >= $1";
}

impl Store {
    pub(super) async fn journaled_before(
        &self,
        text: &str,
        by_address: bool,
        limit: i64,
        damage: &mut Damage,
    ) -> Result<Vec<Beside>, StoreError> {
        let hash = self.inner.journal_keys.hash_before(text).to_vec();
        let rows: Vec<Row> = self.reader().fetch_all(BEFORE, args![text, &hash, limit]).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            found.extend(damage.without(self.row_before(row, text, by_address))?.flatten());
        }
        Ok(found)
    }

    /// How many rows since an instant hold no facts, so that nothing can be judged again.
    pub(super) async fn rows_before(&self, since: i64) -> Result<u64, StoreError> {
        let (count,): (i64,) = self.reader().fetch_one(LEFT_OUT, args![since]).await?;
        Ok(count.cast_unsigned())
    }

    fn row_before(&self, row: &Row, text: &str, by_address: bool) -> Result<Option<Beside>, StoreError> {
        let private = is_private(row)?;
        if !named_otherwise(row, text)? && (private || !by_address) {
            return Ok(None);
        }
        let mail: MailId = row.get("mail")?;
        let sealed: Vec<u8> = row.get("addresses")?;
        let opened = self.inner.journal_keys.open_addresses(mail.as_str(), &sealed);
        let (sender, recipient) = opened.ok_or_else(|| StoreError::row("a journal row's addresses"))?;
        let rules: String = row.get("rules")?;
        let reply = row.get::<Option<String>>("reply")?;
        let found = FindRow {
            time: instant(row.get("at")?),
            queue_id: row.get("queue_id")?,
            message_id: row.get::<Option<String>>("message_id")?.filter(|_| !private),
            sender: (!private).then_some(sender),
            disposition: row.get("disposition")?,
            observed: row.get("observed")?,
            rules: serde_json::from_str(&rules).map_err(|_| StoreError::row("the rules of a journal row"))?,
            state: None,
            outbox: None,
            reply: reply.map(|reply| if private { code_of(&reply).to_owned() } else { reply }),
            cause: None,
            times: 1,
            last: None,
            maybe_duplicate: row.get("maybe_duplicate")?,
            client_tls: row.get("client_tls")?,
            next_hop_tls: row.get("next_hop_tls")?,
            copy: row.get("copy")?,
            recipient: (!private).then(|| recipient.clone()),
            unit: None,
            mail,
        };
        Ok(Some(Beside { row: found, address: recipient, private, may_be: None }))
    }
}

/// Whether the mail was somebody's own affair: the kinds found in it stand in its journal row.
fn is_private(row: &Row) -> Result<bool, StoreError> {
    Ok(row.get::<String>("facts")?.contains("\"private-correspondence\""))
}

/// Private mail is not found by an address, or the answer would tell what the rows hide (decision D20).
fn named_otherwise(row: &Row, text: &str) -> Result<bool, StoreError> {
    for name in ["mail", "queue_id", "message_id", "copy"] {
        if row.get::<Option<String>>(name)?.as_deref() == Some(text) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::engine::Engine;
    use crate::store::{KeyFile, MIGRATIONS, Retention, StoreSettings};

    statements! {
        ROW_OF_BEFORE = "INSERT INTO journal (id, at, mail, queue_id, message_id, sender_hash, recipient_hash, \
            addresses, class, disposition, rules, size, facts, policy, maybe_duplicate) \
            VALUES ($1, 5, $1, 'Q1', 'm@town.example', $2, $3, $4, 'other', 'pass', '[]', 9, $5, 'v1', FALSE)";
    }

    #[tokio::test]
    async fn rows_of_before_are_found_until_they_expire_and_are_left_out_of_replay() {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            database: folder.path().join("octroi.db"),
            blobs: folder.path().join("blobs"),
            key_file: folder.path().join("key"),
            node: None,
            shared: false,
            quota: None,
            keep_free: 0,
            retention: Retention::default(),
        };
        assert_eq!(STATEMENTS.len(), 1);
        // A database of the version before.
        KeyFile::create_or_load(&settings.key_file).unwrap();
        let pool = Engine::of_file(&settings.database).pool().await.unwrap();
        let before = MIGRATIONS.iter().position(|migration| migration.name == "facts").unwrap();
        pool.migrate(&MIGRATIONS[..before]).await.unwrap();
        pool.close().await;
        let store = Store::open(settings, Timestamp::UNIX_EPOCH).await.unwrap();
        for (mail, facts) in [("M1", "[]"), ("M2", "[[\"private-correspondence\",null,null,null]]")] {
            let keys = store.inner.journal_keys.clone();
            let (sender, recipient) = ("a@town.example", "b@home.example");
            let write = move |mut tx: super::super::tx::Tx| async move {
                let sealed = keys.seal_addresses(mail, sender, recipient);
                let [from, to] = [sender, recipient].map(|address| keys.hash_before(address).to_vec());
                let values = args![mail, &from, &to, &sealed, facts];
                tx.execute(ROW_OF_BEFORE, values).await
            };
            store.write(write).await.unwrap();
        }
        for query in ["M1", "Q1", "<m@town.example>", "A@town.example", "b@home.example"] {
            let rows = store.find(query).await.unwrap().rows;
            let row = rows.iter().find(|row| row.mail == "M1").unwrap_or_else(|| panic!("{query}: {rows:?}"));
            assert_eq!(
                (row.sender.as_deref(), row.recipient.as_deref()),
                (Some("a@town.example"), Some("b@home.example"))
            );
        }
        assert_eq!(
            store.find("a@town.example").await.unwrap().rows.len(),
            1,
            "private mail is not led to by an address"
        );
        let private = &store.find("M2").await.unwrap().rows[0];
        assert_eq!((&private.sender, &private.recipient), (&None, &None));
        assert_eq!(store.kept_without_facts(Timestamp::UNIX_EPOCH).await.unwrap(), 2);
        let later = Timestamp::UNIX_EPOCH + std::time::Duration::from_secs(184 * 86_400);
        assert_eq!(store.sweep(later).await.unwrap().journal_deleted, 2);
        assert!(store.find("M1").await.unwrap().rows.is_empty());
    }
}
