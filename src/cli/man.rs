// SPDX-License-Identifier: EUPL-1.2
//! `octroi man`: one manual page, or all of them into a folder. The pages come from the same table as `--help`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Arg, Command};
use clap_mangen::Man;
use clap_mangen::roff::{Inline, Roff, bold, italic, roman};

use super::print;

/// Print the manual page of octroi or of one command, or write all pages to a folder
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  octroi man | man -l -\n  octroi man quarantine release | man -l -\n  octroi man --output /usr/local/share/man/man1"
)]
pub struct Args {
    /// The command, such as `quarantine` or `quarantine release` [default: octroi itself]
    command: Vec<String>,
    /// Write the pages of all commands to this folder, where `man` finds them
    #[arg(long, short, value_name = "DIR", conflicts_with = "command")]
    output: Option<PathBuf>,
}

pub fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let whole = documented();
    if let Some(folder) = &args.output {
        return write_all(&whole, folder);
    }
    let mut page = &whole;
    for name in &args.command {
        page = page.find_subcommand(name).with_context(|| format!("there is no command `{name}`"))?;
    }
    print::bytes(&rendered(page, &whole)?)?;
    Ok(ExitCode::SUCCESS)
}

/// Every command that has a page: `octroi help` explains itself.
fn documented() -> Command {
    let mut whole = super::command();
    whole = whole.disable_help_subcommand(true).mut_subcommands(|sub| sub.disable_help_subcommand(true));
    whole.build();
    whole
}

/// Writes every page. One that cannot be written is named and does not keep the others from being written.
fn write_all(whole: &Command, folder: &Path) -> anyhow::Result<ExitCode> {
    std::fs::create_dir_all(folder).with_context(|| format!("cannot create the folder {}", folder.display()))?;
    let mut pages = Vec::new();
    collect(whole, &mut pages);
    let mut failed = 0;
    for page in &pages {
        let path = folder.join(format!("{}.1", title(page)));
        if let Err(error) = std::fs::write(&path, rendered(page, whole)?) {
            print::error(format_args!("cannot write {}: {error}", path.display()));
            failed += 1;
        }
    }
    print::line(format_args!("{} pages written to {}", pages.len() - failed, folder.display()))?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn collect<'c>(command: &'c Command, pages: &mut Vec<&'c Command>) {
    pages.push(command);
    command.get_subcommands().filter(|sub| sub.get_name() != "help").for_each(|sub| collect(sub, pages));
}

/// The name of a page: `octroi-quarantine-release`.
fn title(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

/// Of the pages: the title line has room for a date, and none for a long name without one.
const DATE: &str = "2026-11";

fn rendered(command: &Command, whole: &Command) -> anyhow::Result<Vec<u8>> {
    let version = format!("octroi {}", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone()).title(title(command)).source(version).manual("octroi").date(DATE);
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    let synopsis = section("SYNOPSIS", |roff| {
        roff.text(synopsis(command));
    });
    synopsis.to_writer(&mut out)?;
    man.render_description_section(&mut out)?;
    man.render_options_section(&mut out)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut out)?;
    }
    let more = [examples(command), files(command), environment(command), signals(command), exit_status(command)];
    for section in more.into_iter().flatten() {
        section.to_writer(&mut out)?;
    }
    see_also(command, whole).to_writer(&mut out)?;
    Ok(out)
}

fn section(name: &str, body: impl FnOnce(&mut Roff)) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [name]);
    body(&mut roff);
    roff
}

/// Terms, each with its explanation.
fn terms(name: &str, terms: &[(&str, &str)]) -> Roff {
    section(name, |roff| {
        for (term, text) in terms {
            roff.control("TP", []);
            roff.text([bold(*term)]);
            roff.text([roman(*text)]);
        }
    })
}

/// The command with every option and argument: optional ones in brackets, dots behind what may be repeated.
fn synopsis(command: &Command) -> Vec<Inline> {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let mut line = vec![bold(name)];
    let shown = |arg: &&Arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str());
    let (positionals, options): (Vec<&Arg>, Vec<&Arg>) =
        command.get_arguments().filter(shown).partition(|arg| arg.is_positional());
    // Arguments first: an option that takes several values would swallow them.
    for arg in positionals.into_iter().chain(options) {
        let (open, close) = if arg.is_required_set() { (" ", "") } else { (" [", "]") };
        line.push(roman(open));
        if let Some(long) = arg.get_long() {
            line.push(bold(format!("--{long}")));
        }
        let takes = arg.get_num_args().filter(|takes| takes.takes_values());
        if let Some(takes) = takes {
            let id = arg.get_id().as_str().to_uppercase();
            let names = arg.get_value_names().map_or(id, |names| names.join(" "));
            if arg.get_long().is_some() {
                line.push(roman(" "));
            }
            line.push(italic(names));
            line.push(roman(if takes.max_values() > 1 { "..." } else { "" }));
        }
        line.push(roman(close));
    }
    if command.has_subcommands() {
        line.push(roman(" "));
        line.push(italic("COMMAND"));
    }
    line
}

fn examples(command: &Command) -> Option<Roff> {
    let text = command.get_after_help()?.to_string();
    let lines: Vec<&str> = text.lines().skip(1).map(str::trim).collect();
    Some(section("EXAMPLES", |roff| {
        roff.control("EX", []);
        for line in lines {
            roff.text([roman(line)]);
        }
        roff.control("EE", []);
    }))
}

/// Whether a command reads the settings.
fn reads_settings(command: &Command) -> bool {
    command.get_arguments().any(|arg| arg.get_id() == "config" && !arg.is_hide_set())
}

fn files(command: &Command) -> Option<Roff> {
    reads_settings(command).then(|| {
        terms(
            "FILES",
            &[
                ("octroi.toml", "The settings file in the current folder, if there is one."),
                ("/etc/octroi/octroi.toml", "Otherwise, the settings file. --config names another one."),
                (
                    "/etc/octroi/policies/",
                    "The policy folder: rules, lists, units, notices, policy tests (setting [policies] path; default: \
                     the folder policies next to the settings file).",
                ),
                (
                    "/var/lib/octroi/",
                    "The store in the shipped systemd service: held copies, journal, audit, outbox (setting [store] \
                     url; default: the folder var next to the settings file).",
                ),
            ],
        )
    })
}

fn environment(command: &Command) -> Option<Roff> {
    let settings = (
        "OCTROI_SECTION__KEY",
        "Overrides a setting of the file, for example OCTROI_SMTP__MAX_SIZE=\"20 MiB\". Two underscores stand between \
         section and key.",
    );
    let colour = ("NO_COLOR", "If it is set and not empty, octroi prints without colour.");
    match (reads_settings(command), command.get_name()) {
        (true, _) => Some(terms("ENVIRONMENT", &[settings, colour])),
        (false, "demo") => Some(terms("ENVIRONMENT", &[colour])),
        _ => None,
    }
}

fn signals(command: &Command) -> Option<Roff> {
    Some(match command.get_name() {
        "octroi" | "serve" => terms(
            "SIGNALS",
            &[
                ("SIGTERM, SIGINT", "octroi serve accepts no new mail, finishes the mail in progress, and ends."),
                (
                    "SIGHUP",
                    "octroi serve loads policies and certificates again. If they contain an error, the log says so \
                     and the old ones stay in force.",
                ),
            ],
        ),
        "demo" => terms("SIGNALS", &[("SIGINT, SIGTERM, SIGHUP", "The demonstration ends and removes its files.")]),
        _ => return None,
    })
}

fn exit_status(command: &Command) -> Option<Roff> {
    let usage = ("2", "The command line is wrong.");
    Some(match command.get_name() {
        "octroi" => terms(
            "EXIT STATUS",
            &[
                ("0", "Done."),
                ("1", "Refused, failed, not in order, or nothing found."),
                ("2", "The command line is wrong; scan: an input cannot be read."),
                ("10", "scan: a copy is held, stripped, deferred or refused."),
            ],
        ),
        "check" => {
            terms("EXIT STATUS", &[("0", "No errors; there may be warnings."), ("1", "There are errors."), usage])
        }
        "scan" => terms(
            "EXIT STATUS",
            &[
                ("0", "All copies pass."),
                ("2", "The command line is wrong, or an input cannot be read."),
                ("10", "A copy is held, stripped, deferred or refused."),
            ],
        ),
        "test" => terms("EXIT STATUS", &[("0", "All cases passed."), ("1", "A case failed."), usage]),
        "find" => {
            terms("EXIT STATUS", &[("0", "Something is known."), ("1", "Nothing is known, or it failed."), usage])
        }
        "verify" => {
            terms("EXIT STATUS", &[("0", "The chain is unbroken."), ("1", "It is broken, or it failed."), usage])
        }
        _ => terms("EXIT STATUS", &[("0", "Done."), ("1", "Refused or failed."), usage]),
    })
}

/// The pages above, beside and below this one.
fn see_also(command: &Command, whole: &Command) -> Roff {
    let mut names = Vec::new();
    let mut pages = Vec::new();
    collect(whole, &mut pages);
    let own = title(command);
    let above = |name: &str| name.rsplit_once('-').map(|(above, _)| above.to_owned());
    for page in pages {
        let other = title(page);
        let is_near = other == "octroi" || above(&own).as_deref() == Some(&other) || above(&other) == above(&own);
        if other != own && (is_near || above(&other).as_deref() == Some(&own)) {
            names.push(other);
        }
    }
    section("SEE ALSO", |roff| {
        let mut line = Vec::new();
        for (at, name) in names.iter().enumerate() {
            line.extend([bold(name.as_str()), roman(if at + 1 < names.len() { "(1), " } else { "(1)" })]);
        }
        roff.text(line);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_synopsis_shows_values_brackets_and_dots() {
        let whole = documented();
        for (path, expected) in [
            (
                &["quarantine", "release"][..],
                "octroi quarantine release ID... --reason TEXT [--ground CODE] [--json] [--config FILE]",
            ),
            (&["scan"], "octroi scan FILE... [--from ADDR] [--to ADDR...] [--policies DIR] [--json] [--config FILE]"),
            (&["man"], "octroi man [COMMAND...] [--output DIR]"),
            (&["audit"], "octroi audit [--config FILE] COMMAND"),
        ] {
            let page = path.iter().fold(&whole, |page, name| page.find_subcommand(name).unwrap());
            let line = synopsis(page);
            let said: String = line
                .iter()
                .map(|inline| match inline {
                    Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => text.as_str(),
                    Inline::LineBreak => "\n",
                })
                .collect();
            assert_eq!(said, expected);
        }
    }

    #[test]
    fn every_page_has_its_sections_and_names_only_pages_there_are() {
        let whole = documented();
        let mut pages = Vec::new();
        collect(&whole, &mut pages);
        let names: Vec<String> = pages.iter().map(|page| title(page)).collect();
        assert!(names.contains(&"octroi-quarantine-release".to_owned()), "{names:?}");
        for page in pages {
            let text = String::from_utf8(rendered(page, &whole).unwrap()).unwrap();
            let name = title(page);
            for wanted in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "\"EXIT STATUS\"", "\"SEE ALSO\""]
            {
                assert!(text.contains(&format!(".SH {wanted}\n")), "{name} has no {wanted}:\n{text}");
            }
            assert!(!text.contains("EXTRA"), "{name}");
            let also = text.split(".SH \"SEE ALSO\"\n").nth(1).unwrap().replace("\\fB", "").replace("\\fR", "");
            for other in also.replace("\\-", "-").split("(1)") {
                let other = other.trim_matches([',', ' ', '\n']);
                assert!(other.is_empty() || names.iter().any(|known| known == other), "{name} refers to {other}");
            }
        }
    }
}
