// SPDX-License-Identifier: EUPL-1.2
//! Who decides about a bulk send: two persons, neither of a sender's unit nor of one above or below it (decisions D22 and
//! D43).

use super::decide::TwoPersons;
use super::{Caller, Denied, Directory, Ground, GroundCode, GroundError, Proposal, Resolution, Ruling, Step};

/// The facts of a bulk send on which it depends who may decide.
#[derive(Debug, Clone)]
pub struct CampaignCase {
    pub id: String,
    /// The units of its senders, as far as they are known.
    pub units: Vec<String>,
    /// Whether the caller is one of its senders.
    pub is_sender: bool,
    pub proposal: Option<Proposal>,
}

impl CampaignCase {
    /// Whether this caller may decide so, and how far that goes. `four_eyes` is `[desk] four_eyes`.
    ///
    /// # Errors
    /// Not the role, not the ground; or not this person.
    pub fn decide(
        &self,
        caller: &Caller,
        to: Resolution,
        ground: Ground,
        four_eyes: bool,
        directory: &Directory,
    ) -> Result<Ruling<String>, Denied> {
        let role = caller.reach(to.command())?.role;
        if !GroundCode::of(to).contains(&ground.code()) {
            return Err(GroundError::Unfit { code: ground.code().as_str().to_owned(), to }.into());
        }
        if self.is_sender {
            return Err(Denied::OwnMail { id: self.id.clone() });
        }
        // Where nobody else could, the branch does not bind: what nobody can decide would wait for ever.
        if directory.decides_outside(&self.units)
            && let Some(unit) = caller.branch(&self.units)
        {
            return Err(Denied::Branch { id: self.id.clone(), unit: unit.to_owned() });
        }
        let two = TwoPersons { id: &self.id, proposal: self.proposal.as_ref() };
        let step = if four_eyes { two.step(caller, to, |_| None)? } else { Some(Step::Alone) };
        let Some(step) = step else { return Ok(Ruling::Waits) };
        Ok(Ruling::Decided(two.decision(self.id.clone(), (caller, role), to, step, ground)))
    }

    /// How many accounts could confirm what `proposer` proposed.
    pub fn approvers(&self, directory: &Directory, proposer: &str) -> usize {
        let units = if directory.decides_outside(&self.units) { self.units.as_slice() } else { &[] };
        directory.approvers_outside(units, proposer)
    }
}
