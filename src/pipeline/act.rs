// SPDX-License-Identifier: EUPL-1.2
//! Acts on the verdicts: pass, hold, strip, refuse. No mail is lost, and no copy goes to a wrong place.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::{Copy, Judged, Outcome, Pipeline, PipelineError};
use crate::campaign::Brake;
use crate::deliver::deadline::{Deadline, FOR_THE_STORE};
use crate::deliver::{NextHopError, Onward};
use crate::mail::{Content, Mail, MailId, Reply, ReversePath, reply};
use crate::mime::{self, Part};
use crate::policy::settle::{Plan, Settlement, settle};
use crate::policy::verdict::Verdict;
use crate::store::{HeldCopy, Keeping, Kept, OutboxContent, OutboxItem, OutboxKind, retry_digest};

impl Pipeline {
    pub(super) async fn act<O: Onward>(
        self: &Arc<Self>,
        mail: Mail,
        judged: Judged,
        mut onward: O,
        deadline: Deadline,
    ) -> (Mail, Judged, Outcome, O) {
        let times = Times::of(deadline, &onward);
        let brake = judged.brake.filter(|brake| *brake == Brake::Stop || onward.stands_behind_a_queue());
        match settle(&judged.verdicts, bounces_reach(&mail, &judged), brake) {
            Settlement::Nothing(reply) => {
                onward.abandon(times.hop).await;
                let cause = if brake.is_some() { "campaign" } else { "policy" };
                let outcome = Outcome { cause: Some(cause), ..Outcome::nothing(reply, &mail) };
                (mail, judged, outcome, onward)
            }
            Settlement::Each(plan) if !plan.keeps() => {
                let outcome = self.pass_on(&mail, &judged, &plan, &mut onward, times).await;
                if outcome.reply.is_positive() {
                    self.tell(&mail, &judged, false);
                }
                (mail, judged, outcome, onward)
            }
            Settlement::Each(plan) if plan.is_one_strip() => {
                let outcome = self.pass_on_stripped(&mail, &judged, &plan, &mut onward, times).await;
                if outcome.reply.is_positive() {
                    self.tell(&mail, &judged, false);
                }
                (mail, judged, outcome, onward)
            }
            // From the first durable write on, neither client nor drain may interrupt (decision D12).
            Settlement::Each(plan) => self.clone().keep_apart(mail, judged, plan, onward, times).await,
        }
    }

    async fn keep_apart<O: Onward>(
        self: Arc<Self>,
        mail: Mail,
        judged: Judged,
        plan: Plan,
        onward: O,
        times: Times,
    ) -> (Mail, Judged, Outcome, O) {
        let shared = Arc::new((mail, judged));
        let theirs = shared.clone();
        let this = self.clone();
        let task = self.under_way.spawn(async move {
            let (mail, judged) = &*theirs;
            let mut onward = onward;
            let outcome = match this.keep_and_deliver(mail, judged, &plan, &mut onward, times).await {
                Ok(outcome) => {
                    if outcome.reply.is_positive() {
                        this.tell(mail, judged, true);
                    }
                    outcome
                }
                Err(fault) => {
                    onward.abandon(times.hop).await;
                    Outcome::fault(&fault, mail)
                }
            };
            (outcome, onward)
        });
        // The task neither panics by itself nor is aborted by anybody; were it so, the runtime is going down and
        // resuming the panic closes this one connection without a 2xx.
        let (outcome, onward) = match task.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let (mail, judged) = Arc::try_unwrap(shared).unwrap_or_else(|_| unreachable!("the task has ended"));
        (mail, judged, outcome, onward)
    }

    /// Quarantine first, next hop second, confirm third (promise 1; decisions D2 and D12).
    async fn keep_and_deliver(
        &self,
        mail: &Mail,
        judged: &Judged,
        plan: &Plan,
        onward: &mut impl Onward,
        times: Times,
    ) -> Result<Outcome, PipelineError> {
        if plan.onward.is_empty() {
            onward.abandon(times.hop).await;
        } else if let Err(fault) = onward.choose(mail, &plan.onward, times.hop).await {
            return Ok(lost(fault, mail));
        }
        let mut keeping = self.keeping(mail, judged, plan);
        keeping.outbox.extend(self.owed(mail, judged, &plan.refused));
        if plan.onward.is_empty() {
            let kept = self.keep(&keeping, times.whole).await?;
            checkpoint("kept");
            return Ok(held(mail, plan, &kept, None));
        }
        let prepared = self.prepare(&keeping, times.hop).await?;
        checkpoint("pending");
        let kept = prepared.kept.clone();
        match onward.deliver(mail, &plan.onward, &mail.content, times.hop).await {
            Ok(answer) if answer.is_positive() => {
                checkpoint("delivered");
                let left_over = onward.left_over();
                let rest = self.keep_left_over(mail, judged, OutboxContent::Mail, &left_over, times.whole).await;
                // Whatever became of the rest: these copies have left, and what stays behind of them is ours.
                self.confirm(prepared, times.whole).await?;
                rest?;
                checkpoint("confirmed");
                let mut outcome = held(mail, plan, &kept, Some(answer));
                outcome.note_left_over(&left_over);
                Ok(outcome)
            }
            Ok(refused) => {
                self.withdraw(prepared, times.whole).await;
                Ok(Outcome::nothing(refused, mail))
            }
            Err(fault) => {
                self.withdraw(prepared, times.whole).await;
                Ok(lost(fault, mail))
            }
        }
    }

    /// The common case: the transaction at the next hop stands as the client made it.
    async fn pass_on(
        &self,
        mail: &Mail,
        judged: &Judged,
        plan: &Plan,
        onward: &mut impl Onward,
        times: Times,
    ) -> Outcome {
        if let Err(fault) = onward.choose(mail, &plan.onward, times.hop).await {
            return lost(fault, mail);
        }
        let answer = match onward.deliver(mail, &plan.onward, &mail.content, times.hop).await {
            Ok(answer) => answer,
            Err(fault) => return lost(fault, mail),
        };
        self.passed(mail, judged, answer, OutboxContent::Mail, &onward.left_over(), times.whole).await
    }

    /// Every copy leaves without the same parts: one transaction, so nothing has to wait in the outbox (decision D2).
    async fn pass_on_stripped(
        &self,
        mail: &Mail,
        judged: &Judged,
        plan: &Plan,
        onward: &mut impl Onward,
        times: Times,
    ) -> Outcome {
        let Some(group) = plan.stripped.first() else { return Outcome::nothing(reply::OUR_FAULT.reply(), mail) };
        if let Err(fault) = onward.choose(mail, &group.copies, times.hop).await {
            return lost(fault, mail);
        }
        let content = without(mail, judged, &group.parts);
        let answer = match onward.deliver(mail, &group.copies, &content, times.hop).await {
            Ok(answer) => answer,
            Err(fault) => return lost(fault, mail),
        };
        self.passed(mail, judged, answer, OutboxContent::Own(content.0), &onward.left_over(), times.whole).await
    }

    async fn passed(
        &self,
        mail: &Mail,
        judged: &Judged,
        answer: Reply,
        content: OutboxContent,
        left_over: &[(usize, Reply)],
        deadline: Deadline,
    ) -> Outcome {
        if let Err(fault) = self.keep_left_over(mail, judged, content, left_over, deadline).await {
            return Outcome::fault(&fault, mail);
        }
        let mut outcome = Outcome::nothing(with_our_id(answer, mail), mail);
        outcome.note_left_over(left_over);
        outcome
    }

    pub(super) fn keeping<'a>(&self, mail: &'a Mail, judged: &Judged, plan: &Plan) -> Keeping<'a> {
        let private = judged.is_private();
        let held = plan.held.iter().map(|index| held_copy(judged, *index)).collect();
        let outbox = plan.stripped.iter().map(|group| stripped(mail, judged, &group.parts, &group.copies)).collect();
        Keeping {
            mail,
            retry_digest: retry_digest(&mail.content),
            message_id: judged.message.header("message-id").map(str::to_owned),
            subject: judged.message.header("subject").filter(|_| !private).map(str::to_owned),
            private,
            unit: unit_of(judged),
            tell: self.followup_recipient(mail, judged),
            held,
            outbox,
            series: "o",
        }
    }
}

/// By when a mail that is judged has to be where (decision D31).
#[derive(Clone, Copy)]
struct Times {
    /// The next hop has answered; what has to be durable before is durable.
    hop: Deadline,
    /// The client has its reply.
    whole: Deadline,
}

impl Times {
    fn of(whole: Deadline, onward: &impl Onward) -> Times {
        Times { hop: whole.less(FOR_THE_STORE).at_most(onward.time_limit()), whole }
    }
}

/// Whether a failure report would reach one of ours (decision D1 c).
fn bounces_reach(mail: &Mail, judged: &Judged) -> bool {
    match &mail.envelope.reverse_path {
        ReversePath::Null => false,
        ReversePath::Mailbox(sender) => judged.ruleset.policy.lists.is_own(sender, mail.received),
    }
}

/// The next hop's text goes back verbatim with our id (decision D24).
fn with_our_id(mut answer: Reply, mail: &Mail) -> Reply {
    if answer.code == 250
        && let Some(line) = answer.lines.last_mut()
    {
        line.push_str(" (octroi ");
        line.push_str(mail.id.as_str());
        line.push(')');
    }
    answer
}

fn lost(fault: NextHopError, mail: &Mail) -> Outcome {
    Outcome { maybe_duplicate: fault == NextHopError::MaybeDuplicate, ..Outcome::nothing(fault.reply(), mail) }
}

fn held(mail: &Mail, plan: &Plan, kept: &Kept, answer: Option<Reply>) -> Outcome {
    let mut copies = vec![Copy::default(); mail.envelope.recipients.len()];
    for (index, copy) in plan.held.iter().zip(&kept.copies) {
        // The plan's indices are the envelope's.
        copies[*index] = Copy { held: Some(copy.id.clone()), repeat: copy.repeat, reply: None };
    }
    let reply = match answer {
        Some(answer) => with_our_id(answer, mail),
        None => reply::ACCEPTED.with(format_args!("accepted as {}", known_as(kept))),
    };
    Outcome { copies, repeat: kept.all_repeats(), ..Outcome::nothing(reply, mail) }
}

/// The id the mail is known by: where all of it is a repeat, that of the first attempt (decision D11).
fn known_as(kept: &Kept) -> MailId {
    match kept.copies.first() {
        Some(first) if kept.all_repeats() => first.id.mail(),
        _ => kept.mail.clone(),
    }
}

/// The sender's unit; a sender without a known one belongs to `*` (decision D25).
fn unit_of(judged: &Judged) -> Option<String> {
    let person = judged.ruleset.policy.people.sender(judged.sender.mailbox.as_ref()?)?;
    Some(person.unit.to_string()).filter(|unit| !unit.is_empty())
}

fn held_copy(judged: &Judged, index: usize) -> HeldCopy {
    let verdict = judged.verdicts.0.get(index).map(|j| &j.verdict);
    let because = verdict.and_then(Verdict::because);
    let recipient = judged.recipients.get(index).and_then(|r| r.mailbox.as_ref());
    let findings: Vec<_> = judged.findings.iter().filter(|finding| finding.concerns(recipient)).collect();
    let mut kinds: Vec<String> = findings.iter().map(|f| f.kind.as_str().to_owned()).collect();
    kinds.sort();
    kinds.dedup();
    HeldCopy {
        recipient: index,
        rules: because.map(|b| b.rules().map(str::to_owned).collect()).unwrap_or_default(),
        reasons: because.map(|b| b.iter().map(|r| r.text.clone()).collect()).unwrap_or_default(),
        // Findings are plain data: serialising them cannot fail.
        findings_json: serde_json::to_string(&findings).unwrap_or_else(|_| "[]".into()),
        kinds,
        rank: findings.iter().filter_map(|f| f.rank).max(),
        needs_two: because.is_some_and(|b| b.rules().any(|rule| judged.ruleset.policy.rules.needs_two(rule))),
    }
}

fn stripped(mail: &Mail, judged: &Judged, parts: &[usize], copies: &[usize]) -> OutboxItem {
    let line = |index: &usize| mail.envelope.recipients.get(*index).map(|r| r.verbatim.clone());
    OutboxItem {
        kind: OutboxKind::Stripped,
        reverse_path: mail.envelope.verbatim.clone(),
        recipients: copies.iter().filter_map(line).collect(),
        content: OutboxContent::Own(without(mail, judged, parts).0),
        not_before: mail.received,
    }
}

/// The mail's content with a word in place of each of these parts.
fn without(mail: &Mail, judged: &Judged, parts: &[usize]) -> Content {
    let note = |part: &Part| replacement(part, mail, mail.received);
    Content(Bytes::from(mime::cut(&mail.content, &judged.message, parts, note)))
}

/// The short text part that stands where a part was: what, why and the reference, nothing of the content.
fn replacement(part: &Part, mail: &Mail, at: Timestamp) -> Vec<u8> {
    let kind = if part.extension.is_empty() { "file" } else { &part.extension };
    format!(
        "Content-Type: text/plain; charset=utf-8\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
         Une pièce jointe ({kind}) n'a pas été transmise, selon les règles de l'administration expéditrice.\r\n\
         An attachment ({kind}) was not passed on, by the rules of the sending administration.\r\n\
         Référence / reference: {} ({at:.0})",
        mail.id
    )
    .into_bytes()
}

/// A named point of the transaction, where the crash tests end the process. Free in production builds.
#[inline]
fn checkpoint(_name: &str) {
    #[cfg(debug_assertions)]
    if std::env::var_os("OCTROI_CRASH_AT").is_some_and(|at| at == _name) {
        std::process::abort();
    }
}
