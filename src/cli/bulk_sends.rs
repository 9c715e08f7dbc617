// SPDX-License-Identifier: EUPL-1.2
//! Bulk sends of the running gateway, on a terminal: the commands of `octroi campaigns` that ask it.

use std::path::Path;
use std::process::ExitCode;

use super::{ask_gateway, print, unexpected};
use crate::desk::{BulkSend, BulkSends, BulkState};
use crate::listen::control::{Answer, Request};

/// The contract's exit code where a second person has to confirm.
const WAITS: u8 = 4;

pub fn list(config: Option<&Path>, state: Option<BulkState>, json: bool) -> anyhow::Result<ExitCode> {
    match ask_gateway(config, &Request::CampaignsList { state })?.0 {
        Answer::Campaigns(BulkSends::Rows(rows)) if json => print::json_lines(&rows)?,
        Answer::Campaigns(BulkSends::Rows(rows)) if rows.is_empty() => print::line("no bulk sends")?,
        Answer::Campaigns(BulkSends::Rows(rows)) => {
            let head =
                ["CAMPAIGN", "STATE", "FLAGGED AT", "LIST", "SHARE", "RECIPIENTS", "BEFORE", "PUT OFF", "SENDERS"];
            print::table(&head, &rows.iter().map(row).collect::<Vec<_>>())?;
        }
        Answer::Campaigns(BulkSends::Counts { open, flagged, allowed, stopped, lapsed }) => {
            let counted = format!(
                "{open} open, {flagged} flagged, {allowed} allowed, {stopped} stopped, {lapsed} lapsed (the role of this account sees only \
                 numbers; section [cli.accounts] of the settings says who has which role)"
            );
            // `list --json` promises one object a bulk send: counts are none.
            if json { print::error(counted) } else { print::line(counted)? }
        }
        other => return Err(unexpected(&other)),
    }
    Ok(ExitCode::SUCCESS)
}

pub fn show(config: Option<&Path>, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    match ask_gateway(config, &Request::CampaignsShow { id: id.to_owned() })?.0 {
        Answer::Campaign(shown) if json => print::json_lines(&[shown])?,
        Answer::Campaign(shown) => print::bytes(described(&shown).as_bytes())?,
        other => return Err(unexpected(&other)),
    }
    Ok(ExitCode::SUCCESS)
}

/// `wanted` is the state that the decision leads to; any other one waits for a second person.
pub fn decide(config: Option<&Path>, request: &Request, wanted: BulkState, json: bool) -> anyhow::Result<ExitCode> {
    let decided = match ask_gateway(config, request)?.0 {
        Answer::CampaignDecided(decided) => decided,
        other => return Err(unexpected(&other)),
    };
    if json {
        print::json_lines(&[&decided])?;
    } else {
        let note = decided.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
        print::line(format_args!("{}: {}{}", decided.campaign, decided.state.as_str(), print::harmless(&note)))?;
    }
    Ok(if decided.state == wanted { ExitCode::SUCCESS } else { ExitCode::from(WAITS) })
}

fn row(send: &BulkSend) -> Vec<String> {
    let flagged = send.flagged_at.as_ref();
    vec![
        send.campaign.clone(),
        send.state.as_str().to_owned(),
        flagged.map_or_else(|| "-".into(), |at| format!("{:.0}", at.at)),
        listed(send),
        format!("{:.0} %", send.share * 100.0),
        send.recipients.to_string(),
        flagged.map_or_else(|| "-".into(), |at| at.recipients_before.to_string()),
        send.deferred.to_string(),
        match send.senders.as_slice() {
            [] => "-".into(),
            [only] => only.clone(),
            [first, others @ ..] => format!("{first} and {} more", others.len()),
        },
    ]
}

fn listed(send: &BulkSend) -> String {
    match (&send.list, &send.export) {
        (Some(list), Some(export)) => format!("{list} ({export})"),
        (Some(list), None) => list.clone(),
        (None, _) => "-".into(),
    }
}

fn described(send: &BulkSend) -> String {
    let mut lines = vec![
        format!("campaign    {}", send.campaign),
        format!("state       {}", send.state.as_str()),
        format!("list        {}", listed(send)),
        format!(
            "recipients  {} in {} mails, {:.0} % of them on the list",
            send.recipients,
            send.transactions,
            send.share * 100.0
        ),
        format!("between     {:.0} and {:.0}", send.first, send.last),
    ];
    lines.extend(send.senders.iter().map(|sender| format!("sender      {sender}")));
    if let Some(at) = &send.flagged_at {
        lines.push(format!("flagged at  {:.0}, {} recipients were reached before", at.at, at.recipients_before));
        lines.push(format!(
            "put off     {} mails: stopped, each of them is a failure report of its mail server to its sender",
            send.deferred
        ));
    }
    lines.extend(send.reasons.iter().map(|reason| format!("because     {reason}")));
    if let Some(decision) = &send.decision {
        let second = decision.second.as_deref().map(|name| format!(", confirmed by {name}")).unwrap_or_default();
        lines.push(format!("decision    {} by {} at {:.0}{second}", decision.action, decision.actor, decision.at));
        lines.extend(decision.note.as_ref().map(|note| format!("reason      {note}")));
    }
    if let Some(proposal) = &send.proposal {
        let (action, actor, at) = (&proposal.action, &proposal.actor, proposal.at);
        lines.push(format!("proposed    {action} by {actor} at {at:.0}; an approver confirms it"));
        lines.push(format!("reason      {}", proposal.note));
    }
    lines.iter().map(|line| print::harmless(line) + "\n").collect()
}
