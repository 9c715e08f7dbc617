// SPDX-License-Identifier: EUPL-1.2
//! MAIL and RCPT: the envelope, line by line.

use crate::mail::reply::{self, Row};
use crate::mail::{Envelope, ForwardPath, Parties, Recipient, ReversePath};
use crate::smtp::command::{self, SyntaxError};

use super::{Due, Session, State, Transaction};

pub(super) fn mail(session: &mut Session, arguments: &str) {
    if !session.admitted {
        return session.refuse(if session.settings.auth { reply::AUTH_NEEDED } else { reply::NOT_ADMITTED });
    }
    match sender(session, arguments) {
        Ok(envelope) => {
            session.state = State::Transaction(Transaction { envelope, due: vec![Due::Mail], batch: Vec::new() });
        }
        Err(row) => session.refuse(row),
    }
}

fn sender(session: &Session, arguments: &str) -> Result<Envelope, Row> {
    let argument = command::path_argument(arguments, "FROM").map_err(|fault| match fault {
        SyntaxError::Syntax => reply::SYNTAX,
        SyntaxError::Path => reply::BAD_SENDER,
    })?;
    command::check(&argument.parameters, "MAIL", &session.offered)?;
    // RFC 1870 §6.1; a number too large to read is too large.
    let declared = argument.parameters.get("SIZE").map(|n| n.parse().unwrap_or(u64::MAX));
    if declared.is_some_and(|size| size > session.size_limit()) {
        return Err(reply::TOO_BIG);
    }
    if !argument.path.is_ascii() && argument.parameters.get("SMTPUTF8").is_none() {
        return Err(reply::NON_ASCII_ADDRESS);
    }
    let reverse_path = ReversePath::parse(argument.path).map_err(|_| reply::BAD_SENDER)?;
    let verbatim = argument.onward();
    Ok(Envelope { reverse_path, parameters: argument.parameters, verbatim, recipients: Vec::new() })
}

pub(super) fn rcpt(session: &mut Session, arguments: &str) {
    let recipient = recipient(session, arguments);
    let max_recipients = session.recipient_limit();
    // `out_of_turn` let RCPT through, so a transaction is open.
    let State::Transaction(transaction) = &mut session.state else { return };
    match recipient {
        Err((row, named)) => {
            let sender = transaction.envelope.reverse_path.clone();
            session.refuse_about(row, Parties::new(Some(sender), named.into_iter().collect()));
        }
        // Not an error of the client: RFC 5321 §4.5.3.1.10 has it send the rest in another transaction.
        Ok(recipient) if transaction.envelope.recipients.len() + transaction.batch.len() >= max_recipients => {
            let sender = transaction.envelope.reverse_path.clone();
            session.say_about(reply::TOO_MANY_RECIPIENTS, Parties::new(Some(sender), vec![recipient.path]));
        }
        Ok(recipient) => {
            transaction.due.push(Due::Recipient);
            transaction.batch.push(recipient);
        }
    }
}

/// Why it is none comes with whom it names, as far as that can be read.
fn recipient(session: &Session, arguments: &str) -> Result<Recipient, (Row, Option<ForwardPath>)> {
    let argument = command::path_argument(arguments, "TO").map_err(|fault| match fault {
        SyntaxError::Syntax => (reply::SYNTAX, None),
        SyntaxError::Path => (reply::BAD_RECIPIENT, None),
    })?;
    let path = ForwardPath::parse(argument.path).map_err(|_| (reply::BAD_RECIPIENT, None))?;
    if let Err(row) = command::check(&argument.parameters, "RCPT", &session.offered) {
        return Err((row, Some(path)));
    }
    let is_utf8 = matches!(&session.state, State::Transaction(t) if t.envelope.parameters.get("SMTPUTF8").is_some());
    if !argument.path.is_ascii() && !is_utf8 {
        return Err((reply::NON_ASCII_ADDRESS, Some(path)));
    }
    let servers = [&*session.settings.hostname, &*session.next_hop.name];
    if let Some(row) = session.settings.final_domains.refusal(&path, &servers) {
        return Err((row, Some(path)));
    }
    Ok(Recipient { path, verbatim: argument.onward(), parameters: argument.parameters })
}
