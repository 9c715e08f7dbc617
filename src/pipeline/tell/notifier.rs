// SPDX-License-Identifier: EUPL-1.2
//! The administration's settings for notices.

use std::sync::Arc;

use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::rate::NoticeRate;
use crate::mail::Mailbox;

/// How notices are sent.
#[derive(Debug)]
pub struct Notifier {
    pub from: Mailbox,
    /// The language where the mail does not say one that we have texts in.
    pub language: String,
    pub charter: Option<String>,
    /// The security team, where it wants a digest.
    pub digest: Option<Addressees>,
    /// The zone in which senders read dates.
    pub zone: TimeZone,
    pub(super) rate: Arc<NoticeRate>,
}

/// To whom the digest goes, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addressees {
    pub to: Vec<Mailbox>,
    /// The time of day, in the zone in which senders read dates.
    pub at: Time,
}

impl Notifier {
    pub fn new(
        from: Mailbox,
        language: String,
        charter: Option<String>,
        digest: Option<Addressees>,
        zone: TimeZone,
    ) -> Notifier {
        Notifier { from, language, charter, digest, zone, rate: Arc::default() }
    }
}
