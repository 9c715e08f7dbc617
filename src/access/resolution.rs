// SPDX-License-Identifier: EUPL-1.2
//! What can be decided about a held copy, and about a bulk send.

use super::{Action, Command};

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    Release,
    Reject,
    /// A bulk send may go (decision D22).
    Allow,
    /// It may not.
    Stop,
}

impl Resolution {
    pub const ALL: [Resolution; 4] = [Resolution::Release, Resolution::Reject, Resolution::Allow, Resolution::Stop];

    pub fn parse(text: &str) -> Option<Resolution> {
        Resolution::ALL.into_iter().find(|to| to.as_str() == text)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Resolution::Release => "release",
            Resolution::Reject => "reject",
            Resolution::Allow => "allow",
            Resolution::Stop => "stop",
        }
    }

    pub fn noun(self) -> &'static str {
        match self {
            Resolution::Release => "release",
            Resolution::Reject => "rejection",
            Resolution::Allow => "permission",
            Resolution::Stop => "stop",
        }
    }

    pub fn action(self) -> Action {
        match self {
            Resolution::Release => Action::Release,
            Resolution::Reject => Action::Reject,
            Resolution::Allow => Action::CampaignAllow,
            Resolution::Stop => Action::CampaignStop,
        }
    }

    pub fn command(self) -> Command {
        match self {
            Resolution::Release => Command::Release,
            Resolution::Reject => Command::Reject,
            Resolution::Allow => Command::CampaignsAllow,
            Resolution::Stop => Command::CampaignsStop,
        }
    }
}
