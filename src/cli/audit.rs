// SPDX-License-Identifier: EUPL-1.2
//! `octroi audit`: who looked and who decided, and whether the chain of entries is unbroken (decision D27).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use jiff::Timestamp;

use super::{ask_gateway, print, unexpected, words};
use crate::desk::{AuditLine, AuditQuery};
use crate::listen::control::{Answer, Request};

/// List and verify the audit: the record of who looked at held copies and who decided
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  octroi audit list\n  octroi audit verify")]
pub struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// List entries, newest first: who did what to which copy, when and why
    #[command(
        after_help = "Examples:\n  octroi audit list --object 1M8P0D84S2WQAXQCWR\n  octroi audit list --actor a.martin --action release --json"
    )]
    List {
        /// List only entries of this time or later, such as 2026-11-25T00:00:00Z
        #[arg(long, value_name = "TIME", value_parser = words::moment)]
        since: Option<Timestamp>,
        /// List only entries before this time
        #[arg(long, value_name = "TIME", value_parser = words::moment)]
        until: Option<Timestamp>,
        /// List only what this account did
        #[arg(long, value_name = "ACCOUNT")]
        actor: Option<String>,
        /// List only entries about this copy, about this mail and all its copies, or about searches for this address
        #[arg(long, value_name = "ID|ADDRESS")]
        object: Option<String>,
        /// List only this action, such as look, release, reject or export
        #[arg(long, value_name = "ACTION")]
        action: Option<String>,
        /// Print one JSON object for each entry
        #[arg(long)]
        json: bool,
    },
    /// Verify that nobody has changed an entry; exit code 1 if the chain of entries is broken
    #[command(
        after_help = "Examples:\n  octroi audit verify\n  octroi audit verify --anchor /media/safe/octroi-head.txt"
    )]
    Verify {
        /// A file with log lines `audit sealed head=…` that you keep outside the store: octroi checks that the chain
        /// still contains them
        #[arg(long, value_name = "FILE")]
        anchor: Option<PathBuf>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: &Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    match &args.command {
        AuditCommand::Verify { anchor, json } => verify(config, anchor.as_deref(), *json),
        AuditCommand::List { since, until, actor, object, action, json } => {
            let (actor, object, action) = (actor.clone(), object.clone(), action.clone());
            list(config, AuditQuery { since: *since, until: *until, actor, object, action, after: None }, *json)
        }
    }
}

fn list(config: Option<&Path>, mut query: AuditQuery, json: bool) -> anyhow::Result<ExitCode> {
    let mut lines = Vec::new();
    loop {
        let page = match ask_gateway(config, &Request::AuditList(query.clone()))?.0 {
            Answer::AuditEntries(page) => page,
            other => return Err(unexpected(&other)),
        };
        let Some(last) = page.last() else { break };
        query.after = Some((last.at, last.node.clone(), last.seq));
        if json {
            print::json_lines(&page)?;
        } else {
            lines.extend(page.iter().map(row));
        }
    }
    if !json {
        print::table(&["AT", "WHO", "ACTION", "OBJECT", "GROUND", "REASON"], &lines)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn row(line: &AuditLine) -> Vec<String> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    let second = line.second.as_ref().map(|second| format!(" and {second}")).unwrap_or_default();
    let about = line.about.as_ref().map(|about| format!(" ({about})")).unwrap_or_default();
    vec![
        format!("{:.0}", line.at),
        format!("{}{second}", line.actor),
        format!("{}{about}", line.action),
        line.object.clone(),
        or_dash(&line.ground),
        or_dash(&line.note),
    ]
}

fn verify(config: Option<&Path>, anchor: Option<&Path>, json: bool) -> anyhow::Result<ExitCode> {
    let anchor = anchor.map(read_anchor).transpose()?;
    let report = match ask_gateway(config, &Request::AuditVerify { anchor })?.0 {
        Answer::Audit(report) => report,
        other => return Err(unexpected(&other)),
    };
    if json {
        print::json_lines(&[&report])?;
    } else if report.sound {
        let tail = match report.proven_to {
            _ if report.tail_proven => "tail proven".to_owned(),
            Some(entry) => format!("proven up to entry {entry}; what comes after it is not proven"),
            None => "tail not proven".to_owned(),
        };
        print::line(format_args!("{} entries, the chain is unbroken, {tail}", report.entries))?;
    } else {
        let place = report.broken_at.map_or_else(String::new, |at| format!(" at entry {at}"));
        print::line(format_args!("{} entries, the chain is BROKEN{place}", report.entries))?;
    }
    Ok(if report.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The anchor is read here, with the rights of who asks, and never by the gateway.
fn read_anchor(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(16 * 1024).read_to_string(&mut text))
        .with_context(|| format!("cannot read the anchor {}", path.display()))?;
    Ok(text)
}
