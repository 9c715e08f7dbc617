// SPDX-License-Identifier: EUPL-1.2
//! Delivery: sends judged mail on, and sends reports and notices about it.
//!
//! What must not live here: decisions (`policy`), and anything durable (`store`).
//!
//! How it fails: a next hop that is down, lost or changed is a [`NextHopError`], and the pipeline answers 4xx. No
//! error is hidden here.
//!
//! Standards: RFC 5321 §4.5.3.2 (time limits towards the next hop), RFC 2920 (pipelining), RFC 3207 (STARTTLS), RFC
//! 2033 (LMTP), RFC 3030 (BDAT).

use std::future::Future;
use std::time::Duration;

use crate::mail::{Content, Mail, Reply, Tls, reply};
use deadline::Deadline;

pub mod connection;
pub mod deadline;
pub mod faults;
pub mod hand_back;
pub mod mx;
pub mod next_hop;
pub mod outbox;
pub mod relay;
pub mod settings;
pub mod stream;

/// The one difference between the listeners: how a judged mail goes on. The SMTP listener sends it to the next hop, the milter
/// listener hands it back to the MTA it came from.
///
/// Called in the order `choose`, then `deliver`; or `abandon`. Each is over by its deadline (decision D31).
pub trait Onward: Send + 'static {
    /// Narrows the transaction to these recipients (indices into the envelope). Nothing is kept before this
    /// succeeded (decision D2).
    fn choose(
        &mut self,
        mail: &Mail,
        copies: &[usize],
        deadline: Deadline,
    ) -> impl Future<Output = Result<(), NextHopError>> + Send;

    /// Hands over the content for the recipients chosen; the answer is the next hop's own to the final dot.
    fn deliver(
        &mut self,
        mail: &Mail,
        copies: &[usize],
        content: &Content,
        deadline: Deadline,
    ) -> impl Future<Output = Result<Reply, NextHopError>> + Send;

    /// Ends the transaction without content.
    fn abandon(&mut self, deadline: Deadline) -> impl Future<Output = ()> + Send;

    /// How long `choose` and `deliver` may take together (decision D4).
    fn time_limit(&self) -> Duration {
        Duration::MAX
    }

    /// Copies (indices into the envelope) that were not taken by the last `deliver` although its answer was positive,
    /// each with its own reply: only LMTP tells (RFC 2033 §4.2, decision D2).
    fn left_over(&mut self) -> Vec<(usize, Reply)> {
        Vec::new()
    }

    /// Whether an MTA stands before us, whose queue keeps what is put off for days (decision D22); else mail programs.
    fn stands_behind_a_queue(&self) -> bool {
        false
    }

    /// How the way of the last `deliver` was protected.
    fn tls(&self) -> Option<&Tls> {
        None
    }
}

/// Why a mail could not go on. Always the next hop's doing, and answered with a 4xx unless trying again is useless.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NextHopError {
    #[error("the next hop cannot be reached")]
    Away,
    #[error("every connection to the next hop is in use ([smtp.pool] size)")]
    Crowded,
    /// STARTTLS is not offered where it is needed, is refused, or the handshake fails: never a silent downgrade.
    #[error("TLS with the next hop cannot begin")]
    Tls,
    #[error("the next hop offers fewer extensions than octroi has offered to the client")]
    Changed,
    #[error("the next hop answered differently for a recipient the second time")]
    AnswersChanged,
    #[error("the connection to the next hop broke before it had the message")]
    Lost,
    /// The message was on its way: it may have arrived (decision D3).
    #[error("the connection to the next hop broke while it received the message")]
    MaybeDuplicate,
    #[error("the next hop sent something that is not an SMTP reply")]
    Gibberish,
    /// The connection on which our client had authenticated, which nobody can open again but the client.
    #[error("the connection to the next hop broke, and with it the login of the client")]
    LoginLost,
    #[error("the next hop has the same name as octroi: mail would loop; give them different names ([smtp] hostname)")]
    Loop,
    #[error("the message contains a bare CR or LF, and the next hop does not offer CHUNKING (BDAT)")]
    BareNewline,
}

impl NextHopError {
    /// The reply to the client.
    pub fn reply(self) -> Reply {
        match self {
            NextHopError::Away => reply::NEXT_HOP_AWAY.reply(),
            NextHopError::Crowded => reply::NEXT_HOP_CROWDED.reply(),
            NextHopError::Tls => reply::NEXT_HOP_TLS.reply(),
            NextHopError::Changed => reply::NEXT_HOP_CHANGED.reply(),
            NextHopError::AnswersChanged => reply::NEXT_HOP_ANSWERS_CHANGED.reply(),
            NextHopError::LoginLost => reply::LOGIN_LOST.reply(),
            NextHopError::Loop => reply::LOOP.reply(),
            NextHopError::BareNewline => reply::BARE_NEWLINE.reply(),
            NextHopError::Lost | NextHopError::MaybeDuplicate | NextHopError::Gibberish => reply::NEXT_HOP_LOST.reply(),
        }
    }
}
