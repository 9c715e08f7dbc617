// SPDX-License-Identifier: EUPL-1.2
//! The store's rows in the desk's words: the one place where they become answers.

use super::{AuditLine, AuditReport, Decision, Found, Held, OutboxRow, Proposed, Shown, ShownFinding, ShownReason};
use crate::access::Proposal;
use crate::mail::MailOrCopy;
use crate::store::{self, FindRow, HeldDetail, HeldRow};

impl From<HeldRow> for Held {
    fn from(row: HeldRow) -> Held {
        Held {
            id: row.id,
            recipient: (!row.private).then_some(row.recipient),
            sender: row.sender,
            held_at: row.held_at,
            rules: row.rules,
            state: row.state,
            unit: row.unit.filter(|_| !row.private),
            eyes: if row.needs_two { 2 } else { 1 },
        }
    }
}

impl From<Proposal> for Proposed {
    fn from(proposal: Proposal) -> Proposed {
        Proposed {
            action: proposal.to.as_str().to_owned(),
            actor: proposal.actor,
            at: proposal.at,
            ground: proposal.ground.code().as_str().to_owned(),
            note: proposal.ground.words().to_owned(),
        }
    }
}

impl From<HeldDetail> for Shown {
    fn from(detail: HeldDetail) -> Shown {
        let text = |value: &serde_json::Value, key: &str| value.get(key).and_then(|v| v.as_str()).map(str::to_owned);
        let findings = detail.findings.as_ref().and_then(|f| f.as_array()).map(Vec::as_slice).unwrap_or_default();
        let finding = |finding| ShownFinding {
            kind: text(finding, "kind").unwrap_or_default(),
            value: text(finding, "value").unwrap_or_default(),
            place: text(finding, "where").unwrap_or_default(),
            excerpt: text(finding, "excerpt"),
        };
        let findings = findings.iter().map(finding).collect();
        let row = detail.row;
        let reasons = row.rules.iter().zip(&row.reasons);
        Shown {
            mail: row.id.mail(),
            size: row.size,
            private: row.private,
            subject: detail.subject,
            expires_at: Some(row.expires),
            reasons: reasons.map(|(rule, text)| ShownReason { rule: rule.clone(), text: text.clone() }).collect(),
            findings,
            decision: None,
            proposal: None,
            held: row.into(),
        }
    }
}

impl From<FindRow> for Found {
    fn from(row: FindRow) -> Found {
        let private = row.sender.is_none();
        let found = Found {
            id: row.copy.map_or(MailOrCopy::Mail(row.mail), MailOrCopy::Copy),
            queue_id: row.queue_id,
            message_id: row.message_id,
            received: row.time,
            sender: row.sender,
            recipient: row.recipient,
            disposition: row.disposition,
            observed: row.observed,
            rules: row.rules,
            // What the next hop said of the other copies of the mail is not about one that stayed.
            reply: row.outbox.or(row.reply.filter(|_| row.state.is_none())),
            state: row.state,
            cause: row.cause,
            times: row.times,
            last: row.last,
            decision: None,
            client_tls: row.client_tls,
            next_hop_tls: row.next_hop_tls,
        };
        // Of private mail nobody learns who wrote to whom (decision D20).
        if private { found.sealed() } else { found }
    }
}

impl From<store::OutboxRow> for OutboxRow {
    fn from(row: store::OutboxRow) -> OutboxRow {
        // Of private mail nobody learns who wrote to whom (decision D20).
        let shown = |text: String| if row.private { "(private)".to_owned() } else { text };
        OutboxRow {
            kind: row.kind.as_str().to_owned(),
            sender: shown(row.reverse_path.clone()),
            recipient: shown(row.recipients.join(", ")),
            id: row.id,
            since: row.created,
            attempts: row.attempts,
            next_attempt: Some(row.next_attempt),
            last_reply: row.last_reply.map(|reply| if row.private { reply.chars().take(3).collect() } else { reply }),
        }
    }
}

impl From<store::AuditReport> for AuditReport {
    fn from(report: store::AuditReport) -> AuditReport {
        AuditReport {
            entries: report.entries,
            sound: report.broken.is_empty(),
            broken_at: report.broken_at,
            proven_to: report.proven_to,
            tail_proven: report.tail_proven,
        }
    }
}

impl From<store::Decided> for Decision {
    fn from(decided: store::Decided) -> Decision {
        let store::Decided { action, actor, at, ground, note, second } = decided;
        Decision { action, actor, at, ground: code(ground), note, second }
    }
}

impl From<store::AuditEntry> for AuditLine {
    fn from(entry: store::AuditEntry) -> AuditLine {
        AuditLine {
            node: entry.node,
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            role: entry.role,
            action: entry.action,
            object: entry.object,
            about: entry.about,
            ground: code(entry.ground),
            note: entry.note,
            second: entry.second,
        }
    }
}

fn code(ground: String) -> Option<String> {
    Some(ground).filter(|ground| !ground.is_empty())
}
