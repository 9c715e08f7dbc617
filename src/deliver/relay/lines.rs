// SPDX-License-Identifier: EUPL-1.2
//! Sends XFORWARD, MAIL and RCPT in as few writes as the next hop allows (RFC 2920).

use super::Relay;
use crate::deliver::NextHopError;
use crate::deliver::deadline::Deadline;
use crate::mail::{Client, Recipient, Reply};
use crate::smtp::client;

impl Relay {
    /// Sends XFORWARD, MAIL and RCPT lines in one write where the next hop pipelines.
    pub(super) async fn mail_line(
        &mut self,
        recipients: &[&Recipient],
        deadline: Deadline,
    ) -> Result<Vec<Reply>, NextHopError> {
        let one = self.hop.timeout();
        let connection = self.connection.as_mut().ok_or(NextHopError::Lost)?;
        let pipelining = connection.capabilities.pipelining;
        let lines = &mut self.lines;
        lines.clear();
        let forwarded = client::write_xforward(lines, &self.xforward, &connection.capabilities)
            .map_err(|_| NextHopError::Gibberish)?;
        client::write_mail(lines, &self.mail).map_err(|_| NextHopError::Gibberish)?;
        if pipelining {
            for recipient in recipients {
                client::write_rcpt(lines, &recipient.verbatim).map_err(|_| NextHopError::Gibberish)?;
            }
        }
        connection.transactions += 1;
        connection.command(lines, deadline.at_most(one)).await?;
        if forwarded {
            // Only logs at the next hop depend on it: a refusal changes nothing for the mail.
            connection.reply(deadline.at_most(one)).await?;
        }
        let mut replies = vec![to_envelope(connection.reply(deadline.at_most(one)).await?)?];
        if pipelining {
            for _ in recipients {
                replies.push(to_envelope(connection.reply(deadline.at_most(one)).await?)?);
            }
            return Ok(replies);
        }
        replies.extend(self.recipient_lines(recipients, deadline).await?);
        Ok(replies)
    }

    pub(super) async fn recipient_lines(
        &mut self,
        recipients: &[&Recipient],
        deadline: Deadline,
    ) -> Result<Vec<Reply>, NextHopError> {
        let one = self.hop.timeout();
        let connection = self.connection.as_mut().ok_or(NextHopError::Lost)?;
        let pipelining = connection.capabilities.pipelining;
        let lines = &mut self.lines;
        let mut replies = Vec::new();
        lines.clear();
        let mut waiting = 0;
        for recipient in recipients {
            client::write_rcpt(lines, &recipient.verbatim).map_err(|_| NextHopError::Gibberish)?;
            waiting += 1;
            if !pipelining {
                replies.push(to_envelope(connection.ask(lines, deadline.at_most(one)).await?)?);
                lines.clear();
                waiting = 0;
            }
        }
        if waiting > 0 {
            connection.command(lines, deadline.at_most(one)).await?;
            for _ in 0..waiting {
                replies.push(to_envelope(connection.reply(deadline.at_most(one)).await?)?);
            }
        }
        Ok(replies)
    }
}

/// A reply to MAIL or RCPT. A 3xx has no meaning there (RFC 5321 §4.3.2), and the client must not take it for one.
fn to_envelope(reply: Reply) -> Result<Reply, NextHopError> {
    if (300..400).contains(&reply.code) { Err(NextHopError::Gibberish) } else { Ok(reply) }
}

/// What we see of the client ourselves, in Postfix's words, for a next hop that asks (decision D3).
pub(super) fn attributes_of(client: &Client) -> Vec<(String, String)> {
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
