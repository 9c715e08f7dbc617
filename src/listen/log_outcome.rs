// SPDX-License-Identifier: EUPL-1.2
//! Logs the outcome of a mail that was processed completely: one line for each recipient (decision D24), and the
//! counters.

use super::log::{Log, RecipientLine};
use super::metrics::{Listener, Metrics};
use crate::pipeline::{Judged, Processed};
use crate::policy::verdict::Disposition;

pub fn log_outcome(processed: &Processed, listener: Listener, metrics: &Metrics, log: &Log) {
    let Processed { mail, judged, outcome } = processed;
    metrics.bytes.add(mail.content.len() as u64);
    if outcome.reply.code >= 400 {
        metrics.refused(listener, outcome.reply.code);
    }
    let message_id = judged.as_ref().and_then(|e| e.message.header("message-id"));
    let mut strongest = Disposition::Pass;
    let unit = judged.as_ref().and_then(top_unit);
    let limit = outcome.limit.as_ref().map(|limit| format!("limit:{limit}"));
    for (index, recipient) in mail.envelope.recipients.iter().enumerate() {
        let judgement = judged.as_ref().and_then(|e| e.verdicts.0.get(index));
        let because = judgement.and_then(|j| j.verdict.because().or(j.observed.as_ref()));
        let reply = outcome.reply_of(index);
        let disposition = match judgement {
            _ if reply.is_transient() => Disposition::Defer,
            _ if reply.is_permanent() => Disposition::Reject,
            Some(judgement) => judgement.verdict.disposition(),
            None => Disposition::Defer,
        };
        let observed = judgement.and_then(|j| j.observed.as_ref()).map(|observed| observed.first().disposition);
        if let Some(observed) = observed {
            metrics.observed(observed);
        }
        strongest = strongest.max(disposition);
        for rule in because.iter().flat_map(|because| because.rules()).chain(limit.as_deref()) {
            metrics.by_rule.add(rule, disposition);
        }
        metrics.by_unit.add(unit.as_deref().unwrap_or("-"), disposition);
        if let Some(class) = judged.as_ref().and_then(|e| e.recipients.get(index)).map(|r| r.class) {
            metrics.recipient(disposition, class);
        }
        log.recipient_line(&RecipientLine {
            at: mail.received,
            id: &mail.id,
            queue_id: mail.client.queue_id.as_deref(),
            message_id,
            sender: &mail.envelope.reverse_path,
            recipient: &recipient.path,
            disposition,
            observed,
            rule: limit.as_deref().or(because.map(|b| b.first().rule.as_str())),
            reply,
            client_tls: mail.client.tls.as_ref(),
            next_hop_tls: outcome.onward_tls.as_ref(),
        });
    }
    metrics.mail(strongest);
}

/// The first name of the sender's unit; `None` of a sender without one.
fn top_unit(judged: &Judged) -> Option<String> {
    let person = judged.ruleset.policy.people.sender(judged.sender.mailbox.as_ref()?)?;
    let unit = person.unit.to_string();
    unit.split('/').next().filter(|top| !top.is_empty()).map(str::to_owned)
}
