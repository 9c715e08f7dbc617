// SPDX-License-Identifier: EUPL-1.2
//! AUTH, passed to the next hop (RFC 4954; decision D7). octroi never checks a password: the next hop does, on a
//! connection that belongs to this client alone. octroi only reads the login name, and believes it after the next hop
//! has answered 235.

use std::mem;

use crate::mail::reply::{self, Row};
use crate::mail::{Reply, complete_login};
use crate::smtp::login::{self, Secret};

use super::{Event, Session, State};

/// An exchange under way.
pub(super) struct Exchange {
    /// In upper case.
    mechanism: String,
    /// Lines the client has sent of it. The first names the login; what comes later is a password or a proof.
    lines: usize,
    login: Option<String>,
}

impl Exchange {
    /// Who has logged in, now that the next hop says 235: nobody where it wanted more lines than we know the meaning of.
    /// SCRAM may end with an empty line behind the server's proof (RFC 5802 §5), which names nobody.
    fn proven(self) -> Option<String> {
        self.login.filter(|_| self.lines == login::lines(&self.mechanism))
    }
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
    let has_named = !initial.is_empty();
    let login = login::name(&mechanism, initial.as_bytes());
    if has_named && login.is_none() {
        return session.refuse(reply::AUTH_UNREADABLE);
    }
    let space = if has_named { " " } else { "" };
    let line = zeroize::Zeroizing::new(format!("AUTH {mechanism}{space}{initial}"));
    session.events.push_back(Event::Login(Secret::new(line.as_bytes())));
    session.state = State::AskingLogin(Box::new(Exchange { mechanism, lines: usize::from(has_named), login }));
}

impl Session {
    /// A line of the exchange, or why it is none.
    pub(super) fn hear_login(&mut self, line: Result<&str, Row>) {
        let State::Authenticating(mut exchange) = mem::replace(&mut self.state, State::Greeted) else { return };
        let read = match line {
            Err(reply::LINE_TOO_LONG) => Err(reply::AUTH_LINE_TOO_LONG),
            Ok(line) if line.bytes().all(|octet| octet.is_ascii_graphic()) => Ok(line),
            _ => Err(reply::SYNTAX),
        };
        // RFC 4954 §4: `*` gives up, which the next hop answers.
        let named = match read {
            Ok(line) if exchange.lines == 0 && line != "*" => login::name(&exchange.mechanism, line.as_bytes())
                .map(|name| exchange.login = Some(name))
                .ok_or(reply::AUTH_UNREADABLE),
            _ => Ok(()),
        };
        let line = match named.and(read) {
            Ok(line) => line,
            Err(row) => {
                // The next hop still waits for a line: with this session ends its connection, too.
                self.refuse(row);
                return self.close();
            }
        };
        exchange.lines += usize::from(exchange.lines == 0 || !line.is_empty());
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
            235 => match exchange.proven() {
                Some(login) => {
                    self.client.login = Some(complete_login(login, self.settings.login_domain.as_ref()));
                    self.admitted = true;
                }
                // Somebody has logged in, and we do not know who: the connection there ends with this session.
                None => {
                    self.say(reply::AUTH_NAMELESS);
                    return self.close();
                }
            },
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
