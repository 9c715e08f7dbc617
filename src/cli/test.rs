// SPDX-License-Identifier: EUPL-1.2
//! `octroi test`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the tests of the policies: every case in policies/tests
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi test --policies /etc/octroi/policies")]
pub struct Args {
    /// Another policy folder than that of the settings
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
}

pub fn run(_args: &Args, _config: Option<&Path>) -> ExitCode {
    super::print::error("test: not wired yet");
    ExitCode::FAILURE
}
