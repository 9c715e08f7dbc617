// SPDX-License-Identifier: EUPL-1.2
//! The command line: one file for each subcommand.
//!
//! What must not live here: work. A subcommand reads its arguments, asks another room or the running gateway, and
//! prints.
//!
//! How it fails: with a sentence on standard error and an exit code of the contract. Data goes to standard output;
//! with `--json`, one JSON object on each line.
//!
//! Standards: `docs/contract.md` (commands, exit codes); `NO_COLOR` as on no-color.org.

mod audit;
mod bulk_sends;
mod campaigns;
mod check;
mod completions;
mod demo;
mod find;
mod lists;
mod man;
mod outbox;
mod print;
mod quarantine;
mod scan;
mod serve;
mod test;
mod words;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::config::{self, Loaded};
use crate::listen::control::{Answer, ControlError, Request, ask};

/// Outbound mail gateway for public administrations: inspects mail before it leaves
#[derive(Debug, Parser)]
#[command(name = "octroi", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:\n  octroi demo                    see octroi at work, without settings\n  \
                        octroi check                   check settings and policies\n  octroi serve                   run the gateway")]
struct Cli {
    /// The settings file [default: ./octroi.toml, else /etc/octroi/octroi.toml, else the built-in defaults]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Check(check::Args),
    Scan(scan::Args),
    Test(test::Args),
    Quarantine(quarantine::Args),
    Find(find::Args),
    Outbox(outbox::Args),
    Audit(audit::Args),
    Campaigns(campaigns::Args),
    Lists(lists::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs one command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match parse(arguments) {
        Ok(cli) => cli,
        Err(mut error) => {
            words::offer(&mut error);
            // If the terminal is gone, nobody reads this.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let config = cli.config.as_deref();
    match &cli.command {
        Command::Demo(args) => demo::run(args, config),
        Command::Serve(args) => serve::run(args, config),
        Command::Check(args) => check::run(args, config),
        Command::Scan(args) => scan::run(args, config),
        Command::Test(args) => test::run(args, config),
        Command::Quarantine(args) => conclude(quarantine::run(args, config)),
        Command::Find(args) => conclude(find::run(args, config)),
        Command::Outbox(args) => conclude(outbox::run(args, config)),
        Command::Audit(args) => conclude(audit::run(args, config)),
        Command::Campaigns(args) => campaigns::run(args, config),
        Command::Lists(args) => lists::run(args, config),
        Command::Completions(args) => conclude(completions::run(args)),
        Command::Man(args) => conclude(man::run(args)),
    }
}

/// The command line as clap knows it. Commands that read no settings do not show `--config` in their help.
fn command() -> clap::Command {
    let mut command = Cli::command();
    // An argument of its own takes the place of the global one; what clap has built must not be changed any more.
    let hidden = clap::Arg::new("config")
        .long("config")
        .value_name("FILE")
        .value_parser(clap::value_parser!(PathBuf))
        .help("Not read");
    for name in ["demo", "completions", "man"] {
        command = command.mut_subcommand(name, |sub| sub.arg(hidden.clone().hide(true)));
    }
    command
}

fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    let mut command = command();
    let mut matches = command.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut command))
}

/// The contract's exit code where the gateway does not answer.
const UNANSWERED: u8 = 3;

/// Whether the gateway did not answer.
fn is_unanswered(error: &anyhow::Error) -> bool {
    error.downcast_ref::<ControlError>().is_some_and(ControlError::is_unanswered)
}

/// An error becomes a sentence on standard error and an exit code: 3 where the gateway does not answer, else 1. A closed
/// output pipe is not an error.
fn conclude(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) if print::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(format_args!("{error:#}"));
            if is_unanswered(&error) { ExitCode::from(UNANSWERED) } else { ExitCode::FAILURE }
        }
    }
}

/// The settings, or every fault in them drawn on standard error.
pub(crate) fn settings(config: Option<&Path>) -> Result<Loaded, ExitCode> {
    config::load(config).map_err(|faults| {
        print::faults(&faults);
        ExitCode::FAILURE
    })
}

/// The runtime of commands that need one.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| anyhow::anyhow!("cannot start threads: {error}"))
}

/// Asks the running gateway.
fn ask_gateway(config: Option<&Path>, request: &Request) -> anyhow::Result<(Answer, Vec<u8>)> {
    let loaded = config::load(config).map_err(|faults| {
        print::faults(&faults);
        anyhow::anyhow!("without the settings the address of the gateway is not known")
    })?;
    Ok(ask(&loaded.settings.cli.socket, request)?)
}

/// The gateway's answer does not fit the question: it has another version.
fn unexpected(_: &Answer) -> anyhow::Error {
    anyhow::anyhow!("the answer of the gateway is not understood; do gateway and command have the same version?")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
        command().debug_assert();
    }

    #[test]
    fn every_help_shows_an_example_and_explains_every_argument() {
        fn walk(command: &mut clap::Command, path: &str) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "octroi{path} --help shows no example");
            assert!(!help.contains("/dev/null"), "octroi{path} --help: an example needs no redirection");
            let settings = help.contains("--config");
            assert_eq!(settings, !["demo", "completions", "man"].contains(&path.trim()), "octroi{path} --config");
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "octroi{path} --help says nothing about {}", argument.get_id());
            }
            for sub in command.get_subcommands_mut() {
                let path = format!("{path} {}", sub.get_name());
                if sub.get_name() != "help" {
                    walk(sub, &path);
                }
            }
        }
        let mut whole = command();
        whole.build();
        walk(&mut whole, "");
        for name in ["demo", "completions", "man", "serve", "quarantine"] {
            let asked = parse(["octroi", name, "--help"].map(OsString::from)).unwrap_err();
            assert_eq!(asked.kind(), clap::error::ErrorKind::DisplayHelp, "octroi {name} --help: {asked}");
        }
    }

    #[test]
    fn a_word_of_prose_is_answered_with_the_right_one() {
        for (line, right) in [
            ("octroi quarantine list --state quarantined", "'held'"),
            ("octroi quarantine list --state refused", "'rejected'"),
            ("octroi quarantine refuse 1 --reason x", "'reject'"),
        ] {
            let mut error = parse(line.split(' ').map(OsString::from)).unwrap_err();
            words::offer(&mut error);
            let said = error.to_string();
            let tip = said.lines().find(|line| line.contains("tip:")).unwrap_or_default();
            assert!(tip.ends_with(right), "{line}:\n{said}");
        }
    }

    #[test]
    fn the_contracts_lines_are_understood() {
        for line in [
            "octroi demo",
            "octroi serve --config /etc/octroi/octroi.toml",
            "octroi --config x.toml check",
            "octroi scan a.eml b.eml --from a@x.example --to b@y.example c@y.example --json",
            "octroi scan -",
            "octroi test --policies policies",
            "octroi quarantine list --json",
            "octroi quarantine show 01J9",
            "octroi quarantine release 01J9 01JA --reason asked",
            "octroi quarantine reject 01J9 --reason no",
            "octroi quarantine export 01J9 --reason asked",
            "octroi audit list --actor a.martin --json",
            "octroi find <a@b>",
            "octroi outbox list --json",
            "octroi outbox retry",
            "octroi audit verify --anchor head.txt",
            "octroi campaigns replay log.jsonl --texts texts.jsonl --lists lists --policies policies --json",
            "octroi campaigns replay monday.jsonl tuesday.jsonl",
            "octroi lists import agents agents.csv --export 2026-11 --date 2026-11-30 --column mail --key nir,matricule --json",
            "octroi lists show agents",
            "octroi lists match a@x.example b@y.example --reason asked",
            "octroi lists export agents agents.csv --for paie --canaries 3 -o out.csv",
            "octroi lists canaries agents",
            "octroi completions bash",
            "octroi man",
            "octroi man quarantine release",
            "octroi man --output man1",
        ] {
            assert!(parse(line.split(' ').map(OsString::from)).is_ok(), "{line}");
        }
        let unreasoned = ["octroi", "quarantine", "release", "01J9"].map(OsString::from);
        assert!(parse(unreasoned).is_err(), "a release has a reason");
    }
}
