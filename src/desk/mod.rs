// SPDX-License-Identifier: EUPL-1.2
//! The desk: looks at held mail and decisions about it. The control socket drives it; web pages and their API will be
//! further drivers.
//!
//! What must not live here: sockets, forms, words on a page (a driver's), SQL (the store's), and who may do what
//! (`access`). The identity of the caller is proven by the driver.
//!
//! How it fails: with a [`Refusal`], a sentence for the person who asked.
//!
//! Standards: the contract's JSON of `quarantine`, `find`, `outbox` and `audit`; decisions D20, D25, D40 and D43.

mod answers;
mod campaign_answers;
mod campaigns;
mod convert;
mod list_answers;
mod list_files;
mod lists;
mod refusal;

use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use jiff::Timestamp;

pub use answers::{
    AuditLine, AuditQuery, AuditReport, Counts, Decision, Done, Found, FoundRows, Held, HeldQuery, Listing, OutboxRow,
    Proposed, Queued, Shown, ShownFinding, ShownReason,
};
pub use campaign_answers::{BulkSend, BulkSends, BulkState, DecidedBulkSend, FlaggedAt, ShownPurpose};
pub use list_answers::{Canaries, ExportList, ImportList, Imported, Matched, MatchedList};
pub use lists::Lists;
pub use refusal::Refusal;

use crate::access::{
    Caller, Command, Denied, Directory, Export, Ground, GroundCode, GroundError, Look, Object, Resolution, Retry, Role,
    Ruling, Scope, Step,
};
use crate::campaign::CampaignId;
use crate::mail::{CopyId, ItemId, MailId, MailOrCopy, Mailbox};
use crate::pipeline::Bulk;
use crate::store::{
    Anchor, AuditFilter, Change, CopyState, Filter, HeldCase, HeldRow, Store, StoreError, asks_by_address,
};

type Answered<T> = Result<T, Refusal>;

/// Tells the time, so that a test can.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// The desk of one gateway.
pub struct Desk {
    store: Store,
    /// Replaced when accounts are reloaded.
    persons: ArcSwap<Persons>,
    clock: Clock,
    /// None in a gateway that has no register.
    lists: Option<Lists>,
    /// None in a gateway that sees none.
    bulk: Option<Arc<Bulk>>,
}

/// The accounts, and how many of them a decision takes.
pub struct Persons {
    pub directory: Directory,
    /// `[desk] four_eyes`: whether copies held by a rule with `@eyes("two")` need two of them (decision D43).
    pub four_eyes: bool,
}

/// The exclusion of recipients (decision D43) meets the secrecy of private mail (decision D20): it is said, since nobody
/// but the persons themselves can know.
const UNKNOWN_RECIPIENTS: &str = "the mail is private, so octroi keeps no list of its recipients and cannot tell";

/// Rows the store gives in one page.
const PAGE: u32 = 1000;

impl Desk {
    /// `four_eyes` is whether copies held by a rule with `@eyes("two")` need two persons (decision D43).
    pub fn new(store: Store, directory: Directory, four_eyes: bool, clock: Clock) -> Desk {
        Desk { store, persons: ArcSwap::from_pointee(Persons { directory, four_eyes }), clock, lists: None, bulk: None }
    }

    /// Replaces the accounts.
    pub fn admit(&self, persons: Persons) {
        self.persons.store(Arc::new(persons));
    }

    /// The current accounts.
    pub fn persons(&self) -> Arc<Persons> {
        self.persons.load_full()
    }

    /// The account of a user id, which the kernel has verified.
    pub fn caller(&self, uid: u32) -> Answered<Caller> {
        Ok(self.persons().directory.caller(uid)?)
    }

    /// Held copies of the caller's units, newest first; only their number if the caller may not see copies.
    pub async fn list(&self, caller: &Caller, query: &HeldQuery) -> Answered<Listing> {
        let reach = caller.reach(Command::List)?;
        if reach.counts_only {
            return Ok(Listing::Counts(self.counts().await?));
        }
        for address in [&query.sender, &query.recipient].into_iter().flatten() {
            self.note_search(caller, reach.role, address).await?;
        }
        let wanted = query.unit.as_deref().map(|unit| Scope::of([unit]));
        let seen = |row: &HeldRow| {
            let unit = row.unit.as_deref();
            reach.scope.covers(unit) && wanted.as_ref().is_none_or(|wanted| wanted.covers(unit))
        };
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
        let mut all: Vec<Held> = Vec::new();
        loop {
            let page = self.store.list(&filter).await?;
            let last = page.last().filter(|_| page.len() == PAGE as usize).map(|row| row.id.clone());
            all.extend(page.into_iter().filter(seen).map(Held::from));
            match last {
                Some(last) if all.len() < query.limit => filter.after = Some(last),
                _ => {
                    all.truncate(query.limit);
                    return Ok(Listing::Copies(all));
                }
            }
        }
    }

    /// Why a copy, or every copy of a mail, is held, and what was decided about it. Each look is an audit entry.
    pub async fn show(&self, caller: &Caller, id: &MailOrCopy) -> Answered<Vec<Shown>> {
        let asked = Asked { caller, scope: caller.reach(Command::Show)?.scope, id };
        let mut all = Vec::new();
        for copy in self.copies(asked).await? {
            let held = self.held(asked, &copy, None).await?;
            let permit = caller.permit::<Look>(&object(&held), None)?;
            let shown = Shown::from(self.store.show(&permit, (self.clock)()).await?);
            let proposal = held.case.proposal.map(Into::into);
            all.push(Shown { decision: self.store.decided(&copy).await?.map(Into::into), proposal, ..shown });
        }
        Ok(all)
    }

    /// Lets a copy, or every held copy of a mail, go to its recipient; of two persons, the first proposes it.
    pub async fn release(
        &self,
        caller: &Caller,
        id: &MailOrCopy,
        ground: Option<&str>,
        reason: &str,
    ) -> Answered<Vec<Done>> {
        self.decide(caller, id, Resolution::Release, ground, reason).await
    }

    /// Refuses a copy, or every held copy of a mail, for good, and the sender is told; of two persons, the first
    /// proposes it.
    pub async fn reject(
        &self,
        caller: &Caller,
        id: &MailOrCopy,
        ground: Option<&str>,
        reason: &str,
    ) -> Answered<Vec<Done>> {
        self.decide(caller, id, Resolution::Reject, ground, reason).await
    }

    async fn decide(
        &self,
        caller: &Caller,
        id: &MailOrCopy,
        to: Resolution,
        ground: Option<&str>,
        reason: &str,
    ) -> Answered<Vec<Done>> {
        let asked = Asked { caller, scope: caller.reach(to.command())?.scope, id };
        let ground = ground_of(to, ground, reason)?;
        let copies = self.copies(asked).await?;
        let mut done = Vec::new();
        for copy in &copies {
            done.push(match self.decide_copy(asked, copy, to, &ground).await {
                Ok(done) => done,
                // Of a whole mail, what was decided otherwise before stays so, and is said.
                Err(Undecided::Before(state)) if copies.len() > 1 => {
                    Done { id: copy.clone(), state, note: Some("was decided before, and stays so".to_owned()) }
                }
                Err(Undecided::Before(state)) => {
                    let state = state.as_str().to_owned();
                    return Err(StoreError::WrongState { id: copy.to_string(), state }.into());
                }
                Err(Undecided::Not(refusal)) => return Err(refusal),
            });
        }
        Ok(done)
    }

    async fn decide_copy(
        &self,
        asked: Asked<'_>,
        copy: &CopyId,
        to: Resolution,
        ground: &Ground,
    ) -> Result<Done, Undecided> {
        let state = match to {
            Resolution::Release | Resolution::Allow => CopyState::Released,
            Resolution::Reject | Resolution::Stop => CopyState::Rejected,
        };
        let done = |state, note: Option<String>| Ok(Done { id: copy.clone(), state, note });
        let before = || done(state, Some(format!("was {} before", state.as_str())));
        let caller = asked.caller;
        let held = self.held(asked, copy, caller.mail()).await?;
        match held.state {
            CopyState::Held => {}
            other if other == state => return before(),
            other => return Err(Undecided::Before(other)),
        }
        let confirming = "an approver other than you confirms with the same command";
        let persons = self.persons();
        let decision = match held.case.decide(caller, to, ground.clone(), persons.four_eyes)? {
            Ruling::Waits => {
                return done(CopyState::Held, Some(format!("you proposed the {} before: {confirming}", to.noun())));
            }
            Ruling::Decided(decision) => decision,
        };
        match self.store.decide(&decision, (self.clock)()).await {
            Ok(Change::Done) => {
                let unseen = matches!(decision.step(), Step::Confirm { .. }) && held.case.confirms_unseen();
                done(state, unseen.then(|| format!("{UNKNOWN_RECIPIENTS} whether you are one")))
            }
            Ok(Change::Already) => before(),
            Ok(Change::Proposed) => {
                let able = held.case.approvers(&persons.directory, caller.name());
                let note = if able == 0 {
                    format!("{} proposed, but no other account is an approver for this mail", to.noun())
                } else {
                    format!("{} proposed: {confirming}", to.noun())
                };
                let note = if held.case.confirms_unseen() {
                    format!("{note}; {UNKNOWN_RECIPIENTS} whether that approver is one: choose one who is none")
                } else {
                    note
                };
                done(CopyState::Held, Some(note))
            }
            Err(StoreError::WrongState { state, .. }) => Err(match CopyState::parse(&state) {
                Some(state) => Undecided::Before(state),
                None => Undecided::Not(Refusal::Unavailable(state)),
            }),
            Err(error) => Err(error.into()),
        }
    }

    /// The message exactly as it was held; of a mail as of its first copy.
    pub async fn export(&self, caller: &Caller, id: &MailOrCopy, reason: &str) -> Answered<Bytes> {
        let asked = Asked { caller, scope: caller.reach(Command::Export)?.scope, id };
        let ground = Ground::new(GroundCode::Other, reason).map_err(Denied::from)?;
        let copies = self.copies(asked).await?;
        let first = copies.first().ok_or_else(|| Refusal::NotFound(id.to_string()))?;
        let held = self.held(asked, first, None).await?;
        match caller.permit::<Export>(&object(&held), Some(ground)) {
            Ok(permit) => Ok(self.store.export(&permit, (self.clock)()).await?.content),
            Err(denied) => {
                // Who tried to read private mail is known (decision D20).
                if matches!(denied, Denied::Private { .. }) {
                    let entry = caller.refused_look(&MailOrCopy::Copy(first.clone()));
                    self.store.note((self.clock)(), &entry).await?;
                }
                Err(denied.into())
            }
        }
    }

    /// The copy, where it is of the caller's units; `own` is their mailbox, where it matters.
    async fn held(&self, asked: Asked<'_>, copy: &CopyId, own: Option<&Mailbox>) -> Answered<HeldCase> {
        match self.store.case(copy, own, asked.scope).await {
            Err(StoreError::Unknown { .. }) => Err(self.unseen(asked).await),
            held => Ok(held?),
        }
    }

    /// An id that no mail of the caller's units has. Whether another unit's mail has it makes no difference: the answer is
    /// the same, and the attempt is noted. To who is there for all units nothing is hidden, and a slip is no attempt.
    async fn unseen(&self, asked: Asked<'_>) -> Refusal {
        let noted = match asked.scope {
            Scope::All => Ok(()),
            Scope::Units(_) => self.store.note((self.clock)(), &asked.caller.refused_look(asked.id)).await,
        };
        match noted {
            Ok(()) => Refusal::NotFound(asked.id.to_string()),
            Err(error) => error.into(),
        }
    }

    /// Adds an audit entry about a search by a person's address; it holds a hash of the address (decision D40).
    async fn note_search(&self, caller: &Caller, role: Role, what: &str) -> Answered<()> {
        let hash = self.store.address_hash(what.trim());
        Ok(self.store.note((self.clock)(), &caller.search(role, &hash)).await?)
    }

    /// The copies that an id means: all of a mail, or the one.
    async fn copies(&self, asked: Asked<'_>) -> Answered<Vec<CopyId>> {
        let mail = match asked.id {
            MailOrCopy::Mail(mail) => mail,
            MailOrCopy::Copy(copy) => return Ok(vec![copy.clone()]),
        };
        let copies = match self.is_within(asked.scope, mail).await? {
            true => self.store.copies_of(mail).await?,
            false => Vec::new(),
        };
        if copies.is_empty() { Err(self.unseen(asked).await) } else { Ok(copies) }
    }

    /// Whether held mail belongs to these units; one whose sender's unit is not known belongs to `*` (decision D25).
    async fn is_within(&self, scope: &Scope, mail: &MailId) -> Answered<bool> {
        Ok(match scope {
            Scope::All => true,
            units => units.covers(self.store.unit_of(mail).await?.as_deref()),
        })
    }

    /// Entries of the audit, newest first, a thousand at most.
    pub async fn audit_list(&self, caller: &Caller, query: &AuditQuery) -> Answered<Vec<AuditLine>> {
        let reach = caller.reach(Command::AuditList)?;
        let query = query.clone();
        let filter = AuditFilter {
            since: query.since,
            until: query.until,
            actor: query.actor,
            action: query.action,
            object: query.object.map(|of| audited(&of)).transpose()?,
            after: query.after,
        };
        let mut lines = Vec::new();
        for entry in self.store.audit_list(&filter).await? {
            let seen = match MailId::named_by(&entry.object) {
                Some(mail) => self.is_within(reach.scope, &mail).await?,
                None => reach.scope.covers(None),
            };
            if seen {
                lines.push(AuditLine::from(entry));
            }
        }
        Ok(lines)
    }

    /// What became of a mail: by Message-ID, the queue id before us, our id, or an address.
    pub async fn find(&self, caller: &Caller, what: &str) -> Answered<FoundRows> {
        let reach = caller.reach(Command::Find)?;
        let what = what.trim();
        if what.trim_matches(['<', '>']).is_empty() {
            return Err(Refusal::BadRequest(
                "say what to find: a Message-ID, a queue id, an id or an address".to_owned(),
            ));
        }
        let by_address = asks_by_address(what);
        if by_address {
            self.note_search(caller, reach.role, what).await?;
        }
        let (mut found, all) = (Vec::new(), self.store.find(what).await?);
        for row in all.rows {
            // Nobody without a look at copies joins persons to private mail (decision D20).
            if by_address && reach.counts_only && row.sender.is_none() {
                continue;
            }
            let seen = match &row.unit {
                Some(unit) => reach.scope.covers(Some(unit)),
                None => self.is_within(reach.scope, &row.mail).await?,
            };
            if seen {
                let decision = match &row.copy {
                    Some(copy) => self.store.decided(copy).await?.map(Into::into),
                    None => None,
                };
                found.push(Found { decision, ..Found::from(row) });
            }
        }
        let found = found.into_iter();
        // Who may not see copies learns what became of it, not who wrote to whom (decision D25).
        let rows = found.map(|found| if reach.counts_only { found.sealed() } else { found }).collect();
        Ok(FoundRows { rows, damaged: all.damaged, more: all.more })
    }

    /// The items of the outbox that wait; only their number if the caller may not see copies.
    pub async fn outbox_list(&self, caller: &Caller) -> Answered<Queued> {
        let reach = caller.reach(Command::OutboxList)?;
        // An item names who wrote to whom, and the outbox does not know whose unit that is.
        if reach.counts_only || *reach.scope != Scope::All {
            return Ok(Queued::Counts(self.counts().await?));
        }
        let rows = self.store.outbox_list(false, PAGE).await?;
        Ok(Queued::Items(rows.into_iter().map(OutboxRow::from).collect()))
    }

    /// Makes one item of the outbox, or all, due now; returns how many.
    pub async fn outbox_retry(&self, caller: &Caller, id: Option<&ItemId>) -> Answered<u64> {
        let reach = caller.reach(Command::OutboxRetry)?;
        if *reach.scope != Scope::All {
            return Err(Refusal::NotAllowed(
                "the outbox is retried by accounts that are there for all units".to_owned(),
            ));
        }
        let ids = match id {
            Some(id) => vec![id.clone()],
            None => self.store.outbox_list(false, PAGE).await?.into_iter().map(|row| row.id).collect(),
        };
        let mut tried = 0;
        for id in ids {
            let permit = caller.permit::<Retry>(&Object::of_the_house(&id), None)?;
            let change = self.store.outbox_retry(&permit, (self.clock)()).await?;
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
        let mut counts = Counts { outbox: self.store.figures().await?.outbox, ..Counts::default() };
        for (state, count) in self.store.counts().await? {
            *match state {
                CopyState::Pending => &mut counts.pending,
                CopyState::Held => &mut counts.held,
                CopyState::Released => &mut counts.released,
                CopyState::Rejected => &mut counts.rejected,
                CopyState::Expired => &mut counts.expired,
            } = count;
        }
        Ok(counts)
    }
}

/// One question about held mail.
#[derive(Clone, Copy)]
struct Asked<'a> {
    caller: &'a Caller,
    /// Whose mail the command opens to them.
    scope: &'a Scope,
    id: &'a MailOrCopy,
}

/// The reason of a decision, by its code and in the person's own words.
fn ground_of(to: Resolution, code: Option<&str>, reason: &str) -> Answered<Ground> {
    let unfit = |code: &str| Denied::from(GroundError::Unfit { code: code.to_owned(), to });
    let code = match code {
        None => GroundCode::Other,
        Some(text) => {
            GroundCode::parse(text).filter(|code| GroundCode::of(to).contains(code)).ok_or_else(|| unfit(text))?
        }
    };
    Ok(Ground::new(code, reason).map_err(Denied::from)?)
}

/// What entries of the audit may be about: an id (of a bulk send too), or an address that was searched for.
fn audited(of: &str) -> Answered<String> {
    let of = of.trim();
    let is_id = MailOrCopy::parse(of).is_ok() || ItemId::parse(of).is_ok() || CampaignId::parse(of).is_some();
    if of.contains('@') || is_id {
        return Ok(of.to_owned());
    }
    Err(Refusal::BadRequest(format!("`{}` is neither an id of octroi nor an address", of.escape_debug())))
}

/// Why a copy was not decided.
enum Undecided {
    /// It had been, otherwise.
    Before(CopyState),
    Not(Refusal),
}

impl<E: Into<Refusal>> From<E> for Undecided {
    fn from(error: E) -> Undecided {
        Undecided::Not(error.into())
    }
}

fn object(held: &HeldCase) -> Object<'_, CopyId> {
    Object::held(&held.case.copy, held.case.unit.as_deref(), held.private)
}
