// SPDX-License-Identifier: EUPL-1.2
//! Who writes what to whom in a clean week. The same week at every run.

use super::annex::annex;
use super::letter::{Answered, Letter, Program};

/// Domains of who is neither ours nor a private person.
pub const DOMAINS: [&str; 10] = [
    "imprimerie-vallier.example",
    "ascenseurs-morel.example",
    "bouwbedrijf-hendriks.example",
    "traiteur-lamotte.example",
    "journal-du-val.example",
    "radio-estuaire.example",
    "dagblad-noord.example",
    "asso-mediation.example",
    "cabinet-avocats-perrin.example",
    "universite-cote.example",
];

const TEXTS: [&str; 5] = [
    include_str!("../../clean/fr.txt"),
    include_str!("../../clean/nl.txt"),
    include_str!("../../clean/en.txt"),
    include_str!("../../clean/de.txt"),
    include_str!("../../clean/ar.txt"),
];

/// Agents; some stand in the shipped people, most do not.
const AGENTS: [(&str, &str, &str); 14] = [
    ("Claire Vasseur", "claire.vasseur", "Cabinet"),
    ("Nadia Benhaddou", "nadia.benhaddou", "Bureau des achats"),
    ("Jean-Baptiste Lescure", "jean-baptiste.lescure", "Bureau des achats"),
    ("Sophie Amourdedieu", "sophie.amourdedieu", "Service des ressources humaines"),
    ("Yann Le Goff", "yann.le-goff", "Service du numérique"),
    ("Françoise Pellerin", "francoise.pellerin", "Bureau de l'entraide pénale internationale"),
    ("Karim Zerouali", "karim.zerouali", "Bureau de l'entraide pénale internationale"),
    ("Anneke van Rijswijk", "anneke.van-rijswijk", "Bureau de l'entraide pénale internationale"),
    ("Étienne Marchandeau", "etienne.marchandeau", "Sous-direction des greffes"),
    ("Lucie Barbot", "lucie.barbot", "Bureau des usagers"),
    ("Hugo Vanneste", "hugo.vanneste", "Bureau des usagers"),
    ("Imane Sefrioui", "imane.sefrioui", "Accueil du justiciable"),
    ("Accueil du tribunal", "accueil.tj-belleval", "Tribunal judiciaire de Belleval"),
    ("Ne pas répondre", "ne-pas-repondre", "Portail des usagers"),
];

const GIVEN: [&str; 24] = [
    "Martine", "Luc", "Aïcha", "Pierre", "Jeanne", "Mohamed", "Anouk", "Sven", "Chloé", "Bertrand", "Fatima", "Willem",
    "Ingrid", "Paul", "Nora", "Thierry", "Elise", "Youssef", "Greet", "Klaus", "Emma", "Rachid", "Denise", "Tom",
];
const SURNAMES: [&str; 24] = [
    "Fontanier",
    "Delbos",
    "El Amrani",
    "Rousselet",
    "Janssens",
    "Bouzidi",
    "de Boer",
    "Lindqvist",
    "Marty",
    "Chauvet",
    "Haddad",
    "van den Berg",
    "Schreiber",
    "Lemaitre",
    "Cherkaoui",
    "Gaillard",
    "Peeters",
    "Tazi",
    "Claes",
    "Neumann",
    "Whitfield",
    "Ouahbi",
    "Brochard",
    "Verhaegen",
];
const WEBMAIL: [&str; 14] = [
    "gmail.com",
    "orange.fr",
    "wanadoo.fr",
    "free.fr",
    "laposte.net",
    "hotmail.fr",
    "outlook.com",
    "yahoo.fr",
    "sfr.fr",
    "ziggo.nl",
    "telenet.be",
    "icloud.com",
    "menara.ma",
    "gmx.de",
];
const PARTNERS: [&str; 4] =
    ["cour-appel.example", "justitie.rijk.example", "justice-fed.example", "ville-partenaire.example"];
const TOWNS: [&str; 6] = ["Belleval", "Saint-Aubin", "Rivemont", "Oudekerk", "Montclair", "Vallon"];
const DAYS: [&str; 5] = ["lundi", "mardi", "mercredi", "jeudi", "vendredi"];

/// What the citizen had written, so that answers have something to quote.
const ASKED: [&str; 8] = [
    "Bonjour,\n\nje n'ai toujours pas reçu ma copie. Mon numéro est le 06 99 12 34 56.\nMerci d'avance.",
    "Madame, Monsieur,\n\nvoici mes photos du dommage : https://we.tl/t-Zy9Xw8Vu7T\nCordialement",
    "Bonjour, vous m'avez demandé mon numéro de sécurité sociale : 2 85 07 99 123 456 54. C'est confidentiel, merci.",
    "Bonjour, pouvez-vous me rappeler ? Je suis joignable au 01 99 00 45 67 ou sur WhatsApp.",
    "Goedendag, ik heb nog geen antwoord gekregen op mijn aanvraag. Met vriendelijke groet",
    "Hello, could you tell me when my case will be heard? Kind regards",
    "Bonjour, mon avocat m'a parlé d'un document secret, qu'en est-il ?\nMerci.",
    "Guten Tag, ich habe eine Frage zu meinem Termin. Viele Grüße",
];

const DISCLAIMERS: [&str; 6] = [
    "",
    "Ce message et ses pièces jointes sont confidentiels et destinés exclusivement à leurs destinataires. Si vous l'avez reçu par erreur, merci de le détruire et d'en avertir l'expéditeur.",
    "Adoptez l'éco-attitude : n'imprimez ce courriel que si c'est nécessaire.",
    "Dit bericht is vertrouwelijk en uitsluitend bestemd voor de geadresseerde. / Ce message est confidentiel.",
    "CONFIDENTIALITY NOTICE: this e-mail may contain confidential or privileged information. If you are not the intended recipient, please delete it.",
    "Retrouvez-nous sur https://twitter.com/justice_exemple et https://www.linkedin.com/company/justice-exemple",
];

/// The same numbers at every run (splitmix64).
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    pub fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len())]
    }

    pub fn in_hundred(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }
}

/// One text of the files.
struct Template {
    audience: &'static str,
    annexes: Vec<&'static str>,
    subject: &'static str,
    body: &'static str,
}

fn templates() -> Vec<Template> {
    let mut all = Vec::new();
    for text in TEXTS {
        for piece in text.split("=== ").skip(1) {
            let (head, rest) = piece.split_once('\n').unwrap();
            let (subject, body) = rest.split_once('\n').unwrap();
            let (audience, annexes) = head.split_once(' ').unwrap_or((head, ""));
            let annexes = annexes.split(',').filter(|kind| !kind.is_empty()).collect();
            all.push(Template { audience, annexes, subject, body: body.trim() });
        }
    }
    all
}

/// The messages of the week, without end.
pub fn week() -> impl Iterator<Item = Vec<u8>> {
    let templates = templates();
    let mut dice = Dice(20261124);
    (1u64..).map(move |number| {
        // Every text once in a while: they are walked through in turn, in seven shapes and with ever other people.
        let template = &templates[number as usize % templates.len()];
        letter(template, number, &mut dice).wire()
    })
}

fn letter(template: &Template, number: u64, dice: &mut Dice) -> Letter {
    let &(agent, local, office) = dice.of(&AGENTS);
    let (given, surname) = (*dice.of(&GIVEN), *dice.of(&SURNAMES));
    let to = addressee(template.audience, given, surname, dice);
    let places: Vec<(&str, String)> = vec![
        ("{given}", given.to_owned()),
        ("{surname}", surname.to_owned()),
        ("{title}", if dice.in_hundred(50) { "Madame" } else { "Monsieur" }.to_owned()),
        ("{agent}", agent.to_owned()),
        ("{office}", office.to_owned()),
        ("{ref}", format!("{:02}/{:05}", 20 + dice.below(7), dice.below(99_999))),
        ("{date}", format!("{} décembre 2026", 1 + dice.below(28))),
        ("{day}", (*dice.of(&DAYS)).to_owned()),
        ("{time}", format!("{} h {:02}", 8 + dice.below(10), 15 * dice.below(4))),
        ("{amount}", format!("{},{:02}", 20 + dice.below(4000), dice.below(100))),
        (
            "{siret}",
            format!("{:03} {:03} {:03} {:05}", dice.below(999), dice.below(999), dice.below(999), dice.below(99_999)),
        ),
        ("{iban}", "FR76 3000 1007 9412 3456 7890 185".to_owned()),
        ("{order}", format!("4500{:06}", dice.below(999_999))),
        ("{phone}", format!("01 99 00 {:02} {:02}", dice.below(100), dice.below(100))),
        ("{town}", (*dice.of(&TOWNS)).to_owned()),
        ("{number}", (1 + dice.below(400)).to_string()),
    ];
    let fill = |text: &str| places.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value));
    let subject = fill(template.subject);
    let answers = template.audience == "citizen" && dice.in_hundred(40);
    let annexes = template.annexes.iter().map(|kind| annex(kind, &subject, number)).collect();
    Letter {
        program: *dice.of(&Program::ALL),
        from: (agent.to_owned(), format!("{local}@justice.gouv.example")),
        answered: answers.then(|| Answered {
            name: format!("{given} {surname}"),
            address: to[0].1.clone(),
            date: "20 novembre 2026 à 18:42".to_owned(),
            subject: "Question".to_owned(),
            body: (*dice.of(&ASKED)).to_owned(),
        }),
        to,
        cc: if dice.in_hundred(15) {
            vec![("Secrétariat".to_owned(), "secretariat@justice.gouv.example".to_owned())]
        } else {
            Vec::new()
        },
        subject: if answers && dice.in_hundred(70) { format!("Re: {subject}") } else { subject },
        body: fill(template.body),
        signature: format!(
            "{agent}\n{office}\nMinistère de la justice\n13, place de l'Exemple – 99000 {}\nTél. : 01 99 00 {:02} {:02} – Port. : 06 99 00 {:02} {:02}\nhttps://www.justice.gouv.example\n\n{}",
            dice.of(&TOWNS),
            dice.below(100),
            dice.below(100),
            dice.below(100),
            dice.below(100),
            dice.of(&DISCLAIMERS),
        ),
        annexes,
        number,
    }
}

fn addressee(audience: &str, given: &str, surname: &str, dice: &mut Dice) -> Vec<(String, String)> {
    let name = format!("{given} {surname}");
    let letters = |text: &str| -> String {
        let plain = text.to_lowercase().replace('ï', "i").replace(['é', 'è'], "e").replace('ç', "c");
        plain.chars().filter(|c| c.is_ascii_alphanumeric()).collect()
    };
    let (g, s) = (letters(given), letters(surname));
    let webmail = *dice.of(&WEBMAIL);
    let local = match dice.below(6) {
        0 => format!("{g}.{s}"),
        1 => format!("{}{s}", &g[..1]),
        2 => format!("{s}.{g}{}", 50 + dice.below(50)),
        3 => format!("{g}{}", 10 + dice.below(90)),
        4 => format!("{s}-{g}"),
        _ => format!("petitlouis{}", dice.below(999)),
    };
    let citizen = (name.clone(), format!("{local}@{webmail}"));
    let firm = |dice: &mut Dice, at: &[&str]| (name.clone(), format!("{g}.{s}@{}", dice.of(at)));
    match audience {
        "supplier" => vec![firm(dice, &DOMAINS[..4])],
        "press" => vec![firm(dice, &DOMAINS[4..7])],
        "partner" => vec![firm(dice, &PARTNERS)],
        "agent" => vec![("Équipe".to_owned(), "equipe@justice.gouv.example".to_owned())],
        "public" => {
            let mut all = vec![citizen, firm(dice, &DOMAINS[7..])];
            for _ in 0..dice.below(6) {
                let (g, s) = (dice.of(&GIVEN), dice.of(&SURNAMES));
                all.push((format!("{g} {s}"), format!("{}.{}@{}", letters(g), letters(s), dice.of(&WEBMAIL))));
            }
            all
        }
        _ => vec![citizen],
    }
}
