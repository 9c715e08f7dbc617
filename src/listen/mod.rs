// SPDX-License-Identifier: EUPL-1.2
//! How the world reaches us: sockets, TLS, timeouts, limits; the control socket, health and metrics pages, the log.
//!
//! What must not live here: the grammar of a protocol (that is `smtp` and `milter`), decisions about a mail (that is `pipeline`),
//! SQL. A driver moves bytes and events, nothing more.
//!
//! How it fails: a connection fails alone. Each error ends its own connection and is logged; none ends the process.
//!
//! Standards: RFC 5321 §4.5.3 (limits, timeouts), RFC 3207 (STARTTLS), RFC 8314 (TLS at once), RFC 5280
//! (client certificates); Prometheus text format 0.0.4 for `/metrics`.

mod certificate;
pub mod control;
pub mod capacity;
pub mod http;
mod ids;
pub mod log;
pub mod metrics;
pub mod milter;
mod log_outcome;
pub mod settings;
pub mod smtp;
mod unix;
