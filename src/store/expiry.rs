// SPDX-License-Identifier: EUPL-1.2
//! Removes what is no longer needed: pending rows without an owner, and the keys of contents without a reference.

use jiff::Timestamp;

use super::tx::{Tx, Value, args, statements};
use super::{StoreError, micros};

statements! {
    // Changes nothing: of two who let go of one content at once, the second waits here and then sees what the first did.
    BLOB_LOCKED = "UPDATE blob SET freed = freed WHERE name = $1";
    FREED_IF_UNNEEDED = "UPDATE blob SET wrapped = $1, inline = NULL, freed = $2 WHERE name = $3 AND freed IS NULL \
        AND NOT EXISTS (SELECT 1 FROM held JOIN mail ON mail.id = held.mail \
            WHERE mail.blob = $3 AND held.state IN ('pending', 'held')) \
        AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.blob = $3 AND outbox.state IN ('pending', 'owed', 'ready'))";
    COPIES_OF_EPOCHS = "DELETE FROM held WHERE state = 'pending' AND node = $1 AND epoch < $2 RETURNING id, mail";
    ITEMS_OF_EPOCHS = "DELETE FROM outbox WHERE state = 'pending' AND node = $1 AND epoch < $2 RETURNING id, blob";
    PENDING_COPY = "DELETE FROM held WHERE state = 'pending' AND id = $1 RETURNING id, mail";
    PENDING_ITEM = "DELETE FROM outbox WHERE state = 'pending' AND id = $1 RETURNING id, blob";
    RETRY_KEYS_OF = "DELETE FROM retry WHERE thing = $1";
    RULES_OF = "DELETE FROM held_rule WHERE copy = $1";
    RECIPIENTS_OF = "DELETE FROM outbox_recipient WHERE item = $1";
    BLOB_OF = "SELECT blob FROM mail WHERE id = $1";
    MAIL_WITHOUT_COPIES = "DELETE FROM mail WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM held WHERE held.mail = mail.id)";
}

/// Whose pending rows are cleared.
pub(super) enum Stale<'a> {
    /// This node's, of older process epochs.
    Epoch { node: &'a str, below: i64 },
    /// One held copy or outbox item.
    Thing(&'a str),
}

pub(super) async fn forget_recipients(tx: &mut Tx, item: &str) -> Result<(), StoreError> {
    tx.execute(RECIPIENTS_OF, args![item]).await?;
    Ok(())
}

/// Destroys a content's key once no held copy and no outbox item needs it: from then on nobody can read it, also not
/// out of a backup of the blobs (decision D14).
pub(super) async fn free_unneeded(tx: &mut Tx, blob: &str, now: Timestamp) -> Result<(), StoreError> {
    tx.execute(BLOB_LOCKED, args![blob]).await?;
    tx.execute(FREED_IF_UNNEEDED, args![&[][..], micros(now), blob]).await?;
    Ok(())
}

/// Removes pending rows as if they had never been: copies, items, retry keys, and the keys of contents nobody needs.
pub(super) async fn clear_pending(tx: &mut Tx, stale: Stale<'_>, now: Timestamp) -> Result<u64, StoreError> {
    let (of_held, of_outbox, values): (_, _, &[Value<'_>]) = match stale {
        Stale::Epoch { node, below } => (COPIES_OF_EPOCHS, ITEMS_OF_EPOCHS, args![node, below]),
        Stale::Thing(id) => (PENDING_COPY, PENDING_ITEM, args![id]),
    };
    let held: Vec<(String, String)> = tx.fetch_all(of_held, values).await?;
    let items: Vec<(String, String)> = tx.fetch_all(of_outbox, values).await?;
    for (id, _) in held.iter().chain(&items) {
        tx.execute(RETRY_KEYS_OF, args![id]).await?;
        forget_recipients(tx, id).await?;
    }
    let mut blobs: Vec<String> = items.iter().map(|(_, blob)| blob.clone()).collect();
    for (id, mail) in &held {
        tx.execute(RULES_OF, args![id]).await?;
        let blob: Option<(String,)> = tx.fetch_optional(BLOB_OF, args![mail]).await?;
        blobs.extend(blob.map(|(blob,)| blob));
        tx.execute(MAIL_WITHOUT_COPIES, args![mail]).await?;
    }
    for blob in &blobs {
        free_unneeded(tx, blob, now).await?;
    }
    Ok((held.len() + items.len()) as u64)
}
