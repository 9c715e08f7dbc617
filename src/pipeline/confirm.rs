// SPDX-License-Identifier: EUPL-1.2
//! Keeps what stays behind of a mail by its deadline, and settles what was prepared: it is confirmed once the next hop
//! has accepted the mail, and withdrawn if it has not (decision D12).
//!
//! After the next hop's 250 the passing copies have left. A 451 would make the client send them again, and its next
//! attempts would find rows that are still pending until their lease ends. So octroi retries a store that fails while
//! the client waits, and then in the background: the next attempt of the client finds the copies held, or finds none.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Pipeline, PipelineError};
use crate::deliver::deadline::Deadline;
use crate::store::{Keeping, Kept, Prepared, Store, StoreError};

/// Pauses while the client waits.
const IN_SIGHT: [Duration; 3] = [Duration::from_millis(50), Duration::from_millis(250), Duration::from_millis(700)];
/// Pauses afterwards; doubled, they end before the lease of 15 minutes does.
const BEHIND: Duration = Duration::from_secs(2);
const BEHIND_TIMES: u32 = 8;

/// What becomes of something prepared.
#[derive(Clone, Copy)]
enum Settle {
    Confirm,
    Withdraw,
}

impl Settle {
    async fn once(self, store: &Store, prepared: &Prepared) -> Result<(), StoreError> {
        match self {
            Settle::Confirm => store.confirm(prepared.again()).await,
            Settle::Withdraw => store.withdraw(prepared.again()).await,
        }
    }
}

impl Pipeline {
    /// Holds and queues, durably. A write that comes too late for the client ends behind its back: its next attempt finds
    /// the copies held (decision D11).
    pub(super) async fn keep(&self, keeping: &Keeping<'_>, deadline: Deadline) -> Result<Kept, PipelineError> {
        let mut writing = deadline.wait(self.store.keeping(keeping)).await??;
        match deadline.wait(&mut writing).await {
            Ok(written) => Ok(written?),
            Err(late) => {
                self.under_way.spawn(async move {
                    if let Err(error) = writing.await {
                        tracing::error!(%error, "what was to be held too late is not held");
                    }
                });
                Err(late.into())
            }
        }
    }

    /// The same in state pending. What is written too late is withdrawn.
    pub(super) async fn prepare(&self, keeping: &Keeping<'_>, deadline: Deadline) -> Result<Prepared, PipelineError> {
        let mut writing = deadline.wait(self.store.preparing(keeping)).await??;
        match deadline.wait(&mut writing).await {
            Ok(written) => Ok(written?),
            Err(late) => {
                let (store, stopping) = (self.store.clone(), self.stopping.clone());
                self.under_way.spawn(async move {
                    if let Ok(prepared) = writing.await {
                        settle_behind(&store, &prepared, Settle::Withdraw, &stopping).await;
                    }
                });
                Err(late.into())
            }
        }
    }

    pub(super) async fn confirm(&self, prepared: Prepared, deadline: Deadline) -> Result<(), PipelineError> {
        self.settle(prepared, Settle::Confirm, deadline).await
    }

    /// The client hears what the next hop said, whether this can be done at once or not.
    pub(super) async fn withdraw(&self, prepared: Prepared, deadline: Deadline) {
        let mail = prepared.kept.mail.clone();
        if let Err(fault) = self.settle(prepared, Settle::Withdraw, deadline).await {
            tracing::error!(%fault, %mail, "what was prepared could not be withdrawn yet");
        }
    }

    async fn settle(&self, prepared: Prepared, how: Settle, deadline: Deadline) -> Result<(), PipelineError> {
        let mut pauses = IN_SIGHT.into_iter();
        loop {
            let fault = match deadline.wait(how.once(&self.store, &prepared)).await {
                Ok(Ok(())) => return Ok(()),
                // Somebody else has changed the rows: asking again changes nothing.
                Ok(Err(error @ StoreError::Confirm { .. })) => return Err(error.into()),
                Ok(Err(error)) => PipelineError::from(error),
                Err(late) => late.into(),
            };
            match pauses.next().filter(|pause| *pause < deadline.left()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => {
                    let (store, stopping) = (self.store.clone(), self.stopping.clone());
                    self.under_way.spawn(async move { settle_behind(&store, &prepared, how, &stopping).await });
                    return Err(fault);
                }
            }
        }
    }
}

/// At a stop it is tried once more, at once. What still cannot be settled stays pending, which the next start clears: the
/// client heard 451, comes again, and its copies are held then.
async fn settle_behind(store: &Store, prepared: &Prepared, how: Settle, stopping: &CancellationToken) {
    let mail = &prepared.kept.mail;
    let mut pause = BEHIND;
    for _ in 0..BEHIND_TIMES {
        let is_last = stopping.is_cancelled();
        match how.once(store, prepared).await {
            Ok(()) => return tracing::info!(%mail, "held copies were confirmed or withdrawn late"),
            Err(StoreError::Confirm { .. } | StoreError::Closed) => return,
            Err(error) => tracing::error!(%error, %mail, "held copies could not be confirmed or withdrawn"),
        }
        if is_last {
            return;
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stopping.cancelled() => {}
        }
        pause *= 2;
    }
}
