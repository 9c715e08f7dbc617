// SPDX-License-Identifier: EUPL-1.2
//! What was seen of each misuse, how late, and what lawful mail was flagged.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::misuse::Cell;
use crate::world::Line;

/// The fields of a report that are scored.
#[derive(Deserialize)]
pub struct Report {
    pub list: Option<String>,
    pub flagged: bool,
    pub flagged_at: Option<At>,
    #[serde(default)]
    pub reasons: Vec<String>,
}

#[derive(Deserialize)]
pub struct At {
    pub tx: String,
}

/// What became of a misuse.
#[derive(Debug, Serialize)]
pub struct Outcome {
    pub cell: Cell,
    /// Members that its log reaches within any seven days or all in all.
    pub reached: usize,
    pub flagged: bool,
    pub right: bool,
    /// Recipients before the flag; all where there is none.
    pub before: usize,
    /// Recipients on the list before the flag.
    pub members_before: usize,
}

#[derive(Default)]
pub struct Score {
    pub outcomes: Vec<Outcome>,
    /// Flags on lawful mail: kind, list and reasons.
    pub wrong: Vec<String>,
}

/// What a line is, for the score.
pub struct Truth<'a> {
    pub tx: &'a str,
    pub recipients: &'a [String],
    pub cell: Option<usize>,
    pub kind: &'a str,
}

impl<'a> From<&'a Line> for Truth<'a> {
    fn from(line: &'a Line) -> Truth<'a> {
        Truth { tx: &line.tx, recipients: &line.rcpt_to, cell: line.cell, kind: line.kind }
    }
}

impl Score {
    pub fn add(&mut self, cells: &[Cell], members: &HashSet<&str>, truth: &[Truth], reports: &[Report]) {
        let place: HashMap<&str, usize> = truth.iter().enumerate().map(|(n, line)| (line.tx, n)).collect();
        let mut flags: Vec<(usize, &Report)> = Vec::new();
        for report in reports.iter().filter(|report| report.flagged) {
            let at = report.flagged_at.as_ref().and_then(|at| place.get(at.tx.as_str()));
            if let Some(at) = at {
                flags.push((*at, report));
            }
        }
        flags.sort_by_key(|(at, _)| *at);
        for (at, report) in &flags {
            if truth[*at].cell.is_none() {
                self.wrong.push(format!("{} as {:?}: {}", truth[*at].kind, report.list, report.reasons.join("; ")));
            }
        }
        for (number, cell) in cells.iter().enumerate() {
            let first = flags.iter().find(|(at, _)| truth[*at].cell == Some(number));
            let until = first.map_or(truth.len(), |(at, _)| *at);
            let (before, all) = (distinct(&truth[..until], number), distinct(truth, number));
            let on = |set: &HashSet<&str>| set.iter().filter(|address| members.contains(**address)).count();
            self.outcomes.push(Outcome {
                cell: cell.clone(),
                reached: on(&all),
                flagged: first.is_some(),
                right: first.is_some_and(|(_, report)| report.list.as_deref() == Some(cell.list.as_str())),
                before: before.len(),
                members_before: on(&before),
            });
        }
    }

    pub fn print(&self) {
        let counted: Vec<&Outcome> = self.outcomes.iter().filter(|outcome| outcome.reached >= 200).collect();
        println!("{} misuses, {} with 200 members reached", self.outcomes.len(), counted.len());
        line("all", &counted);
        let plea: Vec<&Outcome> = counted.iter().copied().filter(|outcome| outcome.cell.what == "plea").collect();
        line("pleas", &plea);
        type By = (&'static str, fn(&Cell) -> String);
        let by: [By; 9] = [
            ("what", |cell| cell.what.clone()),
            ("members", |cell| cell.members.to_string()),
            ("a transaction", |cell| cell.per_transaction.to_string()),
            ("senders", |cell| cell.senders.to_string()),
            ("outsiders", |cell| cell.outsiders.to_string()),
            ("dropped", |cell| cell.dropped.to_string()),
            ("order", |cell| cell.order.clone()),
            ("reworded", |cell| cell.reworded.to_string()),
            ("days", |cell| format!("{} {}", cell.days, cell.link)),
        ];
        for (name, of) in by {
            let mut groups: BTreeMap<String, Vec<&Outcome>> = BTreeMap::new();
            let from = if name == "what" { &counted } else { &plea };
            from.iter().for_each(|outcome| groups.entry(of(&outcome.cell)).or_default().push(outcome));
            groups.iter().for_each(|(value, group)| line(&format!("{name} {value}"), group));
        }
        for missed in counted.iter().filter(|outcome| !outcome.flagged || !outcome.right) {
            println!("{} {:?}", if missed.flagged { "wrong list" } else { "missed" }, missed);
        }
        let mut wrong: BTreeMap<&String, usize> = BTreeMap::new();
        self.wrong.iter().for_each(|flag| *wrong.entry(flag).or_default() += 1);
        println!("{} false flags", self.wrong.len());
        wrong.iter().for_each(|(flag, count)| println!("  {count} × {flag}"));
    }
}

fn distinct<'a>(lines: &[Truth<'a>], cell: usize) -> HashSet<&'a str> {
    let of = lines.iter().filter(|line| line.cell == Some(cell));
    of.flat_map(|line| line.recipients.iter().map(String::as_str)).collect()
}

fn line(name: &str, outcomes: &[&Outcome]) {
    let mut before: Vec<usize> = outcomes.iter().map(|outcome| outcome.before).collect();
    before.sort_unstable();
    let at = |part: usize| {
        before.get(((before.len() * part) / 100).min(before.len().saturating_sub(1))).copied().unwrap_or(0)
    };
    let flagged = outcomes.iter().filter(|outcome| outcome.flagged).count();
    let right = outcomes.iter().filter(|outcome| outcome.right).count();
    println!(
        "{name:<32} {:>5} cells  flagged {:>5.1} %  right list {:>5.1} %  before: median {:>4}  p95 {:>5}  most {:>5}",
        outcomes.len(),
        100.0 * flagged as f64 / outcomes.len().max(1) as f64,
        100.0 * right as f64 / flagged.max(1) as f64,
        at(50),
        at(95),
        at(100),
    );
}
