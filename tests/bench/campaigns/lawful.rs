// SPDX-License-Identifier: EUPL-1.2
//! What an administration lawfully sends in bulk, and its ordinary mail.

use crate::world::{AGENTS, DAY, DAYS, PAYSLIP, START, Settings, World};

impl World {
    pub fn lawful(&mut self, settings: &Settings) {
        for day in 0..DAYS {
            let weekday = (day + 1) % 7;
            let busy = if weekday < 5 { settings.ordinary } else { settings.ordinary / 10 };
            self.ordinary(day, busy);
            if weekday < 5 {
                self.desk(day);
                self.pension_fund(day);
            }
        }
        self.departments();
        self.newsletters();
        self.staff_notices();
        self.payslips();
        self.human_resources();
        self.circles();
    }

    fn ordinary(&mut self, day: i64, count: usize) {
        for _ in 0..count {
            let (at, from) = (self.office(day), self.agent());
            let words = 20 + self.random.below(100);
            let mut text = self.text(words);
            if self.random.chance(0.3) {
                let hosts = ["www.legifrance.example", "intranet.ministere.example", "visio.example", "data.example"];
                text.push(format!("https://{}/x", self.random.pick(&hosts)));
            }
            let n = [1, 1, 1, 1, 2, 2, 3, 4, 6, 9][self.random.below(10)];
            let mut to = Vec::new();
            for _ in 0..n {
                let kind = self.random.below(100);
                to.push(match kind {
                    0..60 => {
                        let colleagues = &self.units[from.unit];
                        self.agents[colleagues[self.random.below(colleagues.len())]].work.clone()
                    }
                    60..80 => self.agent().work,
                    80..95 => self.random.pick(&self.citizens).clone(),
                    95..98 => self.agent().private,
                    _ => from.private.clone(),
                });
            }
            let text = text.join(" ");
            self.send(at, &from.work, to, text, "ordinary", None);
        }
    }

    /// Sixty answers a day from one mailbox, to people on the portal's list, each with a text of its own.
    fn desk(&mut self, day: i64) {
        let mut portal = self.members["portail-paie"].clone();
        // Nobody reads a canary, so nobody writes to it from there.
        portal.retain(|address| !self.lists["portail-paie"].canaries.contains(address));
        for n in 0..60 {
            let at = START + day * DAY + 8 * 3600 + n * 600 + self.random.below(300) as i64;
            let to = self.random.pick(&portal).clone();
            let mut text = self.text(40);
            text.push("le service d'assistance reste à votre disposition".into());
            self.send(at, "assistance@ministere.example", vec![to], text.join(" "), "help desk", None);
        }
    }

    /// One by one, all day, to agents' private mailboxes, its own texts, above twenty an hour.
    fn pension_fund(&mut self, day: i64) {
        for n in 0..200 {
            let at = START + day * DAY + 8 * 3600 + n * 150;
            let to = self.agent().private;
            let mut text = self.text(60);
            text.push("vos droits à la retraite https://pensions.example/dossier".into());
            self.send(at, "pensions@finances.example", vec![to], text.join(" "), "pension fund", None);
        }
    }

    fn departments(&mut self) {
        for unit in 0..self.units.len() {
            for _ in 0..3 {
                let day = self.random.below(DAYS as usize) as i64;
                let at = self.office(day);
                let members = self.units[unit].clone();
                let from = self.agents[members[0]].work.clone();
                let to = members.iter().map(|agent| self.agents[*agent].work.clone()).collect();
                let text = self.text(70).join(" ");
                self.send(at, &from, to, text, "department", None);
            }
        }
        // Ten teams wholly on the list, work addresses and private ones.
        let portal: std::collections::HashSet<String> = self.members["portail-paie"].iter().cloned().collect();
        let on: Vec<usize> = (0..AGENTS).filter(|agent| portal.contains(&self.agents[*agent].private)).collect();
        for team in 0..10 {
            let size = 12 + team * 3;
            let members = self.random.sample(&on, size);
            for week in 0..4 {
                let at = self.office(week * 7 + 2);
                let from = self.agents[members[0]].work.clone();
                let private = team < 2;
                let to = members.iter().map(|agent| {
                    let agent = &self.agents[*agent];
                    if private && team == 0 { agent.private.clone() } else { agent.work.clone() }
                });
                let to = to.collect();
                let text = self.text(60).join(" ");
                self.send(at, &from, to, text, "team", None);
            }
        }
    }

    fn newsletters(&mut self) {
        let mut overlapping = self.random.sample(&self.citizens, 600);
        overlapping.extend(self.random.sample(&self.agents, 500).into_iter().map(|agent| agent.private));
        self.random.shuffle(&mut overlapping);
        let letters = [
            ("lettre@ministere.example", self.members["lettre-info"].clone(), "newsletter"),
            ("actualites@academie.example", overlapping, "newsletter"),
            ("section@syndicat.example", self.members["syndicat"].clone(), "union"),
        ];
        for (from, members, kind) in letters {
            for week in 0..4 {
                let mut at = self.office(week * 7 + 1);
                let mut text = self.text(150);
                text.push("https://lettre.example/numero".into());
                let text = text.join(" ");
                for batch in members.chunks(100) {
                    at += 5;
                    self.send(at, from, batch.to_vec(), text.clone(), kind, None);
                }
            }
        }
    }

    fn staff_notices(&mut self) {
        for notice in 0..6 {
            let mut at = self.office(notice * 4 + 1);
            let text = self.text(90).join(" ");
            let (mut to, from): (Vec<String>, _) = match notice {
                0 | 1 => {
                    (self.agents.iter().map(|agent| agent.work.clone()).collect(), "communication@ministere.example")
                }
                2 => (self.members["personnel"].clone(), "direction@ministere.example"),
                // Sorted like the portal's list would be, where it is sorted.
                _ => (self.agents.iter().map(|agent| agent.work.clone()).collect(), "logistique@ministere.example"),
            };
            if notice % 2 == 1 {
                to.sort();
            }
            for batch in to.chunks(200) {
                at += 3;
                self.send(at, from, batch.to_vec(), text.clone(), "staff notice", None);
            }
        }
    }

    fn payslips(&mut self) {
        let sender = "ne-pas-repondre@paie.example";
        let months = ["août", "septembre"];
        for (month, day) in months.iter().zip([2, 27]) {
            let mut at = self.office(day);
            let mut to = self.members["portail-paie"].clone();
            // The list has grown by a tenth since it was imported.
            let grown = to.len() / 10;
            to.extend(self.random.sample(&self.citizens, grown));
            for (n, reader) in to.iter().enumerate() {
                at += 1;
                let name = reader.split('@').next().unwrap_or_default();
                let text = PAYSLIP
                    .replace("{prénom}", name)
                    .replace("{mois}", month)
                    .replace("{référence}", &format!("PA-{n}"));
                self.send(at, sender, vec![reader.clone()], text, "payslip", None);
            }
        }
        // In batches, not by name.
        let mut at = self.office(15);
        for batch in self.members["portail-paie"].clone().chunks(100) {
            at += 2;
            let text = PAYSLIP.replace("{prénom}", "").replace("{mois}", "juillet").replace("{référence}", "PA 7");
            self.send(at, sender, batch.to_vec(), text, "payslip", None);
        }
    }

    fn human_resources(&mut self) {
        for round in 0..4 {
            let mut at = self.office(round * 6 + 3);
            let shared = self.text(20).join(" ");
            for _ in 0..250 {
                at += 8;
                let to = self.agent().private;
                let personal = self.text(80).join(" ");
                self.send(at, "ressources@ministere.example", vec![to], format!("{shared} {personal}"), "merge", None);
            }
        }
        for n in 0..40 {
            let mut at = self.office((n % 29) as i64);
            let text = self.text(25).join(" ");
            for _ in 0..30 {
                at += 20;
                let to = self.agent();
                let to = if self.random.chance(0.5) { to.work } else { to.private };
                self.send(at, "application@ministere.example", vec![to], text.clone(), "application", None);
            }
        }
    }

    /// Groups with lists of their own: association, school, event, conference, club, forwards.
    fn circles(&mut self) {
        let mixed = [
            ("amicale@ministere.example", 150, 0.5, 4, "association"),
            ("ecole@academie.example", 400, 0.15, 4, "school"),
            ("parents@academie.example", 300, 0.5, 3, "school"),
            ("colloque@ministere.example", 400, 0.3, 2, "conference"),
            ("evenement@ministere.example", 300, 0.5, 2, "event"),
            ("chorale@finances.example", 60, 0.6, 4, "club"),
        ];
        for (from, size, agents, times, kind) in mixed {
            let insiders = (size as f64 * agents) as usize;
            let mut members: Vec<String> =
                self.random.sample(&self.agents, insiders).into_iter().map(|agent| agent.private).collect();
            members.extend(self.random.sample(&self.citizens, size - insiders));
            self.random.shuffle(&mut members);
            if kind == "club" {
                members.sort();
            }
            for time in 0..times {
                let mut at = self.office(time * 7 + 3);
                let text = self.text(80).join(" ");
                for batch in members.chunks(if time % 2 == 0 { 50 } else { 1 }) {
                    at += 4;
                    self.send(at, from, batch.to_vec(), text.clone(), kind, None);
                }
            }
        }
        // A note that three hundred people forward home.
        let note = self.text(120);
        for agent in self.random.sample(&(0..AGENTS).collect::<Vec<_>>(), 300) {
            let at = self.office(12);
            let agent = self.agents[agent].clone();
            let text = format!("pour lecture {}", note.join(" "));
            self.send(at, &agent.work, vec![agent.private], text, "forward", None);
        }
    }
}
