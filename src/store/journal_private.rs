// SPDX-License-Identifier: EUPL-1.2
//! Rows of private mail written before decision D20 was obeyed in full lose what they should not hold: a thousand at each
//! sweep, until all are done.

use super::engine::Row;
use super::journal_hours::millis_of;
use super::journal_keys::Keys;
use super::packed::{Sealed, pack_again, unpack};
use super::tx::{Tx, args, statements};
use super::{Store, StoreError};
use crate::policy::of_private_again;

/// Rows of one write, and writes of one sweep.
const PIECE: i64 = 100;
const PIECES: usize = 10;

statements! {
    PLACE = "SELECT value FROM meta WHERE name = 'journal_private_before'";
    PLACE_MOVED = "UPDATE meta SET value = $1 WHERE name = 'journal_private_before'";
    ALL_DONE = "DELETE FROM meta WHERE name = 'journal_private_before'";
    PRIVATE_AFTER = "SELECT id, sealed FROM journaled_mail WHERE private AND id > $1 ORDER BY id LIMIT $2";
    SEALED_AGAIN = "UPDATE journaled_mail SET sealed = $2 WHERE id = $1";
}

impl Store {
    pub(super) async fn seal_private_again(&self) -> Result<(), StoreError> {
        for _ in 0..PIECES {
            let keys = self.inner.journal_keys.clone();
            if self.write(move |mut tx| async move { seal_piece(&mut tx, &keys).await }).await? {
                break;
            }
        }
        Ok(())
    }
}

/// Gives whether nothing is left.
async fn seal_piece(tx: &mut Tx, keys: &Keys) -> Result<bool, StoreError> {
    let Some((place,)) = tx.fetch_optional::<(Vec<u8>,)>(PLACE, args![]).await? else { return Ok(true) };
    let place = place.try_into().map_or(i64::MIN, i64::from_be_bytes);
    let rows: Vec<Row> = tx.fetch_all(PRIVATE_AFTER, args![place, PIECE]).await?;
    let Some(last) = rows.last() else {
        tx.execute(ALL_DONE, args![]).await?;
        return Ok(true);
    };
    for row in &rows {
        let (id, sealed): (i64, Vec<u8>) = (row.get("id")?, row.get("sealed")?);
        // What does not open tells nobody anything.
        let opened = keys.open(id, &sealed).and_then(|plain| unpack(&plain, millis_of(id), true));
        if let Some(kept) = opened {
            let again = pack_again(without_the_rest(kept), millis_of(id));
            tx.execute(SEALED_AGAIN, args![id, &keys.seal(id, &again)]).await?;
        }
    }
    tx.execute(PLACE_MOVED, args![&last.get::<i64>("id")?.to_be_bytes()[..]]).await?;
    Ok(false)
}

/// The client goes by packing.
fn without_the_rest(mut sealed: Sealed) -> Sealed {
    let Some(judged) = &mut sealed.entry.judged else { return sealed };
    let facts: Vec<&[u8]> = sealed.copies.iter().map(|copy| &copy.facts[..]).collect();
    if let Some((mail, copies)) = of_private_again(&judged.bytes, &facts) {
        judged.bytes = mail;
        for (copy, facts) in sealed.copies.iter_mut().zip(copies) {
            copy.facts = facts;
        }
    }
    sealed
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::Timestamp;

    use super::*;
    use crate::mail::MailId;
    use crate::policy::verdict::Disposition;
    use crate::policy::{Asked, KeptCopy, KeptMail, MessageFacts, RecipientFacts, SenderFacts};
    use crate::store::{Entry, EntryCopy, EntryFacts, Retention, StoreSettings};

    /// As a mail was kept before.
    fn kept(private: bool) -> KeptMail {
        let facts = RecipientFacts { family: true, outside: true, ..RecipientFacts::default() };
        KeptMail {
            instant: Timestamp::UNIX_EPOCH,
            sources: Arc::default(),
            sender: SenderFacts { role: "chef-cabinet".into(), ..SenderFacts::default() },
            message: MessageFacts {
                private,
                rank: 2,
                labels: vec!["Affaire Dupont".into()],
                ..MessageFacts::default()
            },
            can_strip: false,
            quotes: false,
            left_out: Asked::default(),
            copies: vec![KeptCopy { recipient: 0, facts, left_out: 0 }],
        }
    }

    fn entry(mail: &str, kept: &KeptMail) -> Entry {
        let copy = EntryCopy {
            recipient: 0,
            class: None,
            disposition: Disposition::Notify,
            verdict: Some(Disposition::Notify),
            observed: None,
            rules: vec!["a-rule".into()],
            held: false,
            reply: Some("250 ok".into()),
            facts: kept.copies[0].bytes(),
            cause: None,
            put_off: None,
            kept_as: None,
        };
        Entry {
            mail: MailId::parse(mail).unwrap(),
            time: Timestamp::UNIX_EPOCH,
            client: None,
            queue_id: None,
            message_id: None,
            reverse_path: String::new(),
            recipients: vec!["b@home.example".into()],
            private: kept.message.private,
            size: 1,
            reply: "250".into(),
            maybe_duplicate: false,
            client_tls: Some("TLSv1.3".into()),
            next_hop_tls: None,
            judged: Some(EntryFacts {
                sender: None,
                unit: String::new(),
                sources: "{}".into(),
                bytes: kept.mail_bytes(),
            }),
            copies: vec![copy],
        }
    }

    #[tokio::test]
    async fn rows_of_before_keep_no_more_than_rows_of_now() {
        let folder = tempfile::tempdir().unwrap();
        let [database, blobs, key_file] = ["db", "blobs", "key"].map(|name| folder.path().join(name));
        let (node, quota, retention) = (None, None, Retention::default());
        let settings = StoreSettings { database, blobs, key_file, node, shared: false, quota, keep_free: 0, retention };
        let now = Timestamp::UNIX_EPOCH;
        let store = Store::open(settings, now).await.unwrap();
        let journal = store.journal();
        for (mail, private) in [("M1", true), ("M2", false), ("M3", true)] {
            journal.record(entry(mail, &kept(private)));
        }
        journal.flush().await.unwrap();
        let read = async || {
            let page = store.kept_after(store.journal_since(now).await.unwrap(), 10).await.unwrap().unwrap();
            page.entries
        };
        let before = read().await;
        store.sweep(now).await.unwrap();
        let after = read().await;
        assert_eq!(after.len(), 3);
        for (before, after) in before.iter().zip(&after) {
            let facts = |entry: &Entry| entry.judged.as_ref().unwrap().bytes.clone();
            if !before.private {
                assert_eq!(before, after);
                continue;
            }
            let text = format!("{:?}", String::from_utf8_lossy(&facts(after)));
            assert!(!text.contains("Dupont") && !text.contains("chef"), "{text}");
            let mut again = KeptMail::read(now, Arc::default(), "", &facts(after)).unwrap();
            again.read_copy(0, &after.copies[0].facts).unwrap();
            assert_eq!((again.message.rank, again.message.private, again.copies[0].facts.family), (2, true, false));
            assert!(again.copies[0].left_out != 0 && again.left_out != Asked::default());
            // Nothing else has changed.
            let mut same = before.clone();
            same.judged = after.judged.clone();
            same.copies[0].facts = after.copies[0].facts.clone();
            assert_eq!(&same, after);
        }
        let place = store.reader().fetch_optional::<(Vec<u8>,)>(PLACE, args![]).await.unwrap();
        assert_eq!(place, None, "it is done once");
    }
}
