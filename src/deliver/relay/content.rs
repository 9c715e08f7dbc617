// SPDX-License-Identifier: EUPL-1.2
//! Sends the message: by BDAT if the next hop offers it, else by DATA. Reads the replies; LMTP gives one for each
//! recipient.

use super::Relay;
use crate::deliver::NextHopError;
use crate::deliver::deadline::Deadline;
use crate::mail::{Content, Mail, Reply};
use crate::smtp::client;

const RSET: &[u8] = b"RSET\r\n";

/// How the content is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum By {
    Data,
    /// RFC 3030: no round trip before the content, no dots doubled, and an end that nobody can misread.
    Chunk,
}

impl Relay {
    pub(super) async fn hand_over(
        &mut self,
        mail: &Mail,
        copies: &[usize],
        content: &Content,
        deadline: Deadline,
    ) -> Result<Reply, NextHopError> {
        self.left_over.clear();
        let mut began = self.begin(deadline).await;
        if matches!(began, Err(NextHopError::Lost)) {
            // Lost between RCPT and DATA: the envelope is replayed once (decision D3).
            self.connection = Some(self.fresh(deadline).await?);
            self.envelope_again(mail, copies, deadline).await?;
            began = self.begin(deadline).await;
        }
        let by = match began {
            Ok(Ok(by)) => by,
            Ok(Err(refused)) => {
                self.reset(deadline).await;
                return Ok(refused);
            }
            Err(fault) => {
                self.connection = None;
                return Err(fault);
            }
        };
        self.tls = self.connection.as_ref().and_then(|connection| connection.tls.clone());
        if by == By::Data && !content.is_empty() && !content.ends_with(b"\r\n") {
            tracing::info!(id = %mail.id, "the message did not end with CR LF, as DATA requires; octroi added it");
        }
        let answers = if self.hop.is_lmtp() { copies.len() } else { 1 };
        let replies = self.content(content, by, answers, deadline).await;
        let outcome = replies.map(|replies| self.settle(replies, copies));
        match &outcome {
            // 421 closes.
            Ok(answer) if answer.code == 421 => self.connection = None,
            // The final reply ends the transaction (RFC 5321 §4.1.1.4): no RSET is owed.
            Ok(_) => {
                if let Some(connection) = self.connection.take() {
                    self.put_back(connection);
                }
            }
            Err(_) => self.connection = None,
        }
        outcome
    }

    /// Up to where the content may be sent; the inner error is the next hop's refusal (RFC 5321 §4.1.1.4).
    async fn begin(&mut self, deadline: Deadline) -> Result<Result<By, Reply>, NextHopError> {
        let connection = self.connection.as_mut().ok_or(NextHopError::Lost)?;
        if connection.capabilities.chunking {
            // Without a reply to wait for, a next hop that left since RCPT would be noticed too late to begin again.
            return connection.settled().map(|()| Ok(By::Chunk));
        }
        if self.bare_newline {
            return Err(NextHopError::BareNewline); // decision D5
        }
        let answer = connection.ask(b"DATA\r\n", deadline).await?;
        if answer.code == 354 {
            // A word about a content that it has not seen is no answer to it.
            return match connection.settled() {
                Err(NextHopError::Gibberish) => Err(NextHopError::Gibberish),
                _ => Ok(Ok(By::Data)),
            };
        }
        // A 2xx or another 3xx here is nonsense that must not pass for an acceptance.
        if answer.is_positive() { Err(NextHopError::Gibberish) } else { Ok(Err(answer)) }
    }

    /// Sends it and reads so many answers.
    async fn content(
        &mut self,
        content: &Content,
        by: By,
        answers: usize,
        deadline: Deadline,
    ) -> Result<Vec<Reply>, NextHopError> {
        let connection = self.connection.as_mut().ok_or(NextHopError::Lost)?;
        let pipelining = connection.capabilities.pipelining;
        let sent = match by {
            By::Data => {
                let (body, end) = client::stuffed(content);
                connection.write_content(&body, end, deadline).await
            }
            By::Chunk => {
                let head = format!("BDAT {} LAST\r\n", content.len());
                match connection.write_both(head.as_bytes(), content, deadline).await {
                    Ok(()) if pipelining => connection.write(RSET, deadline).await,
                    sent => sent,
                }
            }
        };
        let mut replies = Vec::with_capacity(answers);
        for _ in 0..answers {
            // A next hop may refuse early and close: its reply, if there is one, tells more than our broken write.
            match connection.reply(deadline).await {
                // A 3xx here is nonsense that must not pass for an acceptance.
                Ok(answer) if answer.code >= 400 || (answer.code < 300 && sent.is_ok()) => replies.push(answer),
                _ => return Err(NextHopError::MaybeDuplicate),
            }
            if sent.is_err() {
                break; // one word about a message of which it has only a part
            }
        }
        if sent.is_err() {
            self.connection = None; // it stands in the middle of a message
        } else if by == By::Chunk {
            self.reset_behind_chunk(&replies, pipelining, deadline).await?;
        }
        Ok(replies)
    }

    /// The answer to RSET behind a chunk. No 354 has shown that the replies are ours, one for each command: a next hop that
    /// has said a word too much before answers here with what it made of the content. And after a chunk that failed the
    /// transaction is in no known state (RFC 3030 §2).
    async fn reset_behind_chunk(
        &mut self,
        replies: &[Reply],
        is_said: bool,
        deadline: Deadline,
    ) -> Result<(), NextHopError> {
        let Some(mut connection) = self.connection.take() else { return Ok(()) };
        if replies.iter().any(|reply| reply.code == 421) {
            return Ok(()); // it closes
        }
        let answer = match is_said {
            true => connection.reply(deadline).await,
            false => connection.ask(RSET, deadline).await,
        };
        match answer {
            Ok(answer) if answer.code == 250 => self.connection = Some(connection),
            // It has answered for the message, and leaves. Who is silent until the end has perhaps not answered for it.
            Err(NextHopError::Lost) if !deadline.is_past() => {}
            Ok(answer) if answer.code == 421 => {}
            _ => return Err(NextHopError::MaybeDuplicate),
        }
        Ok(())
    }

    /// One answer for all (decision D2): 2xx where anybody has it, and those who have not are left over.
    fn settle(&mut self, replies: Vec<Reply>, copies: &[usize]) -> Reply {
        let taken = replies.iter().find(|reply| reply.is_positive()).cloned();
        if let Some(taken) = taken {
            let refused = copies.iter().copied().zip(replies).filter(|(_, reply)| !reply.is_positive());
            self.left_over.extend(refused);
            return taken;
        }
        // Trying again helps some of them: the weaker word counts.
        let mut replies = replies.into_iter();
        let first = replies.next();
        let put_off = first.iter().all(Reply::is_permanent).then(|| replies.find(Reply::is_transient)).flatten();
        // `content` gives at least one answer: nobody delivers to no copies.
        put_off.or(first).unwrap_or_else(|| NextHopError::Lost.reply())
    }
}
