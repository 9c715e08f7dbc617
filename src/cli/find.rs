// SPDX-License-Identifier: EUPL-1.2
//! `octroi find`: what became of a mail, with one line for each recipient (decision D24).

use std::path::Path;
use std::process::ExitCode;

use super::{ask_gateway, print, unexpected};
use crate::desk::{Found, FoundRows};
use crate::listen::control::{Answer, Request};

/// Find out what became of a mail, with one line for each recipient; exit code 1 if nothing is known
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  octroi find '<20260302.8@town.example>'\n  octroi find 4ZxWq13k2Dz9rT\n  octroi find clerk@town.example --json"
)]
pub struct Args {
    /// A Message-ID, a queue id of your mail server, an id of octroi (the reference in notices), or an address
    #[arg(value_name = "MESSAGE-ID|QUEUE-ID|ID|ADDRESS")]
    what: String,
    /// Print one JSON object for each recipient
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let what = args.what.trim().to_owned();
    let FoundRows { rows, damaged, more } = match ask_gateway(config, &Request::Find { what })?.0 {
        Answer::Found(found) => found,
        other => return Err(unexpected(&other)),
    };
    if damaged > 0 {
        print::error(format_args!(
            "{damaged} rows of the journal are damaged and left out; the gateway's log says more"
        ));
    }
    if rows.is_empty() && !more {
        print::error(format_args!("nothing is known about {}", print::harmless(&args.what)));
        return Ok(ExitCode::FAILURE);
    }
    if args.json {
        print::json_lines(&rows)?;
    } else {
        let head = ["RECEIVED", "ID", "QUEUE", "SENDER", "RECIPIENT", "WHAT", "RULE", "REPLY"];
        print::table(&head, &rows.iter().map(row).collect::<Vec<_>>())?;
    }
    if more {
        print::error(OLDER);
    }
    Ok(ExitCode::SUCCESS)
}

/// On standard error, since standard output holds the rows alone.
const OLDER: &str =
    "these are the newest; there are older ones, which a Message-ID, a queue id or an id of octroi finds";

fn row(found: &Found) -> Vec<String> {
    let what = match found.state {
        Some(state) => format!("{}, now {}", found.disposition, state.as_str()),
        None => found.disposition.clone(),
    };
    let what = match &found.decision {
        Some(decision) => {
            let second = decision.second.iter().map(|second| format!(" and {second}")).collect::<String>();
            format!("{what} by {}{second}", decision.actor)
        }
        None => what,
    };
    let what = match &found.observed {
        Some(observed) => format!("{what}, observed {observed}"),
        None => what,
    };
    let what = match (found.times, &found.cause) {
        (0 | 1, None) => what,
        (0 | 1, Some(cause)) => format!("{what} ({cause})"),
        (times, cause) => format!("{what} ({}, {times} times)", cause.as_deref().unwrap_or("-")),
    };
    vec![
        format!("{:.0}", found.received),
        found.id.to_string(),
        found.queue_id.clone().unwrap_or_else(|| "-".into()),
        match found.sender.as_deref() {
            None => "-".into(),
            Some("") => "<>".into(),
            Some(sender) => sender.to_owned(),
        },
        // Refused before anybody was named.
        found.recipient.clone().filter(|recipient| !recipient.is_empty()).unwrap_or_else(|| "-".into()),
        what,
        if found.rules.is_empty() { "-".into() } else { found.rules.join(",") },
        found.reply.clone().unwrap_or_else(|| "-".into()),
    ]
}
