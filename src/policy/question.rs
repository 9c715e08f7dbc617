// SPDX-License-Identifier: EUPL-1.2
//! What a verdict depends on besides the policy.

use jiff::Timestamp;

use crate::detect::Finding;
use crate::detect::reading::evidence::Sender;
use crate::detect::reading::opened::Opened;
use crate::directory::ClassifiedRecipient;

/// All that a verdict depends on besides the policy itself.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub sender: &'a Sender,
    /// One for each envelope recipient, in its order.
    pub recipients: &'a [ClassifiedRecipient],
    pub findings: &'a [Finding],
    pub campaign: &'a CampaignFacts,
    /// What was opened: `strip` takes the attachments among these that hold findings.
    pub opened: &'a [Opened],
    /// Bytes of the message.
    pub size: u64,
    /// Signed or encrypted as a whole: never stripped, but held whole (architecture, promise 4).
    pub sealed: bool,
    pub instant: Timestamp,
}

/// What is known of the bulk send that a mail belongs to, as coarse as rules ask. The default is a mail of none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct CampaignFacts {
    /// Administrative lists that it uses outside their purposes, by name.
    pub list_reuse: Vec<Box<str>>,
}
