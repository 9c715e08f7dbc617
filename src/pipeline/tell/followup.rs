// SPDX-License-Identifier: EUPL-1.2
//! Later notices to senders: a held copy will expire, was released, rejected, or has expired (decision D16). One
//! notice for each sender and event covers everything since the last one.

use std::collections::{BTreeMap, HashSet};

use jiff::Timestamp;

use super::letter::item;
use crate::mail::Mailbox;
use crate::notice::{self, NoticeFacts};
use crate::pipeline::Pipeline;
use crate::store::{FollowupEvent, OutboxItem, OutboxKind, PendingFollowup, StoreError};

impl Pipeline {
    /// Sends the notices that are due now, and returns how many. A notice that cannot be sent is an error in the log.
    ///
    /// # Errors
    /// The store does not answer: the next call reports it.
    pub async fn send_followups(&self, now: Timestamp) -> Result<usize, StoreError> {
        let mut together: BTreeMap<(String, FollowupEvent, bool), Vec<PendingFollowup>> = BTreeMap::new();
        for pending in self.store.pending_followups(now).await? {
            // Private mail gets a notice of its own, with another text (decision D20).
            together.entry((pending.to.clone(), pending.event, pending.private)).or_default().push(pending);
        }
        let (mut told, mut this_hour) = (0, HashSet::new());
        for ((to, event, _), copies) in together {
            if !event.is_decision() && this_hour.contains(&(to.clone(), event)) {
                continue;
            }
            match self.followup(&copies, now) {
                Some(notice) => {
                    if self.store.keep_followup(&copies, notice, now).await? {
                        told += 1;
                        this_hour.insert((to, event));
                    }
                }
                None => self.store.drop_followups(&copies, now).await?,
            }
        }
        Ok(told)
    }

    /// The notice about copies of one sender to which the same happened.
    fn followup(&self, copies: &[PendingFollowup], now: Timestamp) -> Option<OutboxItem> {
        let first = copies.first()?;
        let name = first.event.as_str();
        let (ruleset, notifier) = (self.inspector.ruleset.load(), self.notices.load());
        let Ok(to) = Mailbox::parse(&first.to) else {
            tracing::error!(copy = %first.copy, name, "no notice: the sender that the store names is no address");
            return None;
        };
        if !ruleset.policy.lists.is_own(&to, now) {
            tracing::info!(copy = %first.copy, name, "no notice: the sender is no longer in our own domains");
            return None;
        }
        let wanted: Vec<&str> = first.language.as_deref().into_iter().chain([notifier.language.as_str()]).collect();
        let Some(chosen) = ruleset.notices.choose(name, &wanted) else {
            tracing::warn!(copy = %first.copy, name, "no notice: the policy folder has no text for it");
            return None;
        };
        let named = distinct(copies.iter().map(|copy| copy.recipient.clone()));
        let (recipients, count) = match first.private {
            true => (notice::counted(chosen.language, copies.len()), copies.len()),
            false => (notice::named(&named), named.len()),
        };
        let date = |copy: &PendingFollowup| notice::date_in(chosen.language, copy.received, &notifier.zone);
        let filled = chosen.fill(&NoticeFacts {
            recipients: Some(&recipients),
            count: count as u64,
            date: &notice::named(&distinct(copies.iter().map(date))),
            reference: Some(&notice::named(&distinct(copies.iter().map(|copy| copy.mail.to_string())))),
            house: notifier.facts(),
            ..NoticeFacts::default()
        });
        let about = first.message_id.as_ref().filter(|_| !first.private).map(|id| format!("<{id}>"));
        let message_id = format!("{name}-{}@{}", first.copy, self.hostname);
        let heading = notifier.heading(&to, now, &message_id, about.as_deref());
        // One event, one mail (decision D40).
        let reports = PendingFollowup::reports(copies);
        match notice::compose_report(&filled, &heading, &reports, &self.hostname) {
            Ok(content) => Some(item(OutboxKind::Notice, &to, content, now)),
            Err(error) => {
                tracing::error!(copy = %first.copy, name, %error, "a notice could not be composed");
                None
            }
        }
    }
}

/// Each once, in the order they come.
fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = HashSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}
