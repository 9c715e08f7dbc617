// SPDX-License-Identifier: EUPL-1.2
//! Bulk sends at the desk: what was flagged, and decisions about it (decisions D22 and D43).

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::campaign_answers::{BulkSend, BulkSends, BulkState, DecidedBulkSend, FlaggedAt, ShownPurpose};
use super::{Answered, Desk, Refusal, ground_of};
use crate::access::{Caller, CampaignCase, Command, LookAtBulk, Object, Resolution, Ruling};
use crate::campaign::{CampaignId, State, Summary};
use crate::mail::Mailbox;
use crate::pipeline::{Bulk, Ruleset};
use crate::store::Change;

impl Desk {
    /// The same desk, with the bulk sends of its gateway.
    #[must_use]
    pub fn with_bulk_sends(self, bulk: Arc<Bulk>) -> Desk {
        Desk { bulk: Some(bulk), ..self }
    }

    fn bulk(&self) -> Answered<(&Bulk, Arc<Ruleset>)> {
        let none = || Refusal::Unavailable("this gateway sees no bulk sends".to_owned());
        Ok((self.bulk.as_deref().ok_or_else(none)?, self.register()?.1))
    }

    /// Bulk sends in this state, or all; those that were flagged first. Only their number if the caller may not see more.
    pub async fn campaigns_list(&self, caller: &Caller, state: Option<BulkState>) -> Answered<BulkSends> {
        let reach = caller.reach(Command::CampaignsList)?;
        let (bulk, ruleset) = self.bulk()?;
        let (now, all) = ((self.clock)(), bulk.open());
        if reach.counts_only {
            let count = |wanted| all.iter().filter(|summary| state_of(summary, now) == wanted).count() as u64;
            return Ok(BulkSends::Counts {
                open: count(BulkState::Open),
                flagged: count(BulkState::Flagged),
                allowed: count(BulkState::Allowed),
                stopped: count(BulkState::Stopped),
                lapsed: count(BulkState::Lapsed),
            });
        }
        let mut rows = Vec::new();
        for summary in all.iter().filter(|summary| state.is_none_or(|state| state_of(summary, now) == state)) {
            rows.push(self.shown(bulk, &ruleset, summary).await?);
        }
        Ok(BulkSends::Rows(rows))
    }

    /// One bulk send. Each look is an audit entry.
    pub async fn campaigns_show(&self, caller: &Caller, id: &str) -> Answered<BulkSend> {
        let permit = caller.permit::<LookAtBulk>(&Object::of_the_house(&id.to_owned()), None)?;
        let (bulk, ruleset) = self.bulk()?;
        let summary = known(bulk, id)?;
        self.store.note((self.clock)(), permit.entry()).await?;
        self.shown(bulk, &ruleset, &summary).await
    }

    /// Lets a flagged bulk send go, or stops it: its next retry is accepted, or refused for good. The first of two persons
    /// proposes it.
    pub async fn campaigns_decide(
        &self,
        caller: &Caller,
        id: &str,
        to: Resolution,
        ground: Option<&str>,
        reason: &str,
    ) -> Answered<DecidedBulkSend> {
        caller.reach(to.command())?;
        let ground = ground_of(to, ground, reason)?;
        let (bulk, ruleset) = self.bulk()?;
        let (summary, now) = (known(bulk, id)?, (self.clock)());
        let state = if to == Resolution::Allow { BulkState::Allowed } else { BulkState::Stopped };
        let done = |state, note: Option<String>| Ok(DecidedBulkSend { campaign: id.to_owned(), state, note });
        let before = match state_of(&summary, now) {
            BulkState::Open => return Err(Refusal::NotNow(format!("{id} was not flagged: nothing brakes it"))),
            before if before == state => return done(state, Some(format!("was {} before", state.as_str()))),
            before => before,
        };
        let case = self.case_of(bulk, &ruleset, &summary, caller).await?;
        let persons = self.persons();
        let confirming = "an approver other than you confirms with the same command";
        let decision = match case.decide(caller, to, ground, persons.four_eyes, &persons.directory)? {
            Ruling::Waits => {
                return done(before, Some(format!("you proposed the {} before: {confirming}", to.noun())));
            }
            Ruling::Decided(decision) => decision,
        };
        if self.store.decide_campaign(&decision, now).await? == Change::Proposed {
            let able = case.approvers(&persons.directory, caller.name());
            let note = if able == 0 {
                format!("{} proposed, but no other account is an approver who may confirm it", to.noun())
            } else {
                format!("{} proposed: {confirming}", to.noun())
            };
            return done(before, Some(note));
        }
        bulk.decided(summary.campaign, to, now);
        tracing::info!(campaign = id, state = state.as_str(), by = caller.name(), "a bulk send was decided");
        // The decision itself stands in the store; this is what follows from it, and is written again each minute.
        if let Err(error) = bulk.save(&self.store).await {
            tracing::error!(%error, "what a decision changes of bulk sends could not be written down yet");
        }
        done(state, None)
    }

    async fn case_of(
        &self,
        bulk: &Bulk,
        ruleset: &Ruleset,
        summary: &Summary,
        caller: &Caller,
    ) -> Answered<CampaignCase> {
        let today = (self.clock)().to_zoned(TimeZone::UTC).date();
        let senders = bulk.senders(summary);
        let senders: Vec<Mailbox> = senders.iter().filter_map(|sender| Mailbox::parse(sender).ok()).collect();
        let persons = senders.iter().filter_map(|sender| ruleset.policy.people.serving(sender, today));
        let id = summary.campaign.to_string();
        Ok(CampaignCase {
            units: persons.map(|person| person.unit.clone()).filter(|unit| !unit.is_empty()).collect(),
            // By hash: of senders before the flag no address is kept.
            is_sender: senders.iter().any(|sender| caller.is(sender)) || is_among(caller, summary, ruleset),
            proposal: self.store.proposal(&id).await?,
            id,
        })
    }

    async fn shown(&self, bulk: &Bulk, ruleset: &Ruleset, summary: &Summary) -> Answered<BulkSend> {
        let id = summary.campaign.to_string();
        let state = state_of(summary, (self.clock)());
        let register = ruleset.lists.as_ref().map(|lists| &lists.register);
        let source = register.and_then(|register| register.by_id(summary.list?));
        let part = |some: u64, all: u64| if all == 0 { 0.0 } else { (some as f32 / all as f32).min(1.0) };
        let instant = |second| Timestamp::from_second(second).unwrap_or_default();
        let flagged = summary.flagged_at.is_some();
        let decision = match state {
            BulkState::Open | BulkState::Flagged => None,
            _ => self.store.decided(&id).await?,
        };
        let proposal = if flagged { self.store.proposal(&id).await? } else { None };
        Ok(BulkSend {
            campaign: id,
            state,
            senders: bulk.senders(summary),
            first: instant(summary.first),
            last: instant(summary.last),
            transactions: summary.transactions,
            recipients: summary.recipients,
            deferred: summary.deferred,
            list: source.map(|source| source.name.clone()),
            export: source.and_then(|source| source.export.clone()),
            coverage: source.map_or(0.0, |source| part(summary.members, source.size as u64)),
            share: part(summary.members, summary.recipients),
            bits: summary.bits.all,
            canaries: summary.canaries,
            in_order: summary.in_order,
            purpose_ok: summary.fit.is_some_and(|fit| fit.admits()),
            purpose: summary.fit.map(|fit| ShownPurpose {
                in_force: fit.in_force,
                sender: fit.sender,
                template: 1.0 - fit.foreign,
                links: fit.links,
                content: fit.content,
            }),
            // Reviewers see no score (decision D21), and today there is none.
            political: None,
            flagged,
            flagged_at: summary.flagged_at.map(|at| FlaggedAt {
                tx: format!("{:016x}", at.digest),
                at: instant(at.at),
                recipients_before: at.recipients_before,
            }),
            decision: decision.map(Into::into),
            proposal: proposal.map(Into::into),
            reasons: summary.reasons.iter().map(ToString::to_string).collect(),
        })
    }
}

fn known(bulk: &Bulk, id: &str) -> Answered<Summary> {
    let found = CampaignId::parse(id).and_then(|campaign| bulk.show(campaign));
    found.ok_or_else(|| Refusal::UnknownCampaign(id.to_owned()))
}

fn state_of(summary: &Summary, now: Timestamp) -> BulkState {
    match summary.state {
        None => BulkState::Open,
        Some(State::Flagged) => BulkState::Flagged,
        Some(State::Allowed { until }) if now.as_second() < until => BulkState::Allowed,
        Some(State::Allowed { .. }) => BulkState::Lapsed,
        Some(State::Stopped) => BulkState::Stopped,
    }
}

/// Whether this person's own mailbox is one of those that send it.
fn is_among(caller: &Caller, summary: &Summary, ruleset: &Ruleset) -> bool {
    let (Some(own), Some(lists)) = (caller.mail(), &ruleset.lists) else { return false };
    summary.senders.contains(&lists.key.member(&own.sender_identity()))
}
