// SPDX-License-Identifier: EUPL-1.2
//! Who decides about a held copy, and when it takes two (decision D43).
//!
//! Where two must, the first call proposes and the copy stays held; the same call of a second account, an approver who
//! is neither the proposer nor the sender nor a recipient, confirms.

use jiff::Timestamp;

use super::{Action, Actor, Caller, Denied, Directory, Entry, Ground, GroundCode, GroundError, Resolution, Role};
use crate::mail::CopyId;

/// In mail with more recipients than this, a recipient may confirm too (decision D43).
pub const MANY_RECIPIENTS: u64 = 30;

/// A proposal about a copy that is still held, or about a bulk send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    pub to: Resolution,
    pub actor: String,
    pub role: Role,
    pub at: Timestamp,
    pub ground: Ground,
}

/// The facts of a held copy on which it depends who may decide.
#[derive(Debug, Clone)]
pub struct Case {
    pub copy: CopyId,
    /// The sender's unit, if it is known.
    pub unit: Option<String>,
    /// Whether a rule that held it has `@eyes("two")`.
    pub needs_two: bool,
    /// Whether the caller sent it.
    pub is_sender: bool,
    /// Whether the caller is a recipient of the mail.
    pub is_recipient: bool,
    /// How many recipients the mail has.
    pub recipients: u64,
    /// Whether copies of it went to recipients whom nobody keeps, as of private mail: `is_recipient` may miss one.
    pub recipients_unknown: bool,
    pub proposal: Option<Proposal>,
}

/// How far a decision goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// One person suffices.
    Alone,
    /// The first of two; an earlier proposal that says otherwise ends.
    Propose { instead_of: Option<String> },
    /// The second of two, after this person.
    Confirm { proposer: String },
}

/// A decision that may be carried out, with what the audit says of it. Only this room makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision<Id = CopyId> {
    object: Id,
    to: Resolution,
    step: Step,
    actor: Actor,
    ground: Ground,
    entries: Vec<Entry>,
}

impl<Id> Decision<Id> {
    /// The id of what is decided about.
    pub fn object(&self) -> &Id {
        &self.object
    }

    pub fn to(&self) -> Resolution {
        self.to
    }

    pub fn step(&self) -> &Step {
        &self.step
    }

    /// The account that decides now; of two, the second.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The reason that this account gave.
    pub fn ground(&self) -> &Ground {
        &self.ground
    }

    /// The audit entries, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

/// The result of a request for a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ruling<Id = CopyId> {
    Decided(Decision<Id>),
    /// The same person proposed the same before: it waits for another.
    Waits,
}

impl Case {
    /// A copy that any one person decides about who is there for all units.
    pub fn new(copy: CopyId) -> Case {
        Case {
            copy,
            unit: None,
            needs_two: false,
            is_sender: false,
            is_recipient: false,
            recipients: 0,
            recipients_unknown: false,
            proposal: None,
        }
    }

    /// Whether this caller may decide so, and how far that goes. `four_eyes` is `[desk] four_eyes`.
    ///
    /// # Errors
    /// Not the role, not the unit, not the ground; or not this person.
    pub fn decide(&self, caller: &Caller, to: Resolution, ground: Ground, four_eyes: bool) -> Result<Ruling, Denied> {
        let reach = caller.reach(to.command())?;
        if !reach.scope.covers(self.unit.as_deref()) {
            return Err(Denied::OutOfScope { id: self.copy.to_string() });
        }
        if !GroundCode::of(to).contains(&ground.code()) {
            return Err(GroundError::Unfit { code: ground.code().as_str().to_owned(), to }.into());
        }
        let step = if four_eyes && self.needs_two {
            match self.two().step(caller, to, |proposer| self.excluded(proposer))? {
                Some(step) => step,
                None => return Ok(Ruling::Waits),
            }
        } else if self.is_sender && to == Resolution::Release {
            return Err(Denied::OwnMail { id: self.copy.to_string() });
        } else {
            Step::Alone
        };
        Ok(Ruling::Decided(self.two().decision(self.copy.clone(), (caller, reach.role), to, step, ground)))
    }

    fn two(&self) -> TwoPersons<'_> {
        TwoPersons { id: self.copy.as_str(), proposal: self.proposal.as_ref() }
    }

    /// Why this caller may not be the second of two.
    fn excluded(&self, proposer: &str) -> Option<Denied> {
        let id = self.copy.to_string();
        if self.is_sender {
            return Some(Denied::OwnMail { id });
        }
        let is_one_of_few = self.is_recipient && self.recipients <= MANY_RECIPIENTS;
        is_one_of_few.then(|| Denied::Recipient { id, proposer: proposer.to_owned() })
    }

    /// Whether whoever confirms may be a recipient without anybody knowing, where that would keep them from it.
    pub fn confirms_unseen(&self) -> bool {
        self.recipients_unknown && self.recipients <= MANY_RECIPIENTS
    }

    /// How many accounts could confirm what `proposer` proposed.
    pub fn approvers(&self, directory: &Directory, proposer: &str) -> usize {
        directory.approvers(self.unit.as_deref(), proposer)
    }
}

/// What two persons decide about, and what the first of them proposed.
pub(super) struct TwoPersons<'a> {
    pub id: &'a str,
    pub proposal: Option<&'a Proposal>,
}

impl TwoPersons<'_> {
    /// How far a decision goes; `None` where the same person has proposed the same. `excluded` says why the caller may not
    /// be the second one.
    pub fn step(
        &self,
        caller: &Caller,
        to: Resolution,
        excluded: impl Fn(&str) -> Option<Denied>,
    ) -> Result<Option<Step>, Denied> {
        let Some(proposal) = self.proposal else { return Ok(Some(Step::Propose { instead_of: None })) };
        let (id, proposer) = (self.id.to_owned(), proposal.actor.clone());
        if proposer == caller.name() {
            return Ok((proposal.to != to).then_some(Step::Propose { instead_of: Some(proposer) }));
        }
        if !caller.has(Role::Approver) {
            return Err(Denied::NeedsApprover { id, proposer, to: proposal.to });
        }
        if let Some(denied) = excluded(&proposer) {
            return Err(denied);
        }
        Ok(Some(if proposal.to == to {
            Step::Confirm { proposer }
        } else {
            Step::Propose { instead_of: Some(proposer) }
        }))
    }

    /// The decision, by this caller in this role.
    pub fn decision<Id>(
        &self,
        object: Id,
        by: (&Caller, Role),
        to: Resolution,
        step: Step,
        ground: Ground,
    ) -> Decision<Id> {
        // Of several roles the one that counts here: only an approver confirms.
        let role = if matches!(step, Step::Confirm { .. }) { Role::Approver } else { by.1 };
        let actor = Actor::of(by.0.name(), role);
        let entries = self.entries(&actor, to, &step, &ground);
        Decision { object, to, step, actor, ground, entries }
    }

    fn entries(&self, actor: &Actor, to: Resolution, step: &Step, ground: &Ground) -> Vec<Entry> {
        let entry = |action, of, ground: Option<&Ground>| Entry::new(actor.clone(), action, self.id, of, ground, None);
        match step {
            Step::Alone => vec![entry(to.action(), None, Some(ground))],
            Step::Propose { instead_of } => {
                let ended = if instead_of.as_deref() == Some(actor.name()) { Action::Withdraw } else { Action::Refuse };
                let proposed = self.proposal.filter(|_| instead_of.is_some());
                let ended = proposed.map(|p| entry(ended, Some(p.to.action()), Some(ground)));
                ended.into_iter().chain([entry(Action::Propose, Some(to.action()), Some(ground))]).collect()
            }
            Step::Confirm { .. } => {
                let approval = entry(Action::Approve, Some(to.action()), Some(ground));
                // Whose decision it was: the proposer's, with the proposer's reason, confirmed by the second.
                let decision = self.proposal.map(|p| {
                    let first = Actor::of(&p.actor, p.role);
                    Entry::new(first, to.action(), self.id, None, Some(&p.ground), Some(actor.name()))
                });
                [approval].into_iter().chain(decision).collect()
            }
        }
    }
}
