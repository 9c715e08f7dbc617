// SPDX-License-Identifier: EUPL-1.2
//! How mail providers let one mailbox be written in several ways: facts about the world, each with source and date.
//!
//! What stands in no row is as RFC 5233 §1 describes and as the large servers do by default: `+` begins a tag
//! (Exchange Online since May 2022, so any domain may; Outlook.com and Hotmail; Postfix, Sendmail, Cyrus and Dovecot
//! where told to), and a dot is a letter like any other.

/// What one provider does otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Provider {
    pub domains: &'static [&'static str],
    /// The domain that the same mailboxes have as well.
    pub alias_of: Option<&'static str>,
    /// Characters of the local part that mean nothing.
    pub ignored: &'static [char],
    /// What begins a tag beside `+`.
    pub separator: Option<char>,
    /// `anything@name.domain` is `name@domain`.
    pub subdomains: bool,
}

const PLAIN: Provider = Provider { domains: &[], alias_of: None, ignored: &[], separator: None, subdomains: false };

const PROVIDERS: &[Provider] = &[
    // support.google.com/mail/answer/7436150 (dots) and /10313 (googlemail.com), 2026-11. Domains of Google Workspace are
    // not meant: there a dot counts.
    Provider { domains: &["gmail.com"], ignored: &['.'], ..PLAIN },
    Provider { domains: &["googlemail.com"], alias_of: Some("gmail.com"), ignored: &['.'], ..PLAIN },
    // support.apple.com/118230, 2026-11: who has an address at me.com or mac.com has the same at icloud.com.
    Provider { domains: &["me.com", "mac.com"], alias_of: Some("icloud.com"), ..PLAIN },
    // Proton's own web client compares its addresses without these (WebClients, `removeEmailAlias`), 2026-11. That one
    // name belongs to one person at all of these domains is documented nowhere, so they stay apart.
    Provider {
        domains: &["proton.me", "protonmail.com", "protonmail.ch", "pm.me"],
        ignored: &['.', '-', '_'],
        ..PLAIN
    },
    // fastmail.help, article 360060591053 (subdomain addressing), 2026-11.
    Provider {
        domains: &[
            "fastmail.com",
            "fastmail.fm",
            "fastmail.net",
            "fastmail.org",
            "fastmail.to",
            "fastmail.de",
            "fastmail.es",
            "fastmail.nl",
            "fastmail.se",
            "fastmail.uk",
            "fastmail.us",
            "fastmail.in",
            "fastmail.jp",
            "fastmail.mx",
            "fastmail.co.uk",
            "fastmail.com.au",
        ],
        subdomains: true,
        ..PLAIN
    },
    // Yahoo's disposable addresses are `base-keyword`; help.yahoo.com (AddressGuard) and US 2006/0041621, 2026-11. No
    // account has a hyphen in its name. Not yahoo.co.jp, which is another company.
    Provider {
        domains: &[
            "yahoo.com",
            "yahoo.fr",
            "yahoo.be",
            "yahoo.nl",
            "yahoo.de",
            "yahoo.at",
            "yahoo.ch",
            "yahoo.co.uk",
            "yahoo.ie",
            "yahoo.it",
            "yahoo.es",
            "yahoo.pt",
            "yahoo.dk",
            "yahoo.fi",
            "yahoo.no",
            "yahoo.se",
            "yahoo.pl",
            "yahoo.ro",
            "yahoo.gr",
            "yahoo.cz",
            "yahoo.hu",
            "yahoo.ca",
            "yahoo.in",
            "yahoo.co.in",
            "yahoo.com.br",
            "yahoo.com.ar",
            "yahoo.com.mx",
            "yahoo.com.au",
            "yahoo.com.tr",
            "ymail.com",
            "rocketmail.com",
        ],
        separator: Some('-'),
        ..PLAIN
    },
];

/// What the provider of a domain does; `name` where the address stands at a subdomain that is somebody's name.
pub(super) fn of(domain: &str) -> (&'static Provider, Option<(&str, &'static str)>) {
    for provider in PROVIDERS {
        for known in provider.domains {
            if domain == *known {
                return (provider, None);
            }
            let below = provider.subdomains.then(|| domain.strip_suffix(known)?.strip_suffix('.')).flatten();
            if let Some(name) = below.filter(|name| !name.contains('.')) {
                return (provider, Some((name, known)));
            }
        }
    }
    (&PLAIN, None)
}
