// SPDX-License-Identifier: EUPL-1.2
//! Whether a transaction belongs to a campaign that is flagged already: judged after its content and before it adds
//! evidence, once.

use super::Campaigns;
use super::case::State;
use super::id::CampaignId;
use super::id::Kind;
use super::register::{ListId, Register, Source};
use super::scope::{Correspondent, Scope};
use super::transaction::{Recipient, Transaction};
use super::verdict::Brake;
use super::weigh::{FREE, Standing};
use super::which::description;

/// Hits that make a sender one of the campaign's.
const OWN: u32 = 10;

/// What stops a transaction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stopped {
    pub campaign: CampaignId,
    pub list: ListId,
    pub brake: Brake,
}

impl Campaigns {
    /// The flag that stops this transaction, if one does.
    pub(super) fn stopped(
        &self,
        tx: &Transaction,
        register: &Register,
        standing: &[Standing],
        keys: &[u64],
    ) -> Option<Stopped> {
        if !keys.iter().filter_map(|key| self.scopes.get(*key)).any(|scope| !scope.flags.is_empty()) {
            return None;
        }
        let mut open =
            tx.recipients.iter().zip(standing).filter(|(_, s)| **s == Standing::Open).map(|(r, _)| r).peekable();
        open.peek()?;
        let open: Vec<Recipient> = open.collect();
        for scope in keys.iter().filter_map(|key| self.scopes.get(*key)) {
            for (list, campaign) in &scope.flags {
                let Some(case) = self.cases.get(campaign.0) else { continue };
                let brake = match case.state {
                    State::Flagged => Brake::Defer,
                    State::Stopped => Brake::Stop,
                    State::Allowed { .. } => continue,
                };
                let Some(source) = register.by_id(*list) else { continue };
                if belongs(scope, source, tx, &open, register) {
                    return Some(Stopped { campaign: *campaign, list: *list, brake });
                }
            }
        }
        None
    }
}

/// Whether this mail is of the campaign that the scope was flagged for. Strangers who share a text or a host pass.
fn belongs(scope: &Scope, source: &Source, tx: &Transaction, open: &[Recipient], register: &Register) -> bool {
    let none = Correspondent::default();
    let sender = scope.senders.get(&tx.sender.member.0).unwrap_or(&none);
    let now = open.iter().filter(|recipient| recipient.is_on(source.id, register)).count();
    let hits = sender.hits(source.id);
    // Of a flagged sender's other mail what does not go to the list flows.
    let known = hits >= OWN && 2 * hits >= sender.counted && (scope.kind != Kind::Sender || 2 * now >= open.len());
    let past_free = usize::from(sender.free) + open.len() > usize::from(FREE);
    let plain = scope.kind != Kind::Sender && now > 0 && 5 * now >= 4 * open.len() && past_free;
    (known || plain) && !another_explains(scope, source, sender, open, register)
}

/// Whether a smaller list, for which the scope is not flagged, explains this sender's recipients better: another list's
/// campaign is judged on its own.
fn another_explains(
    scope: &Scope,
    source: &Source,
    sender: &Correspondent,
    open: &[Recipient],
    register: &Register,
) -> bool {
    let recipients = sender.counted + open.len() as u32;
    let length = |other: &Source| {
        let now = open.iter().filter(|recipient| recipient.is_on(other.id, register)).count() as u32;
        description(recipients, sender.hits(other.id) + now, other.size, 0.0)
    };
    let own = length(source);
    let mut met: Vec<ListId> = sender.hits.iter().map(|(list, _)| *list).collect();
    for (list, _) in open.iter().flat_map(|recipient| recipient.lists(register)) {
        if !met.contains(&list) {
            met.push(list);
        }
    }
    met.into_iter().filter_map(|list| register.by_id(list)).any(|other| {
        other.list != source.list
            && other.size < source.size
            && !scope.flags.iter().any(|(flagged, _)| *flagged == other.id)
            && length(other) < own
    })
}
