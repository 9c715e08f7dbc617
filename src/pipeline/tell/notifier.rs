// SPDX-License-Identifier: EUPL-1.2
//! The administration's settings for notices.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use crate::mail::Mailbox;
use crate::notice::{Heading, HouseFacts};

/// How notices are sent.
#[derive(Debug)]
pub struct Notifier {
    pub from: Mailbox,
    pub house: House,
    /// The language where the mail does not say one that we have texts in.
    pub language: String,
    pub charter: Option<String>,
    /// The security team, where it wants a digest.
    pub digest: Option<Addressees>,
    /// The zone in which people read dates.
    pub zone: TimeZone,
    /// How long a person is not told again what the same rule noted (decision D16).
    pub noted_every: Duration,
}

/// Whose gateway this is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct House {
    pub name: Option<String>,
    /// Who answers questions.
    pub contact: Option<Mailbox>,
}

/// To whom the digest goes, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressees {
    pub to: Vec<Mailbox>,
    /// The time of day, in the zone in which people read dates.
    pub at: Time,
}

impl Notifier {
    pub(super) fn facts(&self) -> HouseFacts<'_> {
        HouseFacts {
            name: self.house.name.as_deref(),
            contact: self.house.contact.as_ref(),
            charter: self.charter.as_deref(),
        }
    }

    /// The heading of a letter of ours; `about` is the Message-ID of the mail it is about.
    pub(super) fn heading<'a>(
        &'a self,
        to: &'a Mailbox,
        date: Timestamp,
        message_id: &'a str,
        about: Option<&'a str>,
    ) -> Heading<'a> {
        let House { name, contact } = &self.house;
        Heading { from: &self.from, name: name.as_deref(), reply_to: contact.as_ref(), to, date, message_id, about }
    }
}
