// SPDX-License-Identifier: EUPL-1.2
//! XFORWARD: a trusted MTA tells whom it speaks for (Postfix XFORWARD_README). We believe the queue id for the log
//! line and hand the rest on; who may send is still decided by the connection.

use std::collections::BTreeSet;

use crate::mail::reply;
use crate::smtp::command::decode_xtext;

use super::Session;

/// The attributes we take and hand on.
const NAMES: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "SOURCE", "IDENT"];
/// Octets of one value as it came; Postfix cuts at 255.
const MAX_VALUE: usize = 1024;

pub(super) fn names() -> BTreeSet<String> {
    NAMES.iter().map(|name| (*name).to_owned()).collect()
}

/// The line of the EHLO answer.
pub(super) fn keyword() -> String {
    format!("XFORWARD {}", NAMES.join(" "))
}

pub(super) fn xforward(session: &mut Session, arguments: &str) {
    if session.offered.xforward.is_empty() {
        return session.refuse(reply::NOT_IMPLEMENTED);
    }
    let attributes: Option<Vec<_>> = arguments.split(' ').filter(|word| !word.is_empty()).map(attribute).collect();
    let Some(attributes) = attributes.filter(|attributes| !attributes.is_empty()) else {
        return session.refuse(reply::SYNTAX);
    };
    for (name, value, meaning) in attributes {
        if name == "IDENT" {
            session.client.queue_id = meaning;
        }
        // Said again, an attribute takes the place of the one before: the list stays as short as the names.
        match session.xforward.iter_mut().find(|(known, _)| known == name) {
            Some((_, known)) => *known = value,
            None => session.xforward.push((name.to_owned(), value)),
        }
    }
    session.say(reply::OK);
}

/// Name, value as it came, and what the value means where it is known.
fn attribute(word: &str) -> Option<(&'static str, String, Option<String>)> {
    let (name, value) = word.split_once('=')?;
    let name = NAMES.iter().find(|known| known.eq_ignore_ascii_case(name))?;
    if value.is_empty() || value.len() > MAX_VALUE {
        return None;
    }
    let meaning = decode_xtext(value)?;
    let is_known = !["[UNAVAILABLE]", "[TEMPUNAVAIL]"].iter().any(|unknown| meaning.eq_ignore_ascii_case(unknown));
    Some((name, value.to_owned(), is_known.then_some(meaning)))
}
