// SPDX-License-Identifier: EUPL-1.2
//! What our EHLO offers: what both sides can do, and what only trusted peers see.

use std::io::Write;

use crate::mail::Client;
use crate::smtp::{AdvertisedLimits, Capabilities, login};

use super::{Session, SessionSettings, peers};

/// What this client is offered. `starttls`: whether we can do TLS with it.
pub(super) fn offered(
    settings: &SessionSettings,
    next_hop: &Capabilities,
    client: &Client,
    starttls: bool,
) -> Capabilities {
    let under_tls = client.tls.is_some();
    Capabilities {
        name: settings.hostname.as_str().into(),
        pipelining: next_hop.pipelining,
        size: next_hop.size.map(|limit| Some(limit.map_or(settings.max_size, |l| l.min(settings.max_size)))),
        eight_bit_mime: next_hop.eight_bit_mime,
        smtputf8: next_hop.smtputf8,
        dsn: next_hop.dsn,
        enhanced_status_codes: next_hop.enhanced_status_codes,
        // Whatever the next hop can: what comes in chunks goes on by DATA where it must.
        chunking: true,
        starttls: starttls && !under_tls,
        // RFC 8689 §2: only inside TLS, and only where the next hop will keep the promise.
        requiretls: under_tls && next_hop.requiretls,
        limits: next_hop.limits.map(|theirs| AdvertisedLimits {
            rcpt_max: Some(theirs.rcpt_max.map_or(settings.max_recipients, |max| max.min(settings.max_recipients))),
            // Sessions there are not the client's.
            mail_max: None,
            rcpt_domain_max: theirs.rcpt_domain_max,
        }),
        mt_priority: next_hop.mt_priority.clone(),
        xforward: Default::default(),
        xclient: Default::default(),
        // Decision D7: never in clear.
        auth: if settings.auth && under_tls { login::passing(&next_hop.auth) } else { String::new() },
    }
}

/// Writes the answer to EHLO.
pub(super) fn write(session: &mut Session) {
    let offered = &session.offered;
    let size = offered.size.map(|limit| match limit {
        Some(limit) => format!("SIZE {limit}"),
        None => "SIZE".to_owned(),
    });
    let limits = offered.limits.map(limits);
    let priority = offered.mt_priority.as_ref().map(|profile| format!("MT-PRIORITY {profile}"));
    let auth = (!offered.auth.is_empty()).then(|| format!("AUTH {}", offered.auth));
    let lines = [
        Some(session.settings.hostname.as_str()),
        offered.pipelining.then_some("PIPELINING"),
        size.as_deref(),
        offered.eight_bit_mime.then_some("8BITMIME"),
        offered.smtputf8.then_some("SMTPUTF8"),
        offered.dsn.then_some("DSN"),
        offered.enhanced_status_codes.then_some("ENHANCEDSTATUSCODES"),
        offered.chunking.then_some("CHUNKING"),
        limits.as_deref(),
        priority.as_deref().map(str::trim_end),
        offered.starttls.then_some("STARTTLS"),
        offered.requiretls.then_some("REQUIRETLS"),
        auth.as_deref(),
        session.trust.xforward.then_some(peers::XFORWARD_OFFER),
        session.trust.xclient.then_some(peers::XCLIENT_OFFER),
    ];
    let mut lines = lines.into_iter().flatten().peekable();
    while let Some(line) = lines.next() {
        let separator = if lines.peek().is_some() { '-' } else { ' ' };
        // Writing to a Vec cannot fail.
        let _ = write!(session.output, "250{separator}{line}\r\n");
    }
}

fn limits(limits: AdvertisedLimits) -> String {
    let mut line = "LIMITS".to_owned();
    for (name, value) in [("RCPTMAX", limits.rcpt_max), ("RCPTDOMAINMAX", limits.rcpt_domain_max)] {
        if let Some(value) = value {
            line.push_str(&format!(" {name}={value}"));
        }
    }
    line
}

impl Session {
    /// Octets of a message we take.
    pub(super) fn size_limit(&self) -> u64 {
        self.offered.size.flatten().unwrap_or(self.settings.max_size)
    }

    /// Recipients of one transaction.
    pub(super) fn recipient_limit(&self) -> usize {
        self.offered.limits.and_then(|limits| limits.rcpt_max).unwrap_or(self.settings.max_recipients)
    }
}
