// SPDX-License-Identifier: EUPL-1.2
//! Sends XFORWARD, MAIL and RCPT in as few writes as the next hop allows (RFC 2920).

use super::Relay;
use crate::deliver::NextHopError;
use crate::mail::{Client, Recipient, Reply};
use crate::smtp::client;

impl Relay {
    /// Sends XFORWARD, MAIL and RCPT lines in one write where the next hop pipelines.
    pub(super) async fn mail_line(&mut self, recipients: &[&Recipient]) -> Result<Vec<Reply>, NextHopError> {
        let time_limit = self.hop.timeout();
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
        connection.write(lines).await?;
        if forwarded {
            // Only logs at the next hop depend on it: a refusal changes nothing for the mail.
            connection.reply(time_limit).await?;
        }
        let mut replies = vec![connection.reply(time_limit).await?];
        if pipelining {
            for _ in recipients {
                replies.push(connection.reply(time_limit).await?);
            }
            return Ok(replies);
        }
        replies.extend(self.recipient_lines(recipients).await?);
        Ok(replies)
    }

    pub(super) async fn recipient_lines(&mut self, recipients: &[&Recipient]) -> Result<Vec<Reply>, NextHopError> {
        let time_limit = self.hop.timeout();
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
                replies.push(connection.ask(lines, time_limit).await?);
                lines.clear();
                waiting = 0;
            }
        }
        if waiting > 0 {
            connection.write(lines).await?;
            for _ in 0..waiting {
                replies.push(connection.reply(time_limit).await?);
            }
        }
        Ok(replies)
    }
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
