// SPDX-License-Identifier: EUPL-1.2
//! What one mail needs from the next hop at delivery time, whatever the next hop offered before (decision D5).

use crate::mail::Parameters;
use crate::mail::reply::{self, Row};
use crate::smtp::Capabilities;

/// Extensions without which this mail would arrive as something else, or not safely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Needs {
    eight_bit_mime: bool,
    smtputf8: bool,
    requiretls: bool,
}

impl Needs {
    pub fn of(mail: &Parameters) -> Needs {
        Needs {
            eight_bit_mime: mail.get("BODY").is_some_and(|body| body.eq_ignore_ascii_case("8BITMIME")),
            smtputf8: mail.get("SMTPUTF8").is_some(),
            requiretls: mail.get("REQUIRETLS").is_some(),
        }
    }

    /// The reply for good, where a next hop with these capabilities cannot have the mail.
    pub fn unmet(&self, offered: &Capabilities) -> Option<Row> {
        if self.smtputf8 && !offered.smtputf8 {
            return Some(reply::UTF8_REFUSED);
        }
        if self.requiretls && !offered.requiretls {
            return Some(reply::REQUIRETLS_REFUSED);
        }
        (self.eight_bit_mime && !offered.eight_bit_mime).then_some(reply::CONVERSION_REFUSED)
    }
}
