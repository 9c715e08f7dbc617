// SPDX-License-Identifier: EUPL-1.2
//! Replies: those of the next hop, passed on in order, and our own.

use std::io::Write;
use std::mem;

use crate::mail::reply::{self, Row};
use crate::mail::{Parties, Refused, Reply};

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
        let sender = Some(transaction.envelope.reverse_path.clone());
        for due in mem::take(&mut transaction.due) {
            match due {
                Due::Ours(row, about) => {
                    self.verb = "RCPT";
                    self.say_about(row, Parties::new(sender.clone(), about));
                }
                Due::Mail => {
                    self.verb = "MAIL";
                    let reply = replies.next();
                    // Whom the client names in the same batch has no other row.
                    let all = recipients.as_slice().iter().map(|recipient| recipient.path.clone());
                    has_sender = self.pass_on_about(reply, || Parties::new(sender.clone(), all.collect()));
                }
                // RFC 5321 §4.1.4: without a sender there is no recipient, whatever the next hop made of the line.
                Due::Recipient if !has_sender => {
                    self.verb = "RCPT";
                    self.say(reply::MAIL_FIRST);
                }
                Due::Recipient => {
                    self.verb = "RCPT";
                    let (recipient, reply) = (recipients.next(), replies.next());
                    let about = || Parties::new(sender.clone(), recipient.iter().map(|to| to.path.clone()).collect());
                    if self.pass_on_about(reply, about) {
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

    /// What was refused since the driver asked last, in order. Mail that went to the driver is not among it: the driver
    /// has refused that itself.
    pub fn refused(&mut self) -> Vec<Refused> {
        mem::take(&mut self.refused)
    }

    /// Answers one line with a row of ours, in its turn.
    pub(super) fn say(&mut self, row: Row) {
        let sender = self.parties().sender;
        self.say_about(row, Parties::new(sender, Vec::new()));
    }

    /// The same, of these.
    pub(super) fn say_about(&mut self, row: Row, about: Parties) {
        if let State::Transaction(transaction) = &mut self.state
            && !transaction.due.is_empty()
        {
            return transaction.due.push(Due::Ours(row, about.recipients));
        }
        if row.code >= 400 {
            self.note(about, row.reply());
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
        let sender = self.parties().sender;
        self.refuse_about(row, Parties::new(sender, Vec::new()));
    }

    /// The same, of these.
    pub(super) fn refuse_about(&mut self, row: Row, about: Parties) {
        self.errors += 1;
        // RFC 5321 §4.2.4: 421 may come to any command.
        let row = if self.errors >= self.settings.max_errors { reply::TOO_MANY_ERRORS } else { row };
        self.say_about(row, about);
    }

    /// Keeps a reply for the driver's log.
    pub(super) fn note(&mut self, about: Parties, reply: Reply) {
        let Parties { sender, recipients, unread } = about;
        let queue_id = self.client.queue_id.clone();
        self.refused.push(Refused { command: self.verb, sender, recipients, reply, queue_id, unread });
    }

    /// What the open transaction is about.
    pub(super) fn parties(&self) -> Parties {
        match &self.state {
            State::Transaction(transaction) | State::Offered(transaction) => Parties::of(&transaction.envelope, None),
            State::Data(receiving) => Parties::of(&receiving.envelope, Some(&receiving.beginning)),
            State::Chunks(chunks) => chunks.parties(),
            _ => Parties::default(),
        }
    }

    /// Passes a reply of the next hop on, and keeps a negative one for the log.
    pub(super) fn pass_on_about(&mut self, reply: Option<Reply>, about: impl FnOnce() -> Parties) -> bool {
        let reply = reply.unwrap_or_else(|| reply::OUR_FAULT.reply());
        if reply.code >= 400 {
            self.note(about(), reply.clone());
        }
        self.pass_on(Some(reply))
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use crate::mail::reply::Row;
    use crate::mail::{FinalDomains, Reply};
    use crate::smtp::server::{BareNewline, Peer, Session, SessionSettings};

    fn session() -> Session {
        let settings = SessionSettings {
            hostname: "octroi.example".into(),
            max_size: 1000,
            max_recipients: 10,
            max_errors: 20,
            bare_newline: BareNewline::Refuse,
            final_domains: FinalDomains::default(),
            login_domain: None,
            require_tls: false,
            auth: false,
            command_timeout: Duration::from_secs(1),
            data_timeout: Duration::from_secs(1),
        };
        Session::new(Arc::new(settings), Arc::default(), Peer::default())
    }

    /// The rows of the table of replies that refuse, read from its text: one that is added is here too.
    fn refusing_rows() -> Vec<Row> {
        let table = include_str!("../../mail/reply.rs").split_once("// The table.").expect("the table").1;
        let rows = regex::Regex::new(r#"row\(([45]\d\d), "([^"]*)", "([^"]*)","#).unwrap();
        let read = rows.captures_iter(table).map(|row| {
            let text = |at: usize| -> &'static str { row[at].to_owned().leak() };
            Row { code: row[1].parse().unwrap(), enhanced: text(2), text: text(3), section: "" }
        });
        let rows: Vec<Row> = read.collect();
        assert_eq!(rows.len(), table.matches("row(4").count() + table.matches("row(5").count());
        rows
    }

    #[test]
    fn each_refusal_of_the_table_is_noted_word_by_word() {
        let rows = refusing_rows();
        assert!(rows.len() > 50, "{}", rows.len());
        for row in rows {
            let ways: [fn(&mut Session, Row); 4] = [
                |session, row| session.say(row),
                |session, row| session.refuse(row),
                |session, row| session.close_with(row.reply()),
                |session, row| {
                    session.pass_on_about(Some(row.reply()), Default::default);
                },
            ];
            for way in ways {
                let mut session = session();
                way(&mut session, row);
                let noted: Vec<Reply> = session.refused().into_iter().map(|refused| refused.reply).collect();
                assert_eq!(noted, [row.reply()]);
                assert!(session.refused().is_empty(), "noted once");
            }
        }
    }
}
