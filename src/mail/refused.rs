// SPDX-License-Identifier: EUPL-1.2
//! What a session refused before there was a mail to judge, for log, counters and journal (decision D39).

use super::{ForwardPath, Reply, ReversePath};

/// One negative reply of a session, and what it was about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The command it answered.
    pub command: &'static str,
    /// Known from MAIL on.
    pub sender: Option<ReversePath>,
    /// To whom the mail will not go by this reply.
    pub recipients: Vec<ForwardPath>,
    pub reply: Reply,
}

impl Refused {
    /// Whether it is one mail that will not go, or not to somebody: what has a sender, and says whom it concerns or is
    /// the answer to the sender itself.
    pub fn concerns_mail(&self) -> bool {
        self.sender.is_some() && (!self.recipients.is_empty() || matches!(self.command, "MAIL" | "RCPT"))
    }
}
