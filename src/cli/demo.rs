// SPDX-License-Identifier: EUPL-1.2
//! `octroi demo`.

use std::path::Path;
use std::process::ExitCode;

/// Shows the gateway at work with nothing set up
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi demo")]
pub struct Args {}

pub fn run(_args: &Args, _config: Option<&Path>) -> ExitCode {
    super::print::error("demo: not wired yet");
    ExitCode::FAILURE
}
