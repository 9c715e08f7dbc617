// SPDX-License-Identifier: EUPL-1.2
//! Logs the outcome of a mail that was processed completely: one line for each recipient (decision D24), and the
//! counters.

use super::log::{Log, RecipientLine};
use super::metrics::{HopError, Metrics};
use crate::pipeline::Processed;
use crate::policy::verdict::Disposition;

pub fn log_outcome(processed: &Processed, metrics: &Metrics, log: &Log) {
    let Processed { mail, judged, outcome } = processed;
    metrics.bytes.add(mail.content.len() as u64);
    if outcome.maybe_duplicate {
        metrics.hop_error(HopError::Lost);
    }
    let message_id = judged.as_ref().and_then(|e| e.message.header("message-id"));
    let mut strongest = Disposition::Pass;
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
