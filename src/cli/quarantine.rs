// SPDX-License-Identifier: EUPL-1.2
//! `octroi quarantine`: review held copies without a browser.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use super::{ask_gateway, print, unexpected};
use crate::desk::{Counts, Done, Held, HeldQuery, Shown};
use crate::listen::control::{Answer, Request};
use crate::store::CopyState;

/// List, show, release, reject and export held copies, through the running gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi quarantine list")]
pub struct Args {
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// List held copies, newest first
    #[command(after_help = "Examples:\n  octroi quarantine list\n  octroi quarantine list --state released --json")]
    List {
        /// List only copies in this state; `all` for every state [default: held]
        #[arg(long, default_value = "held", value_parser = ["pending", "held", "released", "rejected", "expired", "all"])]
        #[arg(hide_default_value = true)]
        state: String,
        /// List at most N copies
        #[arg(long, default_value_t = 1000, value_name = "N")]
        limit: usize,
        /// Print one JSON object for each copy
        #[arg(long)]
        json: bool,
    },
    /// Show one copy: sender, recipient, state, and why it is held
    #[command(after_help = "Example:\n  octroi quarantine show 1M8P0D84S2WQAXQCWR-1")]
    Show {
        /// The id of the copy, as in `octroi quarantine list`
        id: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Release copies: octroi sends them to their recipients
    #[command(
        after_help = "Example:\n  octroi quarantine release 1M8P0D84S2WQAXQCWR-1 --reason \"asked by phone, file 2026-113\""
    )]
    Release {
        /// The ids of the copies, as in `octroi quarantine list`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why you release them, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Reject copies: octroi never sends them, and tells their sender
    #[command(after_help = "Example:\n  octroi quarantine reject 1M8P0D84S2WQAXQCWR-1 --reason \"wrong recipient\"")]
    Reject {
        /// The ids of the copies, as in `octroi quarantine list`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why you reject them, for the audit
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Export the message of a copy, exactly as it was held
    #[command(after_help = "Example:\n  octroi quarantine export 1M8P0D84S2WQAXQCWR-1 --output held.eml")]
    Export {
        /// The id of the copy, as in `octroi quarantine list`
        id: String,
        /// Write the message to this new file [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub fn run(args: &Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    match &args.command {
        QuarantineCommand::List { state, limit, json } => list(config, state, *limit, *json),
        QuarantineCommand::Show { id, json } => show(config, id, *json),
        QuarantineCommand::Release { ids, reason } => {
            each(config, ids, |id| Request::Release { id: id.into(), reason: reason.clone() })
        }
        QuarantineCommand::Reject { ids, reason } => {
            each(config, ids, |id| Request::Reject { id: id.into(), reason: reason.clone() })
        }
        QuarantineCommand::Export { id, output } => export(config, id, output.as_deref()),
    }
}

fn list(config: Option<&Path>, state: &str, limit: usize, json: bool) -> anyhow::Result<ExitCode> {
    let state = CopyState::ALL.into_iter().find(|known| known.as_str() == state);
    match ask_gateway(config, &Request::List(HeldQuery { state, limit }))?.0 {
        Answer::Held(rows) if json => print::json_lines(&rows)?,
        Answer::Held(rows) => {
            let head = ["ID", "HELD AT", "STATE", "SENDER", "RECIPIENT", "RULES"];
            print::table(&head, &rows.iter().map(row).collect::<Vec<_>>())?;
        }
        // `list --json` promises one object a copy: counts are none, so they go to standard error there.
        Answer::Counts(counts) if json => print::error(counted(&counts)),
        Answer::Counts(counts) => print::line(counted(&counts))?,
        other => return Err(unexpected(&other)),
    }
    Ok(ExitCode::SUCCESS)
}

fn row(held: &Held) -> Vec<String> {
    vec![
        held.id.clone(),
        format!("{:.0}", held.held_at),
        held.state.as_str().into(),
        if held.sender.is_empty() { "<>".into() } else { held.sender.clone() },
        held.recipient.clone(),
        held.rules.join(", "),
    ]
}

/// What an operator may know.
pub fn counted(counts: &Counts) -> String {
    format!(
        "{} held, {} pending, {} released, {} rejected, {} expired; {} in the outbox (the role of this account sees only \
         numbers; section [cli.accounts] of the settings says who has which role)",
        counts.held, counts.pending, counts.released, counts.rejected, counts.expired, counts.outbox
    )
}

fn show(config: Option<&Path>, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    match ask_gateway(config, &Request::Show { id: id.into() })?.0 {
        Answer::Shown(shown) if json => print::json_lines(&[shown])?,
        Answer::Shown(shown) => print::bytes(described(&shown).as_bytes())?,
        other => return Err(unexpected(&other)),
    }
    Ok(ExitCode::SUCCESS)
}

fn described(shown: &Shown) -> String {
    let held = &shown.held;
    let mut lines = vec![
        format!("copy       {} of mail {}", held.id, shown.mail),
        format!("state      {}", held.state.as_str()),
        format!("held at    {:.0}", held.held_at),
    ];
    if let Some(expires) = shown.expires_at {
        lines.push(format!("expires    {expires:.0}"));
    }
    lines.push(format!("sender     <{}>", held.sender));
    lines.push(format!("recipient  <{}>", held.recipient));
    lines.push(format!("size       {} bytes", shown.size));
    lines.push(match (&shown.subject, shown.private) {
        (_, true) => "subject    (private mail: not shown)".into(),
        (Some(subject), false) => format!("subject    {subject}"),
        (None, false) => "subject    (none)".into(),
    });
    for reason in &shown.reasons {
        lines.push(format!("because    {}: {}", reason.rule, reason.text));
    }
    for finding in &shown.findings {
        let excerpt = finding.excerpt.as_ref().map(|text| format!(" \"{text}\"")).unwrap_or_default();
        lines.push(format!("found      {} {} in {}{excerpt}", finding.kind, finding.value, finding.place));
    }
    lines.iter().map(|line| print::harmless(line) + "\n").collect()
}

/// Decides one copy after the other; one refusal does not keep the rest from being decided.
fn each(config: Option<&Path>, ids: &[String], request: impl Fn(&str) -> Request) -> anyhow::Result<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    for id in ids {
        match ask_gateway(config, &request(id)) {
            Ok((Answer::Done(Done { id, state, note }), _)) => {
                let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
                print::line(format_args!("{}: {}{}", print::harmless(&id), state.as_str(), print::harmless(&note)))?;
            }
            Ok((other, _)) => return Err(unexpected(&other)),
            Err(error) => {
                print::error(format_args!("{id}: {error:#}"));
                code = ExitCode::FAILURE;
            }
        }
    }
    Ok(code)
}

fn export(config: Option<&Path>, id: &str, output: Option<&Path>) -> anyhow::Result<ExitCode> {
    let (answer, content) = ask_gateway(config, &Request::Export { id: id.into() })?;
    if !matches!(answer, Answer::Message { .. }) {
        return Err(unexpected(&answer));
    }
    match output {
        None => print::bytes(&content)?,
        Some(path) => {
            use std::os::unix::fs::OpenOptionsExt;
            // Held mail is nobody else's business: the file is readable by its owner alone.
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(path).with_context(|| format!("cannot create {}", path.display()))?;
            file.write_all(&content).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
