// SPDX-License-Identifier: EUPL-1.2
//! The store's rows in the desk's words: the one place where they become answers.

use super::{AuditLine, AuditReport, Decided, Found, Held, OutboxRow, Shown, ShownFinding, ShownReason};
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
            mail: row.id.split('-').next().unwrap_or(&row.id).to_owned(),
            size: row.size,
            private: row.private,
            subject: detail.subject,
            expires_at: Some(row.expires),
            reasons: reasons.map(|(rule, text)| ShownReason { rule: rule.clone(), text: text.clone() }).collect(),
            findings,
            decision: None,
            held: row.into(),
        }
    }
}

impl From<FindRow> for Found {
    fn from(row: FindRow) -> Found {
        let private = row.sender.is_none();
        let found = Found {
            id: row.copy.unwrap_or(row.mail),
            queue_id: row.queue_id,
            message_id: row.message_id,
            received: row.time,
            sender: row.sender,
            recipient: Some(row.recipient),
            disposition: row.disposition,
            observed: row.observed,
            rules: row.rules,
            reply: row.outbox.or(row.reply),
            state: row.state,
            client_tls: row.client_tls,
            next_hop_tls: row.next_hop_tls,
        };
        // Of private mail nobody learns who wrote to whom (decision D20).
        if private { found.sealed() } else { found }
    }
}

impl From<store::OutboxRow> for OutboxRow {
    fn from(row: store::OutboxRow) -> OutboxRow {
        OutboxRow {
            id: row.id,
            kind: row.kind.as_str().to_owned(),
            sender: row.reverse_path,
            recipient: row.recipients.join(", "),
            since: row.created,
            attempts: row.attempts,
            next_attempt: Some(row.next_attempt),
            last_reply: row.last_reply,
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

impl From<store::Decided> for Decided {
    fn from(decided: store::Decided) -> Decided {
        let store::Decided { action, actor, at, ground, note } = decided;
        Decided { action, actor, at, ground: code(ground), note }
    }
}

impl From<store::AuditEntry> for AuditLine {
    fn from(entry: store::AuditEntry) -> AuditLine {
        AuditLine {
            node: entry.node,
            seq: entry.seq,
            at: entry.at,
            actor: entry.actor,
            action: entry.action,
            object: entry.object,
            ground: code(entry.ground),
            note: entry.note,
        }
    }
}

fn code(ground: String) -> Option<String> {
    Some(ground).filter(|ground| !ground.is_empty())
}
