// SPDX-License-Identifier: EUPL-1.2
//! Bulk sends under way, so that a restart forgets no flag and no decision (decision D22): keyed hashes, counts and
//! sketches, no text and no address. What has ended is deleted with the next change.

use super::tx::{args, statements};
use super::{Store, StoreError};
use crate::campaign::{Saved, SavedRow};

statements! {
    CAMPAIGN_KEPT = "INSERT INTO campaign (kind, key, value) VALUES ($1, $2, $3) \
        ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value";
    CAMPAIGN_GONE = "DELETE FROM campaign WHERE kind = $1 AND key = $2";
    CAMPAIGNS = "SELECT kind, key, value FROM campaign ORDER BY kind, key";
}

impl Store {
    /// Writes down what changed, in one commit.
    pub async fn keep_campaigns(&self, rows: Vec<SavedRow>) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        self.write(move |mut tx| async move {
            for SavedRow { kind, key, value } in &rows {
                // The same bits: the database has no number without a sign.
                let (kind, key) = (i64::from(*kind), key.cast_signed());
                match value {
                    Some(value) => tx.execute(CAMPAIGN_KEPT, args![kind, key, value.as_slice()]).await?,
                    None => tx.execute(CAMPAIGN_GONE, args![kind, key]).await?,
                };
            }
            Ok(())
        })
        .await
    }

    /// All that was written down. What cannot be read is said and left out: it hides nothing else.
    pub async fn campaigns(&self) -> Result<Saved, StoreError> {
        let rows: Vec<(i64, i64, Vec<u8>)> = self.reader().fetch_all(CAMPAIGNS, args![]).await?;
        let rows = rows.into_iter().map(|(kind, key, value)| SavedRow {
            // A kind that is none of ours is left out below.
            kind: u8::try_from(kind).unwrap_or(u8::MAX),
            key: key.cast_unsigned(),
            value: Some(value),
        });
        let (saved, damaged) = Saved::of_rows(rows);
        if damaged > 0 {
            tracing::error!(
                rows = damaged,
                "what the store keeps of campaigns cannot be read in part, and is left out"
            );
        }
        Ok(saved)
    }
}
