// SPDX-License-Identifier: EUPL-1.2
//! Relays one client's transactions to the next hop: offers them line by line, narrows the recipients, delivers or
//! abandons them.

use std::sync::Arc;
use std::time::Duration;

use super::connection::NextHopConnection;
use super::deadline::Deadline;
use super::next_hop::NextHop;
use super::{NextHopError, Onward};
use crate::mail::{Client, Content, Mail, Recipient, Reply, Tls, reply};
use crate::smtp::Capabilities;
use crate::smtp::server::Offer;
use needs::Needs;

mod content;
mod lines;
mod login;
mod needs;

/// How long an abandoned transaction waits for the reply to RSET.
pub const RESET_PATIENCE: Duration = Duration::from_secs(5);
/// How long the answers to MAIL and RCPT may take together: the client waits five minutes for the first of them (RFC 5321
/// §4.5.3.2.2), and hears it with the last.
const OFFER: Duration = Duration::from_secs(4 * 60);

/// The client's side of the next hop. It holds a connection only while a transaction is open, unless that connection is
/// the client's own.
pub struct Relay {
    hop: Arc<NextHop>,
    /// What our EHLO promised the client; a next hop that offers less is [`NextHopError::Changed`].
    promised: Capabilities,
    connection: Option<NextHopConnection>,
    /// A connection of this client alone, between two lines of AUTH or two transactions.
    own: Option<NextHopConnection>,
    /// Whether our client has authenticated at the next hop.
    logged_in: bool,
    /// Who our client is, in the words of XCLIENT.
    xclient: Vec<(String, String)>,
    /// MAIL of the open transaction, as the client wrote it, and what it demands of the next hop.
    mail: String,
    needs: Needs,
    /// The next hop was seen to have lost something that a mail of this session needs (decision D5).
    has_lost: bool,
    /// The present message holds a bare CR or LF: only BDAT may carry it.
    bare_newline: bool,
    xforward: Vec<(String, String)>,
    /// Lines gathered for one write.
    lines: Vec<u8>,
    left_over: Vec<(usize, Reply)>,
    tls: Option<Tls>,
    /// What hands us the mail keeps what is put off.
    behind_a_queue: bool,
}

impl Relay {
    /// `promised`: what the session offered to its client on behalf of the next hop.
    pub fn new(hop: Arc<NextHop>, promised: Capabilities) -> Relay {
        Relay {
            hop,
            promised,
            connection: None,
            own: None,
            logged_in: false,
            xclient: Vec::new(),
            mail: String::new(),
            needs: Needs::default(),
            has_lost: false,
            bare_newline: false,
            xforward: Vec::new(),
            lines: Vec::new(),
            left_over: Vec::new(),
            tls: None,
            behind_a_queue: false,
        }
    }

    /// Says whether what hands us the present message has a queue (decision D22).
    pub fn comes_from_a_queue(&mut self, queue: bool) {
        self.behind_a_queue = queue;
    }

    /// Says of the message about to be delivered whether a CR or LF stands alone in it.
    pub fn holds_bare_newline(&mut self, bare_newline: bool) {
        self.bare_newline = bare_newline;
    }

    /// Offers MAIL and RCPT lines; one answer for each, in order. A fault answers them all.
    pub async fn offer(&mut self, offer: &Offer, from: &Client) -> Vec<Reply> {
        if let Some(mail) = &offer.mail {
            self.reset(Deadline::after(RESET_PATIENCE)).await;
            self.be(&offer.xclient);
            self.mail.clone_from(&mail.verbatim);
            self.needs = Needs::of(&mail.parameters);
            self.xforward.clone_from(&offer.xforward);
            if self.xforward.is_empty() && self.hop.capabilities().is_some_and(|c| !c.xforward.is_empty()) {
                self.xforward = lines::attributes_of(from);
            }
        }
        let deadline = Deadline::after(OFFER);
        match self.try_offer(offer, deadline).await {
            Ok(replies) => {
                replies.iter().for_each(|reply| self.hop.heard(reply));
                // Without a transaction nobody needs the connection.
                if offer.mail.is_some() && replies.first().is_some_and(|reply| !reply.is_positive()) {
                    self.reset(Deadline::after(RESET_PATIENCE)).await;
                }
                replies
            }
            Err(fault) => {
                self.hop.broke(fault, deadline);
                self.connection = None;
                let lines = usize::from(offer.mail.is_some()) + offer.recipients.len();
                vec![fault.reply(); lines]
            }
        }
    }

    async fn try_offer(&mut self, offer: &Offer, deadline: Deadline) -> Result<Vec<Reply>, NextHopError> {
        if offer.mail.is_none() && self.connection.is_none() {
            return Err(NextHopError::Lost);
        }
        // An idle connection may have died without a sign; a fresh one is tried once (decision D3).
        match self.offer_once(offer, deadline).await {
            Err(NextHopError::Lost) if offer.mail.is_some() => {
                self.connection = Some(self.fresh(deadline).await?);
                self.offer_once(offer, deadline).await
            }
            other => other,
        }
    }

    async fn offer_once(&mut self, offer: &Offer, deadline: Deadline) -> Result<Vec<Reply>, NextHopError> {
        if self.connection.is_none() {
            let connection = self.take(deadline).await?;
            self.check(&connection)?;
            self.connection = Some(connection);
        }
        if offer.mail.is_some()
            && let Some(refusal) = self.refusal(deadline).await?
        {
            return Ok(vec![refusal; 1 + offer.recipients.len()]);
        }
        let recipients: Vec<&Recipient> = offer.recipients.iter().collect();
        if offer.mail.is_some() {
            self.mail_line(&recipients, deadline).await
        } else {
            self.recipient_lines(&recipients, deadline).await
        }
    }

    /// Decision D5: what this mail needs and the next hop has lost is looked for once more, answered by 4xx the first
    /// time, and then by 5xx. Never a silent downgrade.
    async fn refusal(&mut self, deadline: Deadline) -> Result<Option<Reply>, NextHopError> {
        let unmet = |relay: &Relay| relay.connection.as_ref().and_then(|c| relay.needs.unmet(&c.capabilities));
        if unmet(self).is_none() {
            return Ok(None);
        }
        if !self.logged_in {
            self.connection = Some(self.fresh(deadline).await?);
        }
        let Some(row) = unmet(self) else { return Ok(None) };
        self.reset(deadline).await;
        let is_known = std::mem::replace(&mut self.has_lost, true);
        Ok(Some(if is_known { row.reply() } else { reply::NEXT_HOP_OFFERS_LESS.reply() }))
    }

    /// Ends the open transaction, if any, and puts the connection where it belongs.
    pub async fn reset(&mut self, deadline: Deadline) {
        if let Some(mut connection) = self.connection.take()
            && let Ok(answer) = connection.ask(b"RSET\r\n", deadline.at_most(RESET_PATIENCE)).await
            && answer.code == 250
        {
            self.put_back(connection);
        }
    }

    fn check(&self, connection: &NextHopConnection) -> Result<(), NextHopError> {
        if connection.capabilities.covers(&self.promised) { Ok(()) } else { Err(NextHopError::Changed) }
    }

    /// MAIL and these RCPT lines again, on the present connection; every answer must be positive as before.
    async fn envelope_again(&mut self, mail: &Mail, copies: &[usize], deadline: Deadline) -> Result<(), NextHopError> {
        let recipients: Vec<&Recipient> = copies.iter().filter_map(|c| mail.envelope.recipients.get(*c)).collect();
        if self.connection.as_ref().is_some_and(|c| self.needs.unmet(&c.capabilities).is_some()) {
            return Err(NextHopError::Changed);
        }
        let replies = match self.mail_line(&recipients, deadline).await {
            Ok(replies) => replies,
            Err(fault) => {
                // Replies may still come: they must not be taken for those of a later command.
                self.connection = None;
                return Err(fault);
            }
        };
        if replies.iter().all(Reply::is_positive) { Ok(()) } else { Err(NextHopError::AnswersChanged) }
    }

    /// See [`Onward::choose`].
    async fn chosen(&mut self, mail: &Mail, copies: &[usize], deadline: Deadline) -> Result<(), NextHopError> {
        if self.bare_newline && self.connection.as_ref().is_some_and(|c| !c.capabilities.chunking) {
            return Err(NextHopError::BareNewline);
        }
        if copies.len() == mail.envelope.recipients.len() && self.connection.is_some() {
            return Ok(()); // the transaction stands as offered
        }
        // SMTP cannot take a recipient back (decision D2): begin again with those that go.
        let is_reset = match &mut self.connection {
            Some(connection) => connection
                .ask(b"RSET\r\n", deadline.at_most(RESET_PATIENCE))
                .await
                .is_ok_and(|answer| answer.code == 250),
            None => false,
        };
        if !is_reset {
            self.connection = Some(self.fresh(deadline).await?);
        }
        self.envelope_again(mail, copies, deadline).await
    }
}

impl Onward for Relay {
    async fn choose(&mut self, mail: &Mail, copies: &[usize], deadline: Deadline) -> Result<(), NextHopError> {
        let chosen = self.chosen(mail, copies, deadline).await;
        if let Err(error) = chosen {
            self.hop.broke(error, deadline);
            // What has begun there is not gone on with.
            self.reset(deadline).await;
        }
        chosen
    }

    async fn deliver(
        &mut self,
        mail: &Mail,
        copies: &[usize],
        content: &Content,
        deadline: Deadline,
    ) -> Result<Reply, NextHopError> {
        let outcome = self.hand_over(mail, copies, content, deadline).await;
        match &outcome {
            Ok(answer) => self.hop.heard(answer),
            Err(error) => self.hop.broke(*error, deadline),
        }
        outcome
    }

    async fn abandon(&mut self, deadline: Deadline) {
        self.reset(deadline).await;
    }

    fn time_limit(&self) -> Duration {
        self.hop.timeout()
    }

    fn left_over(&mut self) -> Vec<(usize, Reply)> {
        std::mem::take(&mut self.left_over)
    }

    fn stands_behind_a_queue(&self) -> bool {
        self.behind_a_queue
    }

    fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}
