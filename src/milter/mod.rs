// SPDX-License-Identifier: EUPL-1.2
//! The milter protocol as a state machine: what the MTA sends becomes a mail, and what was decided about it becomes
//! the packets that tell the MTA. [`session`] is one connection, [`negotiate`] what both sides agree on.
//!
//! What must not live here: sockets, clocks, any judgement of a mail, any use of the MTA's own hold queue
//! (`SMFIR_QUARANTINE`): a held copy is in our quarantine or nowhere.
//!
//! How it fails: an MTA that breaks the protocol, or does not grant what we need, is a [`ProtocolError`] and the end of its
//! connection, after which it defers by `milter_default_action`. Nothing here panics on bytes from the network, and
//! no packet is stored before its length is known to be bearable.
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
