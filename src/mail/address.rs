// SPDX-License-Identifier: EUPL-1.2
//! Domains, mailboxes and the two paths of RFC 5321.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use serde::{Serialize, Serializer};

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    #[error("the address is empty")]
    Empty,
    #[error("the address has no @")]
    NoAt,
    #[error("the part before the @ is not a local part")]
    LocalPart,
    #[error("the part after the @ is not a domain")]
    Domain,
    /// RFC 5321 §4.5.3.1: 64 octets for a local part, 255 for a domain.
    #[error("the address is too long")]
    TooLong,
}

/// A domain: lower case, internationalised labels as A-labels, no final dot; or an address literal in brackets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Box<str>);

impl Domain {
    /// Reads a domain or an address literal (RFC 5321 §4.1.2, §4.1.3).
    pub fn parse(text: &str) -> Result<Domain, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Domain);
        }
        if text.len() > 255 {
            return Err(AddressError::TooLong);
        }
        if let Some(literal) = text.strip_prefix('[') {
            return Domain::literal(literal.strip_suffix(']').ok_or(AddressError::Domain)?);
        }
        let text = text.strip_suffix('.').unwrap_or(text);
        let plain = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b));
        let ascii = if plain && !text.contains("xn--") {
            text.to_owned()
        } else if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| AddressError::Domain)?
        };
        let sound = ascii.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
        if sound { Ok(Domain(ascii.into_boxed_str())) } else { Err(AddressError::Domain) }
    }

    fn literal(inner: &str) -> Result<Domain, AddressError> {
        let address = match inner.split_once(':') {
            Some((tag, rest)) if tag.eq_ignore_ascii_case("ipv6") => {
                rest.parse::<Ipv6Addr>().map(|a| format!("[IPv6:{a}]")).map_err(|_| AddressError::Domain)?
            }
            _ => inner.parse::<Ipv4Addr>().map(|a| format!("[{a}]")).map_err(|_| AddressError::Domain)?,
        };
        Ok(Domain(address.into_boxed_str()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// An address literal such as `[192.0.2.1]`, which has no labels and no MX.
    pub fn is_literal(&self) -> bool {
        self.0.starts_with('[')
    }

    /// Whether this is `parent` itself or stands below it, compared label by label.
    pub fn is_within(&self, parent: &str) -> bool {
        match self.0.strip_suffix(parent) {
            Some("") => true,
            Some(rest) => rest.ends_with('.'),
            None => false,
        }
    }

    /// The domain as people read it: U-labels instead of A-labels.
    pub fn to_unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A login as the mailbox it stands for: one without a domain is completed by the house's, where that is known
/// (`[smtp] login_domain`).
pub fn complete_login(login: String, domain: Option<&Domain>) -> String {
    match domain {
        Some(domain) if !login.contains('@') => {
            Mailbox::parse(&format!("{login}@{domain}")).map_or(login, |mailbox| mailbox.to_string())
        }
        _ => login,
    }
}

/// `local@domain`. The local part keeps its case and is held without its quotes (RFC 5321 §2.4, §4.1.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mailbox {
    pub(super) local: Box<str>,
    pub(super) domain: Domain,
}

impl Mailbox {
    /// Reads `local@domain`, `"quoted local"@domain` or `local@[literal]`, without angle brackets.
    /// More lenient than the grammar where real mail is: dots may stand anywhere in the local part.
    pub fn parse(text: &str) -> Result<Mailbox, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let (local, domain) = if text.starts_with('"') {
            let (local, rest) = quoted(text).ok_or(AddressError::LocalPart)?;
            (local, rest.strip_prefix('@').ok_or(AddressError::NoAt)?)
        } else {
            let (local, domain) = text.rsplit_once('@').ok_or(AddressError::NoAt)?;
            if local.is_empty() || !local.chars().all(is_atom_char) {
                return Err(AddressError::LocalPart);
            }
            (local.to_owned(), domain)
        };
        // RFC 5321 §4.5.3.1.1 says 64; VERP and SRS senders go beyond it, so we refuse only nonsense.
        if local.len() > 255 {
            return Err(AddressError::TooLong);
        }
        Ok(Mailbox { local: local.into_boxed_str(), domain: Domain::parse(domain)? })
    }

    pub fn local(&self) -> &str {
        &self.local
    }

    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The address as it came, in lower case: under it a mail is kept and found again. Whether two addresses are one
    /// mailbox is for [`Mailbox::identity`] to say.
    pub fn key(&self) -> String {
        format!("{}@{}", self.local.to_lowercase(), self.domain)
    }
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.local.chars().all(is_atom_char) && !self.local.is_empty() {
            write!(f, "{}@{}", self.local, self.domain)
        } else {
            let escaped = self.local.replace('\\', "\\\\").replace('"', "\\\"");
            write!(f, "\"{escaped}\"@{}", self.domain)
        }
    }
}

impl Serialize for Mailbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// RFC 5321 `atext`, dots, and everything beyond ASCII (RFC 6531 §3.3).
fn is_atom_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c) || (!c.is_ascii() && !c.is_control())
}

/// The content of a leading quoted string and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut content = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((content, &text[at + 1..])),
            '\\' => content.push(chars.next().map(|(_, c)| c).filter(|c| !c.is_control())?),
            c if c.is_control() => return None,
            c => content.push(c),
        }
    }
    None
}

/// The sender of the envelope; null for bounces and automatic replies (RFC 5321 §4.5.5).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ReversePath {
    Null,
    Mailbox(Mailbox),
}

impl ReversePath {
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            ReversePath::Null => None,
            ReversePath::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Reads the inside of the angle brackets; empty is the null path.
    pub fn parse(text: &str) -> Result<ReversePath, AddressError> {
        if text.is_empty() { Ok(ReversePath::Null) } else { Mailbox::parse(text).map(ReversePath::Mailbox) }
    }
}

impl fmt::Display for ReversePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReversePath::Null => Ok(()),
            ReversePath::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

/// A recipient of the envelope; `<Postmaster>` needs no domain (RFC 5321 §4.1.1.3).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ForwardPath {
    Postmaster,
    Mailbox(Mailbox),
}

impl ForwardPath {
    pub fn mailbox(&self) -> Option<&Mailbox> {
        match self {
            ForwardPath::Postmaster => None,
            ForwardPath::Mailbox(mailbox) => Some(mailbox),
        }
    }

    /// Reads the inside of the angle brackets.
    pub fn parse(text: &str) -> Result<ForwardPath, AddressError> {
        if text.eq_ignore_ascii_case("postmaster") {
            return Ok(ForwardPath::Postmaster);
        }
        Mailbox::parse(text).map(ForwardPath::Mailbox)
    }
}

impl fmt::Display for ForwardPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ForwardPath::Postmaster => f.write_str("postmaster"),
            ForwardPath::Mailbox(mailbox) => mailbox.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_are_normalised_and_compared_by_label() {
        assert_eq!(Domain::parse("Finances.GOUV.example.").unwrap().as_str(), "finances.gouv.example");
        assert_eq!(Domain::parse("préfecture.example").unwrap().as_str(), "xn--prfecture-c4a.example");
        assert!(Domain::parse("a.orange.fr").unwrap().is_within("orange.fr"));
        assert!(!Domain::parse("notorange.fr").unwrap().is_within("orange.fr"));
        assert_eq!(Domain::parse("[IPv6:::1]").unwrap().as_str(), "[IPv6:::1]");
        for wrong in ["", ".", "a..b", "a b", "[1.2.3]", "a@b", "-\r\n"] {
            assert!(Domain::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_bare_login_is_completed_where_the_domain_is_known() {
        let domain = Domain::parse("own.example").unwrap();
        let complete = |login: &str, domain| complete_login(login.to_owned(), domain);
        assert_eq!(complete("anna", Some(&domain)), "anna@own.example");
        assert_eq!(complete("anna@else.example", Some(&domain)), "anna@else.example");
        assert_eq!(complete("OWN\\anna", Some(&domain)), "OWN\\anna");
        assert_eq!(complete("anna", None), "anna");
    }

    #[test]
    fn mailboxes_keep_case_and_lose_only_quotes() {
        let quoted = Mailbox::parse("\"a \\\"b\"@Example.org").unwrap();
        assert_eq!(quoted.local(), "a \"b");
        assert_eq!(quoted.to_string(), "\"a \\\"b\"@example.org");
        assert_eq!(Mailbox::parse("Jean.Dupont@x.fr").unwrap().to_string(), "Jean.Dupont@x.fr");
        for wrong in ["", "a", "@x.fr", "a b@x.fr", "a@", "a@b@", "\"a@x.fr", "a\r\n@x.fr", "a>@x.fr"] {
            assert!(Mailbox::parse(wrong).is_err(), "{wrong:?}");
        }
    }
}
