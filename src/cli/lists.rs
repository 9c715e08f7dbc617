// SPDX-License-Identifier: EUPL-1.2
//! `octroi lists`: the register of administrative lists, through the running gateway.

use std::fs::File;
use std::io::{IsTerminal, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::Subcommand;
use jiff::civil::Date;
use serde_json::Value;

use super::{ask_gateway, conclude, print, unexpected};
use crate::config;
use crate::desk::{Canaries, ExportList, ImportList, Imported, Matched, Refusal};
use crate::listen::control::{Answer, ControlError, Request, ask_with};

/// The contract's code for input that is no list.
const UNREADABLE: u8 = 2;

/// Register who is on an administrative list, and ask what is registered
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  octroi lists show\n  octroi lists import agents agents.csv")]
pub struct Args {
    #[command(subcommand)]
    command: ListsCommand,
}

#[derive(Debug, Subcommand)]
enum ListsCommand {
    /// Register the members of a list, as they stand in its owner's file: CSV, TSV, LDIF or xlsx
    ///
    /// octroi keeps keyed hashes and positions, and no address. The members count at once. Exit code 2: the file is no list.
    #[command(
        after_help = "Examples:\n  octroi lists import agents agents.csv\n  octroi lists import agents paie.xlsx --export paie-2026 --column courriel --key matricule"
    )]
    Import {
        /// The name of the list, as its entry in policies/lists is called
        name: String,
        /// The owner's file
        file: PathBuf,
        /// Register it as an export of its own, beside the list [default: the list itself, in the place of its last import]
        #[arg(long, value_name = "LABEL")]
        export: Option<String>,
        /// The day the file is of [default: today]
        #[arg(long, value_name = "DAY")]
        date: Option<Date>,
        /// The column of addresses, by name or number [default: the only one with addresses in nine of ten cells]
        #[arg(long, value_name = "COLUMN")]
        column: Option<String>,
        /// Columns whose values tell a row beside its address, such as a number that each person has alone
        #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
        key: Vec<String>,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show what is registered: purposes, exports, how many members
    #[command(after_help = "Examples:\n  octroi lists show\n  octroi lists show agents --json")]
    Show {
        /// Show only this list
        name: Option<String>,
        /// Print one JSON object for each list
        #[arg(long)]
        json: bool,
    },
    /// Say which lists addresses are on; exit code 1 if they are on none
    #[command(
        after_help = "Example:\n  octroi lists match a.martin@webmail.example --reason \"complaint 2026-7: why did she get this mail?\""
    )]
    Match {
        /// The addresses
        #[arg(required = true, value_name = "ADDRESS")]
        addresses: Vec<String>,
        /// Why you ask, in your own words: the audit keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Print one JSON object for each address
        #[arg(long)]
        json: bool,
    },
    /// Write the owner's file anew with canaries at places nobody can guess, and register it as an export of its own
    ///
    /// Canaries are mailboxes of the house's stock ([lists] canaries). Give away the new file, and never the old one.
    #[command(
        after_help = "Example:\n  octroi lists export agents agents.csv --for \"payroll office, contract 2026-12\" --canaries 5 -o agents-paie.csv"
    )]
    Export {
        /// The name of the list
        name: String,
        /// The owner's file
        file: PathBuf,
        /// For whom the new file is, in a line: the register and the audit keep it
        #[arg(long = "for", value_name = "TEXT")]
        for_whom: String,
        /// How many canaries to plant [default: 5]
        #[arg(long, value_name = "N", default_value_t = 5, hide_default_value = true)]
        canaries: usize,
        /// The column of addresses, by name or number [default: the only one with addresses in nine of ten cells]
        #[arg(long, value_name = "COLUMN")]
        column: Option<String>,
        /// Write the new file here; it must not exist
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Count the canaries of each export of a list
    #[command(
        after_help = "Examples:\n  octroi lists canaries agents\n  octroi lists canaries agents --reason \"mail of 3 March hit one, file 12\""
    )]
    Canaries {
        /// The name of the list
        name: String,
        /// Print their addresses too, for the data protection officer alone; the audit keeps why
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Print one JSON object for each export
        #[arg(long)]
        json: bool,
    },
}

pub fn run(args: &Args, config: Option<&Path>) -> ExitCode {
    let done = match &args.command {
        ListsCommand::Import { name, file, export, date, column, key, json } => {
            let (column, keys) = (column.clone(), key.clone());
            let ask = ImportList { name: name.clone(), export: export.clone(), date: *date, column, keys };
            open(file).and_then(|source| {
                let imported = with_files(config, &Request::ListsImport(ask), &[&source], &source)?;
                shown(&imported, *json)
            })
        }
        ListsCommand::Export { name, file, for_whom, canaries, column, output, json } => {
            let (name, for_whom, column) = (name.clone(), for_whom.clone(), column.clone());
            let ask = ExportList { name, for_whom, canaries: *canaries, column };
            open(file).and_then(|source| export(config, ask, &source, output, *json))
        }
        ListsCommand::Show { name, json } => show(config, name.clone(), *json),
        ListsCommand::Match { addresses, reason, json } => matching(config, addresses, reason, *json),
        ListsCommand::Canaries { name, reason, json } => canaries(config, name, reason.clone(), *json),
    };
    if let Err(error) = &done
        && matches!(error.downcast_ref(), Some(ControlError::Refused(Refusal::Unreadable(_))))
    {
        print::error(format_args!("{error:#}"));
        return ExitCode::from(UNREADABLE);
    }
    conclude(done)
}

/// Opened here, with the rights of who asks.
fn open(path: &Path) -> anyhow::Result<File> {
    let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
    anyhow::ensure!(file.metadata()?.is_file(), "{} is no file that can be read twice", path.display());
    Ok(file)
}

/// Hands files to the gateway and waits, showing how far it has read on a terminal: the place in an open file is one for all
/// who have it open.
fn with_files(config: Option<&Path>, request: &Request, files: &[&File], source: &File) -> anyhow::Result<Imported> {
    let loaded = config::load(config).map_err(|faults| {
        print::faults(&faults);
        anyhow::anyhow!("without the settings the address of the gateway is not known")
    })?;
    let (socket, done) = (&loaded.settings.cli.socket, AtomicBool::new(false));
    let answer = std::thread::scope(|scope| {
        scope.spawn(|| {
            let size = source.metadata().map_or(0, |metadata| metadata.len());
            while !done.load(Ordering::Relaxed) && std::io::stderr().is_terminal() {
                let at = (&mut &*source).stream_position().unwrap_or(0);
                let _ = write!(std::io::stderr(), "\r{:3} % of the file read", at * 100 / size.max(1));
                std::thread::park_timeout(Duration::from_millis(200));
            }
            if std::io::stderr().is_terminal() {
                let _ = write!(std::io::stderr(), "\r{:26}\r", "");
            }
        });
        let answer = ask_with(socket, request, files, None);
        done.store(true, Ordering::Relaxed);
        answer
    });
    match answer?.0 {
        Answer::Imported(imported) => Ok(*imported),
        other => Err(unexpected(&other)),
    }
}

/// The new file stands beside its place until it is registered.
fn export(
    config: Option<&Path>,
    ask: ExportList,
    source: &File,
    output: &Path,
    json: bool,
) -> anyhow::Result<ExitCode> {
    use std::os::unix::fs::OpenOptionsExt;
    anyhow::ensure!(!output.exists(), "{} exists: name a new file", output.display());
    let mut name = output.file_name().context("name a file with -o")?.to_owned();
    name.push(".part");
    let part = output.with_file_name(name);
    let mut options = File::options();
    let out = options.read(true).write(true).create_new(true).mode(0o600).open(&part);
    let out = out.with_context(|| format!("cannot write {}", part.display()))?;
    let registered = with_files(config, &Request::ListsExport(ask), &[source, &out], source)
        .and_then(|imported| std::fs::rename(&part, output).map(|()| imported).context("cannot name the new file"));
    match registered {
        Ok(imported) => shown(&imported, json),
        Err(error) => {
            let _ = std::fs::remove_file(&part);
            Err(error)
        }
    }
}

fn shown(imported: &Imported, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        print::json_lines(&[imported])?;
        return Ok(ExitCode::SUCCESS);
    }
    let report = &imported.report;
    let export = report.export.as_ref().map(|label| format!(", export {label}")).unwrap_or_default();
    print::line(format_args!(
        "{}{export}: {} members in {} rows ({}, {}), {} canaries, {:.1} s",
        report.list, report.members, report.rows, report.format, report.column, report.canaries, report.seconds
    ))?;
    for (count, what) in [
        (report.duplicates, "addresses met again"),
        (report.without_address, "rows without an address"),
        (report.invalid, "rows whose address is none"),
    ] {
        if count > 0 {
            print::line(format_args!("  {count} {what}"))?;
        }
    }
    if !report.bad_lines.is_empty() {
        let lines = report.bad_lines.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        print::line(format_args!("  the first of them: lines {lines}"))?;
    }
    if !report.other_columns.is_empty() {
        print::line(format_args!("  not read, and with addresses too: {}", report.other_columns.join(", ")))?;
    }
    for warning in &imported.warnings {
        print::error(format_args!("warning: {warning}"));
    }
    Ok(ExitCode::SUCCESS)
}

fn show(config: Option<&Path>, name: Option<String>, json: bool) -> anyhow::Result<ExitCode> {
    let lists = match ask_gateway(config, &Request::ListsShow { name })?.0 {
        Answer::Lists(lists) => lists,
        other => return Err(unexpected(&other)),
    };
    if json {
        print::json_lines(&lists)?;
        return Ok(ExitCode::SUCCESS);
    }
    let text = |list: &Value, key: &str| match &list[key] {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let rows: Vec<Vec<String>> = lists
        .iter()
        .map(|list| {
            let exports = list["exports"].as_array().map_or(0, Vec::len).to_string();
            let mut row: Vec<String> = ["name", "owner", "members"].iter().map(|key| text(list, key)).collect();
            row.extend([exports, text(list, "in_force"), text(list, "title")]);
            row
        })
        .collect();
    print::table(&["LIST", "OWNER", "MEMBERS", "EXPORTS", "IN FORCE", "TITLE"], &rows)?;
    Ok(ExitCode::SUCCESS)
}

fn matching(config: Option<&Path>, addresses: &[String], reason: &str, json: bool) -> anyhow::Result<ExitCode> {
    let request = Request::ListsMatch { addresses: addresses.to_vec(), reason: reason.to_owned() };
    let matched: Vec<Matched> = match ask_gateway(config, &request)?.0 {
        Answer::Matched(matched) => matched,
        other => return Err(unexpected(&other)),
    };
    let none = matched.iter().all(|matched| matched.lists.is_empty());
    if json {
        print::json_lines(&matched)?;
    } else {
        let rows = matched.iter().flat_map(|matched| {
            let row = |list: &crate::desk::MatchedList| {
                let export = list.export.clone().unwrap_or_else(|| "-".into());
                vec![matched.address.clone(), list.name.clone(), export, list.position.to_string()]
            };
            matched.lists.iter().map(row)
        });
        print::table(&["ADDRESS", "LIST", "EXPORT", "POSITION"], &rows.collect::<Vec<_>>())?;
    }
    Ok(if none { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn canaries(config: Option<&Path>, name: &str, reason: Option<String>, json: bool) -> anyhow::Result<ExitCode> {
    let canaries: Vec<Canaries> =
        match ask_gateway(config, &Request::ListsCanaries { name: name.to_owned(), reason })?.0 {
            Answer::Canaries(canaries) => canaries,
            other => return Err(unexpected(&other)),
        };
    if json {
        print::json_lines(&canaries)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rows = canaries.iter().map(|of| {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        let mut row = vec![or_dash(&of.export), of.date.to_string(), of.canaries.to_string(), or_dash(&of.for_whom)];
        row.extend(of.addresses.as_ref().map(|addresses| addresses.join(", ")));
        row
    });
    print::table(&["EXPORT", "DATE", "CANARIES", "FOR", "ADDRESSES"], &rows.collect::<Vec<_>>())?;
    Ok(ExitCode::SUCCESS)
}
