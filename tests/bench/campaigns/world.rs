// SPDX-License-Identifier: EUPL-1.2
//! An administration of five thousand, its lists, and the log that its mail makes.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::random::{Random, Vocabulary};

pub const AGENTS: usize = 5000;
pub const DAYS: i64 = 30;
pub const DAY: i64 = 86_400;
/// 2026-09-01, a Tuesday.
pub const START: i64 = 1_788_220_800;

#[derive(Clone, Serialize)]
pub struct Line {
    pub tx: String,
    pub time: String,
    pub mail_from: String,
    pub rcpt_to: Vec<String>,
    pub subject: String,
    pub text: String,
    #[serde(skip)]
    pub at: i64,
    /// The misuse that it is part of.
    #[serde(skip)]
    pub cell: Option<usize>,
    /// What kind of lawful mail it is.
    #[serde(skip)]
    pub kind: &'static str,
}

#[derive(Serialize)]
pub struct ListFile {
    pub file: String,
    pub purpose: String,
    pub authorised_senders: Vec<String>,
    pub authorised_texts: Vec<String>,
    pub contains_private_webmail: bool,
    pub universal: bool,
    pub canaries: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

#[derive(Clone)]
pub struct Agent {
    pub work: String,
    pub private: String,
    pub unit: usize,
}

pub struct World {
    pub random: Random,
    pub words: Vocabulary,
    pub agents: Vec<Agent>,
    /// Indices of agents, by unit.
    pub units: Vec<Vec<usize>>,
    pub citizens: Vec<String>,
    /// Addresses by list, in order.
    pub members: BTreeMap<&'static str, Vec<String>>,
    pub lists: BTreeMap<&'static str, ListFile>,
    pub texts: BTreeMap<String, String>,
    pub log: Vec<Line>,
}

pub struct Settings {
    pub seed: u64,
    /// The part of the staff that is on the payslip portal's list.
    pub portal: f64,
    /// The universal list has private mailboxes.
    pub mailboxes: bool,
    /// Ordinary transactions a day.
    pub ordinary: usize,
}

pub const PAYSLIP: &str = "Bonjour {prénom}, votre bulletin de paie du mois de {mois} est disponible dans votre espace \
    numérique. Vous pouvez le consulter et le télécharger à tout moment avec votre identifiant habituel sur \
    https://espace.paie.example/ et il y reste conservé cinquante ans. Ne répondez pas à ce message, il est envoyé par un \
    automate. Référence {référence}. La direction des paies vous remercie de votre confiance.";

const WEBMAIL: [&str; 5] = ["gmail.com", "orange.fr", "outlook.fr", "free.fr", "laposte.net"];
const OWN: [&str; 3] = ["ministere.example", "academie.example", "finances.example"];

impl World {
    pub fn new(settings: &Settings) -> World {
        let mut random = Random::new(settings.seed);
        let words = Vocabulary::new(&mut random);
        let mut units: Vec<Vec<usize>> = Vec::new();
        let mut agents = Vec::new();
        while agents.len() < AGENTS {
            let size = [8, 15, 25, 40, 60, 90, 130, 195][random.below(8)].min(AGENTS - agents.len());
            let domain = OWN[random.below(3)];
            units.push((agents.len()..agents.len() + size).collect());
            for _ in 0..size {
                let (given, surname) = (random.word(2), random.word(3));
                let n = agents.len();
                let plain = |s: &str| s.replace('é', "e");
                agents.push(Agent {
                    work: format!("{}.{}{n}@{domain}", plain(&given), plain(&surname)),
                    private: format!("{}{}{n}@{}", plain(&surname), plain(&given), random.pick(&WEBMAIL)),
                    unit: units.len() - 1,
                });
            }
        }
        let citizens = (0..20_000).map(|n| {
            let name = random.word(4).replace('é', "e");
            format!("{name}{n}@{}", random.pick(&WEBMAIL))
        });
        let citizens: Vec<String> = citizens.collect();
        let mut world = World {
            random,
            words,
            agents,
            units,
            citizens,
            members: BTreeMap::new(),
            lists: BTreeMap::new(),
            texts: BTreeMap::new(),
            log: Vec::new(),
        };
        world.make_lists(settings);
        world
    }

    fn make_lists(&mut self, settings: &Settings) {
        let mut personnel: Vec<String> = self.agents.iter().map(|agent| agent.work.clone()).collect();
        if settings.mailboxes {
            let known = self.random.sample(&self.agents, AGENTS * 8 / 10);
            personnel.extend(known.into_iter().map(|agent| agent.private));
        }
        self.random.shuffle(&mut personnel);
        self.list("personnel", personnel, &["direction@ministere.example"], &[], true, None);

        let on_portal =
            self.random.sample(&(0..AGENTS).collect::<Vec<_>>(), (AGENTS as f64 * settings.portal) as usize);
        let address = |world: &mut World, agent: usize| {
            // One in ten gave his work address.
            if world.random.chance(0.1) {
                world.agents[agent].work.clone()
            } else {
                world.agents[agent].private.clone()
            }
        };
        let portal: Vec<String> = on_portal.iter().map(|agent| address(self, *agent)).collect();
        self.texts.insert("paie".into(), PAYSLIP.into());
        // A region: some units whole.
        let region: Vec<String> = on_portal
            .iter()
            .zip(&portal)
            .filter(|(agent, _)| self.agents[**agent].unit % 9 == 4)
            .map(|(_, address)| address.clone())
            .collect();
        self.list("portail-region", region, &["region@ministere.example"], &["paie"], false, None);
        let mut union = self.random.sample(&portal, 1000);
        let strangers: Vec<String> = self.random.sample(&self.citizens, 111);
        union.extend(strangers);
        self.random.shuffle(&mut union);
        self.list("syndicat", union, &["section@syndicat.example"], &[], false, Some("union"));
        let mut letter = self.random.sample(&self.citizens, 1500);
        letter.extend(self.random.sample(&self.agents, 1000).into_iter().map(|agent| agent.private));
        self.random.shuffle(&mut letter);
        self.list("lettre-info", letter, &["lettre@ministere.example"], &[], false, None);
        self.list("portail-paie", portal, &["ne-pas-repondre@paie.example"], &["paie"], false, None);
    }

    fn list(
        &mut self,
        name: &'static str,
        mut members: Vec<String>,
        senders: &[&str],
        texts: &[&str],
        universal: bool,
        kind: Option<&str>,
    ) {
        let mut canaries = Vec::new();
        if name == "portail-paie" {
            for n in 0..5 {
                let canary = format!("{}{n}@{}", self.random.word(4).replace('é', "e"), self.random.pick(&WEBMAIL));
                let at = self.random.below(members.len());
                members.insert(at, canary.clone());
                canaries.push(canary);
            }
        }
        self.lists.insert(
            name,
            ListFile {
                file: format!("{name}.csv"),
                purpose: "d'après le décret".into(),
                authorised_senders: senders.iter().map(|s| s.to_string()).collect(),
                authorised_texts: texts.iter().map(|s| s.to_string()).collect(),
                contains_private_webmail: true,
                universal,
                canaries,
                kind: kind.map(str::to_owned),
            },
        );
        self.members.insert(name, members);
    }

    pub fn send(
        &mut self,
        at: i64,
        from: &str,
        to: Vec<String>,
        text: String,
        kind: &'static str,
        cell: Option<usize>,
    ) {
        if to.is_empty() {
            return;
        }
        let subject = text.split(' ').take(4).collect::<Vec<_>>().join(" ");
        self.log.push(Line {
            tx: String::new(),
            time: String::new(),
            mail_from: from.to_owned(),
            rcpt_to: to,
            subject,
            text,
            at,
            cell,
            kind,
        });
    }

    /// The log in its order, with names.
    pub fn finish(&mut self) {
        self.log.sort_by_key(|line| line.at);
        for (n, line) in self.log.iter_mut().enumerate() {
            line.tx = format!("t{n}");
            line.time = jiff::Timestamp::from_second(line.at).map(|time| time.to_string()).unwrap_or_default();
        }
    }

    pub fn text(&mut self, words: usize) -> Vec<String> {
        self.words.text(&mut self.random, words)
    }

    /// An instant of a working day, in office hours.
    pub fn office(&mut self, day: i64) -> i64 {
        START + day * DAY + 7 * 3600 + self.random.below(11 * 3600) as i64
    }

    pub fn agent(&mut self) -> Agent {
        let at = self.random.below(self.agents.len());
        self.agents[at].clone()
    }
}
