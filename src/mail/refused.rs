// SPDX-License-Identifier: EUPL-1.2
//! What a session refused before there was a mail to judge, for log, counters and journal (decision D39).

use super::{Envelope, ForwardPath, Reply, ReversePath};

/// Octets kept of a content that is refused: in its header stands what it is called, by which it is found again.
pub const KEPT_OF_REFUSED: usize = 16 * 1024;

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
    /// The queue id of the MTA before us.
    pub queue_id: Option<String>,
    /// The beginning of the content, where that had begun to come. Nobody has looked whether it is private.
    pub unread: Option<Vec<u8>>,
}

impl Refused {
    /// Whether it is one mail that will not go, or not to somebody: what has a sender, and says whom it concerns or is
    /// the answer to the sender itself.
    pub fn concerns_mail(&self) -> bool {
        self.sender.is_some() && (!self.recipients.is_empty() || matches!(self.command, "MAIL" | "RCPT"))
    }
}

/// What a negative reply of a session is about.
#[derive(Debug, Clone, Default)]
pub struct Parties {
    pub sender: Option<ReversePath>,
    pub recipients: Vec<ForwardPath>,
    /// See [`Refused::unread`].
    pub unread: Option<Vec<u8>>,
}

impl Parties {
    pub fn new(sender: Option<ReversePath>, recipients: Vec<ForwardPath>) -> Parties {
        Parties { sender, recipients, unread: None }
    }

    /// Those of a mail of which this has come.
    pub fn of(envelope: &Envelope, content: Option<&[u8]>) -> Parties {
        let recipients = envelope.recipients.iter().map(|recipient| recipient.path.clone()).collect();
        let unread = content.map(|content| content[..content.len().min(KEPT_OF_REFUSED)].to_vec()); // within it
        Parties { sender: Some(envelope.reverse_path.clone()), recipients, unread }
    }
}
