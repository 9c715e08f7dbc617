// SPDX-License-Identifier: EUPL-1.2
//! Replies: those of the next hop, passed on in order, and our own.

use std::io::Write;
use std::mem;

use crate::mail::Reply;
use crate::mail::reply::{self, Row};

use super::{Due, Session, State};

impl Session {
    /// The next hop's replies to the lines of the last offer, in their order. A missing one counts as 451.
    pub fn answer_offer(&mut self, replies: Vec<Reply>) {
        let mut transaction = match mem::replace(&mut self.state, State::Greeted) {
            State::Offered(transaction) => transaction,
            other => {
                self.state = other;
                return self.unasked();
            }
        };
        let mut replies = replies.into_iter();
        let mut recipients = mem::take(&mut transaction.batch).into_iter();
        let mut has_sender = true;
        for due in mem::take(&mut transaction.due) {
            match due {
                Due::Ours(row) => self.say(row),
                Due::Mail => has_sender = self.pass_on(replies.next()),
                // RFC 5321 §4.1.4: without a sender there is no recipient, whatever the next hop made of the line.
                Due::Recipient if !has_sender => self.say(reply::MAIL_FIRST),
                Due::Recipient => {
                    let recipient = recipients.next();
                    if self.pass_on(replies.next()) {
                        transaction.envelope.recipients.extend(recipient);
                    }
                }
            }
            if self.is_closed() {
                return;
            }
        }
        if has_sender {
            self.state = State::Transaction(transaction);
        }
    }

    /// The answer to the final dot of the last [`Event::Mail`].
    pub fn answer_mail(&mut self, reply: Reply) {
        let State::Judging = self.state else {
            return self.unasked();
        };
        self.state = State::Greeted;
        self.pass_on(Some(reply));
    }

    /// Answers one line with a row of ours, in its turn.
    pub(super) fn say(&mut self, row: Row) {
        if let State::Transaction(transaction) = &mut self.state
            && !transaction.due.is_empty()
        {
            return transaction.due.push(Due::Ours(row));
        }
        let space = if row.enhanced.is_empty() { "" } else { " " };
        // Writing to a Vec cannot fail.
        let _ = write!(self.output, "{} {}{space}{}\r\n", row.code, row.enhanced, row.text);
        if row.code == 421 {
            self.close();
        }
    }

    /// Refuses one line, which counts as an error of the client.
    pub(super) fn refuse(&mut self, row: Row) {
        self.errors += 1;
        // RFC 5321 §4.2.4: 421 may come to any command.
        self.say(if self.errors >= self.settings.max_errors { reply::TOO_MANY_ERRORS } else { row });
    }

    /// Passes a reply of the next hop on; true where it is positive. 421 closes this session like the other.
    pub(super) fn pass_on(&mut self, reply: Option<Reply>) -> bool {
        let reply = reply.unwrap_or_else(|| reply::OUR_FAULT.reply());
        reply.write(&mut self.output);
        if reply.code == 421 {
            self.close();
        }
        (200..300).contains(&reply.code)
    }

    /// An answer that nothing asked for: the session was closed meanwhile, or the driver made a mistake. It must not change
    /// what the client gets.
    pub(super) fn unasked(&self) {
        debug_assert!(self.is_closed(), "an answer without a question");
    }
}
