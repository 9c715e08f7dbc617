// SPDX-License-Identifier: EUPL-1.2
//! The verdict on each copy: asks all rules, the strictest wins; asks only once about equal facts.

use std::collections::HashMap;
use std::sync::{Arc, RwLock};

use jiff::Timestamp;

use super::Policy;
use super::evaluate::{Evaluator, Said};
use super::facts::{Facts, MessageFacts, Proof, RecipientFacts, SenderFacts};
use super::question::Question;
use super::verdict::{Disposition, Judgement, Reason, Reasons, Verdict, Verdicts};
use crate::detect::reading::opened::Opened;
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
    by_mail: HashMap<MailKey, HashMap<RecipientFacts, Arc<Opinion>>>,
    count: usize,
}

/// What answers depend on besides the recipient, as far as rules ask for it.
#[derive(Debug, PartialEq, Eq, Hash)]
struct MailKey {
    /// Which rules are in force, by [`Rules::window`](super::rules::Rules::window).
    window: usize,
    sender: SenderFacts,
    /// Only MAIL FROM says who sends, and some rule asks who: what frees by that needs more (decision D18).
    binds_only: bool,
    message: MessageFacts,
}

/// What rules come to for one copy, whatever can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opinion {
    /// Why it does not simply pass.
    pub because: Option<Reasons>,
    /// What rules that only observe would have said.
    pub observed: Option<Reasons>,
}

impl Opinion {
    /// What becomes of the copy. Of a message out of which nothing may be taken no attachment is stripped: it is held
    /// whole.
    pub fn disposition(&self, can_strip: bool) -> Disposition {
        match self.because.as_ref().map_or(Disposition::Pass, |because| because.first().disposition) {
            Disposition::Strip if !can_strip => Disposition::Quarantine,
            other => other,
        }
    }
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
    /// One judgement for each recipient, in order. A pure function of question and policy; `facts` are those of the
    /// question ([`Policy::facts`]).
    pub fn judge(&self, question: &Question, facts: &Facts) -> Verdicts {
        self.judge_with(question, facts, true)
    }

    /// The same without memory, for tests and for measuring.
    pub fn judge_afresh(&self, question: &Question, facts: &Facts) -> Verdicts {
        self.judge_with(question, facts, false)
    }

    /// How many answers the policy remembers.
    pub fn remembered(&self) -> usize {
        self.memo.len()
    }

    fn judge_with(&self, question: &Question, facts: &Facts, remember: bool) -> Verdicts {
        let parts = strippable(question);
        let verdict =
            |opinion: Opinion| Judgement { verdict: verdict(opinion.because, &parts), observed: opinion.observed };
        Verdicts(self.opinions(facts, question.instant, remember).map(verdict).collect())
    }

    /// What the rules come to for each recipient, in the policy's mode at that instant.
    pub(super) fn opinions(
        &self,
        facts: &Facts,
        instant: Timestamp,
        remember: bool,
    ) -> impl Iterator<Item = Opinion> + use<> {
        let observes = self.mode.observes(instant);
        let answers = self.answers(facts, instant, remember);
        answers.into_iter().map(move |answer| if observes { answer.observed_only() } else { (*answer).clone() })
    }

    /// What the rules say about each recipient: out of memory, else by asking them.
    fn answers(&self, facts: &Facts, instant: Timestamp, remember: bool) -> Vec<Arc<Opinion>> {
        let asked = self.rules.asked;
        let mail = MailKey {
            window: self.rules.window(instant),
            sender: facts.sender.asked(asked.sender),
            binds_only: facts.sender.proof == Proof::Claimed && self.rules.ask_who_sends,
            message: facts.message.asked(asked.message),
        };
        let recipients: Vec<RecipientFacts> =
            facts.recipients.iter().map(|recipient| recipient.asked(asked.recipient)).collect();
        let known: Vec<Option<Arc<Opinion>>> = {
            // A poisoned lock only means that a thread died between two whole answers.
            let answers = self.memo.answers.read().unwrap_or_else(|poisoned| poisoned.into_inner());
            let known = answers.by_mail.get(&mail).filter(|_| remember);
            recipients.iter().map(|recipient| known?.get(recipient).cloned()).collect()
        };
        if known.iter().all(Option::is_some) {
            return known.into_iter().flatten().collect();
        }
        let mut fresh: HashMap<RecipientFacts, Arc<Opinion>> = HashMap::new();
        let mut all = Vec::with_capacity(recipients.len());
        for (recipient, known) in recipients.into_iter().zip(known) {
            // Each different set of facts is asked about once.
            let answer = match known.or_else(|| fresh.get(&recipient).filter(|_| remember).cloned()) {
                Some(answer) => answer,
                None => {
                    let answer = Arc::new(Opinion::from(self.ask(&mail, &recipient, instant)));
                    fresh.insert(recipient, answer.clone());
                    answer
                }
            };
            all.push(answer);
        }
        if remember {
            let mut answers = self.memo.answers.write().unwrap_or_else(|poisoned| poisoned.into_inner());
            if answers.count + fresh.len() > self.memo.most {
                *answers = Answers::default();
            }
            answers.count += fresh.len();
            answers.by_mail.entry(mail).or_default().extend(fresh);
        }
        all
    }

    /// What all rules say. A condition that frees by sender or unit needs proof, one that binds does not (decision D18). So
    /// octroi asks twice about an unproven sender: as the one it claims to be, and as nobody.
    fn ask(&self, mail: &MailKey, recipient: &RecipientFacts, instant: Timestamp) -> Said {
        let ask = |sender: &SenderFacts| {
            self.memo.evaluator.ask(&self.rules, &self.lists, sender, &mail.message, recipient, instant)
        };
        let mut said = ask(&mail.sender);
        if mail.binds_only {
            let of_nobody = ask(&mail.sender.stranger());
            add(&mut said.enforced, of_nobody.enforced);
            add(&mut said.observed, of_nobody.observed);
        }
        said
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

impl From<Said> for Opinion {
    fn from(said: Said) -> Opinion {
        Opinion { because: Reasons::new(said.enforced), observed: Reasons::new(said.observed) }
    }
}

impl Opinion {
    /// The same where the whole policy only watches (decision D24).
    fn observed_only(&self) -> Opinion {
        let all = [&self.because, &self.observed];
        let reasons = all.into_iter().flatten().flat_map(|reasons| reasons.iter().cloned()).collect();
        Opinion { because: None, observed: Reasons::new(reasons) }
    }
}

/// The strictest reason decides.
fn verdict(because: Option<Reasons>, parts: &[usize]) -> Verdict {
    let Some(because) = because else { return Verdict::Pass };
    match because.first().disposition {
        Disposition::Pass => Verdict::Pass,
        Disposition::Notify => Verdict::Notify { because },
        // Nothing to take out, or nothing that may be: the copy is held whole.
        Disposition::Strip if parts.is_empty() => Verdict::Quarantine { because },
        Disposition::Strip => Verdict::Strip { because, parts: parts.to_vec() },
        Disposition::Quarantine => Verdict::Quarantine { because },
        Disposition::Defer => Verdict::Defer { because, reply: const { Deferral::from_row(DEFERRED_BY_POLICY) } },
        Disposition::Reject => Verdict::Reject { because, reply: const { Refusal::from_row(REFUSED_BY_POLICY) } },
    }
}

/// The attachments that hold findings, as indices of message parts; none where the message is signed or encrypted.
pub(super) fn strippable(question: &Question) -> Vec<usize> {
    if question.sealed {
        return Vec::new();
    }
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
