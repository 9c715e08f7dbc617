// SPDX-License-Identifier: EUPL-1.2
//! Finds out whose private mailbox a recipient is: the sender's own, a relative's, a namesake's, a colleague's, a
//! stranger's.
//!
//! Precision comes first. A citizen may have the same name as the agent; a mail to a citizen greets the citizen, a
//! mail to oneself greets nobody. So weak likeness (an initial, a nickname) counts only if the mail greets nobody.

mod likeness;

use std::collections::HashSet;

use crate::detect::finding::{Finding, FindingKind};
use crate::detect::lookalike::is_mistyped_webmail;
use crate::detect::reading::evidence::Evidence;
use crate::detect::reading::inspection::Inspection;
use crate::detect::reading::words::Words;
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
    let words = &inspection.tables.words;
    let greets = says_to_strangers(&opening, words);
    let replied = inspection.subject().replied;
    let speaks_to = greets || speaks_to(&opening, words);
    let is_distant = greets || begins_with(&opening, &words.distant);
    let manner = Manner { greets, is_distant, speaks_to, answers_formally: greets && replied };
    for recipient in recipients {
        let Some(mailbox) = &recipient.mailbox else { continue };
        let place = || "envelope".to_owned();
        let display = displayed(inspection, mailbox);
        match sender.compare(mailbox, &display, recipient.consumer_hosted, manner, words) {
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

/// Whether the first lines speak to somebody at all.
fn speaks_to(opening: &[String], words: &Words) -> bool {
    let turns = |line: &String| line.split(|c: char| !c.is_alphabetic()).any(|word| words.turns.contains(word));
    begins_with(opening, &words.greetings) || opening.iter().any(turns)
}

fn begins_with(opening: &[String], words: &HashSet<String>) -> bool {
    let first = |line: &String| {
        words.contains(line.split(|c: char| !c.is_alphabetic()).find(|word| !word.is_empty()).unwrap_or(""))
    };
    opening.iter().take(2).any(first)
}

/// Whether the text greets or addresses somebody formally.
fn says_to_strangers(opening: &[String], words: &Words) -> bool {
    opening
        .iter()
        .any(|line| is_titled(line, words) || words.formal.iter().any(|phrase| line.contains(phrase.as_str())))
}

/// "Madame la directrice,", "Bonjour Monsieur Petit,", "Beste meneer De Wit,": a title first, or behind a greeting.
fn is_titled(line: &str, words: &Words) -> bool {
    let begins = |line: &str| {
        words
            .titles
            .iter()
            .any(|title| line.strip_prefix(title.as_str()).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric)))
    };
    let behind = || {
        let (first, rest) = line.split_once(|c: char| !c.is_alphabetic())?;
        words.greetings.contains(first).then(|| begins(rest.trim_start_matches(|c: char| !c.is_alphabetic())))
    };
    begins(line) || behind() == Some(true)
}
