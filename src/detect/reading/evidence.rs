// SPDX-License-Identifier: EUPL-1.2
//! The evidence: everything readable about one mail, collected once for all detectors.

use jiff::civil::Date;

use crate::detect::reading::opened::Opened;
use crate::detect::reading::text::Text;
use crate::directory::ClassifiedRecipient;
use crate::directory::People;
use crate::mail::{Envelope, Mailbox};
use crate::mime::Message;

/// How sure we are who the sender is (decision D18).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderProof {
    /// A login or certificate that the session saw proven.
    Login,
    /// Only MAIL FROM says so.
    Claimed,
}

/// The sender: the first of login, certificate and MAIL FROM (decision D18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sender {
    /// `None` for the null reverse-path.
    pub mailbox: Option<Mailbox>,
    pub proof: Option<SenderProof>,
    /// A login that is no mailbox: it names nobody, and may still belie MAIL FROM.
    pub bare_login: Option<String>,
}

/// All that is known about one mail when detectors run. They add no facts from elsewhere.
pub struct Evidence<'a> {
    pub envelope: &'a Envelope,
    pub sender: &'a Sender,
    /// One for each envelope recipient, in its order; `None` for bare `postmaster`.
    pub recipients: &'a [ClassifiedRecipient],
    pub message: &'a Message,
    /// Every readable text with its place, normalised once.
    pub texts: &'a [Text],
    pub opened: &'a [Opened],
    pub people: &'a People,
    /// The day of the mail, in UTC: who serves on it is one of the people.
    pub day: Date,
}
