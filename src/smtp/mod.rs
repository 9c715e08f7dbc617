// SPDX-License-Identifier: EUPL-1.2
//! RFC 5321 as state machines: bytes in, events out.
//!
//! What must not live here: sockets, clocks, verdicts. A driver in `listen` or `deliver` moves the bytes.
//!
//! How it fails: a client's mistake becomes a reply from the table in `mail::reply`; a next hop's nonsense is a
//! [`client::BadReply`]. No input panics, and all buffers are bounded.
//!
//! Standards: RFC 5321, 1870 (SIZE), 2034 (enhanced codes), 2920 (PIPELINING), 3207 (STARTTLS), 3461 (DSN),
//! 6152 (8BITMIME); XFORWARD as Postfix documents it.

mod capabilities;
pub mod client;
pub mod command;
pub mod data;
pub mod server;

pub use capabilities::Capabilities;
