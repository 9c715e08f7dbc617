// SPDX-License-Identifier: EUPL-1.2
//! `octroi serve`.

use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;

use super::print;
use crate::app;
use crate::listen::log;

/// Run the gateway
///
/// On SIGTERM or SIGINT octroi finishes the mail in progress and ends. On SIGHUP it loads settings, policies and
/// certificates again; if they contain an error, nothing changes, and what needs a restart is named in the log.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi serve --config /etc/octroi/octroi.toml")]
pub struct Args {}

pub fn run(_args: &Args, config: Option<&Path>) -> ExitCode {
    let loaded = match super::settings(config) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    print::warnings(&loaded.warnings);
    // Nothing starts half-configured: what `check` finds, `serve` refuses.
    if let Err(faults) = loaded.verify() {
        print::faults(&faults);
        return ExitCode::FAILURE;
    }
    let colour = std::io::stderr().is_terminal() && print::colour();
    let (log, guard) = match log::install(&loaded.settings.log, colour) {
        Ok(installed) => installed,
        Err(error) => {
            print::error(format_args!("cannot start the log: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let served = super::runtime().map(|runtime| {
        let served = runtime.block_on(app::serve(&loaded, log));
        // A reload whose files never came holds nobody up.
        runtime.shutdown_timeout(std::time::Duration::from_secs(2));
        served
    });
    // What was logged stands before what ends us.
    drop(guard);
    match served {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => {
            print::start_error(&error);
            ExitCode::FAILURE
        }
        Err(error) => super::conclude(Err(error)),
    }
}
