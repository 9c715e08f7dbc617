// SPDX-License-Identifier: EUPL-1.2
//! XFORWARD and XCLIENT: a trusted peer says who its client is (Postfix XFORWARD_README, XCLIENT_README).
//!
//! XFORWARD is for logs: octroi believes the queue id and passes the rest on; the connection still decides who may
//! send. XCLIENT gives the session the identity of that client, with its login (decision D18), and the session starts
//! again (decision D6).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::mail::reply;
use crate::mail::{Client, complete_login};
use crate::smtp::command::decode_xtext;

use super::{Event, Session, State};

/// The attributes we take and hand on, and the lines of the EHLO answer.
const FORWARD: [&str; 7] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "SOURCE", "IDENT"];
pub(super) const XFORWARD_OFFER: &str = "XFORWARD NAME ADDR PORT PROTO HELO SOURCE IDENT";
const CLIENT: [&str; 8] = ["NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"];
pub(super) const XCLIENT_OFFER: &str = "XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT";
/// Octets of one value as it came; Postfix cuts at 255.
const MAX_VALUE: usize = 1024;

pub(super) fn xforward(session: &mut Session, arguments: &str) {
    if !session.trust.xforward {
        return session.refuse(reply::NOT_IMPLEMENTED);
    }
    let Some(attributes) = attributes(arguments, &FORWARD) else {
        return session.refuse(reply::SYNTAX);
    };
    for attribute in attributes {
        if attribute.name == "IDENT" {
            session.client.queue_id = attribute.meaning.clone();
        }
        remember(&mut session.xforward, attribute);
    }
    session.say(reply::OK);
}

pub(super) fn xclient(session: &mut Session, arguments: &str) {
    if !session.trust.xclient {
        return session.refuse(reply::NOT_IMPLEMENTED);
    }
    let Some(attributes) = attributes(arguments, &CLIENT) else {
        return session.refuse(reply::SYNTAX);
    };
    let wrong = |a: &Attribute| a.name == "ADDR" && a.meaning.as_deref().is_some_and(|text| address(text).is_none());
    if attributes.iter().any(wrong) {
        return session.refuse(reply::SYNTAX);
    }
    for attribute in attributes {
        remember(&mut session.xclient, attribute);
    }
    let mut client = Client {
        address: session.client.address,
        tls: session.client.tls.take(),
        certificate: session.client.certificate.take(),
        ..Client::default()
    };
    for (name, value) in &session.xclient {
        match (name.as_str(), meaning(value)) {
            ("ADDR", text) => client.address = text.as_deref().and_then(address),
            ("HELO", Some(name)) => client.helo = name,
            ("LOGIN", login) => {
                client.login = login.map(|login| complete_login(login, session.settings.login_domain.as_ref()));
            }
            _ => {}
        }
    }
    session.client = client;
    session.forget_xforward();
    session.state = State::Connected;
    super::greet(&session.settings, &mut session.output);
    // A login at the next hop was that of somebody else.
    session.events.push_back(Event::Reset);
}

/// An IPv4 address as it is, an IPv6 address behind its tag (XCLIENT_README, "Attributes").
fn address(text: &str) -> Option<IpAddr> {
    match text.get(..5).filter(|tag| tag.eq_ignore_ascii_case("IPV6:")) {
        Some(_) => text[5..].parse::<Ipv6Addr>().ok().map(|address| IpAddr::V6(address).to_canonical()),
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

struct Attribute {
    name: &'static str,
    /// As it came.
    value: String,
    /// What it stands for, if that is known.
    meaning: Option<String>,
}

/// At least one attribute, each of a known name.
fn attributes(arguments: &str, names: &'static [&'static str]) -> Option<Vec<Attribute>> {
    let words = arguments.split(' ').filter(|word| !word.is_empty());
    let found: Vec<_> = words.map(|word| attribute(word, names)).collect::<Option<_>>()?;
    Some(found).filter(|found| !found.is_empty())
}

fn attribute(word: &str, names: &'static [&'static str]) -> Option<Attribute> {
    let (name, value) = word.split_once('=')?;
    let name = names.iter().find(|known| known.eq_ignore_ascii_case(name))?;
    if value.is_empty() || value.len() > MAX_VALUE {
        return None;
    }
    decode_xtext(value)?;
    Some(Attribute { name, value: value.to_owned(), meaning: meaning(value) })
}

/// What a value stands for, if that is known.
fn meaning(value: &str) -> Option<String> {
    let unknown = ["[UNAVAILABLE]", "[TEMPUNAVAIL]"];
    decode_xtext(value).filter(|meaning| !unknown.iter().any(|word| meaning.eq_ignore_ascii_case(word)))
}

/// Said again, an attribute takes the place of the one before: the list stays as short as the names.
fn remember(list: &mut Vec<(String, String)>, attribute: Attribute) {
    match list.iter_mut().find(|(known, _)| known == attribute.name) {
        Some((_, known)) => *known = attribute.value,
        None => list.push((attribute.name.to_owned(), attribute.value)),
    }
}
