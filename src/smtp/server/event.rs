// SPDX-License-Identifier: EUPL-1.2
//! What a session is built from, and the events that come out of it.

use std::time::Duration;

use bytes::Bytes;

use crate::mail::{Client, Domain, Envelope, FinalDomains, Parameters, Recipient, ReversePath};
use crate::smtp::data::BareNewline;
use crate::smtp::login::Secret;

/// What all sessions of one listener share.
#[derive(Debug, Clone)]
pub struct SessionSettings {
    /// Our name in the greeting and in the answer to EHLO.
    pub hostname: String,
    /// Octets of one message, at most; the next hop's limit counts too where it is lower.
    pub max_size: u64,
    /// Recipients of one transaction, at most; RFC 5321 §4.5.3.1.8 wants 100 or more.
    pub max_recipients: usize,
    /// Commands refused by us, at most, before 421.
    pub max_errors: u32,
    pub bare_newline: BareNewline,
    /// Where a local part must hold no route (decision D30).
    pub final_domains: FinalDomains,
    /// Whether STARTTLS must come before anything else (RFC 3207 §4).
    pub require_tls: bool,
    /// Whether AUTH is passed to the next hop (decision D7).
    pub auth: bool,
    /// Completes a login without a domain (decision D18).
    pub login_domain: Option<Domain>,
    /// How long to wait for a command (RFC 5321 §4.5.3.2.7).
    pub command_timeout: Duration,
    /// How long to wait for a block of content (RFC 5321 §4.5.3.2.5).
    pub data_timeout: Duration,
}

/// What the listener knows of a client before it has said a word.
#[derive(Debug, Clone, Default)]
pub struct Peer {
    /// Its address, and its TLS where that began with the connection.
    pub client: Client,
    /// Whether we can do TLS with it.
    pub starttls: bool,
    pub trust: Trust,
    /// Whether its network may send (decision D6); else it needs a certificate or a login.
    pub admitted: bool,
}

/// Whose word about somebody else is believed (decision D6).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Trust {
    /// It may say who the client is: the session is that client's then.
    pub xclient: bool,
    /// It may say whom it speaks for, for logs.
    pub xforward: bool,
    /// The topmost Received field of its mail says who has logged in there (decision D18).
    pub received: bool,
}

/// What the driver has to do. Events keep the order of the commands they come from.
#[derive(Debug)]
pub enum Event {
    /// Lines for the next hop; answer with [`super::Session::answer_offer`].
    Offer(Offer),
    /// A complete message; answer with [`super::Session::answer_mail`].
    Mail(Box<Finished>),
    /// The transaction the next hop knows of is over without a message: RSET there. The client has its reply already.
    Reset,
    /// A line of an AUTH exchange for the next hop, on a connection of this client's own; answer with
    /// [`super::Session::answer_login`].
    Login(Secret),
    /// Write the output, begin TLS, then call [`super::Session::tls_started`].
    StartTls,
    /// Write the output and close the connection. The last event; a transaction that is still open at the next
    /// hop ends with it.
    Close,
}

/// A pipelined batch, in order: MAIL where it is new, then RCPT lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    pub mail: Option<MailCommand>,
    pub recipients: Vec<Recipient>,
    /// The attributes of XFORWARD for this transaction: name in upper case, value as xtext.
    pub xforward: Vec<(String, String)>,
    /// The attributes of XCLIENT, likewise.
    pub xclient: Vec<(String, String)>,
}

/// The MAIL command of an offer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailCommand {
    pub path: ReversePath,
    pub parameters: Parameters,
    /// All that followed `MAIL FROM:`.
    pub verbatim: String,
}

/// A message with its envelope, which holds only recipients that the next hop accepted.
#[derive(Clone)]
pub struct Finished {
    pub envelope: Envelope,
    pub content: Bytes,
    pub client: Client,
    pub xforward: Vec<(String, String)>,
    /// A CR or LF stands alone in the content: only BDAT may carry it on (decision D5).
    pub bare_newline: bool,
}

// Content is shy: only its size is shown.
impl std::fmt::Debug for Finished {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Finished")
            .field("envelope", &self.envelope)
            .field("content", &format_args!("{} bytes", self.content.len()))
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
