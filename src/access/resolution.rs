// SPDX-License-Identifier: EUPL-1.2
//! What can be decided about a held copy.

use super::{Action, Command};

/// What is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    Release,
    Reject,
}

impl Resolution {
    pub fn as_str(self) -> &'static str {
        self.action().as_str()
    }

    pub fn noun(self) -> &'static str {
        match self {
            Resolution::Release => "release",
            Resolution::Reject => "rejection",
        }
    }

    pub fn action(self) -> Action {
        match self {
            Resolution::Release => Action::Release,
            Resolution::Reject => Action::Reject,
        }
    }

    pub fn command(self) -> Command {
        match self {
            Resolution::Release => Command::Release,
            Resolution::Reject => Command::Reject,
        }
    }
}
