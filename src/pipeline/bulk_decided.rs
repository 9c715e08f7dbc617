// SPDX-License-Identifier: EUPL-1.2
//! Bulk sends as people see them, and what they decided.

use jiff::Timestamp;

use super::bulk::Bulk;
use crate::access::Resolution;
use crate::campaign::{CampaignId, Summary, Waiting};

impl Bulk {
    /// All that are open, those that were flagged first.
    pub fn open(&self) -> Vec<Summary> {
        self.campaigns().open()
    }

    /// One that is open.
    pub fn show(&self, campaign: CampaignId) -> Option<Summary> {
        self.campaigns().show(campaign)
    }

    /// Flagged ones that nobody has decided.
    pub fn waiting(&self) -> Vec<Waiting> {
        self.campaigns().waiting()
    }

    /// The addresses of its senders, as far as they are known.
    pub fn senders(&self, summary: &Summary) -> Vec<String> {
        let names = self.names();
        summary.senders.iter().filter_map(|sender| names.known.get(sender).cloned()).collect()
    }

    /// Puts a decision in force that stands in the store.
    pub fn decided(&self, campaign: CampaignId, to: Resolution, at: Timestamp) {
        let mut campaigns = self.campaigns();
        match to {
            Resolution::Allow => campaigns.allow(campaign, at),
            Resolution::Stop => campaigns.stop(campaign),
            // Those are of copies.
            Resolution::Release | Resolution::Reject => false,
        };
    }
}
