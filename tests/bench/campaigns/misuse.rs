// SPDX-License-Identifier: EUPL-1.2
//! Lists used for what they are not for: split, spread, diluted, shuffled, reworded and slow.

use serde::{Deserialize, Serialize};

use crate::world::{DAY, DAYS, PAYSLIP, START, World};

/// One misuse.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    pub what: String,
    pub list: String,
    /// Members it would reach.
    pub members: usize,
    pub per_transaction: usize,
    pub senders: usize,
    pub outsiders: f64,
    pub dropped: f64,
    pub order: String,
    pub reworded: f64,
    pub days: f64,
    pub link: String,
}

impl World {
    /// Draws the misuses of one log and sends them.
    pub fn misuses(&mut self, count: usize) -> Vec<Cell> {
        let mut cells = Vec::new();
        for n in 0..count {
            let cell = self.draw();
            self.misuse(n, &cell);
            cells.push(cell);
        }
        // One a log: with the same text they are one campaign.
        let kinds = ["paragraph", "sentence", "five words", "other text", "authorised text, other sender"];
        {
            let what = *self.random.pick(&kinds);
            let cell = Cell { what: what.into(), order: "shuffled".into(), reworded: 0.0, ..self.draw() };
            let cell = Cell { members: 600, senders: 1, outsiders: 0.0, per_transaction: 50, days: 0.05, ..cell };
            self.authorised(cells.len(), &cell);
            cells.push(cell);
        }
        cells
    }

    fn draw(&mut self) -> Cell {
        let random = &mut self.random;
        let all = self.members["portail-paie"].len();
        Cell {
            what: "plea".into(),
            list: "portail-paie".into(),
            members: *random.pick(&[250, 400, 1000, all]),
            per_transaction: *random.pick(&[1, 1, 2, 10, 50, 100, 5000]),
            senders: *random.pick(&[1, 1, 2, 5, 20]),
            outsiders: *random.pick(&[0.0, 0.0, 0.1, 0.3]),
            dropped: *random.pick(&[0.0, 0.25, 0.5]),
            order: (*random.pick(&["list", "shuffled", "shuffled", "alphabetical", "by domain"])).into(),
            reworded: *random.pick(&[0.0, 0.0, 0.15, 0.25, 0.4]),
            days: *random.pick(&[0.04, 1.0, 7.0, 29.0]),
            link: (*random.pick(&["none", "one", "by copy"])).into(),
        }
    }

    fn misuse(&mut self, number: usize, cell: &Cell) {
        let list = self.members[cell.list.as_str()].clone();
        let mut chosen: Vec<String> = match cell.order.as_str() {
            // A stretch of the list, some of it left out.
            "list" => {
                let span = ((cell.members as f64 / (1.0 - cell.dropped)) as usize).min(list.len());
                let from = self.random.below(list.len() - span + 1);
                list[from..from + span].iter().filter(|_| !self.random.chance(cell.dropped)).cloned().collect()
            }
            _ => self.random.sample(&list, cell.members.min((list.len() as f64 * (1.0 - cell.dropped)) as usize)),
        };
        match cell.order.as_str() {
            "alphabetical" => chosen.sort(),
            "by domain" => chosen.sort_by_key(|address| address.split('@').nth(1).unwrap_or_default().to_owned()),
            _ => {}
        }
        let padding = (chosen.len() as f64 * cell.outsiders / (1.0 - cell.outsiders)) as usize;
        for stranger in self.random.sample(&self.citizens, padding) {
            let at = self.random.below(chosen.len() + 1);
            chosen.insert(at, stranger);
        }
        let senders: Vec<String> = self.senders(number, cell.senders);
        let words = 60 + self.random.below(120);
        let text = self.text(words);
        let transactions = chosen.len().div_ceil(cell.per_transaction);
        let length = (cell.days * DAY as f64) as i64;
        let start = START + self.random.below((DAYS * DAY - length).max(1) as usize) as i64;
        for (n, batch) in chosen.chunks(cell.per_transaction).enumerate() {
            let at = start + length * n as i64 / transactions as i64;
            let mut copy = self.words.reworded(&mut self.random, &text, cell.reworded);
            if cell.per_transaction == 1 {
                copy = format!("Bonjour {}, {copy}", batch[0].split('@').next().unwrap_or_default());
            }
            match cell.link.as_str() {
                "one" => copy.push_str(&format!(" https://campagne{}.example/video", letters(number))),
                "by copy" => copy.push_str(&format!(" https://k{n}x.suivi{}.example/v?u={n}", letters(number))),
                _ => {}
            }
            let from = senders[self.random.below(senders.len())].clone();
            // Some write by VERP.
            let from = match from.split_once('@') {
                Some((local, domain)) if cell.per_transaction == 1 && number.is_multiple_of(2) => {
                    format!("{local}+{}@{domain}", batch[0].replace('@', "="))
                }
                _ => from,
            };
            self.send(at, &from, batch.to_vec(), copy, "misuse", Some(number));
        }
    }

    /// The list's own sender with more than its template, or its template from another.
    fn authorised(&mut self, number: usize, cell: &Cell) {
        let chosen = self.random.sample(&self.members[cell.list.as_str()].clone(), cell.members);
        let own = "ne-pas-repondre@paie.example".to_owned();
        let other = self.senders(number, 1)[0].clone();
        let more = match cell.what.as_str() {
            "paragraph" => self.text(60).join(" "),
            "sentence" => self.text(14).join(" "),
            "five words" => "soutenez tous notre belle réforme".into(),
            _ => String::new(),
        };
        let payslip = PAYSLIP.replace("{prénom}", "").replace("{mois}", "juin").replace("{référence}", "PA 9");
        let text = if cell.what == "other text" { self.text(120).join(" ") } else { format!("{payslip} {more}") };
        let from = if cell.what.contains("other sender") { other } else { own };
        let mut at = START + self.random.below((DAYS - 1) as usize * DAY as usize) as i64;
        for batch in chosen.chunks(cell.per_transaction) {
            at += 60;
            self.send(at, &from, batch.to_vec(), text.clone(), "misuse", Some(number));
        }
    }

    /// Mailboxes of services, so that no agent's own mail is judged with them.
    fn senders(&mut self, number: usize, count: usize) -> Vec<String> {
        (0..count).map(|n| format!("cabinet{number}n{n}@ministere.example")).collect()
    }
}

/// A number without digits, which a host may differ by and copies may not.
fn letters(number: usize) -> String {
    number.to_string().bytes().map(|digit| char::from(digit - b'0' + b'a')).collect()
}
