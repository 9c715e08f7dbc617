// SPDX-License-Identifier: EUPL-1.2
//! The milter protocol as a state machine: the MTA's packets become a mail, and the decision about it becomes packets
//! for the MTA. [`session`] is one connection, [`negotiate`] is what both sides agree on.
//!
//! What must not live here: sockets, clocks, any judgement of a mail, any use of the MTA's own hold queue
//! (`SMFIR_QUARANTINE`): octroi holds copies in its own quarantine.
//!
//! How it fails: an MTA that breaks the protocol, or does not allow what octroi needs, gets a [`ProtocolError`]. Its
//! connection ends, and it defers the mail by `milter_default_action`. Bytes from the network cause no panic, and
//! octroi stores no packet before it has checked its length.
//!
//! Standards: Sendmail's milter protocol, versions 2 to 6 (`mfdef.h` of libmilter; Postfix MILTER_README).

mod command;
mod edit;
mod macros;
pub mod negotiate;
mod packet;
mod response;
pub mod session;

pub use session::{Ending, Event, Finished, Session, SessionSettings};

/// Why a connection with an MTA is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    #[error("the MTA sent a packet without a command")]
    Empty,
    #[error("the MTA announced a packet of {0} bytes, which is too large")]
    TooLarge(u32),
    #[error("the MTA sent the unknown command {}", Shown(*.0))]
    Unknown(u8),
    #[error("the MTA sent the command {} out of turn", Shown(*.0))]
    WrongOrder(u8),
    #[error("the MTA sent the command {} with data that cannot be read", Shown(*.0))]
    Malformed(u8),
    #[error("the MTA speaks milter version {0}; octroi needs version 2 or later")]
    Version(u32),
    #[error(
        "the MTA does not allow this milter to {0}; octroi needs this to hold one copy of a mail while the others leave: \
         allow it, or use the SMTP listener"
    )]
    NotGranted(&'static str),
}

/// A command's letter as a log can show it.
struct Shown(u8);

impl std::fmt::Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_ascii_graphic() { write!(f, "'{}'", char::from(self.0)) } else { write!(f, "{:#04x}", self.0) }
    }
}
