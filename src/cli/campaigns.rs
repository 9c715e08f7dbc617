// SPDX-License-Identifier: EUPL-1.2
//! `octroi campaigns`: bulk sends, those of the running gateway and those of logs.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use super::bulk_sends::{decide, list, show};
use super::print;
use crate::app::campaign_log::{Logs, replay};
use crate::campaign::Report;
use crate::desk::BulkState;
use crate::listen::control::Request;

/// See bulk sends and the administrative lists that explain their recipients; allow and stop flagged ones
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi campaigns list --state flagged")]
pub struct Args {
    #[command(subcommand)]
    command: CampaignsCommand,
}

#[derive(Debug, clap::Args)]
struct Deciding {
    /// Its id, as in `octroi campaigns list`
    id: String,
    /// Why you decide so, in your own words: the audit keeps it
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// The kind of reason, as of `octroi quarantine release` or `reject` [default: other]
    #[arg(long, value_name = "CODE")]
    ground: Option<String>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum CampaignsCommand {
    /// List the bulk sends that the running gateway knows, flagged ones first
    #[command(after_help = "Examples:\n  octroi campaigns list\n  octroi campaigns list --state flagged --json")]
    List {
        /// List only those in this state [default: all]
        #[arg(long, value_parser = ["open", "flagged", "allowed", "stopped", "lapsed", "all"])]
        state: Option<String>,
        /// Print one JSON object for each bulk send
        #[arg(long)]
        json: bool,
    },
    /// Show one bulk send: whose it is, which list it uses, why it is flagged
    #[command(after_help = "Example:\n  octroi campaigns show 9f1c33d06a4be217")]
    Show {
        /// Its id, as in `octroi campaigns list`
        id: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Let a flagged bulk send go for seven days: its mails pass when they come again
    ///
    /// Exit code 4: it waits for a second person, who confirms with the same command.
    #[command(
        after_help = "Example:\n  octroi campaigns allow 9f1c33d06a4be217 --reason \"the list's owner agrees, note 2026-41\""
    )]
    Allow(Deciding),
    /// Stop a flagged bulk send: its mails are refused for good when they come again
    ///
    /// Exit code 4: it waits for a second person, who confirms with the same command.
    #[command(
        after_help = "Example:\n  octroi campaigns stop 9f1c33d06a4be217 --reason \"outside decree 2022-1446, art. 1\""
    )]
    Stop(Deciding),
    /// Judge the transactions of traffic logs in their order, as a gateway would have done; sends and keeps nothing
    ///
    /// Prints each campaign of 30 recipients or more, and each that would have been stopped. Domains that send in the logs
    /// count as own. Exit code 2: something cannot be read.
    #[command(
        after_help = "Examples:\n  octroi campaigns replay traffic.jsonl --lists lists\n  octroi campaigns replay monday.jsonl tuesday.jsonl --texts texts.jsonl --lists lists --json"
    )]
    Replay {
        /// Logs: a transaction a line, in JSON
        #[arg(required = true, value_name = "LOG")]
        logs: Vec<PathBuf>,
        /// The texts that lines name by `text_id`
        #[arg(long, value_name = "FILE")]
        texts: Option<PathBuf>,
        /// A folder with `lists.json` and the files it names [default: no list is known]
        #[arg(long, value_name = "DIR")]
        lists: Option<PathBuf>,
        /// Take own domains, people and their units from this policy folder [default: that of the settings, if it is there]
        #[arg(long, value_name = "DIR")]
        policies: Option<PathBuf>,
        /// Print one JSON object for each campaign
        #[arg(long)]
        json: bool,
    },
}

/// The contract's code for input that cannot be read.
const UNREADABLE: u8 = 2;

pub fn run(args: &Args, config: Option<&Path>) -> ExitCode {
    super::conclude(match &args.command {
        CampaignsCommand::List { state, json } => list(config, state.as_deref().and_then(BulkState::parse), *json),
        CampaignsCommand::Show { id, json } => show(config, id, *json),
        CampaignsCommand::Allow(Deciding { id, reason, ground, json }) => {
            let (id, reason, ground) = (id.clone(), reason.clone(), ground.clone());
            decide(config, &Request::CampaignsAllow { id, reason, ground }, BulkState::Allowed, *json)
        }
        CampaignsCommand::Stop(Deciding { id, reason, ground, json }) => {
            let (id, reason, ground) = (id.clone(), reason.clone(), ground.clone());
            decide(config, &Request::CampaignsStop { id, reason, ground }, BulkState::Stopped, *json)
        }
        CampaignsCommand::Replay { logs, texts, lists, policies, json } => {
            return replayed(logs, texts.as_deref(), lists.as_deref(), policies.as_deref(), *json, config);
        }
    })
}

fn replayed(
    logs: &[PathBuf],
    texts: Option<&Path>,
    lists: Option<&Path>,
    policies: Option<&Path>,
    json: bool,
    config: Option<&Path>,
) -> ExitCode {
    let Ok(loaded) = super::settings(config) else { return ExitCode::from(UNREADABLE) };
    let of_settings = Some(loaded.settings.policies.path.as_path()).filter(|folder| folder.is_dir());
    let policies = policies.or(of_settings);
    match replay(&Logs { logs, texts, lists, policies }) {
        Ok(reports) => super::conclude(print_reports(&reports, json)),
        Err(error) => {
            print::error(error);
            ExitCode::from(UNREADABLE)
        }
    }
}

fn print_reports(reports: &[Report], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        print::json_lines(reports)?;
    } else if !reports.is_empty() {
        let head = ["FIRST", "CAMPAIGN", "TRANSACTIONS", "RECIPIENTS", "LIST", "SHARE", "STOPPED AT", "SENDERS"];
        print::table(&head, &reports.iter().map(row).collect::<Vec<_>>())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(report: &Report) -> Vec<String> {
    let list = match (&report.list, &report.export) {
        (Some(list), Some(export)) => format!("{list} ({export})"),
        (Some(list), None) => list.clone(),
        (None, _) => "-".into(),
    };
    let stopped = report.flagged_at.as_ref().map(|at| format!("{} after {} recipients", at.tx, at.recipients_before));
    let mut senders = report.senders.first().cloned().unwrap_or_else(|| "-".into());
    if report.senders.len() > 1 {
        senders.push_str(&format!(" and {} more", report.senders.len() - 1));
    }
    vec![
        format!("{:.0}", report.first),
        report.campaign.clone(),
        report.transactions.to_string(),
        report.recipients.to_string(),
        list,
        format!("{:.0} %", report.share * 100.0),
        stopped.unwrap_or_else(|| "-".into()),
        senders,
    ]
}
