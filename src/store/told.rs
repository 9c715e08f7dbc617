// SPDX-License-Identifier: EUPL-1.2
//! Who was told what, and when (decision D16): it stands in the store, so that a restart does not forget it, and of
//! several gateways one tells. Notices about mail that was noted are kept by it: at most one to a person about a rule
//! within a time.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::tx::{Tx, args, statements};
use super::{CopyState, Keeping, Store, StoreError, micros};
use crate::mail::Mailbox;

statements! {
    NOTED_AT = "SELECT at FROM told WHERE tell = $1 AND event = $2 AND at > $3";
    TOLD = "INSERT INTO told (tell, event, at) VALUES ($1, $2, $3) \
        ON CONFLICT (tell, event) DO UPDATE SET at = excluded.at WHERE told.at <= $4";
}

/// Who is told that a rule noted a mail, and since when the same must not have been told.
#[derive(Debug, Clone, Copy)]
pub struct NotedTurn<'a> {
    pub to: &'a Mailbox,
    pub rule: &'a str,
    pub since: Timestamp,
}

impl NotedTurn<'_> {
    /// Stands beside the words of `FollowupEvent`, none of which has a space.
    fn event(&self) -> String {
        format!("noted {}", self.rule)
    }
}

/// Remembers that somebody is told something now, where it was not told since: else nothing is done, and what comes back
/// is [`StoreError::Confirm`].
pub(super) async fn take_turn(tx: &mut Tx, to: &str, event: &str, now: i64, since: i64) -> Result<(), StoreError> {
    match tx.execute(TOLD, args![to, event, now, since]).await? {
        1 => Ok(()),
        changed => Err(StoreError::Confirm { changed, expected: 1 }),
    }
}

impl Store {
    /// Whether the same was told since: a look that saves composing what [`Store::keep_noted`] would not keep.
    pub async fn was_noted(&self, turn: NotedTurn<'_>) -> Result<bool, StoreError> {
        let (to, event) = (turn.to.key(), turn.event());
        let at: Option<(i64,)> = self.reader().fetch_optional(NOTED_AT, args![&to, &event, micros(turn.since)]).await?;
        Ok(at.is_some())
    }

    /// Keeps a notice, the only item of the keeping, unless the same was told since. Gives whether it was kept. A mail
    /// that comes again has its notice already, and takes no turn (decision D11).
    pub async fn keep_noted(&self, keeping: &Keeping<'_>, turn: NotedTurn<'_>) -> Result<bool, StoreError> {
        let rows = self.rows_of(keeping, CopyState::Held).await?;
        let stored = rows.stored();
        let (to, event) = (turn.to.key(), turn.event());
        let (now, since) = (micros(keeping.mail.received), micros(turn.since));
        let written = self.write_after_blobs(move |mut tx| async move {
            let is_new = rows.insert(&mut tx).await?.kept.outbox.iter().any(|item| !item.repeat);
            if !is_new {
                return Ok(false);
            }
            take_turn(&mut tx, &to, &event, now, since).await?;
            Ok(true)
        });
        self.took_turn(written.await, stored)
    }

    /// Whether a notice was kept, whose content takes `stored` bytes: not where somebody else had told meanwhile.
    pub(super) fn took_turn(&self, written: Result<bool, StoreError>, stored: u64) -> Result<bool, StoreError> {
        match written {
            Ok(false) | Err(StoreError::Confirm { .. }) => Ok(false),
            Ok(true) => {
                self.inner.used.fetch_add(stored, Ordering::Relaxed);
                self.inner.outbox.notify_one();
                Ok(true)
            }
            Err(other) => Err(other),
        }
    }
}
