// SPDX-License-Identifier: EUPL-1.2
//! From octets to command lines.

use std::mem;

use memchr::memchr;
use zeroize::Zeroize;

use crate::mail::reply::{self, Row};
use crate::smtp::command::MAX_LINE;
use crate::smtp::login;

use super::{MAX_ENDLESS, MAX_IDLE, Session, State, verbs};

impl Session {
    /// Reads one command line and does what it asks. False where none is complete, or where the lines before it
    /// have to be offered first.
    pub(super) fn read_line(&mut self) -> bool {
        if self.read == self.input.len() && self.input.capacity() > MAX_IDLE {
            self.input = Vec::new();
            self.read = 0;
        }
        let mut input = mem::take(&mut self.input);
        let begin = self.read;
        let is_secret = matches!(self.state, State::Authenticating(_));
        let has_read = match memchr(b'\n', &input[self.read..]) {
            Some(length) => self.take_line(&input[self.read..self.read + length], input.len()),
            None => {
                self.keep_short(input.len());
                false
            }
        };
        // Decision D7: no octet of a credential stays behind.
        let end = if self.is_closed() { input.len() } else { self.read };
        if is_secret || verbs::is_auth(&input[begin..end]) {
            input[begin..end].zeroize();
            if end == input.len() {
                input.zeroize(); // what lies beyond its length, too
                self.read = 0;
            }
        }
        if !self.is_closed() {
            self.input = input;
        }
        has_read
    }

    /// Octets of a line, its CR LF included.
    fn line_limit(&self) -> usize {
        if matches!(self.state, State::Authenticating(_)) { login::MAX_LINE + 2 } else { MAX_LINE }
    }

    /// A line, without its LF, of an input of `total` octets.
    fn take_line(&mut self, line: &[u8], total: usize) -> bool {
        let next = self.read + line.len() + 1;
        let length = self.endless + line.len() + 1;
        let command = match line.strip_suffix(b"\r") {
            _ if length > self.line_limit() => Err(reply::LINE_TOO_LONG),
            // RFC 5321 §2.3.8: neither CR nor LF stands alone.
            Some(line) if memchr(b'\r', line).is_none() => text(line),
            _ => Err(reply::BARE_NEWLINE_IN_COMMAND),
        };
        let joins = matches!(command, Ok(text) if verbs::joins_batch(text));
        if self.has_batch() && !joins {
            return false;
        }
        self.read = next;
        self.endless = 0;
        match command {
            command if matches!(self.state, State::Authenticating(_)) => self.hear_login(command),
            Ok(text) => verbs::run(self, text, next < total),
            Err(row) => {
                self.verb = verbs::NONE;
                self.refuse(row);
            }
        }
        if length > MAX_ENDLESS {
            self.close();
        }
        true
    }

    /// Bounds a line whose end has not come: once too long, only its length is kept.
    fn keep_short(&mut self, total: usize) {
        let waiting = total - self.read;
        // A batch that has to go first leaves this line for later; the driver stops reading meanwhile.
        if self.endless + waiting <= self.line_limit() || self.has_batch() {
            return;
        }
        self.endless += waiting;
        self.read = total;
        if self.endless > MAX_ENDLESS {
            self.verb = verbs::NONE;
            self.refuse(reply::LINE_TOO_LONG);
            self.close();
        }
    }
}

/// A command as text: no control characters, which would go on to the next hop (RFC 5321 §4.1.2, RFC 6531 §3.3).
fn text(line: &[u8]) -> Result<&str, Row> {
    let text = std::str::from_utf8(line).map_err(|_| reply::SYNTAX)?;
    if text.chars().any(char::is_control) { Err(reply::SYNTAX) } else { Ok(text) }
}
