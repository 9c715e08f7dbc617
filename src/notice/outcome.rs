// SPDX-License-Identifier: EUPL-1.2
//! What became of the copies in a notice, and the file with the text for it.

use serde::{Deserialize, Serialize};

use crate::policy::verdict::Disposition;

/// What became of the copies a notice speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NoticeOutcome {
    Delivered,
    Stripped,
    Held,
    Refused,
}

impl NoticeOutcome {
    pub(super) const ALL: [NoticeOutcome; 4] =
        [NoticeOutcome::Delivered, NoticeOutcome::Stripped, NoticeOutcome::Held, NoticeOutcome::Refused];

    /// What a notice about several mails may list, by the name of the list.
    pub(super) const LISTED: [(&str, NoticeOutcome); 3] =
        [("held", NoticeOutcome::Held), ("refused", NoticeOutcome::Refused), ("stripped", NoticeOutcome::Stripped)];

    pub(super) fn named(name: &str) -> Option<NoticeOutcome> {
        NoticeOutcome::LISTED.into_iter().find(|(known, _)| *known == name).map(|(_, outcome)| outcome)
    }

    /// `None` where there is nothing to tell, or where the whole mail was answered with a 4xx.
    pub fn of(disposition: Disposition) -> Option<NoticeOutcome> {
        match disposition {
            Disposition::Pass | Disposition::Defer => None,
            Disposition::Notify => Some(NoticeOutcome::Delivered),
            Disposition::Strip => Some(NoticeOutcome::Stripped),
            Disposition::Quarantine => Some(NoticeOutcome::Held),
            Disposition::Reject => Some(NoticeOutcome::Refused),
        }
    }

    /// The file whose words stand for it.
    pub(super) fn file(self) -> &'static str {
        match self {
            NoticeOutcome::Delivered => "outcome-delivered",
            NoticeOutcome::Stripped => "outcome-stripped",
            NoticeOutcome::Held => "outcome-held",
            NoticeOutcome::Refused => "outcome-refused",
        }
    }
}
