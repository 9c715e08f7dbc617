// SPDX-License-Identifier: EUPL-1.2
//! What is written down, so that a restart loses at most the recipients since: values for a store, changed ones only.

use serde::{Deserialize, Serialize};

use super::Campaigns;
use super::case::Case;
use super::circle::Circle;
use super::clusters::Clusters;
use super::keyed::Changes;
use super::pace::Pace;
use super::purpose::Merge;
use super::scope::Scope;
use crate::lists::template::Template;

/// What changed since the last time. Opaque: a store keeps each entry under its kind and key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
