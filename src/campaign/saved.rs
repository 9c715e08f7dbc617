// SPDX-License-Identifier: EUPL-1.2
//! What is written down, so that a restart loses at most the recipients since: values for a store, changed ones only.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Campaigns;
use super::case::Case;
use super::circle::Circle;
use super::clusters::Clusters;
use super::id::CampaignId;
use super::keyed::Changes;
use super::pace::Pace;
use super::purpose::Merge;
use super::scope::Scope;
use crate::lists::template::Template;

/// What changed since the last time. Opaque: a store keeps each entry under its kind and key.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    scopes: Changes<Scope>,
    circles: Changes<Circle>,
    paces: Changes<Pace>,
    cases: Changes<Case>,
    merges: Changes<Merge>,
    provisional: Changes<Template>,
    sketches: u64,
    swept: Option<i64>,
}

impl Campaigns {
    /// What changed since this was last asked. Flags and decisions are in it: ask at once after them, else now and then.
    pub fn changes(&mut self) -> Saved {
        Saved {
            scopes: self.scopes.changes(),
            circles: self.circles.changes(),
            paces: self.paces.changes(),
            cases: self.cases.changes(),
            merges: self.purposes.merges.changes(),
            provisional: self.purposes.provisional.changes(),
            sketches: self.sketches,
            swept: self.swept,
        }
    }

    /// For who writes nothing down, such as a replay: what changed is not remembered.
    pub fn forget_changes(&mut self) {
        self.scopes.forget_changes();
        self.circles.forget_changes();
        self.paces.forget_changes();
        self.cases.forget_changes();
        self.purposes.merges.forget_changes();
        self.purposes.provisional.forget_changes();
    }

    /// The campaigns as they were saved, all changes in order.
    pub fn restore(score: bool, saved: impl IntoIterator<Item = Saved>) -> Campaigns {
        let mut campaigns = Campaigns::new(score);
        for saved in saved {
            campaigns.scopes.apply(saved.scopes);
            campaigns.circles.apply(saved.circles);
            campaigns.paces.apply(saved.paces);
            campaigns.cases.apply(saved.cases);
            campaigns.purposes.merges.apply(saved.merges);
            campaigns.purposes.provisional.apply(saved.provisional);
            campaigns.sketches = saved.sketches;
            campaigns.swept = saved.swept;
        }
        let mut kept: Vec<(u64, u64)> = campaigns
            .scopes
            .iter()
            .flat_map(|(key, scope)| scope.sketches.iter().map(move |(at, _)| (*at, key)))
            .collect();
        kept.sort_unstable();
        let mut clusters = Clusters::default();
        for (at, key) in kept {
            let sketches = campaigns.scopes.get(key).into_iter().flat_map(|scope| &scope.sketches);
            for (_, sketch) in sketches.filter(|(kept, _)| *kept == at) {
                clusters.keep(key, sketch.clone());
            }
        }
        campaigns.clusters = clusters;
        campaigns
    }
}

/// One thing that is written down, as a store keeps it: `None` where it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedRow {
    pub kind: u8,
    pub key: u64,
    pub value: Option<Vec<u8>>,
}

impl SavedRow {
    /// The flagged campaign that this is, if it is one.
    pub fn flagged(&self) -> Option<CampaignId> {
        (self.kind == CASE).then_some(CampaignId(self.key))
    }
}

// The kinds stand in stores: they are added, never changed.
const COUNTERS: u8 = 0;
const SCOPE: u8 = 1;
const CIRCLE: u8 = 2;
const PACE: u8 = 3;
const CASE: u8 = 4;
const MERGE: u8 = 5;
const PROVISIONAL: u8 = 6;

impl Saved {
    /// Each thing by itself.
    pub fn rows(&self) -> Vec<SavedRow> {
        let mut rows = vec![SavedRow { kind: COUNTERS, key: 0, value: Some(json(&(self.sketches, self.swept))) }];
        add(SCOPE, &self.scopes, &mut rows);
        add(CIRCLE, &self.circles, &mut rows);
        add(PACE, &self.paces, &mut rows);
        add(CASE, &self.cases, &mut rows);
        add(MERGE, &self.merges, &mut rows);
        add(PROVISIONAL, &self.provisional, &mut rows);
        rows
    }

    /// The reverse; beside it, how many rows nobody can read.
    pub fn of_rows(rows: impl IntoIterator<Item = SavedRow>) -> (Saved, usize) {
        let (mut saved, mut damaged) = (Saved::default(), 0);
        for SavedRow { kind, key, value } in rows {
            let Some(value) = value else { continue };
            let read = match kind {
                COUNTERS => {
                    serde_json::from_slice(&value).map(|counters| (saved.sketches, saved.swept) = counters).is_ok()
                }
                SCOPE => take(key, &value, &mut saved.scopes),
                CIRCLE => take(key, &value, &mut saved.circles),
                PACE => take(key, &value, &mut saved.paces),
                CASE => take(key, &value, &mut saved.cases),
                MERGE => take(key, &value, &mut saved.merges),
                PROVISIONAL => take(key, &value, &mut saved.provisional),
                _ => false,
            };
            damaged += usize::from(!read);
        }
        (saved, damaged)
    }
}

fn add<V: Serialize>(kind: u8, changes: &Changes<V>, rows: &mut Vec<SavedRow>) {
    rows.extend(changes.0.iter().map(|(key, value)| SavedRow { kind, key: *key, value: value.as_ref().map(json) }));
}

fn take<V: DeserializeOwned>(key: u64, value: &[u8], changes: &mut Changes<V>) -> bool {
    serde_json::from_slice(value).map(|value| changes.0.push((key, Some(value)))).is_ok()
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // Plain data, whose keys are numbers: serialising it cannot fail.
    serde_json::to_vec(value).unwrap_or_default()
}
