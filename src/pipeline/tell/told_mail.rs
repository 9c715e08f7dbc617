// SPDX-License-Identifier: EUPL-1.2
//! What a sender is told of one mail: kept as facts, since the words are found when it is told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::letter::item;
use crate::mail::{MailId, Mailbox};
use crate::notice::{ADVICE, HELD, NoticeOutcome};
use crate::store::{OutboxItem, OutboxKind};

/// The facts of one mail. Of private mail: date, outcome and number of copies (decision D20).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ToldMail {
    pub mail: MailId,
    pub received: Timestamp,
    /// The language the sender wrote in, where it is known.
    pub language: Option<String>,
    pub private: bool,
    pub outcome: NoticeOutcome,
    pub copies: usize,
    /// One for each copy; none of private mail.
    pub recipients: Vec<String>,
    /// The rule's own text.
    pub text: Option<String>,
    /// The rule's reason.
    pub reason: Option<String>,
    pub subject: Option<String>,
    /// As the header gives it.
    pub message_id: Option<String>,
}

impl ToldMail {
    /// The texts that would do, best first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let general = if self.outcome == NoticeOutcome::Delivered { ADVICE } else { HELD };
        self.text.as_deref().into_iter().chain([general])
    }

    pub fn debt(&self, to: &Mailbox) -> OutboxItem {
        // Plain data: serialising it cannot fail; what could not be read again would be told as an error.
        let facts = serde_json::to_vec(self).unwrap_or_default();
        item(OutboxKind::Debt, to, facts, self.received)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_mail_is_told_of_in_words_that_say_no_why() {
        let mail = |text: Option<&str>, outcome| ToldMail {
            mail: MailId::parse("M1").unwrap(),
            received: Timestamp::UNIX_EPOCH,
            language: None,
            private: text.is_none(),
            outcome,
            copies: 1,
            recipients: Vec::new(),
            text: text.map(str::to_owned),
            reason: None,
            subject: None,
            message_id: None,
        };
        let names = |mail: &ToldMail| mail.names().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(names(&mail(None, NoticeOutcome::Held)), ["held"]);
        assert_eq!(names(&mail(None, NoticeOutcome::Delivered)), ["advice"]);
        assert_eq!(names(&mail(Some("marked"), NoticeOutcome::Held)), ["marked", "held"]);
    }
}
