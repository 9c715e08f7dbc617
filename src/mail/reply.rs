// SPDX-License-Identifier: EUPL-1.2
//! Replies, and the one table of all replies that octroi itself composes.
//!
//! Texts never reveal a rule, a list or a host: a refused client learns what to do, not how octroi decides.

use std::fmt;

/// One SMTP reply: code, enhanced status code if it has one, and one or more lines of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub code: u16,
    /// Lines without code and line end; an enhanced status code, if there is one, begins each line.
    pub lines: Vec<String>,
}

impl Reply {
    pub fn is_positive(&self) -> bool {
        (200..400).contains(&self.code)
    }

    pub fn is_transient(&self) -> bool {
        (400..500).contains(&self.code)
    }

    pub fn is_permanent(&self) -> bool {
        (500..600).contains(&self.code)
    }

    /// Appends the reply as it goes over the wire (RFC 5321 §4.2.1: all lines but the last have a hyphen).
    pub fn write(&self, out: &mut Vec<u8>) {
        use std::io::Write;
        let last = self.lines.len().saturating_sub(1);
        for (i, line) in self.lines.iter().enumerate() {
            let separator = if i == last { ' ' } else { '-' };
            // Writing to a Vec cannot fail.
            let _ = write!(out, "{}{separator}{line}\r\n", self.code);
        }
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code, self.lines.join(" / "))
    }
}

/// One row of the table: a reply with a fixed text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    pub code: u16,
    /// RFC 3463 status code; empty where RFC 2034 §4 wants none.
    pub enhanced: &'static str,
    pub text: &'static str,
    /// Where the reply is specified.
    pub section: &'static str,
}

impl Row {
    pub fn reply(&self) -> Reply {
        self.with(self.text)
    }

    /// The row's codes with another text, where the text holds a name or a number.
    pub fn with(&self, text: impl fmt::Display) -> Reply {
        let line = if self.enhanced.is_empty() { text.to_string() } else { format!("{} {text}", self.enhanced) };
        Reply { code: self.code, lines: vec![line] }
    }
}

/// A reply that refuses for now; built only from a 4xx row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deferral(Row);

impl Deferral {
    /// # Panics
    /// At compile time, where a constant is built from a row that is not a 4xx.
    pub const fn from_row(row: Row) -> Deferral {
        assert!(row.code >= 400 && row.code < 500);
        Deferral(row)
    }
    pub fn reply(&self) -> Reply {
        self.0.reply()
    }
}

/// A reply that refuses for good; built only from a 5xx row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal(Row);

impl Refusal {
    /// # Panics
    /// At compile time, where a constant is built from a row that is not a 5xx.
    pub const fn from_row(row: Row) -> Refusal {
        assert!(row.code >= 500 && row.code < 600);
        Refusal(row)
    }
    pub fn reply(&self) -> Reply {
        self.0.reply()
    }
    pub fn row(&self) -> Row {
        self.0
    }
}

/// Whose doing it is that a mail was put off before it was judged, in the journal's word. What is no text of ours is the
/// next hop's.
pub fn cause(reply: &Reply) -> &'static str {
    const OURS: [(Row, &str); 11] = [
        (SENDING_TOO_MUCH, "limit"),
        (TOO_MANY_FOR_NOW, "limit"),
        (SENT_TOO_MUCH, "limit"),
        (NO_MEMORY, "memory"),
        (TIMED_OUT, "late"),
        (OUR_FAULT, "refused"),
        (NOT_SET_UP, "refused"),
        (TOO_MANY_RECIPIENTS, "refused"),
        (SHUTTING_DOWN, "refused"),
        (TOO_MANY_ERRORS, "refused"),
        (DEFERRED_BY_POLICY, "policy"),
    ];
    let line = reply.lines.first().map(String::as_str).unwrap_or_default();
    let says = |row: &Row| {
        let text = line.strip_prefix(row.enhanced).map(str::trim_start);
        reply.code == row.code && text.is_some_and(|text| text.starts_with(row.text))
    };
    OURS.iter().find(|(row, _)| says(row)).map_or("next-hop", |(_, word)| word)
}

const fn row(code: u16, enhanced: &'static str, text: &'static str, section: &'static str) -> Row {
    Row { code, enhanced, text, section }
}

// The table. Sections without a number of their own are of RFC 5321.
pub const GREETING: Row = row(220, "", "ESMTP octroi", "§4.2, §3.1");
pub const CLOSING: Row = row(221, "2.0.0", "bye", "§4.1.1.10");
pub const OK: Row = row(250, "2.0.0", "ok", "§4.2.3");
pub const SENDER_OK: Row = row(250, "2.1.0", "sender ok", "§4.1.1.2");
pub const RECIPIENT_OK: Row = row(250, "2.1.5", "recipient ok", "§4.1.1.3");
pub const ACCEPTED: Row = row(250, "2.0.0", "accepted", "§4.1.1.4");
pub const CANNOT_VERIFY: Row = row(252, "2.0.0", "send the mail and see", "§3.5.3");
pub const HELP: Row = row(214, "2.0.0", "octroi speaks RFC 5321; ask your postmaster", "§4.1.1.8");
pub const START_TLS: Row = row(220, "2.0.0", "ready to start TLS", "RFC 3207 §4");
pub const CHUNK_OK: Row = row(250, "2.0.0", "chunk ok", "RFC 3030 §2");
pub const GO_AHEAD: Row = row(354, "", "go ahead, end with <CRLF>.<CRLF>", "§4.1.1.4");

pub const SHUTTING_DOWN: Row = row(421, "4.3.2", "closing for maintenance, come back", "§3.8");
pub const TOO_MANY_CONNECTIONS: Row = row(421, "4.7.0", "too many connections, come back later", "§3.8");
pub const TIMED_OUT: Row = row(421, "4.4.2", "waited too long", "§4.5.3.2");
pub const NEXT_HOP_AWAY: Row = row(421, "4.4.1", "the next server cannot be reached, come back later", "§4.2.1");
pub const NEXT_HOP_TLS: Row =
    row(421, "4.7.5", "TLS with the next server cannot begin, come back later", "RFC 3463 §3.8");
pub const LOGIN_LOST: Row = row(421, "4.4.2", "lost the next server, connect and authenticate again", "decision D7");
pub const NEXT_HOP_CHANGED: Row = row(421, "4.3.0", "the next server has changed, connect again", "decision D3");
pub const TOO_MANY_ERRORS: Row = row(421, "4.7.0", "too many errors", "§4.2.4");
pub const OUR_FAULT: Row = row(451, "4.3.0", "cannot take this now, send it again", "§4.2.4");
pub const NOT_SET_UP: Row = row(451, "4.3.5", "this server is not set up yet, send it again later", "decision D41");
pub const NEXT_HOP_LOST: Row = row(451, "4.4.2", "lost the next server, send it again", "§4.2.4");
pub const NEXT_HOP_ANSWERS_CHANGED: Row =
    row(451, "4.3.0", "the next server changed its mind, send it again", "decision D2");
pub const NEXT_HOP_OFFERS_LESS: Row =
    row(451, "4.3.0", "the next server offers less than before, send it again", "decision D5");
pub const NEXT_HOP_CROWDED: Row =
    row(451, "4.4.5", "too many mails on their way to the next server, send it again", "decision D3");
pub const AUTH_UNAVAILABLE: Row = row(454, "4.7.0", "cannot authenticate now, try again", "RFC 4954 §6");
pub const CAMPAIGN_WAITS: Row =
    row(451, "4.7.1", "this bulk mail waits for a decision, keep it and send it again", "decision D22");
pub const DEFERRED_BY_POLICY: Row = row(451, "4.7.1", "not now, send it again later", "decision D1");
pub const SENDING_TOO_MUCH: Row = row(450, "4.7.1", "too much mail for now", "§4.2.3");
pub const TOO_MANY_FOR_NOW: Row = row(452, "4.5.3", "too many recipients for now", "§4.5.3.1.10");
pub const SENT_TOO_MUCH: Row = row(451, "4.7.1", "too much mail for now", "§4.2.3");
pub const NO_MEMORY: Row = row(452, "4.3.1", "no room for this message now, send it again later", "§4.2.3");
pub const TOO_MANY_RECIPIENTS: Row =
    row(452, "4.5.3", "too many recipients, send the rest in another transaction", "§4.5.3.1.10");
pub const TLS_UNAVAILABLE: Row = row(454, "4.7.0", "TLS not available now", "RFC 3207 §4");

pub const UNKNOWN_COMMAND: Row = row(500, "5.5.2", "command not recognised", "§4.2.4");
pub const LINE_TOO_LONG: Row = row(500, "5.5.2", "line too long", "§4.5.3.1.4");
pub const BARE_NEWLINE_IN_COMMAND: Row = row(500, "5.5.2", "a command ends with CR LF", "§2.3.8");
pub const SYNTAX: Row = row(501, "5.5.4", "syntax error in parameters", "§4.2.4");
pub const AUTH_LINE_TOO_LONG: Row = row(500, "5.5.6", "authentication exchange line too long", "RFC 4954 §6");
pub const AUTH_UNREADABLE: Row = row(501, "5.5.2", "cannot read who this is", "RFC 4954 §4");
pub const BAD_SENDER: Row = row(501, "5.1.7", "bad sender address syntax", "RFC 3463 §3.2");
pub const BAD_RECIPIENT: Row = row(501, "5.1.3", "bad recipient address syntax", "RFC 3463 §3.2");
pub const NOT_IMPLEMENTED: Row = row(502, "5.5.1", "command not implemented", "§4.2.4");
pub const HELLO_FIRST: Row = row(503, "5.5.1", "say EHLO first", "§4.1.4");
pub const NESTED_MAIL: Row = row(503, "5.5.1", "a transaction is open", "§4.1.4");
pub const MAIL_FIRST: Row = row(503, "5.5.1", "MAIL first", "§4.1.4");
pub const NO_RECIPIENTS: Row = row(503, "5.5.1", "no valid recipients", "§3.3");
pub const TLS_ALREADY: Row = row(503, "5.5.1", "TLS is already on", "RFC 3207 §4.2");
pub const CHUNKS_BEGUN: Row = row(503, "5.5.1", "BDAT has begun", "RFC 3030 §2");
pub const AUTH_ALREADY: Row = row(503, "5.5.1", "already authenticated", "RFC 4954 §4");
pub const AUTH_MECHANISM: Row = row(504, "5.5.4", "authentication mechanism not offered", "RFC 4954 §4");
pub const AUTH_NAMELESS: Row = row(535, "5.7.8", "cannot tell who has logged in", "decision D7");
pub const AUTH_NEEDED: Row = row(530, "5.7.0", "authentication required", "RFC 4954 §6");
pub const AUTH_NEEDS_TLS: Row = row(538, "5.7.11", "STARTTLS before AUTH", "RFC 4954 §6");
pub const NOT_ADMITTED: Row = row(550, "5.7.1", "this server does not send for your host", "decision D6");
pub const TLS_FIRST: Row = row(530, "5.7.0", "STARTTLS first", "RFC 3207 §4");
pub const CLIENT_REFUSED: Row = row(554, "5.7.1", "this server does not serve your host", "§3.1");
pub const SENDER_REFUSED: Row = row(550, "5.7.1", "this server does not send for that domain", "decision D6");
pub const BAD_BODY_TYPE: Row = row(555, "5.5.4", "BODY is 7BIT or 8BITMIME", "decision D5");
pub const UNKNOWN_PARAMETER: Row = row(555, "5.5.4", "parameter not recognised", "§4.1.1.11");
pub const TOO_BIG: Row = row(552, "5.3.4", "message too big", "RFC 1870 §6.1");
pub const BARE_NEWLINE: Row =
    row(550, "5.6.11", "the message holds a bare CR or LF, or a NUL beside a dot", "decision D5");
pub const NON_ASCII_ADDRESS: Row = row(553, "5.6.7", "an address beyond ASCII needs SMTPUTF8", "RFC 6531 §3.5");
pub const ROUTE: Row = row(553, "5.1.3", "no @, % or ! in a local part here", "decision D30");
pub const LOOP: Row = row(554, "5.4.6", "this mail goes round in circles", "§6.3, decision D6");
pub const CAMPAIGN_STOPPED: Row = row(550, "5.7.1", "this bulk mail was stopped by a decision", "decision D22");
pub const REFUSED_BY_POLICY: Row =
    row(550, "5.7.1", "not accepted by the sending administration's rules", "decision D1");
pub const TOO_MANY_AT_ONCE: Row =
    row(550, "5.5.3", "more recipients than one mail may have, send it to fewer at once", "RFC 3463 §3.6");
pub const UTF8_REFUSED: Row =
    row(554, "5.6.7", "the next server does not take internationalised mail", "RFC 6531 §3.5, decision D5");
pub const REQUIRETLS_REFUSED: Row = row(550, "5.7.30", "the next server cannot promise TLS onward", "RFC 8689 §4.2.1");
pub const CONVERSION_REFUSED: Row = row(554, "5.6.3", "the next server does not take 8-bit content", "RFC 6152 §3");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_lines_have_hyphens_but_the_last() {
        let mut out = Vec::new();
        Reply { code: 250, lines: vec!["a".into(), "b".into()] }.write(&mut out);
        assert_eq!(out, b"250-a\r\n250 b\r\n");
    }

    #[test]
    fn a_row_begins_with_its_enhanced_code() {
        assert_eq!(OUR_FAULT.reply().to_string(), "451 4.3.0 cannot take this now, send it again");
        assert_eq!(GO_AHEAD.reply().code, 354);
    }
}
