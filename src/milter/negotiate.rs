// SPDX-License-Identifier: EUPL-1.2
//! What MTA and milter agree on at the beginning: version, actions, skipped steps, wanted macros.

use super::{ProtocolError, packet};

/// The version we speak, and the oldest that has what we need.
const NEWEST: u32 = 6;
const OLDEST: u32 = 2;

/// What a filter may do at the end of a message (`SMFIF_…`).
pub mod action {
    pub const ADD_HEADER: u32 = 0x01;
    pub const CHANGE_BODY: u32 = 0x02;
    pub const DELETE_RECIPIENT: u32 = 0x08;
    pub const CHANGE_HEADER: u32 = 0x10;
    /// Which macros are sent is the filter's choice (version 6).
    pub const SET_MACROS: u32 = 0x100;
}

/// Steps left out, and commands not answered (`SMFIP_…`).
pub mod step {
    pub const NO_UNKNOWN: u32 = 0x100;
    pub const NO_DATA: u32 = 0x200;
    pub const NO_REPLY_HEADER: u32 = 0x80;
    pub const NO_REPLY_CONNECT: u32 = 0x1000;
    pub const NO_REPLY_HELO: u32 = 0x2000;
    pub const NO_REPLY_MAIL: u32 = 0x4000;
    pub const NO_REPLY_DATA: u32 = 0x1_0000;
    pub const NO_REPLY_UNKNOWN: u32 = 0x2_0000;
    pub const NO_REPLY_END_OF_HEADER: u32 = 0x4_0000;
    pub const NO_REPLY_BODY: u32 = 0x8_0000;
    /// Header values come with the space after the colon, so that every octet is known (decision D9).
    pub const LEADING_SPACE: u32 = 0x10_0000;
}

/// What must be granted, and how a log says it.
const NEEDED: [(u32, &str); 4] = [
    (action::DELETE_RECIPIENT, "delete recipients (SMFIF_DELRCPT)"),
    (action::CHANGE_BODY, "change the body (SMFIF_CHGBODY)"),
    (action::CHANGE_HEADER, "change headers (SMFIF_CHGHDRS)"),
    (action::ADD_HEADER, "add headers (SMFIF_ADDHDRS)"),
];

/// Macros by stage (`SMFIM_…`): what the sender's identity (decision D18) and the log line (D24) are made of.
const MACROS: [(u32, &str); 5] = [
    (0, "j v {client_addr}"),
    (1, "{tls_version} {verify} {cert_subject}"),
    (2, "i {auth_authen} {tls_version} {verify} {cert_subject} {client_addr} {mail_addr}"),
    (3, "i {rcpt_addr}"),
    (5, "i"),
];

/// The agreement of one connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agreement {
    pub version: u32,
    actions: u32,
    steps: u32,
}

impl Agreement {
    /// Whether this step was asked for: left out, not answered, or written otherwise.
    pub fn has(&self, step: u32) -> bool {
        self.steps & step != 0
    }

    /// Appends our answer to the MTA's offer.
    pub fn write(&self, out: &mut Vec<u8>) {
        packet::write(out, b'O', |data| {
            for number in [self.version, self.actions, self.steps] {
                data.extend_from_slice(&number.to_be_bytes());
            }
            if self.actions & action::SET_MACROS != 0 {
                for (stage, names) in MACROS {
                    data.extend_from_slice(&stage.to_be_bytes());
                    data.extend_from_slice(names.as_bytes());
                    data.push(0);
                }
            }
        });
    }
}

/// Agrees to what an MTA offers. `answers_sender`: whether we may refuse a sender before the content. Each recipient is
/// answered: one with a route in its local part is refused (decision D30), and the rest of the mail goes on.
///
/// # Errors
/// The version is too old, or an action we cannot do without is not granted.
pub fn agree(version: u32, actions: u32, steps: u32, answers_sender: bool) -> Result<Agreement, ProtocolError> {
    if version < OLDEST {
        return Err(ProtocolError::Version(version));
    }
    if let Some((_, what)) = NEEDED.iter().find(|(needed, _)| actions & needed == 0) {
        return Err(ProtocolError::NotGranted(what));
    }
    // Neither says anything about the mail.
    let mut wanted = step::NO_UNKNOWN | step::NO_DATA | step::LEADING_SPACE;
    // What is never refused needs no answer: a mail costs one turn instead of one for each of its headers.
    wanted |= step::NO_REPLY_CONNECT
        | step::NO_REPLY_HELO
        | step::NO_REPLY_HEADER
        | step::NO_REPLY_END_OF_HEADER
        | step::NO_REPLY_BODY
        | step::NO_REPLY_DATA
        | step::NO_REPLY_UNKNOWN;
    if !answers_sender {
        wanted |= step::NO_REPLY_MAIL;
    }
    let needed = NEEDED.iter().fold(0, |all, (one, _)| all | one);
    Ok(Agreement {
        version: version.min(NEWEST),
        actions: needed | (actions & action::SET_MACROS),
        steps: steps & wanted,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_gets_what_it_offers_and_no_more() {
        // What Sendmail and Postfix offer by version: actions, steps.
        for (version, actions, steps, expected) in [
            (2, 0x3f, 0x7f, (2, 0x1b, 0)),
            (3, 0x3f, 0x1ff, (3, 0x1b, 0x180)),
            (4, 0x3f, 0x3ff, (4, 0x1b, 0x380)),
            (6, 0x1ff, 0x1f_ffff, (6, 0x11b, 0x1f_3380)),
            (9, 0x1ff, 0xffff_ffff, (6, 0x11b, 0x1f_3380)),
        ] {
            let agreed = agree(version, actions, steps, true).unwrap();
            assert_eq!((agreed.version, agreed.actions, agreed.steps), expected, "version {version}");
        }
        assert_eq!(agree(6, 0x1ff, 0x1f_ffff, false).unwrap().steps, 0x1f_7380);
    }

    #[test]
    fn an_mta_that_grants_too_little_is_refused_by_name() {
        assert_eq!(agree(1, 0x3f, 0x7f, true), Err(ProtocolError::Version(1)));
        for (without, what) in [(0x08, "SMFIF_DELRCPT"), (0x02, "SMFIF_CHGBODY"), (0x10, "SMFIF_CHGHDRS")] {
            let fault = agree(6, 0x1ff & !without, 0x1f_ffff, true).unwrap_err();
            assert!(fault.to_string().contains(what), "{fault}");
        }
    }

    #[test]
    fn the_answer_names_the_macros_only_where_that_is_granted() {
        let answer = |actions| {
            let mut out = Vec::new();
            agree(6, actions, 0, true).unwrap().write(&mut out);
            out
        };
        assert_eq!(answer(0x3f).len(), 4 + 13);
        let full = answer(0x1ff);
        let text = String::from_utf8_lossy(&full);
        assert!(text.contains("i {auth_authen}") && text.ends_with("\0\0\0\x05i\0"), "{text:?}");
    }
}
