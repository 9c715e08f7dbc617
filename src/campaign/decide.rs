// SPDX-License-Identifier: EUPL-1.2
//! Raising a flag, recording what it stops, and what people decide about it.

use super::case::{Case, State};
use super::evidence::{Bits, Evidence};
use super::id::CampaignId;
use super::id::Kind;
use super::register::{ListId, Register};
use super::seen::Seen;
use super::transaction::Transaction;
use super::verdict::{Brake, Flagged, Reason};
use super::weigh::Convicted;
use super::{Campaigns, DAY, brake};
use crate::lists::hashed::Set;

/// For how long content is allowed to a list (D22).
const ALLOWED: i64 = 7 * DAY;

impl Campaigns {
    /// Flags a scope that convicts a list, or whose list's canary was addressed; nothing where it is flagged or allowed.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn flag(
        &mut self,
        key: u64,
        text: u64,
        tx: &Transaction,
        register: &Register,
        convicted: Option<Convicted>,
        canary: Option<ListId>,
        before: u64,
        now: i64,
    ) -> Option<Flagged> {
        let list = canary.or(convicted.map(|convicted| convicted.list))?;
        let source = register.by_id(list)?;
        let linked = self.scopes.get(text).and_then(|scope| scope.linked);
        let scope = self.scopes.get_mut(key)?;
        if scope.flags.iter().any(|(flagged, _)| *flagged == list) {
            return None;
        }
        let fit = self.purposes.fit(tx, source);
        let evidence = scope.evidence(list);
        let bits = evidence.map_or(Bits::default(), |evidence| evidence.bits(&source.bets));
        let hits = evidence.map_or(0, |evidence| evidence.hits);
        let neighbours = evidence.map_or(0.0, |evidence| evidence.order.share());
        let mut reasons = vec![Reason::Members { hits, of: scope.counted.all }];
        reasons.extend((bits.outside >= 1.0).then_some(Reason::Outside { bits: bits.outside }));
        reasons.extend((bits.units >= 1.0).then_some(Reason::Units { bits: bits.units }));
        reasons.extend((bits.order >= 1.0).then_some(Reason::Order { neighbours }));
        reasons.extend(canary.map(|_| Reason::Canary));
        reasons.extend(convicted.filter(|convicted| convicted.political).map(|_| Reason::Political));
        reasons.extend((scope.kind != Kind::Text).then_some(Reason::Across(scope.kind)));
        reasons.extend(fit.faults());
        // The same misuse seen in another scope is the same campaign.
        let joined = linked.filter(|linked| self.cases.get(linked.0).is_some_and(|case| case.list == list));
        let id = joined.unwrap_or(CampaignId::new(key ^ list.0, scope.first));
        scope.flags.push((list, id));
        let new = Case {
            id,
            list,
            kind: scope.kind,
            state: State::Flagged,
            first: scope.first,
            last: now,
            flagged_at: now,
            digest: tx.digest,
            before,
            bits,
            hits,
            counted: scope.counted.all,
            neighbours,
            fit,
            political: tx.political,
            reasons: reasons.clone(),
            senders: Vec::new(),
            transactions: scope.transactions - 1,
            canaries: 0,
            addressed: scope.seen.clone(),
            on_list: Seen::default(),
            digests: Set::default(),
            deferred: 0,
        };
        let mut senders: Vec<(u32, u64)> = scope
            .senders
            .iter()
            .filter(|(_, sender)| sender.hits(list) > 0)
            .map(|(key, sender)| (sender.hits(list), *key))
            .collect();
        senders.sort_unstable_by(|a, b| b.cmp(a));
        let is_new = self.cases.get(id.0).is_none();
        let case = self.cases.entry(id.0, || new);
        senders.into_iter().for_each(|(_, sender)| case.name(sender));
        if let Some(scope) = self.scopes.get_mut(text) {
            scope.linked.get_or_insert(id);
        }
        let stopped = brake::Stopped { campaign: id, list, brake: Brake::Defer };
        let mut flagged = self.record_stopped(stopped, tx, register, now);
        flagged.new = is_new;
        Some(flagged)
    }

    /// Counts a transaction that is stopped, a retry once.
    pub(super) fn record_stopped(
        &mut self,
        stopped: brake::Stopped,
        tx: &Transaction,
        register: &Register,
        now: i64,
    ) -> Flagged {
        let recipients =
            tx.recipients.iter().map(|recipient| (recipient.member, recipient.is_on(stopped.list, register)));
        let canaries = tx.recipients.iter().flat_map(|recipient| register.canary(recipient.member));
        let canaries = canaries.filter(|source| register.source(**source).id == stopped.list).count() as u32;
        let mut flagged = Flagged {
            campaign: stopped.campaign,
            list: stopped.list,
            new: false,
            brake: stopped.brake,
            bits: Bits::default(),
            reasons: Vec::new(),
        };
        if let Some(case) = self.cases.get_mut(stopped.campaign.0) {
            if case.stop(tx.digest, tx.sender.member.0, now, recipients) {
                case.canaries += canaries;
            }
            (flagged.bits, flagged.reasons) = (case.bits, case.reasons.clone());
        }
        flagged
    }

    /// A reviewer allows this content to this list for seven days, and its senders their recipients. `false` where there
    /// is no such campaign.
    pub fn allow(&mut self, campaign: CampaignId, at: jiff::Timestamp) -> bool {
        let now = at.as_second();
        let Some(case) = self.cases.get_mut(campaign.0) else { return false };
        case.state = State::Allowed { until: now + ALLOWED };
        let (list, members, senders) = (case.list, case.addressed.members(), case.senders.clone());
        for sender in senders {
            self.circles.entry(sender, Default::default).learn(members.clone(), now);
        }
        self.acquit(campaign, list, false);
        true
    }

    /// A reviewer stops the campaign: 550 at each retry. `false` where there is no such campaign.
    pub fn stop(&mut self, campaign: CampaignId) -> bool {
        let Some(case) = self.cases.get_mut(campaign.0) else { return false };
        case.state = State::Stopped;
        true
    }

    /// A decision from before a crash, for a campaign that was flagged before it; nothing where it is known already.
    pub fn decide_again(&mut self, campaign: CampaignId, allows: bool, at: jiff::Timestamp) {
        let Some(case) = self.cases.get(campaign.0) else { return };
        let is_known = match case.state {
            State::Flagged => false,
            State::Allowed { .. } => allows,
            State::Stopped => !allows,
        };
        if is_known || at.as_second() < case.flagged_at {
            return;
        }
        if allows {
            self.allow(campaign, at)
        } else {
            self.stop(campaign)
        };
    }

    /// The state of a flagged campaign.
    pub fn state(&self, campaign: CampaignId) -> Option<State> {
        self.cases.get(campaign.0).map(|case| case.state)
    }

    /// Evidence for a list begins anew where it was flagged; with `forget` the flag goes as well.
    pub(super) fn acquit(&mut self, campaign: CampaignId, list: ListId, forget: bool) {
        for key in
            self.scopes.keys_where(|scope| scope.flags.contains(&(list, campaign)) || scope.linked == Some(campaign))
        {
            let Some(scope) = self.scopes.get_mut(key) else { continue };
            scope.evidence.retain(|evidence: &Evidence| evidence.list != list);
            scope.senders.values_mut().for_each(|sender| sender.hits.retain(|(hit, _)| *hit != list));
            // What was counted so far would count as misses against whoever comes next.
            scope.counted = Default::default();
            if forget {
                scope.flags.retain(|flag| *flag != (list, campaign));
                scope.linked = scope.linked.filter(|linked| *linked != campaign);
            }
        }
    }
}
