// SPDX-License-Identifier: EUPL-1.2
//! Recipients that an LMTP next hop did not take while it took others (decision D2): deferred ones go to the outbox,
//! and the senders of refused ones get a report.

use super::tell::report;
use super::{Judged, Pipeline, PipelineError};
use crate::deliver::deadline::Deadline;
use crate::mail::{Mail, Reply};
use crate::notice::Stamp;
use crate::policy::settle::Plan;
use crate::store::{OutboxContent, OutboxItem, OutboxKind};

impl Pipeline {
    /// `content` is what the next hop got. It is durable before the client gets 250. If that fails, the client gets 451 and
    /// sends again: some recipients get the mail twice, but nobody gets none.
    pub(super) async fn keep_left_over(
        &self,
        mail: &Mail,
        judged: &Judged,
        content: OutboxContent,
        left_over: &[(usize, Reply)],
        deadline: Deadline,
    ) -> Result<(), PipelineError> {
        if left_over.is_empty() {
            return Ok(());
        }
        let (put_off, refused): (Vec<_>, Vec<_>) = left_over.iter().partition(|(_, reply)| !reply.is_permanent());
        let line = |(index, _): &&(usize, Reply)| mail.envelope.recipients.get(*index).map(|r| r.verbatim.clone());
        let mut keeping = self.keeping(mail, judged, &Plan::default());
        keeping.series = "r";
        if !put_off.is_empty() {
            keeping.outbox.push(OutboxItem {
                kind: OutboxKind::Remainder,
                reverse_path: mail.envelope.verbatim.clone(),
                recipients: put_off.iter().filter_map(line).collect(),
                content,
                not_before: mail.received,
            });
        }
        let message_id = format!("undelivered-{}@{}", mail.id, self.hostname);
        let stamp = Stamp { host: &self.hostname, date: mail.received, message_id: &message_id };
        keeping.outbox.extend(report::undelivered(mail, keeping.private, &refused, &stamp));
        if !keeping.outbox.is_empty() {
            self.keep(&keeping, deadline).await?;
        }
        tracing::info!(id = %mail.id, put_off = put_off.len(), refused = refused.len(), "the next hop accepted only some recipients");
        Ok(())
    }
}
