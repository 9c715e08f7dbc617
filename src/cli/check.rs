// SPDX-License-Identifier: EUPL-1.2
//! `octroi check`: reports all errors in settings and policies at once.

use std::path::Path;
use std::process::ExitCode;

use super::print;
use crate::app::{self, StartError};
use crate::config;

/// Check settings, policies and all files they name; report all errors at once, and what to write instead
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi check --config /etc/octroi/octroi.toml")]
pub struct Args {}

pub fn run(_args: &Args, config: Option<&Path>) -> ExitCode {
    let loaded = match super::settings(config) {
        Ok(loaded) => loaded,
        Err(code) => {
            // The policies have faults of their own, and are read for them all the same.
            let folder = config::policies_folder(config);
            if folder.is_dir() {
                app::rehearse_policies(&folder).0.iter().for_each(print::start_error);
            }
            return code;
        }
    };
    print::warnings(&loaded.warnings);
    let faults = loaded.verify().err();
    if let Some(faults) = &faults {
        print::faults(faults);
    }
    // Where something is missing, what is in it was said already: only the policies are read all the same.
    let (mut errors, remarks) = app::rehearse(&loaded.settings);
    let has_policies = loaded.settings.policies.path.is_dir();
    errors.retain(|error| match error {
        StartError::Policies(_) => has_policies,
        _ => faults.is_none(),
    });
    errors.iter().for_each(print::start_error);
    print::warnings(&remarks);
    if let Some(unread) = app::unread(&loaded.settings) {
        print::error(format_args!("note: {unread}"));
    }
    if faults.is_some() || !errors.is_empty() {
        return ExitCode::FAILURE;
    }
    let name = loaded.file.as_deref().map_or("built-in defaults".into(), |file| file.display().to_string());
    let _ = match loaded.warnings.len() + remarks.len() {
        0 => print::line(format_args!("{name}: in order")),
        1 => print::line(format_args!("{name}: in order, with 1 warning")),
        n => print::line(format_args!("{name}: in order, with {n} warnings")),
    };
    ExitCode::SUCCESS
}
