// SPDX-License-Identifier: EUPL-1.2
//! Whom a word of an entry means: a domain, what is below a domain, or a mailbox.

use std::fmt;

use crate::mail::{Domain, Identity, Mailbox};

/// `domain`, `*.domain` (what is below it, not itself) or `local@domain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pattern {
    Domain(Domain),
    Below(Domain),
    /// As written, and whose it is.
    Mailbox(Mailbox, Identity),
}

impl Pattern {
    pub fn parse(text: &str) -> Option<Pattern> {
        if text.contains('@') {
            let mailbox = Mailbox::parse(text).ok()?;
            let identity = mailbox.identity();
            return Some(Pattern::Mailbox(mailbox, identity));
        }
        match text.strip_prefix("*.") {
            Some(below) => host(below).map(Pattern::Below),
            None => host(text).map(Pattern::Domain),
        }
    }

    pub fn covers(&self, mailbox: &Mailbox) -> bool {
        match self {
            Pattern::Mailbox(_, identity) => mailbox.identity() == *identity,
            _ => self.covers_host(mailbox.domain()),
        }
    }

    pub fn covers_host(&self, host: &Domain) -> bool {
        match self {
            Pattern::Domain(domain) => host == domain,
            Pattern::Below(domain) => host != domain && host.is_within(domain.as_str()),
            Pattern::Mailbox(..) => false,
        }
    }

    /// The domain it is about.
    pub fn domain(&self) -> &Domain {
        match self {
            Pattern::Domain(domain) | Pattern::Below(domain) => domain,
            Pattern::Mailbox(mailbox, _) => mailbox.domain(),
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Domain(domain) => domain.fmt(f),
            Pattern::Below(domain) => write!(f, "*.{domain}"),
            Pattern::Mailbox(mailbox, _) => mailbox.fmt(f),
        }
    }
}

/// A name that a host can have: two labels or more, of which none begins or ends with a hyphen and the last is no number
/// (RFC 1123 §2.1).
pub fn host(text: &str) -> Option<Domain> {
    let domain = Domain::parse(text).ok().filter(|domain| !domain.is_literal())?;
    let labels: Vec<&str> = domain.as_str().split('.').collect();
    let sound = |label: &&str| !label.starts_with('-') && !label.ends_with('-') && !label.contains('_');
    let last = labels.last().is_some_and(|top| !top.bytes().all(|b| b.is_ascii_digit()));
    (labels.len() > 1 && last && labels.iter().all(sound)).then_some(domain)
}
