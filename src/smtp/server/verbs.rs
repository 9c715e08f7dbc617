// SPDX-License-Identifier: EUPL-1.2
//! All commands of a client in one table, and what each does.

use std::io::Write;
use std::mem;

use crate::mail::reply::{self, Row};
use crate::smtp::command;
use crate::smtp::data::EndOfData;

use super::{Event, MAX_RESERVED, Receiving, Session, State, Transaction, auth, chunks, envelope, offers, peers};

/// What stands in the log for a line that is no command; its words are the client's.
pub(super) const NONE: &str = "unknown";

/// When a command may come (RFC 5321 §4.1.4).
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// After HELO or EHLO, outside a transaction.
    Idle,
    /// After MAIL.
    Transaction,
}

/// One command. The handler gets what follows the verb.
struct Verb {
    name: &'static str,
    when: When,
    /// Whether it may come before a TLS that is required (RFC 3207 §4).
    in_clear: bool,
    /// Where it is specified: RFC 5321 unless another is named.
    #[allow(dead_code, reason = "the table is read by people, too")]
    section: &'static str,
    run: fn(&mut Session, &str),
}

const fn verb(
    name: &'static str,
    when: When,
    in_clear: bool,
    section: &'static str,
    run: fn(&mut Session, &str),
) -> Verb {
    Verb { name, when, in_clear, section, run }
}

/// The commands, those of every transaction first.
static VERBS: [Verb; 21] = [
    verb("RCPT", When::Transaction, false, "§4.1.1.3", envelope::rcpt),
    verb("MAIL", When::Idle, false, "§4.1.1.2", envelope::mail),
    verb("DATA", When::Transaction, false, "§4.1.1.4", data),
    // A refused BDAT is followed by its octets all the same, so it looks after its own turn.
    verb("BDAT", When::Always, true, "RFC 3030 §2", chunks::bdat),
    verb("RSET", When::Always, false, "§4.1.1.5", rset),
    verb("XFORWARD", When::Idle, false, "Postfix XFORWARD_README", peers::xforward),
    verb("XCLIENT", When::Idle, false, "Postfix XCLIENT_README", peers::xclient),
    verb("AUTH", When::Idle, true, "RFC 4954 §4", auth::auth),
    verb("EHLO", When::Always, true, "§4.1.1.1", ehlo),
    verb("HELO", When::Always, true, "§4.1.1.1", helo),
    verb("QUIT", When::Always, true, "§4.1.1.10", quit),
    verb("NOOP", When::Always, true, "§4.1.1.9", |session, _| session.say(reply::OK)),
    verb("STARTTLS", When::Always, true, "RFC 3207 §4", starttls),
    verb("VRFY", When::Always, false, "§4.1.1.6, §3.5.3", vrfy),
    verb("EXPN", When::Always, false, "§4.1.1.7, §3.5.3", vrfy),
    verb("HELP", When::Always, false, "§4.1.1.8", |session, _| session.say(reply::HELP)),
    // Octets that are not commands follow a browser's POST, and must not be read as such; a PROXY header comes from
    // where it is not believed.
    verb("PROXY", When::Always, true, "HAProxy proxy-protocol.txt", foreign),
    verb("GET", When::Always, true, "not SMTP", foreign),
    verb("POST", When::Always, true, "not SMTP", foreign),
    verb("PUT", When::Always, true, "not SMTP", foreign),
    verb("CONNECT", When::Always, true, "not SMTP", foreign),
];

/// Whether a line goes into the batch that is being gathered (RFC 2920 §3.1: RCPT may follow RCPT at once).
pub(super) fn joins_batch(line: &str) -> bool {
    command::split(line).0.eq_ignore_ascii_case("RCPT")
}

/// Whether a line holds a credential, or may.
pub(super) fn is_auth(line: &[u8]) -> bool {
    line.get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case(b"AUTH"))
}

/// Does what one command line asks. `more`: whether octets stand after it.
pub(super) fn run(session: &mut Session, line: &str, more: bool) {
    let (name, arguments) = command::split(line);
    let Some(verb) = VERBS.iter().find(|verb| verb.name.eq_ignore_ascii_case(name)) else {
        session.verb = NONE;
        return session.refuse(reply::UNKNOWN_COMMAND);
    };
    session.verb = verb.name;
    if session.settings.require_tls && session.client.tls.is_none() && !verb.in_clear {
        return session.refuse(reply::TLS_FIRST);
    }
    if let Some(row) = out_of_turn(verb.when, &session.state) {
        return session.refuse(row);
    }
    (verb.run)(session, arguments);
    // RFC 3207 §4.2, decision D7: what was sent in clear must not be taken for something sent under TLS.
    if more && matches!(session.state, State::StartingTls) {
        session.events.clear();
        session.close();
    }
}

fn out_of_turn(when: When, state: &State) -> Option<Row> {
    match (when, state) {
        (When::Always, _) | (When::Idle, State::Greeted) | (When::Transaction, State::Transaction(_)) => None,
        (_, State::Connected) => Some(reply::HELLO_FIRST),
        (_, State::Chunks(_)) => Some(reply::CHUNKS_BEGUN),
        (When::Idle, _) => Some(reply::NESTED_MAIL),
        (When::Transaction, _) => Some(reply::MAIL_FIRST),
    }
}

/// Refuses arguments where the command has none (RFC 5321 §4.1.1: 501).
pub(super) fn has_none(session: &mut Session, arguments: &str) -> bool {
    if !arguments.is_empty() {
        session.refuse(reply::SYNTAX);
    }
    arguments.is_empty()
}

fn helo(session: &mut Session, name: &str) {
    if greet(session, name) {
        // Writing to a Vec cannot fail.
        let _ = write!(session.output, "250 {}\r\n", session.settings.hostname);
    }
}

fn ehlo(session: &mut Session, name: &str) {
    if greet(session, name) {
        offers::write(session);
    }
}

/// RFC 5321 §4.1.4: a second EHLO resets, as RSET does. Which name is given is nobody's business but the log's.
fn greet(session: &mut Session, name: &str) -> bool {
    if name.is_empty() || name.len() > 255 || name.contains(' ') {
        session.refuse(reply::SYNTAX);
        return false;
    }
    session.end_transaction();
    session.client.helo = name.to_owned();
    session.state = State::Greeted;
    true
}

fn data(session: &mut Session, arguments: &str) {
    if !has_none(session, arguments) {
        return;
    }
    let limit = session.size_limit();
    match mem::replace(&mut session.state, State::Greeted) {
        State::Transaction(Transaction { envelope, .. }) if !envelope.recipients.is_empty() => {
            let declared = envelope.parameters.get("SIZE").and_then(|n| n.parse().ok()).unwrap_or(8 * 1024);
            // The cap keeps it far below usize::MAX.
            let content = Vec::with_capacity(declared.min(MAX_RESERVED) as usize);
            let reader = EndOfData::new(limit, session.settings.bare_newline);
            session.state = State::Data(Box::new(Receiving { envelope, reader, content, beginning: Vec::new() }));
            session.say(reply::GO_AHEAD);
        }
        // RFC 5321 §4.1.4: a command out of order leaves the state as it is.
        other => {
            session.state = other;
            session.say(reply::NO_RECIPIENTS);
        }
    }
}

fn rset(session: &mut Session, arguments: &str) {
    if has_none(session, arguments) {
        session.end_transaction();
        session.say(reply::OK);
    }
}

fn vrfy(session: &mut Session, arguments: &str) {
    if arguments.is_empty() { session.refuse(reply::SYNTAX) } else { session.say(reply::CANNOT_VERIFY) }
}

fn quit(session: &mut Session, arguments: &str) {
    if has_none(session, arguments) {
        session.end_transaction();
        session.say(reply::CLOSING);
        session.close();
    }
}

fn starttls(session: &mut Session, arguments: &str) {
    if !has_none(session, arguments) {
        return;
    }
    if session.client.tls.is_some() {
        return session.refuse(reply::TLS_ALREADY);
    }
    if !session.offered.starttls {
        return session.refuse(reply::NOT_IMPLEMENTED);
    }
    session.end_transaction();
    session.say(reply::START_TLS);
    session.state = State::StartingTls;
    session.events.push_back(Event::StartTls);
}

fn foreign(session: &mut Session, _: &str) {
    session.refuse(reply::NOT_IMPLEMENTED);
    session.close();
}
