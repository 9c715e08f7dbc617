// SPDX-License-Identifier: EUPL-1.2
//! The desk behind the control socket: the store's answers in the socket's words.

use bytes::Bytes;
use jiff::Timestamp;

use crate::listen::control::{
    AuditReport, Caller, CopyState, Counts, Desk, Done, Found, Held, HeldQuery, OutboxRow, Refusal, Shown,
    ShownFinding, ShownReason,
};
use crate::store::{self, Actor, Anchor, Change, Filter, HeldRow, Store, StoreError};

pub struct StoreDesk {
    store: Store,
}

impl StoreDesk {
    pub fn new(store: Store) -> StoreDesk {
        StoreDesk { store }
    }

    /// How many of a state there are, counted page by page.
    async fn count(&self, state: store::CopyState) -> Result<u64, Refusal> {
        let mut filter = Filter { state: Some(state), limit: 1000, ..Filter::default() };
        let mut count = 0;
        loop {
            let page = self.store.list(&filter).await.map_err(refusal)?;
            count += page.len() as u64;
            match page.last() {
                Some(last) if page.len() == 1000 => filter.after = Some(last.id.clone()),
                _ => return Ok(count),
            }
        }
    }
}

fn actor(caller: &Caller) -> Actor {
    Actor { name: caller.name.clone() }
}

fn refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Unknown { id } => Refusal::NotFound(id),
        StoreError::Private { .. } => Refusal::NotAllowed(error.to_string()),
        StoreError::WrongState { .. } | StoreError::Gone { .. } => Refusal::NotNow(error.to_string()),
        error => Refusal::Unavailable(error.to_string()),
    }
}

fn state(state: store::CopyState) -> CopyState {
    match state {
        store::CopyState::Pending => CopyState::Pending,
        store::CopyState::Held => CopyState::Held,
        store::CopyState::Released => CopyState::Released,
        store::CopyState::Rejected => CopyState::Rejected,
        store::CopyState::Expired => CopyState::Expired,
    }
}

fn store_state(state: CopyState) -> store::CopyState {
    match state {
        CopyState::Pending => store::CopyState::Pending,
        CopyState::Held => store::CopyState::Held,
        CopyState::Released => store::CopyState::Released,
        CopyState::Rejected => store::CopyState::Rejected,
        CopyState::Expired => store::CopyState::Expired,
    }
}

fn held(row: HeldRow) -> Held {
    Held {
        id: row.id,
        recipient: row.recipient,
        sender: row.sender.unwrap_or_default(),
        held_at: row.held_at,
        rules: row.rules,
        state: state(row.state),
    }
}

impl Desk for StoreDesk {
    async fn counts(&self) -> Result<Counts, Refusal> {
        let figures = self.store.figures().await.map_err(refusal)?;
        Ok(Counts {
            pending: figures.pending,
            held: figures.held,
            released: self.count(store::CopyState::Released).await?,
            rejected: self.count(store::CopyState::Rejected).await?,
            expired: self.count(store::CopyState::Expired).await?,
            outbox: figures.outbox,
        })
    }

    async fn list(&self, _: &Caller, query: &HeldQuery) -> Result<Vec<Held>, Refusal> {
        let mut filter = Filter { state: query.state.map(store_state), limit: 1000, ..Filter::default() };
        let mut all = Vec::new();
        loop {
            let page = self.store.list(&filter).await.map_err(refusal)?;
            let more = page.len() == 1000;
            all.extend(page.into_iter().map(held));
            match all.last() {
                Some(last) if more && all.len() < query.limit => filter.after = Some(last.id.clone()),
                _ => {
                    all.truncate(query.limit);
                    return Ok(all);
                }
            }
        }
    }

    async fn show(&self, caller: &Caller, id: &str) -> Result<Shown, Refusal> {
        let detail = self.store.show(id, &actor(caller), Timestamp::now()).await.map_err(refusal)?;
        let text = |value: &serde_json::Value, key: &str| value.get(key).and_then(|v| v.as_str()).map(str::to_owned);
        let findings = detail.findings.as_ref().and_then(|f| f.as_array()).map(Vec::as_slice).unwrap_or_default();
        let findings = findings
            .iter()
            .map(|finding| ShownFinding {
                kind: text(finding, "kind").unwrap_or_default(),
                value: text(finding, "value").unwrap_or_default(),
                place: text(finding, "where").unwrap_or_default(),
                excerpt: text(finding, "excerpt"),
            })
            .collect();
        let row = detail.row;
        let reasons = row.rules.iter().zip(&row.reasons);
        Ok(Shown {
            mail: row.id.split('-').next().unwrap_or(&row.id).to_owned(),
            size: row.size.unwrap_or(0),
            private: row.private,
            subject: detail.subject,
            expires_at: Some(row.expires),
            reasons: reasons.map(|(rule, text)| ShownReason { rule: rule.clone(), text: text.clone() }).collect(),
            findings,
            held: held(row),
        })
    }

    async fn release(&self, caller: &Caller, id: &str, _reason: &str) -> Result<Done, Refusal> {
        let change = self.store.release(id, &actor(caller), Timestamp::now()).await.map_err(refusal)?;
        let note = (change == Change::Already).then(|| "was released before".to_owned());
        Ok(Done { id: id.to_owned(), state: CopyState::Released, note })
    }

    async fn reject(&self, caller: &Caller, id: &str, _reason: &str) -> Result<Done, Refusal> {
        let change = self.store.reject(id, &actor(caller), Timestamp::now()).await.map_err(refusal)?;
        let note = (change == Change::Already).then(|| "was rejected before".to_owned());
        Ok(Done { id: id.to_owned(), state: CopyState::Rejected, note })
    }

    async fn export(&self, caller: &Caller, id: &str) -> Result<Bytes, Refusal> {
        let exported =
            self.store.export(id, &actor(caller), "command line", Timestamp::now()).await.map_err(refusal)?;
        Ok(exported.content)
    }

    async fn find(&self, _: &Caller, what: &str) -> Result<Vec<Found>, Refusal> {
        let rows = self.store.find(what).await.map_err(refusal)?;
        let found = rows.into_iter().map(|row| Found {
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
            state: row.state.map(state),
            client_tls: row.client_tls,
            next_hop_tls: row.next_hop_tls,
        });
        Ok(found.collect())
    }

    async fn outbox_list(&self, _: &Caller) -> Result<Vec<OutboxRow>, Refusal> {
        let rows = self.store.outbox_list(false, 1000).await.map_err(refusal)?;
        let rows = rows.into_iter().map(|row| OutboxRow {
            id: row.id,
            kind: row.kind.as_str().to_owned(),
            sender: row.reverse_path,
            recipient: row.recipients.join(", "),
            since: row.created,
            attempts: row.attempts,
            next_attempt: Some(row.next_attempt),
            last_reply: row.last_reply,
        });
        Ok(rows.collect())
    }

    async fn outbox_retry(&self, caller: &Caller, id: Option<&str>) -> Result<u64, Refusal> {
        let ids = match id {
            Some(id) => vec![id.to_owned()],
            None => self.store.outbox_list(false, 1000).await.map_err(refusal)?.into_iter().map(|row| row.id).collect(),
        };
        let mut tried = 0;
        for id in ids {
            let change = self.store.outbox_retry(&id, &actor(caller), Timestamp::now()).await.map_err(refusal)?;
            tried += u64::from(change == Change::Done);
        }
        Ok(tried)
    }

    async fn audit_verify(&self, _: &Caller, anchor: Option<&str>) -> Result<AuditReport, Refusal> {
        let anchors: Vec<Anchor> = anchor.unwrap_or("").lines().filter_map(|line| line.parse().ok()).collect();
        let report = self.store.audit_verify(&anchors).await.map_err(refusal)?;
        for broken in &report.broken {
            tracing::error!(%broken, "the audit chain is broken");
        }
        Ok(AuditReport {
            entries: report.entries,
            sound: report.broken.is_empty(),
            broken_at: None,
            tail_proven: report.tail_proven,
        })
    }
}
