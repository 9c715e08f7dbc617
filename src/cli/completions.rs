// SPDX-License-Identifier: EUPL-1.2
//! `octroi completions`.

use std::process::ExitCode;

use clap_complete::Shell;

/// Print the completions of a shell: command names and options when you press Tab
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  octroi completions bash > /etc/bash_completion.d/octroi\n  octroi completions zsh > /usr/local/share/zsh/site-functions/_octroi\n  octroi completions fish > /etc/fish/completions/octroi.fish"
)]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut super::command(), "octroi", &mut out);
    super::print::bytes(&out)?;
    Ok(ExitCode::SUCCESS)
}
