// SPDX-License-Identifier: EUPL-1.2
//! `octroi scan`.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;

use super::print;
use crate::app::scan::ScanReport;
use crate::app::{self, Registered};
use crate::policy::Mode;

/// Judge messages and show a verdict for each; sends and keeps nothing
///
/// It judges as in mode "enforce", whatever the settings say.
/// Exit code 0: all copies pass; 10: a copy is held, stripped, deferred or refused; 2: an input cannot be read.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  octroi scan report.eml --from clerk@town.example --to clerk.home@webmail.example\n  octroi scan --json sent/\n  octroi scan - < mail.eml"
)]
pub struct Args {
    /// Messages, folders of messages, mbox files or Maildirs; `-` means standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The sender of the envelope [default: Return-Path, else From]
    #[arg(long, value_name = "ADDR")]
    pub from: Option<String>,
    /// The recipients of the envelope, to the end of the line or the next option: write FILE before it [default: To, Cc and
    /// Bcc]
    #[arg(long, value_name = "ADDR", num_args = 1..)]
    pub to: Vec<String>,
    /// Use this policy folder and not the one of the settings
    #[arg(long, value_name = "DIR")]
    pub policies: Option<PathBuf>,
    /// Print one JSON object for each message
    #[arg(long)]
    pub json: bool,
}

/// The contract's exit codes.
const HELD_BACK: u8 = 10;
const UNREADABLE: u8 = 2;

pub fn run(args: &Args, config: Option<&Path>) -> ExitCode {
    match scan(args, config) {
        Ok(code) => code,
        Err(error) if print::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(format_args!("{error:#}"));
            ExitCode::from(UNREADABLE)
        }
    }
}

fn scan(args: &Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    let Ok(loaded) = super::settings(config) else { return Ok(ExitCode::from(UNREADABLE)) };
    let settings = &loaded.settings;
    let policies = args.policies.as_deref().unwrap_or(&settings.policies.path);
    print::judges_as_enforcing(settings);
    let (mut held_back, mut unreadable) = (false, false);
    super::runtime()?.block_on(async {
        // Members of lists are for the service alone: who scans as somebody else is told what is left out.
        let registered = Registered::read(settings).unwrap_or_else(|fault| {
            print::error(format_args!("note: rows of registered lists are not looked for: {fault}"));
            Registered::default()
        });
        let inspector = app::inspector(settings, policies, registered, Mode::Enforce)?;
        for source in app::scan::sources(&args.files) {
            let judged = match source {
                Ok(source) => match app::scan::envelope(&source.content, args.from.as_deref(), &args.to) {
                    Ok(envelope) => {
                        let judged = inspector.scan(&source, &envelope, Timestamp::now()).await;
                        judged.map_err(|e| (source.name, e.to_string()))
                    }
                    Err(error) => Err((source.name, error)),
                },
                Err((name, error)) => Err((name, error.to_string())),
            };
            match judged {
                Ok(report) => {
                    held_back |= app::scan::is_held_back(&report);
                    if args.json { print::json_lines(&[report])? } else { show(&report)? }
                }
                Err((name, error)) => {
                    unreadable = true;
                    print::error(format_args!("{name}: {error}"));
                }
            }
        }
        anyhow::Ok(())
    })?;
    Ok(match (unreadable, held_back) {
        (true, _) => ExitCode::from(UNREADABLE),
        (false, true) => ExitCode::from(HELD_BACK),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// For people: the verdict on each copy with its reason, then what was found and where.
fn show(report: &ScanReport) -> io::Result<()> {
    print::line(format_args!("{}: {}", report.source, report.disposition.as_str()))?;
    for recipient in &report.recipients {
        let address = print::harmless(&recipient.address);
        print::line(format_args!("  {address} ({}): {}", recipient.class, recipient.disposition.as_str()))?;
        for (rule, reason) in recipient.rules.iter().zip(&recipient.reasons) {
            print::line(format_args!("    {rule}: {reason}"))?;
        }
    }
    for finding in &report.findings {
        let value = finding.value.as_deref().map(|v| format!(" {}", print::harmless(v))).unwrap_or_default();
        let excerpt = finding.excerpt.as_deref().map(|e| format!(" “{}”", print::harmless(e))).unwrap_or_default();
        let place = print::harmless(&finding.place);
        print::line(format_args!("  found {}{value} in {place}{excerpt}", finding.kind.as_str()))?;
    }
    Ok(())
}
