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
    AuditLine, AuditQuery, AuditReport, Counts, Decided, Done, Found, Held, HeldQuery, Listing, OutboxRow, Queued,
    Shown, ShownFinding, ShownReason,
};
pub use refusal::Refusal;

use crate::access::{Caller, Command, Denied, Directory, Ground, GroundCode, GroundError, Resolution};
use crate::store::{Actor, Anchor, AuditFilter, Change, CopyState, Filter, Store, StoreError};

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
        let mut filter = Filter {
            state: query.state,
            sender: query.sender.clone(),
            recipient: query.recipient.clone(),
            rule: query.rule.clone(),
            since: query.since,
            until: query.until,
            limit: PAGE,
            ..Filter::default()
        };
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

    /// What a copy, or every copy of a mail, is held for, and what was decided. A look, so the audit tells it.
    pub async fn show(&self, caller: &Caller, id: &str) -> Answered<Vec<Shown>> {
        caller.reach(Command::Show)?;
        let mut all = Vec::new();
        for copy in self.copies(id).await? {
            let shown = Shown::from(self.store.show(&copy, &actor(caller), (self.clock)()).await?);
            all.push(Shown { decision: self.store.decided(&copy).await?.map(Into::into), ..shown });
        }
        Ok(all)
    }

    /// Lets a copy, or every held copy of a mail, go to its recipient.
    pub async fn release(&self, caller: &Caller, id: &str, ground: Option<&str>, reason: &str) -> Answered<Vec<Done>> {
        self.decide(caller, id, Resolution::Release, ground, reason).await
    }

    /// Refuses a copy, or every held copy of a mail, for good; the sender is told.
    pub async fn reject(&self, caller: &Caller, id: &str, ground: Option<&str>, reason: &str) -> Answered<Vec<Done>> {
        self.decide(caller, id, Resolution::Reject, ground, reason).await
    }

    async fn decide(
        &self,
        caller: &Caller,
        id: &str,
        to: Resolution,
        ground: Option<&str>,
        reason: &str,
    ) -> Answered<Vec<Done>> {
        caller.reach(to.command())?;
        let unfit = |code: &str| Denied::from(GroundError::Unfit { code: code.to_owned(), to });
        let code = match ground {
            None => GroundCode::Other,
            Some(text) => {
                GroundCode::parse(text).filter(|code| GroundCode::of(to).contains(code)).ok_or_else(|| unfit(text))?
            }
        };
        let who = actor(caller).because(Ground::new(code, reason).map_err(Denied::from)?);
        let copies = self.copies(id).await?;
        let mut done = Vec::new();
        for copy in &copies {
            let now = (self.clock)();
            let (state, change) = match to {
                Resolution::Release => (CopyState::Released, self.store.release(copy, &who, now).await),
                Resolution::Reject => (CopyState::Rejected, self.store.reject(copy, &who, now).await),
            };
            done.push(match change {
                Ok(Change::Done) => Done { id: copy.clone(), state, note: None },
                Ok(Change::Already) => {
                    let note = Some(format!("was {} before", state.as_str()));
                    Done { id: copy.clone(), state, note }
                }
                // Of a whole mail, what was decided otherwise before stays so, and is said.
                Err(StoreError::WrongState { id, state }) if copies.len() > 1 => {
                    let state = CopyState::parse(&state).ok_or_else(|| Refusal::Unavailable(state.clone()))?;
                    Done { id, state, note: Some("was decided before, and stays so".to_owned()) }
                }
                Err(error) => return Err(error.into()),
            });
        }
        Ok(done)
    }

    /// The message exactly as it was held; of a mail as of its first copy.
    pub async fn export(&self, caller: &Caller, id: &str, reason: &str) -> Answered<Bytes> {
        caller.reach(Command::Export)?;
        let who = actor(caller).because(Ground::new(GroundCode::Other, reason).map_err(Denied::from)?);
        let copies = self.copies(id).await?;
        let first = copies.first().ok_or_else(|| Refusal::NotFound(id.to_owned()))?;
        Ok(self.store.export(first, &who, "", (self.clock)()).await?.content)
    }

    /// A mail's id means all its copies; any other stands for itself.
    async fn copies(&self, id: &str) -> Answered<Vec<String>> {
        if id.contains('-') {
            return Ok(vec![id.to_owned()]);
        }
        let found = self.store.find(id).await?;
        let mut copies: Vec<String> =
            found.into_iter().filter(|row| row.mail == id).filter_map(|row| row.copy).collect();
        copies.sort_by_key(|copy| (copy.len(), copy.clone()));
        if copies.is_empty() { Err(Refusal::NotFound(id.to_owned())) } else { Ok(copies) }
    }

    /// Entries of the audit, newest first, a thousand at most.
    pub async fn audit_list(&self, caller: &Caller, query: &AuditQuery) -> Answered<Vec<AuditLine>> {
        caller.reach(Command::AuditList)?;
        let query = query.clone();
        let filter = AuditFilter {
            since: query.since,
            until: query.until,
            actor: query.actor,
            action: query.action,
            object: query.object,
            after: query.after,
        };
        Ok(self.store.audit_list(&filter).await?.into_iter().map(AuditLine::from).collect())
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
        if anchor.is_some() && anchors.is_empty() {
            let text =
                "the anchor holds no head of an audit chain: such a line says \"octroi-audit GATEWAY NUMBER HEAD\"";
            return Err(Refusal::BadRequest(text.to_owned()));
        }
        let report = self.store.audit_verify(&anchors).await?;
        for broken in &report.broken {
            tracing::error!(%broken, "the audit chain is broken");
        }
        Ok(report.into())
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
    Actor::named(caller.name())
}
