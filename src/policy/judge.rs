// SPDX-License-Identifier: EUPL-1.2
//! The verdict on each copy: all rules are asked, the strictest wins, equal facts are asked about once.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;

use super::Policy;
use super::evaluate::{Evaluator, Said};
use super::facts::{self, CampaignFacts, MessageFacts, Named, RecipientFacts};
use super::verdict::{Disposition, Judgement, Reason, Reasons, Verdict, Verdicts};
use crate::detect::Finding;
use crate::detect::reading::evidence::{Sender, SenderProof};
use crate::detect::reading::opened::Opened;
use crate::directory::ClassifiedRecipient;
use crate::mail::Mailbox;
use crate::mail::identity::plain;
use crate::mail::reply::{DEFERRED_BY_POLICY, Deferral, REFUSED_BY_POLICY, Refusal};

/// Whether rules bind, or the whole policy only watches (decision D24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    #[default]
    Enforce,
    /// Everything passes and what rules would have said is recorded; `until` is the first instant after it.
    Observe { until: Option<Timestamp> },
}

impl Mode {
    /// Whether at that instant nothing binds.
    pub fn observes(self, instant: Timestamp) -> bool {
        matches!(self, Mode::Observe { until } if until.is_none_or(|until| instant < until))
    }
}

/// All that a verdict depends on besides the policy itself.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    pub sender: &'a Sender,
    /// One for each envelope recipient, in its order.
    pub recipients: &'a [ClassifiedRecipient],
    pub findings: &'a [Finding],
    pub campaign: &'a CampaignFacts,
    /// What was opened: `strip` takes the attachments among these that hold findings.
    pub opened: &'a [Opened],
    /// Bytes of the message.
    pub size: u64,
    /// Signed or encrypted as a whole: never stripped, but held whole (architecture, promise 4).
    pub sealed: bool,
    pub instant: Timestamp,
}

/// Answers already given, by facts. It belongs to one policy, so the policy's version is part of the key by ownership.
#[derive(Debug)]
pub(crate) struct Memo {
    answers: RwLock<Answers>,
    /// Answers kept; beyond it all are forgotten, which costs an evaluation each.
    pub(crate) most: usize,
    evaluator: Evaluator,
}

#[derive(Debug, Default)]
struct Answers {
    /// Window of validity and facts of the message; then facts of the recipient.
    by_message: HashMap<(usize, MessageFacts), HashMap<RecipientFacts, Arc<Answer>>>,
    count: usize,
}

/// What the rules said, strictest first.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    enforced: Option<Reasons>,
    observed: Option<Reasons>,
}

/// Answers kept unless told otherwise: a few megabytes.
const MOST_ANSWERS: usize = 8192;

impl Memo {
    pub(crate) fn new() -> Memo {
        Memo { answers: RwLock::default(), most: MOST_ANSWERS, evaluator: Evaluator::new() }
    }

    /// How many answers are remembered.
    pub(crate) fn len(&self) -> usize {
        self.answers.read().map_or(0, |answers| answers.count)
    }
}

impl Policy {
    /// One judgement for each recipient, in order. A pure function of question and policy.
    pub fn judge(&self, question: &Question) -> Verdicts {
        self.judge_with(question, true)
    }

    /// The same without memory, for tests and for measuring.
    pub fn judge_afresh(&self, question: &Question) -> Verdicts {
        self.judge_with(question, false)
    }

    /// How many answers the policy remembers.
    pub fn remembered(&self) -> usize {
        self.memo.len()
    }

    fn judge_with(&self, question: &Question, remember: bool) -> Verdicts {
        let mentioned = self.rules.mentioned;
        let Question { sender, recipients, findings, campaign, size, instant, .. } = *question;
        let message = MessageFacts::gather(sender, &self.people, recipients, findings, campaign, size, mentioned);
        let named = Named::gather(findings);
        let key = (self.rules.window(instant), message);
        let mut judgements = Vec::with_capacity(recipients.len());
        let mut missed = Vec::new();
        {
            // A poisoned lock only means that a thread died between two whole answers.
            let answers = self.memo.answers.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            let known = if remember { answers.by_message.get(&key) } else { None };
            for recipient in recipients {
                let facts = self.recipient_facts(question, recipient, &named, mentioned);
                match known.and_then(|known| known.get(&facts)) {
                    Some(answer) => judgements.push(self.conclude(answer, question)),
                    None => {
                        missed.push((judgements.len(), facts));
                        judgements.push(Judgement { verdict: Verdict::Pass, observed: None });
                    }
                }
            }
        }
        if !missed.is_empty() {
            self.ask(key, missed, question, remember, &mut judgements);
        }
        Verdicts(judgements)
    }

    /// Asks the rules about what is not remembered, each different set of facts once.
    fn ask(
        &self,
        key: (usize, MessageFacts),
        missed: Vec<(usize, RecipientFacts)>,
        question: &Question,
        remember: bool,
        judgements: &mut [Judgement],
    ) {
        let mut fresh: HashMap<RecipientFacts, Arc<Answer>> = HashMap::new();
        for (at, facts) in missed {
            let answer = match fresh.get(&facts) {
                Some(answer) if remember => answer.clone(),
                _ => {
                    let said = self.said(&key.1, &facts, question.instant);
                    let answer = Arc::new(Answer::from(said));
                    fresh.insert(facts, answer.clone());
                    answer
                }
            };
            if let Some(judgement) = judgements.get_mut(at) {
                *judgement = self.conclude(&answer, question);
            }
        }
        if remember {
            let mut answers = self.memo.answers.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            if answers.count + fresh.len() > self.memo.most {
                *answers = Answers::default();
            }
            answers.count += fresh.len();
            answers.by_message.entry(key).or_default().extend(fresh);
        }
    }

    /// What all rules say. What frees by sender or unit needs a proven one, what binds needs nothing (decision D18):
    /// a sender who is only claimed hears what the rules say of the claim, and what they say of nobody in particular.
    fn said(&self, message: &MessageFacts, recipient: &RecipientFacts, instant: Timestamp) -> Said {
        let ask =
            |message: &MessageFacts| self.memo.evaluator.ask(&self.rules, &self.lists, message, recipient, instant);
        let mut said = ask(message);
        if message.sender.binds_only {
            let of_nobody = ask(&MessageFacts { sender: message.sender.stranger(), ..message.clone() });
            add(&mut said.enforced, of_nobody.enforced);
            add(&mut said.observed, of_nobody.observed);
        }
        said
    }

    fn recipient_facts(
        &self,
        question: &Question,
        recipient: &ClassifiedRecipient,
        named: &Named,
        mentioned: u64,
    ) -> RecipientFacts {
        let lists = match &recipient.mailbox {
            Some(mailbox) if mentioned & facts::LISTS != 0 => self.lists.bits(mailbox, question.instant),
            _ => 0,
        };
        let allowed = mentioned & facts::ALLOWED != 0
            && recipient.allowed_by.is_some()
            && recipient.mailbox.as_ref().is_some_and(|mailbox| self.allows(question, mailbox));
        RecipientFacts::gather(recipient, named, allowed, lists, mentioned)
    }

    /// Whether an exception in force names this recipient for this sender. A scope frees by sender, so the sender must
    /// be proven (decision D18).
    fn allows(&self, question: &Question, recipient: &Mailbox) -> bool {
        let sender = question.sender;
        let proven = sender.proof == Some(SenderProof::Login);
        let key = sender.mailbox.as_ref().map(plain);
        let person = sender.mailbox.as_ref().and_then(|mailbox| self.people.sender(mailbox));
        let unit = person.map_or("", |person| person.unit.as_str());
        let covers = |scope: &str| match scope.contains('@') {
            true => key.as_deref().is_some_and(|key| key.eq_ignore_ascii_case(scope)),
            false => unit.strip_prefix(scope).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
        };
        self.lists.exceptions_for(recipient, question.instant).iter().any(|exception| {
            exception.scope.is_empty() || (proven && exception.scope.iter().any(|scope| covers(scope)))
        })
    }

    fn conclude(&self, answer: &Answer, question: &Question) -> Judgement {
        if self.mode.observes(question.instant) {
            let all = [&answer.enforced, &answer.observed];
            let reasons = all.into_iter().flatten().flat_map(|reasons| reasons.iter().cloned()).collect();
            return Judgement { verdict: Verdict::Pass, observed: Reasons::new(reasons) };
        }
        let verdict = match &answer.enforced {
            None => Verdict::Pass,
            Some(because) => verdict(because.clone(), question),
        };
        Judgement { verdict, observed: answer.observed.clone() }
    }
}

/// Adds what is not said yet.
fn add(said: &mut Vec<Reason>, more: Vec<Reason>) {
    for reason in more {
        if !said.iter().any(|known| known.rule == reason.rule) {
            said.push(reason);
        }
    }
}

impl From<Said> for Answer {
    fn from(said: Said) -> Answer {
        Answer { enforced: Reasons::new(said.enforced), observed: Reasons::new(said.observed) }
    }
}

/// The strictest reason decides.
fn verdict(because: Reasons, question: &Question) -> Verdict {
    match because.first().disposition {
        Disposition::Pass => Verdict::Pass,
        Disposition::Notify => Verdict::Notify { because },
        Disposition::Strip => {
            let parts = parts_with_findings(question);
            // Nothing to take out, or nothing that may be: the copy is held whole.
            if question.sealed || parts.is_empty() {
                Verdict::Quarantine { because }
            } else {
                Verdict::Strip { because, parts }
            }
        }
        Disposition::Quarantine => Verdict::Quarantine { because },
        Disposition::Defer => Verdict::Defer { because, reply: const { Deferral::from_row(DEFERRED_BY_POLICY) } },
        Disposition::Reject => Verdict::Reject { because, reply: const { Refusal::from_row(REFUSED_BY_POLICY) } },
    }
}

/// The attachments that hold findings, as indices of message parts.
fn parts_with_findings(question: &Question) -> Vec<usize> {
    let holds = |opened: &&Opened| {
        question.findings.iter().any(|finding| match finding.place.strip_prefix(opened.place.as_str()) {
            Some(rest) => rest.is_empty() || rest.starts_with(['#', '/']),
            None => false,
        })
    };
    let mut parts: Vec<usize> = question.opened.iter().filter(holds).map(|opened| opened.part).collect();
    parts.sort_unstable();
    parts.dedup();
    parts
}
