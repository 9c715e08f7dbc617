// SPDX-License-Identifier: EUPL-1.2
//! `octroi campaigns`: bulk sends.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;

use super::print;
use crate::app::campaign_log::{Logs, replay};
use crate::campaign::Report;

/// See bulk sends and the administrative lists that explain their recipients
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi campaigns replay traffic.jsonl --lists lists --json")]
pub struct Args {
    #[command(subcommand)]
    command: CampaignsCommand,
}

#[derive(Debug, Subcommand)]
enum CampaignsCommand {
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
    let CampaignsCommand::Replay { logs, texts, lists, policies, json } = &args.command;
    let Ok(loaded) = super::settings(config) else { return ExitCode::from(UNREADABLE) };
    let of_settings = Some(loaded.settings.policies.path.as_path()).filter(|folder| folder.is_dir());
    let policies = policies.as_deref().or(of_settings);
    match replay(&Logs { logs, texts: texts.as_deref(), lists: lists.as_deref(), policies }) {
        Ok(reports) => super::conclude(show(&reports, *json)),
        Err(error) => {
            print::error(error);
            ExitCode::from(UNREADABLE)
        }
    }
}

fn show(reports: &[Report], json: bool) -> anyhow::Result<ExitCode> {
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
