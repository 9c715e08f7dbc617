// SPDX-License-Identifier: EUPL-1.2
//! `octroi scan`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Judges messages and sends nothing: one verdict for each
///
/// Exit code 0: all pass; 10: something is held back; 2: an input cannot be read.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  octroi scan report.eml --from clerk@town.example --to clerk.home@webmail.example\n  octroi scan --json sent/ < /dev/null\n  cat mail.eml | octroi scan -"
)]
pub struct Args {
    /// Messages, folders, mbox files or Maildirs; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The envelope's sender [default: Return-Path, else From]
    #[arg(long, value_name = "ADDR")]
    pub from: Option<String>,
    /// The envelope's recipients [default: To, Cc and Bcc]
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    pub to: Vec<String>,
    /// Another policy folder than that of the settings
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// One JSON object a message
    #[arg(long)]
    pub json: bool,
}

pub fn run(_args: &Args, _config: Option<&Path>) -> ExitCode {
    super::print::error("scan: not wired yet");
    ExitCode::from(2)
}
