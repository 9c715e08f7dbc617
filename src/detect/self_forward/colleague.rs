// SPDX-License-Identifier: EUPL-1.2
//! Tells a colleague's private mailbox by his whole name, or by initial and surname where the mail greets him by his given
//! name. In a large directory every common name is some agent's: there the mail must say that it is a colleague.

use super::likeness::base;
use super::{Mail, Reader, Whose};
use crate::detect::reading::names::{fulls, givens, is_common_surname};
use crate::directory::fold::{fold, letters};
use crate::directory::{Called, People};
use crate::mail::Mailbox;

/// Agents of different given names that make a surname common.
const MANY: u32 = 3;

/// Whether so many have this surname that it proves nothing: by the national registers, or by the directory itself.
pub(super) fn is_common(people: &People, surname: &str) -> bool {
    is_common_surname(surname) || people.bearers(surname) >= MANY
}

/// Whose mailbox it is by the names of other agents.
pub(super) fn of(mail: &Mail<'_, '_>, reader: &Reader<'_>) -> Option<(Whose, String)> {
    let evidence = mail.inspection.evidence;
    let sender = evidence.sender.mailbox.as_ref().map(Mailbox::sender_identity);
    let others = |called: &&Called| Some(&called.identity) != sender.as_ref();
    let words = &mail.inspection.tables.words;
    let local = fold(base(reader.mailbox.local()));
    // "jean.petit.perso": the rest says what the mailbox is for.
    let tokens =
        local.split(|c: char| !c.is_alphabetic()).filter(|token| !token.is_empty() && !words.private.contains(*token));
    let tokens: Vec<&str> = tokens.collect();
    let (joined, bare) = (letters(&local), tokens.concat());
    let mut names = vec![joined, bare.clone(), reader.display.concat()];
    // "hans.terhorst": a short form of Johannes.
    if let [first, rest @ ..] = tokens.as_slice()
        && !rest.is_empty()
    {
        names.extend(fulls(first).map(|full| format!("{full}{}", rest.concat())));
    }
    let mut whole: Vec<&Called> = Vec::new();
    for called in names.iter().flat_map(|name| evidence.people.called(name, evidence.day)).filter(others).take(64) {
        if !whole.iter().any(|known| known.identity == called.identity) {
            whole.push(called);
        }
    }
    if let Some(called) = whole.first() {
        let why = format!("called as {}", called.identity);
        return Some((if is_colleague(mail, reader, &whole) { Whose::Colleague } else { Whose::Namesake }, why));
    }
    // "Salut Frédo," to f.salome@: the greeting says which of them it is, or what is passed on is for none but them.
    let internal = || !(reader.greeted && mail.opening.is_formal) && mail.passes_on_internal(reader);
    let known = |called: &&Called| {
        let rare = !is_common(evidence.people, &called.surname) || !reader.greeted;
        greets(mail, reader, called) || rare && internal()
    };
    let called = evidence.people.with_initial(&bare, evidence.day).filter(others).take(64).find(known)?;
    Some((Whose::Colleague, format!("initial and surname of {}", called.identity)))
}

/// Greeted by his given name, without a title and without words for strangers.
fn greets(mail: &Mail<'_, '_>, reader: &Reader<'_>, called: &Called) -> bool {
    let opening = &mail.opening;
    reader.greeted && !opening.is_formal && opening.greets_one_of(&givens(&called.given, &called.nickname))
}

fn is_colleague(mail: &Mail<'_, '_>, reader: &Reader<'_>, whole: &[&Called]) -> bool {
    let opening = &mail.opening;
    // What one of us wrote to one of us is nothing for a citizen.
    if mail.passes_on_internal(reader) && !(reader.greeted && opening.has_title) {
        return true;
    }
    let people = mail.inspection.evidence.people;
    let common = whole.len() > 1 || whole.iter().any(|called| is_common(people, &called.surname));
    let by_name = || whole.iter().any(|called| greets(mail, reader, called));
    let known = || by_name() || reader.greeted && opening.is_familiar;
    // Who wrote first from this mailbox is a citizen, unless he is greeted as one greets an agent of that name.
    if !mail.passed_on && (opening.speaks || !reader.greeted) && mail.answers(reader) {
        return !common && by_name();
    }
    if !reader.greeted {
        return !common;
    }
    if opening.has_title {
        let named = whole.iter().any(|called| opening.greets_surname(&called.surname));
        return !common && !named && !mail.replied;
    }
    // Nobody sends a citizen a file without a word.
    !common || known() || !opening.speaks
}
