// SPDX-License-Identifier: EUPL-1.2
//! The envelope, the mail, and the client who hands it over.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;

use super::{ForwardPath, MailId, ReversePath};

/// One ESMTP parameter of MAIL or RCPT (RFC 5321 §4.1.1.11). The keyword is upper case, the value as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub keyword: String,
    pub value: Option<String>,
}

/// The parameters of one command, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters(pub Vec<Parameter>);

impl Parameters {
    /// The value of a keyword (given in upper case); a keyword without value gives the empty text.
    pub fn get(&self, keyword: &str) -> Option<&str> {
        self.0.iter().find(|p| p.keyword == keyword).map(|p| p.value.as_deref().unwrap_or(""))
    }
}

/// One recipient of the envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    pub path: ForwardPath,
    pub parameters: Parameters,
    /// All that followed `RCPT TO:`, exactly as the client wrote it, for the next hop.
    pub verbatim: String,
}

/// What the client said before the content: reverse-path and recipients (RFC 5321 §2.3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    pub reverse_path: ReversePath,
    pub parameters: Parameters,
    /// All that followed `MAIL FROM:`, exactly as the client wrote it, for the next hop.
    pub verbatim: String,
    pub recipients: Vec<Recipient>,
}

/// Who hands us the mail, as far as the session learned it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    pub address: Option<IpAddr>,
    /// The name given in HELO or EHLO, unverified.
    pub helo: String,
    /// The login of AUTH or XCLIENT, only once it is proven (decision D18).
    pub login: Option<String>,
    /// Whom the client's certificate names, verified against the operator's authorities (decisions D6 and D18).
    pub certificate: Option<String>,
    /// The queue id of the MTA before us (XFORWARD IDENT, `{i}`), for the log line (decision D24).
    pub queue_id: Option<String>,
    /// How this connection is protected; `None` in clear.
    pub tls: Option<Tls>,
}

/// What was negotiated for one connection, for log and journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// As RFC 8314 §4.3 and Postfix write it: `TLSv1.3`.
    pub version: Cow<'static, str>,
    /// The suite's name in the IANA registry: `TLS13_AES_256_GCM_SHA384`; of a connection to the MTA before us, its word.
    pub cipher: Cow<'static, str>,
    /// The other side's certificate was verified.
    pub verified: bool,
}

/// As one word of a log line.
impl fmt::Display for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.version, self.cipher, if self.verified { "verified" } else { "unverified" })
    }
}

/// The message itself: header and body, lines ended by CRLF, dots unstuffed, without the final dot.
#[derive(Clone, PartialEq, Eq)]
pub struct Content(pub Bytes);

impl std::ops::Deref for Content {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

// Content is shy: logs and panics show its size and nothing else.
impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Content({} bytes)", self.0.len())
    }
}

/// Envelope plus content, with what we know of its arrival.
#[derive(Debug, Clone)]
pub struct Mail {
    pub id: MailId,
    pub received: jiff::Timestamp,
    pub client: Client,
    pub envelope: Envelope,
    pub content: Content,
}
