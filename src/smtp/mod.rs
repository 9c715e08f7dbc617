// SPDX-License-Identifier: EUPL-1.2
//! SMTP as state machines: bytes in, events and replies out. [`server`] faces the client, [`client`] the next hop;
//! [`data`] knows where a message ends, [`command`] parses command lines.
//!
//! What must not live here: sockets, clocks, TLS, any judgement of a mail, any text of a reply (`mail::reply`). A
//! session never waits: it says what it waits for, and the driver in `listen` waits.
//!
//! How it fails: whatever a client sends gets a reply, at worst 421 and [`server::Event::Close`]. What a next hop
//! sends may not be a reply at all: [`client::ReplyError`]. Bytes from the network cause no panic.
//!
//! Standards: RFC 5321, 1870 (SIZE), 2034 (ENHANCEDSTATUSCODES), 2920 (PIPELINING), 3207 (STARTTLS), 3461 (DSN), 3030
//! (CHUNKING), 4954 (AUTH), 6152 (8BITMIME), 6531 (SMTPUTF8), 6710 (MT-PRIORITY), 8689 (REQUIRETLS), 9422 (LIMITS),
//! 2033 (LMTP, towards the next hop), Postfix's XFORWARD_README and XCLIENT_README, HAProxy's proxy-protocol.txt.

mod capabilities;
pub mod command;
pub mod data;
pub mod login;
pub mod proxy;
mod received;
pub mod server;
pub mod client;

pub use capabilities::{AdvertisedLimits, Capabilities};
