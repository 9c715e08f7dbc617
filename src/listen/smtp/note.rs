// SPDX-License-Identifier: EUPL-1.2
//! What is told of a mail that has gone its way: counters, and one log line a recipient (decision D24).

use super::{Disposition, Door, HopError, Processed, RecipientLine};

impl Door {
    pub(super) fn note(&self, processed: &Processed) {
        let Processed { mail, examined, outcome } = processed;
        self.metrics.bytes.add(mail.content.len() as u64);
        if outcome.maybe_duplicate {
            self.metrics.hop_error(HopError::Lost);
        }
        let message_id = examined.as_ref().and_then(|e| e.message.header("message-id"));
        let mut strongest = Disposition::Pass;
        let limit = outcome.limit.as_ref().map(|limit| format!("limit:{limit}"));
        for (index, recipient) in mail.envelope.recipients.iter().enumerate() {
            let judgement = examined.as_ref().and_then(|e| e.verdicts.0.get(index));
            let because = judgement.and_then(|j| j.verdict.because().or(j.observed.as_ref()));
            let reply = outcome.reply_of(index);
            let disposition = match judgement {
                _ if reply.is_transient() => Disposition::Defer,
                _ if reply.is_permanent() => Disposition::Reject,
                Some(judgement) => judgement.verdict.disposition(),
                None => Disposition::Defer,
            };
            strongest = strongest.max(disposition);
            if let Some(class) = examined.as_ref().and_then(|e| e.recipients.get(index)).map(|r| r.class) {
                self.metrics.recipient(disposition, class);
            }
            self.log.recipient_line(&RecipientLine {
                at: mail.received,
                id: &mail.id,
                queue_id: mail.client.queue_id.as_deref(),
                message_id,
                sender: &mail.envelope.reverse_path,
                recipient: &recipient.path,
                disposition,
                rule: limit.as_deref().or(because.map(|b| b.first().rule.as_str())),
                reply,
                client_tls: mail.client.tls.as_ref(),
                next_hop_tls: outcome.onward_tls.as_ref(),
            });
        }
        self.metrics.mail(strongest);
    }
}
