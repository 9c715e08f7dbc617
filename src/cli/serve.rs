// SPDX-License-Identifier: EUPL-1.2
//! `octroi serve`.

use std::path::Path;
use std::process::ExitCode;

/// Runs the gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi serve --config /etc/octroi/octroi.toml")]
pub struct Args {}

pub fn run(_args: &Args, _config: Option<&Path>) -> ExitCode {
    super::print::error("serve: not wired yet");
    ExitCode::FAILURE
}
