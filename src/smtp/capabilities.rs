// SPDX-License-Identifier: EUPL-1.2
//! What one side of a session can do, according to its answer to EHLO.

use std::collections::BTreeSet;

use crate::mail::Reply;

/// The service extensions of one server (RFC 5321 §4.1.1.1). Keywords we have no use for are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// The name the server gave itself, in lower case; empty where it gave none.
    pub name: Box<str>,
    pub pipelining: bool,
    /// `None`: no SIZE. `Some(None)`: SIZE without a limit. `Some(Some(n))`: at most `n` octets (RFC 1870 §3).
    pub size: Option<Option<u64>>,
    pub eight_bit_mime: bool,
    pub smtputf8: bool,
    pub dsn: bool,
    pub enhanced_status_codes: bool,
    pub chunking: bool,
    pub starttls: bool,
    /// REQUIRETLS (RFC 8689); believed only under a verified TLS.
    pub requiretls: bool,
    /// What LIMITS says; `None` where it is not offered (RFC 9422).
    pub limits: Option<AdvertisedLimits>,
    /// The profile after MT-PRIORITY, which may be empty; `None` where it is not offered (RFC 6710).
    pub mt_priority: Option<Box<str>>,
    /// The attributes XFORWARD takes, in upper case; empty where it is not offered.
    pub xforward: BTreeSet<String>,
    /// The attributes XCLIENT takes, in upper case; empty where it is not offered.
    pub xclient: BTreeSet<String>,
    /// The mechanisms after AUTH, in upper case, divided by one space; empty where it is not offered.
    pub auth: String,
}

/// Limits that a server declares; zero is none (RFC 9422 §4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AdvertisedLimits {
    /// MAIL commands of one session.
    pub mail_max: Option<usize>,
    /// Recipients of one transaction.
    pub rcpt_max: Option<usize>,
    /// Domains among the recipients of one transaction.
    pub rcpt_domain_max: Option<usize>,
}

impl AdvertisedLimits {
    /// Words that are none, or are not known, mean nothing (RFC 9422 §3).
    fn read<'a>(words: impl Iterator<Item = &'a str>) -> AdvertisedLimits {
        let mut limits = AdvertisedLimits::default();
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            let value = value.parse().ok().filter(|value| *value > 0);
            match name.to_ascii_uppercase().as_str() {
                "MAILMAX" => limits.mail_max = value,
                "RCPTMAX" => limits.rcpt_max = value,
                "RCPTDOMAINMAX" => limits.rcpt_domain_max = value,
                _ => {}
            }
        }
        limits
    }
}

impl Capabilities {
    /// Reads the answer to EHLO; its first line is the server's name. An answer to HELO gives no capability.
    pub fn from_ehlo(reply: &Reply) -> Capabilities {
        let name = reply.lines.first().and_then(|line| line.split_ascii_whitespace().next()).unwrap_or_default();
        let mut found = Capabilities { name: name.to_ascii_lowercase().into(), ..Capabilities::default() };
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let keyword = words.next().unwrap_or("").to_ascii_uppercase();
            match keyword.as_str() {
                "PIPELINING" => found.pipelining = true,
                // RFC 1870 §4: no number, or zero, means no fixed limit.
                "SIZE" => found.size = Some(words.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0)),
                "8BITMIME" => found.eight_bit_mime = true,
                "SMTPUTF8" => found.smtputf8 = true,
                "DSN" => found.dsn = true,
                "ENHANCEDSTATUSCODES" => found.enhanced_status_codes = true,
                "CHUNKING" => found.chunking = true,
                "STARTTLS" => found.starttls = true,
                "REQUIRETLS" => found.requiretls = true,
                "LIMITS" => found.limits = Some(AdvertisedLimits::read(words)),
                "MT-PRIORITY" => found.mt_priority = Some(words.next().unwrap_or("").into()),
                "XCLIENT" => found.xclient.extend(words.map(str::to_ascii_uppercase)),
                "XFORWARD" => found.xforward.extend(words.map(str::to_ascii_uppercase)),
                "AUTH" => found.auth = words.map(str::to_ascii_uppercase).collect::<Vec<_>>().join(" "),
                _ => {}
            }
        }
        found
    }

    /// Whether a server with these capabilities keeps what `promised` said to our client (decision D3).
    ///
    /// STARTTLS, XFORWARD and XCLIENT are between neighbours and no promise to anyone further away; CHUNKING is ours,
    /// whatever the next hop can. 8BITMIME, SMTPUTF8 and REQUIRETLS are asked for by the mail that needs them (D5).
    pub fn covers(&self, promised: &Capabilities) -> bool {
        let kept = |promise: bool, have: bool| have || !promise;
        let size = match (promised.size, self.size) {
            (None, _) | (Some(_), Some(None)) => true,
            (Some(Some(promise)), Some(Some(have))) => have >= promise,
            (Some(None), Some(Some(_))) | (Some(_), None) => false,
        };
        size && kept(promised.pipelining, self.pipelining)
            && kept(promised.dsn, self.dsn)
            && kept(promised.enhanced_status_codes, self.enhanced_status_codes)
            && kept(promised.mt_priority.is_some(), self.mt_priority.is_some())
            && promised.auth.split(' ').all(|m| m.is_empty() || self.auth.split(' ').any(|have| have == m))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ehlo(lines: &[&str]) -> Capabilities {
        let lines = std::iter::once("hop.example").chain(lines.iter().copied());
        Capabilities::from_ehlo(&Reply { code: 250, lines: lines.map(str::to_owned).collect() })
    }

    #[test]
    fn keywords_are_read_in_any_case() {
        let all = ehlo(&["Pipelining", "SIZE 1000", "8bitmime", "AUTH plain Login", "XFORWARD NAME addr", "X-NEW"]);
        assert!(all.pipelining && all.eight_bit_mime && !all.dsn);
        assert_eq!(all.size, Some(Some(1000)));
        assert_eq!(all.auth, "PLAIN LOGIN");
        assert!(all.xforward.contains("ADDR"));
        assert_eq!(ehlo(&["SIZE"]).size, Some(None));
        assert_eq!(ehlo(&["SIZE 0"]).size, Some(None));
        let limits = ehlo(&["limits RCPTMAX=20 MAILMAX=0 NEWMAX=7 RCPTDOMAINMAX=x odd"]).limits;
        assert_eq!(limits, Some(AdvertisedLimits { rcpt_max: Some(20), ..AdvertisedLimits::default() }));
        assert_eq!(ehlo(&["MT-PRIORITY mixer"]).mt_priority.as_deref(), Some("mixer"));
    }

    #[test]
    fn fewer_than_promised_does_not_cover() {
        let promised = ehlo(&["PIPELINING", "SIZE 1000", "AUTH PLAIN"]);
        assert!(promised.covers(&promised));
        assert!(ehlo(&["PIPELINING", "SIZE", "AUTH LOGIN PLAIN", "DSN"]).covers(&promised));
        for fewer in [
            &["SIZE 1000", "AUTH PLAIN"][..],
            &["PIPELINING", "SIZE 999", "AUTH PLAIN"],
            &["PIPELINING", "AUTH PLAIN"],
            &["PIPELINING", "SIZE 1000", "AUTH XPLAIN"],
        ] {
            assert!(!ehlo(fewer).covers(&promised), "{fewer:?}");
        }
        assert!(!ehlo(&["SIZE 5"]).covers(&ehlo(&["SIZE"])));
    }
}
