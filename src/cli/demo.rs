// SPDX-License-Identifier: EUPL-1.2
//! `octroi demo`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use jiff::tz::TimeZone;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::print;
use crate::app::demo::{Copy, Demo, Event, LogEvent, MORNING, Sample};

/// Show octroi at work; needs no settings
///
/// Starts a gateway and a next hop in a temporary folder, sends sample mails through the gateway, and shows each verdict
/// with its reason. On a terminal the gateway then keeps running, so that you can try it, until you press Ctrl-C.
/// Otherwise, or with --once, it ends after the sample mails. No mail leaves this machine, and all files are removed.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  octroi demo\n  octroi demo --once")]
pub struct Args {
    /// End after the sample mails; do not wait for Ctrl-C
    #[arg(long)]
    once: bool,
}

/// Columns of the widest line, where no terminal has fewer.
const WIDTH: usize = 100;
/// Columns that the longest word needs beside what stands before it.
const LEAST: usize = 50;
/// How long a mail stands before the next comes, where somebody watches.
const PAUSE: Duration = Duration::from_millis(300);
/// Columns before a recipient's verdict, and before its reason.
const VERDICT: usize = 10;
const REASON: usize = 20;

/// Settings are not read: the demonstration touches nothing of yours.
pub fn run(args: &Args, _config: Option<&Path>) -> ExitCode {
    let stay = !args.once && io::stdin().is_terminal() && io::stdout().is_terminal();
    super::conclude(super::runtime().and_then(|runtime| {
        let shown = runtime.block_on(show(stay));
        // What still runs (a write to a file) ends by itself.
        runtime.shutdown_background();
        shown
    }))
}

async fn show(stay: bool) -> anyhow::Result<ExitCode> {
    let mut stop = Stop::new()?;
    let colour = io::stdout().is_terminal() && print::wants_colour();
    let mut demo = tokio::select! {
        demo = Demo::start() => demo?,
        () = stop.asked() => return Ok(ExitCode::SUCCESS),
    };
    let shown = tokio::select! {
        shown = morning(&mut demo, Page { colour, width: width(print::terminal_width()) }, stay) => shown,
        () = stop.asked() => Ok(()),
    };
    demo.stop().await;
    shown.map(|()| ExitCode::SUCCESS)
}

async fn morning(demo: &mut Demo, page: Page, stay: bool) -> anyhow::Result<()> {
    print::line("A gateway, a next hop and sample mails, all on this machine. No mail leaves it.\n")?;
    let mut count = Count::default();
    for sample in &MORNING {
        let copies = demo.send(sample).await?;
        print::line(page.mail(sample, &copies))?;
        copies.iter().for_each(|copy| count.add(copy));
        if stay {
            tokio::time::sleep(PAUSE).await;
        }
    }
    count.onward = demo.taken().iter().filter(|mail| !mail.is_notice).map(|mail| mail.to.len()).sum();
    print::line(page.prose(&count.summary()))?;
    if !stay {
        let more = "On a terminal and without --once the gateway keeps running, so that you can try it.";
        return print::line(format!("\n{}", page.prose(more))).map_err(Into::into);
    }
    print::line(where_to_look(demo))?;
    while let Some(event) = demo.next().await {
        match event {
            Event::LogEvent(LogEvent::Copy(copy)) => print::line(page.copy_alone(&copy))?,
            Event::LogEvent(LogEvent::Trouble(text)) => print::error(print::harmless(&text)),
            Event::Taken(mail) if mail.is_notice => {
                print::line(print::harmless(&format!("notice sent to {}", mail.to.join(", "))))?;
            }
            Event::Taken(mail) => print::line(print::harmless(&format!("mail sent to {}", mail.to.join(", "))))?,
        }
    }
    Ok(())
}

/// Ctrl-C, a service manager, or a terminal that was closed: each ends us in order.
struct Stop([Signal; 3]);

impl Stop {
    fn new() -> io::Result<Stop> {
        Ok(Stop([signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?, signal(SignalKind::hangup())?]))
    }

    async fn asked(&mut self) {
        let [interrupt, terminate, hangup] = &mut self.0;
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    }
}

/// The columns there are: the terminal's, within reason.
fn width(terminal: Option<usize>) -> usize {
    terminal.unwrap_or(WIDTH).clamp(LEAST, WIDTH)
}

#[derive(Clone, Copy)]
struct Page {
    colour: bool,
    width: usize,
}

impl Page {
    /// The sender's line, then for each copy its verdict and its reason.
    fn mail(self, sample: &Sample, copies: &[Copy]) -> String {
        let at = copies.first().map(time).unwrap_or_default();
        let from = if sample.from.is_empty() { "<> (a bounce)" } else { sample.from };
        let head = format!("{at:<VERDICT$}{from}  {}", sample.subject);
        let mut text = cut(&head, self.width) + "\n";
        for copy in copies {
            text.push_str(&self.copy(copy));
        }
        text
    }

    /// A copy of a mail that is none of the morning's.
    fn copy_alone(self, copy: &Copy) -> String {
        let from = if copy.sender.is_empty() { "<>" } else { &copy.sender };
        cut(&print::harmless(&format!("{:<VERDICT$}{from}", time(copy))), self.width) + "\n" + &self.copy(copy)
    }

    /// Sentences, a paragraph a line.
    fn prose(self, text: &str) -> String {
        text.lines().map(|line| wrapped(line, self.width).join("\n")).collect::<Vec<_>>().join("\n")
    }

    fn copy(self, copy: &Copy) -> String {
        let (word, colour) = word(&copy.disposition);
        let gap = " ".repeat(REASON.saturating_sub(VERDICT + word.chars().count()));
        let word = if self.colour { format!("\x1b[{colour}m{word}\x1b[0m") } else { word.to_owned() };
        let to = cut(&print::harmless(&copy.recipient), self.width - REASON);
        let mut text = format!("{:VERDICT$}{word}{gap}{to}\n", "");
        for line in wrapped(copy.reason.as_deref().unwrap_or_default(), self.width - REASON) {
            text.push_str(&format!("{:REASON$}{line}\n", ""));
        }
        text
    }
}

/// What a disposition is called here, and its colour on a terminal.
fn word(disposition: &str) -> (&str, &'static str) {
    match disposition {
        "pass" => ("passed", "32"),
        "notify" => ("noted", "33"),
        "strip" => ("stripped", "33"),
        "quarantine" => ("held", "31"),
        "defer" => ("deferred", "35"),
        "reject" => ("refused", "31"),
        other => (other, "0"),
    }
}

fn time(copy: &Copy) -> String {
    copy.at.to_zoned(TimeZone::system()).strftime("%H:%M:%S").to_string()
}

fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width - 1).chain(['…']).collect()
}

/// Breaks a sentence at blanks.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The morning in numbers.
#[derive(Default)]
struct Count {
    copies: usize,
    passed: usize,
    noted: usize,
    held: usize,
    other: usize,
    /// Copies that reached the next hop, notices apart.
    onward: usize,
}

impl Count {
    fn add(&mut self, copy: &Copy) {
        self.copies += 1;
        *match copy.disposition.as_str() {
            "pass" => &mut self.passed,
            "notify" => &mut self.noted,
            "quarantine" => &mut self.held,
            _ => &mut self.other,
        } += 1;
    }

    fn summary(&self) -> String {
        let other = if self.other > 0 { format!(", {} refused or deferred", self.other) } else { String::new() };
        format!(
            "{} mails with {} copies (one for each recipient): {} passed, {} noted (they pass too), {} held{other}.\n{} copies reached the next hop. Senders of noted and held copies get a notice in their language.",
            MORNING.len(),
            self.copies,
            self.passed,
            self.noted,
            self.held,
            self.onward
        )
    }
}

fn where_to_look(demo: &Demo) -> String {
    let octroi = program().display().to_string();
    let config = demo.settings().display().to_string();
    let door = demo.door.port();
    format!(
        "
Try in another terminal:
  {octroi} quarantine list --config {config}
  {octroi} quarantine show ID --config {config}
  {octroi} quarantine release ID --reason \"asked by phone\" --config {config}
    (the marked mail needs two persons: this proposes it, and an approver would confirm)
  {octroi} find karim.zerouali@gmail.com --config {config}
The mails that left, and the notices: {}
Metrics: http://{}/metrics
To send your own mail (from justice.gouv.example): swaks --server 127.0.0.1 --port {door} \\
  --from claire.vasseur@justice.gouv.example --to someone@gmail.com

Ctrl-C ends the demonstration and removes all its files.
",
        demo.outgoing().display(),
        demo.pages
    )
}

/// How this program is called from here: by its name alone where the shell finds it.
fn program() -> PathBuf {
    let Ok(exe) = std::env::current_exe() else { return PathBuf::from("octroi") };
    let Some(name) = exe.file_name() else { return exe };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|candidate| candidate.is_file());
    if found.and_then(|found| found.canonicalize().ok()).is_some_and(|found| found == exe) {
        return PathBuf::from(name);
    }
    let here = std::env::current_dir().ok();
    here.and_then(|here| exe.strip_prefix(here).ok().map(Path::to_owned)).unwrap_or(exe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_the_page_and_colour_is_asked_for() {
        let copy = Copy {
            at: jiff::Timestamp::UNIX_EPOCH,
            sender: String::new(),
            recipient: format!("{}@x.example", "a".repeat(120)),
            disposition: "quarantine".into(),
            rule: Some("r".into()),
            reason: Some("Ten words that are long enough to need a second line, é and all. ".repeat(3)),
            reply: "250 ok".into(),
        };
        for (terminal, columns) in [(None, 100), (Some(80), 80), (Some(20), 50), (Some(300), 100)] {
            let page = Page { colour: false, width: width(terminal) };
            let plain = page.mail(&MORNING[0], std::slice::from_ref(&copy)) + &page.prose(&Count::default().summary());
            assert!(plain.lines().all(|line| line.chars().count() <= columns), "{columns}: {plain}");
            assert!(plain.contains("held") && !plain.contains('\x1b'), "{plain}");
        }
        assert!(Page { colour: true, width: 80 }.copy(&copy).contains("\x1b[31mheld\x1b[0m"));
    }
}
