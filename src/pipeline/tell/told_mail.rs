// SPDX-License-Identifier: EUPL-1.2
//! What a sender is told of one mail: kept as facts, since the words are found when it is told.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::letter::item;
use crate::mail::{MailId, Mailbox};
use crate::notice::{ADVICE, FailureReport, HELD, NoticeOutcome};
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
    /// Copies of the same mail that stay behind in another way.
    #[serde(default)]
    pub beside: Vec<Fared>,
    /// The failure report about those that were refused, where the notice is for the same person (decision D40).
    #[serde(default)]
    pub report: Option<FailureReport>,
}

/// Copies of one mail that fared alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Fared {
    pub outcome: NoticeOutcome,
    pub copies: usize,
    /// One for each copy; none of private mail.
    pub recipients: Vec<String>,
}

impl ToldMail {
    /// The texts that would do, best first.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let general = if self.outcome == NoticeOutcome::Delivered { ADVICE } else { HELD };
        self.text.as_deref().into_iter().chain([general])
    }

    /// Whether its rule has no text, and the one there is for held mail would be wrong: the failure report says it all.
    pub fn is_refused_in_no_words(&self) -> bool {
        self.outcome == NoticeOutcome::Refused && self.text.is_none()
    }

    /// Each group of its copies, the one that the text is about first.
    pub fn groups(&self) -> Vec<Fared> {
        let first = Fared { outcome: self.outcome, copies: self.copies, recipients: self.recipients.clone() };
        std::iter::once(first).chain(self.beside.iter().cloned()).collect()
    }

    /// Those of all groups.
    pub fn all_copies(&self) -> Fared {
        let mut all = Fared { outcome: self.outcome, copies: 0, recipients: Vec::new() };
        for group in self.groups() {
            all.copies += group.copies;
            all.recipients.extend(group.recipients);
        }
        all
    }

    /// What is still to be told where no copy waits any more: what became of those is told by itself.
    pub fn without_held(self) -> Option<ToldMail> {
        let mut left = self.groups();
        left.retain(|group| group.outcome != NoticeOutcome::Held);
        if left.is_empty() {
            return None;
        }
        let Fared { outcome, copies, recipients } = left.remove(0);
        // The rule that held speaks no more for what is left.
        let (text, reason) = if outcome == self.outcome { (self.text, self.reason) } else { (None, None) };
        Some(ToldMail { outcome, copies, recipients, text, reason, beside: left, ..self })
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
            beside: Vec::new(),
            report: None,
        };
        let names = |mail: &ToldMail| mail.names().map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(names(&mail(None, NoticeOutcome::Held)), ["held"]);
        assert_eq!(names(&mail(None, NoticeOutcome::Delivered)), ["advice"]);
        assert_eq!(names(&mail(Some("marked"), NoticeOutcome::Held)), ["marked", "held"]);
    }
}
