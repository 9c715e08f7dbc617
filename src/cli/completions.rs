// SPDX-License-Identifier: EUPL-1.2
//! `octroi completions`.

use std::process::ExitCode;

use clap::CommandFactory;
use clap_complete::Shell;

/// Prints completions for a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi completions bash > /etc/bash_completion.d/octroi")]
pub struct Args {
    shell: Shell,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "octroi", &mut out);
    super::print::bytes(&out)?;
    Ok(ExitCode::SUCCESS)
}
