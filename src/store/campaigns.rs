// SPDX-License-Identifier: EUPL-1.2
//! Bulk sends under way, so that a restart forgets no flag and no decision (decision D22): keyed hashes, counts and
//! sketches, no text and no address but those of senders of what was flagged, sealed. What has ended is deleted with the
//! next change.

use jiff::Timestamp;

use super::audit::Chain;
use super::copy::Change;
use super::decide::{confirm, end_proposal, leave_proposal};
use super::tx::{Tx, args, statements};
use super::{Store, StoreError, instant, micros};
use crate::access::{Decision, Resolution, Step};
use crate::campaign::{CampaignId, Saved, SavedRow};
use crate::lists::Member;

statements! {
    CAMPAIGN_KEPT = "INSERT INTO campaign (kind, key, value) VALUES ($1, $2, $3) \
        ON CONFLICT (kind, key) DO UPDATE SET value = excluded.value";
    CAMPAIGN_GONE = "DELETE FROM campaign WHERE kind = $1 AND key = $2";
    CAMPAIGNS = "SELECT kind, key, value FROM campaign ORDER BY kind, key";
    SENDER_KEPT = "INSERT INTO campaign_sender (member, address) VALUES ($1, $2) ON CONFLICT (member) DO NOTHING";
    SENDER_GONE = "DELETE FROM campaign_sender WHERE member = $1";
    SENDERS = "SELECT member, address FROM campaign_sender ORDER BY member";
    DECIDED = "INSERT INTO campaign_decision (campaign, resolution, at) VALUES ($1, $2, $3) \
        ON CONFLICT (campaign) DO UPDATE SET resolution = excluded.resolution, at = excluded.at";
    DECISION_GONE = "DELETE FROM campaign_decision WHERE campaign = $1";
    DECISIONS = "SELECT campaign, resolution, at FROM campaign_decision ORDER BY campaign";
}

/// What changed since bulk sends were last written down.
#[derive(Debug, Clone, Default)]
pub struct CampaignChanges {
    pub rows: Vec<SavedRow>,
    /// Senders of flagged ones by the hash of their address: who is new, and who sent none that is still known.
    pub senders: Vec<(Member, String)>,
    pub gone: Vec<Member>,
}

/// What people decided about a bulk send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecidedCampaign {
    pub campaign: CampaignId,
    pub to: Resolution,
    pub at: Timestamp,
}

impl Store {
    /// Writes down what changed, in one commit. With a flagged campaign go its decision and its proposal.
    pub async fn keep_campaigns(&self, changes: CampaignChanges) -> Result<(), StoreError> {
        let chain = self.chain();
        self.write(move |mut tx| async move {
            for row in &changes.rows {
                keep(&mut tx, row).await?;
            }
            for (member, address) in &changes.senders {
                let sealed = chain.seal_words(&place(*member), address);
                tx.execute(SENDER_KEPT, args![member.0.cast_signed(), sealed.as_slice()]).await?;
            }
            for member in &changes.gone {
                tx.execute(SENDER_GONE, args![member.0.cast_signed()]).await?;
            }
            Ok(())
        })
        .await
    }

    /// All that was written down. What cannot be read is said and left out: it hides nothing else.
    pub async fn campaigns(&self) -> Result<Saved, StoreError> {
        let rows: Vec<(i64, i64, Vec<u8>)> = self.reader().fetch_readable(CAMPAIGNS, args![]).await?;
        let rows = rows.into_iter().map(|(kind, key, value)| SavedRow {
            // A kind that is none of ours is left out below.
            kind: u8::try_from(kind).unwrap_or(u8::MAX),
            key: key.cast_unsigned(),
            value: Some(value),
        });
        let (saved, damaged) = Saved::of_rows(rows);
        if damaged > 0 {
            tracing::error!(
                rows = damaged,
                "what the store keeps of campaigns cannot be read in part, and is left out"
            );
        }
        Ok(saved)
    }

    /// The senders of flagged campaigns.
    pub async fn campaign_senders(&self) -> Result<Vec<(Member, String)>, StoreError> {
        let chain = self.chain();
        let rows: Vec<(i64, Vec<u8>)> = self.reader().fetch_readable(SENDERS, args![]).await?;
        let read = |(member, sealed): (i64, Vec<u8>)| {
            let member = Member(member.cast_unsigned());
            let address = chain.open_words(&place(member), &sealed);
            if address.is_none() {
                tracing::error!("the address of a sender of a bulk send cannot be read, and is not shown");
            }
            Some((member, address?))
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// What was decided about campaigns that are known. What cannot be read is said and left out: its campaign stays
    /// flagged, and mail flows.
    pub async fn campaign_decisions(&self) -> Result<Vec<DecidedCampaign>, StoreError> {
        let rows: Vec<(String, String, i64)> = self.reader().fetch_readable(DECISIONS, args![]).await?;
        let read = |(campaign, to, at): (String, String, i64)| {
            let read = (CampaignId::parse(&campaign), Resolution::parse(&to));
            let (Some(known), Some(to @ (Resolution::Allow | Resolution::Stop))) = read else {
                tracing::error!(campaign, "the decision about a bulk send cannot be read, and is left out");
                return None;
            };
            Some(DecidedCampaign { campaign: known, to, at: instant(at) })
        };
        Ok(rows.into_iter().filter_map(read).collect())
    }

    /// Writes a decision about a flagged campaign down, with its audit entries in the same commit; the first of two
    /// persons leaves a proposal.
    ///
    /// # Errors
    /// [`StoreError::Superseded`] where somebody else proposed or decided between the look and this: look again.
    pub async fn decide_campaign(&self, decision: &Decision<String>, now: Timestamp) -> Result<Change, StoreError> {
        let (chain, decision) = (self.chain(), decision.clone());
        self.write(move |mut tx| async move { decide(&mut tx, &chain, &decision, now).await }).await
    }
}

async fn keep(tx: &mut Tx, row: &SavedRow) -> Result<(), StoreError> {
    // The same bits: the database has no number without a sign.
    let (kind, key) = (i64::from(row.kind), row.key.cast_signed());
    if let Some(value) = &row.value {
        tx.execute(CAMPAIGN_KEPT, args![kind, key, value.as_slice()]).await?;
        return Ok(());
    }
    tx.execute(CAMPAIGN_GONE, args![kind, key]).await?;
    if let Some(campaign) = row.flagged() {
        let id = campaign.to_string();
        tx.execute(DECISION_GONE, args![&id]).await?;
        end_proposal(tx, &id).await?;
    }
    Ok(())
}

async fn decide(tx: &mut Tx, chain: &Chain, decision: &Decision<String>, now: Timestamp) -> Result<Change, StoreError> {
    let id = decision.object();
    match decision.step() {
        Step::Propose { instead_of } => {
            leave_proposal(tx, chain, decision, instead_of.as_deref(), now).await?;
            return Ok(Change::Proposed);
        }
        Step::Confirm { proposer } => confirm(tx, id, proposer, decision.to()).await?,
        Step::Alone => end_proposal(tx, id).await?,
    }
    tx.execute(DECIDED, args![id, decision.to().as_str(), micros(now)]).await?;
    for entry in decision.entries() {
        chain.add(tx, now, entry).await?;
    }
    Ok(Change::Done)
}

/// Where a sealed address belongs.
fn place(member: Member) -> String {
    format!("campaign sender {:016x}", member.0)
}
