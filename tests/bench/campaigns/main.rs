// SPDX-License-Identifier: EUPL-1.2
//! Lists misused in the traffic of an administration of 5,000 for thirty days, beside lawful bulk of every kind: how many
//! misuses are seen, after how many recipients, and what lawful mail is taken for one.
//!
//! `cargo bench --bench campaigns -- run [--seeds A..B] [--portal 0.6] [--cells N] [--ordinary N] [--no-mailboxes]
//! [--units]` makes the traffic of each seed, replays and scores it. `… -- write DIR` writes the log, the lists and the
//! truth for another program, `octroi campaigns replay` for one; `… -- score DIR REPORTS` scores what it said.

mod lawful;
mod misuse;
mod random;
mod score;
mod world;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use octroi::campaign::{self, LogLine, Reading, Replay};
use octroi::lists::ListKey;
use octroi::mail::Mailbox;
use score::{Report, Score, Truth};
use world::{Settings, World};

type Failed = Box<dyn std::error::Error>;

struct Options {
    seeds: std::ops::Range<u64>,
    cells: usize,
    units: bool,
    settings: Settings,
}

fn main() -> Result<(), Failed> {
    // Cargo adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let command = arguments.next().unwrap_or_default();
    let mut options = Options {
        seeds: 1..2,
        cells: 40,
        units: false,
        settings: Settings { seed: 1, portal: 0.6, mailboxes: true, ordinary: 1500 },
    };
    let mut plain = Vec::new();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
        match argument.as_str() {
            "--seeds" => {
                let text = value()?;
                let (from, to) = text.split_once("..").ok_or("--seeds A..B")?;
                options.seeds = from.parse()?..to.parse()?;
            }
            "--portal" => options.settings.portal = value()?.parse()?,
            "--cells" => options.cells = value()?.parse()?,
            "--ordinary" => options.settings.ordinary = value()?.parse()?,
            "--no-mailboxes" => options.settings.mailboxes = false,
            "--units" => options.units = true,
            _ => plain.push(argument),
        }
    }
    match (command.as_str(), plain.as_slice()) {
        ("run", []) => run(options),
        ("write", [dir]) => write(options, Path::new(dir)),
        ("score", [dir, reports]) => score(Path::new(dir), Path::new(reports)),
        _ => Err("simulate run | write DIR | score DIR REPORTS".into()),
    }
}

fn world(options: &Options, seed: u64) -> (World, Vec<misuse::Cell>) {
    let settings = Settings { seed, ..options.settings };
    let mut world = World::new(&settings);
    world.lawful(&settings);
    let cells = world.misuses(options.cells);
    world.finish();
    (world, cells)
}

fn run(options: Options) -> Result<(), Failed> {
    let mut total = Score::default();
    for seed in options.seeds.clone() {
        let (world, cells) = world(&options, seed);
        let begun = std::time::Instant::now();
        let reports = replay(&world, options.units)?;
        let recipients: usize = world.log.iter().map(|line| line.rcpt_to.len()).sum();
        eprintln!(
            "seed {seed}: {} transactions, {recipients} recipients, {:.1} s",
            world.log.len(),
            begun.elapsed().as_secs_f64()
        );
        let members: HashSet<&str> = world.members["portail-paie"].iter().map(String::as_str).collect();
        let truth: Vec<Truth> = world.log.iter().map(Truth::from).collect();
        total.add(&cells, &members, &truth, &reports);
    }
    total.print();
    Ok(())
}

fn replay(world: &World, units: bool) -> Result<Vec<Report>, Failed> {
    let key = ListKey::new([7; 32]);
    let own = campaign::own_domains(world.log.iter().map(|line| line.mail_from.as_str()));
    let texts: HashMap<String, String> = world.texts.clone().into_iter().collect();
    let lists: BTreeMap<String, campaign::ListFile> = serde_json::from_value(serde_json::to_value(&world.lists)?)?;
    let rows = |file: &str| world.members.get(file.strip_suffix(".csv")?).map(|members| members.join("\n"));
    let is_own = |mailbox: &Mailbox| own.contains(mailbox.domain().as_str());
    let register = campaign::register(lists, rows, &texts, &is_own, &key, world::AGENTS);
    let mut by_member = HashMap::new();
    if units {
        for agent in &world.agents {
            by_member.insert(key.member(&Mailbox::parse(&agent.work)?.identity()), agent.unit as u64 + 1);
        }
    }
    let reading = Reading { key: &key, register: &register, own: &is_own, texts: &texts, units: &by_member };
    let mut replay = Replay::new(&register);
    for line in &world.log {
        let json = serde_json::to_string(line)?;
        let line: LogLine = serde_json::from_str(&json)?;
        replay.push(&reading.prepare(&line));
    }
    let reports = serde_json::to_value(replay.finish())?;
    Ok(serde_json::from_value(reports)?)
}

fn write(options: Options, dir: &Path) -> Result<(), Failed> {
    let (world, cells) = world(&options, options.seeds.start);
    std::fs::create_dir_all(dir)?;
    let lines = |lines: Vec<String>| lines.join("\n") + "\n";
    let log: Result<Vec<String>, _> = world.log.iter().map(serde_json::to_string).collect();
    std::fs::write(dir.join("log.jsonl"), lines(log?))?;
    std::fs::write(dir.join("lists.json"), serde_json::to_string_pretty(&world.lists)?)?;
    for (name, members) in &world.members {
        std::fs::write(dir.join(format!("{name}.csv")), lines(members.clone()))?;
    }
    let texts = world.texts.iter().map(|(id, text)| serde_json::json!({ "text_id": id, "text": text }).to_string());
    std::fs::write(dir.join("texts.jsonl"), lines(texts.collect()))?;
    let truth = world
        .log
        .iter()
        .map(|line| serde_json::json!({ "tx": line.tx, "cell": line.cell, "kind": line.kind }).to_string());
    std::fs::write(dir.join("truth.jsonl"), lines(truth.collect()))?;
    std::fs::write(dir.join("cells.json"), serde_json::to_string_pretty(&cells)?)?;
    let people = world.agents.iter().map(|agent| format!("{},unit-{}", agent.work, agent.unit));
    std::fs::write(dir.join("people.csv"), lines(std::iter::once("mail,unit".into()).chain(people).collect()))?;
    Ok(())
}

fn score(dir: &Path, reports: &Path) -> Result<(), Failed> {
    #[derive(serde::Deserialize)]
    struct Row {
        tx: String,
        rcpt_to: Vec<String>,
    }
    #[derive(serde::Deserialize)]
    struct Said {
        cell: Option<usize>,
        kind: String,
    }
    let read = |name: &str| std::fs::read_to_string(dir.join(name));
    let log: Vec<Row> = read("log.jsonl")?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let said: Vec<Said> = read("truth.jsonl")?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let cells: Vec<misuse::Cell> = serde_json::from_str(&read("cells.json")?)?;
    let portal = read("portail-paie.csv")?;
    let members: HashSet<&str> = portal.lines().collect();
    let truth: Vec<Truth> = log
        .iter()
        .zip(&said)
        .map(|(row, said)| Truth { tx: &row.tx, recipients: &row.rcpt_to, cell: said.cell, kind: &said.kind })
        .collect();
    let reports: Vec<Report> =
        std::fs::read_to_string(reports)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let mut total = Score::default();
    total.add(&cells, &members, &truth, &reports);
    total.print();
    Ok(())
}
