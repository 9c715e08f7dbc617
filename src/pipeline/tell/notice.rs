// SPDX-License-Identifier: EUPL-1.2
//! Decides whether the sender gets a notice, about which copies, and with which text (decisions D16 and D20).
//!
//! One notice for each mail: about the strictest rule that matched and about every copy that this rule decided. It
//! goes to the outbox: together with held copies, or alone after the next hop has taken everything.

use std::sync::Arc;

use super::letter::item;
use super::rate::NoticePermit;
use crate::mail::{Mail, Mailbox, ReversePath};
use crate::mime::Message;
use crate::notice::{self, ADVICE, HELD, NoticeFacts, NoticeOutcome, spoken};
use crate::pipeline::{Judged, Pipeline};
use crate::policy::verdict::{Disposition, Reason, Verdicts};
use crate::store::{Keeping, NoticeRecipient, OutboxItem, OutboxKind, retry_digest};

/// A notice to be kept, and the leave to send it.
pub(in crate::pipeline) struct Due {
    pub item: OutboxItem,
    pub permit: NoticePermit,
}

impl Pipeline {
    /// The notice this mail asks for, if any. One that cannot be composed is an error in the log and holds up nothing.
    pub(in crate::pipeline) fn notice(&self, mail: &Mail, judged: &Judged) -> Option<Due> {
        let subject = NoticeSubject::of(&judged.verdicts)?;
        let to = self.addressee(mail, judged)?;
        if is_automatic(&judged.message) {
            tracing::debug!(id = %mail.id, "no notice: the mail is automatic");
            return None;
        }
        let ruleset = self.inspector.ruleset.load();
        let private = judged.is_private();
        let spoken = spoken(&judged.message);
        let wanted: Vec<&str> = spoken.into_iter().chain([self.notices.language.as_str()]).collect();
        let Some(chosen) = subject.names(private).find_map(|name| ruleset.notices.choose(name, &wanted)) else {
            tracing::warn!(id = %mail.id, rule = subject.reason.rule, "no notice: the policy folder has no text for it");
            return None;
        };
        let Some(permit) = self.notices.rate.take(&to.key(), &subject.reason.rule, mail.received) else {
            tracing::debug!(id = %mail.id, rule = subject.reason.rule, "no notice: this sender got one for this rule within the last hour");
            return None;
        };
        let recipients = if private {
            notice::counted(chosen.language, subject.copies.len())
        } else {
            let copies = subject.copies.iter().filter_map(|at| mail.envelope.recipients.get(*at));
            notice::named(&copies.map(|recipient| recipient.path.to_string()).collect::<Vec<_>>())
        };
        let title = judged.message.header("subject").filter(|_| !private).and_then(notice::subject);
        let filled = chosen.fill(&NoticeFacts {
            recipients: Some(&recipients),
            count: subject.copies.len() as u64,
            date: &notice::date_in(chosen.language, mail.received, &self.notices.zone),
            reference: Some(&mail.id.0),
            subject: title.as_deref(),
            reason: Some(subject.reason.text.as_str()).filter(|_| !private),
            outcome: Some(subject.outcome),
            house: self.notices.facts(),
            ..NoticeFacts::default()
        });
        let message_id = format!("notice-{}@{}", mail.id, self.hostname);
        let about = judged.message.header("message-id").filter(|_| !private);
        match notice::compose(&filled, &self.notices.heading(to, mail.received, &message_id, about)) {
            Ok(content) => Some(Due { item: item(OutboxKind::Notice, to, content, mail.received), permit }),
            Err(error) => {
                tracing::error!(id = %mail.id, %error, "a notice could not be composed");
                None
            }
        }
    }

    /// Tells the sender of a mail that has gone on whole. The 2xx is given already: what fails here is an error in the
    /// log, and never the client's.
    pub(in crate::pipeline) fn tell(self: &Arc<Self>, mail: &Mail, judged: &Judged) {
        let Some(Due { item, permit }) = self.notice(mail, judged) else { return };
        let (this, mail) = (self.clone(), mail.clone());
        let private = judged.is_private();
        self.under_way.spawn(async move {
            let keeping = Keeping {
                mail: &mail,
                retry_digest: retry_digest(&mail.content),
                message_id: None,
                subject: None,
                private,
                tell: None,
                held: Vec::new(),
                outbox: vec![item],
                series: "o",
            };
            match this.store.keep(&keeping).await {
                Ok(kept) => permit.spend(&kept),
                Err(fault) => tracing::error!(id = %mail.id, %fault, "the notice to the sender is lost"),
            }
        });
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

/// What a notice is about.
struct NoticeSubject<'a> {
    /// The strictest rule that spoke: among equals one that names a text.
    reason: &'a Reason,
    outcome: NoticeOutcome,
    /// The copies that fared so, by index into the envelope's recipients.
    copies: Vec<usize>,
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
                _ => subject = Some(NoticeSubject { reason, outcome, copies: vec![index] }),
            }
            strictest = disposition;
        }
        subject
    }

    /// The suitable texts, best first. A rule's own text says why; for private mail nobody learns this (D20).
    fn names(&self, private: bool) -> impl Iterator<Item = &str> {
        let own = self.reason.notice.as_deref().filter(|_| !private);
        own.into_iter().chain([if self.outcome == NoticeOutcome::Delivered { ADVICE } else { HELD }])
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
    use crate::policy::verdict::{Judgement, Reasons, Verdict};

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
    }

    #[test]
    fn private_mail_is_told_of_in_words_that_say_no_why() {
        let all = verdicts(vec![Verdict::Quarantine {
            because: reasons(&[("q", Disposition::Quarantine, Some("private-mailbox"))]),
        }]);
        let subject = NoticeSubject::of(&all).unwrap();
        assert_eq!(subject.names(true).collect::<Vec<_>>(), ["held"]);
        assert_eq!(subject.names(false).collect::<Vec<_>>(), ["private-mailbox", "held"]);
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
