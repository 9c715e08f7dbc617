// SPDX-License-Identifier: EUPL-1.2
//! AUTH, passed to the next hop (RFC 4954; decision D7). octroi never checks a password: the next hop does, on a
//! connection that belongs to this client alone. octroi only reads the login name, and believes it after the next hop
//! has answered 235.

use std::mem;

use crate::mail::Reply;
use crate::mail::reply::{self, Row};
use crate::smtp::login::{self, Secret};

use super::{Event, Session, State};

/// An exchange under way.
pub(super) struct Exchange {
    /// In upper case.
    mechanism: String,
    /// Whether the line that names the login has come; what comes later is a password or a proof.
    has_named: bool,
    login: Option<String>,
}

pub(super) fn auth(session: &mut Session, arguments: &str) {
    if session.offered.auth.is_empty() {
        let needs_tls = session.settings.auth && session.client.tls.is_none();
        return session.refuse(if needs_tls { reply::AUTH_NEEDS_TLS } else { reply::NOT_IMPLEMENTED });
    }
    if session.client.login.is_some() {
        return session.refuse(reply::AUTH_ALREADY);
    }
    let (mechanism, initial) = arguments.split_once(' ').unwrap_or((arguments, ""));
    let mechanism = mechanism.to_ascii_uppercase();
    if !session.offered.auth.split(' ').any(|offered| offered == mechanism) {
        return session.refuse(reply::AUTH_MECHANISM);
    }
    if initial.contains(' ') {
        return session.refuse(reply::SYNTAX);
    }
    let space = if initial.is_empty() { "" } else { " " };
    let line = zeroize::Zeroizing::new(format!("AUTH {mechanism}{space}{initial}"));
    let login = login::name(&mechanism, initial.as_bytes());
    session.events.push_back(Event::Login(Secret::new(line.as_bytes())));
    session.state = State::AskingLogin(Box::new(Exchange { mechanism, has_named: !initial.is_empty(), login }));
}

impl Session {
    /// A line of the exchange, or why it is none.
    pub(super) fn hear_login(&mut self, line: Result<&str, Row>) {
        let State::Authenticating(mut exchange) = mem::replace(&mut self.state, State::Greeted) else { return };
        let line = match line {
            Ok(line) if line.bytes().all(|octet| octet.is_ascii_graphic()) => line,
            other => {
                // The next hop still waits for a line: with this session ends its connection, too.
                self.refuse(match other {
                    Err(reply::LINE_TOO_LONG) => reply::AUTH_LINE_TOO_LONG,
                    _ => reply::SYNTAX,
                });
                return self.close();
            }
        };
        // RFC 4954 §4: `*` gives up, which the next hop answers.
        if !mem::replace(&mut exchange.has_named, true) {
            exchange.login = login::name(&exchange.mechanism, line.as_bytes());
        }
        self.events.push_back(Event::Login(Secret::new(line.as_bytes())));
        self.state = State::AskingLogin(exchange);
    }

    /// The next hop's answer to the line of the last [`Event::Login`].
    pub fn answer_login(&mut self, reply: Reply) {
        let exchange = match mem::replace(&mut self.state, State::Greeted) {
            State::AskingLogin(exchange) => exchange,
            other => {
                self.state = other;
                return self.unasked();
            }
        };
        match reply.code {
            334 => self.state = State::Authenticating(exchange),
            235 => {
                self.client.login = exchange.login;
                self.admitted = true;
            }
            _ => self.errors += 1,
        }
        // RFC 4954 §4: nothing but these belongs here; anything else positive is not proof.
        let is_strange = (200..400).contains(&reply.code) && !matches!(reply.code, 334 | 235);
        self.verb = "AUTH";
        self.pass_on_about(Some(if is_strange { reply::AUTH_UNAVAILABLE.reply() } else { reply }), Default::default);
        if self.errors >= self.settings.max_errors {
            self.close_with(reply::TOO_MANY_ERRORS.reply());
        }
    }
}
