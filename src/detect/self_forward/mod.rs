// SPDX-License-Identifier: EUPL-1.2
//! Finds out whose private mailbox a recipient is: the sender's own, a relative's, a namesake's, a colleague's, a
//! stranger's.
//!
//! Precision comes first. A citizen may have the same name as the agent; a mail to a citizen greets the citizen, a
//! mail to oneself greets nobody. So weak likeness (an initial, a nickname) counts only if the mail greets nobody.

mod likeness;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::lookalike::is_mistyped_webmail;
use crate::detect::reading::evidence::Evidence;
use crate::detect::reading::inspection::{self, Inspection};
use crate::directory::fold::{fold, letters, words};
use crate::directory::{Class, ClassifiedRecipient};
use crate::mail::{Identity, Mailbox};

use likeness::{Likeness, Names, base};

/// Recipients looked at: who sends to more private mailboxes than this is not sending home.
const MOST: usize = 200;

pub fn detect(inspection: &Inspection<'_>, findings: &mut Vec<Finding>) {
    let private = |recipient: &&ClassifiedRecipient| {
        matches!(recipient.class, Class::PrivateWebmail | Class::Disposable)
            || recipient.consumer_hosted
            || is_mistyped_webmail(inspection, recipient)
    };
    let recipients: Vec<&ClassifiedRecipient> =
        inspection.evidence.recipients.iter().filter(private).take(MOST).collect();
    if recipients.is_empty() {
        return;
    }
    let sender = Names::of_sender(inspection);
    let opening = opening(inspection.evidence);
    let greets = says_to_strangers(&opening);
    let subject = inspection.evidence.texts.iter().find(|text| text.place == "subject");
    let replied = inspection::subject(subject.map_or("", |text| text.original.as_str())).replied;
    let (speaks_to, is_distant) = (greets || speaks_to(&opening), greets || begins_with(&opening, DISTANT));
    let manner = Manner { greets, is_distant, speaks_to, answers_formally: greets && replied };
    for recipient in recipients {
        let Some(mailbox) = &recipient.mailbox else { continue };
        let place = || "envelope".to_owned();
        let display = displayed(inspection, mailbox);
        match sender.compare(mailbox, &display, recipient.consumer_hosted, manner) {
            Likeness::Own(why) => {
                findings.push(Finding::new(FindingKind::SelfForward, place()).excerpt(why).recipient(mailbox));
            }
            Likeness::Relative(why) => {
                let value = if manner.is_distant { "namesake" } else { "family" };
                findings
                    .push(Finding::new(FindingKind::Namesake, place()).value(value).excerpt(why).recipient(mailbox));
            }
            Likeness::None => {
                if let Some(colleague) = colleague(inspection.evidence, mailbox) {
                    let why = format!("called as {colleague}");
                    findings.push(
                        Finding::new(FindingKind::Namesake, place()).value("colleague").excerpt(why).recipient(mailbox),
                    );
                }
            }
        }
    }
}

/// The agent, other than the sender, whose whole name the local part is.
fn colleague(evidence: &Evidence<'_>, mailbox: &Mailbox) -> Option<String> {
    let sender = evidence.sender.mailbox.as_ref().map(Mailbox::sender_identity);
    let local = fold(base(mailbox.local()));
    let called = evidence.people.called(&letters(&local));
    called.iter().find(|agent| Some(*agent) != sender.as_ref()).map(Identity::to_string)
}

/// How the mail speaks to its reader.
#[derive(Debug, Clone, Copy)]
struct Manner {
    /// It greets or addresses somebody formally.
    greets: bool,
    /// It greets as one greets people outside the family.
    is_distant: bool,
    /// It greets somebody at all. Nobody says good day to himself.
    speaks_to: bool,
    answers_formally: bool,
}

/// The name that To and Cc give to an address, as folded words; empty where they give none.
fn displayed(inspection: &Inspection<'_>, mailbox: &Mailbox) -> Vec<String> {
    let key = mailbox.key();
    let header = inspection.headers("To").chain(inspection.headers("Cc")).find_map(|value| {
        let lower = value.to_lowercase();
        // Lower case may change lengths; then the place found is only nearly right, which `get` forgives.
        let at = lower.find(&format!("<{key}>"))?;
        value.get(..at).map(str::to_owned)
    });
    let Some(before) = header else { return Vec::new() };
    let display = before.rsplit(['>', ';']).next().unwrap_or("").trim();
    // "Lefèvre, Sébastien" in quotes is one name; else a comma ends the neighbour's.
    let display = match display.strip_suffix('"').and_then(|d| d.rsplit('"').next()) {
        Some(quoted) => quoted,
        None => display.rsplit(',').next().unwrap_or(""),
    };
    words(display)
}

/// The first lines of what the sender wrote, folded. A forwarded letter further down greets the agent.
fn opening(evidence: &Evidence<'_>) -> Vec<String> {
    let Some(text) = evidence
        .texts
        .iter()
        .find(|text| text.place == "body" && !text.normal.trim().is_empty())
        .or_else(|| evidence.texts.iter().find(|text| text.place == "body#html"))
    else {
        return Vec::new();
    };
    let lines = text.normal.lines().map(str::trim).filter(|line| !line.is_empty()).take(4);
    let own = |line: &&str| !["--", "__", "de :", "from:", "van:", "von:", ">"].iter().any(|end| line.starts_with(end));
    lines.take_while(own).map(fold).collect()
}

/// First words of a greeting, familiar or not: fr, nl, en, de, ar.
const GREETINGS: &[&str] = &[
    "bonjour",
    "bonsoir",
    "salut",
    "coucou",
    "cher",
    "chere",
    "chers",
    "hello",
    "hi",
    "hey",
    "dear",
    "good",
    "beste",
    "hallo",
    "dag",
    "hoi",
    "goedemorgen",
    "goedemiddag",
    "goedendag",
    "geachte",
    "guten",
    "liebe",
    "lieber",
    "moin",
    "السلام",
    "مرحبا",
    "تحيه",
    "صباح",
    "مساء",
];
/// Those of them that nobody writes to the family.
const DISTANT: &[&str] = &[
    "bonjour",
    "bonsoir",
    "good",
    "beste",
    "goedemorgen",
    "goedemiddag",
    "goedendag",
    "geachte",
    "guten",
    "السلام",
    "تحيه",
];

/// Words that turn to a reader: fr, nl, en, de, ar.
const TURNS: &[&str] = &[
    "vous",
    "votre",
    "vos",
    "veuillez",
    "voici",
    "merci",
    "cordialement",
    "hierbij",
    "bijgaand",
    "uw",
    "u",
    "graag",
    "please",
    "you",
    "your",
    "attached",
    "regards",
    "anbei",
    "ihr",
    "ihre",
    "sie",
    "bitte",
    "تجدون",
    "المرفق",
    "المرجو",
];

/// Whether the first lines speak to somebody at all.
fn speaks_to(opening: &[String]) -> bool {
    let turns = |line: &String| line.split(|c: char| !c.is_alphabetic()).any(|word| TURNS.contains(&word));
    begins_with(opening, GREETINGS) || opening.iter().any(turns)
}

fn begins_with(opening: &[String], words: &[&str]) -> bool {
    let first =
        |line: &String| line.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty()).map(str::to_owned);
    opening.iter().take(2).filter_map(first).any(|word| words.contains(&word.as_str()))
}

/// Whether the text greets or addresses somebody formally: fr, nl, en, de, ar.
fn says_to_strangers(opening: &[String]) -> bool {
    const FORMAL: &[&str] = &[
        "madame",
        "monsieur",
        "mesdames",
        "messieurs",
        "maitre",
        "docteur",
        "geachte",
        "mevrouw",
        "meneer",
        "dear",
        "sehr geehrte",
        "dear sir",
        "السيد",
        "سيدي",
        "سيدتي",
        "votre demande",
        "votre dossier",
        "uw aanvraag",
        "uw verzoek",
        "your application",
        "your request",
        "votre candidature",
        "uw sollicitatie",
        "ihr antrag",
        "vos droits",
        "votre situation",
    ];
    opening.iter().any(|folded| {
        FORMAL.iter().any(|word| {
            folded.starts_with(word)
                || folded.contains(&format!("bonjour {word}"))
                || word.contains(' ') && folded.contains(word)
        })
    })
}
