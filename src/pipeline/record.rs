// SPDX-License-Identifier: EUPL-1.2
//! Records one journal row for each recipient; never waits, never contains content (decisions D23 and D24).

use super::{Judged, Outcome, Pipeline};
use crate::mail::{Mail, Reply, Tls};
use crate::policy::verdict::{Disposition, Verdict};
use crate::store::Entry;

impl Pipeline {
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
