// SPDX-License-Identifier: EUPL-1.2
//! Decides whether the sender gets a notice, about which copies, and how soon (decisions D16 and D20).
//!
//! One notice for each mail: about the strictest rule that matched and about every copy that this rule decided. What was
//! held, refused or stripped is a debt, kept with what stays behind of the mail; a notice about noted mail goes out by
//! itself, once the next hop has taken everything, and not again for a while.

use std::sync::Arc;

use super::report;
use super::told_mail::{Fared, ToldMail};
use crate::mail::{Mail, Mailbox, ReversePath};
use crate::mime::Message;
use crate::notice::{self, NoticeOutcome, Stamp, spoken};
use crate::pipeline::{Judged, Pipeline};
use crate::policy::verdict::{Disposition, Judgement, Reason, Verdicts};
use crate::store::{Keeping, NotedTurn, NoticeRecipient, OutboxItem, StoreError, retry_digest};

/// What the sender of one mail is to be told.
struct Telling<'a> {
    to: &'a Mailbox,
    rule: &'a str,
    mail: ToldMail,
}

impl Pipeline {
    /// What the sender is still to be told of a mail of which something stays behind, to be kept with it: a notice, which
    /// carries the failure report about the `refused` copies where both are for one person (decision D40), or either.
    pub(in crate::pipeline) fn owed(&self, mail: &Mail, judged: &Judged, refused: &[usize]) -> Vec<OutboxItem> {
        let mut report = report::refusal(mail, judged.is_private(), refused);
        let telling = self.telling(mail, judged).filter(|telling| telling.mail.outcome != NoticeOutcome::Delivered);
        let debt = telling.map(|Telling { to, mail: mut told, .. }| {
            let sender = mail.envelope.reverse_path.mailbox();
            if sender.is_some_and(|sender| sender.key() == to.key()) {
                told.report = report.take();
            }
            told.debt(to)
        });
        let message_id = format!("refused-{}@{}", mail.id, self.hostname);
        let stamp = Stamp { host: &self.hostname, date: mail.received, message_id: &message_id };
        let report = report.and_then(|report| report::letter(&report, mail, &stamp));
        debt.into_iter().chain(report).collect()
    }

    /// Tells the sender of a mail whose transaction is over: `kept` is whether a debt stands in the store. The 2xx is
    /// given: what fails here is an error in the log, and never the client's.
    pub(in crate::pipeline) fn tell(self: &Arc<Self>, mail: &Mail, judged: &Judged, kept: bool) {
        let Some(telling) = self.telling(mail, judged) else { return };
        let (this, mail, to) = (self.clone(), mail.clone(), telling.to.clone());
        let (rule, told, private) = (telling.rule.to_owned(), telling.mail, judged.is_private());
        self.under_way.spawn(async move {
            let result = if told.outcome == NoticeOutcome::Delivered {
                this.note(&mail, &to, &rule, &told).await
            } else {
                let debt = (!kept).then(|| told.debt(&to));
                this.tell_at_once(&mail, &to, private, debt).await
            };
            if let Err(fault) = result {
                tracing::error!(id = %mail.id, %fault, "the sender could not be told at once");
            }
        });
    }

    /// Tells of mail that was noted, unless the same rule's notice to the same person is too young.
    async fn note(&self, mail: &Mail, to: &Mailbox, rule: &str, told: &ToldMail) -> Result<(), StoreError> {
        let since = mail.received.checked_sub(self.notices.load().noted_every).unwrap_or(mail.received);
        let turn = NotedTurn { to, rule, since };
        if self.store.was_noted(turn).await? {
            tracing::debug!(id = %mail.id, rule, "no notice: this sender had one for this rule already");
            return Ok(());
        }
        let Some(item) = self.letter_about(&[told], to, mail.received) else { return Ok(()) };
        self.store.keep_noted(&keeping(mail, told.private, item), turn).await?;
        Ok(())
    }

    async fn tell_at_once(
        &self,
        mail: &Mail,
        to: &Mailbox,
        private: bool,
        debt: Option<OutboxItem>,
    ) -> Result<(), StoreError> {
        if let Some(debt) = debt {
            self.store.keep(&keeping(mail, private, debt)).await?;
        }
        self.tell_owed(Some(to), mail.received).await?;
        Ok(())
    }

    fn telling<'a>(&self, mail: &'a Mail, judged: &'a Judged) -> Option<Telling<'a>> {
        let subject = NoticeSubject::of(&judged.verdicts)?;
        let to = self.addressee(mail, judged)?;
        if is_automatic(&judged.message) {
            tracing::debug!(id = %mail.id, "no notice: the mail is automatic");
            return None;
        }
        let private = judged.is_private();
        let header = |name| judged.message.header(name).filter(|_| !private);
        let fared = |outcome, copies: &[usize]| {
            let there = copies.iter().filter_map(|at| mail.envelope.recipients.get(*at));
            let recipients = there.filter(|_| !private).map(|recipient| recipient.path.to_string()).collect();
            Fared { outcome, copies: copies.len(), recipients }
        };
        let first = fared(subject.outcome, &subject.copies);
        let told = ToldMail {
            mail: mail.id.clone(),
            received: mail.received,
            language: spoken(&judged.message).map(str::to_owned),
            private,
            outcome: subject.outcome,
            copies: first.copies,
            recipients: first.recipients,
            // A rule's own text says why, which nobody is told of private mail.
            text: subject.reason.notice.clone().filter(|_| !private),
            reason: Some(subject.reason.text.clone()).filter(|_| !private),
            subject: header("subject").and_then(notice::subject),
            message_id: header("message-id").map(str::to_owned),
            beside: subject.beside.iter().map(|(outcome, copies)| fared(*outcome, copies)).collect(),
            report: None,
        };
        Some(Telling { to, rule: &subject.reason.rule, mail: told })
    }

    /// Who gets the later notices about this mail's held copies.
    pub(in crate::pipeline) fn followup_recipient(&self, mail: &Mail, judged: &Judged) -> Option<NoticeRecipient> {
        let to = self.addressee(mail, judged).filter(|_| !is_automatic(&judged.message))?;
        Some(NoticeRecipient { to: to.clone(), language: spoken(&judged.message).map(str::to_owned) })
    }

    /// Who gets the notice: the sender by login, else by envelope, if it is one of ours; nobody if the reverse-path is null
    /// (RFC 3834 §2).
    fn addressee<'a>(&self, mail: &'a Mail, judged: &'a Judged) -> Option<&'a Mailbox> {
        let ReversePath::Mailbox(claimed) = &mail.envelope.reverse_path else { return None };
        let ruleset = self.inspector.ruleset.load();
        let known = judged.sender.mailbox.iter().chain([claimed]);
        let own = known.into_iter().find(|mailbox| ruleset.policy.lists.is_own(mailbox, mail.received));
        if own.is_none() {
            tracing::debug!(id = %mail.id, "no notice: the sender is not in our own domains");
        }
        own
    }
}

/// A notice, or the debt of one, of which nothing else is kept.
fn keeping(mail: &Mail, private: bool, item: OutboxItem) -> Keeping<'_> {
    Keeping {
        mail,
        retry_digest: retry_digest(&mail.content),
        message_id: None,
        subject: None,
        private,
        unit: None,
        tell: None,
        held: Vec::new(),
        outbox: vec![item],
        series: "o",
    }
}

/// What a notice is about.
struct NoticeSubject<'a> {
    /// The strictest rule that spoke: among equals one that names a text.
    reason: &'a Reason,
    outcome: NoticeOutcome,
    /// The copies that fared so, by index into the envelope's recipients.
    copies: Vec<usize>,
    /// The others of which something stays behind, the strictest first.
    beside: Vec<(NoticeOutcome, Vec<usize>)>,
}

impl<'a> NoticeSubject<'a> {
    fn of(verdicts: &'a Verdicts) -> Option<NoticeSubject<'a>> {
        let mut strictest = Disposition::Pass;
        let mut subject: Option<NoticeSubject<'a>> = None;
        for (index, judgement) in verdicts.0.iter().enumerate() {
            let Some(because) = judgement.verdict.because() else { continue };
            let disposition = judgement.verdict.disposition();
            let Some(outcome) = NoticeOutcome::of(disposition) else { continue };
            // Rules ask for what the first of them says; a strip that could not be done is a hold by the same rule.
            let strict = because.first().disposition;
            let named = because.iter().take_while(|reason| reason.disposition == strict);
            let reason = named.clone().find(|reason| reason.notice.is_some()).unwrap_or(because.first());
            // A refused copy has its failure report (decision D1c); a text of the rule's own says more.
            if disposition < strictest || (outcome == NoticeOutcome::Refused && reason.notice.is_none()) {
                continue;
            }
            match &mut subject {
                Some(subject) if disposition == strictest => {
                    subject.copies.push(index);
                    if subject.reason.notice.is_none() {
                        subject.reason = reason;
                    }
                }
                _ => subject = Some(NoticeSubject { reason, outcome, copies: vec![index], beside: Vec::new() }),
            }
            strictest = disposition;
        }
        let mut subject = subject?;
        if subject.outcome != NoticeOutcome::Delivered {
            for outcome in [NoticeOutcome::Refused, NoticeOutcome::Held, NoticeOutcome::Stripped] {
                let fared_so = |(index, judgement): (usize, &Judgement)| {
                    let is_so = NoticeOutcome::of(judgement.verdict.disposition()) == Some(outcome);
                    (is_so && outcome != subject.outcome).then_some(index)
                };
                let copies: Vec<usize> = verdicts.0.iter().enumerate().filter_map(fared_so).collect();
                if !copies.is_empty() {
                    subject.beside.push((outcome, copies));
                }
            }
        }
        Some(subject)
    }
}

/// Mail that no person wrote to be answered: RFC 3834 §2 and §5, RFC 2919, and what came before them.
fn is_automatic(message: &Message) -> bool {
    let says = |name: &str, test: &dyn Fn(&str) -> bool| {
        let value = message.header(name).map(|value| value.split([';', ' ']).next().unwrap_or("").to_ascii_lowercase());
        value.is_some_and(|value| test(&value))
    };
    says("auto-submitted", &|value| value != "no")
        || says("list-id", &|_| true)
        || says("precedence", &|value| ["bulk", "junk", "list"].contains(&value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mime::ParseBudget;
    use crate::policy::verdict::{Reasons, Verdict};

    fn reasons(rules: &[(&str, Disposition, Option<&str>)]) -> Reasons {
        let reason = |(rule, disposition, notice): &(&str, Disposition, Option<&str>)| Reason {
            rule: (*rule).into(),
            text: "because.".into(),
            disposition: *disposition,
            notice: notice.map(str::to_owned),
        };
        Reasons::new(rules.iter().map(reason).collect()).unwrap()
    }

    fn verdicts(all: Vec<Verdict>) -> Verdicts {
        Verdicts(all.into_iter().map(|verdict| Judgement { verdict, observed: None }).collect())
    }

    fn told(all: Vec<Verdict>) -> Option<(String, Option<String>, NoticeOutcome, Vec<usize>)> {
        let verdicts = verdicts(all);
        let subject = NoticeSubject::of(&verdicts)?;
        Some((subject.reason.rule.clone(), subject.reason.notice.clone(), subject.outcome, subject.copies))
    }

    #[test]
    fn the_strictest_rule_speaks_for_every_copy_that_fared_so() {
        use Disposition::{Notify, Quarantine, Reject, Strip};
        let notify = || Verdict::Notify { because: reasons(&[("n", Notify, Some("soft"))]) };
        let hold = |rule, notice| Verdict::Quarantine { because: reasons(&[(rule, Quarantine, notice)]) };
        assert_eq!(told(vec![Verdict::Pass, Verdict::Pass]), None);
        let both = told(vec![Verdict::Pass, notify(), notify()]);
        assert_eq!(both, Some(("n".into(), Some("soft".into()), NoticeOutcome::Delivered, vec![1, 2])));
        let mixed = told(vec![notify(), hold("plain", None), Verdict::Pass, hold("q", Some("marked"))]);
        assert_eq!(mixed, Some(("q".into(), Some("marked".into()), NoticeOutcome::Held, vec![1, 3])));
        // A weaker rule's text does not explain a hold.
        let because = reasons(&[("n", Notify, Some("soft")), ("q", Quarantine, None)]);
        let held = told(vec![Verdict::Quarantine { because }]);
        assert_eq!(held, Some(("q".into(), None, NoticeOutcome::Held, vec![0])));
        // A strip that became a hold keeps its rule.
        let because = reasons(&[("s", Strip, Some("cut"))]);
        let held = told(vec![Verdict::Quarantine { because }]);
        assert_eq!(held, Some(("s".into(), Some("cut".into()), NoticeOutcome::Held, vec![0])));
        let refused = |notice| Verdict::Reject {
            because: reasons(&[("r", Reject, notice)]),
            reply: crate::mail::reply::Refusal::from_row(crate::mail::reply::REFUSED_BY_POLICY),
        };
        assert_eq!(told(vec![refused(None), notify()]).map(|t| t.0), Some("n".into()), "the report tells the rest");
        assert_eq!(told(vec![refused(Some("never")), notify()]).map(|t| t.3), Some(vec![0]));
        // What stays behind in another way is told beside.
        let beside = |all: Vec<Verdict>| {
            let verdicts = verdicts(all);
            NoticeSubject::of(&verdicts).map(|subject| (subject.outcome, subject.beside))
        };
        let all = |notice| vec![hold("q", None), refused(notice), notify(), refused(notice)];
        assert_eq!(beside(all(None)), Some((NoticeOutcome::Held, vec![(NoticeOutcome::Refused, vec![1, 3])])));
        assert_eq!(beside(all(Some("never"))), Some((NoticeOutcome::Refused, vec![(NoticeOutcome::Held, vec![0])])));
        assert_eq!(beside(vec![refused(None), notify()]), Some((NoticeOutcome::Delivered, vec![])));
    }

    #[test]
    fn automatic_mail_is_known_by_its_header() {
        let automatic = |header: &str| {
            let content = format!("From: a@x.example\r\n{header}\r\n\r\nHello\r\n");
            is_automatic(&crate::mime::parse(content.as_bytes(), &ParseBudget::default()))
        };
        for header in [
            "Auto-Submitted: auto-generated",
            "auto-submitted: Auto-Replied; owner-email=\"a@x.example\"",
            "List-Id: <news.x.example>",
            "Precedence: Bulk",
            "Precedence: list",
            "Precedence: junk",
        ] {
            assert!(automatic(header), "{header}");
        }
        for header in ["Auto-Submitted: no", "Auto-Submitted: No (by hand)", "Precedence: first-class", "X-Y: z"] {
            assert!(!automatic(header), "{header}");
        }
    }
}
