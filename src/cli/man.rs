// SPDX-License-Identifier: EUPL-1.2
//! `octroi man`.

use std::process::ExitCode;

use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::Man;

/// Prints the manual page of octroi, or of one command
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  octroi man > octroi.1\n  octroi man quarantine release | man -l -")]
pub struct Args {
    /// A command, as `quarantine` or `quarantine release`
    command: Vec<String>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut page = super::Cli::command();
    page.build();
    for name in &args.command {
        page = page.find_subcommand(name).cloned().with_context(|| format!("there is no command called {name}"))?;
    }
    let mut out = Vec::new();
    Man::new(page).render(&mut out)?;
    super::print::bytes(&out)?;
    Ok(ExitCode::SUCCESS)
}
