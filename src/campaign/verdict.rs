// SPDX-License-Identifier: EUPL-1.2
//! What is answered about one transaction.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::evidence::Bits;
use super::id::{CampaignId, Kind};
use super::register::ListId;

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct Assessment {
    /// The campaign of its text.
    pub campaign: CampaignId,
    pub verdict: Verdict,
    /// The text may be given to the classifier (D21): recipients and a list support it, and no union's own mail.
    pub score_wanted: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// All recipients are within the purpose of this list: no evidence, whatever the number.
    Explained { list: ListId },
    /// Counted, and nothing found.
    Counted,
    /// It belongs to a campaign that uses a list outside its purpose.
    Flagged(Flagged),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Flagged {
    /// Under which it is listed, allowed and stopped.
    pub campaign: CampaignId,
    pub list: ListId,
    /// By this transaction, for the first time.
    pub new: bool,
    pub brake: Brake,
    pub bits: Bits,
    pub reasons: Vec<Reason>,
}

/// What a flag does to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Brake {
    /// Deferred, or held where no queue stands behind (D22).
    Defer,
    /// A reviewer has stopped the campaign: 550.
    Stop,
}

/// Why a campaign was flagged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Reason {
    /// Recipients on the list, of those counted.
    Members {
        hits: u32,
        of: u32,
    },
    Outside {
        bits: f32,
    },
    Units {
        bits: f32,
    },
    Order {
        neighbours: f32,
    },
    Canary,
    Political,
    /// The sender is none of the list's.
    Sender,
    /// The text is none of the list's: the part of it that is in no template.
    Text {
        foreign: f32,
    },
    Links,
    /// No purpose of the list is in force.
    NotInForce,
    /// Seen across texts of one sender, or in one link host or attachment.
    Across(Kind),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Members { hits, of } => write!(f, "{hits} of {of} recipients are on the list"),
            Reason::Outside { bits } => write!(f, "addresses outside the house: {bits:.1} bits"),
            Reason::Units { bits } => write!(f, "units of the house: {bits:.1} bits"),
            Reason::Order { neighbours } => {
                write!(f, "{:.0} % stand beside one another on the list", neighbours * 100.0)
            }
            Reason::Canary => f.write_str("an address that stands in this export alone"),
            Reason::Political => f.write_str("the text is political"),
            Reason::Sender => f.write_str("purpose: the sender is none of the list's"),
            Reason::Text { foreign } => write!(f, "purpose: {:.0} % of the text are in no template", foreign * 100.0),
            Reason::Links => f.write_str("purpose: a link leads elsewhere"),
            Reason::NotInForce => f.write_str("purpose: none is in force"),
            Reason::Across(Kind::Text) => f.write_str("one text"),
            Reason::Across(Kind::Sender) => f.write_str("one sender, several texts"),
            Reason::Across(Kind::Host) => f.write_str("one link host"),
            Reason::Across(Kind::Attachment) => f.write_str("one attachment"),
        }
    }
}
