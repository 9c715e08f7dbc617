// SPDX-License-Identifier: EUPL-1.2
//! Tells whose mailbox it is by words, where names fail: what To calls it, what the first lines call the reader. Words alone
//! prove little, so they count only where the mail passes on a message or a document.

use super::{Mail, Reader, Whose};
use crate::detect::forward;
use crate::mime::Body;

pub(super) fn of(mail: &Mail<'_, '_>, reader: &Reader<'_>) -> Option<(Whose, String)> {
    let inspection = mail.inspection;
    let words = &inspection.tables.words;
    let found = by_display(mail, reader).or_else(|| {
        let opening = &mail.opening;
        let spoken = |whose, phrase: &str| Some((whose, format!("the text says {phrase}")));
        if reader.greeted
            && let Some(word) = opening.endearment(words)
        {
            return spoken(Whose::Family, &word);
        }
        // One private mailbox is meant, and the mail goes to no other.
        if mail.private == 1 && opening.holds(&words.mine) {
            return spoken(Whose::Own, "that it is the sender's own");
        }
        if mail.private == 1 && opening.holds(&words.yours) && !opening.has_title {
            return spoken(Whose::Colleague, "that it is the reader's private one");
        }
        None
    })?;
    let files = inspection.evidence.message.parts.iter().any(|part| matches!(part.body, Body::Attachment(_)));
    let passes_on = files
        || mail.passed_on
        || forward::has_attached_message(inspection)
        || inspection.quotations().iter().any(|quotation| !reader.wrote(quotation));
    passes_on.then_some(found)
}

/// "Mon mari", "Papa", "Claire perso".
fn by_display(mail: &Mail<'_, '_>, reader: &Reader<'_>) -> Option<(Whose, String)> {
    let words = &mail.inspection.tables.words;
    let phrase = reader.display.join(" ");
    let why = || format!("called {phrase}");
    if words.relatives.contains(&phrase) || words.endearments.contains(&phrase) {
        return Some((Whose::Family, why()));
    }
    let (_, names) =
        reader.display.split_last().filter(|(last, names)| words.private.contains(*last) && !names.is_empty())?;
    let own = names.iter().any(|name| mail.sender.givens.contains(name) || mail.sender.surnames.contains(name));
    Some((if own { Whose::Own } else { Whose::Colleague }, why()))
}
