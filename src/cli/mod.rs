// SPDX-License-Identifier: EUPL-1.2
//! What the operator types: one file per subcommand.
//!
//! What must not live here: work. A subcommand reads its arguments, asks a room or the running gateway, and prints.
//!
//! How it fails: with a sentence on standard error and the contract's exit code. Data goes to standard output, one
//! JSON object a line where `--json` is given.
//!
//! Standards: `docs/contract.md` (commands, exit codes); `NO_COLOR` as on no-color.org.

mod audit;
mod check;
mod completions;
mod demo;
mod find;
mod man;
mod outbox;
mod print;
mod quarantine;
mod scan;
mod serve;
mod test;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::config::{self, Loaded};
use crate::listen::control::{Answer, Request, ask};

/// An outbound mail gateway for public administrations: it inspects what leaves, before it leaves.
#[derive(Debug, Parser)]
#[command(name = "octroi", version, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
#[command(after_help = "Examples:\n  octroi demo                    see it work, with nothing set up\n  \
                        octroi check                   is everything in order?\n  octroi serve                   run the gateway")]
struct Cli {
    /// The settings [default: ./octroi.toml, then /etc/octroi/octroi.toml, then built-in defaults]
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
    Completions(completions::Args),
    Man(man::Args),
}

/// Runs one command line.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody can be told that the terminal is gone.
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
        Command::Completions(args) => conclude(completions::run(args)),
        Command::Man(args) => conclude(man::run(args)),
    }
}

/// An error becomes a sentence on standard error and exit code 1. A reader that had enough is no error.
fn conclude(result: anyhow::Result<ExitCode>) -> ExitCode {
    match result {
        Ok(code) => code,
        Err(error) if print::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print::error(format_args!("{error:#}"));
            ExitCode::FAILURE
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
        .map_err(|error| anyhow::anyhow!("the system gives no threads: {error}"))
}

/// Asks the running gateway.
fn ask_gateway(config: Option<&Path>, request: &Request) -> anyhow::Result<(Answer, Vec<u8>)> {
    let loaded = config::load(config).map_err(|faults| {
        print::faults(&faults);
        anyhow::anyhow!("the settings do not say where the gateway is")
    })?;
    Ok(ask(&loaded.settings.cli.socket, request)?)
}

/// The gateway answered something else than was asked: it is of another version.
fn unexpected(_: &Answer) -> anyhow::Error {
    anyhow::anyhow!("the gateway's answer is not understood; is it of the same version as this command?")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_help_shows_an_example() {
        fn walk(command: &mut clap::Command, path: &str) {
            let help = command.render_long_help().to_string();
            assert!(help.contains("Example"), "octroi{path} --help shows no example");
            for sub in command.get_subcommands_mut() {
                let path = format!("{path} {}", sub.get_name());
                if sub.get_name() != "help" {
                    walk(sub, &path);
                }
            }
        }
        walk(&mut Cli::command(), "");
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
            "octroi quarantine export 01J9",
            "octroi find <a@b>",
            "octroi outbox list --json",
            "octroi outbox retry",
            "octroi audit verify --anchor head.txt",
            "octroi completions bash",
            "octroi man",
        ] {
            assert!(Cli::try_parse_from(line.split(' ')).is_ok(), "{line}");
        }
        assert!(Cli::try_parse_from(["octroi", "quarantine", "release", "01J9"]).is_err(), "a release has a reason");
    }
}
