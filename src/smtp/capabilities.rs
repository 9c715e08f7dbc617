// SPDX-License-Identifier: EUPL-1.2
//! What a server says it can do in its reply to EHLO (RFC 5321 §4.1.1.1).

use crate::mail::Reply;

/// The extensions we know. Default: none, as after HELO.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    pub pipelining: bool,
    /// RFC 1870: `Some(None)` is SIZE without a limit.
    pub size: Option<Option<u64>>,
    pub eight_bit_mime: bool,
    pub smtputf8: bool,
    pub dsn: bool,
    pub enhanced_status_codes: bool,
    pub chunking: bool,
    pub starttls: bool,
    /// Attribute names of XFORWARD, upper case.
    pub xforward: Vec<String>,
    /// Mechanisms of AUTH, upper case.
    pub auth: Vec<String>,
}

impl Capabilities {
    /// Reads the reply to EHLO; its first line is a greeting.
    pub fn from_ehlo(reply: &Reply) -> Capabilities {
        let mut all = Capabilities::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let Some(keyword) = words.next() else { continue };
            match keyword.to_ascii_uppercase().as_str() {
                "PIPELINING" => all.pipelining = true,
                // RFC 1870 §4: zero says that there is no fixed limit.
                "SIZE" => all.size = Some(words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0)),
                "8BITMIME" => all.eight_bit_mime = true,
                "SMTPUTF8" => all.smtputf8 = true,
                "DSN" => all.dsn = true,
                "ENHANCEDSTATUSCODES" => all.enhanced_status_codes = true,
                "CHUNKING" => all.chunking = true,
                "STARTTLS" => all.starttls = true,
                "XFORWARD" => all.xforward = words.map(str::to_ascii_uppercase).collect(),
                "AUTH" => all.auth = words.map(str::to_ascii_uppercase).collect(),
                _ => {}
            }
        }
        all
    }

    /// Whether a server with these capabilities keeps what was promised in its name (decision D3).
    /// PIPELINING, enhanced codes and STARTTLS are between us and each side and do not count.
    pub fn covers(&self, promised: &Capabilities) -> bool {
        let size = match (promised.size, self.size) {
            (Some(Some(promised)), Some(Some(now))) => now >= promised,
            (Some(None), Some(Some(_))) => false,
            _ => true,
        };
        size && (self.eight_bit_mime || !promised.eight_bit_mime)
            && (self.smtputf8 || !promised.smtputf8)
            && (self.dsn || !promised.dsn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ehlo(lines: &[&str]) -> Capabilities {
        let lines = std::iter::once("mx").chain(lines.iter().copied()).map(str::to_owned).collect();
        Capabilities::from_ehlo(&Reply { code: 250, lines })
    }

    #[test]
    fn reads_what_is_offered_and_compares_it() {
        let full = ehlo(&["PIPELINING", "size 1000", "8bitmime", "DSN", "XFORWARD name ADDR", "X-NEW a"]);
        assert!(full.pipelining && full.eight_bit_mime && full.dsn && !full.smtputf8);
        assert_eq!(full.size, Some(Some(1000)));
        assert_eq!(full.xforward, ["NAME", "ADDR"]);
        assert!(full.covers(&full));
        assert!(!ehlo(&["SIZE 999", "8BITMIME", "DSN"]).covers(&full));
        assert!(!ehlo(&["SIZE 1000", "DSN"]).covers(&full));
        assert!(ehlo(&["SIZE 0", "8BITMIME", "DSN"]).covers(&full), "no limit covers every limit");
    }
}
