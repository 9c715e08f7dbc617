// SPDX-License-Identifier: EUPL-1.2
//! Detects a colleague's mail that is passed on as an answer to somebody else: only the quoted author shows that it is
//! a forward.

use crate::detect::reading::inspection::Inspection;
use crate::directory::Class;
use crate::directory::fold::{fold, letters};
use crate::mail::{Identity, Mailbox};

/// Lines looked at: the first quotation stands near the top, or below what the sender wrote.
const MOST: usize = 400;

/// Place and line of the first quotation, where it quotes an agent of ours who is neither sender nor recipient, and
/// the mail goes to private mailboxes alone. In an answer to a citizen the citizen is quoted first.
pub fn passed_on(inspection: &Inspection<'_>) -> Option<(String, String)> {
    let recipients = || inspection.evidence.recipients.iter();
    let private = |class: Class, hosted: bool| matches!(class, Class::PrivateWebmail | Class::Disposable) || hosted;
    if !recipients().all(|recipient| private(recipient.class, recipient.consumer_hosted)) {
        return None;
    }
    let (place, line, authors) = first_quotation(inspection)?;
    let sender = inspection.evidence.sender.mailbox.as_ref().map(Mailbox::sender_identity);
    let known = recipients().filter_map(|recipient| recipient.mailbox.as_ref()).map(Mailbox::identity);
    let known: Vec<Identity> = known.chain(sender).collect();
    let ours = !authors.is_empty() && authors.iter().all(|author| !known.contains(author));
    ours.then_some((place, line))
}

/// Where it stands, and the agents it may quote: none where it quotes somebody else.
fn first_quotation(inspection: &Inspection<'_>) -> Option<(String, String, Vec<Identity>)> {
    let words = &inspection.tables.words.folded;
    for (_, text) in inspection.body_texts().filter(|(_, text)| text.place != "body#signature") {
        for line in text.original.lines().take(MOST) {
            if line.len() > 400 || !line.trim_end().ends_with(':') {
                continue;
            }
            let folded = fold(line);
            if let Some(before) = words.before_wrote(&folded) {
                return Some((text.place.clone(), line.to_owned(), authors(inspection, line, before)));
            }
        }
    }
    None
}

/// By address, else by the name behind the last comma: Thunderbird gives no more.
fn authors(inspection: &Inspection<'_>, line: &str, folded: &str) -> Vec<Identity> {
    if line.contains('@') {
        let words = line.split(|c: char| c.is_whitespace() || "<>()\"[],;".contains(c));
        let mut addresses = words.filter_map(|word| Mailbox::parse(word.trim_start_matches("mailto:")).ok());
        let ours = |author: &Mailbox| inspection.tables.own.iter().any(|own| author.domain().is_within(own));
        return addresses.next().filter(ours).map(|author| author.sender_identity()).into_iter().collect();
    }
    let name = folded.rsplit(',').next().unwrap_or(folded);
    let called = inspection.evidence.people.called(&letters(name), inspection.evidence.day);
    called.map(|called| called.identity.clone()).collect()
}
