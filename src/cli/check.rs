// SPDX-License-Identifier: EUPL-1.2
//! `octroi check`: is everything in order? All that is not, at once.

use std::path::Path;
use std::process::ExitCode;

use super::print;
use crate::app::{self, PoliciesError};
use crate::policy::Mode;

/// Checks settings, policies and what they point to; tells every fault and what to write instead
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi check --config /etc/octroi/octroi.toml")]
pub struct Args {}

pub fn run(_args: &Args, config: Option<&Path>) -> ExitCode {
    let loaded = match super::settings(config) {
        Ok(loaded) => loaded,
        Err(code) => return code,
    };
    print::warnings(&loaded.warnings);
    if let Err(faults) = loaded.verify() {
        print::faults(&faults);
        return ExitCode::FAILURE;
    }
    let folder = &loaded.settings.policies.path;
    let policies = app::read_policies(folder).and_then(|files| app::house(&files, folder, Mode::Enforce));
    match policies {
        Ok(_) => {}
        Err(PoliciesError::Faults(_, faults)) => {
            print::drawn(&faults.report(print::colour()));
            return ExitCode::FAILURE;
        }
        Err(error) => {
            print::error(error);
            return ExitCode::FAILURE;
        }
    }
    let name = loaded.file.as_deref().map_or("built-in defaults".into(), |file| file.display().to_string());
    let _ = match loaded.warnings.len() {
        0 => print::line(format_args!("{name}: in order")),
        1 => print::line(format_args!("{name}: in order, with 1 warning")),
        n => print::line(format_args!("{name}: in order, with {n} warnings")),
    };
    ExitCode::SUCCESS
}
