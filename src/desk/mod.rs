// SPDX-License-Identifier: EUPL-1.2
//! The desk: what people ask about held mail and decide about it. The control socket drives it; pages and their API
//! will be further drivers of the same.
//!
//! What must not live here: sockets, forms, words on a page (a driver's), SQL (the store's), and who may do what
//! (`access`). Nothing here says who somebody is: a driver has proven that.
//!
//! How it fails: with a [`Refusal`], a sentence for the person who asked.
//!
//! Standards: the contract's JSON of `quarantine`, `find`, `outbox` and `audit`; decisions D20, D25, D40 and D43.

mod answers;
mod convert;
mod refusal;

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

pub use answers::{
    AuditReport, Counts, Done, Found, Held, HeldQuery, Listing, OutboxRow, Queued, Shown, ShownFinding, ShownReason,
};
pub use refusal::Refusal;

use crate::access::{Caller, Command, Denied, Directory, Ground, GroundCode};
use crate::store::{Actor, Anchor, Change, CopyState, Filter, Store};

type Answered<T> = Result<T, Refusal>;

/// Tells the time, so that a test can.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The desk of one gateway.
pub struct Desk {
    store: Store,
    directory: Directory,
    clock: Clock,
}

/// Rows the store gives in one page.
const PAGE: u32 = 1000;

impl Desk {
    pub fn new(store: Store, directory: Directory, clock: Clock) -> Desk {
        Desk { store, directory, clock }
    }

    /// Who asks, by the user id that the kernel vouches for.
    pub fn caller(&self, uid: u32) -> Answered<Caller> {
        Ok(self.directory.caller(uid)?)
    }

    /// Held copies, newest first; to who may not see copies, how many there are.
    pub async fn list(&self, caller: &Caller, query: &HeldQuery) -> Answered<Listing> {
        if caller.reach(Command::List)?.counts_only {
            return Ok(Listing::Counts(self.counts().await?));
        }
        let mut filter = Filter { state: query.state, limit: PAGE, ..Filter::default() };
        let mut all = Vec::new();
        loop {
            let page = self.store.list(&filter).await?;
            let more = page.len() == PAGE as usize;
            all.extend(page.into_iter().map(Held::from));
            match all.last() {
                Some(last) if more && all.len() < query.limit => filter.after = Some(last.id.clone()),
                _ => {
                    all.truncate(query.limit);
                    return Ok(Listing::Copies(all));
                }
            }
        }
    }

    /// What a copy is held for. A look, so the audit tells it.
    pub async fn show(&self, caller: &Caller, id: &str) -> Answered<Shown> {
        caller.reach(Command::Show)?;
        Ok(self.store.show(id, &actor(caller), (self.clock)()).await?.into())
    }

    /// Lets a copy go to its recipient.
    pub async fn release(&self, caller: &Caller, id: &str, reason: &str) -> Answered<Done> {
        caller.reach(Command::Release)?;
        Ground::new(GroundCode::Other, reason).map_err(Denied::from)?;
        let change = self.store.release(id, &actor(caller), (self.clock)()).await?;
        let note = (change == Change::Already).then(|| "was released before".to_owned());
        Ok(Done { id: id.to_owned(), state: CopyState::Released, note })
    }

    /// Refuses a copy for good; its sender is told.
    pub async fn reject(&self, caller: &Caller, id: &str, reason: &str) -> Answered<Done> {
        caller.reach(Command::Reject)?;
        Ground::new(GroundCode::Other, reason).map_err(Denied::from)?;
        let change = self.store.reject(id, &actor(caller), (self.clock)()).await?;
        let note = (change == Change::Already).then(|| "was rejected before".to_owned());
        Ok(Done { id: id.to_owned(), state: CopyState::Rejected, note })
    }

    /// The message exactly as it was held.
    pub async fn export(&self, caller: &Caller, id: &str) -> Answered<Bytes> {
        caller.reach(Command::Export)?;
        Ok(self.store.export(id, &actor(caller), "command line", (self.clock)()).await?.content)
    }

    /// What became of a mail: by Message-ID, the queue id before us, our id, or an address.
    pub async fn find(&self, caller: &Caller, what: &str) -> Answered<Vec<Found>> {
        let reach = caller.reach(Command::Find)?;
        let found = self.store.find(what).await?.into_iter().map(Found::from);
        // Who may not see copies learns what became of it, not who wrote to whom (decision D25).
        Ok(found.map(|found| if reach.counts_only { found.sealed() } else { found }).collect())
    }

    /// Mail of our own that waits to leave; to who may not see copies, how much there is.
    pub async fn outbox_list(&self, caller: &Caller) -> Answered<Queued> {
        if caller.reach(Command::OutboxList)?.counts_only {
            return Ok(Queued::Counts(self.counts().await?));
        }
        let rows = self.store.outbox_list(false, PAGE).await?;
        Ok(Queued::Items(rows.into_iter().map(OutboxRow::from).collect()))
    }

    /// Tries one item of the outbox, or all, now; gives how many that were.
    pub async fn outbox_retry(&self, caller: &Caller, id: Option<&str>) -> Answered<u64> {
        caller.reach(Command::OutboxRetry)?;
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => self.store.outbox_list(false, PAGE).await?.into_iter().map(|row| row.id).collect(),
        };
        let mut tried = 0;
        for id in ids {
            let change = self.store.outbox_retry(&id, &actor(caller), (self.clock)()).await?;
            tried += u64::from(change == Change::Done);
        }
        Ok(tried)
    }

    /// Whether the audit is whole; `anchor` is the text of a head noted outside the store.
    pub async fn audit_verify(&self, caller: &Caller, anchor: Option<&str>) -> Answered<AuditReport> {
        caller.reach(Command::AuditVerify)?;
        let anchors: Vec<Anchor> = anchor.unwrap_or("").lines().filter_map(|line| line.parse().ok()).collect();
        let report = self.store.audit_verify(&anchors).await?;
        for broken in &report.broken {
            tracing::error!(%broken, "the audit chain is broken");
        }
        let mut report = AuditReport::from(report);
        report.tail_proven &= !anchors.is_empty();
        Ok(report)
    }

    async fn counts(&self) -> Answered<Counts> {
        let figures = self.store.figures().await?;
        Ok(Counts {
            pending: figures.pending,
            held: figures.held,
            released: self.count(CopyState::Released).await?,
            rejected: self.count(CopyState::Rejected).await?,
            expired: self.count(CopyState::Expired).await?,
            outbox: figures.outbox,
        })
    }

    /// How many of a state there are, counted page by page.
    async fn count(&self, state: CopyState) -> Answered<u64> {
        let mut filter = Filter { state: Some(state), limit: PAGE, ..Filter::default() };
        let mut count = 0;
        loop {
            let page = self.store.list(&filter).await?;
            count += page.len() as u64;
            match page.last() {
                Some(last) if page.len() == PAGE as usize => filter.after = Some(last.id.clone()),
                _ => return Ok(count),
            }
        }
    }
}

fn actor(caller: &Caller) -> Actor {
    Actor { name: caller.name().to_owned() }
}
