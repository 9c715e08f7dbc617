// SPDX-License-Identifier: EUPL-1.2
//! Decisions about held copies, written down: released, rejected, expired, or proposed by the first of two persons
//! (decision D43). Who may is decided elsewhere: what comes here has been allowed.

use jiff::Timestamp;

use super::audit::Chain;
use super::copy::{Change, CopyState};
use super::engine::Row;
use super::followup::{FollowupEvent, carries_report};
use super::outbox::OutboxKind;
use super::settle::{NewItem, queue_report};
use super::tx::{Tx, args, statements};
use super::{Store, StoreError, instant, micros};
use crate::access::{Case, Decision, Entry, Ground, GroundCode, Proposal, Resolution, Role, Scope, Step};
use crate::mail::{CopyId, ItemId, MailId, Mailbox};
use crate::notice::{Cause, FailureReport, ReportedRecipient};

statements! {
    CASE = "SELECT held.id, held.state, held.mail, held.needs_two, mail.unit, mail.private, mail.sender, mail.login, \
        mail.recipients, (SELECT COUNT(*) FROM held AS other WHERE other.mail = mail.id) AS copies \
        FROM held JOIN mail ON mail.id = held.mail WHERE held.id = $1 AND held.state <> 'pending'";
    UNIT = "SELECT unit FROM mail WHERE id = $1";
    HELD_FOR = "SELECT id FROM held WHERE mail = $1 AND address = $2 LIMIT 1";
    PROPOSAL = "SELECT * FROM proposal WHERE copy = $1";
    PROPOSED = "INSERT INTO proposal (copy, resolution, actor, role, at, ground, note) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (copy) DO NOTHING";
    PROPOSAL_ENDED = "DELETE FROM proposal WHERE copy = $1";
    CONFIRMED = "DELETE FROM proposal WHERE copy = $1 AND actor = $2 AND resolution = $3";
    REPLACED = "DELETE FROM proposal WHERE copy = $1 AND actor = $2 AND resolution <> $3";
    // Changes nothing, and waits for whoever decides at the same moment.
    STILL_HELD = "UPDATE held SET state = state WHERE id = $1 AND state = 'held'";
    COPY = "SELECT held.*, mail.private, mail.blob, mail.reverse_path, mail.received, mail.tell \
        FROM held JOIN mail ON mail.id = held.mail WHERE held.id = $1 AND held.state <> 'pending'";
    DECIDED = "UPDATE held SET state = $1, decided_at = $2, \
        untold = (SELECT CASE WHEN mail.tell IS NULL THEN NULL ELSE CAST($3 AS TEXT) END \
            FROM mail WHERE mail.id = held.mail) WHERE id = $4 AND state = 'held'";
}

/// A held copy, with what matters for the decision about it.
#[derive(Debug, Clone)]
pub struct HeldCase {
    pub case: Case,
    pub state: CopyState,
    pub mail: MailId,
    /// Decision D20.
    pub private: bool,
}

impl Store {
    /// What matters for who may decide about a copy; `own` is the mailbox of who asks, `scope` whose mail they may know of.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] also where the copy is out of scope, and found after as little reading: how long an answer
    /// takes does not tell which ids exist.
    pub async fn case(&self, copy: &CopyId, own: Option<&Mailbox>, scope: &Scope) -> Result<HeldCase, StoreError> {
        let row: Option<Row> = self.reader().fetch_optional(CASE, args![copy]).await?;
        let row = row.ok_or_else(|| StoreError::unknown(copy.as_str()))?;
        let unit: Option<String> = row.get("unit")?;
        if !scope.covers(unit.as_deref()) {
            return Err(StoreError::unknown(copy.as_str()));
        }
        let (mail, state): (MailId, String) = (row.get("mail")?, row.get("state")?);
        let (sender, login): (String, Option<String>) = (row.get("sender")?, row.get("login")?);
        let own_key = own.map(Mailbox::key);
        let is_own = |address: &str| own_key.as_deref() == Some(address);
        let by_login = login.and_then(|login| Mailbox::parse(&login).ok()).is_some_and(|login| is_own(&login.key()));
        let needs_two: bool = row.get("needs_two")?;
        let case = Case {
            copy: row.get("id")?,
            unit,
            needs_two,
            is_sender: is_own(&sender) || by_login,
            is_recipient: match &own_key {
                Some(own) if needs_two => self.is_recipient(&mail, own).await?,
                _ => false,
            },
            recipients: row.get::<i64>("recipients")?.max(0).cast_unsigned(),
            // Of private mail nobody keeps who else it went to (decision D20).
            recipients_unknown: row.get("private")? && row.get::<i64>("copies")? < row.get::<i64>("recipients")?,
            proposal: self.proposal(copy.as_str()).await?,
        };
        Ok(HeldCase { case, state: state_of(&state)?, mail, private: row.get("private")? })
    }

    /// The unit of a mail's sender, where something of the mail was held; `None` where it is not known.
    pub async fn unit_of(&self, mail: &MailId) -> Result<Option<String>, StoreError> {
        let row: Option<(Option<String>,)> = self.reader().fetch_optional(UNIT, args![mail]).await?;
        Ok(row.and_then(|(unit,)| unit))
    }

    /// Whether a mail went, or was to go, to this address.
    async fn is_recipient(&self, mail: &MailId, own: &str) -> Result<bool, StoreError> {
        let held: Option<(String,)> = self.reader().fetch_optional(HELD_FOR, args![mail, own]).await?;
        if held.is_some() {
            return Ok(true);
        }
        let went = self.find(mail.as_str()).await?;
        if went.damaged > 0 {
            return Err(StoreError::row(
                "a row of the journal about this mail: nobody can tell whether it went to you",
            ));
        }
        let is_own = |address: &String| crate::mail::address_key(address) == own;
        Ok(went.rows.iter().any(|row| row.mail == *mail && row.recipient.as_ref().is_some_and(is_own)))
    }

    /// What was proposed about a copy or a bulk send.
    pub async fn proposal(&self, id: &str) -> Result<Option<Proposal>, StoreError> {
        let row: Option<Row> = self.reader().fetch_optional(PROPOSAL, args![id]).await?;
        let Some(row) = row else { return Ok(None) };
        let damaged = || StoreError::Damaged { what: format!("the proposal about {id}") };
        let word = |name: &str| row.get::<String>(name);
        let resolution = Resolution::parse(&word("resolution")?).ok_or_else(damaged)?;
        let words = self.chain().open_words(&format!("proposal {id}"), &row.get::<Vec<u8>>("note")?);
        let code = GroundCode::parse(&word("ground")?).ok_or_else(damaged)?;
        Ok(Some(Proposal {
            to: resolution,
            actor: word("actor")?,
            role: Role::parse(&word("role")?).ok_or_else(damaged)?,
            at: instant(row.get("at")?),
            ground: Ground::new(code, &words.ok_or_else(damaged)?).map_err(|_| damaged())?,
        }))
    }

    /// Writes a decision down. A release goes into the outbox in the same commit, only this copy and to this recipient
    /// (decision D10); of a rejection the sender gets a failure report (decision D16). The first of two persons leaves a
    /// proposal, and the copy stays held.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] where somebody else proposed or decided between the look and this: look again.
    pub async fn decide(&self, decision: &Decision, now: Timestamp) -> Result<Change, StoreError> {
        let to = match decision.to() {
            // Copies are never allowed or stopped: these two are of a bulk send as a whole.
            Resolution::Release | Resolution::Allow => CopyState::Released,
            Resolution::Reject | Resolution::Stop => CopyState::Rejected,
        };
        if to == CopyState::Released {
            self.is_whole(decision.object()).await?;
        }
        let confirms = match decision.step() {
            Step::Propose { instead_of } => return self.propose(decision, instead_of.clone(), to, now).await,
            Step::Confirm { proposer } => Some((proposer.clone(), decision.to())),
            Step::Alone => None,
        };
        let decide = Decide {
            id: decision.object().clone(),
            entries: decision.entries().to_vec(),
            confirms,
            now,
            to,
            chain: self.chain(),
            owner: self.own_epoch(),
        };
        let change = self.write(move |mut tx| async move { decide.write(&mut tx).await }).await?;
        self.inner.outbox.notify_one();
        Ok(change)
    }

    /// Reads the whole content of a held copy, so that damage is an error of the release and not of the later delivery.
    async fn is_whole(&self, copy: &CopyId) -> Result<(), StoreError> {
        let row: Option<Row> = self.reader().fetch_optional(COPY, args![copy]).await?;
        let row = row.ok_or_else(|| StoreError::unknown(copy.as_str()))?;
        if state_of(&row.get::<String>("state")?)? == CopyState::Held {
            self.blob_content(&row.get::<String>("blob")?).await?;
        }
        Ok(())
    }

    async fn propose(
        &self,
        decision: &Decision,
        instead_of: Option<String>,
        to: CopyState,
        now: Timestamp,
    ) -> Result<Change, StoreError> {
        let (chain, decision) = (self.chain(), decision.clone());
        self.write(move |mut tx| async move {
            let id = decision.object();
            if tx.execute(STILL_HELD, args![id]).await? == 0 {
                return decided_before(&mut tx, id, to).await;
            }
            leave_proposal(&mut tx, &chain, &decision, instead_of.as_deref(), now).await?;
            Ok(Change::Proposed)
        })
        .await
    }
}

/// Keeps what the first of two persons proposes, instead of what `instead_of` had proposed.
pub(super) async fn leave_proposal<Id: AsRef<str>>(
    tx: &mut Tx,
    chain: &Chain,
    decision: &Decision<Id>,
    instead_of: Option<&str>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let id = decision.object().as_ref();
    let superseded = || StoreError::Superseded { id: id.to_owned() };
    if let Some(earlier) = instead_of
        && tx.execute(REPLACED, args![id, earlier, decision.to().as_str()]).await? == 0
    {
        return Err(superseded());
    }
    let (actor, ground) = (decision.actor(), decision.ground());
    let note = chain.seal_words(&format!("proposal {id}"), ground.words());
    let role = actor.role().map_or("", Role::as_str);
    let values = args![id, decision.to().as_str(), actor.name(), role, micros(now), ground.code().as_str(), &note];
    if tx.execute(PROPOSED, values).await? == 0 {
        return Err(superseded());
    }
    for entry in decision.entries() {
        chain.add(tx, now, entry).await?;
    }
    Ok(())
}

/// Ends what was proposed, if anything was.
pub(super) async fn end_proposal(tx: &mut Tx, id: &str) -> Result<(), StoreError> {
    tx.execute(PROPOSAL_ENDED, args![id]).await.map(drop)
}

/// Ends the proposal that is confirmed.
pub(super) async fn confirm(tx: &mut Tx, id: &str, proposer: &str, proposed: Resolution) -> Result<(), StoreError> {
    if tx.execute(CONFIRMED, args![id, proposer, proposed.as_str()]).await? == 0 {
        return Err(StoreError::Superseded { id: id.to_owned() });
    }
    Ok(())
}

/// What becomes of a copy that is decided already.
async fn decided_before(tx: &mut Tx, id: &CopyId, to: CopyState) -> Result<Change, StoreError> {
    let row: Option<Row> = tx.fetch_optional(COPY, args![id]).await?;
    let state: String = row.ok_or_else(|| StoreError::unknown(id.as_str()))?.get("state")?;
    if state == to.as_str() { Ok(Change::Already) } else { Err(StoreError::WrongState { id: id.to_string(), state }) }
}

fn state_of(state: &str) -> Result<CopyState, StoreError> {
    CopyState::parse(state).ok_or_else(|| StoreError::Damaged { what: format!("a held copy is {state}") })
}

/// One decision that ends a copy's time in quarantine: a person's, or the calendar's.
pub(super) struct Decide {
    pub id: CopyId,
    /// What the audit says.
    pub entries: Vec<Entry>,
    /// The first of two persons and what they proposed, where this confirms it.
    pub confirms: Option<(String, Resolution)>,
    pub now: Timestamp,
    pub to: CopyState,
    pub chain: Chain,
    pub owner: (String, i64),
}

impl Decide {
    pub async fn write(self, tx: &mut Tx) -> Result<Change, StoreError> {
        // First the change, then the look at what was changed: of two who decide at once, one finds it decided.
        let untold = FollowupEvent::of(self.to).map(FollowupEvent::as_str);
        let changed = tx.execute(DECIDED, args![self.to.as_str(), micros(self.now), untold, &self.id]).await?;
        if changed == 0 {
            return decided_before(tx, &self.id, self.to).await;
        }
        if let Some((proposer, proposed)) = &self.confirms {
            confirm(tx, self.id.as_str(), proposer, *proposed).await?;
        }
        tx.execute(PROPOSAL_ENDED, args![&self.id]).await?;
        let row: Row = tx.fetch_one(COPY, args![&self.id]).await?;
        let blob: String = row.get("blob")?;
        match self.to {
            CopyState::Released => self.queue_release(tx, &row, &blob).await?,
            _ => {
                // One event, one mail (decision D40): a notice to the same person carries the report.
                let tell: Option<String> = row.get("tell")?;
                let reverse_path: String = row.get("reverse_path")?;
                if !tell.is_some_and(|tell| carries_report(&tell, &reverse_path)) {
                    self.queue_report(tx, &row, &blob).await?;
                }
            }
        }
        for entry in &self.entries {
            self.chain.add(tx, self.now, entry).await?;
        }
        super::expiry::free_unneeded(tx, &blob, self.now).await?;
        Ok(Change::Done)
    }

    async fn queue_release(&self, tx: &mut Tx, row: &Row, blob: &str) -> Result<(), StoreError> {
        let reverse_path: String = row.get("reverse_path")?;
        let item = NewItem {
            id: &ItemId::release(&self.id),
            mail: Some(&row.get("mail")?),
            copy: Some(&self.id),
            kind: OutboxKind::Release,
            reverse_path: &reverse_path,
            origin: &reverse_path,
            recipients: &[row.get("verbatim")?],
            blob,
            report: None,
            private: row.get("private")?,
            pending: false,
            created: micros(self.now),
            next_attempt: micros(self.now),
            owner: (&self.owner.0, self.owner.1),
        };
        item.insert(tx).await
    }

    async fn queue_report(&self, tx: &mut Tx, row: &Row, blob: &str) -> Result<(), StoreError> {
        let report = FailureReport {
            cause: if self.to == CopyState::Expired { Cause::Expired } else { Cause::Rejected },
            mail: row.get("mail")?,
            reverse_path: row.get("reverse_path")?,
            received: instant(row.get("received")?),
            private: row.get("private")?,
            recipients: vec![ReportedRecipient { verbatim: row.get("verbatim")?, reply: None }],
        };
        let (id, mail) = (ItemId::report(&self.id, self.to.as_str()), row.get("mail")?);
        queue_report(tx, (&id, Some(&mail), Some(&self.id)), blob, report, self.now, (&self.owner.0, self.owner.1))
            .await?;
        Ok(())
    }
}
