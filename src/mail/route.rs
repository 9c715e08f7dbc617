// SPDX-License-Identifier: EUPL-1.2
//! Routes in local parts (decision D30): `"me@webmail"@own`, `me%webmail@own`, `webmail!me@own`. A server that is final
//! for the domain may read such a local part as an address and deliver elsewhere than where we judged.

use std::fmt;
use std::sync::Arc;

use super::reply::{self, Row};
use super::{ForwardPath, Mailbox};

/// Signs of a route, and the forms of them that Unicode calls compatible.
const SIGNS: [char; 9] = ['@', '%', '!', '\u{ff20}', '\u{fe6b}', '\u{ff05}', '\u{fe6a}', '\u{ff01}', '\u{fe57}'];

/// The domains for which the next server may be final: those of the administration and of its partners, as the lists in
/// force say.
#[derive(Clone)]
pub struct FinalDomains(Arc<dyn Fn(&Mailbox) -> bool + Send + Sync>);

impl FinalDomains {
    pub fn new(holds: impl Fn(&Mailbox) -> bool + Send + Sync + 'static) -> FinalDomains {
        FinalDomains(Arc::new(holds))
    }

    /// The refusal of a recipient whose local part is a route, at a domain that the next server may be final for:
    /// those of the house and of partners, addresses of machines, and `servers`, the names that servers near us give
    /// themselves. Elsewhere the local part is the host's affair (RFC 5321 §2.3.11).
    pub fn refusal(&self, path: &ForwardPath, servers: &[&str]) -> Option<Row> {
        let mailbox = path.mailbox().filter(|mailbox| mailbox.local().contains(SIGNS))?;
        let domain = mailbox.domain();
        let (first, rest) = domain.as_str().split_once('.').unwrap_or((domain.as_str(), ""));
        let is_final = domain.is_literal()
            || rest.is_empty()
            || first == "localhost"
            || servers.iter().any(|server| domain.as_str().eq_ignore_ascii_case(server.trim_end_matches('.')))
            || (self.0)(mailbox);
        is_final.then_some(reply::ROUTE)
    }
}

/// None.
impl Default for FinalDomains {
    fn default() -> FinalDomains {
        FinalDomains::new(|_| false)
    }
}

impl fmt::Debug for FinalDomains {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FinalDomains(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_is_refused_where_the_next_server_may_be_final() {
        let domains = FinalDomains::new(|mailbox| mailbox.domain().is_within("own.example"));
        let refused = |text: &str| {
            let path = ForwardPath::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            domains.refusal(&path, &["Relay.Other.example."]).is_some()
        };
        let locals = [
            "me%webmail.example",
            "webmail.example!me",
            "own.example!webmail.example!me",
            "\"me@webmail.example\"",
            "\"me%webmail.example\"",
            "\"webmail.example!me\"",
            "\"me\\@webmail.example\"",
            "\"\\m\\e\\@webmail.example\"",
            "\"@relay.example:me@webmail.example\"",
            "\" me@webmail.example\"",
            "\"me@webmail.example.\"",
            "\"me@webmail.example@own.example\"",
            "\"me@[192.0.2.1]\"",
            "me\u{ff20}webmail.example",
            "me\u{ff05}webmail.example",
        ];
        for local in locals {
            for domain in ["own.example", "OWN.example.", "a.own.example", "[192.0.2.1]", "[IPv6:::1]"] {
                assert!(refused(&format!("{local}@{domain}")), "{local}@{domain}");
            }
            for domain in ["localhost", "localhost.any.example", "relay.other.example", "mx"] {
                assert!(refused(&format!("{local}@{domain}")), "{local}@{domain}");
            }
            for domain in ["else.example", "notown.example", "own.example.net"] {
                assert!(!refused(&format!("{local}@{domain}")), "{local}@{domain}");
            }
        }
        for innocent in ["postmaster", "me@own.example", "\"a b\"@own.example", "me+x=y@own.example", "#{}@own.example"]
        {
            assert!(!refused(innocent), "{innocent}");
        }
    }
}
