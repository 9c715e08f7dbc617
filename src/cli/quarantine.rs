// SPDX-License-Identifier: EUPL-1.2
//! `octroi quarantine`: review held copies without a browser.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use jiff::Timestamp;

use super::{ask_gateway, is_unanswered, print, unexpected, words};
use crate::app;
use crate::desk::{Counts, Done, Held, HeldQuery, Proposed, Shown};
use crate::diagnostic::nearest;
use crate::listen::control::{Answer, Request};
use crate::mail::MailOrCopy;
use crate::policy::Policy;
use crate::store::CopyState;

/// List, show, release, reject and export held copies, through the running gateway
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  octroi quarantine list")]
pub struct Args {
    #[command(subcommand)]
    command: QuarantineCommand,
}

#[derive(Debug, Subcommand)]
enum QuarantineCommand {
    /// List held copies, newest first
    #[command(after_help = "Examples:\n  octroi quarantine list\n  octroi quarantine list --state released --json")]
    List {
        /// List only copies in this state; `all` for every state [default: held]
        #[arg(long, default_value = "held", value_parser = ["pending", "held", "released", "rejected", "expired", "all"])]
        #[arg(hide_default_value = true)]
        state: String,
        /// List only copies from this sender
        #[arg(long, value_name = "ADDRESS")]
        sender: Option<String>,
        /// List only copies to this recipient
        #[arg(long, value_name = "ADDRESS")]
        recipient: Option<String>,
        /// List only copies that this rule holds
        #[arg(long, value_name = "RULE")]
        rule: Option<String>,
        /// List only copies whose sender belongs to this unit or one below it
        #[arg(long, value_name = "UNIT")]
        unit: Option<String>,
        /// List only copies held at this time or later, such as 2026-11-25T00:00:00Z
        #[arg(long, value_name = "TIME", value_parser = words::moment)]
        since: Option<Timestamp>,
        /// List only copies held before this time
        #[arg(long, value_name = "TIME", value_parser = words::moment)]
        until: Option<Timestamp>,
        /// List at most N copies [default: 1000; with --json all]
        #[arg(long, value_name = "N", value_parser = words::at_least_one)]
        limit: Option<usize>,
        /// Print one JSON object for each copy
        #[arg(long)]
        json: bool,
    },
    /// Show one copy: sender, recipient, state, and why it is held
    #[command(after_help = "Example:\n  octroi quarantine show 1M8P0D84S2WQAXQCWR-1")]
    Show {
        /// The id of the copy, as in `octroi quarantine list`
        id: String,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Release copies: octroi sends them to their recipients
    ///
    /// Exit code 4: a copy still waits for a second person, who confirms with the same command.
    #[command(
        after_help = "Example:\n  octroi quarantine release 1M8P0D84S2WQAXQCWR-1 --reason \"asked by phone, file 2026-113\""
    )]
    Release {
        /// The ids of the copies, as in `octroi quarantine list`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why you release them, in your own words: the audit keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The kind of reason: legitimate, lifted, authorised, mistaken or other [default: other]
        #[arg(long, value_name = "CODE")]
        ground: Option<String>,
        /// Print one JSON object for each copy
        #[arg(long)]
        json: bool,
    },
    /// Reject copies: octroi never sends them, and tells their sender
    ///
    /// Exit code 4: a copy still waits for a second person, who confirms with the same command.
    #[command(after_help = "Example:\n  octroi quarantine reject 1M8P0D84S2WQAXQCWR-1 --reason \"wrong recipient\"")]
    Reject {
        /// The ids of the copies, as in `octroi quarantine list`
        #[arg(required = true, value_name = "ID")]
        ids: Vec<String>,
        /// Why you reject them, in your own words: the audit keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// The kind of reason: wrong-recipient, other-way, marked, others-data, withdrawn or other [default: other]
        #[arg(long, value_name = "CODE")]
        ground: Option<String>,
        /// Print one JSON object for each copy
        #[arg(long)]
        json: bool,
    },
    /// Export the message of a copy, exactly as it was held
    #[command(
        after_help = "Example:\n  octroi quarantine export 1M8P0D84S2WQAXQCWR-1 --output held.eml --reason \"asked by the judge, file 7\""
    )]
    Export {
        /// The id of the copy, as in `octroi quarantine list`; or of a mail, as in its notices
        id: String,
        /// Why you export it, in your own words: the audit keeps it
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// Write the message to this new file [default: standard output]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

pub fn run(args: &Args, config: Option<&Path>) -> anyhow::Result<ExitCode> {
    match &args.command {
        QuarantineCommand::List { state, sender, recipient, rule, unit, since, until, limit, json } => {
            let query = HeldQuery {
                state: CopyState::parse(state),
                // One more than the table shows tells whether there are more.
                limit: limit.unwrap_or(if *json { usize::MAX } else { SHOWN }).saturating_add(usize::from(!*json)),
                sender: sender.clone(),
                recipient: recipient.clone(),
                rule: rule.clone(),
                unit: unit.clone(),
                since: *since,
                until: *until,
            };
            list(config, query, *json)
        }
        QuarantineCommand::Show { id, json } => show(config, id, *json),
        QuarantineCommand::Release { ids, reason, ground, json } => each(config, ids, *json, |id| {
            let (reason, ground) = (reason.clone(), ground.clone());
            Request::Release { id, reason, ground }
        }),
        QuarantineCommand::Reject { ids, reason, ground, json } => each(config, ids, *json, |id| {
            let (reason, ground) = (reason.clone(), ground.clone());
            Request::Reject { id, reason, ground }
        }),
        QuarantineCommand::Export { id, reason, output } => export(config, id, reason, output.as_deref()),
    }
}

/// Copies a table shows unless told otherwise.
const SHOWN: usize = 1000;

fn list(config: Option<&Path>, query: HeldQuery, json: bool) -> anyhow::Result<ExitCode> {
    let most = query.limit.saturating_sub(1);
    let asked = query.clone();
    match ask_gateway(config, &Request::List(query))?.0 {
        Answer::Held(rows) if json => print::json_lines(&rows)?,
        Answer::Held(rows) if rows.is_empty() => {
            print::line("no copies")?;
            unmatchable(config, &asked);
        }
        Answer::Held(rows) => {
            let head = ["ID", "HELD AT", "STATE", "SENDER", "RECIPIENT", "RULES"];
            print::table(&head, &rows.iter().take(most).map(row).collect::<Vec<_>>())?;
            if rows.len() > most {
                print::line(format_args!("There are more than these {most}: --limit lists more of them."))?;
            }
        }
        // `list --json` promises one object a copy: counts are none, so they go to standard error there.
        Answer::Counts(counts) if json => print::error(counted(&counts)),
        Answer::Counts(counts) => print::line(counted(&counts))?,
        other => return Err(unexpected(&other)),
    }
    Ok(ExitCode::SUCCESS)
}

/// Says so where no rule and no unit of the policies is called what was asked for. Who may not read them is not told.
fn unmatchable(config: Option<&Path>, asked: &HeldQuery) {
    let Ok(loaded) = crate::config::load(config) else { return };
    let Some(policy) =
        app::read_policies(&loaded.settings.policies.path).ok().and_then(|files| Policy::load(&files).ok())
    else {
        return;
    };
    let rules: Vec<&str> = policy.rules.iter().map(|rule| rule.id.as_str()).collect();
    let units: Vec<&str> = policy.units.known().collect();
    for (what, word, known) in [("rule", &asked.rule, rules), ("unit", &asked.unit, units)] {
        if let Some(word) = word.as_deref().filter(|word| !known.contains(word)) {
            let near = nearest(word, known).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
            print::error(format_args!("the policies have no {what} \"{word}\"{near}"));
        }
    }
}

fn row(held: &Held) -> Vec<String> {
    vec![
        held.id.to_string(),
        format!("{:.0}", held.held_at),
        held.state.as_str().into(),
        match held.sender.as_deref() {
            None => SEALED.into(),
            Some("") => "<>".into(),
            Some(sender) => sender.to_owned(),
        },
        held.recipient.clone().unwrap_or_else(|| SEALED.into()),
        held.rules.join(", "),
    ]
}

/// Stands for what private mail does not show.
const SEALED: &str = "(private)";

/// What an operator may know.
pub fn counted(counts: &Counts) -> String {
    format!(
        "{} held, {} pending, {} released, {} rejected, {} expired; {} in the outbox (the role of this account sees only \
         numbers; section [cli.accounts] of the settings says who has which role)",
        counts.held, counts.pending, counts.released, counts.rejected, counts.expired, counts.outbox
    )
}

fn show(config: Option<&Path>, id: &str, json: bool) -> anyhow::Result<ExitCode> {
    let id = MailOrCopy::parse(id)?.to_string();
    match ask_gateway(config, &Request::Show { id })?.0 {
        Answer::Shown(shown) if json => print::json_lines(&[shown])?,
        Answer::Shown(shown) => print::bytes(described(&shown).as_bytes())?,
        Answer::AllShown(all) if json => print::json_lines(&all)?,
        Answer::AllShown(all) => {
            print::bytes(all.iter().map(described).collect::<Vec<_>>().join("\n").as_bytes())?;
        }
        other => return Err(unexpected(&other)),
    }
    Ok(ExitCode::SUCCESS)
}

fn described(shown: &Shown) -> String {
    let held = &shown.held;
    let mut lines = vec![
        format!("copy       {} of mail {}", held.id, shown.mail),
        format!("state      {}", held.state.as_str()),
        format!("held at    {:.0}", held.held_at),
    ];
    if let Some(expires) = shown.expires_at {
        lines.push(format!("expires    {expires:.0}"));
    }
    let sealed = || "(private mail: not shown)".to_owned();
    let path = |path: &Option<String>| path.as_ref().map_or_else(sealed, |path| format!("<{path}>"));
    lines.push(format!("sender     {}", path(&held.sender)));
    lines.push(format!("recipient  {}", path(&held.recipient)));
    lines.push(format!("size       {}", shown.size.map_or_else(sealed, |size| format!("{size} bytes"))));
    lines.push(match (&shown.subject, shown.private) {
        (_, true) => "subject    (private mail: not shown)".into(),
        (Some(subject), false) => format!("subject    {subject}"),
        (None, false) => "subject    (none)".into(),
    });
    for reason in &shown.reasons {
        lines.push(format!("because    {}: {}", reason.rule, reason.text));
    }
    for finding in &shown.findings {
        let excerpt = finding.excerpt.as_ref().map(|text| format!(" \"{text}\"")).unwrap_or_default();
        lines.push(format!("found      {} {} in {}{excerpt}", finding.kind, finding.value, finding.place));
    }
    if let Some(decision) = &shown.decision {
        let ground = decision.ground.as_deref().map(|ground| format!(" ({ground})")).unwrap_or_default();
        let second = decision.second.as_deref().map(|name| format!(", confirmed by {name}")).unwrap_or_default();
        let (action, actor, at) = (&decision.action, &decision.actor, decision.at);
        lines.push(format!("decision   {action} by {actor} at {at:.0}{ground}{second}"));
        lines.extend(decision.note.as_ref().map(|note| format!("reason     {note}")));
    }
    if let Some(proposal) = &shown.proposal {
        let Proposed { action, actor, at, ground, note } = proposal;
        lines.push(format!("proposed   {action} by {actor} at {at:.0} ({ground}); an approver confirms it"));
        lines.push(format!("reason     {note}"));
    }
    lines.iter().map(|line| print::harmless(line) + "\n").collect()
}

/// Decides one copy after the other; one refusal does not keep the rest from being decided.
fn each(
    config: Option<&Path>,
    ids: &[String],
    json: bool,
    request: impl Fn(String) -> Request,
) -> anyhow::Result<ExitCode> {
    let (mut failed, mut waits) = (false, false);
    for id in ids {
        let asked = MailOrCopy::parse(id).map_err(Into::into);
        let done = match asked.and_then(|id| ask_gateway(config, &request(id.to_string()))) {
            Ok((Answer::Done(done), _)) => vec![done],
            Ok((Answer::AllDone(all), _)) => all,
            Ok((other, _)) => return Err(unexpected(&other)),
            // What comes behind it is not answered either.
            Err(error) if is_unanswered(&error) => return Err(error),
            Err(error) => {
                print::error(format_args!("{}: {error:#}", print::harmless(id)));
                failed = true;
                continue;
            }
        };
        waits |= done.iter().any(|done| done.state == CopyState::Held);
        if json { print::json_lines(&done)? } else { done.iter().try_for_each(tell)? }
    }
    Ok(match (failed, waits) {
        (true, _) => ExitCode::FAILURE,
        (false, true) => ExitCode::from(WAITS),
        (false, false) => ExitCode::SUCCESS,
    })
}

/// The contract's exit code where a second person has to confirm.
const WAITS: u8 = 4;

fn tell(done: &Done) -> std::io::Result<()> {
    let note = done.note.as_ref().map(|note| format!(" ({note})")).unwrap_or_default();
    print::line(format_args!("{}: {}{}", done.id, done.state.as_str(), print::harmless(&note)))
}

fn export(config: Option<&Path>, id: &str, reason: &str, output: Option<&Path>) -> anyhow::Result<ExitCode> {
    let request = Request::Export { id: MailOrCopy::parse(id)?.to_string(), reason: reason.into() };
    let (answer, content) = ask_gateway(config, &request)?;
    if !matches!(answer, Answer::Message { .. }) {
        return Err(unexpected(&answer));
    }
    match output {
        None => print::bytes(&content)?,
        Some(path) => {
            use std::os::unix::fs::OpenOptionsExt;
            // Held mail is nobody else's business: the file is readable by its owner alone.
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true).mode(0o600);
            let mut file = options.open(path).with_context(|| format!("cannot create {}", path.display()))?;
            file.write_all(&content).with_context(|| format!("cannot write {}", path.display()))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
