// SPDX-License-Identifier: EUPL-1.2
//! `octroi outbox`: the mail that octroi itself sends: released copies, failure reports, notices.

use std::path::Path;
use std::process::ExitCode;

use clap::Subcommand;

use super::quarantine::counted;
use super::{ask_gateway, print, unexpected};
use crate::desk::OutboxRow;
use crate::listen::control::{Answer, Request};
use crate::mail::ItemId;

/// List and retry mail that octroi itself sends: released copies, failure reports, notices
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi outbox list")]
pub struct Args {
    #[command(subcommand)]
    command: OutboxCommand,
}

#[derive(Debug, Subcommand)]
enum OutboxCommand {
    /// List the mail that waits, with the last reply of the next hop
    #[command(after_help = "Examples:\n  octroi outbox list\n  octroi outbox list --json")]
    List {
        /// Print one JSON object for each mail
        #[arg(long)]
        json: bool,
    },
    /// Try to deliver one mail, or all mail, now
    #[command(after_help = "Examples:\n  octroi outbox retry\n  octroi outbox retry 1M8P0D84S2WQAXQCWR-o1")]
    Retry {
        /// The id of a mail, as in `octroi outbox list` [default: all]
        id: Option<String>,
    },
}

pub fn run(args: &Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    match &args.command {
        OutboxCommand::List { json } => match ask_gateway(config, &Request::OutboxList)?.0 {
            Answer::Outbox(rows) if *json => print::json_lines(&rows)?,
            Answer::Outbox(rows) => {
                let head = ["ID", "KIND", "SINCE", "RECIPIENT", "TRIES", "NEXT", "LAST REPLY"];
                print::table(&head, &rows.iter().map(row).collect::<Vec<_>>())?;
            }
            Answer::Counts(counts) if *json => print::error(counted(&counts)),
            Answer::Counts(counts) => print::line(counted(&counts))?,
            other => return Err(unexpected(&other)),
        },
        OutboxCommand::Retry { id } => retry(id.as_deref(), config)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn retry(id: Option<&str>, config: Option<&Path>) -> anyhow::Result<()> {
    let id = id.map(ItemId::parse).transpose()?.map(|id| id.to_string());
    match ask_gateway(config, &Request::OutboxRetry { id })?.0 {
        Answer::Retried { rows: 1 } => print::line("octroi tries 1 mail now; see `octroi outbox list`")?,
        Answer::Retried { rows } => {
            print::line(format_args!("octroi tries {rows} mails now; see `octroi outbox list`"))?;
        }
        other => return Err(unexpected(&other)),
    }
    Ok(())
}

fn row(row: &OutboxRow) -> Vec<String> {
    vec![
        row.id.to_string(),
        row.kind.clone(),
        format!("{:.0}", row.since),
        row.recipient.clone(),
        row.attempts.to_string(),
        row.next_attempt.map_or_else(|| "-".into(), |at| format!("{at:.0}")),
        row.last_reply.clone().unwrap_or_else(|| "-".into()),
    ]
}
