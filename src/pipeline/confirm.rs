// SPDX-License-Identifier: EUPL-1.2
//! Confirms what was prepared, after the next hop has accepted the mail (decision D12).
//!
//! From here on the passing copies have left. A 451 would make the client send them again, and its next attempts would
//! find rows that are still pending until their lease ends. So octroi retries a store that fails while the client
//! waits, and then in the background: the next attempt of the client finds the copies held.

use std::time::{Duration, Instant};

use super::{Pipeline, PipelineError};
use crate::store::{Prepared, StoreError};

/// Pauses while the client waits, and how long it may do so in all: what decision D4 leaves after inspection and next hop.
const IN_SIGHT: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(700)];
const IN_SIGHT_AT_MOST: Duration = Duration::from_secs(2);
/// Pauses afterwards; doubled, they end before the lease of 15 minutes does.
const BEHIND: Duration = Duration::from_secs(2);
const BEHIND_TIMES: u32 = 8;

impl Pipeline {
    pub(super) async fn confirm(&self, prepared: Prepared) -> Result<(), PipelineError> {
        let (mut pauses, began) = (IN_SIGHT.into_iter(), Instant::now());
        loop {
            let error = match self.store.confirm(prepared.again()).await {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            // Somebody else has changed the rows: asking again changes nothing.
            if matches!(error, StoreError::Confirm { .. }) {
                return Err(error.into());
            }
            match pauses.next().filter(|pause| began.elapsed() + *pause < IN_SIGHT_AT_MOST) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    self.confirm_later(prepared);
                    return Err(error.into());
                }
            }
        }
    }

    fn confirm_later(&self, prepared: Prepared) {
        let store = self.store.clone();
        self.under_way.spawn(async move {
            let mut pause = BEHIND;
            for _ in 0..BEHIND_TIMES {
                tokio::time::sleep(pause).await;
                match store.confirm(prepared.again()).await {
                    Ok(()) => return tracing::info!(mail = %prepared.kept.mail, "held copies were confirmed late"),
                    Err(StoreError::Confirm { .. } | StoreError::Closed) => return,
                    Err(error) => {
                        tracing::error!(%error, mail = %prepared.kept.mail, "held copies could not be confirmed");
                    }
                }
                pause *= 2;
            }
        });
    }
}
