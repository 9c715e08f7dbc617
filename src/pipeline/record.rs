// SPDX-License-Identifier: EUPL-1.2
//! Records one journal row for each recipient; never waits, never contains content (decisions D23 and D24).

use jiff::Timestamp;

use super::{Judged, Outcome, Pipeline};
use crate::mail::{Client, Mail, MailId, Refused, Reply, Tls};
use crate::policy::verdict::{Disposition, Verdict};
use crate::store::Entry;

impl Pipeline {
    /// Records what was refused before there was a mail: a row for each recipient it would have had, one without where
    /// none was named (decision D39).
    pub fn record_refused(&self, id: &MailId, refused: &Refused, client: &Client, now: Timestamp) {
        let Some(sender) = &refused.sender else { return };
        let policy = self.inspector.ruleset.load().policy.version.to_string();
        let disposition = if refused.reply.is_transient() { Disposition::Defer } else { Disposition::Reject };
        let mut recipients: Vec<String> = refused.recipients.iter().map(ToString::to_string).collect();
        if recipients.is_empty() {
            recipients.push(String::new());
        }
        for recipient in recipients {
            self.journal.record(Entry {
                mail: id.to_string(),
                time: now,
                client: client.address.map(|address| address.to_string()),
                queue_id: client.queue_id.clone(),
                message_id: None,
                sender: sender.to_string(),
                recipient,
                class: String::new(),
                disposition: disposition.as_str().to_owned(),
                observed: None,
                rules: Vec::new(),
                copy: None,
                reply: Some(refused.reply.to_string()),
                size: 0,
                facts: "[]".into(),
                policy: policy.clone(),
                maybe_duplicate: false,
                client_tls: client.tls.as_ref().map(Tls::to_string),
                next_hop_tls: None,
            });
        }
    }

    /// Records a mail that was received whole and that a fault of ours keeps from being judged.
    pub(super) fn record_unjudged(&self, mail: &Mail, outcome: &Outcome) {
        let envelope = &mail.envelope;
        let recipients = envelope.recipients.iter().map(|recipient| recipient.path.clone()).collect();
        let (sender, reply) = (Some(envelope.reverse_path.clone()), outcome.reply.clone());
        let refused = Refused { command: "DATA", sender, recipients, reply };
        self.record_refused(&mail.id, &refused, &mail.client, mail.received);
    }

    /// Too late to refuse: what does not fit is counted as lost by the journal itself.
    pub(super) fn record(&self, mail: &Mail, judged: &Judged, outcome: &Outcome) {
        let client = mail.client.address.map(|a| a.to_string());
        let message_id = judged.message.header("message-id").map(str::to_owned);
        let sender = mail.envelope.reverse_path.to_string();
        let facts = facts(judged);
        let policy = judged.ruleset.policy.version.to_string();
        for (index, recipient) in mail.envelope.recipients.iter().enumerate() {
            let Some(judgement) = judged.verdicts.0.get(index) else { continue };
            if outcome.copies.get(index).is_some_and(|copy| copy.repeat) {
                continue; // its first attempt is in the journal (decision D11)
            }
            let because = judgement.verdict.because();
            self.journal.record(Entry {
                mail: mail.id.to_string(),
                time: mail.received,
                client: client.clone(),
                queue_id: mail.client.queue_id.clone(),
                message_id: message_id.clone(),
                sender: sender.clone(),
                recipient: recipient.path.to_string(),
                class: judged.recipients.get(index).map(|r| r.class.as_str()).unwrap_or_default().to_owned(),
                disposition: became(&judgement.verdict, outcome.reply_of(index)).to_owned(),
                observed: judgement.observed.as_ref().map(|o| o.first().disposition.as_str().to_owned()),
                rules: because
                    .into_iter()
                    .chain(judgement.observed.as_ref())
                    .flat_map(|b| b.rules())
                    .map(str::to_owned)
                    .chain(outcome.limit.as_ref().map(|limit| format!("limit:{limit}")))
                    .collect(),
                copy: outcome.copies.get(index).and_then(|c| c.held.clone()),
                reply: Some(outcome.reply_of(index).to_string()),
                size: mail.content.len() as u64,
                facts: facts.clone(),
                policy: policy.clone(),
                maybe_duplicate: outcome.maybe_duplicate,
                client_tls: mail.client.tls.as_ref().map(Tls::to_string),
                next_hop_tls: outcome.onward_tls.as_ref().map(Tls::to_string),
            });
        }
    }
}

/// What happened, which a 4xx or 5xx of the next hop may have made weaker or stronger than the verdict.
pub fn became(verdict: &Verdict, reply: &Reply) -> &'static str {
    if reply.is_transient() {
        return Disposition::Defer.as_str();
    }
    if reply.is_permanent() {
        return Disposition::Reject.as_str();
    }
    verdict.disposition().as_str()
}

/// Kinds, values and counts: never a place, an excerpt or an address.
fn facts(judged: &Judged) -> String {
    if judged.findings.is_empty() {
        return "[]".into();
    }
    let facts: Vec<_> = judged.findings.iter().map(|f| (f.kind, &f.value, f.rank, f.count)).collect();
    serde_json::to_string(&facts).unwrap_or_else(|_| "[]".into())
}
