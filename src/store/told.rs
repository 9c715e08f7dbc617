// SPDX-License-Identifier: EUPL-1.2
//! Which notices were sent to whom, and when (decision D16). The store remembers it, so that a restart does not forget it
//! and only one of several gateways sends a notice. Notices about mail that was noted are kept by it: at most one to a person about a rule
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

/// To whom a notice about mail noted by a rule goes, and since when the same notice must not have gone out.
#[derive(Debug, Clone, Copy)]
pub struct NotedTurn<'a> {
    pub to: &'a Mailbox,
    pub rule: &'a str,
    pub since: Timestamp,
}

impl NotedTurn<'_> {
    /// Differs from every word of `FollowupEvent`, since none of those has a space.
    fn event(&self) -> String {
        format!("noted {}", self.rule)
    }
}

/// Remembers that a person gets a notice now. If the same notice went out since `since`, nothing is changed and the error is
/// [`StoreError::Confirm`].
pub(super) async fn take_turn(tx: &mut Tx, to: &str, event: &str, now: i64, since: i64) -> Result<(), StoreError> {
    match tx.execute(TOLD, args![to, event, now, since]).await? {
        1 => Ok(()),
        changed => Err(StoreError::Confirm { changed, expected: 1 }),
    }
}

impl Store {
    /// Whether the same notice went out since: a look that saves composing what [`Store::keep_noted`] would not keep.
    pub async fn was_noted(&self, turn: NotedTurn<'_>) -> Result<bool, StoreError> {
        let (to, event) = (turn.to.key(), turn.event());
        let at: Option<(i64,)> = self.reader().fetch_optional(NOTED_AT, args![&to, &event, micros(turn.since)]).await?;
        Ok(at.is_some())
    }

    /// Keeps a notice, the only item of the keeping, unless the same one went out since. Returns whether it was kept. A mail
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

    /// Whether a notice, whose content takes `stored` bytes, was kept: not if another gateway was faster.
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
