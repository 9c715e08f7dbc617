// SPDX-License-Identifier: EUPL-1.2
//! One client's transactions towards the next hop: offered line by line, narrowed, delivered or abandoned.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::connection::Connection;
use super::next_hop::NextHop;
use super::{Onward, OnwardFault};
use crate::mail::{Client, Content, Mail, Recipient, Reply};
use crate::smtp::Capabilities;
use crate::smtp::client;
use crate::smtp::server::Offer;

/// How long an abandoned transaction waits for the reply to RSET.
const RESET_PATIENCE: Duration = Duration::from_secs(5);

/// The client's side of the next hop. It holds a connection only while a transaction is open.
pub struct Relay {
    hop: Arc<NextHop>,
    /// What our EHLO promised the client; a next hop that offers less is [`OnwardFault::Changed`].
    promised: Capabilities,
    connection: Option<Connection>,
    /// MAIL of the open transaction, as the client wrote it.
    mail: String,
    xforward: Vec<(String, String)>,
    /// Lines gathered for one write.
    lines: Vec<u8>,
}

impl Relay {
    /// `promised`: what the session told its client in the next hop's name.
    pub fn new(hop: Arc<NextHop>, promised: Capabilities) -> Relay {
        Relay { hop, promised, connection: None, mail: String::new(), xforward: Vec::new(), lines: Vec::new() }
    }

    /// Offers MAIL and RCPT lines; one answer for each, in order. A fault answers them all.
    pub async fn offer(&mut self, offer: &Offer, from: &Client) -> Vec<Reply> {
        if let Some(mail) = &offer.mail {
            self.mail.clone_from(&mail.verbatim);
            self.xforward.clone_from(&offer.xforward);
            if self.xforward.is_empty() && self.hop.capabilities().is_some_and(|c| !c.xforward.is_empty()) {
                self.xforward = attributes_of(from);
            }
            self.reset().await;
        }
        match self.try_offer(offer).await {
            Ok(replies) => replies,
            Err(fault) => {
                self.connection = None;
                let lines = usize::from(offer.mail.is_some()) + offer.recipients.len();
                vec![fault.reply(); lines]
            }
        }
    }

    async fn try_offer(&mut self, offer: &Offer) -> Result<Vec<Reply>, OnwardFault> {
        if offer.mail.is_none() && self.connection.is_none() {
            return Err(OnwardFault::Lost);
        }
        // An idle connection may have died without a sign; a fresh one is tried once (decision D3).
        match self.offer_once(offer).await {
            Err(OnwardFault::Lost) if offer.mail.is_some() => {
                self.connection = Some(self.fresh().await?);
                self.offer_once(offer).await
            }
            other => other,
        }
    }

    async fn offer_once(&mut self, offer: &Offer) -> Result<Vec<Reply>, OnwardFault> {
        if self.connection.is_none() {
            let connection = self.hop.take().await?;
            self.check(&connection)?;
            self.connection = Some(connection);
        }
        let recipients: Vec<&Recipient> = offer.recipients.iter().collect();
        if offer.mail.is_some() { self.mail_line(&recipients).await } else { self.recipient_lines(&recipients).await }
    }

    /// Sends XFORWARD, MAIL and RCPT lines in one write where the next hop pipelines (RFC 2920).
    async fn mail_line(&mut self, recipients: &[&Recipient]) -> Result<Vec<Reply>, OnwardFault> {
        let patience = self.hop.patience();
        let connection = self.connection.as_mut().ok_or(OnwardFault::Lost)?;
        let pipelining = connection.capabilities.pipelining;
        let lines = &mut self.lines;
        lines.clear();
        let forwarded = client::write_xforward(lines, &self.xforward, &connection.capabilities)
            .map_err(|_| OnwardFault::Gibberish)?;
        client::write_mail(lines, &self.mail).map_err(|_| OnwardFault::Gibberish)?;
        if pipelining {
            for recipient in recipients {
                client::write_rcpt(lines, &recipient.verbatim).map_err(|_| OnwardFault::Gibberish)?;
            }
        }
        connection.write(lines).await?;
        if forwarded {
            // Only logs at the next hop depend on it: a refusal changes nothing for the mail.
            connection.reply(patience).await?;
        }
        let mut replies = vec![connection.reply(patience).await?];
        if pipelining {
            for _ in recipients {
                replies.push(connection.reply(patience).await?);
            }
            return Ok(replies);
        }
        replies.extend(self.recipient_lines(recipients).await?);
        Ok(replies)
    }

    async fn recipient_lines(&mut self, recipients: &[&Recipient]) -> Result<Vec<Reply>, OnwardFault> {
        let patience = self.hop.patience();
        let connection = self.connection.as_mut().ok_or(OnwardFault::Lost)?;
        let pipelining = connection.capabilities.pipelining;
        let lines = &mut self.lines;
        let mut replies = Vec::new();
        lines.clear();
        let mut waiting = 0;
        for recipient in recipients {
            client::write_rcpt(lines, &recipient.verbatim).map_err(|_| OnwardFault::Gibberish)?;
            waiting += 1;
            if !pipelining {
                replies.push(connection.ask(lines, patience).await?);
                lines.clear();
                waiting = 0;
            }
        }
        if waiting > 0 {
            connection.write(lines).await?;
            for _ in 0..waiting {
                replies.push(connection.reply(patience).await?);
            }
        }
        Ok(replies)
    }

    /// Ends the open transaction, if any, and gives the connection back.
    pub async fn reset(&mut self) {
        if let Some(mut connection) = self.connection.take()
            && let Ok(answer) = connection.ask(b"RSET\r\n", RESET_PATIENCE).await
            && answer.code == 250
        {
            self.hop.give_back(connection);
        }
    }

    async fn fresh(&self) -> Result<Connection, OnwardFault> {
        let connection = self.hop.connect().await?;
        self.check(&connection)?;
        Ok(connection)
    }

    fn check(&self, connection: &Connection) -> Result<(), OnwardFault> {
        if connection.capabilities.covers(&self.promised) { Ok(()) } else { Err(OnwardFault::Changed) }
    }

    /// MAIL and these RCPT lines again, on the present connection; every answer must be positive as before.
    async fn envelope_again(&mut self, mail: &Mail, copies: &[usize]) -> Result<(), OnwardFault> {
        let recipients: Vec<&Recipient> = copies.iter().filter_map(|c| mail.envelope.recipients.get(*c)).collect();
        let replies = match self.mail_line(&recipients).await {
            Ok(replies) => replies,
            Err(fault) => {
                // Replies may still come: they must not be taken for those of a later command.
                self.connection = None;
                return Err(fault);
            }
        };
        if replies.iter().all(Reply::is_positive) { Ok(()) } else { Err(OnwardFault::AnswersChanged) }
    }

    /// DATA, up to its 354; any other reply is the answer (RFC 5321 §4.1.1.4).
    async fn data(&mut self) -> Result<Result<(), Reply>, OnwardFault> {
        let patience = self.hop.patience();
        let connection = self.connection.as_mut().ok_or(OnwardFault::Lost)?;
        let answer = connection.ask(b"DATA\r\n", patience).await?;
        if answer.code == 354 {
            return Ok(Ok(()));
        }
        // A 2xx or another 3xx here is nonsense that must not pass for an acceptance.
        if answer.is_positive() { Err(OnwardFault::Gibberish) } else { Ok(Err(answer)) }
    }

    async fn content(&mut self, content: &Content) -> Result<Reply, OnwardFault> {
        let patience = self.hop.patience();
        let connection = self.connection.as_mut().ok_or(OnwardFault::Lost)?;
        let (body, end) = client::stuffed(content);
        let sent = connection.write_both(&body, end).await;
        // A next hop may refuse early and close: its reply, if there is one, tells more than our broken write.
        let answer = connection.reply(patience).await;
        if sent.is_err() {
            self.connection = None; // it stands in the middle of a message
        }
        match answer {
            // A 3xx here is nonsense that must not pass for an acceptance.
            Ok(answer) if answer.code >= 400 || (answer.code < 300 && sent.is_ok()) => Ok(answer),
            _ => Err(OnwardFault::MaybeDuplicate),
        }
    }
}

/// What we see of the client ourselves, in Postfix's words, for a next hop that asks (decision D3).
fn attributes_of(client: &Client) -> Vec<(String, String)> {
    let mut all = vec![("PROTO".to_owned(), "ESMTP".to_owned())];
    if let Some(address) = client.address {
        let prefix = if address.is_ipv6() { "IPV6:" } else { "" };
        all.push(("ADDR".to_owned(), format!("{prefix}{address}")));
    }
    if !client.helo.is_empty() && client.helo.bytes().all(|b| b.is_ascii_graphic() && b != b'+' && b != b'=') {
        all.push(("HELO".to_owned(), client.helo.clone()));
    }
    all
}

impl Onward for Relay {
    async fn choose(&mut self, mail: &Mail, copies: &[usize]) -> Result<(), OnwardFault> {
        if copies.len() == mail.envelope.recipients.len() && self.connection.is_some() {
            return Ok(()); // the transaction stands as offered
        }
        // SMTP cannot take a recipient back (decision D2): begin again with those that go.
        let patience = self.hop.patience();
        if let Some(connection) = self.connection.as_mut()
            && connection.ask(b"RSET\r\n", patience).await.is_err()
        {
            self.connection = None;
        }
        if self.connection.is_none() {
            self.connection = Some(self.fresh().await?);
        }
        self.envelope_again(mail, copies).await
    }

    async fn deliver(&mut self, mail: &Mail, copies: &[usize], content: &Content) -> Result<Reply, OnwardFault> {
        // Decision D4: the next hop has so long in all, not for each of its replies.
        let patience = self.hop.patience();
        match timeout(patience, self.hand_over(mail, copies, content)).await {
            Ok(outcome) => outcome,
            Err(_) => {
                self.connection = None;
                Err(OnwardFault::MaybeDuplicate)
            }
        }
    }

    async fn abandon(&mut self) {
        self.reset().await;
    }
}

impl Relay {
    async fn hand_over(&mut self, mail: &Mail, copies: &[usize], content: &Content) -> Result<Reply, OnwardFault> {
        let mut answer = self.data().await;
        if matches!(answer, Err(OnwardFault::Lost)) {
            // Lost between RCPT and DATA: the envelope is replayed once (decision D3).
            self.connection = Some(self.fresh().await?);
            self.envelope_again(mail, copies).await?;
            answer = self.data().await;
        }
        let outcome = match answer {
            Ok(Ok(())) => self.content(content).await,
            Ok(Err(refused)) => {
                self.reset().await;
                return Ok(refused);
            }
            Err(fault) => Err(fault),
        };
        match (self.connection.take(), &outcome) {
            // The final reply ends the transaction (RFC 5321 §4.1.1.4): no RSET is owed. 421 closes.
            (Some(connection), Ok(answer)) if answer.code != 421 => self.hop.give_back(connection),
            _ => {}
        }
        outcome
    }
}
