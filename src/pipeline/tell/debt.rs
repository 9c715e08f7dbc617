// SPDX-License-Identifier: EUPL-1.2
//! Paying what senders are owed (decision D16): the first mail of a sender that was held, refused or cut is told at
//! once, those of the following hour together in one notice that names each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::letter::item;
use super::told_mail::{Fared, ToldMail};
use crate::mail::Mailbox;
use crate::notice::{
    self, Chosen, FailureReport, NoticeFacts, NoticeOutcome, Notices, OutcomeGroup, SEVERAL, Stamp, dsn,
};
use crate::pipeline::Pipeline;
use crate::store::{Debt, OutboxItem, OutboxKind, StoreError};

impl Pipeline {
    /// Tells what is owed and due: to one person, or to everybody. Gives how many notices that were. What cannot be told
    /// is an error in the log.
    ///
    /// # Errors
    /// The store does not answer: the next call tells it.
    pub async fn tell_owed(&self, to: Option<&Mailbox>, now: Timestamp) -> Result<usize, StoreError> {
        let mut by_person: BTreeMap<String, Vec<Debt>> = BTreeMap::new();
        for debt in self.store.debts(to, now).await? {
            by_person.entry(debt.to.clone()).or_default().push(debt);
        }
        let mut told = 0;
        for (to, debts) in by_person {
            let (due, moot): (Vec<_>, Vec<_>) = debts.into_iter().partition(|debt| still_news(debt).is_some());
            if !moot.is_empty() {
                self.store.forgive_debts(&moot, now).await?;
            }
            let mails: Vec<ToldMail> = due.iter().filter_map(still_news).collect();
            let letter = self
                .own_addressee(&to, now)
                .and_then(|to| self.letter_about(&mails.iter().collect::<Vec<_>>(), &to, now));
            match letter {
                Some(letter) => told += usize::from(self.store.pay_debts(&due, letter, now).await?),
                None => self.store.forgive_debts(&due, now).await?,
            }
        }
        Ok(told)
    }

    fn own_addressee(&self, to: &str, now: Timestamp) -> Option<Mailbox> {
        let Ok(to) = Mailbox::parse(to) else {
            tracing::error!("no notice: the sender that the store names is no address");
            return None;
        };
        let is_own = self.inspector.ruleset.load().policy.lists.is_own(&to, now);
        if !is_own {
            tracing::info!(%to, "no notice: the sender is no longer of our domains");
        }
        is_own.then_some(to)
    }

    /// The letter about one mail, or about several.
    pub(super) fn letter_about(&self, mails: &[&ToldMail], to: &Mailbox, now: Timestamp) -> Option<OutboxItem> {
        let first = *mails.first()?;
        let message_id = format!("notice-{}@{}", first.mail, self.hostname);
        if let ([mail], Some(report)) = (mails, &first.report)
            && mail.is_refused_in_no_words()
        {
            let stamp = Stamp { host: &self.hostname, date: now, message_id: &message_id };
            return Some(item(OutboxKind::Notice, to, dsn::compose(report, b"", &stamp), now));
        }
        let (ruleset, notifier) = (self.inspector.ruleset.load(), self.notices.load());
        let spoken = mails.iter().find_map(|mail| mail.language.as_deref());
        let wanted: Vec<&str> = spoken.into_iter().chain([notifier.language.as_str()]).collect();
        let several = ruleset.notices.choose(SEVERAL, &wanted).filter(|_| mails.len() > 1);
        let chosen = several.or_else(|| own_text(&ruleset.notices, first, &wanted));
        let Some(chosen) = chosen else {
            tracing::warn!(id = %first.mail, "no notice: the policy folder has no text for it");
            return None;
        };
        let shown: Vec<Shown> = mails.iter().map(|mail| shown(mail, chosen.language, &notifier.zone)).collect();
        let mut lines: BTreeMap<NoticeOutcome, Vec<String>> = BTreeMap::new();
        for (mail, shown) in mails.iter().zip(&shown) {
            let has_own = !mail.private && !mail.is_refused_in_no_words();
            let own = own_text(&ruleset.notices, mail, &[chosen.language]).filter(|_| has_own);
            for group in mail.groups() {
                let own = own.filter(|_| group.outcome == mail.outcome);
                let recipients = recipients_of(&group, mail.private, chosen.language);
                lines.entry(group.outcome).or_default().push(shown.line(&recipients, own));
            }
        }
        // One mail whose copies fared differently: each group by its own words.
        let groups = if mails.len() == 1 && !first.beside.is_empty() { first.groups() } else { Vec::new() };
        let named: Vec<String> =
            groups.iter().map(|group| recipients_of(group, first.private, chosen.language)).collect();
        let apart: Vec<OutcomeGroup> = groups
            .iter()
            .zip(&named)
            .map(|(group, recipients)| OutcomeGroup { outcome: group.outcome, recipients, count: group.copies as u64 })
            .collect();
        let together =
            |of: fn(&Shown) -> &str| notice::named(&shown.iter().map(|s| of(s).to_owned()).collect::<Vec<_>>());
        let references = shown.iter().map(|shown| shown.reference.as_str()).collect::<Vec<_>>().join(", ");
        let filled = chosen.fill(&NoticeFacts {
            recipients: Some(&together(|shown| &shown.recipients)),
            count: mails.iter().flat_map(|mail| mail.groups()).map(|group| group.copies as u64).sum(),
            date: &together(|shown| &shown.date),
            // Where there is no list, each by its reference, however many.
            reference: Some(references.as_str()).filter(|_| several.is_none()),
            subject: first.subject.as_deref().filter(|_| mails.len() == 1),
            reason: first.reason.as_deref().filter(|_| mails.len() == 1),
            outcome: Some(first.outcome),
            apart: &apart,
            mails: Some(&lines),
            digest: None,
            house: notifier.facts(),
        });
        let about = first.message_id.as_deref().filter(|_| mails.len() == 1);
        // One event, one mail (decision D40).
        let reports: Vec<FailureReport> = mails.iter().filter_map(|mail| mail.report.clone()).collect();
        let heading = notifier.heading(to, now, &message_id, about);
        match notice::compose_report(&filled, &heading, &reports, &self.hostname) {
            Ok(content) => Some(item(OutboxKind::Notice, to, content, now)),
            Err(error) => {
                tracing::error!(id = %first.mail, %error, "a notice could not be composed");
                None
            }
        }
    }
}

fn shown(mail: &ToldMail, language: &str, zone: &TimeZone) -> Shown {
    Shown {
        date: notice::date_in(language, mail.received, zone),
        recipients: recipients_of(&mail.all_copies(), mail.private, language),
        subject: mail.subject.clone(),
        reference: mail.mail.to_string(),
    }
}

/// Names copies, or counts those of private mail.
fn recipients_of(copies: &Fared, private: bool, language: &str) -> String {
    match private {
        true => notice::counted(language, copies.copies),
        false => notice::named(&copies.recipients),
    }
}

/// The facts of one mail as its sender reads them.
struct Shown {
    date: String,
    recipients: String,
    subject: Option<String>,
    reference: String,
}

impl Shown {
    /// The mail to these of its recipients in one line, with the title of the text there is about it.
    fn line(&self, recipients: &str, text: Option<Chosen<'_>>) -> String {
        let known = [Some(self.date.as_str()), Some(recipients), self.subject.as_deref()];
        let all = known.into_iter().chain([text.map(|text| text.title()), Some(&self.reference)]);
        all.flatten().collect::<Vec<_>>().join(" — ")
    }
}

/// What is still to be told. A held mail of which no copy waits any more was told of, or will be, by what became of it.
fn still_news(debt: &Debt) -> Option<ToldMail> {
    match serde_json::from_slice::<ToldMail>(&debt.facts) {
        Ok(mail) if debt.waits => Some(mail),
        Ok(mail) => mail.without_held(),
        Err(error) => {
            tracing::error!(mail = %debt.mail, %error, "what a sender is owed cannot be read: nobody is told");
            None
        }
    }
}

fn own_text<'n>(notices: &'n Notices, mail: &ToldMail, wanted: &[&str]) -> Option<Chosen<'n>> {
    mail.names().find_map(|name| notices.choose(name, wanted))
}
