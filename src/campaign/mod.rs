// SPDX-License-Identifier: EUPL-1.2
//! Many transactions seen as one bulk send, and which administrative list explains its recipients.
//!
//! **Here live** the signature of a text, the scopes that a transaction feeds (text, sender, link hosts, attachments),
//! the evidence of each scope for each list in bits, purposes, the brake, and what is written down of all that.
//!
//! **Not here**: mail. A campaign keeps counts, hashes and sketches; no text and no clear address comes in. No clock, no
//! files, no randomness: instants, keys and what a list says are handed in, changes are handed out for a store.
//!
//! **Fails** never: what does not fit its bounds drops the idle and the oldest, and flags last.
//!
//! **Follows** Ville's inequality (1939) for looking as often as one likes, Broder's sketches (1997) for likeness, and
//! minimum description length (Rissanen 1978) for the choice between lists; decisions D11, D18, D21, D22.
//!
//! One lock suffices. What costs (reading a text, hashing addresses, looking them up) happens before it, in
//! [`Signature::new`] and [`Recipients::push`]; under it are some microseconds a transaction. Scopes with a lock each,
//! taken in the order of their keys, would cost four locks where there is one, and leave clusters, circles and flags to
//! be locked all the same.

mod bets;
mod brake;
mod case;
mod circle;
mod clusters;
mod decide;
mod evidence;
mod id;
mod keyed;
mod order;
mod pace;
mod purpose;
mod register;
mod repeats;
mod replay;
mod replay_register;
mod saved;
mod scope;
mod seen;
mod signature;
mod summary;
mod sweep;
#[cfg(test)]
mod tests;
mod transaction;
mod units;
mod verdict;
mod weigh;
mod which;

use std::collections::VecDeque;

pub use bets::Rates;
pub use case::State;
pub use evidence::Bits;
pub use id::{CampaignId, Kind as ScopeKind};
pub use keyed::Changes;
pub use purpose::Fit;
pub use register::{Allowed, Entry, ListId, Purpose, Register, Source};
pub use replay::{IsOwn, LogLine, Prepared, Reading, Replay, Report, own_domains};
pub use replay_register::{ListFile, register};
pub use saved::{Saved, SavedRow};
pub use signature::{Signature, Sketch};
pub use summary::{FlaggedAt, Summary, Waiting};
pub use transaction::{Recipients, Sender, Side, Transaction, unit};
pub use verdict::{Assessment, Brake, Flagged, Reason, Verdict};

use case::Case;
use circle::Circle;
use clusters::Clusters;
use id::Kind as Of;
use keyed::Tracked;
use pace::Pace;
use purpose::Purposes;
use repeats::Repeats;
use scope::Scope;
use weigh::Standing;

use crate::lists::hashed::mix;

const DAY: i64 = 86_400;

/// Link hosts and attachments of one mail that are scopes.
const PARTS: usize = 8;

/// All open campaigns.
#[derive(Debug, Clone, Default)]
pub struct Campaigns {
    /// Whether a political score may be asked for (`[campaigns] score`).
    score: bool,
    scopes: Tracked<Scope>,
    clusters: Clusters,
    /// Sketches kept so far: their order rebuilds the clusters.
    sketches: u64,
    circles: Tracked<Circle>,
    paces: Tracked<Pace>,
    cases: Tracked<Case>,
    purposes: Purposes,
    repeats: Repeats,
    swept: Option<i64>,
    ended: VecDeque<Summary>,
}

impl Campaigns {
    pub fn new(score: bool) -> Campaigns {
        Campaigns { score, ..Campaigns::default() }
    }

    /// Assigns a transaction to its campaigns, weighs its recipients, and says what became of it.
    pub fn assign(&mut self, tx: &Transaction, register: &Register) -> Assessment {
        let now = tx.at.as_second();
        self.sweep_when_due(now);
        // Whoever is believed frees more: the same mail on a mere claim is another one.
        let known = mix(tx.digest ^ u64::from(tx.sender.proven));
        let again = self.repeats.knows(known);
        let admitting = self.purposes.admitting(tx, register, again);
        let text = self.text(tx, now);
        let campaign = self.scopes.get(text).map_or(CampaignId::new(text, now), |scope| scope.id);
        let standing = self.standing(tx, register, &admitting, text, now);
        let keys = self.keys(tx, &standing, text, now, again);
        let plain: Vec<u64> = keys.iter().map(|(_, key)| *key).collect();
        let answer = |verdict, score_wanted| Assessment { campaign, verdict, score_wanted };

        if let Some(stopped) = self.stopped(tx, register, &standing, &plain) {
            let flagged = self.record_stopped(stopped, tx, register, now);
            return answer(Verdict::Flagged(flagged), false);
        }
        let mut flagged: Option<Flagged> = None;
        let mut score_wanted = false;
        // What comes again because somebody behind us put it off has been weighed (D11).
        let weighed_by = if again { &[][..] } else { &keys };
        for (kind, key) in weighed_by {
            if *kind != Of::Text && !standing.contains(&Standing::Open) {
                continue;
            }
            let before = self.scopes.get(*key).map_or(0, Scope::reached);
            let scope = self.scopes.entry(*key, || Scope::new(*kind, *key, now));
            let weighed = scope.weigh(tx, register, &standing, now, self.score);
            score_wanted |= weighed.score_wanted;
            let canary = (*kind == Of::Text).then(|| canary(tx, register, &admitting, &standing)).flatten();
            let found = self.flag(*key, text, tx, register, weighed.convicted, canary, before, now);
            flagged = flagged.or(found);
        }
        if flagged.is_none() {
            self.repeats.note(known, now);
        }
        let explained =
            standing.iter().all(|standing| *standing == Standing::Explained).then(|| admitting.first()).flatten();
        if let Some(scope) = self.scopes.get_mut(text) {
            if let Some(flagged) = &flagged {
                scope.linked = Some(flagged.campaign);
            }
            if let Some(list) = explained {
                scope.explained = Some(list.id);
            }
        }
        let verdict = match (flagged, explained) {
            (Some(flagged), _) => Verdict::Flagged(flagged),
            (None, Some(list)) if !tx.recipients.is_empty() => Verdict::Explained { list: list.id },
            _ => Verdict::Counted,
        };
        answer(verdict, score_wanted)
    }

    /// The key of the scope of this text; the text is kept where it is new.
    fn text(&mut self, tx: &Transaction, now: i64) -> u64 {
        let found = self.clusters.find(&tx.signature.sketch);
        let key = found.cluster;
        let scope = self.scopes.entry(key, || Scope::new(Of::Text, key, now));
        if found.keep {
            scope.sketches.push((self.sketches, tx.signature.sketch.clone()));
            scope.id = if scope.sketches.len() == 1 { CampaignId::new(key, now) } else { scope.id };
            self.sketches += 1;
            self.clusters.keep(key, tx.signature.sketch.clone());
        }
        key
    }

    /// How each recipient stands to this mail.
    fn standing(
        &self,
        tx: &Transaction,
        register: &Register,
        admitting: &[&Source],
        text: u64,
        now: i64,
    ) -> Vec<Standing> {
        let circle = self.circles.get(tx.sender.member.0).filter(|_| tx.sender.proven);
        let everybody = admitting.iter().any(|source| source.universal);
        let parts = tx.attachments.iter().take(PARTS).map(|hash| Of::Attachment.key(*hash));
        let allowed: Vec<ListId> = std::iter::once(text)
            .chain(parts)
            .filter_map(|key| self.scopes.get(key))
            .flat_map(|scope| scope.flags.iter().map(|(_, campaign)| *campaign).chain(scope.linked))
            .filter_map(|campaign| self.cases.get(campaign.0))
            .filter(|case| matches!(case.state, State::Allowed { until } if now < until))
            .map(|case| case.list)
            .collect();
        let explained = |recipient: &transaction::Recipient| {
            everybody
                || recipient.listed.iter().any(|listed| {
                    let source = register.source(listed.source);
                    admitting.iter().any(|admitting| admitting.list == source.list) || allowed.contains(&source.id)
                })
        };
        tx.recipients
            .iter()
            .map(|recipient| {
                if explained(&recipient) {
                    Standing::Explained
                } else if circle.is_some_and(|circle| circle.knows(recipient.member, now)) {
                    Standing::Circle
                } else {
                    Standing::Open
                }
            })
            .collect()
    }

    /// The scopes that this transaction feeds.
    fn keys(&mut self, tx: &Transaction, standing: &[Standing], text: u64, now: i64, again: bool) -> Vec<(Of, u64)> {
        let open = standing.iter().filter(|standing| **standing == Standing::Open).count();
        let outside = |(recipient, standing): &(transaction::Recipient, &Standing)| {
            **standing == Standing::Open && recipient.is_outside()
        };
        let outside = tx.recipients.iter().zip(standing).filter(outside).count();
        let mut keys = vec![(Of::Text, text)];
        let sender = tx.sender.member.0;
        // The pace is counted of whoever writes outside, else a desk's first busy hour would go unseen.
        let counted = if again { 0 } else { outside };
        let paced = outside > 0 && self.paces.entry(sender, Pace::default).count(counted as u32, now);
        let key = Of::Sender.key(sender);
        if outside >= 5 || open >= 20 || paced || self.scopes.get(key).is_some_and(|scope| !scope.flags.is_empty()) {
            keys.push((Of::Sender, key));
        }
        let hosts = tx.signature.text.hosts.iter().map(|host| (Of::Host, Of::Host.key(host.key)));
        let attachments = tx.attachments.iter().map(|hash| (Of::Attachment, Of::Attachment.key(*hash)));
        for part in hosts.take(PARTS).chain(attachments.take(PARTS)) {
            if !keys.contains(&part) {
                keys.push(part);
            }
        }
        keys
    }
}

/// A list whose canary is addressed outside its purpose.
fn canary(tx: &Transaction, register: &Register, admitting: &[&Source], standing: &[Standing]) -> Option<ListId> {
    let open = tx.recipients.iter().zip(standing).filter(|(_, standing)| **standing != Standing::Explained);
    open.flat_map(|(recipient, _)| register.canary(recipient.member))
        .map(|source| register.source(*source))
        .find(|source| !admitting.iter().any(|admitting| admitting.list == source.list))
        .map(|source| source.id)
}
