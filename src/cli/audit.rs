// SPDX-License-Identifier: EUPL-1.2
//! `octroi audit`: verifies the chain of audit entries (decision D27).

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;

use super::{ask_gateway, print, unexpected};
use crate::listen::control::{Answer, Request};

/// Verify the audit: the record of who looked at held copies and who decided
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi audit verify")]
pub struct Args {
    #[command(subcommand)]
    command: AuditCommand,
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
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
    let AuditCommand::Verify { anchor, json } = &args.command;
    let anchor = anchor.as_deref().map(read_anchor).transpose()?;
    let report = match ask_gateway(config, &Request::AuditVerify { anchor })?.0 {
        Answer::Audit(report) => report,
        other => return Err(unexpected(&other)),
    };
    if *json {
        print::json_lines(&[&report])?;
    } else if report.sound {
        let tail = if report.tail_proven { "tail proven" } else { "tail not proven" };
        print::line(format_args!("{} entries, the chain is unbroken, {tail}", report.entries))?;
    } else {
        let place = report.broken_at.map_or_else(String::new, |at| format!(" at entry {at}"));
        print::line(format_args!("{} entries, the chain is BROKEN{place}", report.entries))?;
    }
    Ok(if report.sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// This command reads the anchor, with the rights of its user; the gateway never does.
fn read_anchor(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(16 * 1024).read_to_string(&mut text))
        .with_context(|| format!("cannot read the anchor {}", path.display()))?;
    Ok(text)
}
